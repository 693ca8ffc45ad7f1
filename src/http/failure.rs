//! What went wrong with one attempt, and whether another makes sense.

use std::error::Error as StdError;

use super::guard::Refusal;
use super::{Error, Response};

/// Whether another attempt makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// It does not.
    Never,
    /// It does for a request that may arrive twice.
    IfHarmless,
    /// It does: nothing arrived.
    Always,
}

/// An attempt that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) again: Again,
    /// What came before it broke off: better than nothing if no attempt does better.
    pub(super) part: Option<Box<Response>>,
}

impl Failure {
    /// Trying again will not help.
    pub(super) fn last(error: Error) -> Self {
        Self { error, again: Again::Never, part: None }
    }

    /// Worth another attempt if the request may arrive twice.
    pub(super) fn passing(host: &str, why: impl Into<String>) -> Self {
        let error = Error::Unavailable { host: host.to_owned(), why: why.into() };
        Self { error, again: Again::IfHarmless, part: None }
    }

    /// The other side broke the protocol.
    pub(super) fn malformed(host: &str, why: impl Into<String>) -> Self {
        Self::last(Error::Malformed { host: host.to_owned(), why: why.into() })
    }

    /// From a request that got no answer.
    pub(super) fn from_client(host: &str, error: reqwest::Error) -> Self {
        let error = error.without_url();
        if let Some(refusal) = find::<Refusal>(&error) {
            return Self::last(Error::Forbidden { what: refusal.0.clone() });
        }
        if find::<hyper::Error>(&error)
            .is_some_and(|error| error.is_parse() || error.is_parse_too_large())
        {
            return Self::malformed(host, innermost(&error));
        }
        let again = if error.is_connect() { Again::Always } else { Again::IfHarmless };
        let why =
            if error.is_timeout() { "it took too long".to_owned() } else { innermost(&error) };
        Self { again, ..Self::passing(host, why) }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::last(refusal.into())
    }
}

fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// The deepest cause: outer layers repeat it or name the address in full, which may hold a secret.
pub(super) fn innermost(error: &(dyn StdError + 'static)) -> String {
    const LONGEST: usize = 200;
    let text = chain(error).last().map(ToString::to_string).unwrap_or_default();
    text.chars().filter(|char| !char.is_control()).take(LONGEST).collect()
}
