//! From a notice to a mail: facts, words, headers, MIME.
//!
//! Headers hold nothing that was fetched: ids, times, addresses from the configuration and a cleaned subject.

use std::sync::Arc;
use std::time::SystemTime;

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use super::facts::{Facts, idempotency_key};
use super::template::{Rendered, Templates};
use super::{Error, sample};
use crate::model::ids::{DeliveryId, IncidentId};
use crate::model::notice::{Notice, NoticeKind};

/// Writes messages for one installation.
#[derive(Debug)]
pub struct Composer {
    templates: Arc<Templates>,
    installation: String,
}

impl Composer {
    /// A composer. `installation` tells this installation's messages from those of others; of it only letters, digits
    /// and `-` are used.
    pub fn new(templates: Arc<Templates>, installation: &str) -> Self {
        let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
        Self { templates, installation: installation.chars().filter(plain).take(64).collect() }
    }

    /// What the receiver knows a repeat by: `D-7.<installation>`.
    pub fn idempotency_key(&self, id: DeliveryId) -> String {
        idempotency_key(id, &self.installation)
    }

    /// What a notice may say to its audience.
    pub fn facts(&self, notice: &Notice) -> Facts {
        Facts::of(notice, &self.installation)
    }

    /// A notice in words. A test shows an invented incident, marked as such.
    pub fn words(&self, notice: &Notice) -> Result<Rendered, Error> {
        let facts = if notice.kind == NoticeKind::Test {
            let invented = sample::notice(notice.audience, notice.kind);
            let (incidents, sources) = (invented.incidents, invented.sources);
            self.facts(&Notice { incidents, sources, ..notice.clone() })
        } else {
            self.facts(notice)
        };
        let (rendered, trouble) = self
            .templates
            .render(&facts)
            .map_err(|problem| Error::never(format!("the message cannot be written: {problem}")))?;
        if let Some(problem) = trouble {
            tracing::warn!(delivery.id = %notice.id, %problem, "a replaced template failed; the built-in ones served");
        }
        Ok(rendered)
    }

    /// A notice as the bytes of a mail to everyone in `to`.
    pub fn mail(&self, notice: &Notice, from: &Mailbox, to: &[Mailbox]) -> Result<Vec<u8>, Error> {
        let words = self.words(notice)?;
        let unusable = |error: &dyn std::fmt::Display| {
            Error::never(format!("the mail cannot be put together: {error}"))
        };
        let date = SystemTime::try_from(notice.sent).map_err(|error| unusable(&error))?;
        let mut mail = lettre::Message::builder()
            .message_id(Some(format!("<{}@leakwarden>", self.idempotency_key(notice.id))))
            .date(date)
            .from(from.clone())
            .subject(words.subject)
            .header(AutoSubmitted)
            .header(AutoResponseSuppress);
        for recipient in to {
            mail = mail.to(recipient.clone());
        }
        if let [incident] = notice.incidents.as_slice() {
            // Everything about one incident is one thread in the reader's mail program.
            mail = mail.references(self.thread(incident.id));
        }
        let body = MultiPart::alternative_plain_html(words.text, words.html);
        let mail = mail.multipart(body).map_err(|error| unusable(&error))?;
        Ok(mail.formatted())
    }

    fn thread(&self, incident: IncidentId) -> String {
        format!("<{incident}.{}@leakwarden>", self.installation)
    }
}

/// `Auto-Submitted: auto-generated` (RFC 3834): no automatic answers, please.
#[derive(Debug, Clone)]
struct AutoSubmitted;

/// `X-Auto-Response-Suppress: All`: the same for servers that do not read RFC 3834.
#[derive(Debug, Clone)]
struct AutoResponseSuppress;

macro_rules! constant_header {
    ($type:ident, $name:literal, $value:literal) => {
        impl Header for $type {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }
            fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok(Self)
            }
            fn display(&self) -> HeaderValue {
                HeaderValue::new(Self::name(), $value.to_owned())
            }
        }
    };
}
constant_header!(AutoSubmitted, "Auto-Submitted", "auto-generated");
constant_header!(AutoResponseSuppress, "X-Auto-Response-Suppress", "All");
