//! Events of a vendor's into events of ours.
//!
//! Items are known by their place in the output: some vendors give an item another id with every event, or none.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

use super::{
    super::{
        NAME, NAMESPACE, error, reasoning, usage,
        wire::{Answer, Event, Item, Part},
    },
    pieces::{call_id, citation, key, kind_of, logprobs, read},
};
use crate::{
    chat::{CallKind, EventSink, Stop, StopReason},
    dialect::{EventDecoder, FrameError, Twins, has_error},
    error::{Error, ErrorKind},
    wire::Frame,
};

/// Reads the events of one stream.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    reader: Reader,
    /// The latest event with words, and what they add to if the next one may bring more of the same.
    twins: Twins,
    more: Option<More>,
    ended: bool,
}

/// What a piece of words adds to.
#[derive(Clone, Copy, Debug)]
enum More {
    Text { at: u64, part: u64 },
    Arguments { at: u64 },
    Thought { at: u64, kind: Thought, part: u64 },
}

/// How the events that tell a hosted tool's progress begin. What came of it is told by the item.
const PROGRESS: [&str; 9] = [
    "response.web_search_call",
    "response.file_search_call",
    "response.code_interpreter_call",
    "response.image_generation_call",
    "response.mcp_",
    "response.shell_call",
    "response.apply_patch_call",
    "response.compaction",
    "response.audio.",
];

impl EventDecoder for Decoder {
    fn decode(&mut self, frame: &Frame, out: &mut EventSink) -> Result<(), FrameError> {
        if let Some(more) = self.more
            && let Some(words) = self.twins.words(frame)
        {
            self.reader.more(more, &words, out);
            return Ok(());
        }
        self.more = None;
        let data = frame.data().trim_ascii();
        // Some end with the word of another dialect.
        if self.ended || data.is_empty() || data.starts_with(b"[DONE]") {
            return Ok(());
        }
        let vendor = || FrameError::Vendor(error::reported(data));
        let event: Event<'_> = match serde_json::from_slice(data) {
            Ok(event) => event,
            Err(_) if has_error(data) => return Err(vendor()),
            Err(error) => return Err(FrameError::Malformed(error.to_string())),
        };
        let kind = match event.kind.as_str() {
            "" => frame.name().unwrap_or_default(),
            kind => kind,
        };
        match kind {
            "error" | "response.failed" => return Err(vendor()),
            "response.completed" | "response.incomplete" => {
                let answer = answer(&event)?;
                self.reader
                    .finish(&answer, kind, out)
                    .map_err(FrameError::Vendor)?;
                self.ended = true;
                out.end();
            }
            "response.created" | "response.in_progress" | "response.queued" => {
                let answer = answer(&event)?;
                out.start(answer.id.as_str(), answer.model.as_str());
            }
            _ => {
                self.reader.event(kind, &event, out)?;
                if let Some(more) = self.reader.grows(kind, &event)
                    && self
                        .twins
                        .learn(frame, Some(("delta", event.delta.as_str())))
                {
                    self.more = Some(more);
                }
            }
        }
        Ok(())
    }
}

fn answer<'a>(event: &Event<'a>) -> Result<Answer<'a>, FrameError> {
    let text = event.response.map_or("{}", RawValue::get);
    serde_json::from_str(text).map_err(|error| FrameError::Malformed(error.to_string()))
}

/// What must be remembered from event to event. A whole answer is read as if its items had just been done.
#[derive(Debug, Default)]
pub(in super::super) struct Reader {
    items: BTreeMap<u64, Seen>,
    latest: u64,
    /// What was added to last: an item, and the part if it is a message.
    part: Option<(u64, u64)>,
    refused: bool,
}

/// What was told of an item.
#[derive(Debug, Default)]
struct Seen {
    /// The parts whose words came in pieces, and how many annotations each had.
    parts: BTreeMap<u64, u64>,
    thought: Option<Thought>,
    /// The part of the summary that was added to last.
    summary: u64,
    called: bool,
    arguments: bool,
    done: bool,
}

/// Which of the two texts of a reasoning item is told: some vendors send the same in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thought {
    Summary,
    Text,
}

impl Reader {
    fn event(
        &mut self,
        kind: &str,
        event: &Event<'_>,
        out: &mut EventSink,
    ) -> Result<(), FrameError> {
        if kind == "response.output_item.added" && event.output_index.0.is_none() {
            // A vendor that does not number its items.
            self.latest = self.items.keys().next_back().map_or(0, |last| last + 1);
        }
        let at = event.output_index.0.unwrap_or(self.latest);
        self.latest = at;
        let part = event.content_index.0.unwrap_or_default();
        match kind {
            "response.output_item.added" => {
                self.items.entry(at).or_default();
                if let Some(item) = read(event.item) {
                    self.begin(at, &item, out);
                }
            }
            "response.output_item.done" => self.done(at, event.item, out),
            "response.output_text.delta" => {
                self.words(at, part, event.delta.as_str(), false, out);
                logprobs(event.logprobs, out);
            }
            "response.refusal.delta" => self.words(at, part, event.delta.as_str(), true, out),
            // What came in pieces is not told again.
            "response.output_text.done" if !self.has(at, part) => {
                self.words(at, part, event.text.as_str(), false, out);
            }
            "response.refusal.done" if !self.has(at, part) => {
                self.words(at, part, event.refusal.as_str(), true, out);
            }
            "response.output_text.annotation.added" => {
                if let Some(raw) = event.annotation {
                    self.annotation(at, part, raw, out);
                }
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.arguments(at, event.delta.as_str(), out);
            }
            "response.function_call_arguments.done" if !self.argued(at) => {
                self.arguments(at, event.arguments.as_str(), out);
            }
            "response.custom_tool_call_input.done" if !self.argued(at) => {
                self.arguments(at, event.input.as_str(), out);
            }
            "response.reasoning_summary_text.delta" => {
                let summary = event.summary_index.0.unwrap_or_default();
                self.thought(at, Thought::Summary, summary, event.delta.as_str(), out);
            }
            "response.reasoning_text.delta" => {
                self.thought(at, Thought::Text, part, event.delta.as_str(), out);
            }
            "response.content_part.added"
            | "response.content_part.done"
            | "response.output_text.done"
            | "response.refusal.done"
            | "response.function_call_arguments.done"
            | "response.custom_tool_call_input.done"
            | "response.reasoning_summary_part.added"
            | "response.reasoning_summary_part.done"
            | "response.reasoning_summary_text.done"
            | "response.reasoning_text.done" => {}
            _ if PROGRESS.iter().any(|begin| kind.starts_with(begin)) => {}
            _ => return Err(FrameError::Unknown),
        }
        Ok(())
    }

    /// What an event that has been read adds to, if it brings words and nothing else.
    fn grows(&self, kind: &str, event: &Event<'_>) -> Option<More> {
        let (at, part) = (self.latest, event.content_index.0.unwrap_or_default());
        match kind {
            "response.output_text.delta"
                if event
                    .logprobs
                    .is_none_or(|raw| !raw.get().starts_with("[{")) =>
            {
                Some(More::Text { at, part })
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                Some(More::Arguments { at })
            }
            "response.reasoning_summary_text.delta" => Some(More::Thought {
                at,
                kind: Thought::Summary,
                part: event.summary_index.0.unwrap_or_default(),
            }),
            "response.reasoning_text.delta" => Some(More::Thought {
                at,
                kind: Thought::Text,
                part,
            }),
            _ => None,
        }
    }

    /// Reads an event that differs from the one before in its words only.
    fn more(&mut self, more: More, words: &str, out: &mut EventSink) {
        match more {
            More::Text { at, part } => self.words(at, part, words, false, out),
            More::Arguments { at } => self.arguments(at, words, out),
            More::Thought { at, kind, part } => self.thought(at, kind, part, words, out),
        }
    }

    fn has(&self, at: u64, part: u64) -> bool {
        self.items
            .get(&at)
            .is_some_and(|seen| seen.parts.contains_key(&part))
    }

    fn argued(&self, at: u64) -> bool {
        self.items.get(&at).is_some_and(|seen| seen.arguments)
    }

    /// More of a part of a message.
    fn words(&mut self, at: u64, part: u64, text: &str, refusal: bool, out: &mut EventSink) {
        if text.is_empty() {
            return;
        }
        self.items
            .entry(at)
            .or_default()
            .parts
            .entry(part)
            .or_default();
        if self.part != Some((at, part)) {
            self.part = Some((at, part));
            out.close_block();
        }
        if refusal {
            self.refused = true;
            out.refusal(text);
        } else {
            out.text(text);
        }
    }

    fn annotation(&mut self, at: u64, part: u64, raw: &RawValue, out: &mut EventSink) {
        let seen = self.items.entry(at).or_default();
        *seen.parts.entry(part).or_default() += 1;
        out.citation(citation(raw));
    }

    fn arguments(&mut self, at: u64, text: &str, out: &mut EventSink) {
        if !text.is_empty() {
            self.items.entry(at).or_default().arguments = true;
            out.tool_arguments(key(at), text);
        }
    }

    fn thought(&mut self, at: u64, kind: Thought, part: u64, text: &str, out: &mut EventSink) {
        let seen = self.items.entry(at).or_default();
        if text.is_empty() || *seen.thought.get_or_insert(kind) != kind {
            return;
        }
        let more = std::mem::replace(&mut seen.summary, part) != part;
        self.part = Some((at, u64::MAX));
        if more {
            out.thinking("\n\n");
        }
        out.thinking(text);
    }

    /// An item is whole: what was not told of it yet is told now.
    fn done(&mut self, at: u64, raw: Option<&RawValue>, out: &mut EventSink) {
        let Some((item, raw)) = read(raw).zip(raw) else {
            return;
        };
        let seen = self.items.entry(at).or_default();
        if std::mem::replace(&mut seen.done, true) {
            return;
        }
        match item.kind.as_str() {
            "message" => self.message(at, &item, out),
            "function_call" | "custom_tool_call" => {
                let argued = seen.arguments;
                self.begin(at, &item, out);
                if !argued {
                    let text = match kind_of(&item) {
                        CallKind::Custom => Cow::Borrowed(item.input.as_str()),
                        CallKind::Function => item.arguments(),
                    };
                    out.tool_arguments(key(at), &text);
                }
                out.tool_end(key(at));
            }
            "reasoning" => self.reasoning(at, &item, out),
            _ => out.other(NAME, raw.into()),
        }
    }

    fn message(&mut self, at: u64, item: &Item<'_>, out: &mut EventSink) {
        for (index, part) in (0_u64..).zip(item.content()) {
            let told = self
                .items
                .get(&at)
                .and_then(|seen| seen.parts.get(&index))
                .copied();
            if told.is_none() {
                self.words(at, index, part.text.as_str(), false, out);
                self.words(at, index, part.refusal.as_str(), true, out);
                logprobs(part.logprobs, out);
            }
            if told.unwrap_or_default() == 0 {
                for raw in part.annotations.iter().flatten() {
                    self.annotation(at, index, raw, out);
                }
            }
        }
        out.close_block();
    }

    fn reasoning(&mut self, at: u64, item: &Item<'_>, out: &mut EventSink) {
        let seen = self.items.entry(at).or_default();
        if seen.thought.is_none() {
            let joined = |parts: Vec<Part<'_>>| {
                let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
                texts.join("\n\n")
            };
            let summary = joined(item.summary());
            let text = if summary.is_empty() {
                joined(item.content())
            } else {
                summary
            };
            if !text.is_empty() {
                seen.thought = Some(Thought::Text);
                self.part = Some((at, u64::MAX));
                out.close_block();
                out.thinking(&text);
            }
        }
        // The one told when the item began may not have been whole. Without one, a signature says whose reasoning it was.
        let open = self.part == Some((at, u64::MAX));
        if open || !item.encrypted_content.is_empty() {
            out.signature(&reasoning::tagged(item.encrypted_content.as_str()));
            out.close_block();
        }
    }

    /// The answer is whole.
    pub(in super::super) fn finish(
        &mut self,
        answer: &Answer<'_>,
        kind: &str,
        out: &mut EventSink,
    ) -> Result<(), Error> {
        out.start(answer.id.as_str(), answer.model.as_str());
        // Places in the list need not be those of the events: it counts where there were none.
        if self.items.is_empty() {
            for (at, raw) in (0_u64..).zip(answer.output.iter().flatten()) {
                self.done(at, Some(raw), out);
            }
        }
        if let Some(usage) = answer.usage.and_then(usage::read) {
            out.usage(&usage);
        }
        out.stop(self.stop(answer, kind)?);
        Ok(())
    }

    fn stop(&self, answer: &Answer<'_>, kind: &str) -> Result<Stop, Error> {
        let status = match answer.status.as_str() {
            "" if kind == "response.incomplete" => "incomplete",
            "" => "completed",
            status => status,
        };
        let reason = match status {
            "completed" if self.refused => StopReason::Refusal,
            "completed" => StopReason::EndTurn,
            "incomplete" => {
                let details = answer.incomplete_details.as_ref();
                match details.map_or("", |details| details.reason.as_str()) {
                    "max_output_tokens" | "max_tokens" => StopReason::MaxTokens,
                    "content_filter" => StopReason::Refusal,
                    other => {
                        return Ok(Stop {
                            native: Some(other.to_owned()),
                            ..Stop::new(StopReason::MaxTokens)
                        });
                    }
                }
            }
            "failed" | "cancelled" | "queued" | "in_progress" => {
                return Err(Error::new(
                    ErrorKind::Server,
                    format!("the vendor's answer is not complete: its status is `{status}`"),
                ));
            }
            other => {
                return Ok(Stop {
                    native: Some(other.to_owned()),
                    ..Stop::default()
                });
            }
        };
        Ok(Stop::new(reason))
    }
}

impl Reader {
    /// A call is known as soon as it has a name.
    fn begin(&mut self, at: u64, item: &Item<'_>, out: &mut EventSink) {
        let seen = self.items.entry(at).or_default();
        if !matches!(item.kind.as_str(), "function_call" | "custom_tool_call")
            || std::mem::replace(&mut seen.called, true)
        {
            return;
        }
        self.part = None;
        let name = match item.namespace.as_str() {
            "" => Cow::Borrowed(item.name.as_str()),
            space => Cow::Owned(format!("{space}{NAMESPACE}{}", item.name.as_str())),
        };
        out.tool_call(key(at), &call_id(at, item), &name, kind_of(item));
    }
}
