//! A proxy on loopback for programs that make connections of their own: git, and ssh below it.
//!
//! Owns its listener and its connections. Its one invariant: what passes obeys the client's guard, pacing, pauses
//! and proxy, and only those who were told the credential can make it pass. It cannot see into TLS, nor need it.
//!
//! git over `https` asks for a tunnel (CONNECT), over `http` for the forwarding of single requests; ssh is given
//! [`tunnel`] as its `ProxyCommand`. Useful beside it: `http.proxyAuthMethod=basic`, which spares git one round, and
//! an empty `no_proxy`, lest loopback addresses go around it.

mod forward;
mod splice;
mod tunnel;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::client::Inner;
use super::dial::{Stream, Target};
use super::head::{Head, HeadError, basic};
use super::{Client, Error, now};
use crate::secret::Secret;

pub use tunnel::tunnel;

/// The user of every credential; the password is what counts.
const USER: &str = "gateway";
/// Connections at the same time; git needs one or two.
const AT_ONCE: usize = 16;

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
pub struct Gateway {
    address: SocketAddr,
    password: Secret,
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    inner: Arc<Inner>,
    limits: Limits,
    /// Digest of the header that opens it: digests are compared in constant time.
    credential: blake3::Hash,
    received: AtomicU64,
    error: Mutex<Option<Error>>,
}

impl Gateway {
    /// Opens it; what is connected to through it obeys the client's guard, pacing, pauses and proxy.
    pub async fn start(client: &Client, limits: Limits) -> Result<Self, Error> {
        let cannot = |why: String| Error::Unavailable { host: "127.0.0.1".to_owned(), why };
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| cannot(format!("no randomness: {error}")))?;
        let password = Secret::new(blake3::Hash::from_bytes(random).to_hex().to_string());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener =
            listener.map_err(|error| cannot(format!("no port to listen on: {error}")))?;
        let address = listener.local_addr().map_err(|error| cannot(error.to_string()))?;
        let shared = Arc::new(Shared {
            inner: Arc::clone(&client.inner),
            limits,
            credential: blake3::hash(basic(USER, &password).reveal().as_bytes()),
            received: AtomicU64::new(0),
            error: Mutex::new(None),
        });
        let mut task = JoinSet::new();
        task.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, password, shared, _task: task })
    }

    /// `http://user:password@127.0.0.1:port`, for the child's environment (`http_proxy`, `https_proxy`; and for
    /// [`tunnel`], in a variable of the caller's choice). Never for its arguments, which others can read.
    pub fn proxy_url(&self) -> Secret {
        Secret::new(format!("http://{USER}:{}@{}", self.password.reveal(), self.address))
    }

    /// Bytes received from outside so far.
    pub fn received(&self) -> u64 {
        self.shared.received.load(Ordering::Relaxed)
    }

    /// Why a connection was last refused, failed or cut: git itself only says "received HTTP code 403 from proxy".
    pub fn take_error(&self) -> Option<Error> {
        self.shared.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Takes connections until it is dropped, and them with it.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    /// After a failure to accept, such as too many open files.
    const REST: Duration = Duration::from_millis(50);
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= AT_ONCE {
            connections.join_next().await;
        }
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { connections.spawn(serve(Arc::clone(&shared), stream)); }
                Err(_) => tokio::time::sleep(REST).await,
            },
        }
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    stream.set_nodelay(true).ok();
    let mut child = BufReader::new(stream);
    let stall = shared.inner.settings.stall;
    let head = match timeout(stall, Head::read(&mut child)).await {
        Ok(Ok(head)) => head,
        Ok(Err(HeadError::Malformed(_))) => return say(&mut child, "400 Bad Request", "").await,
        Ok(Err(HeadError::Ended)) | Err(_) => return,
    };
    if !shared.opens(&head) {
        let ask = "proxy-authenticate: Basic realm=\"leakwarden\"\r\n";
        return say(&mut child, "407 Proxy Authentication Required", ask).await;
    }
    let limit = shared.limits.time;
    let served = timeout(limit, shared.answer(&mut child, head)).await;
    let error = match served {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        Err(_) => {
            let why = format!("a connection lasted longer than {} s", limit.as_secs());
            Error::Unavailable { host: "the gateway".to_owned(), why }
        }
    };
    tracing::debug!(%error, "the gateway refused or cut a connection");
    shared.remember(error);
}

impl Shared {
    fn opens(&self, head: &Head) -> bool {
        let given = head.value("proxy-authorization").unwrap_or_default();
        blake3::hash(given.as_bytes()) == self.credential
    }

    fn remember(&self, error: Error) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// Does what the child asks for.
    async fn answer(&self, child: &mut Stream, head: Head) -> Result<(), Error> {
        let words: Vec<&str> = head.start.split(' ').collect();
        let &[method, target, "HTTP/1.1" | "HTTP/1.0"] = words.as_slice() else {
            say(child, "400 Bad Request", "").await;
            return Ok(());
        };
        if method != "CONNECT" {
            return forward::forward(self, child, &head).await;
        }
        let Some(target) = Target::parse(target) else {
            say(child, "400 Bad Request", "").await;
            return Ok(());
        };
        let mut outside = match self.open(&target).await {
            Ok(outside) => outside,
            Err(error) => return self.refuse(child, error).await,
        };
        if child.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.is_err() {
            return Ok(());
        }
        splice::both_ways(self, &target, child, &mut outside).await
    }

    async fn open(&self, target: &Target) -> Result<Stream, Error> {
        self.inner.admit(target).await?;
        self.inner.dial(target).await
    }

    /// Tells the child that it cannot be, as far as a status can, and hands the reason on.
    async fn refuse(&self, child: &mut Stream, error: Error) -> Result<(), Error> {
        let (status, more) = match &error {
            Error::Forbidden { .. } => ("403 Forbidden", String::new()),
            Error::RateLimited { until, .. } => {
                let seconds = until.duration_since(now()).as_secs().max(1);
                ("429 Too Many Requests", format!("retry-after: {seconds}\r\n"))
            }
            _ => ("502 Bad Gateway", String::new()),
        };
        say(child, status, &more).await;
        Err(error)
    }
}

/// An answer without a body; nobody minds if the child does not wait for it.
async fn say(child: &mut Stream, status: &str, more: &str) {
    let answer =
        format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n{more}\r\n");
    child.write_all(answer.as_bytes()).await.ok();
    child.shutdown().await.ok();
}
