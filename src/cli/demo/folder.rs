//! The demo's folder: the sample corpus and a configuration as a person would write it. It is removed at the end
//! unless the user wants to keep it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::sample::{COMPANY, CORPUS, FILES};
use super::stand::{REPOSITORY, Stands};
use crate::config::{self, Config, FILE_NAME, Surroundings};
use crate::fs;

/// The folder that the demo works in.
pub(super) struct Folder {
    path: PathBuf,
    /// Removes it, if it is not to be kept.
    temporary: Option<tempfile::TempDir>,
}

impl Folder {
    /// A new one: `keep`, which must be empty if it is there, or one that goes away with this.
    pub(super) fn make(keep: Option<&Path>) -> anyhow::Result<Self> {
        let Some(keep) = keep else {
            let made = tempfile::Builder::new().prefix("leakwarden-demo-").tempdir();
            let temporary = made.context(
                "cannot make a temporary folder (set TMPDIR to one that can be written)",
            )?;
            return Ok(Self { path: temporary.path().to_owned(), temporary: Some(temporary) });
        };
        std::fs::create_dir_all(keep).map_err(fs::Error::new("create the folder", keep))?;
        let mut entries =
            std::fs::read_dir(keep).map_err(fs::Error::new("read the folder", keep))?;
        ensure!(
            entries.next().is_none(),
            "`{}` is not empty; give --keep a folder that is empty or not there yet",
            keep.display()
        );
        let path = std::path::absolute(keep).map_err(fs::Error::new("find the folder", keep))?;
        Ok(Self { path, temporary: None })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it stays.
    pub(super) fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }

    /// The configuration file in it.
    pub(super) fn config_file(&self) -> PathBuf {
        self.path.join(FILE_NAME)
    }

    /// The folder of the sample corpus.
    pub(super) fn corpus(&self) -> PathBuf {
        self.path.join("corpus")
    }

    /// Where the mails go.
    pub(super) fn outbox(&self) -> PathBuf {
        self.path.join("outbox")
    }

    /// Writes corpus and configuration, and has the product read the latter. Nothing of the user's own is read.
    pub(super) fn fill(&self, stands: &Stands) -> anyhow::Result<Config> {
        for file in FILES {
            write(&self.corpus().join(file.path), file.text)?;
        }
        write(&self.config_file(), &main_file())?;
        write(&self.path.join("watchlists/corpora.toml"), &corpora_file())?;
        write(&self.path.join("watchlists/sources.toml"), &sources_file(stands))?;
        let surroundings = Surroundings {
            config: Some(self.config_file()),
            working_dir: self.path.clone(),
            ..Surroundings::default()
        };
        Ok(config::load(&surroundings)?)
    }

    /// Removes the folder, unless it is to be kept.
    pub(super) fn close(self) -> anyhow::Result<()> {
        let path = self.path;
        self.temporary
            .map_or(Ok(()), tempfile::TempDir::close)
            .with_context(|| format!("cannot remove `{}`", path.display()))
    }
}

fn write(path: &Path, text: &str) -> Result<(), fs::Error> {
    let parent = path.parent().unwrap_or(path);
    std::fs::create_dir_all(parent).map_err(fs::Error::new("create the folder", parent))?;
    fs::write_new(path, text.as_bytes(), 0o644)
}

fn main_file() -> String {
    format!(
        "\
# The configuration of the demo of {COMPANY}, a company that does not exist.
# A real one comes from `leakwarden init`; it explains every setting.

instance = \"{CORPUS} demo\"
time_zone = \"UTC\"

[log]
level = \"error\" # the demo tells by itself what happens

[http]
# The stand-ins are on this machine. Addresses like this one are refused unless they are listed here.
allow = [\"127.0.0.1/32\"]
pace = \"10ms\" # a real site deserves a second between two requests

# Everybody who must know. Here the mails are put into a folder; a mail server or a webhook is as easy.
[route.security]
audience = \"security\"
severity = \"low\"
group_wait = \"2s\" # a burst of finds becomes one mail
[route.security.to.folder]
path = \"outbox\"
"
    )
}

fn corpora_file() -> String {
    format!(
        "\
# What to look for. Repositories by path or address are listed in the same way.

[[corpus]]
name = \"{CORPUS}\"
path = \"corpus\"
sensitivity = \"confidential\"
owner = \"forecasting desk\"
copyright_holder = \"{COMPANY}\"
"
    )
}

fn sources_file(stands: &Stands) -> String {
    let Stands { pastes, blog, forge, .. } = stands;
    format!(
        "\
# Where to look. The three sites were stand-ins on this machine and ended with the demo.

[defaults]
schedule = \"*/2 * * * * *\" # seconds first; without them a schedule has the usual five fields
jitter = \"0s\"

# A listing in HTML, page by page, and the raw text of each paste.
[source.pastes.from.page]
url = \"http://{pastes}/\"
item = \"table.recent tr\"
link = \"a.title\"
id = \"/p/([a-z0-9]+)$\"
raw_url = \"http://{pastes}/raw/{{id}}\"
next = \"a.older\"

# A feed; its links are followed.
[source.blog.from.feed]
url = \"http://{blog}/feed.xml\"

# A repository: every version of every file on every branch.
[source.forge.from.git]
url = \"http://{forge}/{REPOSITORY}\"
"
    )
}

#[cfg(test)]
mod tests {
    use super::super::repository::Files;
    use super::*;

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let keep = dir.path().join("kept/here");
        let folder = Folder::make(Some(&keep)).unwrap();
        assert!(folder.is_kept());
        folder.close().unwrap();
        assert!(keep.is_dir());
        write(&keep.join("mine"), "precious").unwrap();
        let error = Folder::make(Some(&keep)).err().unwrap();
        assert!(error.to_string().contains("is not empty"), "{error}");

        let passing = Folder::make(None).unwrap();
        let path = passing.path().to_owned();
        assert!(path.is_dir());
        passing.close().unwrap();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn the_configuration_is_one_that_the_product_reads_without_a_word() {
        let folder = Folder::make(None).unwrap();
        let stands = Stands::start(Files::new(), Files::new()).await.unwrap();
        let config = folder.fill(&stands).unwrap();
        assert_eq!(config.sources.len(), 3);
        assert!(config.data.path().starts_with(folder.path()));
        config::trial(&config, super::super::clock::now).unwrap();
    }
}
