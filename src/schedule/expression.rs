//! Reads the standard five or six fields and writes what the `cron` crate understands.
//!
//! The crate counts weekdays from 1 = Sunday, refuses five fields, and wants a day to satisfy both
//! the day-of-month and the weekday. Here every field becomes a plain list of numbers, weekdays are
//! renumbered, and a day that may satisfy either field becomes two expressions. Knows no clock.

use super::Error;

/// One field of an expression: its bounds and the words that stand for numbers.
struct Field {
    name: &'static str,
    least: u8,
    most: u8,
    words: &'static [&'static str],
}

const SECOND: Field = Field { name: "second", least: 0, most: 59, words: &[] };
const MINUTE: Field = Field { name: "minute", least: 0, most: 59, words: &[] };
const HOUR: Field = Field { name: "hour", least: 0, most: 23, words: &[] };
const DAY: Field = Field { name: "day of the month", least: 1, most: 31, words: &[] };
const MONTH: Field = Field {
    name: "month",
    least: 1,
    most: 12,
    words: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
/// Both 0 and 7 are Sunday.
const WEEKDAY: Field = Field {
    name: "weekday",
    least: 0,
    most: 7,
    words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

/// The expressions for the `cron` crate that together mean what was typed: one, or two of which either counts.
pub(super) fn rewrite(typed: &str) -> Result<Vec<String>, Error> {
    let typed = typed.trim();
    let spelt_out = if typed.starts_with('@') { spell_out(typed)? } else { typed };
    let fields: Vec<&str> = spelt_out.split_whitespace().collect();
    let (second, [minute, hour, day, month, weekday]) = match fields[..] {
        [minute, hour, day, month, weekday] => ("0", [minute, hour, day, month, weekday]),
        [second, minute, hour, day, month, weekday] => {
            (second, [minute, hour, day, month, weekday])
        }
        _ => return Err(Error::Count { given: typed.to_owned(), count: fields.len() }),
    };
    let clock = [SECOND.list(second)?, MINUTE.list(minute)?, HOUR.list(hour)?].join(" ");
    let (days, months, weekdays) = (DAY.list(day)?, MONTH.list(month)?, WEEKDAY.list(weekday)?);
    // The rule of Vixie cron: a day counts if either field names it, unless one of the fields begins with a star.
    Ok(if day.starts_with('*') || weekday.starts_with('*') {
        vec![format!("{clock} {days} {months} {weekdays}")]
    } else {
        vec![format!("{clock} {days} {months} *"), format!("{clock} * {months} {weekdays}")]
    })
}

fn spell_out(typed: &str) -> Result<&'static str, Error> {
    match typed {
        "@hourly" => Ok("0 * * * *"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@monthly" => Ok("0 0 1 * *"),
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        _ => Err(Error::Macro { given: typed.to_owned() }),
    }
}

impl Field {
    /// The field as the crate wants it: `*`, or numbers with commas.
    fn list(&self, typed: &str) -> Result<String, Error> {
        if typed == "*" {
            return Ok("*".to_owned());
        }
        let mut chosen = [false; 60];
        for part in typed.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, self.step(part, step)?),
                None => (part, 1),
            };
            let (from, to) = self.range(part, range)?;
            if part.contains('/') && digits(range).is_some() {
                let why =
                    format!("write `{from}-{}/{step}` for every {step} from there", self.highest());
                return Err(self.error(part, why));
            }
            for value in (from..=to).step_by(step) {
                chosen[usize::from(self.renumbered(value))] = true;
            }
        }
        let numbers: Vec<String> = chosen
            .iter()
            .enumerate()
            .filter(|(_, is_chosen)| **is_chosen)
            .map(|(number, _)| number.to_string())
            .collect();
        Ok(numbers.join(","))
    }

    /// The greatest number that is not a second name of another.
    fn highest(&self) -> u8 {
        if self.name == WEEKDAY.name { 6 } else { self.most }
    }

    /// What the crate calls this number.
    fn renumbered(&self, value: u8) -> u8 {
        if self.name == WEEKDAY.name { value % 7 + 1 } else { value }
    }

    fn step(&self, part: &str, step: &str) -> Result<usize, Error> {
        match digits(step) {
            Some(0) => Err(self.error(part, "a step must be at least 1".to_owned())),
            Some(step) => Ok(usize::from(step)),
            None => Err(self.error(part, "after `/` there must be a number".to_owned())),
        }
    }

    fn range(&self, part: &str, range: &str) -> Result<(u8, u8), Error> {
        if range == "*" {
            return Ok((self.least, self.highest()));
        }
        let Some((from, to)) = range.split_once('-') else {
            let value = self.value(part, range)?;
            return Ok((value, value));
        };
        let (from, mut to) = (self.value(part, from)?, self.value(part, to)?);
        if self.name == WEEKDAY.name && to == 0 && from > 0 {
            to = 7; // `fri-sun`: at the end of a range Sunday closes the week.
        }
        if from > to {
            let why = format!(
                "a range runs upwards; write `{from}-{},{}-{to}` to go round the end",
                self.highest(),
                self.least
            );
            return Err(self.error(part, why));
        }
        Ok((from, to))
    }

    fn value(&self, part: &str, text: &str) -> Result<u8, Error> {
        let by_word = self.words.iter().position(|word| word.eq_ignore_ascii_case(text));
        let value = match by_word {
            Some(position) => u8::try_from(position).ok().map(|position| position + self.least),
            None => digits(text),
        };
        value.filter(|value| (self.least..=self.most).contains(value)).ok_or_else(|| {
            let words = match self.words {
                [first, .., last] => format!(", or {first} to {last}"),
                _ => String::new(),
            };
            let why = format!(
                "use {} to {}{words}, ranges as `1-5`, steps as `*/5`, lists with commas",
                self.least, self.most
            );
            self.error(part, why)
        })
    }

    fn error(&self, part: &str, why: String) -> Error {
        Error::Field { field: self.name, part: part.to_owned(), why }
    }
}

/// A number of digits only: no sign, no space.
fn digits(text: &str) -> Option<u8> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_lists_of_numbers() {
        for (typed, expected) in [
            ("5 4 * * *", &["0 5 4 * * *"][..]),
            ("30 5 4 * * *", &["30 5 4 * * *"]),
            ("*/20 * * * *", &["0 0,20,40 * * * *"]),
            ("0 9-17/4 * * *", &["0 0 9,13,17 * * *"]),
            ("0 0 * JAN,dec *", &["0 0 0 * 1,12 *"]),
            ("0 0 * * mon", &["0 0 0 * * 2"]),
            ("0 0 * * 0", &["0 0 0 * * 1"]),
            ("0 0 * * 7", &["0 0 0 * * 1"]),
            ("0 0 * * 5-7", &["0 0 0 * * 1,6,7"]),
            ("0 0 * * fri-sun", &["0 0 0 * * 1,6,7"]),
            ("0 0 * * sun-tue", &["0 0 0 * * 1,2,3"]),
            ("0 0 * * sun-sun", &["0 0 0 * * 1"]),
            ("0 0 * * */2", &["0 0 0 * * 1,3,5,7"]),
            ("0 0 13 * 5", &["0 0 0 13 * *", "0 0 0 * * 6"]),
            ("0 0 */2 * 5", &["0 0 0 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31 * 6"]),
            ("0 0 13 * *", &["0 0 0 13 * *"]),
            ("@weekly", &["0 0 0 * * 1"]),
            ("  @daily ", &["0 0 0 * * *"]),
        ] {
            assert_eq!(rewrite(typed).unwrap(), expected, "{typed}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_with_a_reason() {
        for (typed, expected) in [
            ("", "`` has 0 fields"),
            ("* * * *", "`* * * *` has 4 fields"),
            ("* * * * * * *", "has 7 fields"),
            ("@reboot", "`@reboot` is not a schedule (known: @hourly"),
            ("60 * * * *", "`60` is not a minute: use 0 to 59"),
            ("* 24 * * *", "`24` is not a hour"),
            ("* * 0 * *", "`0` is not a day of the month"),
            ("* * * 13 *", "`13` is not a month: use 1 to 12, or jan to dec"),
            ("* * * * 8", "`8` is not a weekday: use 0 to 7, or sun to sat"),
            ("*/0 * * * *", "a step must be at least 1"),
            ("5/15 * * * *", "write `5-59/15`"),
            ("22-2 * * * *", "write `22-59,0-2`"),
            ("* * L * *", "`L` is not a day of the month"),
            ("* * ? * *", "`?` is not a day of the month"),
            ("1,,2 * * * *", "`` is not a minute"),
            ("+1 * * * *", "`+1` is not a minute"),
            ("-1 * * * *", "`-1` is not a minute"),
            ("*/x * * * *", "after `/` there must be a number"),
            ("300 * * * *", "`300` is not a minute"),
            ("é * * * *", "`é` is not a minute"),
        ] {
            let error = rewrite(typed).unwrap_err().to_string();
            assert!(error.contains(expected), "{typed}: {error}");
        }
    }
}
