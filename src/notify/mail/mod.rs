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
const PATIENCE: Duration = Duration::from_mins(1);

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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::JoinSet;

    use super::*;
    use crate::model::notice::{Audience, NoticeKind};
    use crate::notify::{Templates, sample};

    /// What the server does about a line instead of what it should.
    #[derive(Clone, Copy)]
    enum Odd {
        Say(&'static str),
        Close,
        Silence,
    }

    /// Decides about a line (`.` for the end of a mail), given how many connections there were so far.
    type Script = fn(usize, &str) -> Option<Odd>;

    /// A mail server on loopback that follows a script and keeps what it accepted: recipient and mail.
    struct Server {
        port: u16,
        accepted: Arc<Mutex<Vec<(String, String)>>>,
        connections: Arc<AtomicUsize>,
        _tasks: JoinSet<()>,
    }

    impl Server {
        async fn start(script: Script) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let accepted = Arc::new(Mutex::new(Vec::new()));
            let connections = Arc::new(AtomicUsize::new(0));
            let (kept, counted) = (Arc::clone(&accepted), Arc::clone(&connections));
            let mut tasks = JoinSet::new();
            tasks.spawn(async move {
                let mut open = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
                    open.spawn(talk(stream, number, script, Arc::clone(&kept)));
                }
            });
            Self { port, accepted, connections, _tasks: tasks }
        }

        fn mail(&self, more: &str) -> Mail {
            let settings = toml::from_str(&format!(
                "server = '127.0.0.1'\nport = {}\nsecurity = 'none'\nfrom = 'w@example.com'\ntimeout = '1s'\n{more}",
                self.port
            ));
            let composer = Composer::new(Arc::new(Templates::load(None)), "a1b2");
            Mail::new(&settings.unwrap(), Path::new("/"), Arc::new(composer)).unwrap()
        }

        fn recipients(&self) -> Vec<String> {
            let mut recipients: Vec<String> = self
                .accepted
                .lock()
                .unwrap()
                .iter()
                .map(|(recipient, _)| recipient.clone())
                .collect();
            recipients.sort();
            recipients
        }
    }

    async fn talk(
        mut stream: TcpStream,
        number: usize,
        script: Script,
        accepted: Arc<Mutex<Vec<(String, String)>>>,
    ) {
        let (read, mut write) = stream.split();
        let mut lines = BufReader::new(read).lines();
        let (mut recipient, mut mail, mut in_mail) = (String::new(), String::new(), false);
        let mut answer = script(number, "greeting").unwrap_or(Odd::Say("220 test"));
        loop {
            match answer {
                Odd::Say(text) => {
                    if write.write_all(format!("{text}\r\n").as_bytes()).await.is_err() {
                        return;
                    }
                }
                Odd::Close => return,
                Odd::Silence => {}
            }
            let Ok(Some(mut line)) = lines.next_line().await else { return };
            while in_mail && line != "." {
                mail.push_str(&line);
                mail.push('\n');
                let Ok(Some(next)) = lines.next_line().await else { return };
                line = next;
            }
            in_mail = false;
            answer = script(number, &line).unwrap_or_else(|| {
                let verb: String = line.chars().take(4).collect();
                match verb.as_str() {
                    "EHLO" => Odd::Say("250-test\r\n250-AUTH PLAIN\r\n250 8BITMIME"),
                    "RCPT" => {
                        recipient = line.split(['<', '>']).nth(1).unwrap().to_owned();
                        Odd::Say("250 ok")
                    }
                    "DATA" => {
                        in_mail = true;
                        Odd::Say("354 go on")
                    }
                    "." => {
                        let kept = (std::mem::take(&mut recipient), std::mem::take(&mut mail));
                        accepted.lock().unwrap().push(kept);
                        Odd::Say("250 kept")
                    }
                    "AUTH" => Odd::Say("235 welcome"),
                    "QUIT" => Odd::Say("221 bye"),
                    _ => Odd::Say("250 ok"),
                }
            });
        }
    }

    const THREE: &str = "to = ['a@example.com', 'b@example.com', 'c@example.com']";
    const ONE: &str = "to = ['a@example.com']";

    fn notice() -> Notice {
        sample::notice(Audience::Security, NoticeKind::Leak)
    }

    fn names(letters: &str) -> Vec<String> {
        letters.chars().map(|letter| format!("{letter}@example.com")).collect()
    }

    #[tokio::test]
    async fn everyone_gets_a_copy_of_his_own_and_sees_who_else_has_it() {
        let server = Server::start(|_, _| None).await;
        let mail = server.mail("to = ['a@example.com', 'B <b@example.com>', 'a@example.com']");
        mail.notify(&notice(), &[]).await.unwrap();
        assert_eq!(server.recipients(), names("ab"));
        let accepted = server.accepted.lock().unwrap();
        assert!(
            accepted
                .iter()
                .all(|(_, mail)| mail.contains("To: a@example.com, \"B\" <b@example.com>")
                    || mail.contains("To: a@example.com, B <b@example.com>"))
        );
        assert_eq!(accepted[0].1, accepted[1].1);
    }

    #[tokio::test]
    async fn one_refused_recipient_holds_back_nobody() {
        let server = Server::start(|_, line| {
            line.contains("RCPT TO:<b@").then_some(Odd::Say("550 5.1.1 no such user"))
        })
        .await;
        let mail = server.mail(THREE);
        let error = mail.notify(&notice(), &[]).await.unwrap_err();
        assert_eq!(server.recipients(), names("ac"));
        let Error::Refused { reached, why } = error else { panic!("{error:?}") };
        assert_eq!(reached, names("ac"));
        let port = server.port;
        assert_eq!(
            why,
            format!(
                "`127.0.0.1:{port}`: answer 550: 5.1.1 no such user (not delivered to `b@example.com`)"
            )
        );
    }

    #[tokio::test]
    async fn a_retry_reaches_only_those_who_have_nothing_yet() {
        let server = Server::start(|connection, line| {
            (connection < 4 && line.contains("RCPT TO:<c@")).then_some(Odd::Say("451 later"))
        })
        .await;
        let error = server.mail(THREE).notify(&notice(), &[]).await.unwrap_err();
        let Error::Unavailable { reached, .. } = error else { panic!("{error:?}") };
        assert_eq!(reached, names("ab"));
        server.mail(THREE).notify(&notice(), &reached).await.unwrap();
        assert_eq!(server.recipients(), names("abc"));
    }

    #[tokio::test]
    async fn a_server_that_breaks_off_is_tried_again_whenever_it_does() {
        let scripts: [Script; 5] = [
            |_, line| (line == "greeting").then_some(Odd::Close),
            |_, line| line.starts_with("MAIL").then_some(Odd::Close),
            |_, line| line.starts_with("DATA").then_some(Odd::Close),
            |_, line| (line == ".").then_some(Odd::Close),
            |_, line| (line == ".").then_some(Odd::Say("421 closing")),
        ];
        for script in scripts {
            let server = Server::start(script).await;
            let error = server.mail(ONE).notify(&notice(), &[]).await.unwrap_err();
            assert!(
                matches!(&error, Error::Unavailable { reached, .. } if reached.is_empty()),
                "{error:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_silent_server_costs_its_time_and_the_next_mail_goes_over_a_fresh_connection() {
        let server = Server::start(|connection, line| {
            (connection == 1 && line == ".").then_some(Odd::Silence)
        })
        .await;
        let mail = server.mail(ONE);
        let error = mail.notify(&notice(), &[]).await.unwrap_err();
        assert!(error.to_string().contains("did not finish within 1 s"), "{error}");
        mail.notify(&notice(), &[]).await.unwrap();
        assert_eq!(server.connections.load(Ordering::SeqCst), 2);
        assert_eq!(server.recipients(), names("a"));
    }

    #[tokio::test]
    async fn a_connection_is_used_again_while_it_answers() {
        let server = Server::start(|_, _| None).await;
        let mail = server.mail(ONE);
        for _ in 0..3 {
            mail.notify(&notice(), &[]).await.unwrap();
        }
        assert_eq!(server.connections.load(Ordering::SeqCst), 1);

        let server = Server::start(|_, line| (line == "NOOP").then_some(Odd::Close)).await;
        let mail = server.mail(ONE);
        for _ in 0..3 {
            mail.notify(&notice(), &[]).await.unwrap();
        }
        assert_eq!(server.connections.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn what_stands_in_the_way_before_a_mail_is_offered_may_pass() {
        let dir = tempfile::tempdir().unwrap();
        let password = dir.path().join("password");
        crate::fs::write_atomic(&password, b"hunter2", 0o600).unwrap();
        let login = format!("{ONE}\nuser = 'u'\npassword = {{ file = '{}' }}", password.display());

        let server =
            Server::start(|_, line| line.starts_with("AUTH").then_some(Odd::Say("535 no"))).await;
        let mail = server.mail(&login);
        let error = mail.notify(&notice(), &[]).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }));
        assert!(
            error.to_string().starts_with("check `user` and `password`: no login at"),
            "{error}"
        );
        assert!(!format!("{error:?}{mail:?}").contains("hunter2"));

        let server =
            Server::start(|_, line| (line == "greeting").then_some(Odd::Say("554 no"))).await;
        let error = server.mail(ONE).notify(&notice(), &[]).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");

        let gone = Server { port: 1, ..Server::start(|_, _| None).await };
        let error = gone.mail(ONE).notify(&notice(), &[]).await.unwrap_err().to_string();
        assert!(error.starts_with("cannot connect to `127.0.0.1:1`"), "{error}");
    }

    #[tokio::test]
    async fn starttls_is_never_done_without() {
        let server = Server::start(|_, _| None).await;
        let mail = server.mail(ONE);
        let settings = format!(
            "server = '127.0.0.1'\nport = {}\nsecurity = 'starttls'\nfrom = 'w@example.com'\n{ONE}",
            server.port
        );
        let mail =
            Mail::new(&toml::from_str(&settings).unwrap(), Path::new("/"), mail.composer).unwrap();
        let error = mail.notify(&notice(), &[]).await.unwrap_err();
        assert!(error.to_string().contains("STARTTLS is not supported"), "{error}");
        assert_eq!(server.recipients(), names(""));
    }

    #[tokio::test]
    async fn a_probe_logs_in_and_sends_nothing() {
        let server = Server::start(|_, line| line.starts_with("MAIL").then_some(Odd::Close)).await;
        let told = server.mail(ONE).probe().await.unwrap();
        assert_eq!(
            told,
            format!("mail server `127.0.0.1:{}` answers on this machine", server.port)
        );
        let server =
            Server::start(|_, line| line.starts_with("EHLO").then_some(Odd::Silence)).await;
        let error = server.mail(ONE).probe().await.unwrap_err();
        assert!(error.to_string().contains("did not finish within 1 s"), "{error}");
    }

    #[test]
    fn one_reason_for_many_is_told_once_and_a_passing_one_decides() {
        let never = || Err(Failure::Never("no".to_owned()));
        let later = || Err(Failure::Later("busy".to_owned()));
        let outcome = |letter: &str, result| (letter.to_owned(), result);
        let error = sum_up(
            &names("z"),
            vec![
                outcome("a", never()),
                outcome("b", later()),
                outcome("c", never()),
                outcome("d", Ok(())),
            ],
        )
        .unwrap_err();
        let Error::Unavailable { reached, why } = error else { panic!("{error:?}") };
        assert_eq!(reached, ["z@example.com", "d"]);
        assert_eq!(why, "no (not delivered to `a`, `c`); busy (not delivered to `b`)");
    }
}
