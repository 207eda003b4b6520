//! Chunks into events.

use std::borrow::Cow;

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    super::{
        NAME, finish,
        reasoning::{self, Thought},
        usage,
        wire::{Call, Choice, Chunk, Content, Message, Text, string},
    },
    calls::{Calls, Piece},
    glance::Glance,
    sources,
    think::{Split, ThinkTag},
};
use crate::{
    chat::{CallKind, Citation, EventSink, StopReason, Usage},
    dialect::{EventDecoder, FrameError, Twins, classify, has_error},
    error::{Error, ErrorKind},
    json,
    wire::Frame,
};

/// Reads the chunks of one stream.
#[derive(Debug, Default)]
pub(in super::super) struct Decoder {
    reader: Reader,
    /// The latest chunk with words, and what they add to if the next one may bring more of the same.
    twins: Twins,
    more: Option<More>,
    ended: bool,
}

/// What a piece of words adds to.
#[derive(Clone, Copy, Debug)]
enum More {
    Content,
    Reasoning,
    /// Of the call that has this number, if it has one.
    Arguments(Option<u64>),
}

impl EventDecoder for Decoder {
    fn decode(&mut self, frame: &Frame, out: &mut EventSink) -> Result<(), FrameError> {
        if let Some(more) = self.more
            && let Some(words) = self.twins.words(frame)
        {
            self.reader.more(more, words, out);
            return Ok(());
        }
        self.more = None;
        let data = frame.data().trim_ascii();
        if self.ended || data.is_empty() {
            return Ok(());
        }
        if data.starts_with(b"[DONE]") {
            self.end(out);
            return Ok(());
        }
        let vendor = || {
            let headers = HeaderMap::new();
            FrameError::Vendor(classify(NAME, StatusCode::OK, &headers, data))
        };
        let named = frame.name() == Some("error");
        let chunk: Chunk<'_> = match serde_json::from_slice(data) {
            Ok(chunk) => chunk,
            Err(_) if named || has_error(data) => return Err(vendor()),
            Err(error) => return Err(FrameError::Malformed(error.to_string())),
        };
        if named || chunk.is_error() {
            return Err(vendor());
        }
        if let Some(groq) = chunk.x_groq.as_ref().filter(|groq| !groq.error.is_empty()) {
            let error = Error::new(ErrorKind::Server, groq.error.as_str());
            return Err(FrameError::Vendor(error));
        }
        if chunk.is_bare() {
            return Err(FrameError::Unknown);
        }
        self.reader.chunk(&chunk, out).map_err(FrameError::Vendor)?;
        if chunk.object.as_str() == "chat.completion.done" {
            // Perplexity's last word.
            self.end(out);
            return Ok(());
        }
        if let Some((more, name, words)) = self.reader.words(&chunk)
            && self.twins.learn(frame, Some((name, &words)))
        {
            self.more = Some(more);
        }
        Ok(())
    }
}

impl Decoder {
    /// For somebody who does not ask for words.
    pub(super) fn wordless() -> Self {
        Self {
            twins: Twins::never(),
            ..Self::default()
        }
    }

    /// Takes note of a chunk that needs no more than that.
    pub(super) fn note(&mut self, glance: Glance, out: &mut EventSink) {
        if glance.first {
            self.reader.choice.get_or_insert(0);
        }
        if let Some(usage) = glance.usage {
            self.reader.told(usage, out);
        }
        if let Some(stop) = glance.stop.filter(|_| !out.has_stopped()) {
            out.stop(stop);
        }
    }

    /// Is the first choice the one that is read, as far as is known?
    pub(super) fn reads_first(&self) -> bool {
        !self.ended && self.reader.choice.is_none_or(|choice| choice == 0)
    }

    fn end(&mut self, out: &mut EventSink) {
        self.ended = true;
        self.reader.flush(out);
        out.end();
    }
}

/// What must be remembered from chunk to chunk. A whole answer is read as one chunk.
#[derive(Debug, Default)]
pub(in super::super) struct Reader {
    id: String,
    model: String,
    /// The choice that is read: there may be several, a conversation goes on with one.
    choice: Option<u64>,
    calls: Calls,
    think: ThinkTag,
    /// The thinking block is signed: more reasoning is another block.
    signed: bool,
    /// The text of the thinking block that is not signed yet.
    thinking: String,
    refused: bool,
    content: bool,
    usage: Usage,
    /// Sources of the whole answer, to be told at its end.
    sources: Vec<Citation>,
    annotated: bool,
}

impl Reader {
    /// Reads a chunk or a whole answer.
    pub(in super::super) fn chunk(
        &mut self,
        chunk: &Chunk<'_>,
        out: &mut EventSink,
    ) -> Result<(), Error> {
        for (slot, text) in [(&mut self.id, &chunk.id), (&mut self.model, &chunk.model)] {
            if slot.is_empty() {
                slot.push_str(text.as_str());
            }
        }
        if !self.annotated {
            sources::collect(&mut self.sources, chunk);
        }
        let groq = chunk.x_groq.as_ref().and_then(|groq| groq.usage);
        for raw in [chunk.usage, groq].into_iter().flatten() {
            self.usage(raw, out);
        }
        for choice in chunk.choices.iter().flatten() {
            let index = choice.index.0.unwrap_or_default();
            if *self.choice.get_or_insert(index) != index {
                continue;
            }
            // Azure's first chunk has no choices, no id and no model: it is not the beginning yet.
            out.start(&self.id, &self.model);
            self.choose(choice, out)?;
        }
        Ok(())
    }

    /// The words of a chunk that has been read and brings nothing else; in which member they are, and what they add to.
    fn words<'c>(&self, chunk: &'c Chunk<'_>) -> Option<(More, &'static str, Cow<'c, str>)> {
        let Chunk {
            choices: Some(choices),
            usage: None,
            x_groq: None,
            citations: None,
            search_results: None,
            ..
        } = chunk
        else {
            return None;
        };
        let [
            Choice {
                index,
                delta: Some(delta),
                finish_reason,
                logprobs: None,
                usage: None,
                ..
            },
        ] = choices.as_slice()
        else {
            return None;
        };
        let Message {
            content,
            refusal,
            reasoning_content,
            reasoning,
            reasoning_details: None,
            thinking_blocks: None,
            tool_calls,
            function_call: None,
            annotations: None,
            audio: None,
            images: None,
        } = delta
        else {
            return None;
        };
        let others = index.0.unwrap_or_default() != self.choice?;
        if others || !finish_reason.is_empty() || !refusal.is_empty() {
            return None;
        }
        let content = match content {
            Content::None => "",
            Content::Text(text) => text,
            Content::Parts(_) => return None,
        };
        let calls = tool_calls.as_deref().unwrap_or_default();
        let thought = (reasoning_content.as_str(), reasoning.as_str());
        match (content, thought, calls) {
            (text, ("", ""), []) if !text.is_empty() => {
                Some((More::Content, "content", Cow::Borrowed(text)))
            }
            ("", (text, ""), []) if !text.is_empty() => {
                Some((More::Reasoning, "reasoning_content", Cow::Borrowed(text)))
            }
            ("", ("", text), []) if !text.is_empty() => {
                Some((More::Reasoning, "reasoning", Cow::Borrowed(text)))
            }
            (
                "",
                ("", ""),
                [
                    Call {
                        index,
                        id,
                        function: Some(function),
                        custom: None,
                    },
                ],
            ) if id.is_empty() && function.name.is_empty() => {
                Some((More::Arguments(index.0), "arguments", function.arguments()))
            }
            _ => None,
        }
    }

    /// Reads a chunk that differs from the one before in its words only.
    fn more(&mut self, more: More, words: Cow<'_, str>, out: &mut EventSink) {
        match more {
            More::Content => self.text(&words, out),
            More::Reasoning if words.is_empty() => {}
            More::Reasoning => self.thought(Thought::Text(words), out),
            More::Arguments(index) => {
                let piece = Piece {
                    index,
                    id: "",
                    name: "",
                    kind: CallKind::Function,
                    arguments: &words,
                };
                self.calls.add(&piece, &self.id, out);
            }
        }
    }

    /// Tells what was held back.
    pub(in super::super) fn flush(&mut self, out: &mut EventSink) {
        self.think.finish(|split| tell(split, out));
        let sources = std::mem::take(&mut self.sources);
        if self.content && self.calls.is_empty() && !self.annotated {
            self.annotated |= !sources.is_empty();
            for source in sources {
                out.citation(source);
            }
        }
    }

    fn choose(&mut self, choice: &Choice<'_>, out: &mut EventSink) -> Result<(), Error> {
        if let Some(raw) = choice.usage {
            self.usage(raw, out);
        }
        match (&choice.delta, &choice.message) {
            (Some(delta), _) => self.message(delta, out),
            // A whole message in a stream counts only if nothing else was said: else it repeats.
            (None, Some(message)) if !self.content => self.message(message, out),
            (None, None) if !choice.text.is_empty() => self.text(choice.text.as_str(), out),
            _ => {}
        }
        if let Some(logprobs) = choice.logprobs {
            out.logprobs(logprobs.into());
        }
        let Some(mut stop) = finish::read(choice.finish_reason.as_str())? else {
            return Ok(());
        };
        self.flush(out);
        if let Some(sequence) = choice.stop_reason.filter(|raw| raw.get().starts_with('"')) {
            let sequence = string(sequence.get());
            if stop.reason == StopReason::EndTurn && !sequence.is_empty() {
                stop.reason = StopReason::StopSequence;
                stop.sequence = Some(sequence.into_owned());
            }
        }
        if self.refused && stop.reason == StopReason::EndTurn {
            stop.reason = StopReason::Refusal;
        }
        // Some say it twice, the second time less exactly.
        if !out.has_stopped() {
            out.stop(stop);
        }
        Ok(())
    }

    fn message(&mut self, message: &Message<'_>, out: &mut EventSink) {
        let mut thoughts = reasoning::read(message).into_iter().peekable();
        while let Some(thought) = thoughts.next() {
            // A gateway that learns the signature last says again what it is about.
            let again = matches!(&thought, Thought::Text(text) if !text.is_empty() && self.thinking.ends_with(&**text))
                && matches!(thoughts.peek(), Some(Thought::Signature(_)));
            if !again {
                self.thought(thought, out);
            }
        }
        match &message.content {
            Content::None => {}
            Content::Text(text) => self.text(text, out),
            Content::Parts(parts) => {
                for part in parts {
                    self.part(part, out);
                }
            }
        }
        if !message.refusal.is_empty() {
            self.refused = true;
            self.content = true;
            out.refusal(message.refusal.as_str());
        }
        if let Some(audio) = message.audio.filter(|raw| raw.get().len() > 2) {
            out.other(
                NAME,
                json::object(|o| {
                    o.field("type", "audio").field("audio", audio);
                }),
            );
        }
        for image in message.images.iter().flatten() {
            out.other(NAME, (*image).into());
        }
        self.calls(message, out);
        self.annotations(message, out);
    }

    fn text(&mut self, text: &str, out: &mut EventSink) {
        if !text.is_empty() {
            self.content = true;
            self.think.feed(text, |split| tell(split, out));
        }
    }

    fn thought(&mut self, thought: Thought<'_>, out: &mut EventSink) {
        self.think.disable();
        if std::mem::take(&mut self.signed) && matches!(thought, Thought::Text(_)) {
            out.close_block();
        }
        match thought {
            Thought::Text(text) => {
                self.thinking.push_str(&text);
                out.thinking(&text);
            }
            Thought::Signature(signature) => {
                self.signed = true;
                self.thinking.clear();
                out.signature(&signature);
            }
            Thought::Redacted(data) => out.redacted_thinking(&data),
            Thought::Other(json) => out.other(NAME, json),
        }
    }

    /// A part of a content list.
    fn part(&mut self, raw: &RawValue, out: &mut EventSink) {
        #[derive(Default, Deserialize)]
        struct Part<'a> {
            #[serde(borrow, default)]
            text: Text<'a>,
            #[serde(borrow, default)]
            refusal: Text<'a>,
            #[serde(borrow, default)]
            signature: Text<'a>,
            /// A text, or Mistral's list of texts.
            #[serde(borrow, default)]
            thinking: Content<'a>,
            /// Databricks' list of texts.
            #[serde(borrow, default)]
            summary: Content<'a>,
        }
        if raw.get().starts_with('"') {
            return self.text(&string(raw.get()), out);
        }
        let Ok(part) = serde_json::from_str::<Part<'_>>(raw.get()) else {
            return;
        };
        for thinking in [part.thinking, part.summary] {
            match thinking {
                Content::None => {}
                Content::Text(text) => self.thought(Thought::Text(text), out),
                Content::Parts(parts) => {
                    for raw in parts {
                        let inner: Part<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
                        self.thought(Thought::Text(inner.text.into_cow()), out);
                        if !inner.signature.is_empty() {
                            self.thought(Thought::Signature(inner.signature.into_cow()), out);
                        }
                    }
                }
            }
        }
        if !part.signature.is_empty() {
            self.thought(Thought::Signature(part.signature.into_cow()), out);
        }
        self.text(part.text.as_str(), out);
        if !part.refusal.is_empty() {
            self.refused = true;
            out.refusal(part.refusal.as_str());
        }
    }

    fn calls(&mut self, message: &Message<'_>, out: &mut EventSink) {
        if message
            .tool_calls
            .as_ref()
            .is_some_and(|calls| !calls.is_empty())
        {
            self.think.finish(|split| tell(split, out));
        }
        for call in message.tool_calls.iter().flatten() {
            self.content = true;
            let mut piece = Piece {
                index: call.index.0,
                id: call.id.as_str(),
                name: "",
                kind: CallKind::Function,
                arguments: "",
            };
            let arguments;
            if let Some(custom) = &call.custom {
                piece.kind = CallKind::Custom;
                piece.name = custom.name.as_str();
                piece.arguments = custom.input.as_str();
            } else if let Some(function) = &call.function {
                arguments = function.arguments();
                piece.name = function.name.as_str();
                piece.arguments = &arguments;
            }
            self.calls.add(&piece, &self.id, out);
        }
        if let Some(function) = &message.function_call {
            let arguments = function.arguments();
            // Some send an empty one with every message.
            if !function.name.is_empty() || !arguments.is_empty() {
                self.content = true;
                let piece = Piece {
                    index: Some(0),
                    id: "",
                    name: function.name.as_str(),
                    kind: CallKind::Function,
                    arguments: &arguments,
                };
                self.calls.add(&piece, &self.id, out);
            }
        }
    }

    fn annotations(&mut self, message: &Message<'_>, out: &mut EventSink) {
        let Some(list) = message.annotations else {
            return;
        };
        let list: Vec<&RawValue> = serde_json::from_str(list.get()).unwrap_or_default();
        for raw in list {
            if let Some(citation) = sources::citation(raw) {
                self.annotated = true;
                out.citation(citation);
            }
        }
    }

    fn usage(&mut self, raw: &RawValue, out: &mut EventSink) {
        if let Some(usage) = usage::read(raw) {
            self.told(usage, out);
        }
    }

    fn told(&mut self, usage: Usage, out: &mut EventSink) {
        // Some repeat the same figures with every chunk.
        if usage != self.usage {
            self.usage = usage;
            out.usage(&usage);
        }
    }
}

fn tell(split: Split<'_>, out: &mut EventSink) {
    match split {
        Split::Thinking(text) => out.thinking(text),
        Split::Text(text) => out.text(text),
    }
}
