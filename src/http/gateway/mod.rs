//! A proxy on loopback for programs that make connections of their own: git, and ssh below it.
//!
//! Stub body for the moment; names are settled.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Client, Error};
use crate::secret::Secret;

/// What may pass a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes received from outside, over all connections.
    pub bytes: u64,
    /// How long one connection may last.
    pub time: Duration,
}

/// A forward proxy on 127.0.0.1 for one child process; dropping it ends it and all its connections.
#[derive(Debug)]
pub struct Gateway {}

impl Gateway {
    /// Opens it; what is connected to through it obeys the client's guard, pacing, pauses and proxy.
    pub async fn start(client: &Client, limits: Limits) -> Result<Self, Error> {
        let _ = (client, limits);
        todo!()
    }

    /// `http://user:password@127.0.0.1:port`, for the child's environment (`http_proxy`, `https_proxy`; and for
    /// [`tunnel`], in a variable of the caller's choice). Never for its arguments, which others can read.
    pub fn proxy_url(&self) -> Secret {
        todo!()
    }

    /// Bytes received from outside so far.
    pub fn received(&self) -> u64 {
        todo!()
    }

    /// Why a connection was last refused or failed: git itself only says "received HTTP code 403 from proxy".
    pub fn take_error(&self) -> Option<Error> {
        todo!()
    }
}

/// For ssh's `ProxyCommand`: connects to `host:port` through the gateway at `proxy_url` (see [`Gateway::proxy_url`])
/// and copies both ways until one side ends. Runs in a child process, with its standard input and output.
pub async fn tunnel(
    proxy_url: &Secret,
    host: &str,
    port: u16,
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin,
) -> Result<(), Error> {
    let _ = (proxy_url, host, port, input, output);
    todo!()
}
