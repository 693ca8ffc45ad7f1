//! Periods of time and sizes in bytes as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A period of time: `500ms`, `30s`, `5m`, `2h`, `1d`, or several parts as `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period(pub Duration);

/// A number of bytes: `300`, `64 KiB`, `5 MiB`, `2 GiB` (powers of 1024) or `64 kB`, `5 MB`, `2 GB` (of 1000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const PERIODS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

const SIZES: [(&str, u64); 7] = [
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused =
            || format!("`{text}` is not a period: write it as `500ms`, `30s`, `5m`, `2h` or `1d`");
        let mut rest = text.trim();
        let mut millis = 0_u64;
        if rest.is_empty() {
            return Err(refused());
        }
        while !rest.is_empty() {
            let (part, remaining) = number_and_unit(rest);
            let factor = PERIODS.iter().find(|(unit, _)| *unit == part.unit).map(|unit| unit.1);
            millis = factor
                .zip(part.number)
                .and_then(|(factor, number)| number.checked_mul(factor))
                .and_then(|part| millis.checked_add(part))
                .ok_or_else(refused)?;
            rest = remaining;
        }
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (part, rest) = number_and_unit(text.trim());
        let unit = if part.unit.is_empty() { "B" } else { part.unit };
        SIZES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .zip(part.number)
            .and_then(|((_, factor), number)| number.checked_mul(*factor))
            .filter(|_| rest.is_empty())
            .map(Self)
            .ok_or_else(|| {
                format!("`{text}` is not a size: write it as `64 KiB`, `5 MiB` or `2 GiB`")
            })
    }
}

struct Part<'a> {
    number: Option<u64>,
    unit: &'a str,
}

/// The first number and the letters after it, and what remains.
fn number_and_unit(text: &str) -> (Part<'_>, &str) {
    let (digits, rest) = split_while(text, |c| c.is_ascii_digit());
    let (unit, rest) = split_while(rest.trim_start(), char::is_alphabetic);
    (Part { number: digits.parse().ok(), unit }, rest.trim_start())
}

fn split_while(text: &str, keeps: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !keeps(c)).unwrap_or(text.len()))
}

impl TryFrom<String> for Period {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut millis = self.0.as_millis();
        if millis == 0 {
            return f.write_str("0s");
        }
        let mut space = "";
        for (unit, factor) in PERIODS {
            let count = millis / u128::from(factor);
            millis %= u128::from(factor);
            if count > 0 {
                write!(f, "{space}{count}{unit}")?;
                space = " ";
            }
        }
        Ok(())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = SIZES
            .iter()
            .rev()
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor))
            .unwrap_or(&SIZES[0]);
        write!(f, "{} {unit}", self.0 / factor)
    }
}

impl Serialize for Size {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;
        impl serde::de::Visitor<'_> for NumberOrText {
            type Value = Size;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size as `5 MiB`")
            }
            fn visit_i64<E: serde::de::Error>(self, bytes: i64) -> Result<Size, E> {
                u64::try_from(bytes).map(Size).map_err(|_| E::custom("a size cannot be negative"))
            }
            fn visit_u64<E>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size(bytes))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Size, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(NumberOrText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_read_as_written() {
        for (text, millis, shown) in [
            ("500ms", 500, "500ms"),
            ("30s", 30_000, "30s"),
            ("90s", 90_000, "1m 30s"),
            ("1h 30m", 5_400_000, "1h 30m"),
            ("1h30m", 5_400_000, "1h 30m"),
            ("1 d", 86_400_000, "1d"),
            ("0s", 0, "0s"),
        ] {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.0, Duration::from_millis(millis), "{text}");
            assert_eq!(period.to_string(), shown);
        }
        for bad in [
            "",
            "5",
            "m",
            "-5s",
            "5 parsecs",
            "1.5h",
            "99999999999999999999s",
            "5s!",
            "300000000000000d",
        ] {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_read_as_written() {
        for (text, bytes, shown) in [
            ("300", 300, "300 B"),
            ("64 KiB", 65_536, "64 KiB"),
            ("5MiB", 5 << 20, "5 MiB"),
            ("2 GB", 2_000_000_000, "2 GB"),
            ("1500 kB", 1_500_000, "1500 kB"),
            ("0", 0, "0 B"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!(size, Size(bytes), "{text}");
            assert_eq!(size.to_string(), shown);
        }
        for bad in ["", "MiB", "5 MiB 3", "5 XB", "-1", "99999999999999999999", "20000000000 GiB"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }
}
