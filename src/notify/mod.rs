//! Delivering notices: mail, a folder of `.eml` files, webhooks; and the templates they are written from.

use async_trait::async_trait;

use crate::model::ids::RouteName;
use crate::model::notice::{Audience, Notice};

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

/// One route as configured and checked.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name.
    pub name: RouteName,
    /// Whom it reaches.
    pub audience: Audience,
    // which severities and corpora, the way (mail, folder, webhook), digest schedule: the author decides
}
