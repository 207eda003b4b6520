//! Names and ids that every vendor accepts, made from ones that some do not.
//!
//! An alias depends on the original alone, so that calls, results and declarations agree without a table, and the next turn
//! spells it the same way.

use std::{borrow::Cow, fmt::Write};

use sha2::{Digest, Sha256};

/// `name`, if it has only letters, digits, `_` and `-` and at most `max` characters; else its beginning and a fingerprint.
pub(crate) fn alias(name: &str, max: usize) -> Cow<'_, str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.len() <= max && name.chars().all(legal) {
        return Cow::Borrowed(name);
    }
    const FINGERPRINT: usize = 8;
    let keep = max.saturating_sub(FINGERPRINT + 1);
    let mut out: String = name
        .chars()
        .take(keep)
        .map(|c| if legal(c) { c } else { '_' })
        .collect();
    out.push('_');
    for byte in Sha256::digest(name.as_bytes()).iter().take(FINGERPRINT / 2) {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    Cow::Owned(out)
}

/// `id`, if it is nine letters or digits; else nine that stand for it.
pub(crate) fn nine(id: &str) -> Cow<'_, str> {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Cow::Borrowed(id);
    }
    Sha256::digest(id.as_bytes())
        .iter()
        .take(9)
        .filter_map(|byte| DIGITS.get(usize::from(*byte) % DIGITS.len()))
        .map(|digit| char::from(*digit))
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_names_stay() {
        assert!(matches!(alias("call_1-a", 40), Cow::Borrowed("call_1-a")));
        assert!(matches!(nine("abcDEF123"), Cow::Borrowed(_)));
    }

    #[test]
    fn aliases_are_legal_short_distinct_and_stable() {
        for (a, b) in [("call:a", "call/a"), ("é", "è"), ("", " ")] {
            let (x, y) = (alias(a, 40), alias(b, 40));
            assert_ne!(x, y);
            assert_eq!(x, alias(a, 40));
            assert!(x.len() <= 40 && x.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        }
        assert_eq!(alias(&"x".repeat(80), 64).len(), 64);
        assert_eq!(nine("toolu_0123456789").len(), 9);
        assert_ne!(nine("toolu_1"), nine("toolu_2"));
    }
}
