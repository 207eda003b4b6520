//! Events into chunks, in the order OpenAI sends them.

use std::collections::VecDeque;

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use super::super::{NAME, finish, reasoning, response, usage};
use crate::{
    chat::{Block, CallKind, ChatEvent, Citation, Delta, Stop, StopReason, Usage},
    dialect::{Asked, EventEncoder, gemini},
    json::{self, Json, ObjectWriter},
    wire::Frame,
};

/// Writes the chunks of one stream.
#[derive(Debug)]
pub(in super::super) struct Encoder {
    asked_model: String,
    created: u64,
    include_usage: bool,
    /// What stands before the delta in every chunk.
    head: Vec<u8>,
    open: Open,
    /// Calls so far.
    calls: usize,
    /// Items of `reasoning_details` so far.
    details: usize,
    /// The text of the thinking block, which its signature is about.
    thinking: String,
    signature: Option<String>,
    /// A signature of Gemini's for what comes next.
    gemini: Option<String>,
    /// Characters of text so far, and where the open block began.
    chars: u64,
    block_start: u64,
    spoke: bool,
    usage: Option<Usage>,
}

/// What is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Refusal,
    Call(CallKind),
}

impl Encoder {
    pub(in super::super) fn new(asked: &Asked<'_>) -> Self {
        Self {
            asked_model: asked.model.to_owned(),
            created: asked.created,
            include_usage: asked.include_usage,
            head: Vec::new(),
            open: Open::Text,
            calls: 0,
            details: 0,
            thinking: String::new(),
            signature: None,
            gemini: None,
            chars: 0,
            block_start: 0,
            spoke: false,
            usage: None,
        }
    }

    fn start(&mut self, id: &str, model: &str, out: &mut VecDeque<Frame>) {
        let model = response::model_name(&self.asked_model, model);
        let mut head = ObjectWriter::new();
        head.field("id", &*response::id(id, self.created))
            .field("object", "chat.completion.chunk")
            .field("created", &self.created)
            .field("model", model);
        self.head = head.finish();
        self.head.pop();
        self.delta(out, |o| {
            o.field("role", "assistant")
                .field("content", "")
                .field("refusal", &None::<&str>);
        });
    }

    /// A chunk with this delta.
    fn delta(&self, out: &mut VecDeque<Frame>, build: impl FnOnce(&mut ObjectWriter)) {
        let mut delta = ObjectWriter::new();
        build(&mut delta);
        self.chunk(&delta.finish(), None, None, out);
    }

    fn chunk(
        &self,
        delta: &[u8],
        logprobs: Option<&Json>,
        stop: Option<&Stop>,
        out: &mut VecDeque<Frame>,
    ) {
        let mut chunk = Vec::with_capacity(self.head.len() + delta.len() + 96);
        chunk.extend_from_slice(&self.head);
        chunk.extend_from_slice(b",\"choices\":[{\"index\":0,\"delta\":");
        chunk.extend_from_slice(delta);
        chunk.extend_from_slice(b",\"logprobs\":");
        chunk.extend_from_slice(logprobs.map_or("null", Json::as_str).as_bytes());
        chunk.extend_from_slice(b",\"finish_reason\":");
        match stop {
            None => chunk.extend_from_slice(b"null"),
            Some(stop) => {
                chunk.push(b'"');
                chunk.extend_from_slice(finish::word(stop.reason).as_bytes());
                chunk.push(b'"');
                let extras = response::stop_extras(stop);
                if let Some(members) = extras.as_str().strip_prefix('{').filter(|m| *m != "}") {
                    chunk.push(b',');
                    chunk.extend_from_slice(members.trim_end_matches('}').as_bytes());
                }
            }
        }
        chunk.extend_from_slice(b"}]");
        if self.include_usage {
            chunk.extend_from_slice(b",\"usage\":null");
        }
        chunk.push(b'}');
        out.push_back(Frame::new(None, chunk));
    }

    /// A chunk whose delta is `before`, this text and `after`: the same bytes as of any other, without all that others may have.
    fn put_words(&self, out: &mut BytesMut, before: &str, text: &str, after: &str) {
        out.reserve(self.head.len() + before.len() + text.len() + after.len() + 128);
        out.put_slice(b"data: ");
        out.put_slice(&self.head);
        out.put_slice(b",\"choices\":[{\"index\":0,\"delta\":{\"");
        out.put_slice(before.as_bytes());
        json::put_text(out, text);
        out.put_slice(after.as_bytes());
        out.put_slice(b"},\"logprobs\":null,\"finish_reason\":null}]");
        if self.include_usage {
            out.put_slice(b",\"usage\":null");
        }
        out.put_slice(b"}\n\n");
    }

    fn open(&mut self, block: Block, out: &mut VecDeque<Frame>) {
        match block {
            Block::Text => {
                self.open = Open::Text;
                self.block_start = self.chars;
            }
            Block::Refusal => self.open = Open::Refusal,
            Block::Thinking => {
                self.open = Open::Thinking;
                self.thinking.clear();
                self.signature = None;
            }
            Block::RedactedThinking { data } => {
                let detail = reasoning::encrypted(&data, self.details);
                self.detail(&detail, out);
            }
            Block::ToolCall { id, name, kind } => {
                self.open = Open::Call(kind);
                let (member, text) = call_members(kind);
                let index = self.calls;
                self.calls += 1;
                let extra = self.gemini.take().map(|s| reasoning::gemini_extra(&s));
                let call = json::object(|o| {
                    o.field("index", &index)
                        .field("id", &id)
                        .field("type", member)
                        .field(
                            member,
                            &json::object(|o| {
                                o.field("name", &name).field(text, "");
                            }),
                        )
                        .optional("extra_content", extra);
                });
                self.delta(out, |o| {
                    o.array("tool_calls", [call]);
                });
            }
            Block::Other { dialect, json } => {
                if dialect == NAME {
                    self.other(&json, out);
                }
            }
        }
    }

    fn grow(&mut self, delta: Delta, out: &mut VecDeque<Frame>) {
        match delta {
            Delta::Text(text) => match self.open {
                Open::Thinking => {
                    self.member("reasoning_content", &text, out);
                    self.thinking.push_str(&text);
                }
                Open::Refusal => {
                    self.spoke = true;
                    self.member("refusal", &text, out);
                }
                Open::Text | Open::Call(_) => {
                    self.spoke = true;
                    self.chars = self.chars.saturating_add(length(&text));
                    self.member("content", &text, out);
                }
            },
            Delta::Arguments(text) => {
                let Open::Call(kind) = self.open else {
                    return;
                };
                let (member, name) = call_members(kind);
                let call = json::object(|o| {
                    o.field("index", &self.calls.saturating_sub(1)).field(
                        member,
                        &json::object(|o| {
                            o.field(name, &text);
                        }),
                    );
                });
                self.delta(out, |o| {
                    o.array("tool_calls", [call]);
                });
            }
            Delta::Signature(signature) => self.signature = Some(signature),
            Delta::Citation(citation) => {
                if let Some(annotation) = annotation(&citation, (self.block_start, self.chars)) {
                    self.delta(out, |o| {
                        o.array("annotations", [annotation]);
                    });
                }
            }
        }
    }

    /// The block is whole: a signature goes out once, with all that it is about.
    fn close(&mut self, out: &mut VecDeque<Frame>) {
        let signature = self.signature.take();
        let own = signature.as_deref().and_then(gemini::signature::untagged);
        self.gemini = own
            .filter(|own| !own.is_empty())
            .map(str::to_owned)
            .or(self.gemini.take());
        let signature = signature.filter(|s| gemini::signature::untagged(s).is_none());
        let detail = signature.and_then(|s| reasoning::carried(&self.thinking, &s, self.details));
        if let Some(detail) = detail {
            self.detail(&detail, out);
        }
    }

    fn detail(&mut self, detail: &Json, out: &mut VecDeque<Frame>) {
        self.details += 1;
        self.member_list("reasoning_details", detail, out);
    }

    fn other(&mut self, part: &Json, out: &mut VecDeque<Frame>) {
        match part_slot(part) {
            Some(Slot::Detail) => self.detail(part, out),
            Some(Slot::Image) => self.member_list("images", part, out),
            Some(Slot::Audio(audio)) => self.delta(out, |o| {
                o.field("audio", &audio);
            }),
            None => {}
        }
    }

    fn member<T: Serialize + ?Sized>(&self, name: &str, value: &T, out: &mut VecDeque<Frame>) {
        self.delta(out, |o| {
            o.field(name, value);
        });
    }

    fn member_list(&self, name: &str, item: &Json, out: &mut VecDeque<Frame>) {
        self.delta(out, |o| {
            o.array(name, [item]);
        });
    }

    fn stop(&mut self, stop: &Stop, out: &mut VecDeque<Frame>) {
        if stop.reason == StopReason::Refusal
            && !self.spoke
            && let Some(explanation) = response::explanation(stop)
        {
            self.member("refusal", &explanation, out);
        }
        // Nothing to call came after it: it is the message's.
        if let Some(signature) = self.gemini.take() {
            self.member("extra_content", &reasoning::gemini_extra(&signature), out);
        }
        self.chunk(b"{}", None, Some(stop), out);
    }

    fn end(&self, out: &mut VecDeque<Frame>) {
        if let Some(usage) = self.usage.filter(|_| self.include_usage) {
            let mut chunk = self.head.clone();
            chunk.extend_from_slice(b",\"choices\":[],\"usage\":");
            chunk.extend_from_slice(usage::write(&usage).as_str().as_bytes());
            chunk.push(b'}');
            out.push_back(Frame::new(None, chunk));
        }
        out.push_back(Frame::new(None, "[DONE]"));
    }
}

impl EventEncoder for Encoder {
    fn encode(&mut self, event: ChatEvent, out: &mut VecDeque<Frame>) {
        if self.head.is_empty() && !matches!(event, ChatEvent::Start { .. } | ChatEvent::Usage(_)) {
            self.start("", "", out);
        }
        match event {
            ChatEvent::Start { id, model } => self.start(&id, &model, out),
            ChatEvent::BlockStart { block, .. } => self.open(block, out),
            ChatEvent::Delta { delta, .. } => self.grow(delta, out),
            ChatEvent::BlockStop { .. } => self.close(out),
            ChatEvent::Logprobs(logprobs) => self.chunk(b"{}", Some(&logprobs), None, out),
            ChatEvent::Usage(usage) => self.usage = Some(usage),
            ChatEvent::Stop(stop) => self.stop(&stop, out),
            ChatEvent::End => self.end(out),
        }
    }

    fn encode_more(&mut self, delta: &Delta, out: &mut BytesMut) -> bool {
        match (delta, self.open) {
            (Delta::Text(text), Open::Thinking) => {
                self.put_words(out, "reasoning_content\":", text, "");
                self.thinking.push_str(text);
            }
            (Delta::Text(text), Open::Refusal) => self.put_words(out, "refusal\":", text, ""),
            (Delta::Text(text), Open::Text | Open::Call(_)) => {
                self.chars = self.chars.saturating_add(length(text));
                self.put_words(out, "content\":", text, "");
            }
            (Delta::Arguments(text), Open::Call(kind)) => {
                let (member, name) = call_members(kind);
                let at = self.calls.saturating_sub(1);
                let before = format!("tool_calls\":[{{\"index\":{at},\"{member}\":{{\"{name}\":");
                self.put_words(out, &before, text, "}}]");
            }
            _ => return false,
        }
        true
    }
}

/// Where a part that only this dialect knows stands in a message.
pub(in super::super) enum Slot {
    /// An item of `reasoning_details`.
    Detail,
    /// An item of `images`.
    Image,
    /// The member `audio`.
    Audio(Json),
}

pub(in super::super) fn part_slot(part: &Json) -> Option<Slot> {
    let kind = reasoning::kind(part);
    if kind.starts_with("reasoning.") {
        return Some(Slot::Detail);
    }
    match kind.as_str() {
        "image_url" => Some(Slot::Image),
        "audio" => {
            let value = json::Value::root(part.as_str().as_bytes()).ok()?;
            let audio = value.object().ok()?.take_raw("audio")?;
            Some(Slot::Audio(audio.into()))
        }
        _ => None,
    }
}

/// The annotation for a citation of `span`; none if it has no address.
pub(in super::super) fn annotation(citation: &Citation, span: (u64, u64)) -> Option<Json> {
    if let Some((NAME, raw)) = &citation.raw {
        return Some(raw.clone());
    }
    let url = citation.url.as_deref()?;
    let (start, end) = citation.range.unwrap_or(span);
    let cited = json::object(|o| {
        o.field("start_index", &start)
            .field("end_index", &end)
            .field("title", citation.title.as_deref().unwrap_or(url))
            .field("url", url);
    });
    Some(json::object(|o| {
        o.field("type", "url_citation")
            .field("url_citation", &cited);
    }))
}

/// The member of a call, and the member of that which holds its text.
fn call_members(kind: CallKind) -> (&'static str, &'static str) {
    match kind {
        CallKind::Function => ("function", "arguments"),
        CallKind::Custom => ("custom", "input"),
    }
}

/// In characters.
pub(in super::super) fn length(text: &str) -> u64 {
    u64::try_from(text.chars().count()).unwrap_or(u64::MAX)
}
