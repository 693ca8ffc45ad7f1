//! The client: attempts at a request until one succeeds or none will.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;

use super::exchange;
use super::failure::{Again, Failure};
use super::guard::{Guard, Resolver};
use super::limit::{Limit, limit};
use super::pace::Pace;
use super::pause::{Pause, Pauses};
use super::proxy::Proxy;
use super::{Error, Request, Response, Settings, now, random_part};

/// The first delay before another attempt is somewhere below this, each further one below twice as much …
const SHORTEST_DELAY: Duration = Duration::from_millis(250);
/// … but never above this: whoever asked has a longer patience of their own.
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// Header lines of one answer.
const MOST_HEADERS: usize = 100;
/// Bytes of all header lines of one answer.
pub(super) const MOST_HEADER_BYTES: u32 = 64 * 1024;
/// An idle connection is closed after this time.
const IDLE: Duration = Duration::from_secs(20);

/// The client; cheap to clone, all clones share their pacing.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
}

/// What all clones share.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) user_agent: HeaderValue,
    pub(super) resolver: Resolver,
    pub(super) proxy: Option<Proxy>,
    pub(super) pace: Pace,
    pub(super) pauses: Pauses,
    pub(super) web: reqwest::Client,
    pub(super) has_roots: bool,
}

impl Client {
    /// Makes a client. Proxies named by the environment are not used.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        // Already installed is as good: by another client, or by the mail transport.
        rustls::crypto::ring::default_provider().install_default().ok();
        let proxy = Proxy::from_settings(&settings)?;
        let guard = Guard { allow: settings.allow.clone(), route: Proxy::route(proxy.as_ref()) };
        let resolver = Resolver {
            guard: Arc::new(guard),
            proxy_host: proxy.as_ref().map(|proxy| proxy.host.clone()),
        };
        let (web, has_roots) = build(&settings, proxy.as_ref(), &resolver)?;
        let user_agent = user_agent(settings.contact.as_deref())?;
        let pace = Pace::new(settings.pace, &settings.pace_by_host);
        let pauses = Pauses::default();
        let inner = Inner { settings, user_agent, resolver, proxy, pace, pauses, web, has_roots };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Sends a request, waits for its turn, follows redirects, retries what is worth it: connection errors, time-outs
    /// and 5xx, after a short random delay; a post only if nothing arrived. What breaks off midway in every attempt
    /// is given as far as it came, `truncated`, rather than never.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let mut part = None;
        let mut attempt = 1;
        loop {
            let failure = match exchange::attempt(&self.inner, &request).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            part = failure.part.or(part);
            let again = match failure.again {
                Again::Never => false,
                Again::IfHarmless => request.post.is_none(),
                Again::Always => true,
            };
            if !again || attempt >= self.inner.settings.attempts {
                return part.map_or(Err(failure.error), |part| Ok(*part));
            }
            tracing::debug!(http.attempt = attempt, error = %failure.error, "an attempt failed, trying again");
            tokio::time::sleep(delay(attempt)).await;
            attempt += 1;
        }
    }

    /// The hosts that asked to be left alone, for the record.
    pub fn pauses(&self) -> Vec<Pause> {
        self.inner.pauses.list(now())
    }

    /// Puts back what was recorded before a restart.
    pub fn restore(&self, pauses: Vec<Pause>) {
        let now = now();
        for pause in pauses {
            self.inner.pauses.add(pause, now);
        }
    }
}

impl Inner {
    /// Fails if a host, `name:port`, asked to be left alone.
    pub(super) fn check_pause(&self, host: &str, now: Timestamp) -> Result<(), Failure> {
        match self.pauses.until(host, now) {
            None => Ok(()),
            Some(until) => Err(Failure::last(Error::RateLimited { host: host.to_owned(), until })),
        }
    }

    /// Remembers what a host, `name:port`, says about asking again; gives the time if it refused for that reason.
    pub(super) fn heed(
        &self,
        host: &str,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Option<Timestamp> {
        let now = now();
        let limit = limit(status, headers, now);
        if let Limit::Next(until) | Limit::This(until) = limit {
            self.pauses.add(Pause { host: host.to_owned(), until }, now);
        }
        match limit {
            Limit::This(until) => Some(until),
            Limit::Next(_) | Limit::None => None,
        }
    }
}

/// Full jitter: anything between nothing and the doubled delay.
fn delay(attempt: u32) -> Duration {
    let doubled = SHORTEST_DELAY.saturating_mul(2_u32.saturating_pow(attempt - 1));
    random_part(doubled.min(LONGEST_DELAY))
}

fn user_agent(contact: Option<&str>) -> Result<HeaderValue, Error> {
    let name = concat!("leakwarden/", env!("CARGO_PKG_VERSION"));
    let text = contact.map_or_else(|| name.to_owned(), |contact| format!("{name} (+{contact})"));
    HeaderValue::from_str(&text).map_err(|_| Error::Misconfigured {
        what: "the contact cannot stand in a header; use a mail address or a web address"
            .to_owned(),
    })
}

fn build(
    settings: &Settings,
    proxy: Option<&Proxy>,
    resolver: &Resolver,
) -> Result<(reqwest::Client, bool), Error> {
    let builder = || -> Result<reqwest::ClientBuilder, Error> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the client that everyone else has to use"
        )]
        let builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .dns_resolver(Arc::new(resolver.clone()))
            .connect_timeout(settings.stall)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(IDLE)
            .http1_max_headers(MOST_HEADERS)
            .http2_max_header_list_size(MOST_HEADER_BYTES)
            .no_proxy();
        Ok(match proxy {
            Some(proxy) => builder.proxy(proxy.for_client()?),
            None => builder,
        })
    };
    if let Ok(web) = builder()?.build() {
        return Ok((web, true));
    }
    // The one thing that can be missing is the system's root certificates. Plain addresses work without them, and
    // whoever asks for others is told that the certificate is not trusted.
    tracing::warn!(
        "no root certificates found: `https` will fail; install the package `ca-certificates`"
    );
    let web = builder()?.tls_certs_only([]).build().map_err(|error| Error::Misconfigured {
        what: format!("the HTTP client cannot be built: {}", super::failure::innermost(&error)),
    })?;
    Ok((web, false))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::stand::{Act, Stand, client, empty, header, ok};
    use super::*;
    use crate::fs::body_bytes;
    use crate::secret::Secret;

    fn text(response: &Response) -> String {
        String::from_utf8(body_bytes(&response.body).unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn an_exchange_is_recorded_as_it_went() {
        let site = Stand::answering(|_, _| {
            ok("Content-Type: text/plain; charset=utf-8\r\nx-odd: caf\u{e9}\r\n", "hello")
        })
        .await;
        let (client, _dir) = client(|_| ());
        let mut request = Request::get(site.url("/a?b=c"));
        request.headers = vec![
            ("Authorization".to_owned(), Secret::new("Bearer hunter2".to_owned())),
            ("Accept".to_owned(), Secret::new("text/plain".to_owned())),
        ];
        let response = client.send(request).await.unwrap();
        assert_eq!(text(&response), "hello");
        assert_eq!(response.media_type.as_deref(), Some("text/plain; charset=utf-8"));
        assert!(!response.truncated && !response.not_modified);
        let exchange = &response.exchange;
        assert_eq!(exchange.peer, Some(site.address));
        assert_eq!((exchange.status, exchange.method.as_str()), (200, "GET"));
        assert_eq!(exchange.final_url, site.url("/a?b=c").as_str());
        assert!(exchange.started <= exchange.finished);
        let sent = |name: &str| {
            exchange
                .request_headers
                .iter()
                .find(|(found, _)| found == name)
                .map(|(_, v)| v.as_str())
        };
        assert_eq!(sent("authorization"), Some("[redacted]"));
        assert_eq!(sent("accept"), Some("text/plain"));
        let agent = concat!("leakwarden/", env!("CARGO_PKG_VERSION"), " (+soc@example.com)");
        assert_eq!(sent("user-agent"), Some(agent));
        let seen = &site.seen()[0];
        for (name, value) in &exchange.request_headers {
            let expected = if name == "authorization" { "Bearer hunter2" } else { value };
            assert_eq!(header(seen, name).as_deref(), Some(expected), "{name}");
        }
        // Latin-1 for want of anything better: no byte of a header is lost.
        let odd = exchange.response_headers.iter().find(|(name, _)| name == "x-odd").unwrap();
        assert_eq!(odd.1, "caf\u{c3}\u{a9}");
    }

    #[tokio::test]
    async fn what_has_not_changed_is_not_sent_again() {
        let site = Stand::answering(|_, request| match header(request, "if-none-match") {
            Some(etag) if etag == "\"v1\"" => empty("304 Not Modified", "etag: \"v1\"\r\n"),
            _ => ok("etag: \"v1\"\r\nlast-modified: Sun, 01 Mar 2026 12:05:00 GMT\r\n", "page"),
        })
        .await;
        let (client, _dir) = client(|_| ());
        let mut request = Request::get(site.url("/"));
        let first = client.send(request.clone()).await.unwrap();
        assert!(!first.not_modified);
        request.validator = first.validator;
        let second = client.send(request.clone()).await.unwrap();
        assert!(second.not_modified && second.body.is_empty() && !second.truncated);
        assert_eq!(second.exchange.status, 304);
        let seen = site.seen();
        assert_eq!(header(&seen[1], "if-modified-since").unwrap(), "Sun, 01 Mar 2026 12:05:00 GMT");
        // Another address' validator would hide this one's content.
        request.url = site.url("/other");
        assert!(!client.send(request).await.unwrap().not_modified);
        assert_eq!(header(&site.seen()[2], "if-none-match"), None);
    }

    #[tokio::test]
    async fn every_status_has_its_reaction() {
        let cases = [
            ("404 Not Found", "gone 404"),
            ("410 Gone", "gone 410"),
            ("401 Unauthorized", "refused 401"),
            ("403 Forbidden", "refused 403"),
            ("407 Proxy Authentication Required", "refused 407"),
            ("418 I'm a teapot", "refused 418"),
            ("500 Internal Server Error", "unavailable"),
            ("503 Service Unavailable", "unavailable"),
            ("408 Request Timeout", "unavailable"),
            ("304 Not Modified", "malformed"),
            ("206 Partial Content", "malformed"),
            ("300 Multiple Choices", "malformed"),
            ("302 Found", "malformed"),
            ("999 What", "malformed"),
        ];
        for (status, expected) in cases {
            let site = Stand::answering(move |_, _| empty(status, "")).await;
            let (client, _dir) = client(|_| ());
            let found = match client.send(Request::get(site.url("/"))).await.unwrap_err() {
                Error::Gone { status, .. } => format!("gone {status}"),
                Error::Refused { status, .. } => format!("refused {status}"),
                Error::Unavailable { .. } => "unavailable".to_owned(),
                Error::Malformed { .. } => "malformed".to_owned(),
                other => panic!("{status}: {other}"),
            };
            assert_eq!(found, expected, "{status}");
            assert_eq!(site.seen().len(), 1, "{status}");
        }
    }

    #[tokio::test]
    async fn a_redirect_is_followed_by_hand_and_recorded() {
        let site = Stand::answering(|n, _| match n {
            0 => empty("302 Found", "location: /second?x=1\r\n"),
            1 => empty("301 Moved Permanently", "location: ../third#part\r\n"),
            _ => ok("", "there"),
        })
        .await;
        let (client, _dir) = client(|_| ());
        let response = client.send(Request::get(site.url("/first"))).await.unwrap();
        assert_eq!(text(&response), "there");
        let hops: Vec<_> = response
            .exchange
            .redirects
            .iter()
            .map(|hop| (hop.status, hop.location.as_str()))
            .collect();
        assert_eq!(hops, [(302, "/second?x=1"), (301, "../third#part")]);
        assert!(response.exchange.redirects.iter().all(|hop| hop.peer == Some(site.address)));
        assert_eq!(response.exchange.url, site.url("/first").as_str());
        assert_eq!(response.exchange.final_url, site.url("/third#part").as_str());
    }

    #[tokio::test]
    async fn redirects_inward_are_refused() {
        for target in [
            "http://169.254.169.254/latest/meta-data/",
            "http://[::ffff:127.0.0.1]/",
            "http://2130706434/",
            "http://127.0.0.2/",
            "http://[::1]/",
            "//10.0.0.1/",
            "file:///etc/passwd",
            "ftp://example.com/",
            "http://user:pass@127.0.0.1/",
            "http://abcdef.onion/",
        ] {
            let site = Stand::answering(move |_, _| {
                empty("302 Found", &format!("location: {target}\r\n"))
            })
            .await;
            let (client, _dir) = client(|settings| settings.attempts = 3);
            let error = client.send(Request::get(site.url("/"))).await.unwrap_err();
            assert!(matches!(error, Error::Forbidden { .. }), "{target}: {error}");
            assert_eq!(site.seen().len(), 1, "{target}");
        }
    }

    #[tokio::test]
    async fn the_address_connected_to_is_what_counts() {
        let site =
            Stand::acting("127.0.0.2", |_, _| vec![Act::Send(ok("", "inside").into_bytes())]).await;
        let (narrow, _dir) = client(|_| ());
        let error = narrow.send(Request::get(site.url("/"))).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "`127.0.0.2` is not a public address; allow it with `http.allow` if this is meant"
        );
        assert!(site.seen().is_empty(), "not even connected to");
        let (wide, _dir) = client(|settings| settings.allow = vec!["127.0.0.0/8".parse().unwrap()]);
        assert_eq!(text(&wide.send(Request::get(site.url("/"))).await.unwrap()), "inside");
        // A name is no way around it either.
        let (public, _dir) =
            client(|settings| settings.allow = vec!["127.0.0.2/32".parse().unwrap()]);
        let url = format!("http://localhost:{}/", site.address.port()).parse().unwrap();
        assert!(matches!(public.send(Request::get(url)).await, Err(Error::Forbidden { .. })));
    }

    #[tokio::test]
    async fn headers_do_not_leave_their_origin() {
        let elsewhere = Stand::answering(|_, _| ok("", "there")).await;
        let target = elsewhere.url("/").to_string();
        let site = Stand::answering(move |n, _| match n {
            0 => empty("302 Found", "location: /here\r\n"),
            _ => empty("302 Found", &format!("location: {target}\r\n")),
        })
        .await;
        let (client, _dir) = client(|_| ());
        let mut request = Request::get(site.url("/"));
        request.headers = vec![("private-token".to_owned(), Secret::new("hunter2".to_owned()))];
        let response = client.send(request).await.unwrap();
        assert_eq!(text(&response), "there");
        let sent: Vec<_> =
            site.seen().iter().map(|request| header(request, "private-token")).collect();
        assert_eq!(sent, [Some("hunter2".to_owned()), Some("hunter2".to_owned())]);
        assert_eq!(header(&elsewhere.seen()[0], "private-token"), None);
    }

    #[tokio::test]
    async fn a_loop_of_redirects_ends() {
        let site = Stand::answering(|_, _| empty("302 Found", "location: /\r\n")).await;
        let (client, _dir) = client(|settings| settings.attempts = 3);
        let error = client.send(Request::get(site.url("/"))).await.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
        assert_eq!(site.seen().len(), 5);
    }

    #[tokio::test]
    async fn what_passes_is_tried_again_and_a_post_only_if_nothing_arrived() {
        let flaky = || {
            Stand::answering(|n, _| match n {
                0 => empty("502 Bad Gateway", ""),
                1 => String::new(),
                _ => ok("", "at last"),
            })
        };
        let (client, _dir) = client(|settings| settings.attempts = 3);
        let site = flaky().await;
        assert_eq!(text(&client.send(Request::get(site.url("/"))).await.unwrap()), "at last");
        assert_eq!(site.seen().len(), 3);
        let site = flaky().await;
        let mut post = Request::get(site.url("/"));
        post.post = Some(("application/json", b"{}".to_vec()));
        for expected in [1, 2] {
            let error = client.send(post.clone()).await.unwrap_err();
            assert!(matches!(error, Error::Unavailable { .. }), "{error}");
            assert_eq!(site.seen().len(), expected);
        }
        let response = client.send(post).await.unwrap();
        assert_eq!(response.exchange.method, "POST");
        let seen = site.seen();
        assert!(seen[2].starts_with("POST / ") && seen[2].ends_with("\r\n\r\n{}"), "{}", seen[2]);
        assert_eq!(header(&seen[2], "content-type").unwrap(), "application/json");
    }

    #[tokio::test]
    async fn nobody_at_home_is_unavailable_and_the_error_names_the_host_only() {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (client, _dir) = client(|settings| settings.attempts = 2);
        let url = format!("http://{address}/hook/hunter2?token=hunter2").parse().unwrap();
        let error = client.send(Request::get(url)).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }));
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }

    #[tokio::test]
    async fn a_host_that_asks_to_wait_is_left_alone_even_after_a_restart() {
        let site =
            Stand::answering(|_, _| empty("429 Too Many Requests", "retry-after: 120\r\n")).await;
        let (first, _dir) = client(|settings| settings.attempts = 3);
        let asked = now();
        let Error::RateLimited { until, .. } =
            first.send(Request::get(site.url("/"))).await.unwrap_err()
        else {
            panic!("not rate limited");
        };
        assert!((119..=121).contains(&until.duration_since(asked).as_secs()), "{until}");
        assert!(matches!(
            first.send(Request::get(site.url("/x"))).await,
            Err(Error::RateLimited { .. })
        ));
        let recorded = serde_json::to_string(&first.pauses()).unwrap();
        let (second, _dir) = client(|_| ());
        second.restore(serde_json::from_str(&recorded).unwrap());
        let error = second.send(Request::get(site.url("/"))).await.unwrap_err();
        assert!(
            matches!(error, Error::RateLimited { until: again, .. } if again == until),
            "{error}"
        );
        assert_eq!(site.seen().len(), 1, "asked once, then left alone");
    }

    #[tokio::test]
    async fn a_spent_budget_is_noticed_before_it_is_overdrawn() {
        let site = Stand::answering(|_, _| {
            ok("x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 300\r\n", "last")
        })
        .await;
        let (client, _dir) = client(|_| ());
        assert_eq!(text(&client.send(Request::get(site.url("/"))).await.unwrap()), "last");
        assert!(matches!(
            client.send(Request::get(site.url("/"))).await,
            Err(Error::RateLimited { .. })
        ));
        assert_eq!(site.seen().len(), 1);
    }

    #[tokio::test]
    async fn the_pace_is_kept_by_all_clones_together() {
        let site = Stand::answering(|_, _| ok("", "x")).await;
        let (client, _dir) = client(|settings| settings.pace = Duration::from_millis(100));
        let started = Instant::now();
        let send = |client: Client| {
            let request = Request::get(site.url("/"));
            async move { client.send(request).await.unwrap() }
        };
        tokio::join!(
            send(client.clone()),
            send(client.clone()),
            send(client.clone()),
            send(client)
        );
        assert!(started.elapsed() >= Duration::from_millis(300), "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn what_is_too_large_is_cut_at_the_cap() {
        let declared = "HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\netag: \"big\"\r\n\r\n";
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\netag: \"big\"\r\n\r\n";
        let endless = "HTTP/1.1 200 OK\r\netag: \"big\"\r\n\r\n";
        let chunk = [b"2000\r\n".as_slice(), &[b'x'; 0x2000], b"\r\n"].concat();
        for (head, piece) in
            [(declared, vec![b'x'; 0x2000]), (chunked, chunk), (endless, vec![b'x'; 0x2000])]
        {
            let site = Stand::acting("127.0.0.1", move |_, _| {
                vec![
                    Act::Send(head.as_bytes().to_vec()),
                    Act::Endless(piece.clone(), Duration::ZERO),
                ]
            })
            .await;
            let (client, _dir) = client(|settings| settings.max_body = 1_100_000);
            let mut request = Request::get(site.url("/"));
            let response = client.send(request.clone()).await.unwrap();
            assert_eq!((response.body.len(), response.truncated), (1_100_000, true), "{head}");
            assert!(response.validator.is_some(), "cut the same way the next time");
            request.max_body = Some(1_000);
            assert_eq!(client.send(request).await.unwrap().body.len(), 1_000);
        }
    }

    #[tokio::test]
    async fn what_never_ends_is_given_as_far_as_it_came() {
        let drip = |head: &'static str, rest| {
            Stand::acting("127.0.0.1", move |_, _| {
                vec![Act::Send(head.as_bytes().to_vec()), Act::Endless(b"drip ".to_vec(), rest)]
            })
        };
        let (client, _dir) = client(|settings| {
            settings.stall = Duration::from_millis(200);
            settings.total = Duration::from_millis(500);
            settings.attempts = 2;
        });
        let site = drip("HTTP/1.1 200 OK\r\netag: \"x\"\r\n\r\n", Duration::from_millis(50)).await;
        let response = client.send(Request::get(site.url("/"))).await.unwrap();
        assert!(response.truncated && text(&response).starts_with("drip drip "));
        assert_eq!(response.validator, None, "the rest is to be asked for again");
        assert_eq!(site.seen().len(), 1, "what takes too long once would again");
        // A head that never ends is nothing to keep.
        let site = drip("HTTP/1.1 200 OK\r\nx: ", Duration::from_millis(50)).await;
        let error = client.send(Request::get(site.url("/"))).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error}");
        // Nor is one that goes silent.
        let site =
            Stand::acting("127.0.0.1", |_, _| vec![Act::Wait(Duration::from_secs(20))]).await;
        let started = Instant::now();
        let error = client.send(Request::get(site.url("/"))).await.unwrap_err();
        assert!(
            matches!(error, Error::Unavailable { .. })
                && started.elapsed() < Duration::from_secs(5),
            "{error}"
        );
    }

    #[tokio::test]
    async fn what_breaks_off_is_tried_again_and_then_given_as_far_as_it_came() {
        let cases = [
            ("short", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome of it"),
            (
                "wrong chunk",
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nsome of it\r\nzz\r\n",
            ),
            (
                "unfinished chunk",
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nsome of it",
            ),
        ];
        for (name, answer) in cases {
            let site = Stand::answering(move |_, _| answer.to_owned()).await;
            let (client, _dir) = client(|settings| settings.attempts = 2);
            let response = client.send(Request::get(site.url("/"))).await.unwrap();
            assert_eq!(
                (text(&response).as_str(), response.truncated),
                ("some of it", true),
                "{name}"
            );
            assert_eq!(site.seen().len(), 2, "{name}");
        }
        let site = Stand::answering(|n, _| match n {
            0 => "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome of it".to_owned(),
            _ => ok("", "all of it"),
        })
        .await;
        let (client, _dir) = client(|settings| settings.attempts = 2);
        let response = client.send(Request::get(site.url("/"))).await.unwrap();
        assert_eq!((text(&response).as_str(), response.truncated), ("all of it", false));
    }

    #[tokio::test]
    async fn what_is_not_http_is_malformed() {
        let many = "x: y\r\n".repeat(200);
        let cases = [
            ("other protocol", "SSH-2.0-OpenSSH_9.2\r\n".to_owned()),
            ("too many headers", empty("200 OK", &many)),
            ("too large headers", empty("200 OK", &format!("x: {}\r\n", "y".repeat(70_000)))),
            ("two lengths", empty("200 OK", "content-length: 5\r\n")),
            ("a bad status", "HTTP/1.1 2x0 OK\r\n\r\n".to_owned()),
        ];
        for (name, answer) in cases {
            let site = Stand::answering(move |_, _| answer.clone()).await;
            let (client, _dir) = client(|settings| settings.attempts = 3);
            let error = client.send(Request::get(site.url("/"))).await.unwrap_err();
            assert!(matches!(error, Error::Malformed { .. }), "{name}: {error}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_said_before_anything_is() {
        let (client, dir) = client(|_| ());
        for (name, value) in
            [("x y", "z"), ("x", "a\r\nb: c"), ("Host", "example.com"), ("content-length", "1")]
        {
            let mut request = Request::get("http://127.0.0.1:9/".parse().unwrap());
            request.url.set_port(Some(8_080)).unwrap();
            request.headers = vec![(name.to_owned(), Secret::new(value.to_owned()))];
            let error = client.send(request).await.unwrap_err();
            assert!(matches!(error, Error::Misconfigured { .. }), "{name}: {error}");
        }
        let mut settings = super::super::stand::settings(&dir);
        for proxy in ["socks5://127.0.0.1:1080", "ftp://127.0.0.1", "http://user:pass@127.0.0.1:80"]
        {
            settings.proxy = Some(proxy.parse().unwrap());
            let error = Client::new(settings.clone()).unwrap_err();
            assert!(
                matches!(error, Error::Misconfigured { .. })
                    && !error.to_string().contains("pass@"),
                "{error}"
            );
        }
        settings.proxy = None;
        settings.contact = Some("a\nb".to_owned());
        assert!(matches!(Client::new(settings), Err(Error::Misconfigured { .. })));
    }
}
