//! What a server says about how often it wants to be asked. Pure: headers and a clock reading in, a time out.

use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::pause::LONGEST;

/// What 429 means when nothing else is said.
const UNSAID: SignedDuration = SignedDuration::from_secs(60);
/// Numbers from here on are seconds since 1970, below it seconds from now: servers use both for the same header.
const EPOCH_FROM: i64 = 1_000_000_000;

/// What a server's answer says about asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// Nothing.
    None,
    /// This answer counts, the next request would not.
    Next(Timestamp),
    /// This request was refused for asking too often.
    This(Timestamp),
}

/// Reads `Retry-After` in both forms, `X-RateLimit-*` and `RateLimit-*`.
pub(super) fn limit(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Limit {
    let asked = retry_after(headers, now);
    let spent = spent_until(headers, now);
    let (kind, until): (fn(Timestamp) -> Limit, _) = match status.as_u16() {
        429 => (Limit::This, asked.or(spent).or_else(|| now.checked_add(UNSAID).ok())),
        // Forges say 403 for a spent budget and 503 for an overloaded one.
        403 | 503 => (Limit::This, asked.or(spent)),
        _ => (Limit::Next, spent),
    };
    // At least a second, lest "0" make a busy loop; at most a day, lest a typing error silence a source.
    let (least, most) = (SignedDuration::from_secs(1), LONGEST);
    until.map_or(Limit::None, |until| kind(now + until.duration_since(now).clamp(least, most)))
}

fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        // More digits than fit mean "very long".
        return Some(after(now, text.parse().unwrap_or(i64::MAX)));
    }
    let date: SystemTime = httpdate::parse_http_date(text).ok()?;
    Timestamp::try_from(date).ok()
}

fn spent_until(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    ["x-ratelimit", "ratelimit"].into_iter().find_map(|prefix| {
        let number = |name: &str| -> Option<i64> {
            headers.get(format!("{prefix}-{name}"))?.to_str().ok()?.trim().parse().ok()
        };
        if number("remaining")? > 0 {
            return None;
        }
        match number("reset")? {
            epoch if epoch >= EPOCH_FROM => Timestamp::from_second(epoch).ok(),
            delta => Some(after(now, delta)),
        }
    })
}

fn after(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds.clamp(0, LONGEST.as_secs())))
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Headers = &'static [(&'static str, &'static str)];

    #[test]
    fn every_way_to_say_wait_is_understood() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let this = |seconds: i64| Limit::This(now + SignedDuration::from_secs(seconds));
        let next = |seconds: i64| Limit::Next(now + SignedDuration::from_secs(seconds));
        let cases: &[(u16, Headers, Limit)] = &[
            (200, &[], Limit::None),
            (429, &[("retry-after", "120")], this(120)),
            (429, &[("retry-after", " 120 ")], this(120)),
            (429, &[("retry-after", "0")], this(1)),
            (429, &[("retry-after", "99999999999999999999999")], this(86_400)),
            (429, &[("retry-after", "Sun, 01 Mar 2026 12:05:00 GMT")], this(300)),
            (429, &[("retry-after", "Sunday, 01-Mar-26 12:05:00 GMT")], this(300)),
            (429, &[("retry-after", "Sun Mar  1 12:05:00 2026")], this(300)),
            (429, &[("retry-after", "Sun, 01 Mar 2026 11:00:00 GMT")], this(1)),
            (429, &[("retry-after", "Thu, 01 Mar 2096 12:05:00 GMT")], this(86_400)),
            (429, &[("retry-after", "soon")], this(60)),
            (429, &[("retry-after", "-5")], this(60)),
            (429, &[("retry-after", "")], this(60)),
            (429, &[], this(60)),
            (503, &[("retry-after", "7")], this(7)),
            (503, &[], Limit::None),
            (500, &[("retry-after", "7")], Limit::None),
            (403, &[], Limit::None),
            (403, &[("retry-after", "7")], this(7)),
            (403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1772366460")], this(60)),
            (
                403,
                &[("x-ratelimit-remaining", "5"), ("x-ratelimit-reset", "1772366460")],
                Limit::None,
            ),
            (200, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1772366460")], next(60)),
            (200, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "90")], next(90)),
            (200, &[("x-ratelimit-remaining", "0")], Limit::None),
            (200, &[("ratelimit-remaining", "0"), ("ratelimit-reset", "30")], next(30)),
            (200, &[("ratelimit-remaining", "0"), ("ratelimit-reset", "-30")], next(1)),
            (200, &[("ratelimit-remaining", "0"), ("ratelimit-reset", "x")], Limit::None),
            (429, &[("ratelimit-remaining", "0"), ("ratelimit-reset", "30")], this(30)),
        ];
        for (status, headers, expected) in cases {
            let mut map = HeaderMap::new();
            for (name, value) in *headers {
                map.insert(*name, value.parse().unwrap());
            }
            let status = StatusCode::from_u16(*status).unwrap();
            assert_eq!(limit(status, &map, now), *expected, "{status} {headers:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_said_a_wait_is_a_second_at_least_and_a_day_at_most(text in "[ -~]{0,30}|-?[0-9]{1,22}", remaining in 0..2_u32) {
            let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
            let mut headers = HeaderMap::new();
            for name in ["retry-after", "x-ratelimit-reset", "ratelimit-reset"] {
                headers.insert(name, text.parse().unwrap());
            }
            headers.insert("ratelimit-remaining", remaining.into());
            for status in [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE] {
                if let Limit::This(until) | Limit::Next(until) = limit(status, &headers, now) {
                    let wait = until.duration_since(now);
                    prop_assert!(wait >= SignedDuration::from_secs(1) && wait <= LONGEST);
                }
            }
        }
    }
}
