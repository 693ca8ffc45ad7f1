//! For tests: small repositories, made by the git program.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A working copy in a folder that goes with it.
pub(crate) struct Stand {
    dir: tempfile::TempDir,
}

impl Stand {
    pub(crate) fn new() -> Self {
        Self::of_format("sha1")
    }

    /// One whose ids are of this kind.
    pub(crate) fn of_format(format: &str) -> Self {
        let stand = Self { dir: tempfile::tempdir().unwrap() };
        let format = format!("--object-format={format}");
        stand.git(&["init", "--quiet", "--initial-branch=main", &format]);
        stand
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A path beside the working copy's files that git passes over.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(".git").join(name)
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=n",
                "-c",
                "user.email=n@example.com",
                "-c",
                "commit.gpgSign=false",
            ])
            .args(args)
            .current_dir(self.dir.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Writes a file and commits it.
    pub(crate) fn commit(&self, path: &str, bytes: &[u8]) -> String {
        let file = self.dir.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        crate::fs::write_atomic(&file, bytes, 0o644).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", "change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// The id that a blob of these bytes has.
    pub(crate) fn id(&self, path: &str) -> String {
        self.git(&["rev-parse", &format!("HEAD:{path}")])
    }
}
