//! Where the configuration and the data are, when nobody says so or somebody does.

use std::path::{Path, PathBuf};

/// What decides where to look: options, variables and folders of whoever runs the program.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `--config`, or `LEAKWARDEN_CONFIG`.
    pub config: Option<PathBuf>,
    /// `--data-dir`, or `LEAKWARDEN_DATA_DIR`.
    pub data_dir: Option<PathBuf>,
    /// The folder that the program was started in.
    pub working_dir: PathBuf,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub config_home: Option<PathBuf>,
    /// `XDG_DATA_HOME`.
    pub data_home: Option<PathBuf>,
}

/// The name of the configuration file.
pub const FILE_NAME: &str = "leakwarden.toml";

impl Surroundings {
    /// The configuration file to read; none if there is none and none was asked for. `exists` looks at the disk.
    pub(super) fn file(&self, exists: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
        if let Some(asked) = &self.config {
            return Some(asked.clone());
        }
        let here = self.working_dir.join(FILE_NAME);
        let of_user = self
            .below(self.config_home.as_deref(), ".config")
            .map(|folder| folder.join("leakwarden").join(FILE_NAME));
        [Some(here), of_user].into_iter().flatten().find(|path| exists(path))
    }

    /// The data folder, if neither an option nor a configuration file says where it is.
    pub(super) fn default_data_dir(&self) -> PathBuf {
        self.below(self.data_home.as_deref(), ".local/share")
            .unwrap_or_else(|| self.working_dir.clone())
            .join("leakwarden")
    }

    /// The folder that a variable names, or its place below the home. A relative one does not count.
    fn below(&self, named: Option<&Path>, default: &str) -> Option<PathBuf> {
        named
            .filter(|folder| folder.is_absolute())
            .map(Path::to_owned)
            .or_else(|| self.home.as_ref().map(|home| home.join(default)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_that_holds_a_file_counts_and_a_given_one_always() {
        let ana = || Surroundings {
            working_dir: "/work".into(),
            home: Some("/home/ana".into()),
            ..Surroundings::default()
        };
        let xdg = || Surroundings { config_home: Some("/xdg".into()), ..ana() };
        let here = "/work/leakwarden.toml";
        let of_user = "/home/ana/.config/leakwarden/leakwarden.toml";
        for (surroundings, existing, expected) in [
            (ana(), &[][..], None),
            (ana(), &[here, of_user], Some(here)),
            (ana(), &[of_user], Some(of_user)),
            (xdg(), &[of_user], None),
            (xdg(), &["/xdg/leakwarden/leakwarden.toml"], Some("/xdg/leakwarden/leakwarden.toml")),
            (Surroundings { config: Some("/x.toml".into()), ..ana() }, &[here], Some("/x.toml")),
        ] {
            let found =
                surroundings.file(&|path| existing.iter().any(|known| Path::new(known) == path));
            assert_eq!(found.as_deref(), expected.map(Path::new));
        }
    }

    #[test]
    fn data_goes_where_the_system_keeps_data() {
        let mut surroundings =
            Surroundings { working_dir: "/work".into(), ..Surroundings::default() };
        assert_eq!(surroundings.default_data_dir(), Path::new("/work/leakwarden"));
        surroundings.home = Some("/home/ana".into());
        assert_eq!(surroundings.default_data_dir(), Path::new("/home/ana/.local/share/leakwarden"));
        surroundings.data_home = Some("relative".into());
        assert_eq!(surroundings.default_data_dir(), Path::new("/home/ana/.local/share/leakwarden"));
        surroundings.data_home = Some("/data".into());
        assert_eq!(surroundings.default_data_dir(), Path::new("/data/leakwarden"));
    }
}
