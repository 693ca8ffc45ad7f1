//! Plain connections for the gateway. Owns the handshakes with proxies; its one invariant: it connects to permitted
//! addresses or to the configured proxy, to nothing else.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use url::Host;

use super::client::Inner;
use super::failure::innermost;
use super::guard::Refusal;
use super::head::{Head, basic};
use super::proxy::{Kind, Proxy};
use super::{Error, now};
use crate::secret::Secret;

/// A connection; buffered, since what follows a handshake may have come with it.
pub(super) type Stream = BufReader<TcpStream>;

/// The port of ssh: refused to the client, which does not speak it, but not to git.
const SSH: u16 = 22;

/// Where somebody wants to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: Host<String>,
    pub(super) port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Target {
    /// Reads `host:port`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = digits.then(|| port.parse().ok()).flatten().filter(|&port| port > 0)?;
        Some(Self { host: Host::parse(host).ok()?, port })
    }

    fn unavailable(&self, why: impl Into<String>) -> Error {
        Error::Unavailable { host: self.to_string(), why: why.into() }
    }
}

impl Inner {
    /// Checks a target, waits for its turn.
    pub(super) async fn admit(&self, target: &Target) -> Result<(), Error> {
        self.resolver.guard.check_host(&target.host)?;
        if target.port != SSH {
            self.resolver.guard.check_port(&target.host, target.port)?;
        }
        let host = target.to_string();
        self.check_pause(&host, now()).map_err(|failure| failure.error)?;
        // The turn is not kept: git opens a second connection while it holds the first.
        drop(self.pace.turn(&host).await);
        self.check_pause(&host, now()).map_err(|failure| failure.error)
    }

    /// Connects end to end, through the proxy if there is one.
    pub(super) async fn dial(&self, target: &Target) -> Result<Stream, Error> {
        self.patiently(target, async {
            let Some(proxy) = &self.proxy else { return self.direct(target).await };
            let mut stream = self.to_proxy(target, proxy).await?;
            let done = match proxy.kind {
                Kind::Http | Kind::Https => connect(&mut stream, target, proxy.auth.as_ref()).await,
                Kind::Socks => socks(&mut stream, target, proxy.auth.as_ref()).await,
            };
            done.map_err(|error| {
                target.unavailable(format!("the proxy did not connect: {}", innermost(&error)))
            })?;
            Ok(stream)
        })
        .await
    }

    /// Connects to where a plain request is to be sent: to the proxy itself, if that forwards requests.
    pub(super) async fn dial_for_request(
        &self,
        target: &Target,
    ) -> Result<(Stream, Option<&Proxy>), Error> {
        match self.proxy.as_ref().filter(|proxy| proxy.kind != Kind::Socks) {
            Some(proxy) => {
                Ok((self.patiently(target, self.to_proxy(target, proxy)).await?, Some(proxy)))
            }
            None => Ok((self.dial(target).await?, None)),
        }
    }

    async fn patiently(
        &self,
        target: &Target,
        dialling: impl Future<Output = Result<Stream, Error>>,
    ) -> Result<Stream, Error> {
        // As the client: connecting may take `stall`, and so may a proxy's answer.
        let dialled = tokio::time::timeout(2 * self.settings.stall, dialling).await;
        dialled.unwrap_or_else(|_| Err(target.unavailable("connecting took too long")))
    }

    async fn direct(&self, target: &Target) -> Result<Stream, Error> {
        let addresses = match &target.host {
            Host::Domain(name) => {
                self.resolver.lookup(name, target.port).await.map_err(|error| {
                    match error.downcast::<Refusal>() {
                        Ok(refusal) => (*refusal).into(),
                        Err(error) => target.unavailable(innermost(error.as_ref())),
                    }
                })?
            }
            Host::Ipv4(address) => vec![SocketAddr::from((*address, target.port))],
            Host::Ipv6(address) => vec![SocketAddr::from((*address, target.port))],
        };
        let stream = TcpStream::connect(addresses.as_slice()).await;
        let stream = stream.map_err(|error| target.unavailable(innermost(&error)))?;
        let peer = stream.peer_addr().map_err(|error| target.unavailable(innermost(&error)))?;
        self.resolver.guard.check_address(peer.ip())?;
        Ok(ready(stream))
    }

    async fn to_proxy(&self, target: &Target, proxy: &Proxy) -> Result<Stream, Error> {
        if proxy.kind == Kind::Https {
            let what =
                "git cannot go through an `https://` proxy; configure `http://` or `socks5h://`"
                    .to_owned();
            return Err(Error::Misconfigured { what });
        }
        let host = proxy.host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, proxy.port)).await;
        let stream = stream
            .map_err(|error| target.unavailable(format!("the proxy: {}", innermost(&error))))?;
        Ok(ready(stream))
    }
}

fn ready(stream: TcpStream) -> Stream {
    // Small messages go back and forth while git negotiates. Without it they are slower, no worse.
    stream.set_nodelay(true).ok();
    BufReader::new(stream)
}

/// Asks an HTTP proxy for a connection; leaves the stream right behind its answer.
pub(super) async fn connect(
    stream: &mut Stream,
    target: &Target,
    auth: Option<&(String, Secret)>,
) -> io::Result<()> {
    let start = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n");
    let request = Secret::new(match auth {
        Some((user, password)) => {
            format!("{start}proxy-authorization: {}\r\n\r\n", basic(user, password).reveal())
        }
        None => format!("{start}\r\n"),
    });
    stream.write_all(request.reveal().as_bytes()).await?;
    let head = Head::read(stream).await.map_err(io::Error::other)?;
    match head.status() {
        Some(200..=299) => Ok(()),
        Some(status) => Err(io::Error::other(format!("status {status}"))),
        None => Err(io::Error::other("it does not speak HTTP")),
    }
}

/// Asks a SOCKS 5 proxy for a connection (RFC 1928, RFC 1929), by name where there is one.
async fn socks(
    stream: &mut Stream,
    target: &Target,
    auth: Option<&(String, Secret)>,
) -> io::Result<()> {
    const VERSION: u8 = 5;
    let method = if auth.is_some() { 2 } else { 0 };
    stream.write_all(&[VERSION, 1, method]).await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    if chosen != [VERSION, method] {
        return Err(io::Error::other("it wants to be signed in to in another way"));
    }
    if let Some((user, password)) = auth {
        let mut message = vec![1];
        push_short(&mut message, user)?;
        push_short(&mut message, password.reveal())?;
        let message = zeroize::Zeroizing::new(message);
        stream.write_all(&message).await?;
        stream.read_exact(&mut chosen).await?;
        if chosen[1] != 0 {
            return Err(io::Error::other("it does not accept user and password"));
        }
    }
    let mut message = vec![VERSION, 1, 0];
    match &target.host {
        Host::Ipv4(address) => message.extend([&[1], address.octets().as_slice()].concat()),
        Host::Ipv6(address) => message.extend([&[4], address.octets().as_slice()].concat()),
        Host::Domain(name) => {
            message.push(3);
            push_short(&mut message, name)?;
        }
    }
    message.extend(target.port.to_be_bytes());
    stream.write_all(&message).await?;
    let mut reply = [0; 4];
    stream.read_exact(&mut reply).await?;
    if reply[..2] != [VERSION, 0] {
        return Err(io::Error::other(format!("SOCKS reply {}", reply[1])));
    }
    // The address it connected from is of no use here.
    let rest = match reply[3] {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await?),
        _ => return Err(io::Error::other("it does not speak SOCKS")),
    };
    let mut unused = [0; 255 + 2];
    stream.read_exact(&mut unused[..rest + 2]).await?;
    Ok(())
}

fn push_short(message: &mut Vec<u8>, text: &str) -> io::Result<()> {
    let length = u8::try_from(text.len())
        .map_err(|_| io::Error::other("a name or password is too long for SOCKS"))?;
    message.push(length);
    message.extend_from_slice(text.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_strictly() {
        for (text, expected) in [
            ("example.com:443", Some("example.com:443")),
            ("EXAMPLE.com:022", Some("example.com:22")),
            ("127.1:80", Some("127.0.0.1:80")),
            ("[::1]:80", Some("[::1]:80")),
            ("example.com", None),
            ("example.com:", None),
            ("example.com:0", None),
            ("example.com:+80", None),
            ("example.com:65536", None),
            ("user@example.com:80", None),
            ("exa mple.com:80", None),
            (":80", None),
            ("::1:80", None),
        ] {
            let found = Target::parse(text).map(|target| target.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
