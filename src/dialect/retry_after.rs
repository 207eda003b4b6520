//! When a vendor says to come back, in every spelling seen.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use tokio::time::Instant;

use super::RateWindows;

/// Longer waits than this are taken for nonsense.
pub(super) const MOST: Duration = Duration::from_secs(32 * 24 * 3600);

/// How long to wait by the headers of a refusal: `retry-after-ms`, `retry-after` (seconds, a date or a duration),
/// `x-ratelimit-timeremaining`, else the latest return of a window that is said to be empty ([`RateWindows`]).
///
/// Only refusals are to be asked: a `retry-after` on a success means nothing.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let named = text("retry-after-ms")
        .and_then(|ms| ms.trim().parse::<f64>().ok())
        .and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok())
        .or_else(|| text("retry-after").and_then(reset))
        .or_else(|| text("x-ratelimit-timeremaining").and_then(reset));
    named
        .or_else(|| resets(headers))
        .filter(|wait| *wait <= MOST)
}

/// How long to wait by the words of a refusal: "Please try again in 6m0s", "retry after 20 seconds".
pub(super) fn retry_text(message: &str) -> Option<Duration> {
    const WORDS: [&str; 6] = [
        "try again in ",
        "try again after ",
        "retry in ",
        "retry after ",
        "reset in ",
        "reset after ",
    ];
    let message = message.to_ascii_lowercase();
    let rest = WORDS
        .iter()
        .find_map(|words| message.split_once(words).map(|(_, rest)| rest))?;
    let mut words = rest.split_whitespace();
    let first = words.next()?.trim_end_matches(['.', ',', ';', ')', '!']);
    let after = go_duration(first).or_else(|| {
        let scale = match words.next()?.trim_end_matches(['.', ',', ';', ')', '!']) {
            "ms" | "millisecond" | "milliseconds" => 1e-3,
            "s" | "sec" | "second" | "seconds" => 1.0,
            "min" | "minute" | "minutes" => 60.0,
            "hour" | "hours" => 3_600.0,
            "day" | "days" => 86_400.0,
            _ => return None,
        };
        Duration::try_from_secs_f64(first.parse::<f64>().ok()? * scale).ok()
    });
    after.filter(|after| *after <= MOST)
}

/// The latest reset among the windows with nothing left.
fn resets(headers: &HeaderMap) -> Option<Duration> {
    let until = RateWindows::of(headers).spent_until()?;
    let left = until.saturating_duration_since(Instant::now());
    // The clock went on since: never a moment too early.
    let millis = u64::try_from(left.as_nanos().div_ceil(1_000_000)).ok()?;
    Some(Duration::from_millis(millis))
}

/// `6m0s`, `12ms`, seconds, a time since 1970 (in seconds or finer: its size tells), an HTTP date or an RFC 3339 time.
pub(super) fn reset(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        // No wait is that long, and no clock shows less.
        const EPOCH: f64 = 1e9;
        let per_second = match number {
            n if n < EPOCH => return Duration::try_from_secs_f64(n).ok(),
            n if n < 1e11 => 1.0,
            n if n < 1e14 => 1e3,
            n if n < 1e17 => 1e6,
            _ => 1e9,
        };
        let since = Duration::try_from_secs_f64(number / per_second).ok()?;
        return until(SystemTime::UNIX_EPOCH.checked_add(since)?);
    }
    go_duration(text)
        .or_else(|| until(rfc3339(text)?))
        .or_else(|| until(httpdate::parse_http_date(text).ok()?))
}

fn until(when: SystemTime) -> Option<Duration> {
    // A time that has passed means: now.
    Some(when.duration_since(SystemTime::now()).unwrap_or_default())
}

/// A duration as Go prints it: `1h2m3s`, `59.56s`, `12ms`.
pub(super) fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(letters)?;
        let scale = match unit {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * scale).ok()?;
        total = total.checked_add(part)?;
        rest = tail;
    }
    Some(total)
}

/// `2026-11-20T10:00:00Z`, with or without a fraction, with `Z` or an offset.
pub(crate) fn rfc3339(text: &str) -> Option<SystemTime> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at_checked(at)?;
    let mut clock = clock.splitn(3, ':').map(str::parse::<f64>);
    let (hour, minute, second) = (
        clock.next()?.ok()?,
        clock.next()?.ok()?,
        clock.next()?.ok()?,
    );
    let offset = match zone {
        "Z" | "z" => 0.0,
        zone => {
            let sign = if zone.starts_with('-') { -1.0 } else { 1.0 };
            let (h, m) = zone.get(1..)?.split_once(':')?;
            sign * (h.parse::<f64>().ok()? * 3600.0 + m.parse::<f64>().ok()? * 60.0)
        }
    };
    if !(1970..3000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = days_from_civil(year, month, day) as f64 * 86_400.0
        + hour * 3600.0
        + minute * 60.0
        + second
        - offset;
    SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // The year begins in March, so that the leap day is its last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(pairs: &[(&'static str, &str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        retry_after(&headers)
    }

    #[test]
    fn every_spelling() {
        let s = Duration::from_secs;
        assert_eq!(wait(&[("retry-after", "7")]), Some(s(7)));
        assert_eq!(
            wait(&[("retry-after", "1.5")]),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(
            wait(&[("retry-after", "7"), ("retry-after-ms", "250")]),
            Some(Duration::from_millis(250))
        );
        assert_eq!(
            wait(&[("retry-after", "Fri, 01 Jan 1999 00:00:00 GMT")]),
            Some(s(0))
        );
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[("retry-after", "99999999")]), None);
        assert_eq!(
            wait(&[
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", "6m0s")
            ]),
            Some(s(360))
        );
        assert_eq!(
            wait(&[
                ("x-ratelimit-remaining-tokens", "5"),
                ("x-ratelimit-reset-tokens", "6m0s")
            ]),
            None
        );
        assert_eq!(go_duration("1h2m3s"), Some(s(3723)));
        assert_eq!(
            go_duration("2m59.56s"),
            Some(Duration::from_millis(179_560))
        );
        assert_eq!(go_duration("12ms"), Some(Duration::from_millis(12)));
        assert_eq!(go_duration("12 parsecs"), None);
    }

    #[test]
    fn words_of_a_refusal() {
        for (message, ms) in [
            (
                "Rate limit reached. Please try again in 6m0s. Visit",
                Some(360_000),
            ),
            ("Please try again in 12ms.", Some(12)),
            ("You exceeded. Please retry in 34.07s", Some(34_070)),
            (
                "Requests have exceeded call rate limit. Please retry after 20 seconds.",
                Some(20_000),
            ),
            ("Try again in 1 minute (limit)", Some(60_000)),
            ("your quota will reset after 2h30m", Some(9_000_000)),
            ("Please try again in a moment", None),
            ("Please try again in 99999 days", None),
            ("Please try again in ", None),
            ("", None),
        ] {
            let told = retry_text(message).map(|after| after.as_millis());
            assert_eq!(told, ms, "{message}");
        }
        assert_eq!(
            wait(&[("x-ratelimit-timeremaining", "40")]),
            Some(Duration::from_secs(40))
        );
    }

    #[test]
    fn dates_are_counted_right() {
        let at = |text| {
            rfc3339(text)
                .unwrap()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_secs()
        };
        assert_eq!(at("1970-01-02T00:00:00Z"), 86_400);
        assert_eq!(at("2000-03-01T00:00:00Z"), 951_868_800);
        assert_eq!(
            at("2026-11-20T12:00:00.25+02:00"),
            at("2026-11-20T10:00:00Z")
        );
        assert_eq!(rfc3339("2026-13-20T12:00:00Z"), None);
        let soon = SystemTime::now() + Duration::from_secs(90);
        let unix = soon
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let wait = wait(&[
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", &unix.to_string()),
        ])
        .unwrap();
        assert!((85..=91).contains(&wait.as_secs()), "{wait:?}");
    }
}
