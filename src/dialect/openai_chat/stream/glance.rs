//! What a chunk means, where it is built as nearly all are: its few members are looked at as they stand, and none is decoded.

use std::ops::Range;

use memchr::memchr;

use super::super::{finish, usage};
use crate::{
    chat::{Stop, Usage},
    json::{self, Unlimited},
};

/// What there is to know of a chunk that says nothing else.
#[derive(Debug, Default)]
pub(super) struct Glance {
    /// It is about the first choice; else about none.
    pub(super) first: bool,
    /// It brings text that is surely content.
    pub(super) words: bool,
    /// Why the answer ends.
    pub(super) stop: Option<Stop>,
    pub(super) usage: Option<Usage>,
}

/// Longer chunks, and longer words for why an answer ends, are decoded.
const LONGEST: usize = 4 << 10;
const LONGEST_REASON: usize = 32;

impl Glance {
    /// None says nothing: the chunk has to be decoded.
    pub(super) fn at(data: &[u8]) -> Option<Self> {
        // What an escape means, and whether it is one, is not looked at here.
        if data.len() > LONGEST || memchr(b'\\', data).is_some() {
            return None;
        }
        let mut glance = Self::default();
        let (mut choices, mut told) = (None, None);
        members(data, |name, value| match name {
            b"id"
            | b"model"
            | b"service_tier"
            | b"system_fingerprint"
            | b"obfuscation"
            | b"provider" => text_or_null(value).map(drop),
            b"object" => (value == b"\"chat.completion.chunk\"").then_some(()),
            b"created" => is_count(value).then_some(()),
            b"choices" => {
                choices = Some(value);
                Some(())
            }
            b"usage" if value == b"null" => Some(()),
            b"usage" if value.starts_with(b"{") => {
                told = Some(value);
                Some(())
            }
            _ => None,
        })?;
        match choices? {
            // Before the beginning some say something of the request.
            b"[]" => _ = told?,
            list => {
                let choice = list.strip_prefix(b"[")?.strip_suffix(b"]")?;
                glance.choice(choice)?;
                glance.first = true;
            }
        }
        glance.usage = told.and_then(usage::usage);
        Some(glance)
    }

    fn choice(&mut self, choice: &[u8]) -> Option<()> {
        let mut delta = None;
        let mut reason = None;
        members(choice, |name, value| match name {
            b"index" => (value == b"0").then_some(()),
            b"delta" => {
                delta = Some(value);
                Some(())
            }
            b"logprobs" => (value == b"null").then_some(()),
            b"finish_reason" => {
                reason = text_or_null(value)?;
                Some(())
            }
            _ => None,
        })?;
        members(delta?, |name, value| match name {
            b"role" => text_or_null(value).map(drop),
            b"refusal" => (value == b"null").then_some(()),
            b"content" => {
                self.words = are_words(text_or_null(value)?.unwrap_or_default())?;
                Some(())
            }
            _ => None,
        })?;
        let reason = reason.unwrap_or_default();
        if reason.len() > LONGEST_REASON {
            return None;
        }
        self.stop = finish::read(str::from_utf8(reason).ok()?).ok()?;
        Some(())
    }
}

/// Looks at the members of an object, each of which may be there once.
fn members<'a>(
    object: &'a [u8],
    mut member: impl FnMut(&'a [u8], &'a [u8]) -> Option<()>,
) -> Option<()> {
    const MOST: usize = 16;
    let mut names: [&[u8]; MOST] = [b""; MOST];
    let mut count = 0;
    json::skim(object, &Unlimited, |name, value: Range<usize>| {
        let is_new = !names.get(..count)?.contains(&name);
        *names.get_mut(count)? = name;
        count += 1;
        is_new.then_some(())?;
        member(name, object.get(value)?)
    })
}

/// What is between the quotes, or none for null.
fn text_or_null(value: &[u8]) -> Option<Option<&[u8]>> {
    match value {
        b"null" => Some(None),
        [b'"', text @ .., b'"'] => Some(Some(text)),
        _ => None,
    }
}

/// Is this a text that is content whatever follows? None if that depends: on blanks, or on what may be the beginning of a tag.
fn are_words(text: &[u8]) -> Option<bool> {
    match text.first() {
        None => Some(false),
        Some(b' ') => match text.trim_ascii_start().first()? {
            b'<' | 0x80.. => None,
            _ => Some(true),
        },
        Some(b'<' | 0x80..) => None,
        Some(first) => first.is_ascii_graphic().then_some(true),
    }
}

/// A whole number that any reader can hold.
fn is_count(value: &[u8]) -> bool {
    const MOST_DIGITS: usize = 15;
    value.len() <= MOST_DIGITS && value.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::*, *};
    use crate::{
        chat::EventSink,
        dialect::{EventDecoder, FrameError, Observed, Observer},
        wire::Frame,
    };

    /// Chunks in the order of a stream, and others.
    const CHUNKS: [&str; 30] = [
        r#"{"id":"1","object":"chat.completion.chunk","created":1741569952,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"aB3"}"#,
        r#"{"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" a"},"finish_reason":null}],"usage":null}"#,
        r#"{"id":"1","choices":[{"index":0,"delta":{"content":"b"}}]}"#,
        r#"{"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
        r#" { "choices" : [ { "delta" : { } , "finish_reason" : "length" } ] , "usage" : { "prompt_tokens" : 3 , "completion_tokens" : 2 } } "#,
        r#"{"choices":[],"usage":{"prompt_tokens":119,"completion_tokens":50,"total_tokens":169,"prompt_tokens_details":{"cached_tokens":7}}}"#,
        "[DONE]",
        // Not content yet.
        r#"{"choices":[{"index":0,"delta":{"content":"  "}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"<thi"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"nk>"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"</think>"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"\u0020"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":null}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"hm"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"refusal":"no"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]}}]}"#,
        // The second choice, and the first behind it.
        r#"{"choices":[{"index":1,"delta":{"content":"c"}}]}"#,
        r#"{"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"index":0,"delta":{}},{"index":1,"delta":{}}]}"#,
        r#"{"choices":[],"prompt_filter_results":[]}"#,
        r#"{"choices":[]}"#,
        r#"{"choices":[],"usage":{}}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":""}],"x_groq":{"usage":{"prompt_tokens":4}}}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"one that nobody has ever heard of before"}]}"#,
        r#"{"object":"chat.completion.done","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        // What is none, or no good.
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}"#,
        r#"{"error":{"message":"no"}}"#,
        r#"{"id":"1","id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a"}}"#,
        r#"{"created":1}"#,
    ];

    #[test]
    fn what_streams_are_made_of_needs_no_more() {
        for (at, chunk) in CHUNKS.iter().enumerate() {
            let glance = Glance::at(chunk.as_bytes());
            assert_eq!(
                glance.is_some(),
                matches!(at, 0..=5 | 9 | 12 | 21),
                "{chunk}"
            );
            let Some(glance) = glance else { continue };
            assert_eq!(glance.words, matches!(at, 1 | 2 | 9), "{chunk}");
            assert_eq!(glance.stop.is_some(), matches!(at, 3 | 4), "{chunk}");
            assert_eq!(glance.usage.is_some(), matches!(at, 4 | 5), "{chunk}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        /// Whoever watches a stream notes the same as whoever decodes all of it.
        #[test]
        fn nothing_is_overlooked(
            usual in prop::collection::vec(0..7_usize, 0..6),
            all in prop::collection::vec(0..CHUNKS.len(), 0..8),
            first in any::<bool>(),
        ) {
            let order = if first { [usual, all].concat() } else { [all, usual].concat() };
            let mut watcher = Watcher::new();
            let mut seen = Observed::default();
            let (mut decoder, mut sink) = (Decoder::default(), EventSink::new());
            for at in order {
                let frame = Frame::new(None, CHUNKS[at].to_owned());
                let watched = watcher.observe(&frame, &mut seen);
                let decoded = decoder.decode(&frame, &mut sink);
                prop_assert_eq!(format!("{watched:?}"), format!("{decoded:?}"), "{}", CHUNKS[at]);
                if matches!(decoded, Err(FrameError::Vendor(_) | FrameError::Malformed(_))) {
                    break;
                }
                prop_assert_eq!(seen.content, sink.has_content(), "{}", CHUNKS[at]);
                prop_assert_eq!(seen.stopped, sink.has_stopped(), "{}", CHUNKS[at]);
                prop_assert_eq!(seen.ended, sink.has_ended(), "{}", CHUNKS[at]);
                prop_assert_eq!(seen.usage.as_ref(), sink.known_usage(), "{}", CHUNKS[at]);
            }
        }
    }
}
