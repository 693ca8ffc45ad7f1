//! The address that is called while all is well, so that a dead daemon is noticed elsewhere.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use url::Url;

use crate::secret::{self, SecretRef};

/// What is called, and how often at most.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    pub(super) address: Address,
    /// The least time between two calls.
    pub every: Duration,
}

/// An address that tells whoever knows it how to silence the alarm: never printed.
#[derive(Clone)]
pub(super) enum Address {
    /// Written into the configuration.
    Written(Url),
    /// Kept elsewhere.
    Kept(SecretRef),
}

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read from where it is kept.
    #[error("the heartbeat's address cannot be had")]
    Secret(#[from] secret::Error),
    /// It is not one.
    #[error("what is kept as the heartbeat's address is not one: write `https://host/path`")]
    Address,
}

impl Heartbeat {
    /// The address; a relative file is looked for below `base`.
    pub fn url(&self, base: &Path) -> Result<Url, Error> {
        match &self.address {
            Address::Written(url) => Ok(url.clone()),
            Address::Kept(kept) => {
                let text = kept.read(base)?;
                let url = Url::parse(text.reveal()).map_err(|_| Error::Address)?;
                if is_web(&url) { Ok(url) } else { Err(Error::Address) }
            }
        }
    }
}

pub(super) fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(_) => f.write_str("Written([redacted])"),
            Self::Kept(kept) => f.debug_tuple("Kept").field(kept).finish(),
        }
    }
}
