//! Webhooks: the facts of a notice as JSON, posted through `http` and signed.
//!
//! The address counts as a secret: whoever has it can post there. It stands in no error and no log.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sha2::Sha256;
use url::{Host, Url};

use super::compose::Composer;
use super::{Error, Notifier};
use crate::http::{self, Client, Request};
use crate::model::notice::Notice;
use crate::secret::{Secret, SecretRef};

/// A shorter secret could be guessed from one message.
const MIN_SECRET: usize = 16;
/// The answer's body is not read for its content.
const MAX_ANSWER: u64 = 64 << 10;

/// What is configured: `[route.security.to.webhook]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Settings {
    /// Where to post: the address itself, or the file or variable that holds it.
    pub url: Address,
    /// What messages are signed with; at least 16 bytes.
    pub secret: SecretRef,
}

/// An address that is kept like a secret.
#[derive(Debug, Clone)]
pub enum Address {
    /// Written into the configuration.
    Written(Secret),
    /// Kept elsewhere.
    Kept(SecretRef),
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Address;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, `{ file = \"…\" }` or `{ env = \"…\" }`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Address, E> {
                Ok(Address::Written(Secret::new(text.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Address, A::Error> {
                SecretRef::deserialize(MapAccessDeserializer::new(map)).map(Address::Kept)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A receiver of signed messages.
pub struct Webhook {
    url: Url,
    secret: Secret,
    client: Client,
    composer: Arc<Composer>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Webhook([redacted])")
    }
}

impl Webhook {
    /// Reads address and secret; sends nothing yet. Relative files are looked for below `base`.
    pub fn new(
        settings: &Settings,
        base: &Path,
        client: Client,
        composer: Arc<Composer>,
    ) -> Result<Self, Error> {
        let url = match &settings.url {
            Address::Written(url) => url.clone(),
            Address::Kept(kept) => {
                kept.read(base).map_err(|error| Error::never(error.to_string()))?
            }
        };
        let secret = settings.secret.read(base).map_err(|error| Error::never(error.to_string()))?;
        if secret.reveal().len() < MIN_SECRET {
            return Err(Error::never(format!(
                "the webhook's secret is shorter than {MIN_SECRET} bytes"
            )));
        }
        Ok(Self { url: address(url.reveal())?, secret, client, composer })
    }
}

/// A usable address: https, or http to this machine itself.
fn address(text: &str) -> Result<Url, Error> {
    let unusable = |why: &str| Error::never(format!("the webhook's address cannot be used: {why}"));
    let url = Url::parse(text).map_err(|error| unusable(&error.to_string()))?;
    let this_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => return Err(unusable("it names no host")),
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if this_machine => Ok(url),
        "http" => {
            Err(unusable("http sends readable text and is only for this machine itself; use https"))
        }
        _ => Err(unusable("it is neither https nor http")),
    }
}

/// The value of `X-Leakwarden-Signature`: `v1=` and the hex of HMAC-SHA256 over time stamp, `.` and body.
fn signature(secret: &Secret, timestamp: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let tag = mac.finalize().into_bytes();
    tag.iter().fold("v1=".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// The post that delivers a notice. Pure.
fn request(
    url: &Url,
    secret: &Secret,
    composer: &Composer,
    notice: &Notice,
) -> Result<Request, Error> {
    let facts = composer.facts(notice);
    let body = serde_json::to_vec(&facts)
        .map_err(|error| Error::never(format!("the message cannot be written as JSON: {error}")))?;
    let timestamp = notice.sent.as_second();
    let header = |name: &str, value: String| (name.to_owned(), Secret::new(value));
    let mut request = Request::get(url.clone());
    request.headers = vec![
        header("X-Leakwarden-Timestamp", timestamp.to_string()),
        header("X-Leakwarden-Signature", signature(secret, timestamp, &body)),
        header("Idempotency-Key", facts.idempotency_key),
    ];
    request.post = Some(("application/json", body));
    request.max_body = Some(MAX_ANSWER);
    Ok(request)
}

/// What a failure means, without the address: of `http`'s errors only what cannot hold a part of it.
fn judge(error: &http::Error) -> Error {
    match error {
        http::Error::RateLimited { until, .. } => {
            Error::later(format!("the webhook asks to wait until {until}"))
        }
        http::Error::Unavailable { .. } => {
            Error::later("the webhook cannot be reached, or its server has trouble")
        }
        http::Error::Malformed { .. } => Error::later(
            "the webhook answers with a redirect or something that is not understood; is this its final address?",
        ),
        http::Error::Spool(error) => Error::later(error.to_string()),
        http::Error::Gone { status, .. } => {
            Error::never(format!("the webhook is not there (status {status}); check its address"))
        }
        http::Error::Refused { status, .. } => Error::never(format!(
            "the webhook refuses (status {status}); check its address and the secret on both sides"
        )),
        http::Error::Forbidden { .. } => Error::never(
            "the webhook is not at a public address; allow it with `http.allow` if this is meant",
        ),
        http::Error::Misconfigured { .. } => Error::never(
            "the connection to the webhook is configured wrongly; `leakwarden config check` says what",
        ),
    }
}

#[async_trait]
impl Notifier for Webhook {
    async fn notify(&self, notice: &Notice, _reached: &[String]) -> Result<(), Error> {
        let request = request(&self.url, &self.secret, &self.composer, notice)?;
        self.client.send(request).await.map(drop).map_err(|error| judge(&error))
    }

    async fn probe(&self) -> Result<String, Error> {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.url.port_or_known_default().unwrap_or(443);
        let mut addresses = tokio::net::lookup_host((host, port)).await.map_err(|_| {
            Error::later(
                "the webhook's host has no address here (behind a proxy this can be normal)",
            )
        })?;
        if addresses.next().is_none() {
            return Err(Error::later("the webhook's host has no address here"));
        }
        Ok("the webhook's host has an address; nothing was posted".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::notice::{Audience, NoticeKind};
    use crate::notify::{Templates, sample};

    #[test]
    fn the_signature_is_what_openssl_computes() {
        // printf '1774260672.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
        assert_eq!(
            signature(&Secret::new("0123456789abcdef".to_owned()), 1_774_260_672, br#"{"a":1}"#),
            "v1=d3b8c67e05bc69051165b887b44b6d9b6eebb38eaee1c29cf8e8d279976f0d01"
        );
    }

    #[test]
    fn the_post_carries_the_facts_their_time_and_a_key_for_repeats() {
        let secret = Secret::new("0123456789abcdef".to_owned());
        let composer = Composer::new(Arc::new(Templates::load(None)), "a1b2");
        let url = Url::parse("https://hooks.example/T/secret").unwrap();
        let mut notice = sample::notice(Audience::Security, NoticeKind::Leak);
        notice.incidents.truncate(1);
        notice.incidents[0].places.truncate(1);
        let request = request(&url, &secret, &composer, &notice).unwrap();
        let header = |name: &str| {
            let (_, value) = request.headers.iter().find(|(known, _)| known == name).unwrap();
            value.reveal().to_owned()
        };
        assert_eq!(header("X-Leakwarden-Timestamp"), "1774260672");
        assert_eq!(header("Idempotency-Key"), "D-7.a1b2");
        let (media_type, body) = request.post.as_ref().unwrap();
        assert_eq!(*media_type, "application/json");
        assert_eq!(header("X-Leakwarden-Signature"), signature(&secret, 1_774_260_672, body));
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        insta::assert_json_snapshot!("webhook_leak", body);
    }

    #[test]
    fn a_test_of_a_machine_brings_no_invented_incident() {
        let composer = Composer::new(Arc::new(Templates::load(None)), "a1b2");
        let notice = Notice {
            incidents: Vec::new(),
            ..sample::notice(Audience::Security, NoticeKind::Test)
        };
        let url = Url::parse("https://hooks.example/").unwrap();
        let request = request(&url, &Secret::new(String::new()), &composer, &notice).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&request.post.unwrap().1).unwrap();
        assert_eq!((&body["event"], &body["incidents"]), (&"test".into(), &serde_json::json!([])));
    }

    #[test]
    fn readable_text_is_posted_to_this_machine_only() {
        for good in [
            "https://hooks.example/x",
            "http://127.0.0.1:8080/x",
            "http://[::1]/",
            "http://localhost/x",
        ] {
            address(good).unwrap();
        }
        for bad in [
            "http://hooks.example/T/hidden",
            "http://10.0.0.1/T/hidden",
            "ftp://hooks.example/T/hidden",
            "hidden",
        ] {
            let error = address(bad).unwrap_err();
            assert!(
                matches!(error, Error::Refused { .. }) && !error.to_string().contains("hidden"),
                "{error}"
            );
        }
    }

    #[test]
    fn no_failure_shows_the_address() {
        let host = || "hidden.example".to_owned();
        let why = || "https://hidden.example/T/hidden".to_owned();
        let until = jiff::Timestamp::UNIX_EPOCH;
        for (error, again) in [
            (http::Error::RateLimited { host: host(), until }, true),
            (http::Error::Unavailable { host: host(), why: why() }, true),
            (http::Error::Malformed { host: host(), why: why() }, true),
            (http::Error::Gone { host: host(), status: 404 }, false),
            (http::Error::Refused { host: host(), status: 403 }, false),
            (http::Error::Forbidden { what: why() }, false),
        ] {
            let told = judge(&error);
            assert!(!format!("{told:?}").contains("hidden"), "{told:?}");
            assert_eq!(matches!(told, Error::Unavailable { .. }), again, "{told:?}");
        }
    }

    #[test]
    fn an_address_may_be_written_or_kept_elsewhere_and_never_prints() {
        let read = |text: &str| {
            toml::from_str::<Settings>(&format!("secret = {{ env = 'S' }}\nurl = {text}"))
        };
        let written = read("'https://hooks.example/hidden'").unwrap();
        assert!(!format!("{written:?}").contains("hidden"));
        assert!(matches!(read("{ file = 'url' }").unwrap().url, Address::Kept(SecretRef::File(_))));
        assert!(read("5").unwrap_err().to_string().contains("expected an address"));
        assert!(
            read("{ fiel = 'url' }").unwrap_err().to_string().contains("unknown variant `fiel`")
        );
    }
}
