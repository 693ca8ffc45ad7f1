//! Where a repository is, and how it may be reached.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use url::Url;

use super::Error;
use super::program::{Git, Patience, TUNNEL_PROXY, complaint, watch};
use crate::http::gateway::{Gateway, Limits};
use crate::secret::Secret;
use crate::{fs, http};

/// The address of a repository: `https://`, `http://`, `ssh://`, `user@host:path`, or a local path.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Address {
    /// Over HTTP.
    Web(Url),
    /// Over ssh, as typed.
    Ssh(String),
    /// On this machine.
    Path(PathBuf),
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let shown = || text.split('@').next_back().unwrap_or_default().escape_debug().to_string();
        if let Ok(url) = Url::parse(&text)
            && text.contains("://")
        {
            let has_credential =
                url.password().is_some() || (url.scheme() != "ssh" && !url.username().is_empty());
            if has_credential {
                return Err(format!(
                    "the address of `{}` carries a credential; use `user` and `token`",
                    shown()
                ));
            }
            return match url.scheme() {
                "http" | "https" if url.has_host() => Ok(Self::Web(url)),
                "ssh" if url.host_str().is_some_and(is_host) => Ok(Self::Ssh(text)),
                "file" => Ok(Self::Path(PathBuf::from(url.path()))),
                scheme => {
                    Err(format!("`{scheme}://` is not spoken; use https, http, ssh or a path"))
                }
            };
        }
        if text.starts_with(['/', '.', '~']) {
            return Ok(Self::Path(PathBuf::from(text)));
        }
        match text.split_once(':') {
            // `ext::sh -c …` would run a command.
            Some((_, rest)) if rest.starts_with(':') => {
                Err(format!("`{}` is not an address of a repository", shown()))
            }
            Some((host, path))
                if !path.is_empty()
                    && is_host(host.rsplit('@').next().unwrap_or(host))
                    && !host.starts_with('-') =>
            {
                Ok(Self::Ssh(text))
            }
            Some(_) => Err(format!("`{}` is not an address of a repository", shown())),
            None => Ok(Self::Path(PathBuf::from(text))),
        }
    }
}

/// Whether a host's name can be handed to ssh, which has seen options in worse ones.
fn is_host(host: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
    !host.is_empty() && !host.starts_with('-') && host.chars().all(is_plain)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(url) => write!(f, "{url}"),
            Self::Ssh(text) => f.write_str(text),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Address {
    fn protocol(&self) -> &'static str {
        match self {
            Self::Web(url) if url.scheme() == "https" => "https",
            Self::Web(_) => "http",
            Self::Ssh(_) => "ssh",
            Self::Path(_) => "file",
        }
    }
}

/// What identifies us to a git host over HTTP.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Most hosts take any name beside a token.
    pub user: String,
    /// The token.
    pub token: Secret,
}

impl Credential {
    fn header(&self) -> Secret {
        let pair = zeroize::Zeroizing::new(format!("{}:{}", self.user, self.token.reveal()));
        Secret::new(format!("Authorization: Basic {}", STANDARD.encode(pair.as_bytes())))
    }
}

/// How a repository may be reached.
#[derive(Debug, Clone)]
pub struct Access {
    /// The way out.
    pub http: http::Client,
    /// What identifies us over HTTP.
    pub credential: Option<Credential>,
    /// What identifies us over ssh. The keys of whoever runs us are never used.
    pub ssh_key: Option<PathBuf>,
    /// A folder for the keys of hosts that were met.
    pub known_hosts: PathBuf,
    /// One start of git must be over within this time.
    pub timeout: Duration,
    /// Bytes that one start of git may receive.
    pub max_bytes: u64,
}

/// The keys of hosts that were met, as ssh keeps them.
const KNOWN_HOSTS: &str = "known_hosts";

/// Without a sign of life for so long, git is stopped.
const STALL: Duration = Duration::from_mins(5);

impl Access {
    /// Runs a git command that talks to `address`, which is added to its arguments, before `rest`.
    pub(super) async fn run(
        &self,
        git: Git,
        address: &Address,
        rest: &[String],
    ) -> Result<Vec<u8>, Error> {
        let mut git =
            git.setting(&format!("protocol.{}.allow", address.protocol()), plain("always"));
        let gateway = match address {
            Address::Path(_) => None,
            Address::Web(_) | Address::Ssh(_) => {
                let limits = Limits { bytes: self.max_bytes, time: self.timeout };
                Some(Gateway::start(&self.http, limits).await.map_err(of_http)?)
            }
        };
        let proxy = gateway.as_ref().map_or_else(|| plain(""), Gateway::proxy_url);
        let header = self.credential.as_ref().map(Credential::header);
        match address {
            Address::Path(_) => {}
            Address::Web(url) => {
                git = git.env("http_proxy", proxy.reveal()).env("https_proxy", proxy.reveal());
                git = git.setting(
                    "http.userAgent",
                    plain(concat!("git/leakwarden-", env!("CARGO_PKG_VERSION"))),
                );
                if let Some(header) = &header {
                    let key = format!("http.{}.extraHeader", url.origin().ascii_serialization());
                    // A redirect would carry the credential to wherever it leads.
                    git = git
                        .setting("http.followRedirects", plain("false"))
                        .setting(&key, header.clone());
                }
            }
            Address::Ssh(_) => {
                fs::create_private_dir(&self.known_hosts)?;
                let program = std::env::current_exe()
                    .map_err(|error| Error::Unavailable(error.to_string()))?;
                git = git.env(TUNNEL_PROXY, proxy.reveal()).env("GIT_SSH_VARIANT", "ssh").env(
                    "GIT_SSH_COMMAND",
                    ssh_command(&program, &self.known_hosts, self.ssh_key.as_deref()),
                );
            }
        }
        git = git.arg("--").arg(address.to_string()).args(rest.iter().map(String::as_str));
        let patience = Patience { total: self.timeout, stall: STALL.min(self.timeout) };
        let said = watch(git, patience).await?;
        if said.status.success() {
            return Ok(said.stdout);
        }
        if let Some(error) = gateway.and_then(|gateway| gateway.take_error()) {
            return Err(of_http(error));
        }
        if is_another_key(&said.stderr) {
            return Err(Error::Refused(format!(
                "`{address}`: the host shows another key than when it was met first; ask whoever runs it, and if the \
                 change is right, take its line out of `{}`",
                self.known_hosts.join(KNOWN_HOSTS).display()
            )));
        }
        let secrets: Vec<&Secret> = [&proxy]
            .into_iter()
            .chain(&header)
            .chain(self.credential.as_ref().map(|c| &c.token))
            .collect();
        let shown = format!("`{address}`: {}", complaint(&said.stderr, &secrets));
        Err(if is_refusal(&said.stderr) {
            Error::Refused(shown)
        } else {
            Error::Unavailable(shown)
        })
    }
}

fn plain(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn of_http(error: http::Error) -> Error {
    match error {
        http::Error::RateLimited { host, until } => Error::RateLimited { host, until },
        http::Error::Unavailable { .. } | http::Error::Spool(_) => {
            Error::Unavailable(error.to_string())
        }
        _ => Error::Refused(error.to_string()),
    }
}

/// Whether ssh refuses a host because of its key, in a warning that frames the reason with signs.
fn is_another_key(stderr: &[u8]) -> bool {
    String::from_utf8_lossy(stderr).contains("HOST IDENTIFICATION HAS CHANGED")
}

/// Whether what git says means that trying again will not help.
fn is_refusal(stderr: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stderr).to_lowercase();
    [
        "authentication failed",
        "could not read username",
        "could not read password",
        "permission denied",
        "access denied",
        "not found",
        "does not appear to be a git repository",
        "not valid: is this a git repository",
        "host key verification failed",
        "dubious ownership",
        "error: 401",
        "error: 403",
        "unable to update url base from redirection",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// What git runs as ssh: nothing of the user's, nobody asked, every connection through our tunnel.
fn ssh_command(program: &Path, known_hosts: &Path, key: Option<&Path>) -> String {
    let file = known_hosts.join(KNOWN_HOSTS);
    let tunnel = format!("{} child tunnel %h %p", quote(&percent(program)));
    let key = key.map_or_else(|| "none".to_owned(), |key| format!("\"{}\"", percent(key)));
    let options = [
        "BatchMode=yes".to_owned(),
        "StrictHostKeyChecking=accept-new".to_owned(),
        format!("UserKnownHostsFile=\"{}\"", percent(&file)),
        "GlobalKnownHostsFile=none".to_owned(),
        "IdentitiesOnly=yes".to_owned(),
        "IdentityAgent=none".to_owned(),
        format!("IdentityFile={key}"),
        "ForwardAgent=no".to_owned(),
        "PermitLocalCommand=no".to_owned(),
        "ControlMaster=no".to_owned(),
        format!("ProxyCommand={tunnel}"),
    ];
    let options: Vec<String> =
        options.iter().map(|option| format!("-o {}", quote(option))).collect();
    format!("ssh -F none {}", options.join(" "))
}

/// A path in which ssh finds nothing to expand.
fn percent(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%%")
}

/// One word for the shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Result<Address, String> {
        Address::try_from(text.to_owned())
    }

    #[test]
    fn addresses_are_told_apart_and_dangerous_ones_refused() {
        for (text, protocol) in [
            ("https://h.example/x.git", "https"),
            ("http://h.example:3000/x", "http"),
            ("ssh://git@h.example:22/x", "ssh"),
            ("git@h.example:team/x.git", "ssh"),
            ("/srv/x.git", "file"),
            ("./x", "file"),
            ("x", "file"),
            ("file:///srv/x.git", "file"),
        ] {
            assert_eq!(address(text).map(|a| a.protocol()), Ok(protocol), "{text}");
        }
        for text in [
            "https://u:hunter2@h.example/x",
            "https://hunter2@h.example/x",
            "ssh://git:hunter2@h.example/x",
            "ext::sh -c 'touch hunter2'",
            "git://h.example/x",
            "ftp://h.example/x",
            "-oProxyCommand=hunter2:x",
            "ssh://-oProxyCommand=x/y",
            "git@-oProxyCommand=x:y",
        ] {
            let error = address(text).expect_err(text);
            assert!(!error.contains("u:hunter2"), "{error}");
        }
    }

    #[test]
    fn ssh_gets_words_that_no_path_can_break() {
        let words = ssh_command(
            Path::new("/opt/it's 100% mine/leakwarden"),
            Path::new("/var/lib/a b"),
            Some(Path::new("/etc/key file")),
        );
        let script = words.replacen("ssh", "printf '%s\\n'", 1);
        let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
        let words = String::from_utf8(output.stdout).unwrap();
        assert!(words.contains("UserKnownHostsFile=\"/var/lib/a b/known_hosts\"\n"), "{words}");
        assert!(words.contains("IdentityFile=\"/etc/key file\"\n"), "{words}");
        let tunnel = r"ProxyCommand='/opt/it'\''s 100%% mine/leakwarden' child tunnel %h %p";
        assert!(words.contains(tunnel), "{words}");
    }

    #[test]
    fn what_a_person_must_mend_is_told_from_what_passes() {
        for text in ["fatal: Authentication failed for 'x'", "fatal: repository 'x' not found"] {
            assert!(is_refusal(text.as_bytes()), "{text}");
        }
        assert!(is_another_key(
            b"@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@\n"
        ));
        for text in ["fatal: unable to access 'x': Connection reset", "error: 503"] {
            assert!(!is_refusal(text.as_bytes()), "{text}");
        }
    }
}
