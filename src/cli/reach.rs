//! Reaching what is recorded: through a running daemon, or directly when none runs.

use std::time::{Duration, Instant};

use super::clock;
use crate::config::Config;
use crate::daemon::actor::this_user;
use crate::daemon::event::{Event, Observer};
use crate::daemon::plant::Base;
use crate::daemon::socket::{self, Answer, Call};
use crate::daemon::stores::{InUse, Stores};
use crate::service::{Request, Response, Service};

/// The daemon refused or failed, in its own words.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Failed {
    /// Its words.
    pub(super) message: String,
    /// Whether its stores or keys are at fault, rather than what was asked.
    pub(super) storage: bool,
}

/// An answer to another question than was asked.
#[derive(Debug, thiserror::Error)]
#[error("the daemon answered another question: is it another version? restart it")]
pub(super) struct Confused;

/// Calls the daemon; none if no daemon runs on this data folder.
pub(super) fn daemon(
    config: &Config,
    call: &Call,
    on_event: &mut dyn FnMut(Event),
) -> anyhow::Result<Option<Answer>> {
    match socket::call(&config.data.socket(), call, on_event)? {
        Some(Answer::Failed { message, storage }) => Err(Failed { message, storage }.into()),
        other => Ok(other),
    }
}

/// Somebody else may use the data folder for so long: a daemon that opens its stores before it listens, a command that
/// is nearly done.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tries again for a while if the data folder is in use.
#[expect(
    clippy::disallowed_methods,
    reason = "a command that has nothing else to do; no runtime runs yet"
)]
fn patiently<T>(mut attempt: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(error) if error.is::<InUse>() && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(50));
            }
            outcome => return outcome,
        }
    }
}

/// Carries out a request, by the daemon or here.
#[expect(clippy::needless_pass_by_value, reason = "a request is made to be carried out")]
pub(super) fn carry_out(config: &Config, request: Request) -> anyhow::Result<Response> {
    let call = Call::Do(request.clone());
    patiently(|| match daemon(config, &call, &mut |_| {})? {
        Some(Answer::Done(response)) => Ok(*response),
        Some(_) => Err(Confused.into()),
        None => {
            let stores = Stores::open(&config.data, &config.data.keys(&config.key_file)?)?;
            let service = Service::new(stores.record, stores.evidence);
            Ok(service.handle(request.clone(), &this_user(), clock::now())?)
        }
    })
}

/// Who does what a command asks for.
pub(super) enum Reached {
    /// The daemon did it.
    Daemon(Answer),
    /// No daemon runs: the command does it itself, with everything open.
    Here(Base),
}

/// Calls the daemon, or opens everything if none runs.
pub(super) fn daemon_or_base(
    config: &Config,
    call: &Call,
    on_event: &mut dyn FnMut(Event),
    observer: &Observer,
) -> anyhow::Result<Reached> {
    patiently(|| match daemon(config, call, on_event)? {
        Some(answer) => Ok(Reached::Daemon(answer)),
        None => base(config, observer).map(Reached::Here),
    })
}

/// Everything open, for the daemon: waits for a command to be done, but not for another daemon.
pub(super) fn base_of_daemon(config: &Config, observer: &Observer) -> anyhow::Result<Base> {
    patiently(|| match base(config, observer) {
        Err(error) if error.is::<InUse>() && socket::answers(&config.data.socket()) => {
            Ok(Err(error))
        }
        opened => opened.map(Ok),
    })?
}

fn base(config: &Config, observer: &Observer) -> anyhow::Result<Base> {
    Base::open(config, &config.data.keys(&config.key_file)?, observer.clone(), clock::now)
}

/// A runtime for one command.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
