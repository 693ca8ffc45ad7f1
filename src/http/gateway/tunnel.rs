//! The near end of a tunnel, in the process that ssh starts.

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, split};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::splice::{alongside, outward};
use crate::http::Error;
use crate::http::dial::{Target, connect};
use crate::http::failure::innermost;
use crate::secret::Secret;

/// For ssh's `ProxyCommand`: connects to `host:port` through the gateway at `proxy_url` (see
/// [`Gateway::proxy_url`](super::Gateway::proxy_url)) and copies both ways until the far side ends, or the near side
/// did and the far side followed. Runs in a child process, with its standard input and output. Guard, pacing and
/// limits are the gateway's; so are the reasons, in [`Gateway::take_error`](super::Gateway::take_error).
pub async fn tunnel(
    proxy_url: &Secret,
    host: &str,
    port: u16,
    mut input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> Result<(), Error> {
    let misconfigured = |what: &str| Error::Misconfigured { what: what.to_owned() };
    let gateway = Url::parse(proxy_url.reveal())
        .map_err(|_| misconfigured("the gateway's address is not one"))?;
    let (Some(Host::Ipv4(address)), Some(gateway_port)) =
        (gateway.host(), gateway.port_or_known_default())
    else {
        return Err(misconfigured("the gateway's address is not one"));
    };
    let target = Target::parse(&format!("{host}:{port}"))
        .ok_or_else(|| misconfigured("this is no host to connect to"))?;
    let failed = |error: std::io::Error| Error::Unavailable {
        host: target.to_string(),
        why: innermost(&error),
    };
    let stream = TcpStream::connect((address, gateway_port)).await.map_err(failed)?;
    stream.set_nodelay(true).ok();
    let mut stream = BufReader::new(stream);
    let password = Secret::new(gateway.password().unwrap_or_default().to_owned());
    let auth = (gateway.username().to_owned(), password);
    connect(&mut stream, &target, Some(&auth)).await.map_err(failed)?;
    let (mut from, mut to) = split(stream);
    let down = async {
        tokio::io::copy(&mut from, &mut output).await.map_err(failed)?;
        output.flush().await.map_err(failed)
    };
    alongside(outward(&mut input, &mut to), down).await
}
