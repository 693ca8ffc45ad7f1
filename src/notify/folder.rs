//! A folder of `.eml` files: the way that needs no server.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use lettre::Address;
use lettre::message::Mailbox;
use serde::Deserialize;

use super::compose::Composer;
use super::{Error, Notifier};
use crate::fs;
use crate::model::notice::Notice;

/// What is configured: `[route.security.to.folder]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Settings {
    /// Where the files go; made if it is not there.
    pub path: PathBuf,
}

/// A folder that mails are put into, one file each.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    composer: Arc<Composer>,
}

impl Folder {
    /// The folder at `path`.
    pub fn new(path: PathBuf, composer: Arc<Composer>) -> Self {
        Self { path, composer }
    }

    /// The same for every attempt at one delivery; sorts by time.
    fn file_of(&self, notice: &Notice) -> PathBuf {
        let queued = notice.queued.strftime("%Y%m%dT%H%M%SZ");
        self.path.join(format!("{queued}-{}.eml", notice.id))
    }
}

#[async_trait]
impl Notifier for Folder {
    async fn notify(&self, notice: &Notice, _reached: &[String]) -> Result<(), Error> {
        let from = nobody("leakwarden")?;
        let to = nobody(notice.route.as_str())?;
        let mail = self.composer.mail(notice, &from, &[to])?;
        let (folder, file) = (self.path.clone(), self.file_of(notice));
        blocking(move || put(&folder, &file, &mail)).await
    }

    async fn probe(&self) -> Result<String, Error> {
        let folder = self.path.clone();
        blocking(move || {
            let probe = fs::create_private_dir(&folder).and_then(|()| {
                tempfile::tempfile_in(&folder).map_err(fs::Error::new("write into", &folder))
            });
            probe.map(drop).map_err(|error| Error::later(chain(&error)))
        })
        .await?;
        Ok(format!("mails are put into `{}`", self.path.display()))
    }
}

fn put(folder: &Path, file: &Path, mail: &[u8]) -> Result<(), Error> {
    let written = fs::create_private_dir(folder).and_then(|()| fs::write_new(file, mail, 0o600));
    match written {
        // An earlier attempt got this far, whole: `write_new` leaves no part of a file.
        Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists && file.is_file() => {
            Ok(())
        }
        written => written.map_err(|error| Error::later(chain(&error))),
    }
}

fn chain(error: &fs::Error) -> String {
    format!("{error}: {}", error.source)
}

async fn blocking(work: impl FnOnce() -> Result<(), Error> + Send + 'static) -> Result<(), Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(Error::later("writing the file was broken off")),
    }
}

/// An address for a mail that no server sees.
fn nobody(name: &str) -> Result<Mailbox, Error> {
    let address = Address::new("leakwarden", "localhost")
        .map_err(|error| Error::never(format!("no address for the file: {error}")))?;
    Ok(Mailbox::new(Some(name.to_owned()), address))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::model::notice::{Audience, NoticeKind};
    use crate::notify::{Templates, sample};

    fn folder(path: PathBuf) -> Folder {
        Folder::new(path, Arc::new(Composer::new(Arc::new(Templates::load(None)), "a1b2")))
    }

    #[tokio::test]
    async fn a_delivery_is_one_file_however_often_it_is_attempted() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path().join("sub/mails"));
        folder.probe().await.unwrap();
        let mut notice = sample::notice(Audience::Security, NoticeKind::Leak);
        folder.notify(&notice, &[]).await.unwrap();
        let path = folder.path.join("20260323T101012Z-D-7.eml");
        let first = fs::read(&path).unwrap();
        notice.sent = notice.sent.checked_add(jiff::SignedDuration::from_mins(5)).unwrap();
        folder.notify(&notice, &[]).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), first);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&folder.path).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_tried_again_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let in_the_way = dir.path().join("file");
        fs::write_atomic(&in_the_way, b"", 0o600).unwrap();
        let folder = folder(in_the_way.clone());
        let notice = sample::notice(Audience::Legal, NoticeKind::Digest);
        for error in
            [folder.notify(&notice, &[]).await.unwrap_err(), folder.probe().await.unwrap_err()]
        {
            assert!(
                matches!(&error, Error::Unavailable { why, .. } if why.contains("file`")),
                "{error:?}"
            );
        }
    }
}
