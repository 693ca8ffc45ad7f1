//! What is to be told, the messages that it becomes, and how their delivery goes.
//!
//! An entry leaves the outbox in the transaction that puts it into a message, so each is told in exactly one message; the
//! message is tried until it is delivered or given up. Numbers of deliveries are never given twice.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use jiff::{SignedDuration, Timestamp};
use redb::{ReadableTable, WriteTransaction};
use serde_json::json;

use super::Record;
use super::error::{Error, Fault};
use super::shape::{Attempt, Hand, Outlet};
use super::table::{Index, Numbered, Rows, Transaction, enter, next_number, numbers_under, strike};
use crate::model::ids::{DeliveryId, IncidentId, RouteName};
use crate::model::incident::Actor;
use crate::model::notice::{About, Delivery, DeliveryState, NoticeKind, Outgoing};

/// Entries waiting to be put into a message, in the order in which they were queued.
pub(super) static OUTBOX: Numbered<Outgoing> = Rows::new("outbox");
/// By number.
pub(super) static DELIVERIES: Numbered<Delivery> = Rows::new("deliveries");
/// (due in nanoseconds since 1970, delivery).
pub(super) const DELIVERIES_BY_TIME: Index<(i128, u64)> = Index::new("deliveries-by-time");
/// (incident, delivery).
pub(super) const DELIVERIES_BY_INCIDENT: Index<(u64, u64)> = Index::new("deliveries-by-incident");
/// Deliveries that were given up.
pub(super) const DEAD_LETTERS: Index<u64> = Index::new("dead-letters");

/// When a message is put together, entries due this soon ride along.
const GROUPING: SignedDuration = SignedDuration::from_secs(60);

impl Record {
    /// Queues something to be told.
    pub fn queue(&self, outgoing: Vec<Outgoing>) -> Result<(), Error> {
        self.write(|tx| queue(tx, outgoing))
    }

    /// Puts entries whose time has come into messages, one a route and kind, so that a burst is one message; one
    /// transaction. Entries that fall due within a minute ride along; a digest takes all that wait for it.
    pub fn form_deliveries(&self, now: Timestamp) -> Result<Vec<DeliveryId>, Error> {
        let nothing_due = self.read(|tx| Ok(earliest_entry(tx)?.is_none_or(|at| at > now)))?;
        if nothing_due {
            return Ok(Vec::new());
        }
        self.write(|tx| {
            let groups = group(tx, now)?;
            groups.into_iter().map(|(key, group)| form(tx, key, group, now)).collect()
        })
    }

    /// Deliveries to be attempted now, oldest first.
    pub fn due_deliveries(&self, now: Timestamp) -> Result<Vec<Delivery>, Error> {
        self.read(|tx| {
            let index = tx.table(DELIVERIES_BY_TIME)?;
            let due = index.range(..(now.as_nanosecond() + 1, 0))?;
            let mut numbers =
                due.map(|key| Ok(key?.0.value().1)).collect::<Result<Vec<u64>, Fault>>()?;
            numbers.sort_unstable();
            numbers.into_iter().map(|number| DELIVERIES.require(tx, number)).collect()
        })
    }

    /// When the next entry or delivery falls due; none if nothing waits.
    pub fn next_delivery(&self) -> Result<Option<Timestamp>, Error> {
        self.read(|tx| {
            let first = tx.table(DELIVERIES_BY_TIME)?.first()?.map(|(key, _)| key.value().0);
            let delivery = first.and_then(|at| Timestamp::from_nanosecond(at).ok());
            Ok(earliest_entry(tx)?.into_iter().chain(delivery).min())
        })
    }

    /// Records how an attempt went. What was delivered or given up before stays so.
    pub fn record_attempt(
        &self,
        id: DeliveryId,
        attempt: Attempt,
        at: Timestamp,
    ) -> Result<Delivery, Error> {
        self.write(|tx| {
            let mut delivery = get(tx, id)?;
            let DeliveryState::Due { at: due } = delivery.state else { return Ok(delivery) };
            strike(tx, DELIVERIES_BY_TIME, (due.as_nanosecond(), id.0))?;
            delivery.apply(attempt, at);
            put(tx, &delivery)?;
            let what = match delivery.state {
                DeliveryState::Due { .. } => return Ok(delivery),
                DeliveryState::Delivered { .. } => "notice.delivered",
                DeliveryState::Dead { .. } => "notice.given-up",
            };
            let incidents: Vec<IncidentId> = incidents(&delivery).collect();
            let detail = json!({
                "route": delivery.route,
                "kind": delivery.kind,
                "incidents": incidents,
                "attempts": delivery.attempts,
            });
            Hand { by: &Actor::Program, at }.did(tx, what, id, detail)?;
            Ok(delivery)
        })
    }

    /// One delivery.
    pub fn delivery(&self, id: DeliveryId) -> Result<Delivery, Error> {
        self.read(|tx| DELIVERIES.require(tx, id.0))
    }

    /// Deliveries that were given up, newest first.
    pub fn dead_letters(&self) -> Result<Vec<Delivery>, Error> {
        self.read(|tx| {
            let index = tx.table(DEAD_LETTERS)?;
            index.iter()?.rev().map(|key| DELIVERIES.require(tx, key?.0.value())).collect()
        })
    }

    /// Every delivery that tells about an incident, oldest first.
    pub fn deliveries_about(&self, id: IncidentId) -> Result<Vec<Delivery>, Error> {
        self.read(|tx| {
            let numbers = numbers_under(tx, DELIVERIES_BY_INCIDENT, id.0)?;
            numbers.into_iter().map(|number| DELIVERIES.require(tx, number)).collect()
        })
    }
}

/// Queues entries.
pub(super) fn queue(tx: &WriteTransaction, outgoing: Vec<Outgoing>) -> Result<(), Fault> {
    for entry in outgoing {
        OUTBOX.put(tx, next_number(tx, "outgoing")?, &entry)?;
    }
    Ok(())
}

/// Queues what is to be told about an incident.
pub(super) fn tell(
    tx: &WriteTransaction,
    at: Timestamp,
    id: IncidentId,
    outlets: Vec<Outlet>,
) -> Result<(), Fault> {
    let entries: Vec<Outgoing> = outlets
        .into_iter()
        .map(|outlet| Outgoing {
            route: outlet.route,
            kind: outlet.kind,
            about: About::Incident(id),
            queued: at,
            not_before: outlet.not_before,
        })
        .collect();
    queue(tx, entries)
}

fn earliest_entry(tx: &impl Transaction) -> Result<Option<Timestamp>, Fault> {
    let mut earliest: Option<Timestamp> = None;
    OUTBOX.visit(tx, |_, entry| {
        earliest = Some(earliest.map_or(entry.not_before, |at| at.min(entry.not_before)));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(earliest)
}

type Groups = BTreeMap<(RouteName, NoticeKind), Vec<(u64, Outgoing)>>;

/// The entries that go out now, by route and kind.
fn group(tx: &WriteTransaction, now: Timestamp) -> Result<Groups, Fault> {
    let mut groups = Groups::new();
    OUTBOX.visit(tx, |number, entry| {
        groups.entry((entry.route.clone(), entry.kind)).or_default().push((number, entry));
        Ok(ControlFlow::Continue(()))
    })?;
    groups.retain(|_, entries| entries.iter().any(|(_, entry)| entry.not_before <= now));
    let soon = now.saturating_add(GROUPING).unwrap_or(Timestamp::MAX);
    for ((_, kind), entries) in &mut groups {
        entries.retain(|(_, entry)| *kind == NoticeKind::Digest || entry.not_before <= soon);
    }
    Ok(groups)
}

/// Makes one message of a group.
fn form(
    tx: &WriteTransaction,
    (route, kind): (RouteName, NoticeKind),
    entries: Vec<(u64, Outgoing)>,
    now: Timestamp,
) -> Result<DeliveryId, Fault> {
    let id = DeliveryId(next_number(tx, "delivery")?);
    let queued = entries.iter().map(|(_, entry)| entry.queued).min().unwrap_or(now);
    let mut told = BTreeSet::new();
    let mut about = Vec::new();
    for (number, entry) in entries {
        OUTBOX.remove(tx, number)?;
        if told.insert(entry.about.clone()) {
            about.push(entry.about);
        }
    }
    let delivery = Delivery {
        id,
        route,
        kind,
        about,
        queued,
        formed: now,
        state: DeliveryState::Due { at: now },
        attempts: 0,
        last_error: None,
        reached: Vec::new(),
    };
    put(tx, &delivery)?;
    Ok(id)
}

fn get(tx: &impl Transaction, id: DeliveryId) -> Result<Delivery, Fault> {
    DELIVERIES.get(tx, id.0)?.ok_or_else(|| Fault::unknown(id))
}

/// Writes a delivery and what is derived from it.
pub(super) fn put(tx: &WriteTransaction, delivery: &Delivery) -> Result<(), Fault> {
    let number = delivery.id.0;
    DELIVERIES.put(tx, number, delivery)?;
    for incident in incidents(delivery) {
        enter(tx, DELIVERIES_BY_INCIDENT, (incident.0, number))?;
    }
    match delivery.state {
        DeliveryState::Due { at } => enter(tx, DELIVERIES_BY_TIME, (at.as_nanosecond(), number)),
        DeliveryState::Delivered { .. } => Ok(()),
        DeliveryState::Dead { .. } => enter(tx, DEAD_LETTERS, number),
    }
}

fn incidents(delivery: &Delivery) -> impl Iterator<Item = IncidentId> {
    delivery.about.iter().filter_map(|about| match about {
        About::Incident(id) => Some(*id),
        _ => None,
    })
}

impl Delivery {
    fn apply(&mut self, attempt: Attempt, now: Timestamp) {
        self.attempts = self.attempts.saturating_add(1);
        let (state, reached, error) = match attempt {
            Attempt::Delivered => (DeliveryState::Delivered { at: now }, Vec::new(), None),
            Attempt::Retry { reached, error, at } => {
                (DeliveryState::Due { at }, reached, Some(error))
            }
            Attempt::GiveUp { reached, error } => {
                (DeliveryState::Dead { at: now }, reached, Some(error))
            }
        };
        self.state = state;
        self.last_error = error;
        for recipient in reached {
            if !self.reached.contains(&recipient) {
                self.reached.push(recipient);
            }
        }
    }
}
