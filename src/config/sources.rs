//! `watchlists/sources.toml`: places to look.

use std::path::PathBuf;

use jiff::tz::TimeZone;
use toml::Spanned;

use super::check::Check;
use super::raw;
use crate::git::Address;
use crate::model::ids::SourceName;
use crate::schedule::Schedule;
use crate::settings::{File, Period, Problems};
use crate::source::git::Token;
use crate::source::{Definition, Kind};
use crate::watchlist::Base;

/// When a source is looked at unless the list says otherwise.
const DEFAULT_SCHEDULE: &str = "*/15 * * * *";
/// At most so much later, so that all of them do not begin in the same second.
const DEFAULT_JITTER: std::time::Duration = std::time::Duration::from_secs(30);

pub(super) fn sources(
    file: Option<&File>,
    base: &Base,
    zone: &TimeZone,
    problems: &mut Problems,
) -> Vec<Definition> {
    let Some(raw) = file.and_then(|file| file.parse::<raw::Sources>(problems)) else {
        return Vec::new();
    };
    let mut check = Check { file, problems };
    let zone = check.zone("defaults.time_zone", raw.defaults.time_zone.as_ref(), zone);
    // A default that cannot be understood is told even if every source has its own.
    if let Some(typed) = &raw.defaults.schedule {
        check.schedule("defaults.schedule", typed, &zone);
    }
    raw.source
        .into_iter()
        .filter_map(|(name, source)| definition(name, source, &raw.defaults, &zone, &mut check))
        .map(|definition| Definition { kind: anchored(definition.kind, base), ..definition })
        .collect()
}

fn definition(
    name: SourceName,
    source: raw::Source,
    defaults: &raw::SourceDefaults,
    zone: &TimeZone,
    check: &mut Check<'_>,
) -> Option<Definition> {
    let setting = |key: &str| format!("source.{name}.{key}");
    let zone = check.zone(&setting("time_zone"), source.time_zone.as_ref(), zone);
    if let Some(reason) =
        source.disabled.as_ref().filter(|reason| reason.get_ref().trim().is_empty())
    {
        check.tell(
            &reason.span(),
            format!("{}: say why, so that the next person knows", setting("disabled")),
        );
    }
    if source.from.is_none() && !check.problems.concern(&setting("from")) {
        check.tell_setting(&format!("source.{name}"), "the key `from` is missing");
    }
    let schedule = match (&source.schedule, &defaults.schedule) {
        (Some(own), _) => check.schedule(&setting("schedule"), own, &zone)?,
        // Told already if it cannot be understood.
        (None, Some(default)) => Schedule::parse(default.get_ref(), zone).ok()?,
        (None, None) => {
            Schedule::parse(DEFAULT_SCHEDULE, zone).expect("the default schedule is a schedule")
        }
    };
    let jitter = source.jitter.or(defaults.jitter).unwrap_or(Period(DEFAULT_JITTER));
    let disabled = source.disabled.map(Spanned::into_inner);
    Some(Definition { name, schedule, jitter: jitter.0, disabled, kind: source.from? })
}

/// Relative paths begin at the configuration's folder, wherever the program is started.
fn anchored(kind: Kind, base: &Base) -> Kind {
    let anchor = |path: PathBuf| base.path(&path.to_string_lossy());
    match kind {
        Kind::Directory(mut settings) => {
            settings.path = anchor(settings.path);
            Kind::Directory(settings)
        }
        Kind::Git(mut settings) => {
            if let Address::Path(path) = settings.url {
                settings.url = Address::Path(anchor(path));
            }
            if let Some(Token::File(path)) = settings.token {
                settings.token = Some(Token::File(anchor(path)));
            }
            settings.ssh_key = settings.ssh_key.map(anchor);
            Kind::Git(settings)
        }
        Kind::Feed(_) | Kind::Page(_) => kind,
    }
}
