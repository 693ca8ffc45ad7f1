//! A git repository: every blob that any of its refs reaches, history included.
//!
//! Owns what of a repository was examined. The invariant: a ref counts as examined only when every
//! blob it reaches has been listed. After the first pass only what is new is listed, and a
//! repository in which no ref moved costs one question and no fetch.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Context, Error, PAGE_ITEMS, Source, blocking, clip, cursor, position};
use crate::git::{Access, Address, Blobs, Credential, Listed, Mirror, Refs};
use crate::model::batch::{Cursor, Page};
use crate::model::document::{Document, Item, Provenance};
use crate::model::ids::SourceName;
use crate::secret::Secret;
use crate::{fs, git};

/// The table `[source.NAME.from.git]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The repository: `https://`, `http://`, `ssh://`, `user@host:path`, or a local path.
    pub url: Address,
    /// The name that goes with the token.
    #[serde(default = "token_user")]
    pub user: String,
    /// Where the token is, for a repository that is not public.
    pub token: Option<Token>,
    /// The private key for a repository over ssh; the keys of whoever runs this are never used.
    pub ssh_key: Option<PathBuf>,
    /// One clone or fetch must be over within this time.
    #[serde(
        default = "two_hours",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub timeout: Duration,
    /// Bytes that one clone or fetch may receive.
    #[serde(default = "twenty_gib")]
    pub max_bytes: u64,
}

fn token_user() -> String {
    "x-access-token".to_owned()
}

fn two_hours() -> Duration {
    Duration::from_hours(2)
}

fn twenty_gib() -> u64 {
    20 << 30
}

/// Where a secret is: never in the configuration itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Token {
    /// The first line of a file.
    File(PathBuf),
    /// A variable of the environment.
    Env(String),
}

impl Token {
    /// Reads it anew each time, so that it can be exchanged while we run.
    fn read(&self) -> Result<Secret, Error> {
        let text = match self {
            Self::File(path) => {
                let bytes = fs::read(path).map_err(|error| Error::Refused(error.to_string()))?;
                String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().trim().to_owned()
            }
            Self::Env(name) => std::env::var(name).unwrap_or_default().trim().to_owned(),
        };
        if !text.is_empty() {
            return Ok(Secret::new(text));
        }
        Err(Error::Refused(match self {
            Self::File(path) => format!("the token file `{}` is empty", path.display()),
            Self::Env(name) => {
                format!("the variable `{name}`, which should hold the token, is not set")
            }
        }))
    }
}

/// A git repository as a source.
pub struct Repository {
    name: SourceName,
    settings: Settings,
    context: Context,
    /// A process that reads blobs, kept from one fetch to the next.
    reader: Arc<Mutex<Option<Blobs>>>,
}

/// How far we have come.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    /// The refs of which everything was listed.
    examined: Refs,
    /// The listing that is under way.
    pass: Option<Pass>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pass {
    /// The refs that will be examined when it is through.
    refs: Refs,
    /// Where in the listing to go on.
    offset: u64,
}

impl Repository {
    pub(super) fn new(
        name: SourceName,
        settings: Settings,
        context: Context,
    ) -> Result<Self, Error> {
        let refused = |why: &str| Err(Error::Refused(format!("source `{name}`: {why}")));
        match &settings.url {
            Address::Web(_) if settings.ssh_key.is_some() => {
                refused("`ssh_key` is of no use over HTTP")
            }
            Address::Ssh(_) | Address::Path(_) if settings.token.is_some() => {
                refused("`token` is of use over HTTP only")
            }
            _ => Ok(Self { name, settings, context, reader: Arc::default() }),
        }
    }

    /// The mirror's folder: named by a digest, since addresses are hostile to file systems and a
    /// source that is renamed or moved must not read another's mirror.
    fn dir(&self) -> PathBuf {
        let name = format!("{}\n{}", self.name, self.settings.url);
        let digest: String = blake3::hash(name.as_bytes()).to_hex().chars().take(32).collect();
        self.context.data_dir.join("mirrors").join(digest)
    }

    fn mirror(&self) -> Result<Mirror, Error> {
        let credential = match &self.settings.token {
            Some(token) => {
                Some(Credential { user: self.settings.user.clone(), token: token.read()? })
            }
            None => None,
        };
        let access = Access {
            http: self.context.http.clone(),
            credential,
            ssh_key: self.settings.ssh_key.clone(),
            known_hosts: self.context.data_dir.join("mirrors"),
            timeout: self.settings.timeout,
            max_bytes: self.settings.max_bytes,
        };
        Ok(Mirror::new(&self.dir(), self.settings.url.clone(), access))
    }

    /// The next slice of a listing that was written before; `None` if it is lost.
    async fn next_of(&self, examined: &Refs, pass: Pass) -> Result<Option<Page>, Error> {
        let listing = self.mirror()?.listing(&pass.refs, examined);
        let offset = pass.offset;
        let slice = blocking(move || Ok(listing.page(offset, PAGE_ITEMS)?)).await?;
        Ok(slice.map(|(listed, offset, is_end)| {
            let next = if is_end {
                Position { examined: pass.refs, pass: None }
            } else {
                Position { examined: examined.clone(), pass: Some(Pass { offset, ..pass }) }
            };
            Page {
                items: listed.into_iter().map(|listed| self.item(listed)).collect(),
                next: cursor(&next),
                more: !is_end,
                gap: None,
                validators: Vec::new(),
            }
        }))
    }

    /// Fetches what is new and lists it from the beginning.
    async fn first_of(
        &self,
        mirror: Mirror,
        remote: &Refs,
        examined: &Refs,
    ) -> Result<Page, Error> {
        let refs = mirror.fetch(remote).await?;
        let (new, old) = (refs.clone(), examined.clone());
        blocking(move || Ok(mirror.list_new(&new, &old)?)).await?;
        let page = self.next_of(examined, Pass { refs, offset: 0 }).await?;
        page.ok_or_else(|| Error::Unavailable("the listing was lost while it was read".to_owned()))
    }

    fn item(&self, listed: Listed) -> Item {
        let commit = listed.commit.unwrap_or_default();
        Item {
            place: format!("{}@{commit}:{}", self.settings.url, listed.path),
            title: listed.path.rsplit('/').next().and_then(clip),
            author: None,
            published: None,
            version: String::new(),
            handle: serde_json::json!({ "commit": commit, "path": listed.path }),
            id: listed.blob,
        }
    }

    /// Reads a blob; `None` if the mirror does not have it.
    async fn read(&self, id: &str) -> Result<Option<git::Blob>, Error> {
        let (dir, id, most) = (self.dir(), id.to_owned(), self.context.max_body);
        let (reader, spool) = (Arc::clone(&self.reader), self.context.spool()?);
        let lock = move |put: Option<Blobs>| {
            std::mem::replace(&mut *reader.lock().unwrap_or_else(PoisonError::into_inner), put)
        };
        blocking(move || {
            let open = || git::Repository::open(&dir).and_then(|mirror| mirror.blobs());
            let mut blobs = match lock(None) {
                Some(blobs) => blobs,
                None if dir.exists() => open()?,
                None => return Ok(None),
            };
            let blob = blobs.read(&id, most, spool)?;
            drop(lock(Some(blobs).filter(Blobs::is_usable)));
            Ok(blob)
        })
        .await
    }
}

#[async_trait]
impl Source for Repository {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn poll(&self, from: Option<&Cursor>) -> Result<Page, Error> {
        let Position { examined, pass } = position(from);
        if let Some(pass) = pass
            && let Some(page) = self.next_of(&examined, pass).await?
        {
            return Ok(page);
        }
        // A reader that rests between two looks would hold on to packs that are tidied away.
        drop(self.reader.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mirror = self.mirror()?;
        let remote = mirror.remote_refs().await?;
        if remote != examined {
            return self.first_of(mirror, &remote, &examined).await;
        }
        Ok(Page {
            items: Vec::new(),
            next: cursor(&Position { examined, pass: None }),
            more: false,
            gap: None,
            validators: Vec::new(),
        })
    }

    async fn fetch(&self, item: &Item) -> Result<Document, Error> {
        let mut blob = self.read(&item.id).await?;
        if blob.is_none() {
            // Mirrors may be thrown away at any time.
            let mirror = self.mirror()?;
            let remote = mirror.remote_refs().await?;
            mirror.fetch(&remote).await?;
            drop(self.reader.lock().unwrap_or_else(PoisonError::into_inner).take());
            blob = self.read(&item.id).await?;
        }
        let text = |key: &str| {
            item.handle.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
        };
        let blob = blob.ok_or_else(|| {
            Error::Gone("the repository does not hold this blob any more".to_owned())
        })?;
        Ok(Document {
            source: self.name.clone(),
            item: item.clone(),
            body: blob.body,
            media_type: None,
            truncated: blob.truncated,
            provenance: Provenance::Git {
                repository: self.settings.url.to_string(),
                commit: text("commit"),
                path: text("path"),
                blob: item.id.clone(),
                read: (self.context.now)(),
            },
        })
    }

    fn explain(&self) -> String {
        let needs = match (&self.settings.url, &self.settings.token, &self.settings.ssh_key) {
            (Address::Web(_), None, _) => "Needs no account as long as the repository is public.",
            (Address::Web(_), Some(_), _) => "Identifies itself with the configured token.",
            (Address::Ssh(_), _, None) => {
                "Identifies itself to nobody; most hosts want an `ssh_key`, since a user's own keys are not used."
            }
            (Address::Ssh(_), _, Some(_)) => "Identifies itself with the configured key.",
            (Address::Path(_), ..) => "Needs permission to read the folder.",
        };
        format!(
            "Keeps a mirror of {} and looks once at every file\n\
             of every branch, tag, note and request, in all their history; later only at what is new.\n\
             {needs}\n\
             Does not see what no ref of the host reaches, the messages of commits, what submodules point\n\
             to, and files that Git LFS keeps elsewhere.",
            self.settings.url,
        )
    }
}

impl From<git::Error> for Error {
    fn from(error: git::Error) -> Self {
        match error {
            git::Error::RateLimited { until, .. } => Self::RateLimited { until },
            git::Error::NoProgram(_) | git::Error::Refused(_) => Self::Refused(error.to_string()),
            git::Error::Unavailable(_) | git::Error::Damaged(_) | git::Error::File(_) => {
                Self::Unavailable(error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod backend;
#[cfg(test)]
mod tests;
