//! The files of the configuration as typed. Only shapes and defaults; what they mean is in [`super::validate`].

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;
use url::Url;

use super::log::{Format, Level};
use crate::model::ids::{RouteName, SourceName};
use crate::model::incident::Severity;
use crate::secret::SecretRef;
use crate::settings::{Period, Size};
use crate::{notify, source};

/// `leakwarden.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Main {
    pub(super) instance: Option<Spanned<String>>,
    pub(super) data_dir: Option<String>,
    pub(super) key_file: Option<String>,
    pub(super) time_zone: Option<Spanned<String>>,
    pub(super) templates: Option<Spanned<String>>,
    pub(super) log: Log,
    pub(super) http: Http,
    pub(super) detect: Detect,
    pub(super) daemon: Daemon,
    pub(super) heartbeat: Option<Spanned<Heartbeat>>,
    pub(super) severity: SeverityRules,
    pub(super) route: BTreeMap<RouteName, Spanned<notify::Settings>>,
}

/// `[log]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Log {
    pub(super) level: Option<Level>,
    pub(super) format: Option<Format>,
}

/// `[http]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Http {
    pub(super) contact: Option<Spanned<String>>,
    pub(super) allow: Vec<IpNet>,
    pub(super) pace: Option<Period>,
    pub(super) pace_by_host: BTreeMap<String, Period>,
    pub(super) stall: Option<Spanned<Period>>,
    pub(super) total: Option<Spanned<Period>>,
    pub(super) max_body: Option<Spanned<Size>>,
    pub(super) max_redirects: Option<Spanned<u32>>,
    pub(super) attempts: Option<Spanned<u32>>,
    pub(super) proxy: Option<Spanned<Url>>,
    pub(super) proxy_user: Option<Spanned<String>>,
    pub(super) proxy_password: Option<Spanned<SecretRef>>,
}

/// `[detect]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Detect {
    pub(super) leak: Option<Spanned<f64>>,
    pub(super) possible: Option<Spanned<f64>>,
    pub(super) total_bytes: Option<Size>,
    pub(super) text_bytes: Option<Size>,
    pub(super) depth: Option<Spanned<u32>>,
    pub(super) members: Option<Spanned<u32>>,
    pub(super) time: Option<Spanned<Period>>,
}

/// `[daemon]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Daemon {
    pub(super) batch_items: Option<Spanned<u32>>,
    pub(super) batch_bytes: Option<Spanned<Size>>,
    pub(super) queue: Option<Spanned<u32>>,
    pub(super) fetchers: Option<Spanned<u32>>,
    pub(super) inspectors: Option<Spanned<u32>>,
    pub(super) grace: Option<Period>,
}

/// `[heartbeat]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Heartbeat {
    pub(super) url: Option<Spanned<Url>>,
    pub(super) secret_url: Option<SecretRef>,
    pub(super) every: Option<Spanned<Period>>,
}

/// `[severity]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SeverityRules {
    pub(super) public: Option<Severity>,
    pub(super) internal: Option<Severity>,
    pub(super) confidential: Option<Severity>,
    pub(super) secret: Option<Severity>,
    pub(super) possible_at_most: Option<Severity>,
}

/// `watchlists/sources.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sources {
    pub(super) defaults: SourceDefaults,
    pub(super) source: BTreeMap<SourceName, Source>,
}

/// `[defaults]` of sources.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SourceDefaults {
    pub(super) schedule: Option<Spanned<String>>,
    pub(super) time_zone: Option<Spanned<String>>,
    pub(super) jitter: Option<Period>,
}

/// `[source.NAME]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) schedule: Option<Spanned<String>>,
    pub(super) time_zone: Option<Spanned<String>>,
    pub(super) jitter: Option<Period>,
    pub(super) disabled: Option<Spanned<String>>,
    /// Must be there, but what is wrong beside it is told all the same.
    pub(super) from: Option<source::Kind>,
}
