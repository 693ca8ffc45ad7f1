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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::notice::Audience;

    fn composer() -> Composer {
        Composer::new(Arc::new(Templates::load(None)), "a1b2")
    }

    fn written(notice: &Notice) -> String {
        let to = ["Ops <soc@example.com>".parse().unwrap(), "b@example.com".parse().unwrap()];
        let mail = composer().mail(notice, &"alerts@example.com".parse().unwrap(), &to).unwrap();
        String::from_utf8(mail).unwrap()
    }

    /// The headers of a mail, unfolded, with the boundary made neutral.
    fn headers(mail: &str) -> Vec<String> {
        let (block, _) = mail.split_once("\r\n\r\n").unwrap();
        let block = block.replace("\r\n ", " ").replace("\r\n\t", " ");
        let (before, _) = block.split_once("boundary=").unwrap();
        format!("{before}boundary=…").split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_mail_has_the_headers_that_machines_look_for() {
        let mut notice = sample::notice(Audience::Security, NoticeKind::Leak);
        notice.incidents.truncate(1);
        insta::assert_snapshot!("headers", headers(&written(&notice)).join("\n"));
    }

    #[test]
    fn every_attempt_has_the_same_message_id_and_every_delivery_its_own() {
        let mut notice = sample::notice(Audience::Legal, NoticeKind::Leak);
        let id = |notice: &Notice| {
            let mail = written(notice);
            headers(&mail).into_iter().find(|header| header.starts_with("Message-ID")).unwrap()
        };
        let first = id(&notice);
        notice.sent = notice.sent.checked_add(jiff::SignedDuration::from_hours(3)).unwrap();
        assert_eq!(id(&notice), first);
        notice.id = DeliveryId(8);
        assert_ne!(id(&notice), first);
    }

    #[test]
    fn an_installation_id_cannot_break_a_header() {
        let templates = Arc::new(Templates::load(None));
        let composer = Composer::new(templates, "a>\r\nBcc: x@example.com\u{e9}1");
        assert_eq!(composer.idempotency_key(DeliveryId(7)), "D-7.aBccxexamplecom1");
    }

    #[test]
    fn a_test_shows_an_invented_incident_and_says_so() {
        let empty =
            Notice { incidents: Vec::new(), ..sample::notice(Audience::Legal, NoticeKind::Test) };
        let words = composer().words(&empty).unwrap();
        assert!(words.text.contains("*** TEST ***") && words.text.contains("INC-1"));
        assert!(words.html.contains("<strong>TEST.</strong>"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn hostile_text_adds_no_header_and_no_part(
            hostile in prop_oneof![any::<String>(), "[\r\n\0:a-zA-Z -]{0,80}"]
        ) {
            let calm = sample::notice(Audience::Security, NoticeKind::Leak);
            let mut wild = calm.clone();
            wild.delayed_because = Some(hostile.clone());
            for place in wild.incidents.iter_mut().flat_map(|incident| &mut incident.places) {
                place.place.clone_from(&hostile);
                place.documents = vec![format!("\r\n.\r\n--{hostile}\r\nContent-Type: text/html\r\n\r\n")];
            }
            let (wild, calm) = (written(&wild), written(&calm));
            prop_assert_eq!(headers(&wild), headers(&calm));
            // A quoted-printable line may begin with anything; only the boundary begins a part.
            let parts = |mail: &str| {
                let (_, rest) = mail.split_once("boundary=\"").unwrap();
                let (boundary, rest) = rest.split_once('"').unwrap();
                rest.matches(&format!("--{boundary}")).count()
            };
            prop_assert_eq!(parts(&calm), 3);
            prop_assert_eq!(parts(&wild), parts(&calm));
            prop_assert!(wild.is_ascii() && !wild.replace("\r\n", "").contains(['\r', '\n']));
        }
    }
}
