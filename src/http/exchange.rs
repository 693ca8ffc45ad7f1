//! One attempt at a request: hop by hop to the answer, recorded for the evidence.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
    HOST, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    LOCATION, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use reqwest::{Method, StatusCode};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::body::{self, Caps, Collected, End};
use super::client::{Inner, MOST_HEADER_BYTES};
use super::failure::{Again, Failure};
use super::pace::Turn;
use super::{Error, Request, Response, now};
use crate::model::batch::Validator;
use crate::model::document::{Body, Exchange, Redirect};

/// Headers that are the client's own business.
const OURS: [HeaderName; 8] = [
    HOST,
    CONNECTION,
    CONTENT_LENGTH,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
/// Custom headers whose values are no secret and say in the evidence what was asked for.
const SHOWN: [HeaderName; 2] = [ACCEPT, CONTENT_TYPE];

/// Where a request has got to.
struct Journey<'a> {
    inner: &'a Inner,
    request: &'a Request,
    url: Url,
    /// Whether it has never left the origin it was meant for.
    at_home: bool,
    redirects: Vec<Redirect>,
    started: Timestamp,
    /// What is left of the time for the whole exchange.
    left: Duration,
}

/// An answer's head; the turn is kept until the body is read.
struct Answer {
    response: reqwest::Response,
    sent: HeaderMap,
    peer: Option<SocketAddr>,
    deadline: Instant,
    _turn: Turn,
}

/// Asks once.
pub(super) async fn attempt(inner: &Inner, request: &Request) -> Result<Response, Failure> {
    let mut journey = Journey {
        inner,
        request,
        url: request.url.clone(),
        at_home: true,
        redirects: Vec::new(),
        started: now(),
        left: inner.settings.total,
    };
    loop {
        let answer = journey.ask().await?;
        let status = answer.response.status();
        journey.judge(status, answer.response.headers())?;
        if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
            journey.follow(&answer)?;
        } else {
            return journey.arrive(answer).await;
        }
    }
}

impl Journey<'_> {
    /// Sends the request to where the journey stands and waits for the head of the answer.
    async fn ask(&mut self) -> Result<Answer, Failure> {
        let inner = self.inner;
        inner.resolver.guard.check_url(&self.url)?;
        let host = host_of(&self.url);
        let sent = self.headers()?;
        inner.check_pause(&host, now())?;
        let turn = inner.pace.turn(&host).await;
        // Whoever had the turn before may have been told to wait.
        inner.check_pause(&host, now())?;
        if self.redirects.is_empty() {
            self.started = now();
        }
        let begun = Instant::now();
        let deadline = begun + self.left;
        let method = if self.request.post.is_some() { Method::POST } else { Method::GET };
        let mut message = reqwest::Request::new(method, self.url.clone());
        *message.headers_mut() = sent.clone();
        if let Some((_, body)) = &self.request.post {
            *message.body_mut() = Some(body.clone().into());
        }
        // Connecting may take `stall`, and so may the first byte after it.
        let patience = deadline.min(begun + 2 * inner.settings.stall);
        let response = match timeout_at(patience, inner.web.execute(message)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(Failure::from_client(&host, error)),
            Err(_) => return Err(Failure::passing(&host, "it did not answer in time")),
        };
        self.left = deadline.saturating_duration_since(Instant::now());
        let peer = response.remote_addr().filter(|_| inner.proxy.is_none());
        if let Some(peer) = peer {
            inner.resolver.guard.check_address(peer.ip())?;
        }
        let bytes: usize = response
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        if bytes > MOST_HEADER_BYTES as usize {
            return Err(Failure::malformed(&host, "its headers are too large"));
        }
        Ok(Answer { response, sent, peer, deadline, _turn: turn })
    }

    /// The headers for where the journey stands.
    fn headers(&self) -> Result<HeaderMap, Failure> {
        let wrong = |what: String| Failure::last(Error::Misconfigured { what });
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, self.inner.user_agent.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(body::ACCEPT_ENCODING));
        if let Some((media_type, _)) = &self.request.post {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        if let Some(validator) = self.validator() {
            let pairs =
                [(IF_NONE_MATCH, &validator.etag), (IF_MODIFIED_SINCE, &validator.last_modified)];
            for (name, value) in pairs {
                // What cannot be sent back as it came is not sent: the answer is a full one, then.
                if let Some(value) =
                    value.as_deref().and_then(|value| HeaderValue::from_str(value).ok())
                {
                    headers.insert(name, value);
                }
            }
        }
        if !self.at_home {
            return Ok(headers);
        }
        for (name, value) in &self.request.headers {
            let name: HeaderName = name.parse().map_err(|_| {
                wrong("a configured header has a name that cannot be sent".to_owned())
            })?;
            let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| {
                wrong(format!("the configured header `{name}` has a value that cannot be sent"))
            })?;
            if OURS.contains(&name) {
                return Err(wrong(format!(
                    "the header `{name}` is the client's own and cannot be configured"
                )));
            }
            value.set_sensitive(!SHOWN.contains(&name));
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// The validator, if it belongs to this address and can say anything.
    fn validator(&self) -> Option<&Validator> {
        self.request.validator.as_ref().filter(|validator| {
            validator.url == self.request.url.as_str()
                && (validator.etag.is_some() || validator.last_modified.is_some())
        })
    }

    /// Turns what is no answer into a failure, and remembers what the host says about asking again.
    fn judge(&self, status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
        let host = host_of(&self.url);
        if let Some(until) = self.inner.heed(&host, status, headers) {
            return Err(Failure::last(Error::RateLimited { host, until }));
        }
        let number = status.as_u16();
        match number {
            304 if self.validator().is_none() => {
                Err(Failure::malformed(&host, "status 304 to a plain question"))
            }
            206 => {
                Err(Failure::malformed(&host, "a part of something that was asked for as a whole"))
            }
            200..=299 | 301..=304 | 307 | 308 => Ok(()),
            404 | 410 => Err(Failure::last(Error::Gone { host, status: number })),
            // Too slow, too early, and whatever went wrong over there.
            408 | 425 | 500..=599 => Err(Failure::passing(&host, format!("status {number}"))),
            400..=499 => Err(Failure::last(Error::Refused { host, status: number })),
            _ => Err(Failure::malformed(&host, format!("status {number}"))),
        }
    }

    /// Goes where a redirect points, if it may.
    fn follow(&mut self, answer: &Answer) -> Result<(), Failure> {
        let host = host_of(&self.url);
        if self.request.post.is_some() {
            return Err(Failure::malformed(
                &host,
                "it redirects a post; configure the address it points to",
            ));
        }
        if self.redirects.len() >= self.inner.settings.max_redirects as usize {
            return Err(Failure::malformed(
                &host,
                format!("more than {} redirects", self.redirects.len()),
            ));
        }
        let location = answer.response.headers().get(LOCATION);
        let location =
            location.ok_or_else(|| Failure::malformed(&host, "a redirect to nowhere"))?;
        let location = address_text(location.as_bytes());
        let next = self
            .url
            .join(&location)
            .map_err(|_| Failure::malformed(&host, "a redirect to no address"))?;
        self.redirects.push(Redirect {
            url: self.url.to_string(),
            status: answer.response.status().as_u16(),
            location,
            peer: answer.peer,
        });
        self.at_home &= next.origin() == self.request.url.origin();
        self.url = next;
        Ok(())
    }

    /// Reads the body and closes the record.
    async fn arrive(self, answer: Answer) -> Result<Response, Failure> {
        let host = host_of(&self.url);
        let settings = &self.inner.settings;
        let Answer { response, sent, peer, deadline, _turn } = answer;
        let status = response.status();
        let received = response.headers().clone();
        let not_modified = status == StatusCode::NOT_MODIFIED;
        let Collected { body, end } = if not_modified {
            Collected { body: Body::Memory(bytes::Bytes::new()), end: End::Whole }
        } else {
            let caps = Caps {
                bytes: self.request.max_body.unwrap_or(u64::MAX).min(settings.max_body),
                stall: settings.stall,
                deadline,
                spool: &settings.spool,
            };
            let collected =
                body::collect(response.bytes_stream(), &encodings(&received), &caps).await;
            collected.map_err(|error| Failure::last(error.into()))?
        };
        let exchange = Exchange {
            method: if self.request.post.is_some() { "POST" } else { "GET" }.to_owned(),
            url: self.request.url.to_string(),
            request_headers: shown(&sent),
            redirects: self.redirects,
            final_url: self.url.to_string(),
            status: status.as_u16(),
            response_headers: shown(&received),
            peer,
            proxy: self.inner.proxy.as_ref().map(super::proxy::Proxy::shown),
            started: self.started,
            finished: now(),
        };
        let broke_off = matches!(end, End::OutOfTime | End::Broken(_));
        let response = Response {
            exchange,
            truncated: end != End::Whole,
            not_modified,
            media_type: received.get(CONTENT_TYPE).map(latin1),
            validator: if broke_off { None } else { validator(&self.request.url, &received) },
            body,
        };
        finish(&host, response, end)
    }
}

/// A body that broke off is a failure worth another attempt, one that took too long is not: it would again.
fn finish(host: &str, response: Response, end: End) -> Result<Response, Failure> {
    let (why, again) = match end {
        End::Whole | End::Capped => return Ok(response),
        End::OutOfTime => ("it took too long".to_owned(), Again::Never),
        End::Broken(why) => (why, Again::IfHarmless),
    };
    let part = (!response.body.is_empty()).then(|| Box::new(response));
    Err(Failure { again, part, ..Failure::passing(host, why) })
}

/// A `Location` as text: UTF-8 as many servers send it, bytes of any other encoding as an address writes them.
fn address_text(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    bytes.iter().fold(String::new(), |mut text, &byte| {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a string takes everything");
        }
        text
    })
}

/// The key of pacing and pauses.
pub(super) fn host_of(url: &Url) -> String {
    format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or_default()
    )
}

/// The encodings of a body in the order they were put on.
fn encodings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(CONTENT_ENCODING).iter().map(latin1);
    values
        .flat_map(|value| {
            value.split(',').map(|name| name.trim().to_ascii_lowercase()).collect::<Vec<_>>()
        })
        .filter(|name| !name.is_empty() && name != "identity")
        .collect()
}

fn validator(url: &Url, headers: &HeaderMap) -> Option<Validator> {
    let text = |name| {
        headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned)
    };
    let (etag, last_modified) = (text(ETAG), text(LAST_MODIFIED));
    (etag.is_some() || last_modified.is_some()).then(|| Validator {
        url: url.to_string(),
        etag,
        last_modified,
    })
}

fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    let value = |value: &HeaderValue| {
        if value.is_sensitive() { "[redacted]".to_owned() } else { latin1(value) }
    };
    headers.iter().map(|(name, text)| (name.to_string(), value(text))).collect()
}

fn latin1(value: &HeaderValue) -> String {
    value.as_bytes().iter().map(|&byte| char::from(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_understood_in_any_encoding() {
        let base: Url = "http://a.example/".parse().unwrap();
        for (sent, expected) in [
            (b"/caf\xc3\xa9".as_slice(), "http://a.example/caf%C3%A9"),
            (b"/caf\xe9", "http://a.example/caf%E9"),
            (b"/caf%C3%A9", "http://a.example/caf%C3%A9"),
        ] {
            assert_eq!(base.join(&address_text(sent)).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn encodings_are_listed_in_the_order_they_were_put_on() {
        let mut headers = HeaderMap::new();
        headers.append(CONTENT_ENCODING, "GZip, identity".parse().unwrap());
        headers.append(CONTENT_ENCODING, " br ,".parse().unwrap());
        assert_eq!(encodings(&headers), ["gzip", "br"]);
    }
}
