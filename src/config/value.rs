//! Durations, sizes and shares, as they are written and printed.

use std::time::Duration;

/// Longer ones are slips, and clocks overflow on them.
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

/// Units of time, in milliseconds, largest first.
const TIMES: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Units of size, in bytes, largest first.
const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// `250ms`, `5s`, `10m`, `1h`, `0s`.
///
/// # Errors
/// Why it is none, to be read after the text itself.
pub(super) fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    const EXAMPLES: &str = "is not a duration; write e.g. `250ms`, `5s`, `10m` or `1h`";
    let (number, unit) = split(text);
    if unit.is_empty() && !number.is_empty() {
        return Err("has no unit; write e.g. `250ms`, `5s`, `10m` or `1h`");
    }
    let number: u64 = number.parse().map_err(|_| EXAMPLES)?;
    let (_, millis) = TIMES
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or(EXAMPLES)?;
    number
        .checked_mul(*millis)
        .map(Duration::from_millis)
        .filter(|duration| *duration <= YEAR)
        .ok_or("is longer than a year")
}

/// The shortest spelling that [`parse_duration`] reads back; what is finer than a millisecond is left out.
pub(super) fn format_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    // `60s` and `1m` are the same; up to two minutes seconds read better.
    let largest = if millis <= 120_000 { 3 } else { 0 };
    TIMES
        .iter()
        .skip(largest)
        .find(|(_, unit)| millis % unit == 0)
        .map_or_else(
            || format!("{millis}ms"),
            |(name, unit)| format!("{}{name}", millis / unit),
        )
}

/// `32MiB`, `10MB`, `1024`; small letters are as good.
///
/// # Errors
/// Why it is none, to be read after the text itself.
pub(super) fn parse_size(text: &str) -> Result<usize, &'static str> {
    const EXAMPLES: &str = "is not a size; write e.g. `32MiB`, `10MB` or `1024`";
    let (number, unit) = split(text);
    let number: u64 = number.parse().map_err(|_| EXAMPLES)?;
    let factor = if unit.is_empty() {
        1
    } else {
        SIZES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .map(|(_, bytes)| *bytes)
            .ok_or(EXAMPLES)?
    };
    number
        .checked_mul(factor)
        .and_then(|bytes| usize::try_from(bytes).ok())
        .ok_or("is larger than any memory")
}

/// The shortest spelling that [`parse_size`] reads back.
pub(super) fn format_size(bytes: usize) -> String {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    SIZES
        .iter()
        .find(|(_, unit)| bytes > 0 && bytes % unit == 0)
        .map_or_else(
            || bytes.to_string(),
            |(name, unit)| format!("{}{name}", bytes / unit),
        )
}

/// `20%` or `0.2`, from 0 to 1.
///
/// # Errors
/// Why it is none, to be read after the text itself.
pub(super) fn parse_share(text: &str) -> Result<f64, &'static str> {
    let (number, divisor) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), 100.0),
        None => (text, 1.0),
    };
    let digits = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let share = number
        .parse::<f64>()
        .ok()
        .filter(|_| digits)
        .ok_or("is not a share; write e.g. `20%` or `0.2`")?
        / divisor;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("is more than the whole; write e.g. `20%` or `0.2`")
    }
}

/// As a percentage.
pub(super) fn format_share(share: f64) -> String {
    // Hundredths of a percent are exact enough to print.
    format!("{}%", (share * 10_000.0).round() / 100.0)
}

/// The digits, and the unit after them.
fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, millis) in [
            ("250ms", 250),
            ("5s", 5_000),
            ("10m", 600_000),
            ("1h", 3_600_000),
            ("2 d", 172_800_000),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        assert!(parse_duration("10").unwrap_err().contains("has no unit"));
        assert!(parse_duration("400d").unwrap_err().contains("a year"));
        for bad in ["", "s", "-5s", "1.5s", "5 parsecs", "99999999999999999999s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        let longest = format!("{}h", u64::MAX);
        assert!(parse_duration(&longest).is_err());
    }

    #[test]
    fn sizes_are_binary_and_decimal() {
        assert_eq!(parse_size("32MiB"), Ok(32 << 20));
        assert_eq!(parse_size("10MB"), Ok(10_000_000));
        assert_eq!(parse_size("1024"), Ok(1024));
        assert_eq!(parse_size("2 kib"), Ok(2048));
        for bad in ["", "MiB", "-1", "1.5MB", "3 buckets", "99999999999GiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn shares_are_percentages_or_fractions() {
        assert_eq!(parse_share("20%"), Ok(0.2));
        assert_eq!(parse_share("0.2"), Ok(0.2));
        assert_eq!(parse_share("0"), Ok(0.0));
        for bad in ["20", "", "%", "NaN", "-1%", "inf", "101%", "1e-1"] {
            assert!(parse_share(bad).is_err(), "{bad}");
        }
        assert_eq!(format_share(0.2), "20%");
        assert_eq!(format_share(0.125), "12.5%");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(millis in 0..31_000_000_000_u64, bytes: u32) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
            let bytes = usize::try_from(bytes).unwrap();
            prop_assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_is_too_odd(text: String) {
            let _ = (parse_duration(&text), parse_size(&text), parse_share(&text));
        }
    }
}
