//! Forwarding one plain request: a new connection each, closed after the answer.

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncBufRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, split};
use url::Url;

use super::splice::{alongside, inward};
use super::{Shared, say};
use crate::http::Error;
use crate::http::dial::{Stream, Target};
use crate::http::head::{Head, basic};
use crate::http::proxy::Proxy;

/// What a request is to look like outside.
struct Plan {
    target: Target,
    url: Url,
    method: String,
    /// Bytes of body; none if it is chunked and ends by itself.
    length: Option<u64>,
}

/// Forwards a request and its answer.
pub(super) async fn forward(shared: &Shared, child: &mut Stream, head: &Head) -> Result<(), Error> {
    let Some(plan) = plan(head) else {
        say(child, "400 Bad Request", "").await;
        return Ok(());
    };
    let opened = async {
        shared.inner.resolver.guard.check_url(&plan.url)?;
        shared.inner.admit(&plan.target).await?;
        shared.inner.dial_for_request(&plan.target).await
    };
    let (mut outside, proxy) = match opened.await {
        Ok(opened) => opened,
        Err(error) => return shared.refuse(child, error).await,
    };
    let request = outgoing(head, &plan, proxy);
    if outside.write_all(&request.to_bytes()).await.is_err() {
        let why = "it hung up".to_owned();
        return shared
            .refuse(child, Error::Unavailable { host: plan.target.to_string(), why })
            .await;
    }
    let (from_child, mut to_child) = split(child);
    let (from_outside, mut to_outside) = split(&mut outside);
    let mut from_outside = BufReader::new(from_outside);
    // Not a byte more than the body: what follows would be another request, of another way.
    let mut body = from_child.take(plan.length.unwrap_or(u64::MAX));
    let up = async {
        // Whichever side breaks, the other direction notices.
        tokio::io::copy(&mut body, &mut to_outside).await.ok();
    };
    let down = async {
        answers(shared, &plan.target, &mut from_outside, &mut to_child).await?;
        inward(shared, &plan.target, &mut from_outside, &mut to_child).await
    };
    alongside(up, down).await
}

fn plan(head: &Head) -> Option<Plan> {
    let mut words = head.start.split(' ');
    let (method, url) = (words.next()?, Url::parse(words.next()?).ok()?);
    if !matches!(method, "GET" | "HEAD" | "POST") || url.scheme() != "http" {
        return None;
    }
    let target = Target { host: url.host()?.to_owned(), port: url.port_or_known_default()? };
    // What could be understood in two ways is not forwarded.
    let chunked = match (head.values("transfer-encoding").count(), head.value("transfer-encoding"))
    {
        (0, _) => false,
        (1, Some(value)) if value.eq_ignore_ascii_case("chunked") => true,
        _ => return None,
    };
    let length = match (head.values("content-length").count(), head.value("content-length")) {
        (0, _) => 0,
        (1, Some(value)) if !chunked && value.bytes().all(|byte| byte.is_ascii_digit()) => {
            value.parse().ok()?
        }
        _ => return None,
    };
    Some(Plan { target, url, method: method.to_owned(), length: (!chunked).then_some(length) })
}

fn outgoing(head: &Head, plan: &Plan, proxy: Option<&Proxy>) -> Head {
    let mut head = head.clone();
    head.close();
    head.fields.retain(|(name, _)| name != "host");
    let authority =
        plan.url.port().map_or_else(|| plan.target.host.to_string(), |_| plan.target.to_string());
    head.fields.insert(0, ("host".to_owned(), authority.clone().into_bytes()));
    let query = plan.url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = format!("{}{query}", plan.url.path());
    head.start = match proxy {
        Some(_) => format!("{} http://{authority}{path} HTTP/1.1", plan.method),
        None => format!("{} {path} HTTP/1.1", plan.method),
    };
    if let Some((user, password)) = proxy.and_then(|proxy| proxy.auth.as_ref()) {
        let value = basic(user, password).reveal().as_bytes().to_vec();
        head.fields.push(("proxy-authorization".to_owned(), value));
    }
    head
}

/// Passes the heads of the answer on: those that say "go on", then the one that counts.
async fn answers<R, W>(
    shared: &Shared,
    target: &Target,
    from: &mut R,
    to: &mut W,
) -> Result<(), Error>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    /// "Go on" is said once or twice.
    const MOST: usize = 8;
    let malformed = |why: String| Error::Malformed { host: target.to_string(), why };
    for _ in 0..MOST {
        let mut head = Head::read(from).await.map_err(|error| malformed(error.to_string()))?;
        let status = head.status().ok_or_else(|| malformed("it does not speak HTTP".to_owned()))?;
        let interim = (100..200).contains(&status) && status != 101;
        if !interim {
            head.close();
            heed(shared, target, status, &head);
        }
        if to.write_all(&head.to_bytes()).await.is_err() || !interim {
            return Ok(());
        }
    }
    Err(malformed("it goes on saying \"go on\"".to_owned()))
}

/// Remembers what the host says about asking again.
fn heed(shared: &Shared, target: &Target, status: u16, head: &Head) {
    let mut headers = HeaderMap::new();
    for (name, value) in &head.fields {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let host = target.to_string();
    if let Some(until) = shared.inner.heed(&host, status, &headers) {
        shared.remember(Error::RateLimited { host, until });
    }
}
