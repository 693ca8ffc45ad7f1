//! Says in words for a person what `serde` says in words for a programmer.

/// What kind of mistake it was, as far as it decides what happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// A key that nobody knows, and the one that was probably meant.
    UnknownKey { meant: Option<String> },
    /// A word that is none of those allowed.
    UnknownVariant,
    /// A key that must be there.
    Missing { key: String },
    /// A value of the wrong kind, or wrong in its own way.
    Other,
}

impl Fault {
    /// The key that is missing.
    pub(super) fn missing(&self) -> Option<&str> {
        match self {
            Self::Missing { key } => Some(key),
            Self::UnknownKey { .. } | Self::UnknownVariant | Self::Other => None,
        }
    }
}

/// The known word that is most like this one, if any is like it.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = if word.chars().count() < 5 { 1 } else { 2 };
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= most || candidate.starts_with(word))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Takes a message of `serde` apart. What a string value holds is never repeated, since it may be a secret
/// in the wrong place; a word is, if it stands where one of a few words must stand.
pub(super) fn reword(message: &str) -> (Fault, String) {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let (word, known) = word_and_known(rest);
        let meant = nearest(word, known.iter().copied()).map(str::to_owned);
        return (
            Fault::UnknownKey { meant },
            format!("unknown key `{word}`{}", hint(word, &known)),
        );
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let (word, known) = word_and_known(rest);
        let what = if known.contains(&"env") && known.contains(&"file") {
            "a secret is not written here; write `{ env = \"NAME\" }` or `{ file = \"path\" }`"
                .to_owned()
        } else {
            format!("`{word}` is not known here{}", hint(word, &known))
        };
        return (Fault::UnknownVariant, what);
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        let key = key.trim_matches('`');
        return (Fault::Missing { key: key.to_owned() }, format!("the key `{key}` is missing"));
    }
    if message.starts_with("wanted exactly 1 element") {
        return (Fault::Other, "there must be exactly one table below it".to_owned());
    }
    if message == "invalid IP address syntax" {
        return (Fault::Other, "expected a network such as `10.0.0.0/8`".to_owned());
    }
    if is_about_addresses(message) {
        let reason = message.split(": \"").next().unwrap_or_default();
        return (Fault::Other, format!("not an address such as `https://host/path`: {reason}"));
    }
    for prefix in ["invalid type: ", "invalid value: "] {
        let parts = message.strip_prefix(prefix).and_then(|rest| rest.rsplit_once(", expected "));
        if let Some((found, expected)) = parts {
            return (Fault::Other, format!("expected {}{}", kind(expected), shown(found)));
        }
    }
    (Fault::Other, message.to_owned())
}

/// `` `word`, expected one of `a`, `b` `` taken apart.
fn word_and_known(text: &str) -> (&str, Vec<&str>) {
    let (word, known) = text.split_once(", expected ").unwrap_or((text, ""));
    (word.trim_matches('`'), known.split('`').skip(1).step_by(2).collect())
}

fn hint(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None if known.is_empty() => String::new(),
        None => format!(" (known: {})", known.join(", ")),
    }
}

/// The `url` crate repeats the address after its reason.
fn is_about_addresses(message: &str) -> bool {
    [
        "relative URL",
        "empty host",
        "invalid port",
        "invalid IPv",
        "invalid domain",
        "invalid international",
    ]
    .iter()
    .any(|reason| message.starts_with(reason))
}

fn kind(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "a table",
        "a TOML datetime" => "a day as 2026-12-31",
        text if text.starts_with("struct ") || text.contains("enum") => "a table",
        text if text.contains("string") => "a string",
        text => text,
    }
}

fn shown(found: &str) -> String {
    match found {
        "map" => ", found a table".to_owned(),
        "sequence" => ", found a list".to_owned(),
        text if text.starts_with("string ") => ", found a string".to_owned(),
        text => {
            let number =
                text.strip_prefix("integer ").or_else(|| text.strip_prefix("floating point "));
            match number.map(|number| number.trim_matches('`')) {
                Some(number) if number.starts_with('-') => format!(", found {number}"),
                Some(number) => format!(", found the number {number}"),
                None => format!(", found {}", text.replace("boolean ", "")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_only_if_it_is_near() {
        let known = ["pace", "pace_by_host", "contact", "allow"];
        for (word, expected) in [
            ("pase", Some("pace")),
            ("paec", Some("pace")),
            ("conatct", Some("contact")),
            ("cont", Some("contact")),
            ("pace_by", Some("pace_by_host")),
            ("proxy", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
