//! Whether a body may hold any of the marks that this crate puts into what it tells, found in one look at it.
//!
//! Opaque values and ids carry marks on their way to a caller and back ([`origin`](crate::origin), [`issued`](crate::issued)). Most bodies hold
//! none, and the owner of each mark would search the whole body for it again. The same look tells where media in a body may begin, for
//! whoever [weighs](crate::tokens) it.

use std::{ops::Range, sync::LazyLock};

use aho_corasick::{AhoCorasick, Input, MatchKind, packed};

/// How each mark begins, in every spelling: of any version behind a quote, within a value, of an issued id, and in hexadecimal digits.
/// Behind them, what stands before inline media: as data URLs; as members called `data`, in Anthropic's dialect and in Google's.
const BEGINNINGS: [&str; 7] = [
    "\"tl",
    "tlo1.",
    "tl1_",
    "746c312e",
    ";base64,",
    "\"data\"",
    "\"bytes\"",
];

/// How many of them are marks.
const MARKS: usize = 4;

static SEARCH: LazyLock<Search> = LazyLock::new(Search::new);

/// What a body may hold. What was found may be a text that only looks like it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Any mark.
    pub(crate) marked: bool,
    /// Where the first inline medium may begin.
    pub(crate) medium: Option<usize>,
}

/// Is a whole answer neither an error nor one that holds a value like ours, as one look at it tells? If not, that is not known.
pub(crate) fn is_plain(answer: &[u8]) -> bool {
    /// Each is searched for by itself by whoever wants to know more.
    const SIGNS: [&str; 3] = ["\"error\"", "\"base_resp\"", "\"tl"];
    static SEARCH: LazyLock<Option<packed::Searcher>> =
        LazyLock::new(|| packed::Searcher::new(SIGNS));
    let search = SEARCH.as_ref();
    search.is_some_and(|search| search.find(answer).is_none())
}

/// May there be a mark in it?
pub(crate) fn may_hold(body: &[u8]) -> bool {
    find(body, 0, |found| found < MARKS).is_some()
}

/// What may be in it.
pub(crate) fn look(body: &[u8]) -> Seen {
    match find(body, 0, |_| true) {
        None => Seen::default(),
        Some((found, at)) if found < MARKS => Seen {
            marked: true,
            medium: medium(body, at.end).map(|at| at.start),
        },
        Some((_, at)) => Seen {
            // It may begin within what was found.
            marked: find(body, at.start + 1, |found| found < MARKS).is_some(),
            medium: Some(at.start),
        },
    }
}

/// Where the next inline medium may begin: what stands before it.
pub(crate) fn medium(body: &[u8], from: usize) -> Option<Range<usize>> {
    find(body, from, |found| found >= MARKS).map(|(_, at)| at)
}

/// The first that is wanted, and its place.
fn find(
    body: &[u8],
    mut from: usize,
    wanted: impl Fn(usize) -> bool,
) -> Option<(usize, Range<usize>)> {
    loop {
        let (found, at) = SEARCH.find(body, from)?;
        if wanted(found) {
            return Some((found, at));
        }
        from = at.start + 1;
    }
}

/// All at once, by many bytes at a time where the machine can do so.
struct Search {
    packed: Option<packed::Searcher>,
    /// A search for first bytes would stop at every `t`.
    plain: Option<AhoCorasick>,
}

impl Search {
    fn new() -> Self {
        match packed::Searcher::new(BEGINNINGS) {
            Some(packed) => Self {
                packed: Some(packed),
                plain: None,
            },
            None => Self::plain(),
        }
    }

    fn plain() -> Self {
        let mut plain = AhoCorasick::builder();
        plain.match_kind(MatchKind::LeftmostFirst).prefilter(false);
        Self {
            packed: None,
            plain: plain.build(BEGINNINGS).ok(),
        }
    }

    fn find(&self, body: &[u8], from: usize) -> Option<(usize, Range<usize>)> {
        if from > body.len() {
            return None;
        }
        let found = match (&self.packed, &self.plain) {
            (Some(packed), _) => packed.find_in(body, (from..body.len()).into()),
            (None, Some(plain)) => plain.find(Input::new(body).range(from..)),
            // It cannot be: the list is short. Then anything may be anywhere.
            (None, None) => return Some((0, from..from)),
        };
        found.map(|found| (found.pattern().as_usize(), found.range()))
    }
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
            "\"data\"tlo2.x",
        ] {
            for before in [0, 1, 15, 16, 31, 64, 40_000] {
                let body = format!("{}{mark}{}", "tt\\\"l".repeat(before), "746c".repeat(9));
                assert!(may_hold(body.as_bytes()), "{mark} after {before}");
                assert!(look(body.as_bytes()).marked, "{mark} after {before}");
                let body = format!("\"data\"{body};base64,");
                let seen = Seen {
                    marked: true,
                    medium: Some(0),
                };
                assert_eq!(look(body.as_bytes()), seen, "{mark} after {before}");
            }
        }
        let none = "little, subtle, \\\"til 746c tl2_ ".repeat(99);
        assert!(!may_hold(none.as_bytes()));
        assert_eq!(look(none.as_bytes()), Seen::default());
        assert_eq!(look(b""), Seen::default());
    }

    #[test]
    fn an_answer_with_a_sign_is_not_plain() {
        for sign in [
            "\"error\":{}",
            "\"type\":\"error\"",
            "\"base_resp\"",
            "\"tl1.x\"",
            "\"tlo",
        ] {
            for before in [0, 1, 31, 64, 4_000] {
                let body = format!("{}{sign}{}", "\"er\"t".repeat(before), "x".repeat(before));
                assert!(!is_plain(body.as_bytes()), "{sign} after {before}");
            }
        }
        let none = r#"{"an error":"\"error\\","errors":1,"t":2}"#;
        assert_eq!(
            is_plain(none.as_bytes()),
            packed::Searcher::new(["a"]).is_some()
        );
    }

    #[test]
    fn media_are_found_one_after_the_other() {
        let body = br#"{"data":1,"x":"tlo1.","y":"a;base64,b","bytes":2}"#;
        let mut at = 0;
        let mut found = Vec::new();
        while let Some(range) = medium(body, at) {
            at = range.end;
            found.push(range.start);
        }
        assert_eq!(found, [1, 28, 39]);
        let seen = Seen {
            marked: true,
            medium: Some(1),
        };
        assert_eq!(look(body), seen);
        assert_eq!(look(&body[6..]).medium, Some(22));
    }

    #[test]
    fn both_searches_find_the_same() {
        let plain = Search::plain();
        let texts = [
            "\"",
            "tl",
            "tlo1.",
            "tl1_",
            "746c",
            "312e",
            "data",
            "bytes",
            "x;base64,",
        ];
        let mut body = String::new();
        for step in 0..3_000_usize {
            body.push_str(texts[step * step * 7 % 11 % texts.len()]);
            let from = step % (body.len() + 2);
            let found = plain.find(body.as_bytes(), from);
            assert_eq!(
                SEARCH.find(body.as_bytes(), from),
                found,
                "{from} of {body}"
            );
            if body.len() > 200 {
                body.clear();
            }
        }
    }
}
