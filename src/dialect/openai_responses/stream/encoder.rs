//! Events into a caller's events, in the order OpenAI sends them.

use std::{collections::VecDeque, fmt::Write};

use bytes::{BufMut, BytesMut};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    super::{
        NAME,
        response::{self, Body, Head},
    },
    items::{Call, Item, Message, Part, Reasoning},
};
use crate::{
    chat::{Block, ChatEvent, Delta, Stop, StopReason, Thinking, Usage},
    dialect::{Asked, EventEncoder, openai_chat},
    json::{self, Json, ObjectWriter},
    wire::Frame,
};

/// Writes the events of one stream.
///
/// An item stays open until the next one begins or the answer stops: only then is it known whether it is complete, and whether a
/// message has a further part.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    model: String,
    created: u64,
    /// Empty until the answer has begun.
    id: String,
    /// What is in the ids of all items: they must differ from those of other answers, and be the same when told again.
    stem: String,
    sequence: u64,
    /// The items that are done.
    output: Vec<Json>,
    open: Option<Item>,
    usage: Option<Usage>,
    incomplete: Option<&'static str>,
    spoke: bool,
}

impl Encoder {
    pub(in super::super) fn new(asked: &Asked<'_>) -> Self {
        Self {
            model: asked.model.to_owned(),
            created: asked.created,
            id: String::new(),
            stem: String::new(),
            sequence: 0,
            output: Vec::new(),
            open: None,
            usage: None,
            incomplete: None,
            spoke: false,
        }
    }

    fn start(&mut self, id: &str, model: &str, out: &mut VecDeque<Frame>) {
        if self.model.is_empty() {
            self.model.push_str(model);
        }
        self.id = response::id(id, self.created).into_owned();
        for byte in Sha256::digest(self.id.as_bytes()).iter().take(12) {
            // Writing to a String cannot fail.
            let _ = write!(self.stem, "{byte:02x}");
        }
        let begun = self.head().with("in_progress", &Body::default());
        for kind in ["response.created", "response.in_progress"] {
            self.event(kind, out, |o| {
                o.field("response", &begun);
            });
        }
    }

    fn head(&self) -> Head<'_> {
        Head {
            id: &self.id,
            created: self.created,
            model: &self.model,
        }
    }

    /// The answer as it stands at its end.
    pub(in super::super) fn answer(&self, tier: Option<&str>, metadata: Option<&Json>) -> Json {
        let status = match self.incomplete {
            Some(_) => "incomplete",
            None => "completed",
        };
        let body = Body {
            output: &self.output,
            usage: self.usage.as_ref(),
            error: None,
            incomplete: self.incomplete,
            tier,
            metadata,
        };
        self.head().with(status, &body)
    }

    /// Clients pass over a frame without a name.
    fn event(
        &mut self,
        kind: &str,
        out: &mut VecDeque<Frame>,
        build: impl FnOnce(&mut ObjectWriter),
    ) {
        let mut data = ObjectWriter::new();
        data.field("type", kind)
            .field("sequence_number", &self.sequence);
        self.sequence += 1;
        build(&mut data);
        out.push_back(Frame::new(Some(kind), data.finish()));
    }

    /// An event of the open item; `inner` is the number of a part, under the name it has there.
    fn of_item(
        &mut self,
        kind: &str,
        id: &str,
        inner: Option<(&str, usize)>,
        out: &mut VecDeque<Frame>,
        build: impl FnOnce(&mut ObjectWriter),
    ) {
        let at = self.output.len();
        self.event(kind, out, |o| {
            o.field("item_id", id).field("output_index", &at);
            if let Some((name, number)) = inner {
                o.field(name, &number);
            }
            build(o);
        });
    }

    fn item_event(&mut self, kind: &str, item: &Json, out: &mut VecDeque<Frame>) {
        let at = self.output.len();
        self.event(kind, out, |o| {
            o.field("output_index", &at).field("item", item);
        });
    }

    fn new_id(&self, prefix: &str) -> String {
        format!("{prefix}_{}_{}", self.stem, self.output.len())
    }

    fn begin(&mut self, block: Block, out: &mut VecDeque<Frame>) {
        let item = match block {
            Block::Text | Block::Refusal => return self.part(block == Block::Refusal, out),
            Block::Thinking => {
                self.close(false, out);
                Item::Reasoning(Reasoning::new(self.new_id("rs"), Thinking::default()))
            }
            Block::RedactedThinking { data } => {
                self.close(false, out);
                let thinking = Thinking {
                    redacted: Some(data),
                    ..Thinking::default()
                };
                Item::Reasoning(Reasoning::new(self.new_id("rs"), thinking))
            }
            Block::ToolCall { id, name, kind } => {
                self.close(false, out);
                let prefix = Call::prefix(kind);
                Item::Call(Call::new(self.new_id(prefix), id, name, kind))
            }
            Block::Other {
                dialect: NAME,
                json,
            } => {
                self.close(false, out);
                self.item_event("response.output_item.added", &json, out);
                self.item_event("response.output_item.done", &json, out);
                self.output.push(json);
                return;
            }
            Block::Other { .. } => return,
        };
        self.item_event("response.output_item.added", &item.begun(), out);
        self.open = Some(item);
    }

    /// A part of a message begins: of the open one, or of a new one.
    fn part(&mut self, refusal: bool, out: &mut VecDeque<Frame>) {
        if !matches!(self.open, Some(Item::Message(_))) {
            self.close(false, out);
            let item = Item::Message(Message::new(self.new_id("msg")));
            self.item_event("response.output_item.added", &item.begun(), out);
            self.open = Some(item);
        }
        self.close_part(out);
        let Some(Item::Message(message)) = &mut self.open else {
            return;
        };
        let part = Part::new(refusal);
        let (id, at, json) = (message.id.clone(), message.parts.len(), part.json());
        message.part = Some(part);
        let inner = Some(("content_index", at));
        self.of_item("response.content_part.added", &id, inner, out, |o| {
            o.field("part", &json);
        });
    }

    fn close_part(&mut self, out: &mut VecDeque<Frame>) {
        let Some(Item::Message(message)) = &mut self.open else {
            return;
        };
        let Some(part) = message.part.take() else {
            return;
        };
        let (id, at, json) = (message.id.clone(), message.parts.len(), part.json());
        message.parts.push(json.clone());
        let inner = Some(("content_index", at));
        if part.refusal {
            self.of_item("response.refusal.done", &id, inner, out, |o| {
                o.field("refusal", &part.text);
            });
        } else {
            self.of_item("response.output_text.done", &id, inner, out, |o| {
                o.field("text", &part.text)
                    .array("logprobs", &part.logprobs);
            });
        }
        self.of_item("response.content_part.done", &id, inner, out, |o| {
            o.field("part", &json);
        });
    }

    fn grow(&mut self, delta: Delta, out: &mut VecDeque<Frame>) {
        let Some(item) = &mut self.open else {
            return;
        };
        match (item, delta) {
            (Item::Message(message), Delta::Text(text)) => {
                let at = message.parts.len();
                let Some(part) = &mut message.part else {
                    return;
                };
                part.text.push_str(&text);
                self.spoke = true;
                let (id, refusal) = (message.id.clone(), part.refusal);
                let inner = Some(("content_index", at));
                if refusal {
                    self.delta("response.refusal.delta", &id, inner, &text, out, |_| {});
                } else {
                    self.delta("response.output_text.delta", &id, inner, &text, out, |o| {
                        o.array("logprobs", [] as [Json; 0]);
                    });
                }
            }
            (Item::Message(message), Delta::Citation(citation)) => {
                let at = message.parts.len();
                let Some((number, json)) = message
                    .part
                    .as_mut()
                    .and_then(|part| part.annotate(&citation))
                else {
                    return;
                };
                let id = message.id.clone();
                let inner = Some(("content_index", at));
                self.of_item(
                    "response.output_text.annotation.added",
                    &id,
                    inner,
                    out,
                    |o| {
                        o.field("annotation_index", &number)
                            .field("annotation", &json);
                    },
                );
            }
            (Item::Reasoning(reasoning), Delta::Text(text)) => {
                let first = reasoning.thinking.text.is_empty();
                reasoning.thinking.text.push_str(&text);
                let id = reasoning.id.clone();
                let inner = Some(("summary_index", 0));
                if first {
                    let part = Reasoning::part("");
                    self.of_item(
                        "response.reasoning_summary_part.added",
                        &id,
                        inner,
                        out,
                        |o| {
                            o.field("part", &part);
                        },
                    );
                }
                self.delta(
                    "response.reasoning_summary_text.delta",
                    &id,
                    inner,
                    &text,
                    out,
                    |_| {},
                );
            }
            (Item::Reasoning(reasoning), Delta::Signature(signature)) => {
                reasoning.thinking.signature = Some(signature);
            }
            (Item::Call(call), Delta::Arguments(text)) => {
                call.arguments.push_str(&text);
                let (id, kind) = (call.id.clone(), call.delta_event());
                self.delta(kind, &id, None, &text, out, |_| {});
            }
            // The sink never pairs a delta with a block of another kind.
            _ => {}
        }
    }

    fn delta<T: Serialize + ?Sized>(
        &mut self,
        kind: &str,
        id: &str,
        inner: Option<(&str, usize)>,
        delta: &T,
        out: &mut VecDeque<Frame>,
        more: impl FnOnce(&mut ObjectWriter),
    ) {
        self.of_item(kind, id, inner, out, |o| {
            o.field("delta", delta);
            more(o);
        });
    }

    /// Ends the open item.
    fn close(&mut self, cut: bool, out: &mut VecDeque<Frame>) {
        self.close_part(out);
        let Some(item) = self.open.take() else {
            return;
        };
        match &item {
            Item::Message(_) => {}
            Item::Reasoning(reasoning) if reasoning.thinking.text.is_empty() => {}
            Item::Reasoning(reasoning) => {
                let text = reasoning.thinking.text.as_str();
                let part = Reasoning::part(text);
                let inner = Some(("summary_index", 0));
                let id = &reasoning.id;
                self.of_item(
                    "response.reasoning_summary_text.done",
                    id,
                    inner,
                    out,
                    |o| {
                        o.field("text", text);
                    },
                );
                self.of_item(
                    "response.reasoning_summary_part.done",
                    id,
                    inner,
                    out,
                    |o| {
                        o.field("part", &part);
                    },
                );
            }
            Item::Call(call) => {
                let (kind, member) = call.done_event();
                self.of_item(kind, &call.id, None, out, |o| {
                    o.field(member, &call.arguments);
                    if member == "arguments" {
                        o.field("name", call.short_name());
                    }
                });
            }
        }
        let done = item.done(cut);
        self.item_event("response.output_item.done", &done, out);
        self.output.push(done);
    }

    fn stop(&mut self, stop: &Stop, out: &mut VecDeque<Frame>) {
        self.incomplete = response::incomplete(stop);
        if stop.reason == StopReason::Refusal
            && !self.spoke
            && let Some(explanation) = openai_chat::response::explanation(stop)
        {
            self.part(true, out);
            self.grow(Delta::Text(explanation), out);
        }
        self.close(self.incomplete == Some("max_output_tokens"), out);
    }

    fn end(&mut self, out: &mut VecDeque<Frame>) {
        self.close(false, out);
        let answer = self.answer(None, None);
        let kind = match self.incomplete {
            Some(_) => "response.incomplete",
            None => "response.completed",
        };
        self.event(kind, out, |o| {
            o.field("response", &answer);
        });
    }
}

impl EventEncoder for Encoder {
    fn encode(&mut self, event: ChatEvent, out: &mut VecDeque<Frame>) {
        if self.id.is_empty() && !matches!(event, ChatEvent::Start { .. } | ChatEvent::Usage(_)) {
            self.start("", "", out);
        }
        match event {
            ChatEvent::Start { id, model } => self.start(&id, &model, out),
            ChatEvent::BlockStart { block, .. } => self.begin(block, out),
            ChatEvent::Delta { delta, .. } => self.grow(delta, out),
            ChatEvent::BlockStop { .. } => {}
            ChatEvent::Logprobs(logprobs) => {
                if let Some(Item::Message(message)) = &mut self.open {
                    message.logprobs(&logprobs);
                }
            }
            ChatEvent::Usage(usage) => self.usage = Some(usage),
            ChatEvent::Stop(stop) => self.stop(&stop, out),
            ChatEvent::End => self.end(out),
        }
    }

    fn encode_more(&mut self, delta: &Delta, out: &mut BytesMut) -> bool {
        let (kind, id, inner, text, after) = match (&mut self.open, delta) {
            (Some(Item::Message(message)), Delta::Text(text)) => {
                let at = message.parts.len();
                let Some(part) = &mut message.part else {
                    return false;
                };
                part.text.push_str(text);
                let (kind, after) = match part.refusal {
                    true => ("response.refusal.delta", ""),
                    false => ("response.output_text.delta", ",\"logprobs\":[]"),
                };
                (kind, &message.id, Some(("content_index", at)), text, after)
            }
            (Some(Item::Reasoning(reasoning)), Delta::Text(text)) => {
                reasoning.thinking.text.push_str(text);
                let kind = "response.reasoning_summary_text.delta";
                (kind, &reasoning.id, Some(("summary_index", 0)), text, "")
            }
            (Some(Item::Call(call)), Delta::Arguments(text)) => {
                call.arguments.push_str(text);
                (call.delta_event(), &call.id, None, text, "")
            }
            _ => return false,
        };
        out.reserve(text.len() + id.len() + 256);
        let (sequence, at) = (self.sequence, self.output.len());
        self.sequence += 1;
        // Writing to memory cannot fail.
        let _ = write!(
            out,
            "event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{sequence},\"item_id\":"
        );
        json::put_text(out, id);
        let _ = write!(out, ",\"output_index\":{at}");
        if let Some((name, number)) = inner {
            let _ = write!(out, ",\"{name}\":{number}");
        }
        out.put_slice(b",\"delta\":");
        json::put_text(out, text);
        out.put_slice(after.as_bytes());
        out.put_slice(b"}\n\n");
        true
    }
}
