//! Delivering notices: mail, a folder of `.eml` files, webhooks; and the templates they are written from.
//!
//! Invariant: a notice is delivered at least once or its failure is told; a repeat is recognised by an id that
//! is the same for every attempt. Knows neither the record nor the clock: what to tell, and when, is an argument.

mod compose;
mod facts;
mod folder;
mod mail;
mod route;
mod sample;
mod template;
mod text;
mod webhook;

use async_trait::async_trait;

pub use self::compose::Composer;
pub use self::facts::{Facts, IncidentFacts, PlaceFacts, SourceFacts};
pub use self::folder::{Folder, Settings as FolderSettings};
pub use self::mail::{Mail, Security, Settings as MailSettings};
pub use self::route::{Problem, Reach, Route, Settings, Surroundings, Way, to_tell_about_sources};
pub use self::template::{Problem as TemplateProblem, Rendered, Templates};
pub use self::text::defang;
pub use self::webhook::{Settings as WebhookSettings, Webhook};
use crate::model::notice::Notice;

/// A way to deliver.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Delivers a notice to every recipient not in `reached`. Called again until it succeeds: the receiver knows
    /// a repeat by the message id or idempotency key, which derive from [`Notice::id`] and the installation's id.
    async fn notify(&self, notice: &Notice, reached: &[String]) -> Result<(), Error>;
    /// Checks the way without delivering anything: for `doctor`. Gives a line for a person.
    async fn probe(&self) -> Result<String, Error>;
}

/// Why a notice did not arrive everywhere.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Try again later.
    #[error("{why}")]
    Unavailable {
        /// Recipients that have it now.
        reached: Vec<String>,
        /// Why, without secrets.
        why: String,
    },
    /// It will never work like this: a person must act.
    #[error("{why}")]
    Refused {
        /// Recipients that have it now.
        reached: Vec<String>,
        /// Why, without secrets.
        why: String,
    },
}

impl Error {
    /// Nobody has it; trying again may help.
    fn later(why: impl Into<String>) -> Self {
        Self::Unavailable { reached: Vec::new(), why: why.into() }
    }

    /// Nobody has it, and trying again will not help.
    fn never(why: impl Into<String>) -> Self {
        Self::Refused { reached: Vec::new(), why: why.into() }
    }
}
