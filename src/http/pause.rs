//! Hosts that asked to be left alone. Owns the list; its one invariant: a pause never shortens and never lasts more
//! than a day from when it was set.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// A host that asked to be left alone for a while. Kept in the record, so that a restart does not forget it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pause {
    /// The host with its port.
    pub host: String,
    /// Until when.
    pub until: Timestamp,
}

/// No host is left alone for longer, whatever it asks.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// Pauses kept; beyond it those that end first are forgotten.
const MOST: usize = 1_000;

/// All pauses, by host and port.
#[derive(Debug, Default)]
pub(super) struct Pauses(Mutex<HashMap<String, Timestamp>>);

impl Pauses {
    /// Until when a host is to be left alone, if it is.
    pub(super) fn until(&self, host: &str, now: Timestamp) -> Option<Timestamp> {
        let pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.get(host).copied().filter(|&until| until > now)
    }

    /// Leaves a host alone until then, at most a day.
    pub(super) fn add(&self, pause: Pause, now: Timestamp) {
        let latest = now.checked_add(LONGEST).unwrap_or(Timestamp::MAX);
        let until = pause.until.min(latest);
        let mut pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pauses.len() >= MOST && !pauses.contains_key(&pause.host) {
            pauses.retain(|_, until| *until > now);
        }
        if pauses.len() >= MOST && !pauses.contains_key(&pause.host) {
            let first = pauses.iter().min_by_key(|(_, until)| **until);
            let first = first.map(|(host, _)| host.clone());
            first.and_then(|host| pauses.remove(&host));
        }
        let entry = pauses.entry(pause.host).or_insert(until);
        *entry = until.max(*entry);
    }

    /// What is still going on, by host.
    pub(super) fn list(&self, now: Timestamp) -> Vec<Pause> {
        let pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<Pause> = pauses
            .iter()
            .filter(|(_, until)| **until > now)
            .map(|(host, until)| Pause { host: host.clone(), until: *until })
            .collect();
        list.sort_by(|a, b| a.host.cmp(&b.host));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn pause(host: &str, until: &str) -> Pause {
        Pause { host: host.to_owned(), until: at(until) }
    }

    #[test]
    fn a_pause_ends_by_itself_never_shortens_and_lasts_a_day_at_most() {
        let pauses = Pauses::default();
        let now = at("2026-03-01T00:00:00Z");
        pauses.add(pause("a:443", "2026-03-01T01:00:00Z"), now);
        pauses.add(pause("a:443", "2026-03-01T00:10:00Z"), now);
        pauses.add(pause("b:443", "2026-04-01T00:00:00Z"), now);
        assert_eq!(pauses.until("a:443", now), Some(at("2026-03-01T01:00:00Z")));
        assert_eq!(pauses.until("b:443", now), Some(at("2026-03-02T00:00:00Z")));
        assert_eq!(pauses.until("a:80", now), None);
        let later = at("2026-03-01T01:00:00Z");
        assert_eq!(pauses.until("a:443", later), None);
        assert_eq!(pauses.list(later), [pause("b:443", "2026-03-02T00:00:00Z")]);
    }

    #[test]
    fn a_flood_of_pauses_is_bounded_and_drops_the_shortest() {
        let pauses = Pauses::default();
        let now = at("2026-03-01T00:00:00Z");
        pauses.add(pause("short:80", "2026-03-01T00:01:00Z"), now);
        for n in 0..MOST {
            pauses.add(pause(&format!("h{n}:80"), "2026-03-01T05:00:00Z"), now);
        }
        assert_eq!(pauses.list(now).len(), MOST);
        assert_eq!(pauses.until("short:80", now), None);
    }
}
