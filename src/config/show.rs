//! The configuration in effect, defaults included, fit to be shown: secrets as references only.

use serde::Serialize;
use toml::{Table, Value};
use url::Url;

use super::Config;
use crate::notify::Route;
use crate::settings::{File, Period, Problems, Size};
use crate::source::Definition;

/// The configuration in effect, as a table.
#[derive(Debug, Clone)]
pub struct Shown(Table);

impl Shown {
    /// As TOML.
    pub fn toml(&self) -> String {
        toml::to_string(&self.0).expect("a table of plain values can be written")
    }

    /// As JSON: days and times are text.
    pub fn json(&self) -> serde_json::Value {
        json(&Value::Table(self.0.clone()))
    }
}

/// What is in effect.
pub fn show(config: &Config) -> Shown {
    let detect = &config.policy;
    let daemon = &config.daemon;
    let mut table = Table::new();
    let mut put = |key: &str, value: Value| table.insert(key.to_owned(), value);
    let path = |path: &std::path::Path| Value::from(path.to_string_lossy().into_owned());
    if let Some(file) = &config.file {
        put("file", path(file));
    }
    if let Some(templates) = &config.templates {
        put("templates", path(templates));
    }
    put("instance", config.instance.as_str().into());
    put("data_dir", path(config.data.path()));
    put("key_file", path(&config.key_file));
    put("time_zone", zone_name(&config.time_zone).into());
    put("log", value(&config.log));
    put("http", value(&config.http.shown()));
    put(
        "detect",
        value(&Detect {
            leak: detect.leak,
            possible: detect.possible,
            total_bytes: Size(detect.limits.total_bytes),
            text_bytes: Size(detect.limits.text_bytes),
            depth: detect.limits.depth,
            members: detect.limits.members,
            time: Period(detect.limits.time),
        }),
    );
    put(
        "daemon",
        value(&Daemon {
            batch_items: daemon.batch_items,
            batch_bytes: Size(daemon.batch_bytes),
            queue: daemon.queue,
            fetchers: daemon.fetchers,
            inspectors: daemon.inspectors,
            grace: Period(daemon.grace),
        }),
    );
    put("severity", value(&config.severity));
    let main = typed(config.files.main.as_ref());
    if let Some(heartbeat) = &config.heartbeat {
        let mut shown = part(&main, &["heartbeat"]);
        shown.insert("every".to_owned(), Period(heartbeat.every).to_string().into());
        put("heartbeat", shown.into());
    }
    let routes = config.routes.iter().map(|r| (r.name.to_string(), route(r, config, &main)));
    put("route", Value::Table(routes.collect()));
    let sources = typed(config.files.sources.as_ref());
    let sources = config.sources.iter().map(|s| (s.name.to_string(), source(s, &sources)));
    put("source", Value::Table(sources.collect()));
    for (key, file) in [("corpora", &config.files.corpora), ("allowed", &config.files.allowed)] {
        put(key, typed(file.as_ref()).into());
    }
    redact(&mut table);
    Shown(table)
}

#[derive(Serialize)]
struct Detect {
    leak: f64,
    possible: f64,
    total_bytes: Size,
    text_bytes: Size,
    depth: u32,
    members: u32,
    time: Period,
}

#[derive(Serialize)]
struct Daemon {
    batch_items: usize,
    batch_bytes: Size,
    queue: usize,
    fetchers: usize,
    inspectors: usize,
    grace: Period,
}

fn route(route: &Route, config: &Config, main: &Table) -> Value {
    let reach = &route.reach;
    let mut shown = part(main, &["route", route.name.as_str()]);
    let digest = route.digest.as_ref().map_or("never", |digest| digest.expression());
    let corpora: Vec<Value> = reach.corpora.iter().map(|name| name.as_str().into()).collect();
    shown.insert("audience".to_owned(), reach.audience.to_string().into());
    shown.insert("severity".to_owned(), reach.severity.to_string().into());
    shown.insert("digest".to_owned(), digest.into());
    shown.insert("group_wait".to_owned(), Period(route.group_wait).to_string().into());
    shown.insert("corpora".to_owned(), corpora.into());
    if !shown.contains_key("to") {
        let outbox = config.data.outbox().to_string_lossy().into_owned();
        let folder = Table::from_iter([("path".to_owned(), Value::from(outbox))]);
        shown.insert(
            "to".to_owned(),
            Table::from_iter([("folder".to_owned(), folder.into())]).into(),
        );
    }
    shown.into()
}

fn source(definition: &Definition, typed: &Table) -> Value {
    let mut shown = part(typed, &["source", definition.name.as_str()]);
    let schedule = &definition.schedule;
    shown.insert("schedule".to_owned(), schedule.expression().into());
    shown.insert("time_zone".to_owned(), zone_name(schedule.zone()).into());
    shown.insert("jitter".to_owned(), Period(definition.jitter).to_string().into());
    shown.into()
}

fn zone_name(zone: &jiff::tz::TimeZone) -> &str {
    zone.iana_name().unwrap_or("the machine's own")
}

fn value(settings: &impl Serialize) -> Value {
    Value::try_from(settings).expect("plain settings have a TOML form")
}

/// A file as typed; empty if there is none. It was read before.
fn typed(file: Option<&File>) -> Table {
    file.and_then(|file| file.parse(&mut Problems::default())).unwrap_or_default()
}

fn part(table: &Table, path: &[&str]) -> Table {
    path.iter()
        .try_fold(table, |table, key| table.get(*key)?.as_table())
        .cloned()
        .unwrap_or_default()
}

/// Addresses that are as good as a password are left out, and logins within other addresses.
fn redact(table: &mut Table) {
    for (key, value) in table.iter_mut() {
        if matches!(key.as_str(), "heartbeat" | "webhook")
            && let Some(url) = value.get_mut("url").filter(|url| url.is_str())
        {
            *url = "[redacted]".into();
        }
        redact_value(value);
    }
}

fn redact_value(value: &mut Value) {
    match value {
        Value::Table(table) => redact(table),
        Value::Array(values) => values.iter_mut().for_each(redact_value),
        Value::String(text) => {
            let login = Url::parse(text).ok().filter(|url| url.password().is_some());
            if let Some(mut url) = login
                && url.set_password(Some("[redacted]")).is_ok()
            {
                *text = url.to_string();
            }
        }
        _ => {}
    }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Boolean(truth) => (*truth).into(),
        Value::Datetime(time) => time.to_string().into(),
        Value::Array(values) => values.iter().map(json).collect(),
        Value::Table(table) => {
            table.iter().map(|(key, value)| (key.clone(), json(value))).collect()
        }
    }
}
