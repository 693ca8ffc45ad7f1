//! A proxy on loopback for programs that make connections of their own: git, and ssh below it.
//!
//! Owns its listener and its connections. Its one invariant: what passes obeys the client's guard, pacing, pauses
//! and proxy, and only those who were told the credential can make it pass. It cannot see into TLS, nor need it.
//!
//! git over `https` asks for a tunnel (CONNECT), over `http` for the forwarding of single requests; ssh is given
//! [`tunnel()`] as its `ProxyCommand`. Useful beside it: `http.proxyAuthMethod=basic`, which spares git one round, an
//! empty `no_proxy`, lest some addresses go around it, and `http.userAgent`, since what is forwarded keeps git's own.

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
    /// [`tunnel()`], in a variable of the caller's choice). Never for its arguments, which others can read.
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::http::Settings;
    use crate::http::stand::{Act, Socks, Stand, client, empty, header, ok};

    const LIMITS: Limits = Limits { bytes: 1 << 20, time: Duration::from_secs(5) };

    struct Setup {
        gateway: Gateway,
        client: Client,
        _dir: tempfile::TempDir,
    }

    async fn setup(limits: Limits, change: impl FnOnce(&mut Settings)) -> Setup {
        let (client, dir) = client(change);
        Setup { gateway: Gateway::start(&client, limits).await.unwrap(), client, _dir: dir }
    }

    impl Setup {
        fn credential(&self) -> String {
            format!("proxy-authorization: {}\r\n", basic(USER, &self.gateway.password).reveal())
        }

        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.gateway.address).await.unwrap()
        }

        /// Sends a request with the credential and reads everything that comes back.
        async fn ask(&self, start: &str, rest: &str) -> String {
            let mut stream = self.connect().await;
            let request = format!("{start}\r\n{}{rest}", self.credential());
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok();
            answer
        }
    }

    #[tokio::test]
    async fn without_the_credential_nothing_passes() {
        let site = Stand::answering(|_, _| ok("", "secret")).await;
        let setup = setup(LIMITS, |_| ()).await;
        let wrong = basic(USER, &Secret::new("guess".to_owned()));
        let twice = setup.credential().repeat(2);
        for given in [String::new(), format!("Proxy-Authorization: {}\r\n", wrong.reveal()), twice]
        {
            for start in [
                format!("CONNECT {} HTTP/1.1", site.address),
                format!("GET {} HTTP/1.1", site.url("/")),
            ] {
                let mut stream = setup.connect().await;
                stream.write_all(format!("{start}\r\n{given}\r\n").as_bytes()).await.unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.unwrap();
                assert!(answer.starts_with("HTTP/1.1 407 "), "{answer}");
                assert_eq!(
                    header(&answer, "proxy-authenticate").unwrap(),
                    "Basic realm=\"leakwarden\""
                );
            }
        }
        assert!(site.seen().is_empty());
        let url = url::Url::parse(setup.gateway.proxy_url().reveal()).unwrap();
        assert_eq!((url.username(), url.password().unwrap().len()), (USER, 64));
        assert!(!format!("{:?}", setup.gateway).contains(url.password().unwrap()));
    }

    #[tokio::test]
    async fn a_tunnel_carries_bytes_both_ways_and_counts_what_comes_in() {
        let site = Stand::answering(|_, _| "pong".to_owned()).await;
        let setup = setup(LIMITS, |_| ()).await;
        let connect = format!("CONNECT localhost:{} HTTP/1.1", site.address.port());
        let answer = setup.ask(&connect, "host: x\r\n\r\nping\r\n\r\n").await;
        assert_eq!(answer, "HTTP/1.1 200 Connection established\r\n\r\npong");
        assert_eq!(site.seen(), ["ping\r\n\r\n"]);
        assert_eq!(setup.gateway.received(), 4);
        assert!(setup.gateway.take_error().is_none());
    }

    #[tokio::test]
    async fn what_the_guard_forbids_is_refused_with_the_reason() {
        let inside =
            Stand::acting("127.0.0.2", |_, _| vec![Act::Send(ok("", "inside").into_bytes())]).await;
        let setup = setup(LIMITS, |_| ()).await;
        let (connect, get) =
            (format!("CONNECT {}", inside.address), format!("GET {}", inside.url("/")));
        for request in [
            connect.as_str(),
            &get,
            "CONNECT 169.254.169.254:80",
            "CONNECT [::1]:443",
            "CONNECT 2130706434:443",
            "CONNECT [::ffff:127.0.0.1]:443",
            "CONNECT abcdef.onion:443",
            "CONNECT 8.8.8.8:25",
            "GET http://10.0.0.1/",
            "GET http://8.8.8.8:22/",
            "GET http://user@127.0.0.1/",
        ] {
            let answer = setup.ask(&format!("{request} HTTP/1.1"), "\r\n").await;
            assert!(answer.starts_with("HTTP/1.1 403 "), "{request}: {answer}");
            let error = setup.gateway.take_error();
            assert!(matches!(error, Some(Error::Forbidden { .. })), "{request}: {error:?}");
        }
        assert!(inside.seen().is_empty());
        assert!(setup.gateway.take_error().is_none(), "taken once");
    }

    #[tokio::test]
    async fn what_is_no_request_for_a_proxy_is_refused() {
        let setup = setup(LIMITS, |_| ()).await;
        for (start, rest) in [
            ("GET / HTTP/1.1", "\r\n"),
            ("GET https://127.0.0.1/ HTTP/1.1", "\r\n"),
            ("GET file:///etc/passwd HTTP/1.1", "\r\n"),
            ("DELETE http://127.0.0.1/ HTTP/1.1", "\r\n"),
            ("GET http://127.0.0.1/ HTTP/2", "\r\n"),
            ("GET  http://127.0.0.1/ HTTP/1.1", "\r\n"),
            ("CONNECT 127.0.0.1 HTTP/1.1", "\r\n"),
            ("CONNECT 127.0.0.1:x HTTP/1.1", "\r\n"),
            (
                "POST http://127.0.0.1/ HTTP/1.1",
                "content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            ),
            ("POST http://127.0.0.1/ HTTP/1.1", "content-length: 1\r\ncontent-length: 1\r\n\r\n"),
            ("POST http://127.0.0.1/ HTTP/1.1", "content-length: +1\r\n\r\n"),
            ("POST http://127.0.0.1/ HTTP/1.1", "transfer-encoding: gzip, chunked\r\n\r\n"),
            ("GET http://127.0.0.1/ HTTP/1.1", "a : b\r\n\r\n"),
        ] {
            let answer = setup.ask(start, rest).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{start} {rest:?}: {answer:?}");
        }
    }

    #[tokio::test]
    async fn a_plain_request_is_forwarded_once_without_what_was_meant_for_the_proxy() {
        let site = Stand::answering(|_, _| {
            format!(
                "HTTP/1.1 100 Continue\r\n\r\n{}",
                ok("keep-alive: timeout=5\r\nx-a: b\r\n", "pack")
            )
        })
        .await;
        let setup = setup(LIMITS, |_| ()).await;
        let start = format!("POST {} HTTP/1.1", site.url("/repo.git/git-upload-pack?x=y"));
        let second = "GET http://127.0.0.1/second HTTP/1.1\r\n\r\n";
        let rest = format!(
            "host: elsewhere\r\nproxy-connection: keep-alive\r\nx-c: d\r\ncontent-length: 4\r\n\r\nwant{second}"
        );
        let answer = setup.ask(&start, &rest).await;
        assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\npack") && answer.contains("x-a: b\r\n"), "{answer}");
        assert_eq!(
            (header(&answer, "connection"), header(&answer, "keep-alive")),
            (Some("close".to_owned()), None)
        );
        let seen = &site.seen()[0];
        assert!(seen.starts_with("POST /repo.git/git-upload-pack?x=y HTTP/1.1\r\n"), "{seen}");
        assert!(seen.ends_with("\r\n\r\nwant"), "{seen}");
        assert_eq!(header(seen, "host"), Some(site.address.to_string()));
        assert_eq!(
            (header(seen, "x-c").as_deref(), header(seen, "connection").as_deref()),
            (Some("d"), Some("close"))
        );
        assert!(!seen.to_ascii_lowercase().contains("proxy-"), "{seen}");
        let start = format!("POST {} HTTP/1.1", site.url("/"));
        setup
            .ask(
                &start,
                "transfer-encoding: chunked\r\ncontent-type: x\r\n\r\n4\r\nwant\r\n0\r\n\r\n",
            )
            .await;
        assert_eq!(header(&site.seen()[1], "transfer-encoding").as_deref(), Some("chunked"));
    }

    #[tokio::test]
    async fn bytes_and_time_are_limited() {
        let site = Stand::acting("127.0.0.1", |_, _| {
            vec![Act::Endless(vec![b'x'; 8_192], Duration::ZERO)]
        })
        .await;
        let silent =
            Stand::acting("127.0.0.1", |_, _| vec![Act::Wait(Duration::from_secs(20))]).await;
        let limits = Limits { bytes: 100_000, time: Duration::from_millis(300) };
        let setup = setup(limits, |_| ()).await;
        let answer = setup.ask(&format!("CONNECT {} HTTP/1.1", site.address), "\r\n\r\n\r\n").await;
        assert!(answer.len() < 200_000, "{}", answer.len());
        let error = setup.gateway.take_error().unwrap().to_string();
        assert!(error.ends_with("it sent more than 100000 bytes"), "{error}");
        setup.ask(&format!("CONNECT {} HTTP/1.1", silent.address), "\r\n\r\n\r\n").await;
        let error = setup.gateway.take_error().unwrap().to_string();
        assert!(error.contains("a connection lasted longer than"), "{error}");
    }

    #[tokio::test]
    async fn pauses_and_pace_hold_for_the_gateway_too() {
        let site =
            Stand::answering(|_, _| empty("429 Too Many Requests", "retry-after: 120\r\n")).await;
        let setup = setup(LIMITS, |settings| settings.pace = Duration::from_millis(150)).await;
        let get = format!("GET {} HTTP/1.1", site.url("/"));
        assert!(setup.ask(&get, "\r\n").await.starts_with("HTTP/1.1 429 "));
        assert!(matches!(setup.gateway.take_error(), Some(Error::RateLimited { .. })));
        assert_eq!(setup.client.pauses()[0].host, site.address.to_string());
        for start in [get, format!("CONNECT {} HTTP/1.1", site.address)] {
            let answer = setup.ask(&start, "\r\n").await;
            assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
            assert!(
                header(&answer, "retry-after").unwrap().parse::<u32>().unwrap() > 100,
                "{answer}"
            );
        }
        assert_eq!(site.seen().len(), 1);
        let site = Stand::answering(|_, _| ok("", "x")).await;
        let get = format!("GET {} HTTP/1.1", site.url("/"));
        let started = std::time::Instant::now();
        setup.ask(&get, "\r\n").await;
        setup.ask(&get, "\r\n").await;
        assert!(started.elapsed() >= Duration::from_millis(150));
    }

    #[tokio::test]
    async fn a_proxy_behind_the_gateway_is_given_names_unresolved() {
        let site = Stand::answering(|_, request| {
            if request.starts_with("CONNECT") {
                "HTTP/1.1 200 OK\r\nvia: x\r\n\r\nbanner".to_owned()
            } else {
                ok("", "plain")
            }
        })
        .await;
        let auth = || Some(("scout".to_owned(), Secret::new("hunter2".to_owned())));
        let http = setup(LIMITS, |settings| {
            settings.proxy = Some(site.url("/"));
            settings.proxy_auth = auth();
        })
        .await;
        assert!(
            http.ask("CONNECT git.example:22 HTTP/1.1", "\r\n")
                .await
                .ends_with("established\r\n\r\nbanner")
        );
        assert!(http.ask("GET http://git.example/a?b HTTP/1.1", "\r\n").await.ends_with("plain"));
        let seen = site.seen();
        assert!(seen[0].starts_with("CONNECT git.example:22 HTTP/1.1\r\n"), "{}", seen[0]);
        assert!(seen[1].starts_with("GET http://git.example/a?b HTTP/1.1\r\n"), "{}", seen[1]);
        for request in &seen {
            assert_eq!(
                header(request, "proxy-authorization").unwrap(),
                "Basic c2NvdXQ6aHVudGVyMg=="
            );
        }
        let socks = Socks::leading_to(site.address).await;
        let socks_setup = setup(LIMITS, |settings| {
            settings.proxy = Some(format!("socks5h://{}", socks.address).parse().unwrap());
            settings.proxy_auth = auth();
        })
        .await;
        assert!(socks_setup.ask("GET http://git.onion/ HTTP/1.1", "\r\n").await.ends_with("plain"));
        socks_setup.ask("CONNECT 8.8.8.8:443 HTTP/1.1", "\r\nhello\r\n\r\n").await;
        assert_eq!(
            socks.seen(),
            ["scout:hunter2 type 3 git.onion:80", "scout:hunter2 type 1 8.8.8.8:443"]
        );
    }

    #[tokio::test]
    async fn a_proxy_that_refuses_is_said_so() {
        let site = Stand::answering(|_, _| empty("407 Proxy Authentication Required", "")).await;
        let setup = setup(LIMITS, |settings| settings.proxy = Some(site.url("/"))).await;
        assert!(
            setup
                .ask("CONNECT git.example:443 HTTP/1.1", "\r\n")
                .await
                .starts_with("HTTP/1.1 502 ")
        );
        let error = setup.gateway.take_error().unwrap().to_string();
        assert_eq!(
            error,
            "`git.example:443` cannot be reached: the proxy did not connect: status 407"
        );
    }

    #[tokio::test]
    async fn the_near_end_of_a_tunnel_copies_between_ssh_and_the_far_side() {
        let site = Stand::answering(|_, request| format!("SSH-2.0-stand {request}")).await;
        let setup = setup(LIMITS, |_| ()).await;
        let url = setup.gateway.proxy_url();
        let mut output = Vec::new();
        tunnel(
            &url,
            "127.0.0.1",
            site.address.port(),
            b"SSH-2.0-near\r\n\r\n".as_slice(),
            &mut output,
        )
        .await
        .unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), "SSH-2.0-stand SSH-2.0-near\r\n\r\n");
        let refused =
            tunnel(&url, "127.0.0.2", 22, tokio::io::empty(), Vec::new()).await.unwrap_err();
        assert_eq!(refused.to_string(), "`127.0.0.2:22` cannot be reached: status 403");
        assert!(matches!(setup.gateway.take_error(), Some(Error::Forbidden { .. })));
    }

    #[tokio::test]
    async fn dropping_the_gateway_ends_its_connections() {
        let silent =
            Stand::acting("127.0.0.1", |_, _| vec![Act::Wait(Duration::from_secs(20))]).await;
        let setup = setup(LIMITS, |_| ()).await;
        let address = setup.gateway.address;
        let mut open = setup.connect().await;
        let request = format!("CONNECT {} HTTP/1.1\r\n{}\r\n", silent.address, setup.credential());
        open.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 39];
        open.read_exact(&mut answer).await.unwrap();
        drop(setup);
        assert_eq!(open.read(&mut answer).await.unwrap_or(0), 0);
        assert!(TcpStream::connect(address).await.is_err());
    }
}
