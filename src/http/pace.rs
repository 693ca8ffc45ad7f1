//! Whose turn it is. Owns the queues; its one invariant: one request at a time per host, beginnings at least the
//! configured interval apart, and at most [`AT_ONCE`] requests in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::random_part;

/// Requests under way at the same time, over all hosts.
const AT_ONCE: usize = 16;
/// Hosts remembered before those that are idle are forgotten.
const REMEMBERED: usize = 1_024;

/// When the next request may begin; the lock is the turn, and tokio's queues for it are fair.
type Slot = Arc<tokio::sync::Mutex<Option<Instant>>>;

/// The queues of all hosts.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    by_host: HashMap<String, Duration>,
    slots: Mutex<HashMap<String, Slot>>,
    all: Arc<Semaphore>,
}

/// The right to talk to a host, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _host: OwnedMutexGuard<Option<Instant>>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Pace {
    pub(super) fn new(interval: Duration, by_host: &[(String, Duration)]) -> Self {
        Self {
            interval,
            by_host: by_host
                .iter()
                .map(|(host, pace)| (host.to_ascii_lowercase(), *pace))
                .collect(),
            slots: Mutex::default(),
            all: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Waits for the turn at a host, `name:port`.
    pub(super) async fn turn(&self, host: &str) -> Turn {
        let mut next = self.slot(host).lock_owned().await;
        if let Some(at) = *next {
            tokio::time::sleep_until(at).await;
        }
        // Taken last, so that whoever waits for a slow host does not keep others from theirs.
        let all = Arc::clone(&self.all).acquire_owned().await.ok();
        let interval = self.interval_of(host);
        *next = Some(Instant::now() + interval + random_part(interval / 4));
        Turn { _host: next, _all: all }
    }

    fn interval_of(&self, host: &str) -> Duration {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        self.by_host.get(host).or_else(|| self.by_host.get(name)).copied().unwrap_or(self.interval)
    }

    fn slot(&self, host: &str) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= REMEMBERED {
            let now = Instant::now();
            slots.retain(|_, slot| {
                Arc::strong_count(slot) > 1
                    || slot.try_lock().map_or(true, |next| next.is_some_and(|at| at > now))
            });
        }
        Arc::clone(slots.entry(host.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_to_one_host_keep_their_distance_and_other_hosts_do_not_wait() {
        let pace = Pace::new(
            Duration::from_millis(80),
            &[
                ("Slow.example".to_owned(), Duration::from_millis(200)),
                ("a:81".to_owned(), Duration::ZERO),
            ],
        );
        for (host, least) in [("a:80", 80), ("slow.example:443", 200), ("a:81", 0)] {
            let started = Instant::now();
            drop(pace.turn(host).await);
            let first = started.elapsed();
            drop(pace.turn(host).await);
            let second = started.elapsed();
            let least = Duration::from_millis(least);
            assert!(first < Duration::from_millis(80), "{host}: the first does not wait");
            assert!(second >= least, "{host}: {second:?}");
        }
    }

    #[tokio::test]
    async fn one_request_at_a_time_per_host_first_come_first_served() {
        let pace = Pace::new(Duration::ZERO, &[]);
        let held = pace.turn("a:80").await;
        let order = Mutex::new(Vec::new());
        let queue = async |n: u32| {
            let turn = pace.turn("a:80").await;
            order.lock().unwrap().push(n);
            tokio::task::yield_now().await;
            drop(turn);
        };
        let release = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(
                order.lock().unwrap().is_empty(),
                "nobody overtakes the one who holds the turn"
            );
            drop(held);
        };
        tokio::join!(queue(1), queue(2), queue(3), release);
        assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
    }

    #[tokio::test]
    async fn there_is_a_cap_over_all_hosts() {
        let pace = Pace::new(Duration::ZERO, &[]);
        let mut turns = Vec::new();
        for n in 0..AT_ONCE {
            turns.push(pace.turn(&format!("h{n}:80")).await);
        }
        let waiting =
            tokio::time::timeout(Duration::from_millis(20), pace.turn("one-more:80")).await;
        assert!(waiting.is_err());
        turns.pop();
        pace.turn("one-more:80").await;
    }

    #[tokio::test]
    async fn idle_hosts_are_forgotten_and_waiting_ones_are_not() {
        let pace = Pace::new(Duration::from_secs(100), &[("idle".to_owned(), Duration::ZERO)]);
        drop(pace.turn("busy:80").await);
        for n in 0..3 * REMEMBERED {
            drop(pace.turn(&format!("idle:{n}")).await);
        }
        let slots = pace.slots.lock().unwrap();
        assert!(slots.len() <= REMEMBERED + 1, "{}", slots.len());
        assert!(slots.contains_key("busy:80"));
    }
}
