//! For tests: servers on loopback that answer as scripted, byte by byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

use super::{Client, Settings};

/// What a server does next.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Does nothing for a while.
    Wait(Duration),
    /// Sends the same bytes for ever, with a rest between.
    Endless(Vec<u8>, Duration),
}

/// A server; it closes the connection after every answer.
#[derive(Debug)]
pub(super) struct Stand {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Stand {
    /// Answers the n-th request, counted from 0, with what `answer` says; it is given the request as text.
    pub(super) async fn acting(
        ip: &str,
        answer: impl Fn(usize, &str) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        let mut tasks = JoinSet::new();
        let log = Arc::clone(&seen);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&log), Arc::clone(&answer)));
            }
        });
        Self { address, seen, _tasks: tasks }
    }

    /// The same with plain bytes.
    pub(super) async fn answering(
        answer: impl Fn(usize, &str) -> String + Send + Sync + 'static,
    ) -> Self {
        Self::acting("127.0.0.1", move |n, request| {
            vec![Act::Send(answer(n, request).into_bytes())]
        })
        .await
    }

    pub(super) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    /// The requests so far.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve<F>(mut stream: TcpStream, log: Arc<Mutex<Vec<String>>>, answer: Arc<F>)
where
    F: Fn(usize, &str) -> Vec<Act>,
{
    let Some(request) = read_request(&mut stream).await else { return };
    let n = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    for act in answer(n, &request) {
        match act {
            Act::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Act::Wait(time) => tokio::time::sleep(time).await,
            Act::Endless(bytes, rest) => {
                while stream.write_all(&bytes).await.is_ok() {
                    tokio::time::sleep(rest).await;
                }
                return;
            }
        }
    }
    stream.shutdown().await.ok();
}

/// A request with its body, if the head tells how long it is.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                header(head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.ok().filter(|&read| read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
    }
}

/// The value of a header in a request as text.
pub(super) fn header(request: &str, name: &str) -> Option<String> {
    request.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

/// An answer with a body.
pub(super) fn ok(headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// An answer without a body.
pub(super) fn empty(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n{headers}\r\n")
}

/// Settings for loopback, quick and small.
pub(super) fn settings(dir: &tempfile::TempDir) -> Settings {
    Settings {
        contact: Some("soc@example.com".to_owned()),
        allow: vec!["127.0.0.1/32".parse().unwrap()],
        pace: Duration::ZERO,
        pace_by_host: Vec::new(),
        stall: Duration::from_secs(2),
        total: Duration::from_secs(8),
        max_body: 1 << 20,
        max_redirects: 4,
        attempts: 1,
        proxy: None,
        proxy_auth: None,
        spool: dir.path().to_owned(),
    }
}

/// A client with settings changed for the test.
pub(super) fn client(change: impl FnOnce(&mut Settings)) -> (Client, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(&dir);
    change(&mut settings);
    (Client::new(settings).unwrap(), dir)
}

/// A SOCKS 5 proxy that writes down what it is asked for and connects to one and the same place.
#[derive(Debug)]
pub(super) struct Socks {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Socks {
    /// Starts it; `to` is where every connection ends up.
    pub(super) async fn leading_to(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let log = Arc::clone(&log);
                connections.spawn(async move {
                    let asked = socks_handshake(&mut stream).await.unwrap();
                    log.lock().unwrap().push(asked);
                    let mut far = TcpStream::connect(to).await.unwrap();
                    tokio::io::copy_bidirectional(&mut stream, &mut far).await.ok();
                });
            }
        });
        Self { address, seen, _tasks: tasks }
    }

    /// What was asked for: `user:password type name:port`.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn socks_handshake(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut methods = vec![
        0;
        {
            stream.read_u8().await?;
            usize::from(stream.read_u8().await?)
        }
    ];
    stream.read_exact(&mut methods).await?;
    let mut user = String::new();
    if methods.contains(&2) {
        stream.write_all(&[5, 2]).await?;
        stream.read_u8().await?;
        user = format!("{}:{} ", short(stream).await?, short(stream).await?);
        stream.write_all(&[1, 0]).await?;
    } else {
        stream.write_all(&[5, 0]).await?;
    }
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let name = match head[3] {
        1 => std::net::Ipv4Addr::from(stream.read_u32().await?).to_string(),
        3 => short(stream).await?,
        4 => std::net::Ipv6Addr::from(stream.read_u128().await?).to_string(),
        other => other.to_string(),
    };
    let port = stream.read_u16().await?;
    // A name as the address bound to: legal and rare.
    stream.write_all(&[5, 0, 0, 3, 1, b'x', 0, 0]).await?;
    Ok(format!("{user}type {} {name}:{port}", head[3]))
}

async fn short(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
