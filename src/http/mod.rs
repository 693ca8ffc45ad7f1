//! The only outbound connections: pacing, retries, validators, caps, address guard, proxies.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use url::Url;

use crate::model::batch::Validator;
use crate::model::document::{Body, Exchange};
use crate::secret::Secret;

/// How the client behaves towards the world.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A mail address or web address put into the User-Agent.
    pub contact: Option<String>,
    /// Private addresses that may be reached all the same.
    pub allow: Vec<IpNet>,
    /// The least time between two requests to one host.
    pub pace: Duration,
    /// The least time between two requests to certain hosts.
    pub pace_by_host: Vec<(String, Duration)>,
    /// Connecting and each read must make progress within this time.
    pub stall: Duration,
    /// One exchange must be over within this time.
    pub total: Duration,
    /// Bytes of one body, after decompression.
    pub max_body: u64,
    /// Redirects followed.
    pub max_redirects: u32,
    /// Attempts at one request before it counts as failed.
    pub attempts: u32,
    /// A proxy for everything: `http://`, `https://` or `socks5h://`.
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
    /// Headers beyond the client's own.
    pub headers: Vec<(String, Secret)>,
    /// What to ask "has it changed?" with.
    pub validator: Option<Validator>,
    /// A body to post; a GET without one.
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
    /// How it went, for the evidence.
    pub exchange: Exchange,
    /// The body, decompressed, up to the cap; empty for 304.
    pub body: Body,
    /// Whether the cap cut the body off.
    pub truncated: bool,
    /// Whether the server said that nothing has changed.
    pub not_modified: bool,
    /// The declared media type.
    pub media_type: Option<String>,
    /// What to ask with the next time.
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
    /// The body could not be spooled.
    #[error(transparent)]
    Spool(#[from] crate::fs::Error),
}

/// A host that asked to be left alone for a while. Kept in the record, so that a restart does not forget it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pause {
    /// The host with its port.
    pub host: String,
    /// Until when.
    pub until: Timestamp,
}

/// The client; cheap to clone, all clones share their pacing.
#[derive(Debug, Clone)]
pub struct Client {
    _inner: Arc<()>,
}

impl Client {
    /// Makes a client.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let _ = settings;
        todo!()
    }

    /// Sends a request, waits for its turn, follows redirects, retries what is worth it.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let _ = request;
        todo!()
    }

    /// The hosts that asked to be left alone, for the record.
    pub fn pauses(&self) -> Vec<Pause> {
        todo!()
    }

    /// Puts back what was recorded before a restart.
    pub fn restore(&self, pauses: Vec<Pause>) {
        let _ = pauses;
        todo!()
    }
}

/// Whether an address may be connected to without being allowed expressly. Pure.
pub fn is_public(address: IpAddr) -> bool {
    let _ = address;
    todo!()
}
