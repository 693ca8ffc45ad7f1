//! Reaching what is recorded: through a running daemon, or directly when none runs.

use super::clock;
use crate::config::Config;
use crate::daemon::actor::this_user;
use crate::daemon::event::{Event, Observer};
use crate::daemon::plant::Base;
use crate::daemon::socket::{self, Answer, Call};
use crate::daemon::stores::Stores;
use crate::service::{Request, Response, Service};

/// The daemon refused or failed, in its own words.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Failed {
    message: String,
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

/// Carries out a request, by the daemon or here.
pub(super) fn carry_out(config: &Config, request: Request) -> anyhow::Result<Response> {
    match daemon(config, &Call::Do(request.clone()), &mut |_| {})? {
        Some(Answer::Done(response)) => Ok(*response),
        Some(_) => Err(Confused.into()),
        None => {
            let stores = Stores::open(&config.data, &config.data.keys(&config.key_file)?)?;
            let service = Service::new(stores.record, stores.evidence);
            Ok(service.handle(request, &this_user(), clock::now())?)
        }
    }
}

/// Everything open, for a command that does the daemon's work once. Fails if a daemon runs.
pub(super) fn base(config: &Config, observer: Observer) -> anyhow::Result<Base> {
    Base::open(config, &config.data.keys(&config.key_file)?, observer, clock::now)
}

/// A runtime for one command.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
