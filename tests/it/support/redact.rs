//! What differs from run to run, taken out of what is compared.

use std::sync::LazyLock;

use regex::Regex;

use super::TestEnv;

/// Patterns and what stands for them.
static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
        (r"\b[0-9a-f]{64}\b", "[digest]"),
        (r"\b[0-9a-f]{40}\b", "[commit]"),
        (r"127\.0\.0\.1:\d+", "[host]"),
        (r"\b\d+-\d{19}\b", "[version]"),
        (r"holds: \d+ lines", "holds: [n] lines"),
        // As many digits as a person reads.
        (r"\b(\d\.\d\d)\d{3,}", "$1…"),
        // Columns are as wide as what was taken out of them.
        (r"(\S) {2,}", "$1  "),
        (r"[ \t]+\n", "\n"),
    ]
    .map(|(pattern, by)| (Regex::new(pattern).unwrap(), by))
    .into()
});

/// The text with times, digests, paths, ports and the user's name taken out.
pub fn redact(text: &str, env: &TestEnv) -> String {
    let here = env.path("").display().to_string();
    let mut text = text.replace(here.trim_end_matches('/'), "[dir]");
    for (pattern, by) in PATTERNS.iter() {
        text = pattern.replace_all(&text, *by).into_owned();
    }
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap();
    let name = user.map_or_else(|| format!("uid {}", nix::unistd::getuid()), |user| user.name);
    text.replace(&format!("[time]  {name} "), "[time]  [user] ")
}
