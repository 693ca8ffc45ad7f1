//! The only outbound connections: pacing, retries, validators, caps, address guard, proxies.
//!
//! Owns every connection that leaves this machine. Its invariant: nothing is connected to that the guard has not
//! permitted as an address, or that a configured proxy does not stand in front of. It must not know what is
//! fetched or why. It reads the clock, since servers speak in dates.

mod body;
mod client;
mod dial;
mod exchange;
mod failure;
pub mod gateway;
mod guard;
mod head;
mod limit;
mod pace;
mod pause;
mod probe;
mod proxy;
#[cfg(test)]
mod stand;

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use url::Url;

use crate::model::batch::Validator;
use crate::model::document::{Body, Exchange};
use crate::secret::Secret;

pub use client::Client;
pub use guard::is_public;
pub use pause::Pause;

/// How the client behaves towards the world.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A mail address or web address put into the User-Agent.
    pub contact: Option<String>,
    /// Private addresses that may be reached all the same.
    pub allow: Vec<IpNet>,
    /// The least time between the beginnings of two requests to one host; up to a quarter more, at random.
    pub pace: Duration,
    /// The same for certain hosts, by `host` or `host:port`.
    pub pace_by_host: Vec<(String, Duration)>,
    /// Connecting and each read must make progress within this time.
    pub stall: Duration,
    /// One exchange must be over within this time, redirects included, waiting for its turn not.
    pub total: Duration,
    /// Bytes of one body, after decompression.
    pub max_body: u64,
    /// Redirects followed.
    pub max_redirects: u32,
    /// Attempts at one request before it counts as failed.
    pub attempts: u32,
    /// A proxy for everything: `http://`, `https://` or `socks5h://`, without a user name.
    pub proxy: Option<Url>,
    /// Its user and password.
    pub proxy_auth: Option<(String, Secret)>,
    /// Where large bodies are spooled.
    pub spool: PathBuf,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where to.
    pub url: Url,
    /// Headers beyond the client's own. They go to the origin of `url` only, never to where it redirects, and are
    /// recorded without their values.
    pub headers: Vec<(String, Secret)>,
    /// What to ask "has it changed?" with; passed over unless it was given for this very `url`.
    pub validator: Option<Validator>,
    /// A body to post, after its media type; a GET without one. A post is repeated only if it surely did not arrive,
    /// and is never redirected.
    pub post: Option<(&'static str, Vec<u8>)>,
    /// Fewer bytes than the settings allow.
    pub max_body: Option<u64>,
}

impl Request {
    /// A plain GET.
    pub fn get(url: Url) -> Self {
        Self { url, headers: Vec::new(), validator: None, post: None, max_body: None }
    }
}

/// An answer with status 2xx, or 304 to a validator.
#[derive(Debug, Clone)]
pub struct Response {
    /// How it went, for the evidence; headers as they were sent, `Content-Encoding` included.
    pub exchange: Exchange,
    /// The body, decompressed, up to the cap; empty for 304. As sent if its encoding is not known.
    pub body: Body,
    /// Whether there was more than this: the cap cut it off, the time was over, or every attempt broke off midway.
    pub truncated: bool,
    /// Whether the server said that nothing has changed.
    pub not_modified: bool,
    /// The declared media type.
    pub media_type: Option<String>,
    /// What to ask with the next time; none if the body broke off, so that the rest is asked for again.
    pub validator: Option<Validator>,
}

/// Why there is no answer: one variant a reaction.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Wait until then.
    #[error("`{host}` asks to wait until {until}")]
    RateLimited {
        /// The host.
        host: String,
        /// When it may be asked again.
        until: Timestamp,
    },
    /// Try again later: connection, time-out, 5xx; retried already.
    #[error("`{host}` cannot be reached: {why}")]
    Unavailable {
        /// The host.
        host: String,
        /// Why, without secrets.
        why: String,
    },
    /// 404 or 410.
    #[error("`{host}` says that it is not there (status {status})")]
    Gone {
        /// The host.
        host: String,
        /// The status.
        status: u16,
    },
    /// 401, 403, 407 and other 4xx: trying again will not help.
    #[error("`{host}` refuses (status {status}); check its credentials and terms")]
    Refused {
        /// The host.
        host: String,
        /// The status.
        status: u16,
    },
    /// The guard forbids the address.
    #[error("{what} is not a public address; allow it with `http.allow` if this is meant")]
    Forbidden {
        /// The address, host or scheme.
        what: String,
    },
    /// The other side broke the protocol.
    #[error("`{host}` sent something that is not HTTP as we know it: {why}")]
    Malformed {
        /// The host.
        host: String,
        /// What was wrong.
        why: String,
    },
    /// What was configured cannot work: a person must act.
    #[error("{what}")]
    Misconfigured {
        /// What, and what to do.
        what: String,
    },
    /// The body could not be spooled.
    #[error(transparent)]
    Spool(#[from] crate::fs::Error),
}

/// The clock of this module.
#[expect(
    clippy::disallowed_methods,
    reason = "servers speak in dates: `http` reads the clock, here only"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

/// A random part of a time, so that many do not act at the same instant.
fn random_part(of: Duration) -> Duration {
    let mut bytes = [0; 4];
    // Without randomness the whole is taken: slower, never rude.
    if getrandom::fill(&mut bytes).is_err() {
        return of;
    }
    of.mul_f64(f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX))
}
