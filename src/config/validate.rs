//! From what is typed to what is needed: complete, and without building anything. Pure, but for the time zone and
//! the number of cores that the machine has.

use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::check::Check;
use super::heartbeat::{Address, Heartbeat, is_web};
use super::{Config, Daemon, DataDir, Files, Log, SeverityRules, Surroundings, http, raw, sources};
use crate::model::ids::RouteName;
use crate::model::incident::Severity;
use crate::model::notice::Audience;
use crate::schedule::Schedule;
use crate::settings::{Period, Problems, Size};
use crate::watchlist::Base;
use crate::watchlist::allowed::Allowed;
use crate::watchlist::corpora::Corpora;
use crate::{detect, notify};

pub(super) fn config(
    file: Option<PathBuf>,
    files: Files,
    base: &Base,
    surroundings: &Surroundings,
    problems: &mut Problems,
) -> Config {
    let raw = files.main.as_ref().and_then(|file| file.parse::<raw::Main>(problems));
    let raw = raw.unwrap_or_default();
    let data_dir = match (&surroundings.data_dir, &raw.data_dir, &file) {
        (Some(asked), _, _) => surroundings.working_dir.join(asked),
        (None, Some(typed), _) => base.path(typed),
        (None, None, Some(_)) => base.folder.join("data"),
        (None, None, None) => surroundings.default_data_dir(),
    };
    let data = DataDir::new(data_dir);
    let key_file = raw.key_file.as_ref().map_or_else(|| data.key_file(), |typed| base.path(typed));

    let mut check = Check { file: files.main.as_ref(), problems };
    let time_zone = check.zone("time_zone", raw.time_zone.as_ref(), &TimeZone::system());
    let templates = raw.templates.as_ref().map(|typed| base.path(typed.get_ref()));
    let instance = instance(&raw, &mut check);
    let http = http::http(raw.http, &data.spool(), &mut check);
    let policy = policy(&raw.detect, &mut check);
    let daemon = daemon(&raw.daemon, &mut check);
    let heartbeat = raw.heartbeat.and_then(|typed| heartbeat(typed, &mut check));
    let routes = routes(raw.route, &time_zone, &data, &mut check);

    let sources = sources::sources(files.sources.as_ref(), base, &time_zone, problems);
    let corpora = files
        .corpora
        .as_ref()
        .map(|file| Corpora::load(file, base, &time_zone, problems))
        .unwrap_or_default();
    let allowed = files
        .allowed
        .as_ref()
        .map(|file| Allowed::load(file, &time_zone, problems))
        .unwrap_or_default();
    Config {
        file,
        base: base.folder.clone(),
        instance,
        data,
        key_file,
        time_zone,
        templates,
        log: Log {
            level: raw.log.level.unwrap_or_default(),
            format: raw.log.format.unwrap_or_default(),
        },
        http,
        policy,
        daemon,
        heartbeat,
        severity: severity(&raw.severity),
        routes,
        sources,
        corpora,
        allowed,
        files,
    }
}

fn instance(raw: &raw::Main, check: &mut Check<'_>) -> String {
    let Some(typed) = &raw.instance else { return "leakwarden".to_owned() };
    let name = typed.get_ref().trim();
    if name.is_empty() || name.chars().count() > 60 || name.chars().any(char::is_control) {
        check.tell(&typed.span(), "instance: write a name of 1 to 60 characters");
    }
    name.to_owned()
}

fn policy(raw: &raw::Detect, check: &mut Check<'_>) -> detect::Policy {
    let mut policy = detect::Policy::default();
    policy.leak = check.within("detect.leak", raw.leak.as_ref(), policy.leak, 0.0..=1.0);
    policy.possible =
        check.within("detect.possible", raw.possible.as_ref(), policy.possible, 0.0..=1.0);
    if let Some(typed) = raw.possible.as_ref().or(raw.leak.as_ref())
        && policy.possible > policy.leak
    {
        let what = format!(
            "detect.possible: {} is above `detect.leak` ({}): what is a leak is possible first",
            policy.possible, policy.leak
        );
        check.tell(&typed.span(), what);
    }
    let limits = &mut policy.limits;
    limits.total_bytes = raw.total_bytes.map_or(limits.total_bytes, |size| size.0);
    limits.text_bytes = raw.text_bytes.map_or(limits.text_bytes, |size| size.0);
    limits.depth = check.within("detect.depth", raw.depth.as_ref(), limits.depth, 0..=64);
    limits.members =
        check.within("detect.members", raw.members.as_ref(), limits.members, 1..=10_000_000);
    let bounds = Period(Duration::from_millis(100))..=Period(Duration::from_hours(1));
    limits.time = check.within("detect.time", raw.time.as_ref(), Period(limits.time), bounds).0;
    policy
}

fn daemon(raw: &raw::Daemon, check: &mut Check<'_>) -> Daemon {
    let cores = available_parallelism().map_or(2, |cores| u32::try_from(cores.get()).unwrap_or(2));
    let mut count = |name: &str, typed: &Option<toml::Spanned<u32>>, default, most| {
        let count = check.within(&format!("daemon.{name}"), typed.as_ref(), default, 1..=most);
        usize::try_from(count).unwrap_or(usize::MAX)
    };
    let (batch_items, queue) =
        (count("batch_items", &raw.batch_items, 32, 10_000), count("queue", &raw.queue, 2, 64));
    let (fetchers, inspectors) = (
        count("fetchers", &raw.fetchers, 4, 64),
        count("inspectors", &raw.inspectors, cores.min(256), 256),
    );
    let bounds = Size(1 << 20)..=Size(1 << 30);
    let batch_bytes =
        check.within("daemon.batch_bytes", raw.batch_bytes.as_ref(), Size(16 << 20), bounds).0;
    let grace = raw.grace.map_or(Duration::from_secs(30), |grace| grace.0);
    Daemon { batch_items, batch_bytes, queue, fetchers, inspectors, grace }
}

fn heartbeat(typed: toml::Spanned<raw::Heartbeat>, check: &mut Check<'_>) -> Option<Heartbeat> {
    let at = typed.span();
    let raw = typed.into_inner();
    let minute = Period(Duration::from_mins(1));
    let bounds = Period(Duration::from_secs(1))..=Period(Duration::from_hours(24));
    let every = check.within("heartbeat.every", raw.every.as_ref(), minute, bounds).0;
    let address = match (raw.url, raw.secret_url) {
        (Some(url), None) if is_web(url.get_ref()) => Address::Written(url.into_inner()),
        (Some(url), None) => {
            check.tell(&url.span(), "heartbeat.url: write it as `https://host/path`");
            return None;
        }
        (None, Some(kept)) => Address::Kept(kept),
        (Some(_), Some(_)) | (None, None) => {
            check.tell(&at, "heartbeat: write either `url` or `secret_url`");
            return None;
        }
    };
    Some(Heartbeat { address, every })
}

fn severity(raw: &raw::SeverityRules) -> SeverityRules {
    let default = SeverityRules::default();
    SeverityRules {
        public: raw.public.unwrap_or(default.public),
        internal: raw.internal.unwrap_or(default.internal),
        confidential: raw.confidential.unwrap_or(default.confidential),
        secret: raw.secret.unwrap_or(default.secret),
        possible_at_most: raw.possible_at_most.unwrap_or(default.possible_at_most),
    }
}

type RawRoutes = std::collections::BTreeMap<RouteName, toml::Spanned<notify::Settings>>;

fn routes(
    raw: RawRoutes,
    zone: &TimeZone,
    data: &DataDir,
    check: &mut Check<'_>,
) -> Vec<notify::Route> {
    let mut routes = Vec::new();
    for (name, typed) in raw {
        let settings = typed.into_inner();
        for problem in settings.problems() {
            check.tell_setting(&format!("route.{name}.{}", problem.at), &problem.what);
        }
        let digest = settings.digest_expression().and_then(|expression| {
            Schedule::parse(expression, zone.clone())
                .map_err(|error| {
                    check.tell_setting(&format!("route.{name}.digest"), &error.to_string());
                })
                .ok()
        });
        routes.push(settings.into_route(name, digest));
    }
    if routes.is_empty() {
        routes.push(default_route(zone, data));
    }
    routes
}

/// Notices always have somewhere to go: a folder of mails that nobody has to configure.
fn default_route(zone: &TimeZone, data: &DataDir) -> notify::Route {
    let settings = notify::Settings {
        audience: Audience::Security,
        severity: Severity::Low,
        corpora: Vec::new(),
        digest: None,
        group_wait: None,
        to: notify::Way::Folder(notify::FolderSettings { path: data.outbox() }),
    };
    let digest = settings
        .digest_expression()
        .and_then(|expression| Schedule::parse(expression, zone.clone()).ok());
    let name = "security".parse().expect("the default route has a name that is one");
    settings.into_route(name, digest)
}
