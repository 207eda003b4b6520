//! A vendor's events, told to the sink.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::{NAME, request::read_citation, stop, usage::Counts},
    event::{Delta, Event, Message, is_done_marker},
};
use crate::{
    Json,
    chat::{CallKind, EventSink},
    dialect::{EventDecoder, FrameError, Twins},
    json::{self, Path, Value},
    wire::Frame,
};

/// Reads one stream.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    started: bool,
    counts: Counts,
    /// Blocks begun and not ended, by the vendor's number. One at most, unless a relay mixes them.
    open: Vec<(usize, Open)>,
    /// Tool calls so far: relays that begin anew give numbers twice.
    calls: usize,
    /// The latest piece of words, and what kind it is if the next event may be another.
    twins: Twins,
    more: Option<More>,
    /// Were the words of a refusal told? Each `message_delta` repeats them.
    refused: bool,
}

#[derive(Debug)]
enum Open {
    /// Text or thinking: each delta says which.
    Words,
    Call {
        key: usize,
        /// Arguments that came whole with the start.
        whole: Option<String>,
    },
    /// A block of this dialect only, put together until it is whole.
    Other {
        start: Json,
        input: String,
        content: Option<Json>,
    },
}

/// What a piece of words adds to.
#[derive(Clone, Copy, Debug)]
enum More {
    Text,
    Thinking,
    /// Of the call with this number.
    Arguments(usize),
}

#[derive(Deserialize)]
struct Start<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    thinking: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<Cow<'a, str>>,
}

impl EventDecoder for Decoder {
    fn decode(&mut self, frame: &Frame, out: &mut EventSink) -> Result<(), FrameError> {
        if let Some(more) = self.more
            && let Some(words) = self.twins.words(frame)
        {
            match more {
                More::Text => out.text(&words),
                More::Thinking => out.thinking(&words),
                More::Arguments(key) => out.tool_arguments(key, &words),
            }
            return Ok(());
        }
        self.more = None;
        if frame.data().is_empty() {
            return Ok(());
        }
        if is_done_marker(frame) {
            if out.has_stopped() {
                out.end();
            }
            return Ok(());
        }
        let event = Event::read(frame)?;
        if let Some(failure) = event.failure(frame) {
            return Err(failure);
        }
        match event.kind(frame) {
            "content_block_delta" => match &event.delta {
                Some(delta) => {
                    self.delta(event.index, delta, out)?;
                    self.learn(frame, event.index, delta);
                    Ok(())
                }
                None => Err(FrameError::Malformed("no `delta` in it".into())),
            },
            "content_block_start" => match event.content_block {
                Some(block) => self.begin(event.index, block, out),
                None => Err(FrameError::Malformed("no `content_block` in it".into())),
            },
            "content_block_stop" => {
                self.finish(event.index, out);
                Ok(())
            }
            "message_start" => self.start(event.message, out),
            "message_delta" => {
                if let Some(counts) = &event.usage {
                    self.count(counts, out);
                }
                if let Some(stop) = event.delta.as_ref().and_then(Delta::stop) {
                    if let Some(words) = stop::explanation(&stop).filter(|_| !self.refused) {
                        self.refused = true;
                        self.finish_all(out);
                        out.refusal(&words);
                    }
                    out.stop(stop);
                }
                Ok(())
            }
            "message_stop" => {
                self.finish_all(out);
                out.end();
                Ok(())
            }
            "ping" => Ok(()),
            _ => Err(FrameError::Unknown),
        }
    }
}

impl Decoder {
    fn start(
        &mut self,
        message: Option<Message<'_>>,
        out: &mut EventSink,
    ) -> Result<(), FrameError> {
        // Some relays say it twice at the start: no harm. Later it means that the answer begins anew.
        if self.started && out.has_content() {
            return Err(FrameError::Malformed(
                "the answer begins anew after a part of it".into(),
            ));
        }
        self.started = true;
        self.open.clear();
        let Some(message) = message else {
            return Ok(());
        };
        out.start(
            message.id.as_deref().unwrap_or_default(),
            message.model.as_deref().unwrap_or_default(),
        );
        if let Some(counts) = &message.usage {
            self.count(counts, out);
        }
        Ok(())
    }

    fn count(&mut self, counts: &Counts, out: &mut EventSink) {
        self.counts.revise(counts);
        out.usage(&self.counts.usage());
    }

    fn begin(
        &mut self,
        index: usize,
        block: &RawValue,
        out: &mut EventSink,
    ) -> Result<(), FrameError> {
        let start: Start<'_> =
            serde_json::from_str(block.get()).map_err(|e| FrameError::Malformed(e.to_string()))?;
        self.finish(index, out);
        let open = match &*start.kind {
            "text" | "thinking" => {
                out.close_block();
                out.text(start.text.as_deref().unwrap_or_default());
                out.thinking(start.thinking.as_deref().unwrap_or_default());
                out.signature(start.signature.as_deref().unwrap_or_default());
                Open::Words
            }
            "redacted_thinking" => {
                out.redacted_thinking(start.data.as_deref().unwrap_or_default());
                return Ok(());
            }
            "tool_use" => {
                let key = self.calls;
                self.calls += 1;
                out.tool_call(
                    key,
                    start.id.as_deref().unwrap_or_default(),
                    start.name.as_deref().unwrap_or_default(),
                    CallKind::Function,
                );
                let whole = start
                    .input
                    .map(RawValue::get)
                    .filter(|input| input.starts_with('{') && has_members(input));
                Open::Call {
                    key,
                    whole: whole.map(str::to_owned),
                }
            }
            _ => Open::Other {
                start: block.into(),
                input: String::new(),
                content: None,
            },
        };
        self.open.push((index, open));
        Ok(())
    }

    fn delta(
        &mut self,
        index: usize,
        delta: &Delta<'_>,
        out: &mut EventSink,
    ) -> Result<(), FrameError> {
        let open = self
            .open
            .iter_mut()
            .find(|(at, _)| *at == index)
            .map(|(_, open)| open);
        match (delta.kind.as_deref().unwrap_or_default(), open) {
            ("text_delta", _) => out.text(delta.text.as_deref().unwrap_or_default()),
            ("thinking_delta", _) => out.thinking(delta.thinking.as_deref().unwrap_or_default()),
            ("signature_delta", _) => {
                out.signature(delta.signature.as_deref().unwrap_or_default());
            }
            ("citations_delta", _) => {
                if let Some(raw) = delta.citation {
                    let citation = read_citation(&Value::new(raw, Path::ROOT))
                        .map_err(|e| FrameError::Malformed(e.message().to_owned()))?;
                    out.citation(citation);
                }
            }
            ("input_json_delta", Some(Open::Call { key, whole })) => {
                let fragment = delta.partial_json.as_deref().unwrap_or_default();
                if !fragment.is_empty() {
                    *whole = None;
                    out.tool_arguments(*key, fragment);
                }
            }
            ("input_json_delta", Some(Open::Other { input, .. })) => {
                input.push_str(delta.partial_json.as_deref().unwrap_or_default());
            }
            ("compaction_delta", Some(Open::Other { content, .. })) => {
                *content = delta.content.map(Json::from).or(content.take());
            }
            _ => return Err(FrameError::Unknown),
        }
        Ok(())
    }

    /// Takes note of a piece of words: the next one is likely to differ from it in these only.
    fn learn(&mut self, frame: &Frame, index: usize, delta: &Delta<'_>) {
        let call = |(at, open): &(usize, Open)| match open {
            // What came whole with the start is forgotten with the first piece.
            Open::Call { key, whole: None } if *at == index => Some(*key),
            _ => None,
        };
        let (more, name, words) = match delta.kind.as_deref() {
            Some("text_delta") => (More::Text, "text", &delta.text),
            Some("thinking_delta") => (More::Thinking, "thinking", &delta.thinking),
            Some("input_json_delta") => match self.open.iter().find_map(call) {
                Some(key) => (More::Arguments(key), "partial_json", &delta.partial_json),
                None => return,
            },
            _ => return,
        };
        if let Some(words) = words
            && self.twins.learn(frame, Some((name, words)))
        {
            self.more = Some(more);
        }
    }

    /// Ends the block of this number, if one is open.
    fn finish(&mut self, index: usize, out: &mut EventSink) {
        let Some(at) = self.open.iter().position(|(i, _)| *i == index) else {
            return;
        };
        match self.open.remove(at).1 {
            Open::Words => out.close_block(),
            Open::Call { key, whole } => {
                out.tool_arguments(key, whole.as_deref().unwrap_or_default());
                out.tool_end(key);
            }
            Open::Other {
                start,
                input,
                content,
            } => {
                let input = Json::parse(&input).ok();
                out.other(NAME, completed(&start, input, content));
            }
        }
    }

    fn finish_all(&mut self, out: &mut EventSink) {
        while let Some(index) = self.open.first().map(|(index, _)| *index) {
            self.finish(index, out);
        }
    }
}

/// Is it more than `{}`?
fn has_members(object: &str) -> bool {
    object.contains('"')
}

/// The block with what the deltas brought.
fn completed(start: &Json, input: Option<Json>, content: Option<Json>) -> Json {
    if input.is_none() && content.is_none() {
        return start.clone();
    }
    let root = Value::root(start.as_str().as_bytes());
    let members = root.as_ref().ok().and_then(|root| root.object().ok());
    let Some(members) = members else {
        return start.clone();
    };
    let mut extra = members.into_extra();
    for (name, value) in [("input", input), ("content", content)] {
        if let Some(value) = value {
            extra.insert(name, value);
        }
    }
    json::object(|o| {
        o.extra(&extra);
    })
}
