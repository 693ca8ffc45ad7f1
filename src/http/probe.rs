//! What can be known of the way out without asking anybody outside.

use std::time::Duration;

use tokio::net::TcpStream;

use super::failure::innermost;
use super::{Client, Error};

/// A proxy that does not answer by then will not.
const PATIENCE: Duration = Duration::from_secs(10);

impl Client {
    /// Whether certificates can be checked: false if the system has no root certificates, and then `https` fails.
    pub fn has_roots(&self) -> bool {
        self.inner.has_roots
    }

    /// Connects to the configured proxy and hangs up; nothing is asked of it. Gives its address without the login, or
    /// none if no proxy is configured.
    pub async fn probe_proxy(&self) -> Result<Option<String>, Error> {
        let Some(proxy) = &self.inner.proxy else { return Ok(None) };
        let failed = |why| Error::Unavailable { host: proxy.shown(), why };
        let host = proxy.host.trim_matches(['[', ']']);
        match tokio::time::timeout(PATIENCE, TcpStream::connect((host, proxy.port))).await {
            Ok(Ok(_connection)) => Ok(Some(proxy.shown())),
            Ok(Err(error)) => Err(failed(innermost(&error))),
            Err(_elapsed) => Err(failed("no answer within 10 seconds".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stand::client;

    #[tokio::test]
    async fn a_proxy_is_there_or_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (behind, _dir) = client(|settings| {
            settings.proxy = Some(format!("socks5h://{address}").parse().unwrap());
        });
        assert_eq!(behind.probe_proxy().await.unwrap(), Some(format!("socks5h://{address}")));
        drop(listener);
        assert!(behind.probe_proxy().await.is_err());
        let (direct, _dir) = client(|_| {});
        assert_eq!(direct.probe_proxy().await.unwrap(), None);
    }
}
