//! The commented files that `init` writes; what stands in them as a comment is tested like the rest.

/// A file that `init` writes.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// Where it goes, below the folder of the configuration.
    pub path: &'static str,
    /// What is in it.
    pub text: &'static str,
}

/// All of them, the main file first.
pub const EXAMPLES: [Example; 4] = [
    Example { path: super::FILE_NAME, text: include_str!("../../leakwarden.example.toml") },
    Example {
        path: "watchlists/sources.toml",
        text: include_str!("../../watchlists/sources.toml"),
    },
    Example {
        path: "watchlists/corpora.toml",
        text: include_str!("../../watchlists/corpora.toml"),
    },
    Example {
        path: "watchlists/allowed.toml",
        text: include_str!("../../watchlists/allowed.toml"),
    },
];
