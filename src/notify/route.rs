//! Routes: who hears of what, when, and by which way. The rules are pure; building a way reads secrets.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::compose::Composer;
use super::{
    Error, Folder, FolderSettings, Mail, MailSettings, Notifier, Webhook, WebhookSettings,
};
use crate::http::Client;
use crate::model::finding::Verdict;
use crate::model::ids::{CorpusName, RouteName};
use crate::model::incident::Severity;
use crate::model::notice::{Audience, NoticeKind};
use crate::schedule::Schedule;

/// How long a burst is waited for unless the configuration says otherwise.
const GROUP_WAIT: Duration = Duration::from_secs(30);
const MAX_GROUP_WAIT: Duration = Duration::from_hours(1);
/// When analysts get their digest unless the configuration says otherwise: at eight on working days.
const ANALYSTS_DIGEST: &str = "0 8 * * 1-5";
/// A digest whose schedule never comes round is sent after a day all the same: it must not be lost.
const LATEST_DIGEST: SignedDuration = SignedDuration::from_hours(24);

/// What is configured: `[route.NAME]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Settings {
    /// Whom it reaches.
    pub audience: Audience,
    /// Leaks at least this bad are told at once; medium by default. The rest waits for the digest.
    #[serde(default = "medium")]
    pub severity: Severity,
    /// Only these corpora; all if empty.
    #[serde(default)]
    pub corpora: Vec<CorpusName>,
    /// When the digest goes out, as a cron expression; `"never"` for none. By default at eight on working days
    /// for security, never for the others.
    pub digest: Option<String>,
    /// How long a burst is waited for, so that it becomes one message; `"30s"` by default.
    pub group_wait: Option<SignedDuration>,
    /// How.
    pub to: Way,
}

fn medium() -> Severity {
    Severity::Medium
}

/// A way to deliver, as configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Mail over SMTP.
    Mail(MailSettings),
    /// A folder of `.eml` files.
    Folder(FolderSettings),
    /// A signed post.
    Webhook(WebhookSettings),
}

/// Something wrong with a route's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which setting, below `route.NAME`: `to.mail.from`.
    pub at: String,
    /// What is wrong with it.
    pub what: String,
}

impl Problem {
    pub(super) fn new(at: &str, what: impl Into<String>) -> Self {
        Self { at: at.to_owned(), what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.at, self.what)
    }
}

impl Settings {
    /// The digest's cron expression, for whoever knows the time zone; none if there is no digest.
    pub fn digest_expression(&self) -> Option<&str> {
        match (self.digest.as_deref(), self.audience) {
            (Some("never"), _) | (None, Audience::Legal | Audience::Operations) => None,
            (None, Audience::Security) => Some(ANALYSTS_DIGEST),
            (Some(expression), _) => Some(expression),
        }
    }

    /// Everything that is wrong with these settings, without looking at files, secrets or the network.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self
            .group_wait
            .is_some_and(|wait| !(SignedDuration::ZERO..=MAX_GROUP_WAIT_SIGNED).contains(&wait))
        {
            problems.push(Problem::new("group_wait", "is at most an hour"));
        }
        match &self.to {
            Way::Mail(mail) => problems.extend(
                mail.problems()
                    .into_iter()
                    .map(|problem| Problem::new(&format!("to.mail.{}", problem.at), problem.what)),
            ),
            Way::Folder(folder) if folder.path.as_os_str().is_empty() => {
                problems.push(Problem::new("to.folder.path", "is empty"));
            }
            Way::Folder(_) | Way::Webhook(_) => {}
        }
        problems
    }

    /// The route. `digest` is [`Self::digest_expression`], read.
    pub fn into_route(self, name: RouteName, digest: Option<Schedule>) -> Route {
        let group_wait = self.group_wait.map_or(GROUP_WAIT, SignedDuration::unsigned_abs);
        let reach =
            Reach { audience: self.audience, severity: self.severity, corpora: self.corpora };
        Route { name, reach, group_wait: group_wait.min(MAX_GROUP_WAIT), digest, way: self.to }
    }
}

const MAX_GROUP_WAIT_SIGNED: SignedDuration = SignedDuration::from_hours(1);

/// One route as configured and checked.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name.
    pub name: RouteName,
    /// Who hears of what.
    pub reach: Reach,
    /// How long a burst is waited for.
    pub group_wait: Duration,
    /// When the digest goes out, if there is one.
    pub digest: Option<Schedule>,
    /// How.
    pub way: Way,
}

/// Who hears of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Whom it reaches.
    pub audience: Audience,
    /// Leaks at least this bad are told at once.
    pub severity: Severity,
    /// Only these corpora; all if empty.
    pub corpora: Vec<CorpusName>,
}

impl Reach {
    /// By which kind of message this audience hears of an incident: a leak that is bad enough at once, everything
    /// else that may be ours in the digest, nothing for those who run the program or answer for other corpora.
    pub fn wants(
        &self,
        severity: Severity,
        verdict: Verdict,
        corpora: &[CorpusName],
    ) -> Option<NoticeKind> {
        let concerned =
            self.corpora.is_empty() || corpora.iter().any(|corpus| self.corpora.contains(corpus));
        if self.audience == Audience::Operations || !concerned {
            return None;
        }
        match verdict {
            Verdict::Leak if severity >= self.severity => Some(NoticeKind::Leak),
            Verdict::Leak | Verdict::Possible => Some(NoticeKind::Digest),
            Verdict::Clean | Verdict::Unreadable => None,
        }
    }
}

impl Route {
    /// What to queue about an incident now, and not before when: `possible` never pages.
    pub fn outlet(
        &self,
        severity: Severity,
        verdict: Verdict,
        corpora: &[CorpusName],
        now: Timestamp,
    ) -> Option<(NoticeKind, Timestamp)> {
        let kind = self.reach.wants(severity, verdict, corpora)?;
        let not_before = match kind {
            NoticeKind::Digest => {
                let digest = self.digest.as_ref()?;
                digest.next(now).unwrap_or_else(|| later(now, LATEST_DIGEST))
            }
            _ => self.after_a_burst(now),
        };
        Some((kind, not_before))
    }

    /// When something told now goes out at the earliest.
    pub fn after_a_burst(&self, now: Timestamp) -> Timestamp {
        later(now, SignedDuration::try_from(self.group_wait).unwrap_or_default())
    }

    /// Makes the way ready: reads its secrets, opens no connection.
    pub fn notifier(&self, around: &Surroundings) -> Result<Arc<dyn Notifier>, Error> {
        let composer = Arc::clone(&around.composer);
        Ok(match &self.way {
            Way::Mail(settings) => Arc::new(Mail::new(settings, &around.base, composer)?),
            Way::Folder(settings) => {
                Arc::new(Folder::new(around.base.join(&settings.path), composer))
            }
            Way::Webhook(settings) => {
                Arc::new(Webhook::new(settings, &around.base, around.http.clone(), composer)?)
            }
        })
    }
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// The routes that hear of failing sources: those for operations; if there are none, those for security, so
/// that a source never fails unnoticed.
pub fn to_tell_about_sources(routes: &[Route]) -> Vec<&Route> {
    let of = |audience| move |route: &&Route| route.reach.audience == audience;
    let operations: Vec<&Route> = routes.iter().filter(of(Audience::Operations)).collect();
    if operations.is_empty() {
        routes.iter().filter(of(Audience::Security)).collect()
    } else {
        operations
    }
}

/// What every way needs to be made.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Writes the messages.
    pub composer: Arc<Composer>,
    /// Carries webhooks.
    pub http: Client,
    /// Where relative paths of the configuration begin.
    pub base: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpora(names: &[&str]) -> Vec<CorpusName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn read(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn leaks_that_are_bad_enough_page_and_the_rest_waits() {
        use NoticeKind::{Digest, Leak};
        let (low, medium, high) = (Severity::Low, Severity::Medium, Severity::High);
        let rows = [
            (Audience::Security, high, Verdict::Leak, "billing", Some(Leak)),
            (Audience::Security, medium, Verdict::Leak, "billing", Some(Leak)),
            (Audience::Security, low, Verdict::Leak, "billing", Some(Digest)),
            (Audience::Security, Severity::Critical, Verdict::Possible, "billing", Some(Digest)),
            (Audience::Security, low, Verdict::Possible, "billing", Some(Digest)),
            (Audience::Security, high, Verdict::Leak, "ledger", None),
            (Audience::Security, high, Verdict::Clean, "billing", None),
            (Audience::Security, high, Verdict::Unreadable, "billing", None),
            (Audience::Legal, high, Verdict::Leak, "billing", Some(Leak)),
            (Audience::Operations, high, Verdict::Leak, "billing", None),
        ];
        for (audience, severity, verdict, corpus, expected) in rows {
            let reach = Reach { audience, severity: medium, corpora: corpora(&["billing", "tax"]) };
            let heard = reach.wants(severity, verdict, &corpora(&["other", corpus]));
            assert_eq!(heard, expected, "{audience} {severity} {verdict:?} {corpus}");
            let all = Reach { corpora: Vec::new(), ..reach };
            let everything = expected.is_some() || corpus == "ledger";
            assert_eq!(all.wants(severity, verdict, &corpora(&[corpus])).is_some(), everything);
        }
    }

    #[test]
    fn settings_have_sensible_defaults() {
        let settings = read("audience = 'security'\n[to.folder]\npath = 'mails'");
        assert_eq!(settings.severity, Severity::Medium);
        assert_eq!(settings.digest_expression(), Some("0 8 * * 1-5"));
        assert_eq!(settings.problems(), []);
        let route = settings.into_route("security".parse().unwrap(), None);
        assert_eq!(route.group_wait, Duration::from_secs(30));
        assert!(matches!(route.way, Way::Folder(_)));
        let digest = |line: &str| {
            let settings =
                read(&format!("audience = 'legal'\n{line}\n[to.folder]\npath = 'mails'"));
            settings.digest_expression().map(str::to_owned)
        };
        assert_eq!(digest(""), None);
        assert_eq!(digest("digest = 'never'"), None);
        assert_eq!(digest("digest = '0 9 * * 1'").as_deref(), Some("0 9 * * 1"));
    }

    #[test]
    fn a_burst_is_waited_for_and_without_a_digest_nothing_is_queued_for_one() {
        let settings =
            read("audience = 'security'\ngroup_wait = '2m'\n[to.folder]\npath = 'mails'");
        let route = settings.into_route("security".parse().unwrap(), None);
        let now = Timestamp::from_second(1000).unwrap();
        let leak = route.outlet(Severity::High, Verdict::Leak, &[], now);
        assert_eq!(leak, Some((NoticeKind::Leak, Timestamp::from_second(1120).unwrap())));
        assert_eq!(route.outlet(Severity::High, Verdict::Possible, &[], now), None);
    }

    #[test]
    fn a_failing_source_is_told_to_operations_or_else_to_security() {
        let route = |name: &str, audience: &str| {
            read(&format!("audience = '{audience}'\n[to.folder]\npath = 'mails'"))
                .into_route(name.parse().unwrap(), None)
        };
        let names = |routes: &[Route]| -> Vec<String> {
            to_tell_about_sources(routes).iter().map(|route| route.name.to_string()).collect()
        };
        let mut routes = vec![route("a", "security"), route("b", "legal")];
        assert_eq!(names(&routes), ["a"]);
        routes.push(route("c", "operations"));
        assert_eq!(names(&routes), ["c"]);
    }

    #[test]
    fn every_mistake_in_a_route_is_told_with_its_place() {
        let settings = read(
            "audience = 'legal'\ngroup_wait = '2h'\n[to.mail]\nserver = ''\nfrom = 'a@example.com'\nto = []",
        );
        let at: Vec<String> = settings.problems().into_iter().map(|problem| problem.at).collect();
        assert_eq!(at, ["group_wait", "to.mail.server", "to.mail.to"]);
        for (text, expected) in [
            ("audience = 'lawyers'\n[to.folder]\npath = 'x'", "unknown variant `lawyers`"),
            ("audience = 'legal'\ntypo = 1\n[to.folder]\npath = 'x'", "unknown field `typo`"),
            ("audience = 'legal'\n[to.pigeon]\npath = 'x'", "unknown variant `pigeon`"),
            ("audience = 'legal'\n[to.folder]\npaht = 'x'", "unknown field `paht`"),
            ("audience = 'legal'", "missing field `to`"),
        ] {
            let error = toml::from_str::<Settings>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
