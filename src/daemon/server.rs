//! Answers calls on the socket. The actor is the system user at the other end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, broadcast, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::deliver;
use super::event::{Event, Observer};
use super::heads::Nudges;
use super::socket::{Answer, CALL_BYTES, Call, Status};
use crate::model::ids::{RouteName, SourceName};
use crate::model::incident::Actor;
use crate::service::backup::Backup;
use crate::service::{self, Service};
use crate::store::record::Record;

/// A wish to read the configuration again, and where to say how it went.
pub type Reload = oneshot::Sender<Result<(), String>>;

/// What calls are answered with.
pub struct Server {
    /// Everything recorded.
    pub service: Service,
    /// What backups are made of.
    pub backup: Backup,
    /// The outbox, for test messages.
    pub record: Record,
    /// The names of the routes there are.
    pub ways: tokio::sync::watch::Receiver<Arc<deliver::Ways>>,
    /// Wakes the courier.
    pub wake: Arc<Notify>,
    /// Events, for those who wait for a pass.
    pub observer: Observer,
    /// Asks for passes.
    pub nudges: Nudges,
    /// Asks for the configuration to be read again.
    pub reload: mpsc::Sender<Reload>,
    /// How the daemon is.
    pub status: Arc<dyn Fn() -> Status + Send + Sync>,
    /// The clock.
    pub now: fn() -> Timestamp,
}

/// So many calls are answered at the same time; more wait.
const CALLS: usize = 16;
/// A caller must say what it wants within this time.
const PATIENCE: Duration = Duration::from_secs(10);
/// A sign of life while a pass goes on.
const ALIVE: Duration = Duration::from_secs(15);
/// A test message must be delivered, or fail, within this time.
const TEST: Duration = Duration::from_secs(150);

impl Server {
    /// Answers calls until `stop`.
    pub async fn serve(
        self,
        listener: UnixListener,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let this = Arc::new(self);
        let mut calls = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(_ended) = calls.join_next(), if !calls.is_empty() => {}
                accepted = listener.accept(), if calls.len() < CALLS => match accepted {
                    Ok((stream, _)) => {
                        let this = Arc::clone(&this);
                        calls.spawn(async move {
                            if let Err(error) = this.connection(stream).await {
                                tracing::debug!(error = format!("{error:#}"), "a call was not answered");
                            }
                        });
                    }
                    // Out of file descriptors, most likely: wait rather than spin.
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a call on the socket");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                },
            }
        }
    }

    async fn connection(&self, stream: UnixStream) -> anyhow::Result<()> {
        let actor = actor(&stream).context("cannot tell who calls")?;
        let (reader, mut writer) = stream.into_split();
        let mut line = String::new();
        let mut reader = BufReader::new(reader.take(CALL_BYTES));
        tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await??;
        let answer = match serde_json::from_str(&line) {
            Ok(call) => self.answer(call, actor, &mut writer).await,
            Err(_) => refused(
                "the daemon does not understand this command: is it another version? restart it",
            ),
        };
        write(&mut writer, &answer).await
    }

    async fn answer(&self, call: Call, actor: Actor, writer: &mut OwnedWriteHalf) -> Answer {
        match call {
            Call::Do(request) => self.carry_out(request, actor).await,
            Call::Scan(sources) => self.scan(sources, writer).await,
            Call::NotifyTest(route) => self.notify_test(route).await,
            Call::Backup(path) => self.back_up(path, actor, writer).await,
            Call::Reload => self.reload().await,
            Call::Status => Answer::Status((self.status)()),
        }
    }

    async fn carry_out(&self, request: service::Request, actor: Actor) -> Answer {
        let (service, now) = (self.service.clone(), (self.now)());
        match tokio::task::spawn_blocking(move || service.handle(request, &actor, now)).await {
            Ok(Ok(response)) => Answer::Done(Box::new(response)),
            Ok(Err(error)) => {
                Answer::Failed { storage: error.is_storage(), message: chain(&error.into()) }
            }
            Err(_) => failed("carrying this out crashed: this is a fault in leakwarden"),
        }
    }

    async fn scan(&self, wanted: Vec<SourceName>, writer: &mut OwnedWriteHalf) -> Answer {
        let known = self.nudges.sources();
        if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
            let known: Vec<&str> = known.iter().map(SourceName::as_str).collect();
            return refused(&format!(
                "there is no source `{unknown}` that is switched on (there are: {})",
                known.join(", ")
            ));
        }
        let sources = if wanted.is_empty() { known } else { wanted };
        let mut events = self.observer.listen();
        let asked = self.observer.begun();
        for source in &sources {
            self.nudges.nudge(source);
        }
        // A pass that had begun before the nudge does not count. Events may be lost to a caller that is slow to read
        // them; how a pass ended is not.
        let ended = |source: &SourceName| self.observer.ended_after(asked, source);
        while !sources.iter().all(|source| ended(source).is_some()) {
            let told = match tokio::time::timeout(ALIVE, events.recv()).await {
                Ok(Ok(event)) => write(writer, &Answer::Event(event)).await,
                Ok(Err(broadcast::error::RecvError::Lagged(_))) => Ok(()),
                Ok(Err(broadcast::error::RecvError::Closed)) => {
                    return failed("the daemon is stopping");
                }
                // A blank line is a sign of life.
                Err(_elapsed) => writer.write_all(b"\n").await.map_err(anyhow::Error::from),
            };
            if told.is_err() {
                // The caller has gone away.
                break;
            }
        }
        let outcome = |source: SourceName| ended(&source).map(|report| (source, report));
        Answer::Scanned(sources.into_iter().filter_map(outcome).collect())
    }

    async fn back_up(&self, to: PathBuf, by: Actor, writer: &mut OwnedWriteHalf) -> Answer {
        if !to.is_absolute() {
            return refused("the path of a backup must be absolute");
        }
        let (backup, now) = (self.backup.clone(), (self.now)());
        let mut writing = tokio::task::spawn_blocking(move || backup.write(&to, &by, now));
        let written = loop {
            match tokio::time::timeout(ALIVE, &mut writing).await {
                Ok(written) => break written,
                // A sign of life. The backup is completed even if the caller has gone away.
                Err(_elapsed) => drop(writer.write_all(b"\n").await),
            }
        };
        match written {
            Ok(Ok(contents)) => Answer::BackedUp(contents),
            Ok(Err(error)) => {
                Answer::Failed { storage: error.is_storage(), message: chain(&error.into()) }
            }
            Err(_) => failed("writing the backup crashed: this is a fault in leakwarden"),
        }
    }

    async fn notify_test(&self, route: RouteName) -> Answer {
        if !self.ways.borrow().contains_key(&route) {
            let known: Vec<String> = self.ways.borrow().keys().map(ToString::to_string).collect();
            return refused(&format!(
                "there is no route `{route}` (there are: {})",
                known.join(", ")
            ));
        }
        let (record, now) = (self.record.clone(), (self.now)());
        // Before the message is queued: it may be delivered before anybody wakes the courier.
        let mut events = self.observer.listen();
        let queued =
            tokio::task::spawn_blocking(move || deliver::queue_test(&record, route, now)).await;
        let id = match queued {
            Ok(Ok(id)) => id,
            Ok(Err(error)) => {
                return Answer::Failed { message: chain(&error.into()), storage: true };
            }
            Err(_) => return failed("queueing the message crashed: this is a fault in leakwarden"),
        };
        self.wake.notify_one();
        let ended = async {
            loop {
                match events.recv().await {
                    Ok(
                        Event::Delivered { delivery, .. } | Event::DeliveryFailed { delivery, .. },
                    ) if delivery == id => return,
                    // Its own event may be among those lost: what the record says counts.
                    Err(_) => return,
                    _ => {}
                }
            }
        };
        drop(tokio::time::timeout(TEST, ended).await);
        let record = self.record.clone();
        match tokio::task::spawn_blocking(move || record.delivery(id)).await {
            Ok(Ok(delivery)) => Answer::Tested(Box::new(delivery)),
            Ok(Err(error)) => Answer::Failed { message: chain(&error.into()), storage: true },
            Err(_) => failed("reading the delivery crashed: this is a fault in leakwarden"),
        }
    }

    async fn reload(&self) -> Answer {
        let (answer, answered) = oneshot::channel();
        if self.reload.send(answer).await.is_err() {
            return failed("the daemon is stopping");
        }
        match answered.await {
            Ok(Ok(())) => Answer::Reloaded,
            Ok(Err(message)) => Answer::Failed { message, storage: false },
            Err(_) => failed("the daemon is stopping"),
        }
    }
}

fn refused(message: &str) -> Answer {
    Answer::Failed { message: message.to_owned(), storage: false }
}

fn failed(message: &str) -> Answer {
    Answer::Failed { message: message.to_owned(), storage: true }
}

fn chain(error: &anyhow::Error) -> String {
    format!("{error:#}")
}

fn actor(stream: &UnixStream) -> std::io::Result<Actor> {
    Ok(super::actor::of_uid(stream.peer_cred()?.uid()))
}

async fn write(writer: &mut OwnedWriteHalf, answer: &Answer) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    Ok(())
}
