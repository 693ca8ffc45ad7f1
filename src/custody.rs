//! The chain of custody: a hash-chained line for everything done to incidents, evidence and settings.
//!
//! Owns the format of a line and how it is checked. Invariant: the hash of a line covers all its other fields, the hash of the
//! line before among them, so that changing, removing or reordering lines shows. Cutting lines off the end does not show from
//! the chain alone: compare the last hash with one kept elsewhere (a backup, a printed report). Knows no store.
//!
//! The canonical JSON that is hashed: members sorted by name (by code point), no white space, UTF-8, strings escaped only
//! where JSON demands it (`\"`, `\\`, `\b`, `\f`, `\n`, `\r`, `\t`, other control characters as `\u00xx` in lower case),
//! numbers whole. Two programs may print a fraction differently, so [`append`] keeps fractions as strings.

use std::fmt::Write;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::model::incident::Actor;

/// What was done; becomes a line when it is appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What, as a verb in the past: `incident.opened`, `evidence.stored`, `incident.dismissed`.
    pub what: &'static str,
    /// To what: `INC-1`, `EV-7`, `settings`.
    pub subject: String,
    /// More facts. No leaked text, no secret.
    pub detail: Value,
}

/// One line of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// 1, 2, 3 …
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What.
    pub what: String,
    /// To what.
    pub subject: String,
    /// More facts.
    pub detail: Value,
    /// The hash of the line before; zeros for the first.
    pub previous: String,
    /// The hash of this line: SHA-256 over the canonical JSON of all other fields.
    pub hash: String,
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the chain of custody is broken at line {number}: {why}")]
pub struct Broken {
    /// The first line that is wrong, counted from 1.
    pub number: u64,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Makes the line that follows `last`.
pub fn append(last: Option<&Line>, deed: Deed) -> Line {
    let mut line = Line {
        number: last.map_or(1, |last| last.number + 1),
        at: deed.at,
        by: deed.by,
        what: deed.what.to_owned(),
        subject: deed.subject,
        detail: without_fractions(deed.detail),
        previous: last.map_or_else(|| "0".repeat(64), |last| last.hash.clone()),
        hash: String::new(),
    };
    line.hash = hash(&line);
    line
}

/// Checks a chain from its first line; gives the number of lines.
pub fn verify<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Result<u64, Broken> {
    let mut previous = "0".repeat(64);
    let mut number = 0;
    for line in lines {
        number += 1;
        let why = if line.number != number {
            "its number does not follow"
        } else if line.previous != previous {
            "it does not follow the line before it"
        } else if line.hash != hash(line) {
            "its content was changed"
        } else {
            previous.clone_from(&line.hash);
            continue;
        };
        return Err(Broken { number, why });
    }
    Ok(number)
}

/// The canonical JSON of a value, as described at the top of this module.
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn hash(line: &Line) -> String {
    let hashed = json!({
        "number": line.number,
        "at": line.at,
        "by": line.by,
        "what": line.what,
        "subject": line.subject,
        "detail": line.detail,
        "previous": line.previous,
    });
    let digest = Sha256::digest(canonical(&hashed));
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        hex
    })
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Array(values) => {
            out.push('[');
            for (i, value) in values.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                write_canonical(value, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            // Sorted here: the order that the map itself keeps is a build option of serde_json.
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (i, (name, value)) in sorted.into_iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(value, out);
            }
            out.push('}');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

fn without_fractions(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => Value::String(number.to_string()),
        Value::Array(values) => values.into_iter().map(without_fractions).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, without_fractions(value))).collect()
        }
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chain(length: u64) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        for i in 0..length {
            let deed = Deed {
                at: Timestamp::from_second(i64::try_from(i).unwrap()).unwrap(),
                by: Actor::User { uid: 7, name: "ann".to_owned() },
                what: "incident.noted",
                subject: format!("INC-{i}"),
                detail: json!({ "b": i, "a": ["ü\n\u{1}\"\\/", null, true], "score": 0.1 }),
            };
            lines.push(append(lines.last(), deed));
        }
        lines
    }

    #[test]
    fn canonical_json_is_sorted_tight_and_escapes_only_what_it_must() {
        let value = json!({ "b": [1, -2, true, null], "a": "ü/\"\\\n\u{1}", "A": {} });
        assert_eq!(
            canonical(&value),
            "{\"A\":{},\"a\":\"ü/\\\"\\\\\\n\\u0001\",\"b\":[1,-2,true,null]}"
        );
    }

    #[test]
    fn the_format_of_a_line_never_changes() {
        let lines = chain(2);
        assert_eq!(verify(&lines), Ok(2));
        assert_eq!(lines[0].detail["score"], json!("0.1"), "fractions are kept as strings");
        assert_eq!(
            lines[1].hash, "d2ec84bab1609a5c301ad6bbfd0173bd943825701bc0ce1af6d02d3bff46b2d2",
            "old chains must verify for ever"
        );
    }

    #[test]
    fn every_field_of_every_line_is_covered() {
        let lines = chain(4);
        let changes: [fn(&mut Line); 8] = [
            |line| line.number += 1,
            |line| line.at = Timestamp::from_second(99).unwrap(),
            |line| line.by = Actor::Program,
            |line| line.what.push('x'),
            |line| line.subject.push('x'),
            |line| line.detail["b"] = json!(77),
            |line| line.previous.replace_range(0..1, "x"),
            |line| line.hash.replace_range(0..1, "x"),
        ];
        for at in 0..lines.len() {
            for (i, change) in changes.iter().enumerate() {
                let mut wrong = lines.clone();
                change(&mut wrong[at]);
                let broken = verify(&wrong).unwrap_err();
                assert_eq!(broken.number, at as u64 + 1, "change {i}");
            }
        }
    }

    #[test]
    fn a_line_changed_with_its_own_hash_breaks_the_next() {
        let mut lines = chain(4);
        lines[1].subject = "INC-99".to_owned();
        lines[1].hash = hash(&lines[1]);
        assert_eq!(verify(&lines).unwrap_err().number, 3);
    }

    #[test]
    fn a_line_reads_back_from_json_and_still_verifies() {
        let lines = chain(3);
        let text = serde_json::to_string(&lines).unwrap();
        let read: Vec<Line> = serde_json::from_str(&text).unwrap();
        assert_eq!(verify(&read), Ok(3));
    }

    proptest! {
        #[test]
        fn removing_or_swapping_lines_inside_is_detected(length in 3_usize..12, a in 0_usize..12, b in 0_usize..12) {
            let lines = chain(length as u64);
            let (a, b) = (a % length, b % length);
            let mut removed = lines.clone();
            removed.remove(a);
            prop_assert_eq!(verify(&removed).is_err(), a != length - 1);
            let mut swapped = lines;
            swapped.swap(a, b);
            prop_assert_eq!(verify(&swapped).is_err(), a != b);
        }
    }
}
