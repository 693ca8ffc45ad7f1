//! What a mail route is configured with, and what can be wrong with it.

use std::net::IpAddr;
use std::path::PathBuf;

use jiff::SignedDuration;
use lettre::message::Mailbox;
use serde::Deserialize;

use crate::notify::Problem;
use crate::secret::SecretRef;

const MAX_RECIPIENTS: usize = 100;

/// What is configured: `[route.security.to.mail]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Settings {
    /// The server's name.
    pub server: String,
    /// Its port; by default 465, 587 or 25, as `security` has it.
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub security: Security,
    /// The login, if the server wants one.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<SecretRef>,
    /// Who sends: `alerts@example.com` or `Leakwarden <alerts@example.com>`.
    pub from: String,
    /// Who receives.
    pub to: Vec<String>,
    /// A file with the only certificate authority to trust, in PEM, for a server of one's own.
    pub ca: Option<PathBuf>,
    /// How long one recipient may take, from connecting to the server's word; a minute by default.
    pub timeout: Option<SignedDuration>,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// TLS from the first byte.
    #[default]
    Tls,
    /// TLS after STARTTLS; never without.
    Starttls,
    /// None: to this machine only.
    None,
}

impl Settings {
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.security {
            Security::Tls => 465,
            Security::Starttls => 587,
            Security::None => 25,
        })
    }

    /// Everything that is wrong, without looking at files or the network.
    pub(in crate::notify) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |at: &str, what: String| problems.push(Problem::new(at, what));
        if self.security == Security::None && !is_this_machine(&self.server) {
            let what = "`none` sends readable text and is only for this machine itself (`localhost`, `127.0.0.1`, `::1`); use `tls` or `starttls`";
            wrong("security", what.to_owned());
        }
        if self.server.is_empty()
            || self.server.chars().any(|c| c.is_whitespace() || "/@".contains(c))
        {
            wrong("server", "is not the name of a server, such as `smtp.example.com`".to_owned());
        }
        if self.user.is_some() != self.password.is_some() {
            wrong("user", "`user` and `password` go together".to_owned());
        }
        if let Err(what) = mailbox(&self.from) {
            wrong("from", what);
        }
        if self.to.is_empty() || self.to.len() > MAX_RECIPIENTS {
            wrong("to", format!("names 1 to {MAX_RECIPIENTS} recipients"));
        }
        for (number, recipient) in self.to.iter().enumerate() {
            if let Err(what) = mailbox(recipient) {
                wrong(&format!("to[{number}]"), what);
            }
        }
        if self.timeout.is_some_and(|timeout| !(1..=600).contains(&timeout.as_secs())) {
            wrong("timeout", "is between 1 and 600 seconds".to_owned());
        }
        problems
    }
}

pub(super) fn mailbox(text: &str) -> Result<Mailbox, String> {
    if text.chars().any(char::is_control) {
        return Err("holds a control character".to_owned());
    }
    text.parse().map_err(|_| format!("`{text}` is not a mail address"))
}

fn is_this_machine(server: &str) -> bool {
    let literal = server.trim_start_matches('[').trim_end_matches(']');
    server.eq_ignore_ascii_case("localhost")
        || literal.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn good_settings_have_no_problems_and_the_usual_ports() {
        for (security, server, port) in [
            ("tls", "smtp.example.com", 465),
            ("starttls", "10.1.2.3", 587),
            ("none", "localhost", 25),
            ("none", "::1", 25),
            ("none", "127.0.0.9", 25),
        ] {
            let settings = read(&format!(
                "server = '{server}'\nsecurity = '{security}'\nfrom = 'Leakwarden <a@example.com>'\nto = ['b@example.com']"
            ));
            assert_eq!(settings.problems(), [], "{server}");
            assert_eq!(settings.port(), port);
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let settings = read(
            "server = 'smtp.example.com'\nsecurity = 'none'\nuser = 'u'\nfrom = 'a'\nto = ['b@example.com', 'c@', \"d@example.com\\r\\nBcc: e@example.com\"]\ntimeout = '1h'",
        );
        let told: Vec<String> = settings.problems().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!("problems", told.join("\n"));
    }

    #[test]
    fn readable_text_goes_to_this_machine_only() {
        for server in [
            "mail.example.com",
            "localhost.example.com",
            "192.168.1.1",
            "127.0.0.1.example.com",
            "0.0.0.0",
        ] {
            let settings = read(&format!(
                "server = '{server}'\nsecurity = 'none'\nfrom = 'a@example.com'\nto = ['b@example.com']"
            ));
            assert_eq!(settings.problems()[0].at, "security", "{server}");
        }
    }
}
