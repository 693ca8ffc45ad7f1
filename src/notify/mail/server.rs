//! One mail server: connections to it, kept while idle, and its answers in words.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use tokio::time::Instant;

use super::settings::{Security, Settings};
use crate::notify::{Error, text};

/// Connections open at once to one server.
pub(super) const CONNECTIONS: usize = 3;
/// An idle connection is closed by most servers after a few minutes.
const IDLE: Duration = Duration::from_mins(1);
/// How much of a server's own words is repeated.
const MAX_ANSWER: usize = 160;

/// A mail server that answers to our login.
pub(super) struct Server {
    name: String,
    port: u16,
    protection: Protection,
    login: Option<Credentials>,
    idle: Mutex<Vec<Idle>>,
}

enum Protection {
    Tls(TlsParameters),
    Starttls(TlsParameters),
    ThisMachine,
}

struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
}

impl Server {
    /// Reads password and certificate; opens no connection yet.
    pub(super) fn new(settings: &Settings, base: &Path) -> Result<Self, Error> {
        let name = settings.server.trim_matches(['[', ']']).to_owned();
        let protection = match settings.security {
            Security::Tls => Protection::Tls(tls(&name, settings.ca.as_deref(), base)?),
            Security::Starttls => Protection::Starttls(tls(&name, settings.ca.as_deref(), base)?),
            Security::None => Protection::ThisMachine,
        };
        let login = match (&settings.user, &settings.password) {
            (Some(user), Some(password)) => {
                let password =
                    password.read(base).map_err(|error| Error::never(error.to_string()))?;
                Some(Credentials::new(user.clone(), password.reveal().to_owned()))
            }
            _ => None,
        };
        Ok(Self { name, port: settings.port(), protection, login, idle: Mutex::default() })
    }

    /// Name and port, quoted.
    pub(super) fn address(&self) -> String {
        format!("`{}:{}`", self.name, self.port)
    }

    /// What a successful [`Self::connect`] showed.
    pub(super) fn promise(&self) -> String {
        let protection = match self.protection {
            Protection::Tls(_) => "over TLS",
            Protection::Starttls(_) => "over STARTTLS",
            Protection::ThisMachine => "on this machine",
        };
        let login = if self.login.is_some() { " and accepts the login" } else { "" };
        format!("mail server {} answers {protection}{login}", self.address())
    }

    /// A connection ready for a mail: an idle one that still answers, or a new one.
    pub(super) async fn connection(&self) -> Result<AsyncSmtpConnection, String> {
        while let Some(mut idle) = self.take_idle() {
            if idle.since.elapsed() < IDLE && idle.connection.test_connected().await {
                return Ok(idle.connection);
            }
        }
        self.connect().await
    }

    fn take_idle(&self) -> Option<Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Takes a connection back after a complete exchange, and only then.
    pub(super) fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < CONNECTIONS {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }

    /// A new connection, protected and logged in as configured; else why not, in words.
    pub(super) async fn connect(&self) -> Result<AsyncSmtpConnection, String> {
        let hello = ClientId::default();
        let from_the_start = match &self.protection {
            Protection::Tls(parameters) => Some(parameters.clone()),
            Protection::Starttls(_) | Protection::ThisMachine => None,
        };
        let fail = |doing: &str, error: &SmtpError| {
            format!("{doing} {}: {}{}", self.address(), told(error), advice(error))
        };
        let address = (self.name.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, None, &hello, from_the_start, None)
                .await
                .map_err(|error| fail("cannot connect to", &error))?;
        if let Protection::Starttls(parameters) = &self.protection {
            connection
                .starttls(parameters.clone(), &hello)
                .await
                .map_err(|error| fail("no STARTTLS with", &error))?;
        }
        if let Some(login) = &self.login {
            connection
                .auth(DEFAULT_MECHANISMS, login)
                .await
                .map_err(|error| fail("check `user` and `password`: no login at", &error))?;
        }
        Ok(connection)
    }
}

fn tls(server: &str, ca: Option<&Path>, base: &Path) -> Result<TlsParameters, Error> {
    let mut parameters = TlsParameters::builder(server.to_owned());
    if let Some(ca) = ca {
        let path = base.join(ca);
        let unusable =
            |why: String| Error::never(format!("cannot use `ca` `{}`: {why}", path.display()));
        let pem = std::fs::read(&path).map_err(|error| unusable(error.to_string()))?;
        let authority = Certificate::from_pem(&pem).map_err(|error| unusable(told(&error)))?;
        // Only this one: whoever names an authority of his own does not want the public ones beside it.
        parameters =
            parameters.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    parameters
        .build_rustls()
        .map_err(|error| Error::later(format!("cannot prepare TLS: {}", told(&error))))
}

/// An error with its cause, safe to log. The server's words are hostile; of ours none holds the password.
pub(super) fn told(error: &SmtpError) -> String {
    let mut told = match (error.status(), error.is_client(), error.is_response()) {
        (Some(code), _, _) => format!("answer {code}"),
        (None, true, _) => "cannot go on".to_owned(),
        (None, _, true) => "the conversation broke off".to_owned(),
        (None, _, _) => "the connection failed".to_owned(),
    };
    // The innermost cause says it all; those around it repeat it.
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause.and_then(std::error::Error::source) {
        cause = Some(inner);
    }
    if let Some(cause) = cause {
        let cause = cause.to_string();
        let (cause, _manual) = cause.split_once(": https://").unwrap_or((&cause, ""));
        told.push_str(": ");
        told.push_str(cause);
    }
    text::one_line(&told, MAX_ANSWER)
}

fn advice(error: &SmtpError) -> &'static str {
    if told(error).contains("certificate") {
        " (a server of your own? set `ca` to the file of the authority that signed its certificate)"
    } else {
        ""
    }
}
