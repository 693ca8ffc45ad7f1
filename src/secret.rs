//! A string that never prints, and the places it may come from.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A password, token or key: no `Display`, a redacted `Debug`, wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself: for the wire only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Where a secret is kept. The configuration holds this, never the secret:
/// `{ file = "smtp.password" }` or `{ env = "SMTP_PASSWORD" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// A file that holds nothing else; one line end at its end does not count.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

/// Why a secret could not be had. Names the place, never the secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the secret in `{}`: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The variable is not there.
    #[error("the environment variable `{name}` is not set, or is not text")]
    Env {
        /// The variable.
        name: String,
    },
    /// There is a place, but nothing in it.
    #[error("the secret in {place} is empty")]
    Empty {
        /// The file or variable.
        place: String,
    },
}

impl SecretRef {
    /// Larger files are a mistake.
    const MAX_BYTES: u64 = 64 << 10;

    /// Reads the secret; a relative file is looked for below `base`.
    pub fn read(&self, base: &Path) -> Result<Secret, Error> {
        let (place, text) = match self {
            Self::File(path) => {
                let path = base.join(path);
                let text = read_capped(&path)
                    .map_err(|why| Error::File { path: path.clone(), why: why.to_string() })?;
                (format!("`{}`", path.display()), text)
            }
            Self::Env(name) => {
                let text = std::env::var(name).map_err(|_| Error::Env { name: name.clone() })?;
                (format!("the environment variable `{name}`"), Zeroizing::new(text))
            }
        };
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            return Err(Error::Empty { place });
        }
        Ok(Secret::new(line.to_owned()))
    }
}

fn read_capped(path: &Path) -> std::io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(path)?.take(SecretRef::MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > SecretRef::MAX_BYTES {
        return Err(std::io::Error::other("it is larger than 64 KiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_from_a_file_without_its_line_end() {
        let dir = tempfile::tempdir().unwrap();
        let kept = SecretRef::File("password".into());
        for (content, expected) in
            [("hunter2\n", "hunter2"), ("hunter2", "hunter2"), (" two words \r\n", " two words ")]
        {
            crate::fs::write_atomic(&dir.path().join("password"), content.as_bytes(), 0o600)
                .unwrap();
            assert_eq!(kept.read(dir.path()).unwrap().reveal(), expected);
        }
    }

    #[test]
    fn a_secret_that_is_not_there_is_named_by_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let error = SecretRef::File("gone".into()).read(dir.path()).unwrap_err().to_string();
        assert!(error.contains("/gone`: "), "{error}");
        crate::fs::write_atomic(&dir.path().join("empty"), b"\n", 0o600).unwrap();
        let error = SecretRef::File("empty".into()).read(dir.path()).unwrap_err().to_string();
        assert!(error.ends_with("is empty"), "{error}");
        let error = SecretRef::Env("LEAKWARDEN_NO_SUCH_VARIABLE".to_owned()).read(dir.path());
        assert!(error.unwrap_err().to_string().contains("`LEAKWARDEN_NO_SUCH_VARIABLE`"));
    }

    #[test]
    fn a_place_is_written_as_a_table_of_one_key() {
        #[derive(Deserialize)]
        struct Holder {
            password: SecretRef,
        }
        let read = |text: &str| toml::from_str::<Holder>(text).map(|holder| holder.password);
        assert_eq!(read("password = { env = 'P' }").unwrap(), SecretRef::Env("P".to_owned()));
        assert_eq!(read("password = { file = 'p' }").unwrap(), SecretRef::File("p".into()));
        assert!(read("password = 'hunter2'").is_err());
        assert!(read("password = { text = 'hunter2' }").is_err());
    }

    #[test]
    fn debug_says_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "[redacted]");
    }
}
