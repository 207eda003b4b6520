//! Whether a body may hold any of the marks that this crate puts into what it tells, found in one look at it.
//!
//! Opaque values and ids carry marks on their way to a caller and back ([`origin`](crate::origin), [`issued`](crate::issued)). Most bodies hold
//! none, and the owner of each mark would search the whole body for it again.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// How each mark begins, in every spelling: of any version behind a quote, within a value, of an issued id, and in hexadecimal digits.
const BEGINNINGS: [&str; 4] = ["\"tl", "tlo1.", "tl1_", "746c312e"];

static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| AhoCorasick::new(BEGINNINGS).ok());

/// May there be a mark in it? What is found may be a text that only looks like one.
pub(crate) fn may_hold(body: &[u8]) -> bool {
    SEARCH.as_ref().is_none_or(|search| search.is_match(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_seen_wherever_it_stands() {
        for mark in [
            "\"tlo1.0123",
            "\"tl1.openai.x",
            "x.tlo1.0123",
            "file-tl1_ab_c",
            "\"746c312e",
            "\"tlo2.x",
        ] {
            for before in [0, 1, 15, 16, 31, 64, 40_000] {
                let body = format!("{}{mark}{}", "tt\\\"l".repeat(before), "746c".repeat(9));
                assert!(may_hold(body.as_bytes()), "{mark} after {before}");
            }
        }
        assert!(!may_hold(
            "little, subtle, \\\"til 746c tl2_ ".repeat(99).as_bytes()
        ));
    }
}
