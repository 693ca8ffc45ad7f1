//! Which git there is.

use std::process::{Command, Stdio};

use super::Error;
use super::program::cannot_start;

/// The oldest git that takes its settings from the environment the way that this module gives them.
pub const OLDEST: (u32, u32) = (2, 31);

/// The version of the git program: major, minor. None if it does not say.
pub fn version() -> Result<Option<(u32, u32)>, Error> {
    let output =
        Command::new("git").arg("--version").stdin(Stdio::null()).output().map_err(cannot_start)?;
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

/// "git version 2.47.1.windows.1"
fn parse(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.strip_prefix("git version ")?.split('.');
    let mut number = || numbers.next()?.trim().parse().ok();
    Some((number()?, number()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_kinds_are_read() {
        for (said, expected) in [
            ("git version 2.47.1\n", Some((2, 47))),
            ("git version 2.39.5 (Apple Git-154)", Some((2, 39))),
            ("git version 3.0\n", Some((3, 0))),
            ("git version 2.50.0.rc1.dirty", Some((2, 50))),
            ("something else", None),
            ("", None),
        ] {
            assert_eq!(parse(said), expected, "{said}");
        }
        assert!(version().unwrap() >= Some(OLDEST));
    }
}
