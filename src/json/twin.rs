//! JSON that differs from a known text in nothing but words.
//!
//! The events of one stream are alike: a piece of text, or a number in a row, is all that is new in each. Once one was read, the
//! others are known by comparing them with it, which costs a small part of reading them.

use std::{borrow::Cow, ops::Range};

use memchr::memchr;

use super::check::words_len;

/// The members whose texts are words and nothing else, in any dialect: no policy depends on them, and they hold no opaque values.
const WORDS: [&[u8]; 11] = [
    b"arguments",
    b"content",
    b"delta",
    b"input",
    b"obfuscation",
    b"partial_json",
    b"reasoning",
    b"reasoning_content",
    b"refusal",
    b"text",
    b"thinking",
];

/// The member whose number differs from event to event and means nothing else.
const NUMBER: &[u8] = b"sequence_number";

/// The member that only hides how long the words are.
const PADDING: &[u8] = b"obfuscation";

/// Longer texts are not kept.
const LONGEST: usize = 4 << 10;

/// A text to know others by.
#[derive(Debug, Default)]
pub(crate) struct Twin {
    text: Vec<u8>,
    places: Vec<Place>,
    /// The one of them whose words are asked for.
    said: Option<usize>,
}

/// Where others may say something else.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    end: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// What is between two quotes.
    Words,
    Digits,
}

impl Twin {
    /// Takes this text in place of the one before. What stands at `json` is whole JSON, which was checked.
    ///
    /// With `said`, the name of a member, others may differ in the words of this one only, which can be asked for.
    pub(crate) fn learn(&mut self, text: &[u8], json: Range<usize>, said: Option<&str>) {
        self.text.clear();
        self.places.clear();
        self.said = None;
        let mut saying = 0;
        if text.len() > LONGEST || text.get(json.clone()).is_none() {
            return;
        }
        self.text.extend_from_slice(text);
        let mut at = json.start;
        while let Some((next, place)) = member(text, at) {
            if next > json.end {
                break;
            }
            if let Some((name, place)) = place {
                let name = text.get(name).unwrap_or_default();
                let says = said.is_some_and(|said| said.as_bytes() == name);
                if says {
                    saying += 1;
                    self.said = (saying == 1).then_some(self.places.len());
                }
                if says || said.is_none() || name == PADDING || name == NUMBER {
                    self.places.push(place);
                }
            }
            at = next;
        }
    }

    /// How many bytes the text takes that `bytes` begin with, if it differs from the known one in words only: then it is whole, and
    /// JSON where that is.
    #[inline]
    pub(crate) fn len_of_like(&self, bytes: &[u8]) -> Option<usize> {
        self.compare(bytes, |_, _| {})
    }

    /// The words in a text that differs from the known one in its words only. None if it does not, or if they cannot be read.
    #[inline]
    pub(crate) fn words_of_like<'b>(&self, bytes: &'b [u8]) -> Option<Cow<'b, str>> {
        let said = self.said?;
        let mut found = 0..0;
        let len = self.compare(bytes, |at, words| {
            if at == said {
                found = words;
            }
        })?;
        let words = bytes.get(found.clone())?;
        if len != bytes.len() {
            return None;
        }
        if memchr(b'\\', words).is_none() {
            return str::from_utf8(words).ok().map(Cow::Borrowed);
        }
        let quoted = bytes.get(found.start.checked_sub(1)?..found.end.checked_add(1)?)?;
        serde_json::from_slice(quoted).ok().map(Cow::Owned)
    }

    /// The length of the text that `bytes` begin with, if it is like the known one. `each` is told what it has in which place.
    #[inline]
    fn compare(&self, bytes: &[u8], mut each: impl FnMut(usize, Range<usize>)) -> Option<usize> {
        if self.places.is_empty() {
            return None;
        }
        let (mut rest, mut from) = (bytes, 0);
        for (at, place) in self.places.iter().enumerate() {
            rest = rest.strip_prefix(self.text.get(from..place.start)?)?;
            let said = match place.kind {
                Kind::Words => words_len(rest)?,
                Kind::Digits => digits_len(rest)?,
            };
            let start = bytes.len() - rest.len();
            each(at, start..start + said);
            rest = rest.get(said..)?;
            from = place.end;
        }
        rest = rest.strip_prefix(self.text.get(from..)?)?;
        Some(bytes.len() - rest.len())
    }
}

/// A member's name, and what it says.
type Member = (Range<usize>, Place);

/// Reads on to the next text at `from` or behind it. If that is the name of a member with words or a number, to the end of those.
fn member(text: &[u8], from: usize) -> Option<(usize, Option<Member>)> {
    let name = from + memchr(b'"', text.get(from..)?)? + 1;
    let name_end = name + words_len(text.get(name..)?)?;
    let colon = past_space(text, name_end + 1);
    if text.get(colon) != Some(&b':') {
        return Some((name_end + 1, None));
    }
    let value = past_space(text, colon + 1);
    let name = name..name_end;
    let known = text.get(name.clone())?;
    match text.get(value..)? {
        [b'"', words @ ..] if WORDS.contains(&known) => {
            let (start, kind) = (value + 1, Kind::Words);
            let end = start + words_len(words)?;
            Some((end + 1, Some((name, Place { start, end, kind }))))
        }
        digits @ [b'0'..=b'9', ..] if known == NUMBER => {
            let (start, kind) = (value, Kind::Digits);
            let end = start + digits_len(digits)?;
            Some((end, Some((name, Place { start, end, kind }))))
        }
        _ => Some((value, None)),
    }
}

fn past_space(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    from + rest.iter().take_while(space).count()
}

/// The digits of a number that does not begin with a zero, or is one.
fn digits_len(text: &[u8]) -> Option<usize> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match (text.first()?, count) {
        (_, 0) | (b'0', 2..) => None,
        _ => Some(count),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::is_object;

    const HEAD: &str = "event: x\ndata: ";

    /// Events as vendors send them, and one that has words in odd places.
    const EVENTS: [&str; 5] = [
        r#"{"id":"chatcmpl-1","created":1741569952,"choices":[{"index":0,"delta":{"content":" trunk"},"finish_reason":null}],"obfuscation":"aB3"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"é\n\u00e9\\"}}"#,
        r#"{"type":"response.output_text.delta","sequence_number":0,"item_id":"msg_1","delta":"a","logprobs":[]}"#,
        r#"{ "delta" : { "tool_calls" : [ { "function" : { "arguments" : "{\"a\":" } } ] } , "sequence_number" : 7.5e1 }"#,
        r#"{"content":["text","delta"],"text":{"text":"text"},"delta":null,"sequence_number":-1}"#,
    ];

    fn event(json: &str) -> Vec<u8> {
        format!("{HEAD}{json}\n\n").into_bytes()
    }

    fn twin(json: &str) -> Twin {
        saying(json, None)
    }

    fn saying(json: &str, said: Option<&str>) -> Twin {
        let mut twin = Twin::default();
        let text = event(json);
        twin.learn(&text, HEAD.len()..text.len() - 2, said);
        twin
    }

    fn is_like(twin: &Twin, text: &[u8]) -> bool {
        twin.len_of_like(text) == Some(text.len())
    }

    #[test]
    fn words_and_numbers_may_differ_and_nothing_else() {
        for (at, json) in EVENTS.iter().enumerate() {
            let twin = twin(json);
            for (other, json) in EVENTS.iter().enumerate() {
                assert_eq!(is_like(&twin, &event(json)), at == other, "{json}");
            }
        }
        let [chat, _, response, ..] = EVENTS;
        let twins = [twin(chat), twin(response)];
        for (from, to, want) in [
            (" trunk", "", true),
            (
                " trunk",
                r#"\"\u00E9 quite another text, with \\ in it"#,
                true,
            ),
            ("aB3", "", true),
            ("1741569952", "1741569953", false),
            ("number\":0,", "number\":11,", true),
            ("number\":0,", "number\":01,", false),
            ("number\":0,", "number\":,", false),
            ("number\":0,", "number\":-1,", false),
            ("chatcmpl-1", "chatcmpl-2", false),
            ("null", "\"stop\"", false),
            (" trunk", "\n", false),
            (" trunk", r#"\x"#, false),
            (" trunk", r#"\u12"#, false),
            (" trunk", r#"","role":"assistant"#, false),
            (r#""a""#, "null", false),
            ("output_text", "completed", false),
        ] {
            let like = |(json, twin): (&str, &Twin)| {
                json.contains(from)
                    .then(|| is_like(twin, &event(&json.replace(from, to))))
            };
            let told = [chat, response].into_iter().zip(&twins).find_map(like);
            assert_eq!(told, Some(want), "{from} {to}");
        }
    }

    #[test]
    fn several_in_a_row_are_told_apart() {
        let twin = twin(EVENTS[0]);
        let one = event(EVENTS[0]);
        let two = event(&EVENTS[0].replace(" trunk", " lines and more"));
        let all = [&one[..], &two, &one[..20]].concat();
        assert_eq!(twin.len_of_like(&all), Some(one.len()));
        assert_eq!(twin.len_of_like(&all[one.len()..]), Some(two.len()));
        assert_eq!(twin.len_of_like(&all[one.len() + two.len()..]), None);
        assert_eq!(Twin::default().len_of_like(&all), None);
    }

    #[test]
    fn words_are_read_as_they_would_be() {
        let chat = saying(EVENTS[0], Some("content"));
        for said in [
            "",
            "lines",
            r#"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 é"#,
            r#"\ud800"#,
            r#"\u12"#,
        ] {
            let json = EVENTS[0].replace(" trunk", said);
            let told = serde_json::from_str::<serde_json::Value>(&json).ok();
            let told = told.map(|told| told["choices"][0]["delta"]["content"].clone());
            let words = chat.words_of_like(&event(&json)).map(Cow::into_owned);
            assert_eq!(words, told.and_then(|told| Some(told.as_str()?.to_owned())));
        }
        let mut broken = event(EVENTS[0]);
        let at = memchr::memmem::find(&broken, b"trunk").unwrap();
        broken[at] = 0xFF;
        assert!(is_like(&chat, &broken) && chat.words_of_like(&broken).is_none());
        // Only the words that are asked for may differ. There are none, or more than one could be meant.
        let json = EVENTS[0].replace("aB3", "");
        assert!(chat.words_of_like(&event(&json)).is_some());
        assert!(
            saying(EVENTS[0], Some("text"))
                .words_of_like(&event(&json))
                .is_none()
        );
        for json in [EVENTS[2], r#"{"content":"a","b":{"content":"c"}}"#] {
            assert_eq!(
                saying(json, Some("content")).words_of_like(&event(json)),
                None
            );
        }
    }

    proptest! {
        /// Whatever is done to an event, one that is known is whole, is JSON, and says the same but for words.
        #[test]
        fn what_is_known_would_have_been_found_whole(
            (event_at, edits) in (0..EVENTS.len(), prop::collection::vec(
                (any::<prop::sample::Index>(), 0..3_u8, prop_oneof![
                    any::<u8>(),
                    prop::sample::select(b"\"\\{}[],:u0129\n\r e.-".to_vec()),
                ]),
                0..4,
            )),
        ) {
            let twin = twin(EVENTS[event_at]);
            let mut text = event(EVENTS[event_at]);
            for (at, how, byte) in edits {
                let at = at.index(text.len());
                match how {
                    0 => text[at] = byte,
                    1 => text.insert(at, byte),
                    _ => { text.remove(at); }
                }
            }
            if let Some(len) = twin.len_of_like(&text) {
                let json = text[..len].strip_prefix(HEAD.as_bytes());
                let json = json.and_then(|json| json.strip_suffix(b"\n\n"));
                prop_assert!(json.is_some_and(is_object), "{:?}", String::from_utf8_lossy(&text));
                prop_assert!(json.is_some_and(|json| !json.contains(&b'\n')));
            }
        }
    }
}
