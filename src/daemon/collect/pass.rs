//! One pass over a source: what was missed before, then page after page until there is no more.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};

use super::Collector;
use super::batching::{Ends, Filling};
use crate::model::batch::{Batch, Cursor, Seen};
use crate::model::document::{Document, Item};
use crate::source::Error;

/// Why a pass ended early.
pub(super) enum Trouble {
    /// The source failed.
    Source(Error),
    /// The record failed: the daemon cannot go on.
    Record(anyhow::Error),
    /// The pipeline is closing.
    Closed,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Source(error)
    }
}

/// A source that hangs is a source that fails: one listing and one item must be done within these times.
const LISTING: Duration = Duration::from_hours(1);
const ITEM: Duration = Duration::from_mins(15);
/// So many misses are brought up again in one pass.
const MISSES: usize = 500;

/// How fetching one item went.
enum Fetched {
    Document(Box<Document>),
    Missed {
        item: Item,
        reason: String,
        retry: bool,
    },
    /// The host wants to be left alone: the pass ends, the cursor stays, nothing is marked.
    Stop(Error),
}

impl Collector {
    /// Looks at everything new, sends it down the pipeline in bounded batches, the last one marked.
    pub(super) async fn pass(&self, number: u64) -> Result<(), Trouble> {
        let mut filling = Filling::new(self.definition.name.clone(), self.bounds, number);
        self.retry_misses(&mut filling).await?;
        let mut cursor = self.cursor().await?;
        loop {
            let mut page = guarded(LISTING, self.source.poll(cursor.as_ref())).await?;
            let items = self.unseen(std::mem::take(&mut page.items)).await?;
            self.fetch_all(items, &mut filling, false).await?;
            let ends = Ends::of(&mut page);
            let more = page.more;
            self.send(filling.end_of_page(page.next.clone(), ends)).await?;
            if !more {
                return Ok(());
            }
            cursor = Some(page.next);
        }
    }

    async fn retry_misses(&self, filling: &mut Filling) -> Result<(), Trouble> {
        let (record, name, now) = (self.record.clone(), self.definition.name.clone(), (self.now)());
        let due = blocking(move || Ok(record.due_misses(&name, now, MISSES)?)).await?;
        let items = due.into_iter().map(|missed| missed.item).collect();
        self.fetch_all(items, filling, true).await
    }

    async fn fetch_all(
        &self,
        items: Vec<Item>,
        filling: &mut Filling,
        missed_before: bool,
    ) -> Result<(), Trouble> {
        let mut fetches = futures_util::stream::iter(items)
            .map(|item| self.fetch(item))
            // In whatever order they arrive: one that is slow holds up nothing but the end of its page.
            .buffer_unordered(self.bounds.fetches.max(1));
        while let Some(fetched) = fetches.next().await {
            match fetched {
                Fetched::Document(document) => {
                    if missed_before {
                        filling.recovered(document.item.id.clone());
                    }
                    filling.document(*document);
                }
                Fetched::Missed { item, reason, retry } => filling.missed(item, reason, retry),
                Fetched::Stop(error) => {
                    if !filling.is_empty() {
                        self.send(filling.part()).await?;
                    }
                    return Err(error.into());
                }
            }
            if filling.is_full() {
                self.send(filling.part()).await?;
            }
        }
        Ok(())
    }

    async fn fetch(&self, item: Item) -> Fetched {
        match guarded(ITEM, self.source.fetch(&item)).await {
            Ok(document) => Fetched::Document(Box::new(document)),
            Err(error @ Error::RateLimited { .. }) => Fetched::Stop(error),
            Err(Error::Unavailable(reason)) => Fetched::Missed { item, reason, retry: true },
            // Nobody can look at it any more: a gap that is shown, not an empty result.
            Err(error @ Error::Gone(_)) => Fetched::Missed {
                item,
                reason: format!("it was gone before it could be looked at: {error}"),
                retry: false,
            },
            Err(error) => Fetched::Missed { item, reason: error.to_string(), retry: true },
        }
    }

    async fn unseen(&self, items: Vec<Item>) -> Result<Vec<Item>, Trouble> {
        let (cache, name) = (self.cache.clone(), self.definition.name.clone());
        blocking(move || {
            let marks: Vec<Seen> = items
                .iter()
                .map(|item| Seen { id: item.id.clone(), version: item.version.clone() })
                .collect();
            let seen = cache.seen(&name, &marks);
            Ok(items
                .into_iter()
                .zip(seen)
                .filter(|(_, seen)| !seen)
                .map(|(item, _)| item)
                .collect())
        })
        .await
    }

    async fn cursor(&self) -> Result<Option<Cursor>, Trouble> {
        let (record, name) = (self.record.clone(), self.definition.name.clone());
        blocking(move || Ok(record.cursor(&name)?)).await
    }

    pub(super) async fn send(&self, batch: Batch) -> Result<(), Trouble> {
        self.batches.send(batch).await.map_err(|_| Trouble::Closed)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Trouble> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(Trouble::Record),
        Err(crash) => Err(Trouble::Record(crash.into())),
    }
}

/// A source parses hostile pages: its crash or hang is its own failure, never the daemon's.
async fn guarded<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(done)) => done,
        Ok(Err(_panic)) => {
            Err(Error::Malformed("reading it crashed: this is a fault in leakwarden".to_owned()))
        }
        Err(_elapsed) => {
            Err(Error::Unavailable(format!("no answer within {} seconds", limit.as_secs())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_source_that_hangs_is_given_up_and_one_that_crashes_has_failed() {
        let hanging = guarded::<()>(Duration::from_millis(10), std::future::pending()).await;
        assert!(
            matches!(hanging, Err(Error::Unavailable(why)) if why.starts_with("no answer within"))
        );
        let crashing = guarded::<()>(LISTING, async { panic!("hostile") }).await;
        assert!(
            matches!(crashing, Err(Error::Malformed(why)) if why.contains("a fault in leakwarden"))
        );
        assert_eq!(guarded(ITEM, async { Ok(7) }).await.unwrap(), 7);
    }
}
