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

#[cfg(test)]
mod tests {
    use super::super::Request;
    use super::super::stand::{Socks, Stand, client, header, ok};
    use super::*;
    use crate::fs::body_bytes;

    fn auth() -> (String, Secret) {
        ("scout".to_owned(), Secret::new("hunter2".to_owned()))
    }

    #[tokio::test]
    async fn an_http_proxy_is_given_the_address_unresolved() {
        let site = Stand::answering(|_, _| ok("", "through")).await;
        let (client, _dir) = client(|settings| {
            settings.proxy = Some(site.url("/"));
            settings.proxy_auth = Some(auth());
            // The proxy's own address needs no allowance.
            settings.allow.clear();
        });
        let url: Url = "http://no-such-name.example/a?b".parse().unwrap();
        let response = client.send(Request::get(url)).await.unwrap();
        assert_eq!(body_bytes(&response.body).unwrap(), "through");
        let seen = &site.seen()[0];
        assert!(seen.starts_with("GET http://no-such-name.example/a?b HTTP/1.1\r\n"), "{seen}");
        assert_eq!(header(seen, "proxy-authorization").unwrap(), "Basic c2NvdXQ6aHVudGVyMg==");
        assert_eq!(response.exchange.peer, None);
        assert_eq!(response.exchange.proxy, Some(format!("http://{}", site.address)));
        assert!(!format!("{:?} {client:?}", response.exchange).contains("hunter2"));
        // Nor is it a way around the guard.
        for url in
            ["http://127.0.0.1/", "http://localhost/", "http://10.0.0.1/", "http://abcdef.onion/"]
        {
            let error = client.send(Request::get(url.parse().unwrap())).await.unwrap_err();
            assert!(matches!(error, Error::Forbidden { .. }), "{url}: {error}");
        }
        assert_eq!(site.seen().len(), 1);
    }

    #[tokio::test]
    async fn a_socks_proxy_is_given_the_name_unresolved_and_knows_onions() {
        let site = Stand::answering(|_, _| ok("", "through")).await;
        let socks = Socks::leading_to(site.address).await;
        let (client, _dir) = client(|settings| {
            settings.proxy = Some(format!("socks5h://{}", socks.address).parse().unwrap());
            settings.proxy_auth = Some(auth());
            settings.allow.clear();
        });
        for url in ["http://no-such-name.example/", "http://abcdef.onion:81/"] {
            let response = client.send(Request::get(url.parse().unwrap())).await.unwrap();
            assert_eq!(
                (body_bytes(&response.body).unwrap(), response.exchange.peer),
                ("through".into(), None)
            );
        }
        let expected = [
            "scout:hunter2 type 3 no-such-name.example:80",
            "scout:hunter2 type 3 abcdef.onion:81",
        ];
        assert_eq!(socks.seen(), expected);
        assert!(matches!(
            client.send(Request::get("http://192.168.0.1/".parse().unwrap())).await,
            Err(Error::Forbidden { .. })
        ));
    }

    #[tokio::test]
    async fn a_proxy_that_is_not_there_is_unavailable() {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for scheme in ["http", "https", "socks5h"] {
            let (client, _dir) = client(|settings| {
                settings.proxy = Some(format!("{scheme}://{address}").parse().unwrap());
            });
            let error = client
                .send(Request::get("http://example.com/".parse().unwrap()))
                .await
                .unwrap_err();
            assert!(matches!(error, Error::Unavailable { .. }), "{scheme}: {error}");
        }
    }
}
