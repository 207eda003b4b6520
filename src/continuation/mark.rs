//! How a caller is told that an answer was continued, and what it cost.

use std::sync::Arc;

use crate::{
    chat::Usage,
    json::{self, Json, ObjectWriter},
    response::Served,
    wire::Frame,
};

/// Who said a part of the answer, and what that cost.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) served: Arc<Served>,
    pub(super) usage: Option<Usage>,
}

/// What all parts cost together; none if nobody said.
pub(super) fn total(parts: &[Part], present: Option<Usage>) -> Option<Usage> {
    let usages = parts.iter().filter_map(|part| part.usage);
    usages.chain(present).reduce(sum)
}

fn sum(a: Usage, b: Usage) -> Usage {
    let add = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    };
    Usage {
        input: add(a.input, b.input),
        cache_read: add(a.cache_read, b.cache_read),
        cache_write: add(a.cache_write, b.cache_write),
        cache_write_long: add(a.cache_write_long, b.cache_write_long),
        output: add(a.output, b.output),
        reasoning: add(a.reasoning, b.reasoning),
        audio_input: add(a.audio_input, b.audio_input),
        audio_output: add(a.audio_output, b.audio_output),
    }
}

/// Is this a frame that tells how the answer ends?
pub(super) fn is_last_word(frame: &Frame) -> bool {
    match frame.name() {
        Some(name) => matches!(
            name,
            "message_delta" | "response.completed" | "response.incomplete"
        ),
        None => ["\"finish_reason\":\"", "\"finishReason\":"]
            .iter()
            .any(|member| memchr::memmem::find(frame.data(), member.as_bytes()).is_some()),
    }
}

/// The frame with one more member, which says who has told what.
pub(super) fn marked(frame: &Frame, parts: &[Part], last: &Part) -> Option<Frame> {
    let head = frame.data().trim_ascii_end().strip_suffix(b"}")?;
    let attempts = parts.iter().chain([last]).map(attempt);
    let mark = json::object(|o| {
        o.field("continued", &parts.len())
            .array("attempts", attempts);
    });
    let mut data = head.to_vec();
    data.extend_from_slice(b",\"trunkline\":");
    data.extend_from_slice(mark.as_str().as_bytes());
    data.push(b'}');
    Some(Frame::new(frame.name(), data))
}

fn attempt(part: &Part) -> Json {
    let usage = part.usage.unwrap_or_default();
    json::object(|o: &mut ObjectWriter| {
        o.field("provider", &*part.served.provider)
            .field("account", &*part.served.account)
            .field("model", &*part.served.model)
            .optional("input_tokens", usage.total_input())
            .optional("output_tokens", usage.total_output());
    })
}
