//! `[http]`: the way out.

use std::path::Path;
use std::time::Duration;

use super::check::Check;
use super::raw;
use crate::http;
use crate::secret::{self, SecretRef};
use crate::settings::{Period, Size};

/// How the client behaves towards the world. The proxy's password stays where it is kept until it is needed.
#[derive(Debug, Clone)]
pub struct Http {
    pub(super) settings: http::Settings,
    pub(super) proxy_login: Option<(String, SecretRef)>,
}

impl Http {
    /// What the client is made from. Reads the proxy's password; a relative file is looked for below `base`.
    pub fn settings(&self, base: &Path) -> Result<http::Settings, secret::Error> {
        let mut settings = self.settings.clone();
        if let Some((user, password)) = &self.proxy_login {
            settings.proxy_auth = Some((user.clone(), password.read(base)?));
        }
        Ok(settings)
    }
}

pub(super) fn http(raw: raw::Http, spool: &Path, check: &mut Check<'_>) -> Http {
    let period = |millis| Period(Duration::from_millis(millis));
    let (second, hour) = (period(1_000), period(3_600_000));
    let stall = check.within("http.stall", raw.stall.as_ref(), period(30_000), second..=hour);
    let day = period(86_400_000);
    let total = check.within("http.total", raw.total.as_ref(), period(600_000), second..=day);
    if let Some(typed) = raw.total.as_ref().or(raw.stall.as_ref())
        && total < stall
    {
        check.tell(&typed.span(), "http.total: it is shorter than `http.stall`");
    }
    let bounds = Size(1 << 10)..=Size(64 << 30);
    let max_body = check.within("http.max_body", raw.max_body.as_ref(), Size(64 << 20), bounds);
    let max_redirects = check.within("http.max_redirects", raw.max_redirects.as_ref(), 5, 0..=20);
    let attempts = check.within("http.attempts", raw.attempts.as_ref(), 3, 1..=10);
    if let Some(contact) = &raw.contact
        && (contact.get_ref().trim().is_empty()
            || contact.get_ref().bytes().any(|b| !(b' '..=b'~').contains(&b)))
    {
        check.tell(&contact.span(), "http.contact: write a mail address or a web address");
    }
    let proxy_login = login(&raw, check);
    let proxy = raw.proxy.map(|typed| {
        if let Some(what) = proxy_problem(typed.get_ref()) {
            check.tell(&typed.span(), what);
        }
        typed.into_inner()
    });
    let settings = http::Settings {
        contact: raw.contact.map(toml::Spanned::into_inner),
        allow: raw.allow,
        pace: raw.pace.unwrap_or(second).0,
        pace_by_host: raw.pace_by_host.into_iter().map(|(host, pace)| (host, pace.0)).collect(),
        stall: stall.0,
        total: total.0,
        max_body: max_body.0,
        max_redirects,
        attempts,
        proxy,
        proxy_auth: None,
        spool: spool.to_owned(),
    };
    Http { settings, proxy_login }
}

fn login(raw: &raw::Http, check: &mut Check<'_>) -> Option<(String, SecretRef)> {
    match (&raw.proxy_user, &raw.proxy_password) {
        (Some(user), Some(password)) => {
            if raw.proxy.is_none() {
                check.tell(&user.span(), "http.proxy_user: there is no `proxy` to sign in to");
            }
            Some((user.get_ref().clone(), password.get_ref().clone()))
        }
        (Some(user), None) => {
            check.tell(&user.span(), "http.proxy_user: it needs `proxy_password` beside it");
            None
        }
        (None, Some(password)) => {
            check.tell(&password.span(), "http.proxy_password: it needs `proxy_user` beside it");
            None
        }
        (None, None) => None,
    }
}

/// The address is not repeated: it may hold a password.
fn proxy_problem(url: &url::Url) -> Option<&'static str> {
    if !url.username().is_empty() || url.password().is_some() {
        return Some(
            "http.proxy: a login does not belong into the address; write `proxy_user` and `proxy_password`",
        );
    }
    let is_known = matches!(url.scheme(), "http" | "https" | "socks5h") && url.has_host();
    (!is_known).then_some("http.proxy: write it as `http://`, `https://` or `socks5h://host:port`")
}

/// For [`super::show()`].
impl Http {
    pub(super) fn shown(&self) -> ShownHttp {
        let http = &self.settings;
        ShownHttp {
            contact: http.contact.clone(),
            allow: http.allow.iter().map(ToString::to_string).collect(),
            pace: Period(http.pace),
            pace_by_host: http
                .pace_by_host
                .iter()
                .map(|(host, pace)| (host.clone(), Period(*pace)))
                .collect(),
            stall: Period(http.stall),
            total: Period(http.total),
            max_body: Size(http.max_body),
            max_redirects: http.max_redirects,
            attempts: http.attempts,
            proxy: http.proxy.as_ref().map(ToString::to_string),
            proxy_user: self.proxy_login.as_ref().map(|(user, _)| user.clone()),
            proxy_password: self.proxy_login.as_ref().map(|(_, password)| password.clone()),
        }
    }
}

/// `[http]` as it is in effect.
#[derive(Debug, serde::Serialize)]
pub(super) struct ShownHttp {
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<String>,
    allow: Vec<String>,
    pace: Period,
    stall: Period,
    total: Period,
    max_body: Size,
    max_redirects: u32,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_password: Option<SecretRef>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pace_by_host: std::collections::BTreeMap<String, Period>,
}
