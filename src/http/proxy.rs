//! The configured proxy. Owns how it is named and signed in to; its credentials are never shown.

use url::Url;

use super::guard::Route;
use super::{Error, Settings};
use crate::secret::Secret;

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Absolute addresses and CONNECT.
    Http,
    /// The same inside TLS.
    Https,
    /// SOCKS 5; names travel to the proxy unresolved.
    Socks,
}

/// A proxy for everything.
#[derive(Debug, Clone)]
pub(super) struct Proxy {
    pub(super) kind: Kind,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) auth: Option<(String, Secret)>,
    url: Url,
}

impl Proxy {
    /// Reads it from the settings.
    pub(super) fn from_settings(settings: &Settings) -> Result<Option<Self>, Error> {
        let Some(url) = &settings.proxy else { return Ok(None) };
        let wrong = |what: String| Error::Misconfigured { what };
        let (kind, port) = match url.scheme() {
            "http" => (Kind::Http, 80),
            "https" => (Kind::Https, 443),
            "socks5h" => (Kind::Socks, 1080),
            // `socks5` would resolve names here and so tell the local resolver what we look at.
            other => {
                return Err(wrong(format!(
                    "a proxy cannot be reached by `{other}:`; use `http://`, `https://` or `socks5h://`"
                )));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "the proxy's address has a user name in it; configure user and password apart"
                    .to_owned(),
            ));
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let host =
            host.ok_or_else(|| wrong("the proxy's address names no host".to_owned()))?.to_owned();
        let port = url.port().unwrap_or(port);
        Ok(Some(Self { kind, host, port, auth: settings.proxy_auth.clone(), url: url.clone() }))
    }

    /// How the guard treats names with a proxy or without one.
    pub(super) fn route(proxy: Option<&Self>) -> Route {
        match proxy.map(|proxy| proxy.kind) {
            None => Route::Direct,
            Some(Kind::Http | Kind::Https) => Route::Proxy,
            Some(Kind::Socks) => Route::Socks,
        }
    }

    /// For the client below.
    pub(super) fn for_client(&self) -> Result<reqwest::Proxy, Error> {
        let proxy = reqwest::Proxy::all(self.url.clone()).map_err(|_| Error::Misconfigured {
            what: "the proxy's address is not usable".to_owned(),
        })?;
        Ok(match &self.auth {
            Some((user, password)) => proxy.basic_auth(user, password.reveal()),
            None => proxy,
        })
    }

    /// For the record.
    pub(super) fn shown(&self) -> String {
        format!("{}://{}:{}", self.url.scheme(), self.host, self.port)
    }
}
