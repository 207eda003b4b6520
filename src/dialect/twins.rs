//! Events known by one that was read.

use std::borrow::Cow;

use crate::{json::Twin, wire::Frame};

/// An event that was passed, to know those by that are like it.
#[derive(Debug, Default)]
pub(crate) struct Twins {
    twin: Twin,
    /// How many were known by it.
    known: u32,
    /// How many others to let pass before the next one is learnt, and how many the last time.
    wait: u32,
    waited: u32,
}

impl Twins {
    /// Knows nothing, and learns nothing.
    pub(crate) fn never() -> Self {
        Self {
            wait: u32::MAX,
            ..Self::default()
        }
    }

    /// The length of the event that these bytes begin with, if it is known.
    #[inline]
    pub(crate) fn len_of_known(&mut self, bytes: &[u8]) -> Option<usize> {
        let len = self.twin.len_of_like(bytes)?;
        self.known = self.known.saturating_add(1);
        Some(len)
    }

    /// Is this whole event known?
    #[inline]
    pub(crate) fn knows(&mut self, frame: &Frame) -> bool {
        self.len_of_known(frame.raw()) == Some(frame.raw().len())
    }

    /// What this event says, if it is known.
    #[inline]
    pub(crate) fn words<'f>(&mut self, frame: &'f Frame) -> Option<Cow<'f, str>> {
        let words = self.twin.words_of_like(frame.raw())?;
        self.known = self.known.saturating_add(1);
        Some(words)
    }

    /// Takes note of an event that was not known, and was read as JSON. True if others are known by it from now on. `said`: the
    /// member whose words are asked for and the only one in which others may differ, and what it says.
    pub(crate) fn learn(&mut self, frame: &Frame, said: Option<(&str, &str)>) -> bool {
        /// An event that as many are known by was worth learning.
        const WORTH: u32 = 4;
        /// In streams whose events are all different, this many are let pass.
        const MOST: u32 = 63;
        if let Some(rest) = self.wait.checked_sub(1) {
            self.wait = rest;
            return false;
        }
        self.waited = match self.known {
            WORTH.. => 0,
            _ => (2 * self.waited + 1).min(MOST),
        };
        self.wait = self.waited;
        self.known = 0;
        // Only what ends in a whole blank line: of a lone `\r` the other half may be on its way.
        let raw = frame.raw();
        let json = frame
            .data_range()
            .filter(|_| raw.ends_with(b"\n\n") || raw.ends_with(b"\r\n\r\n"));
        match json {
            Some(json) => {
                self.twin.learn(raw, json, said.map(|(member, _)| member));
                // A member of that name may stand elsewhere too.
                said.is_none_or(|(_, words)| self.twin.words_of_like(raw).as_deref() == Some(words))
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::{
        chat::{ChatEvent, EventSink},
        dialect::{
            Dialect, anthropic::Anthropic, openai_chat::OpenAiChat,
            openai_responses::OpenAiResponses,
        },
        wire::Frame,
    };

    /// Events of words, and others between them.
    const EVENTS: [(&dyn Dialect, &[&str]); 3] = [
        (
            &OpenAiChat,
            &[
                r#"{"id":"1","choices":[{"index":0,"delta":{"content":"@"},"finish_reason":null}],"obfuscation":"x"}"#,
                r#"{"id":"1","choices":[{"index":0,"delta":{"content":"@","role":"assistant"},"finish_reason":""}],"obfuscation":"yy"}"#,
                r#"{"choices":[{"delta":{"content":"","reasoning_content":"@"}}]}"#,
                r#"{"choices":[{"delta":{"reasoning":"@","refusal":null}}]}"#,
                r#"{"choices":[{"delta":{"content":"a","reasoning":"@"}}]}"#,
                r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"@"}}]}}]}"#,
                r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"@"}}]}}]}"#,
                r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"custom":{"input":"@"}}]}}]}"#,
                r#"{"choices":[{"delta":{"content":"@"},"logprobs":{"content":[]}}]}"#,
                r#"{"choices":[{"delta":{"content":"@"}}],"usage":{"prompt_tokens":3}}"#,
                r#"{"choices":[{"delta":{"content":"@"}}],"citations":["https://a"]}"#,
                r#"{"choices":[{"index":1,"delta":{"content":"@"}}]}"#,
                r#"{"choices":[{"delta":{"refusal":"@"}}]}"#,
                r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
                "[DONE]",
            ],
        ),
        (
            &OpenAiResponses,
            &[
                r#"{"type":"response.created","response":{"id":"r"}}"#,
                r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"m"}}"#,
                r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","call_id":"c","name":"f"}}"#,
                r#"{"type":"response.output_item.added","output_index":2,"item":{"type":"reasoning"}}"#,
                r#"{"type":"response.output_text.delta","sequence_number":1,"output_index":0,"delta":"@","logprobs":[]}"#,
                r#"{"type":"response.output_text.delta","sequence_number":10,"output_index":0,"delta":"@","logprobs":[]}"#,
                r#"{"type":"response.output_text.delta","output_index":0,"content_index":1,"delta":"@","logprobs":[{"token":"a"}]}"#,
                r#"{"type":"response.output_text.delta","delta":"@"}"#,
                r#"{"type":"response.refusal.delta","output_index":0,"delta":"@"}"#,
                r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":"@"}"#,
                r#"{"type":"response.reasoning_summary_text.delta","output_index":2,"summary_index":0,"delta":"@"}"#,
                r#"{"type":"response.reasoning_summary_text.delta","output_index":2,"summary_index":1,"delta":"@"}"#,
                r#"{"type":"response.reasoning_text.delta","output_index":2,"delta":"@"}"#,
                r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":[]}}"#,
                r#"{"type":"response.completed","response":{"id":"r","output":[]}}"#,
            ],
        ),
        (
            &Anthropic,
            &[
                r#"{"type":"message_start","message":{"id":"m","usage":{"input_tokens":1}}}"#,
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"@"}}"#,
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{"a":1}}}"#,
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"s","name":"g","input":{}}}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"@"}}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"@"}}"#,
                r#"{"type":"content_block_delta","index":0,"text":"@","delta":{"type":"text_delta"}}"#,
                r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"@"}}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"@"}}"#,
                r#"{"type":"content_block_stop","index":0}"#,
                r#"{"type":"content_block_stop","index":1}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
            ],
        ),
    ];

    /// What a decoder makes of the frames, with an empty one between them or without.
    fn told(
        dialect: &dyn Dialect,
        frames: &[Frame],
        apart: bool,
    ) -> Vec<Result<ChatEvent, String>> {
        let (mut decoder, mut out) = (dialect.decoder(), EventSink::new());
        let mut told = Vec::new();
        for frame in frames {
            if apart {
                decoder.decode(&Frame::default(), &mut out).unwrap();
            }
            let read = decoder.decode(frame, &mut out);
            told.extend(std::iter::from_fn(|| out.next_event()).map(Ok));
            if let Err(error) = read {
                told.push(Err(format!("{error:?}")));
            }
        }
        out.end();
        told.extend(std::iter::from_fn(|| out.next_event()).map(Ok));
        told
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Words of a known event are told as if it had been read.
        #[test]
        fn known_events_say_what_they_would_have_said(
            which in 0..EVENTS.len(),
            events in prop::collection::vec((any::<prop::sample::Index>(), 1..12_usize), 0..8),
            words in prop::collection::vec(prop::sample::select(vec![
                "", "a", " trunk", "<think>", "</think>", "\\n\\u00e9", "\\ud800", "\\", "\"", "{\\\"a\\\":", "1}", "null", "\u{1}",
            ]), 1..12),
            broken in prop::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>())),
        ) {
            let (dialect, all) = EVENTS[which];
            let mut words = words.iter().cycle();
            let mut frames: Vec<Vec<u8>> = Vec::new();
            for (event, times) in events {
                for _ in 0..times {
                    frames.push(all[event.index(all.len())].replace('@', words.next().unwrap()).into());
                }
            }
            if let Some((frame, at, byte)) = broken.filter(|_| !frames.is_empty()) {
                let at_frame = frame.index(frames.len());
                let data = &mut frames[at_frame];
                let at = at.index(data.len());
                data[at] = byte;
            }
            let frames: Vec<_> = frames.into_iter().map(|data| Frame::new(None, data)).collect();
            prop_assert_eq!(told(dialect, &frames, false), told(dialect, &frames, true));
        }
    }
}
