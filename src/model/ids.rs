//! Names and stable numbers, parsed once and safe to print anywhere.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name or number that is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A name with characters outside the allowed set, empty, or too long.
    #[error(
        "`{given}` is not a name: use 1 to 64 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit"
    )]
    Name {
        /// What was given, escaped.
        given: String,
    },
    /// Something else where an id such as `INC-12` was wanted.
    #[error("`{given}` is not an id: it looks like {prefix}-12")]
    Id {
        /// What was given, escaped.
        given: String,
        /// The prefix that was wanted.
        prefix: &'static str,
    },
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 64
        && bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseError;
            fn from_str(text: &str) -> Result<Self, ParseError> {
                if is_name(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(ParseError::Name { given: text.escape_debug().take(80).collect() })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseError;
            fn try_from(text: String) -> Result<Self, ParseError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub u64);

        impl FromStr for $name {
            type Err = ParseError;
            fn from_str(text: &str) -> Result<Self, ParseError> {
                text.strip_prefix(concat!($prefix, "-"))
                    .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
                    .and_then(|digits| digits.parse().ok())
                    .map(Self)
                    .ok_or_else(|| ParseError::Id {
                        given: text.escape_debug().take(80).collect(),
                        prefix: $prefix,
                    })
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseError;
            fn try_from(text: String) -> Result<Self, ParseError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&format!(concat!($prefix, "-{}"), self.0))
            }
        }
    };
}

name! {
    /// The name of a corpus or baseline, such as `billing`.
    CorpusName
}
name! {
    /// The name of a source, such as `pastes`.
    SourceName
}
name! {
    /// The name of a route for notices, such as `security`.
    RouteName
}
number! {
    /// One incident: `INC-12`.
    IncidentId, "INC"
}
number! {
    /// One finding: `F-12`.
    FindingId, "F"
}
number! {
    /// One piece of evidence: `EV-7`.
    EvidenceId, "EV"
}
number! {
    /// One delivery of a notice: `D-3`.
    DeliveryId, "D"
}

/// The BLAKE3 digest of bytes as they were received; 32 bytes, hex when printed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// Digests bytes that are at hand.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

impl FromStr for ContentHash {
    type Err = blake3::HexError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(*blake3::Hash::from_hex(text)?.as_bytes()))
    }
}

impl TryFrom<String> for ContentHash {
    type Error = blake3::HexError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_short() {
        for good in ["a", "billing", "team-1.core_x", "0day"] {
            assert_eq!(good.parse::<CorpusName>().unwrap().as_str(), good);
        }
        for bad in ["", "Billing", "-a", "a b", "a/b", "..", "é", &"x".repeat(65)] {
            assert!(bad.parse::<CorpusName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_read_back_as_printed() {
        assert_eq!("INC-12".parse::<IncidentId>().unwrap(), IncidentId(12));
        assert_eq!(IncidentId(12).to_string(), "INC-12");
        for bad in ["12", "INC-", "INC--1", "INC-+1", "EV-1", "inc-1"] {
            assert!(bad.parse::<IncidentId>().is_err(), "{bad}");
        }
    }
}
