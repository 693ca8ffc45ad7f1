//! The outbox: messages put together, sent, and sent again until they arrive or a person must look.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::event::{Event, Observer};
use crate::model::ids::{DeliveryId, IncidentId, RouteName};
use crate::model::notice::{About, Audience, Delivery, DeliveryState, NoticeKind, Outgoing};
use crate::notify::{self, Notifier};
use crate::store::record::{self, Attempt, Record};

/// A route that can be used.
#[derive(Clone)]
pub struct Way {
    /// Whom it reaches.
    pub audience: Audience,
    /// How.
    pub notifier: Arc<dyn Notifier>,
}

/// The routes by name.
pub type Ways = BTreeMap<RouteName, Way>;

/// The first retry comes after this time; each later one after twice as much.
const FIRST_RETRY: Duration = Duration::from_secs(15);
/// But never later than this.
const LAST_RETRY: Duration = Duration::from_mins(30);
/// A message that did not arrive in this time is a dead letter.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(72);
/// One attempt must be over within this time.
const ATTEMPT: Duration = Duration::from_mins(2);
/// So many messages are sent at the same time.
const PARALLEL: usize = 4;
/// The outbox is looked at at least this often, whatever the clock did.
const POLL: Duration = Duration::from_secs(30);

/// Sends what is due.
#[derive(Clone)]
pub struct Courier {
    /// The outbox.
    pub record: Record,
    /// The routes; replaced when the configuration is reloaded.
    pub ways: watch::Receiver<Arc<Ways>>,
    /// Whoever watches.
    pub observer: Observer,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl Courier {
    /// Sends messages as they fall due until `stop`; `wake` says that something was queued.
    pub async fn forever(self, wake: Arc<Notify>, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            // Registered before the outbox is read, so that what is queued in between is not missed.
            let woken = wake.notified();
            self.send_due((self.now)()).await?;
            let record = self.record.clone();
            let next = tokio::task::spawn_blocking(move || record.next_delivery()).await??;
            let wait = next.map_or(POLL, |at| {
                Duration::try_from(at - (self.now)()).unwrap_or_default().min(POLL)
            });
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    /// Sends everything that is due at `now`, once.
    pub async fn send_due(&self, now: Timestamp) -> anyhow::Result<()> {
        let record = self.record.clone();
        let due = tokio::task::spawn_blocking(move || {
            record.form_deliveries(now)?;
            record.due_deliveries(now)
        })
        .await??;
        let mut attempts = futures_util::stream::iter(due)
            .map(|delivery| self.attempt(delivery))
            .buffer_unordered(PARALLEL);
        while let Some(attempted) = attempts.next().await {
            attempted?;
        }
        Ok(())
    }

    async fn attempt(&self, delivery: Delivery) -> anyhow::Result<()> {
        let way = self.ways.borrow().get(&delivery.route).cloned();
        let outcome = match way {
            None => Err(notify::Error::Unavailable {
                reached: Vec::new(),
                why: format!(
                    "there is no route `{}` in the configuration any more",
                    delivery.route
                ),
            }),
            Some(way) => self.send(&delivery, &way).await?,
        };
        let at = (self.now)();
        let attempt = judge(&delivery, outcome, at);
        let (record, id) = (self.record.clone(), delivery.id);
        let recorded = {
            let attempt = attempt.clone();
            tokio::task::spawn_blocking(move || record.record_attempt(id, attempt, at)).await??
        };
        self.tell(&recorded, &attempt);
        Ok(())
    }

    async fn send(
        &self,
        delivery: &Delivery,
        way: &Way,
    ) -> anyhow::Result<Result<(), notify::Error>> {
        let (record, audience, now, of) =
            (self.record.clone(), way.audience, (self.now)(), delivery.clone());
        let notice = tokio::task::spawn_blocking(move || {
            crate::service::notice(&record, &of, audience, now)
        })
        .await??;
        let sent =
            tokio::time::timeout(ATTEMPT, way.notifier.notify(&notice, &delivery.reached)).await;
        Ok(sent.unwrap_or_else(|_| {
            Err(notify::Error::Unavailable {
                reached: Vec::new(),
                why: "no answer within two minutes".to_owned(),
            })
        }))
    }

    fn tell(&self, delivery: &Delivery, attempt: &Attempt) {
        let (delivery_id, route) = (delivery.id, delivery.route.clone());
        match attempt {
            Attempt::Delivered => {
                tracing::info!(delivery.id = %delivery_id, route = %route, "delivered");
                self.observer.tell(Event::Delivered {
                    delivery: delivery_id,
                    route,
                    incidents: incidents(delivery),
                });
            }
            Attempt::Retry { error, .. } | Attempt::GiveUp { error, .. } => {
                let again = match delivery.state {
                    DeliveryState::Due { at } => Some(at),
                    _ => None,
                };
                tracing::warn!(delivery.id = %delivery_id, route = %route, reason = error, ?again, "not delivered");
                let reason = error.clone();
                self.observer.tell(Event::DeliveryFailed {
                    delivery: delivery_id,
                    route,
                    reason,
                    again,
                });
            }
        }
    }
}

/// Queues a test message for a route and puts it together at once.
#[expect(clippy::needless_pass_by_value, reason = "the name goes into the record")]
pub fn queue_test(
    record: &Record,
    route: RouteName,
    now: Timestamp,
) -> Result<DeliveryId, record::Error> {
    let entry = Outgoing {
        route: route.clone(),
        kind: NoticeKind::Test,
        about: About::Test,
        queued: now,
        not_before: now,
    };
    record.queue(vec![entry])?;
    for id in record.form_deliveries(now)? {
        let delivery = record.delivery(id)?;
        if delivery.kind == NoticeKind::Test && delivery.route == route {
            return Ok(id);
        }
    }
    // Somebody else put it together in the meantime: it is the newest of its kind.
    let due = record.due_deliveries(now)?;
    let newest = due
        .iter()
        .rev()
        .find(|delivery| delivery.kind == NoticeKind::Test && delivery.route == route);
    newest
        .map(|delivery| delivery.id)
        .ok_or_else(|| record::Error::Unknown("such test message any more".to_owned()))
}

fn incidents(delivery: &Delivery) -> Vec<IncidentId> {
    let id = |about: &About| match about {
        About::Incident(id) => Some(*id),
        _ => None,
    };
    delivery.about.iter().filter_map(id).collect()
}

/// What becomes of a delivery after an attempt.
fn judge(delivery: &Delivery, outcome: Result<(), notify::Error>, at: Timestamp) -> Attempt {
    match outcome {
        Ok(()) => Attempt::Delivered,
        Err(notify::Error::Refused { reached, why }) => Attempt::GiveUp { reached, error: why },
        Err(notify::Error::Unavailable { reached, why })
            if at.duration_since(delivery.formed) >= GIVE_UP =>
        {
            Attempt::GiveUp { reached, error: format!("given up after three days: {why}") }
        }
        Err(notify::Error::Unavailable { reached, why }) => {
            let wait = FIRST_RETRY.saturating_mul(1 << delivery.attempts.min(16)).min(LAST_RETRY);
            // Apart from one another, so that a server that comes back is not met by everybody at once.
            let spread =
                wait.mul_f64(f64::from(u32::try_from(delivery.id.0 % 8).unwrap_or(0)) / 32.0);
            let wait =
                SignedDuration::try_from(wait + spread).unwrap_or(SignedDuration::from_hours(1));
            Attempt::Retry { reached, error: why, at: at + wait }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(attempts: u32) -> Delivery {
        Delivery {
            id: DeliveryId(8),
            route: "security".parse().unwrap(),
            kind: NoticeKind::Leak,
            about: vec![],
            queued: Timestamp::UNIX_EPOCH,
            formed: Timestamp::UNIX_EPOCH,
            state: DeliveryState::Due { at: Timestamp::UNIX_EPOCH },
            attempts,
            last_error: None,
            reached: vec![],
        }
    }

    fn unavailable() -> Result<(), notify::Error> {
        Err(notify::Error::Unavailable { reached: vec![], why: "no".to_owned() })
    }

    #[test]
    fn retries_come_later_and_later_but_at_least_every_half_hour() {
        let wait = |attempts| match judge(&delivery(attempts), unavailable(), Timestamp::UNIX_EPOCH)
        {
            Attempt::Retry { at, .. } => at.as_second(),
            other => panic!("{other:?}"),
        };
        assert_eq!([0, 1, 2, 10, 60].map(wait), [15, 30, 60, 1800, 1800]);
    }

    #[test]
    fn a_refusal_and_three_days_of_silence_are_dead_letters() {
        let refused =
            Err(notify::Error::Refused { reached: vec!["a".to_owned()], why: "550".to_owned() });
        assert!(matches!(
            judge(&delivery(0), refused, Timestamp::UNIX_EPOCH),
            Attempt::GiveUp { .. }
        ));
        let late = Timestamp::UNIX_EPOCH + GIVE_UP;
        assert!(matches!(judge(&delivery(99), unavailable(), late), Attempt::GiveUp { .. }));
    }
}
