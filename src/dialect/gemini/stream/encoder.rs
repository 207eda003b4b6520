//! Events, written for a caller: whole calls, one line a frame, nothing after the frame with `finishReason`.

use std::collections::VecDeque;

use super::super::{
    NAME,
    answer::IMAGES_DIALECT,
    parts::{self, Parts},
    response::{Head, foreign_thought, function_call, written_arguments},
    signature,
};
use crate::{
    Json,
    chat::{Block, ChatEvent, Citation, Delta, Stop, Thinking, ToolCall, Usage},
    dialect::{Asked, EventEncoder},
    wire::Frame,
};

/// Writes one stream.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    asked_model: String,
    created: u64,
    head: Option<Head>,
    open: Open,
    /// A signature that waits for the part it is on.
    proof: String,
    sources: Vec<Citation>,
    /// A call whose arguments do not parse: whether they were cut off only the end tells.
    broken: Vec<ToolCall>,
    usage: Option<Usage>,
}

#[derive(Debug)]
enum Open {
    None,
    Text,
    Thinking { signature: Option<String> },
    Call(ToolCall),
}

impl Encoder {
    pub(in super::super) fn new(asked: &Asked<'_>) -> Self {
        Self {
            asked_model: asked.model.to_owned(),
            created: asked.created,
            head: None,
            open: Open::None,
            proof: String::new(),
            sources: Vec::new(),
            broken: Vec::new(),
            usage: None,
        }
    }

    fn start(&mut self, id: &str, model: &str) {
        let asked = Asked::new(&self.asked_model, true, self.created);
        self.head
            .get_or_insert_with(|| Head::new(id, &asked, model));
    }

    fn send(&mut self, parts: Vec<Json>, out: &mut VecDeque<Frame>) {
        self.start("", "");
        if let Some(head) = &self.head
            && !parts.is_empty()
        {
            let chunk = head.chunk(parts, None, None);
            out.push_back(one_line(&chunk));
        }
    }

    /// A part that takes the waiting signature.
    fn signed(&mut self, build: impl FnOnce(&mut crate::json::ObjectWriter)) -> Vec<Json> {
        let mut parts = Parts::default();
        parts.sign(&std::mem::take(&mut self.proof));
        parts.push(build);
        parts.finish()
    }

    /// A signature nothing follows stands on an empty text.
    fn flush(&mut self, out: &mut VecDeque<Frame>) {
        if !self.proof.is_empty() {
            let parts = self.signed(|o| {
                o.field("text", "");
            });
            self.send(parts, out);
        }
    }

    fn begin(&mut self, block: Block, out: &mut VecDeque<Frame>) {
        self.open = match block {
            Block::Text | Block::Refusal => Open::Text,
            Block::Thinking => {
                self.flush(out);
                Open::Thinking { signature: None }
            }
            Block::RedactedThinking { data } => {
                self.flush(out);
                let thinking = Thinking {
                    redacted: Some(data),
                    ..Thinking::default()
                };
                let part = foreign_thought("", &signature::carried(&thinking));
                self.send(vec![part], out);
                Open::None
            }
            Block::ToolCall { id, name, kind } => Open::Call(ToolCall {
                kind,
                ..ToolCall::new(id, name, "")
            }),
            Block::Other { dialect, json } => {
                let part = match dialect {
                    NAME => Some(json),
                    IMAGES_DIALECT => parts::inline_image(&json),
                    _ => None,
                };
                self.send(part.into_iter().collect(), out);
                Open::None
            }
        };
    }

    fn delta(&mut self, delta: Delta, out: &mut VecDeque<Frame>) {
        match (delta, &mut self.open) {
            (Delta::Text(text), Open::Text) => {
                let parts = self.signed(|o| {
                    o.field("text", &text);
                });
                self.send(parts, out);
            }
            (Delta::Text(text), Open::Thinking { .. }) => {
                self.send(vec![parts::text(&text, true)], out);
            }
            (Delta::Arguments(more), Open::Call(call)) => call.arguments.push_str(&more),
            (Delta::Signature(new), Open::Thinking { signature }) => *signature = Some(new),
            (Delta::Citation(source), _) => self.sources.push(source),
            // The sink never pairs a delta with a block of another kind.
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut VecDeque<Frame>) {
        match std::mem::replace(&mut self.open, Open::None) {
            Open::None | Open::Text => {}
            Open::Thinking { signature } => {
                let thinking = Thinking {
                    signature,
                    ..Thinking::default()
                };
                match signature::own(&thinking) {
                    Some(proof) => self.proof = proof.to_owned(),
                    None => {
                        let part = foreign_thought("", &signature::carried(&thinking));
                        self.send(vec![part], out);
                    }
                }
            }
            Open::Call(call) => match parts::arguments(&call) {
                Some(arguments) => {
                    let written = function_call(&call.id, &call.name, &arguments);
                    let parts = self.signed(|o| {
                        o.field("functionCall", &written);
                    });
                    self.send(parts, out);
                }
                None => self.broken.push(call),
            },
        }
    }

    fn stop(&mut self, stop: &Stop, out: &mut VecDeque<Frame>) {
        for call in std::mem::take(&mut self.broken) {
            if let Some(arguments) = written_arguments(&call, stop) {
                let written = function_call(&call.id, &call.name, &arguments);
                let parts = self.signed(|o| {
                    o.field("functionCall", &written);
                });
                self.send(parts, out);
            }
        }
        // The vendor itself ends on an empty text, which holds the last signature.
        let parts = self.signed(|o| {
            o.field("text", "");
        });
        self.start("", "");
        if let Some(head) = &self.head {
            let chunk = head.chunk(parts, Some((stop, &self.sources)), self.usage.as_ref());
            out.push_back(one_line(&chunk));
        }
    }
}

impl EventEncoder for Encoder {
    fn encode(&mut self, event: ChatEvent, out: &mut VecDeque<Frame>) {
        match event {
            ChatEvent::Start { id, model } => self.start(&id, &model),
            ChatEvent::BlockStart { block, .. } => self.begin(block, out),
            ChatEvent::Delta { delta, .. } => self.delta(delta, out),
            ChatEvent::BlockStop { .. } => self.finish(out),
            ChatEvent::Usage(usage) => self.usage = Some(usage),
            ChatEvent::Stop(stop) => self.stop(&stop, out),
            ChatEvent::Logprobs(_) | ChatEvent::End => {}
        }
    }
}

/// Clients of this dialect read an event of one line only, and the arguments of calls may have been written in several.
fn one_line(chunk: &Json) -> Frame {
    let mut text = chunk.to_string();
    if text.contains(['\n', '\r']) {
        // Inside of JSON's texts there are none.
        text = text.replace(['\n', '\r'], " ");
    }
    Frame::new(None, text)
}
