//! Events, written for a caller.

use std::{collections::VecDeque, fmt::Write};

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use super::super::{
    NAME,
    response::{call_id, citation, message_id, written_usage},
    stop, thinking,
};
use crate::{
    Json,
    chat::{Block, CallKind, ChatEvent, Delta, Stop, Usage},
    dialect::{Asked, EventEncoder},
    json::{self, ObjectWriter},
    wire::Frame,
};

/// Writes one stream.
///
/// `message_start` waits for the first block or the stop: by then early usage may be known. Words of a refusal stand in
/// `stop_details`, not in a block, so blocks are numbered anew.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    /// As the caller spelled it; the vendor's name for it if the caller did not say.
    model: String,
    created: u64,
    id: String,
    started: bool,
    next_index: usize,
    open: Open,
    usage: Option<Usage>,
    refusal: String,
}

#[derive(Debug)]
enum Open {
    /// Nothing, or a block that is whole from its start.
    None,
    Text,
    /// Text of which nothing was said yet, with its sources: clients send blocks back, and the vendor refuses empty ones.
    Unsaid(Vec<Json>),
    /// A block that is not written as one.
    Unwritten,
    Thinking {
        signature: Option<String>,
    },
    Call,
    /// Free text inside a JSON string.
    Custom,
}

impl Encoder {
    pub(in super::super) fn new(asked: &Asked<'_>) -> Self {
        Self {
            model: asked.model.to_owned(),
            created: asked.created,
            id: String::new(),
            started: false,
            next_index: 0,
            open: Open::None,
            usage: None,
            refusal: String::new(),
        }
    }
}

impl EventEncoder for Encoder {
    fn encode(&mut self, event: ChatEvent, out: &mut VecDeque<Frame>) {
        match event {
            ChatEvent::Start { id, model } => {
                self.id = message_id(&id, self.created);
                if self.model.is_empty() {
                    self.model = model;
                }
            }
            ChatEvent::BlockStart { block, .. } => self.begin(block, out),
            ChatEvent::Delta { delta, .. } => self.delta(delta, out),
            ChatEvent::BlockStop { .. } => self.finish(out),
            ChatEvent::Logprobs(_) => {}
            ChatEvent::Usage(usage) => self.usage = Some(usage),
            ChatEvent::Stop(stop) => self.stop(&stop, out),
            ChatEvent::End => out.push_back(frame("message_stop", |_| {})),
        }
    }

    fn encode_more(&mut self, delta: &Delta, out: &mut BytesMut) -> bool {
        let (kind, name, text) = match (delta, &self.open) {
            (Delta::Text(text), Open::Text) => ("text_delta", "text", text),
            (Delta::Text(text), Open::Thinking { .. }) => ("thinking_delta", "thinking", text),
            (Delta::Arguments(text), Open::Call) => ("input_json_delta", "partial_json", text),
            _ => return false,
        };
        out.reserve(text.len() + 192);
        out.put_slice(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
        );
        let _ = write!(out, "{}", self.next_index);
        out.put_slice(b",\"delta\":{\"type\":\"");
        out.put_slice(kind.as_bytes());
        out.put_slice(b"\",\"");
        out.put_slice(name.as_bytes());
        out.put_slice(b"\":");
        json::put_text(out, text);
        out.put_slice(b"}}\n\n");
        true
    }
}

impl Encoder {
    fn start(&mut self, out: &mut VecDeque<Frame>) {
        if self.started {
            return;
        }
        self.started = true;
        if self.id.is_empty() {
            self.id = message_id("", self.created);
        }
        let message = json::object(|o| {
            o.field("id", &self.id)
                .field("type", "message")
                .field("role", "assistant")
                .field("model", &self.model)
                .array("content", [] as [Json; 0])
                .field("stop_reason", &None::<&str>)
                .field("stop_sequence", &None::<&str>)
                .field("usage", &written_usage(self.usage.as_ref()));
        });
        out.push_back(frame("message_start", |o| {
            o.field("message", &message);
        }));
    }

    fn begin(&mut self, block: Block, out: &mut VecDeque<Frame>) {
        self.start(out);
        let (open, json) = match block {
            Block::Text => {
                self.open = Open::Unsaid(Vec::new());
                return;
            }
            Block::Refusal => {
                self.open = Open::Unwritten;
                return;
            }
            Block::Thinking => (
                Open::Thinking { signature: None },
                json::object(|o| {
                    o.field("type", "thinking")
                        .field("thinking", "")
                        .field("signature", "");
                }),
            ),
            Block::RedactedThinking { data } => (
                Open::None,
                json::object(|o| {
                    o.field("type", "redacted_thinking").field("data", &data);
                }),
            ),
            Block::ToolCall { id, name, kind } => (
                match kind {
                    CallKind::Function => Open::Call,
                    CallKind::Custom => Open::Custom,
                },
                json::object(|o| {
                    o.field("type", "tool_use")
                        .field("id", &call_id(&id, &self.id, self.next_index))
                        .field("name", &name)
                        .field("input", &Json::empty_object());
                }),
            ),
            Block::Other { dialect, json } if dialect == NAME => (Open::None, json),
            Block::Other { .. } => {
                // It is whole: its stop follows at once and is left out too.
                self.open = Open::Unwritten;
                return;
            }
        };
        self.begun(&json, out);
        self.open = open;
        if matches!(self.open, Open::Custom) {
            self.arguments("{\"content\":\"", out);
        }
    }

    fn begun(&self, block: &Json, out: &mut VecDeque<Frame>) {
        out.push_back(frame("content_block_start", |o| {
            o.field("index", &self.next_index)
                .field("content_block", block);
        }));
    }

    /// The first words of a text are here.
    fn begin_text(&mut self, out: &mut VecDeque<Frame>) {
        let Open::Unsaid(sources) = std::mem::replace(&mut self.open, Open::Text) else {
            return;
        };
        let block = json::object(|o| {
            o.field("type", "text").field("text", "");
        });
        self.begun(&block, out);
        for source in &sources {
            self.block_delta("citations_delta", "citation", source, out);
        }
    }

    fn delta(&mut self, delta: Delta, out: &mut VecDeque<Frame>) {
        if matches!((&delta, &self.open), (Delta::Text(_), Open::Unsaid(_))) {
            self.begin_text(out);
        }
        match (delta, &mut self.open) {
            (Delta::Text(text), Open::Text) => {
                self.block_delta("text_delta", "text", &text, out);
            }
            (Delta::Text(text), Open::Thinking { .. }) => {
                self.block_delta("thinking_delta", "thinking", &text, out);
            }
            (Delta::Text(text), Open::Unwritten) => self.refusal.push_str(&text),
            (Delta::Arguments(text), Open::Call) => self.arguments(&text, out),
            (Delta::Arguments(text), Open::Custom) => {
                let quoted = serde_json::to_string(&text).unwrap_or_default();
                let inner = quoted
                    .strip_prefix('"')
                    .and_then(|q| q.strip_suffix('"'))
                    .unwrap_or_default();
                self.arguments(inner, out);
            }
            (Delta::Signature(new), Open::Thinking { signature }) => *signature = Some(new),
            (Delta::Citation(cited), Open::Unsaid(sources)) => {
                sources.extend(citation(&cited).map(|json| json.into_owned()));
            }
            (Delta::Citation(cited), Open::Text) => {
                if let Some(json) = citation(&cited) {
                    self.block_delta("citations_delta", "citation", &*json, out);
                }
            }
            // The sink never pairs a delta with a block of another kind.
            _ => {}
        }
    }

    fn arguments(&self, fragment: &str, out: &mut VecDeque<Frame>) {
        self.block_delta("input_json_delta", "partial_json", fragment, out);
    }

    fn block_delta<T: Serialize + ?Sized>(
        &self,
        kind: &str,
        name: &str,
        value: &T,
        out: &mut VecDeque<Frame>,
    ) {
        let delta = json::object(|o| {
            o.field("type", kind).field(name, value);
        });
        out.push_back(frame("content_block_delta", |o| {
            o.field("index", &self.next_index).field("delta", &delta);
        }));
    }

    fn finish(&mut self, out: &mut VecDeque<Frame>) {
        match std::mem::replace(&mut self.open, Open::None) {
            Open::Unwritten | Open::Unsaid(_) => return,
            Open::Thinking { signature } => {
                // Clients send the block back: it must say whose it is.
                let signature = thinking::signature(signature.as_deref(), None);
                self.block_delta("signature_delta", "signature", &*signature, out);
            }
            Open::Custom => self.arguments("\"}", out),
            Open::None | Open::Text | Open::Call => {}
        }
        out.push_back(frame("content_block_stop", |o| {
            o.field("index", &self.next_index);
        }));
        self.next_index += 1;
    }

    fn stop(&mut self, stop: &Stop, out: &mut VecDeque<Frame>) {
        self.start(out);
        let delta = json::object(|o| {
            o.field("stop_reason", stop::name(stop, !self.refusal.is_empty()))
                .field("stop_sequence", &stop.sequence)
                .optional("stop_details", stop::details(stop, &self.refusal));
        });
        out.push_back(frame("message_delta", |o| {
            o.field("delta", &delta)
                .field("usage", &written_usage(self.usage.as_ref()));
        }));
    }
}

/// Clients pass over a frame without a name.
fn frame(kind: &'static str, build: impl FnOnce(&mut ObjectWriter)) -> Frame {
    let mut out = ObjectWriter::new();
    out.field("type", kind);
    build(&mut out);
    Frame::new(Some(kind), out.finish())
}
