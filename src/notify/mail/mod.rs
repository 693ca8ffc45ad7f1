//! Mail over SMTP: TLS from the first byte, STARTTLS, or plain to this machine itself.
//!
//! One envelope a recipient, so that one who is refused holds back nobody. Connections are kept in a small
//! pool of our own: lettre's puts a connection back even when a send was given up half-way, after which every
//! answer is taken for that of the next command, and an unsent mail would count as delivered. Here a connection
//! goes back only after a complete exchange, and giving up closes it.

mod server;
mod settings;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use jiff::SignedDuration;
use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error as SmtpError;
use tokio::time::timeout;

use self::server::{CONNECTIONS, Server, told};
use self::settings::mailbox;
pub use self::settings::{Security, Settings};
use super::compose::Composer;
use super::{Error, Notifier};
use crate::model::notice::Notice;

/// How long one recipient may take unless the configuration says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// A mail server and who gets mail through it.
pub struct Mail {
    server: Server,
    from: Mailbox,
    to: Vec<Mailbox>,
    patience: Duration,
    composer: Arc<Composer>,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("server", &self.server.address()).finish_non_exhaustive()
    }
}

/// Why one recipient has not got the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Failure {
    /// Trying again may help.
    Later(String),
    /// The server will not have it.
    Never(String),
}

impl Mail {
    /// Reads password and certificate; opens no connection yet. Relative files are looked for below `base`.
    pub fn new(settings: &Settings, base: &Path, composer: Arc<Composer>) -> Result<Self, Error> {
        if let Some(problem) = settings.problems().into_iter().next() {
            return Err(Error::never(problem.to_string()));
        }
        let mut to: Vec<Mailbox> = Vec::new();
        for recipient in &settings.to {
            let recipient = mailbox(recipient).map_err(Error::never)?;
            if to.iter().all(|known| known.email != recipient.email) {
                to.push(recipient);
            }
        }
        Ok(Self {
            server: Server::new(settings, base)?,
            from: mailbox(&settings.from).map_err(Error::never)?,
            to,
            patience: settings.timeout.map_or(PATIENCE, SignedDuration::unsigned_abs),
            composer,
        })
    }

    /// Hands a mail over for one recipient. Whatever happens, it is over within the configured time.
    async fn hand_over(&self, recipient: &Mailbox, mail: &[u8]) -> Result<(), Failure> {
        let exchange = async {
            let to = vec![recipient.email.clone()];
            let envelope = Envelope::new(Some(self.from.email.clone()), to)
                .map_err(|error| Failure::Never(error.to_string()))?;
            // Before a mail is offered, every failure may pass: a password is corrected, a certificate renewed.
            let mut connection = self.server.connection().await.map_err(Failure::Later)?;
            connection.send(&envelope, mail).await.map_err(|error| self.judge(&error))?;
            self.server.keep(connection);
            Ok(())
        };
        timeout(self.patience, exchange)
            .await
            .unwrap_or_else(|_| Err(Failure::Later(self.out_of_patience())))
    }

    fn out_of_patience(&self) -> String {
        format!("{} did not finish within {} s", self.server.address(), self.patience.as_secs())
    }

    /// What a failure at MAIL, RCPT or DATA means: a server that answers 5xx will not change its mind by itself.
    fn judge(&self, error: &SmtpError) -> Failure {
        let why = format!("{}: {}", self.server.address(), told(error));
        if error.is_permanent() || error.is_client() {
            Failure::Never(why)
        } else {
            Failure::Later(why)
        }
    }
}

#[async_trait]
impl Notifier for Mail {
    async fn notify(&self, notice: &Notice, reached: &[String]) -> Result<(), Error> {
        let mail = self.composer.mail(notice, &self.from, &self.to)?;
        let mut attempts = Vec::new();
        for recipient in &self.to {
            let name = recipient.email.to_string();
            if !reached.contains(&name) {
                let mail = &mail;
                attempts.push(async move { (name, self.hand_over(recipient, mail).await) });
            }
        }
        let outcomes: Vec<_> = stream::iter(attempts).buffered(CONNECTIONS).collect().await;
        sum_up(reached, outcomes)
    }

    async fn probe(&self) -> Result<String, Error> {
        let exchange = async {
            let mut connection = self.server.connect().await?;
            // Whether it says goodbye nicely does not matter.
            drop(connection.quit().await);
            Ok(())
        };
        timeout(self.patience, exchange)
            .await
            .unwrap_or_else(|_| Err(self.out_of_patience()))
            .map_err(Error::later)?;
        Ok(self.server.promise())
    }
}

/// Who has the mail now, and what the failures together mean: while one may pass, the delivery is tried again.
fn sum_up(reached: &[String], outcomes: Vec<(String, Result<(), Failure>)>) -> Result<(), Error> {
    let mut reached = reached.to_vec();
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    let mut again = false;
    for (recipient, outcome) in outcomes {
        let why = match outcome {
            Ok(()) => {
                reached.push(recipient);
                continue;
            }
            Err(Failure::Later(why)) => {
                again = true;
                why
            }
            Err(Failure::Never(why)) => why,
        };
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, recipients)) => recipients.push(recipient),
            None => reasons.push((why, vec![recipient])),
        }
    }
    if reasons.is_empty() {
        return Ok(());
    }
    let told: Vec<String> = reasons
        .into_iter()
        .map(|(why, recipients)| format!("{why} (not delivered to `{}`)", recipients.join("`, `")))
        .collect();
    let why = told.join("; ");
    Err(if again { Error::Unavailable { reached, why } } else { Error::Refused { reached, why } })
}
