//! The origin that a conversation names last: a reason to go there again.

use http::HeaderName;
use memchr::memmem;

use super::{MARK_LEN, Origin};
use crate::{
    chat::{ChatRequest, Content},
    request::ModelRequest,
};

/// The header that keeps a turn at one place.
const TURN_STATE: HeaderName = HeaderName::from_static("x-codex-turn-state");

/// Who made the latest opaque value of a call's conversation. A body without any is only searched.
pub(crate) fn latest(request: &ModelRequest) -> Option<Origin> {
    let header = request.headers.get(TURN_STATE);
    let header = header.and_then(|value| Origin::split(value.to_str().ok()?));
    if let Some((origin, _)) = header {
        return Some(origin);
    }
    let payload = &request.payload;
    let body = payload.bytes();
    if body.is_empty() {
        return payload.chat().ok().and_then(in_chat);
    }
    if !payload.may_hold_marks() {
        return None;
    }
    // Not at a quote only: another tag may stand before it.
    let plain = memmem::find_iter(body, b"tlo1.").filter_map(|at| {
        let mark = body.get(at..at + MARK_LEN)?;
        Some(Origin::split(str::from_utf8(mark).ok()?)?.0)
    });
    if let Some(origin) = plain.last() {
        return Some(origin);
    }
    // In some dialects what is carried is spelled in other characters.
    let carried: [&[u8]; 2] = [b"\"tl1.", b"\"746c312e"];
    let carries = carried
        .iter()
        .any(|prefix| memmem::find(body, prefix).is_some());
    carries.then(|| payload.chat().ok().and_then(in_chat))?
}

fn in_chat(chat: &ChatRequest) -> Option<Origin> {
    let parts = chat.messages.iter().flat_map(|message| &message.content);
    parts.rev().find_map(|part| match part {
        Content::Thinking(thinking) => {
            let values = [&thinking.signature, &thinking.redacted];
            values
                .into_iter()
                .flatten()
                .find_map(|value| in_value(value))
        }
        _ => None,
    })
}

/// The mark may stand after the tag of a dialect.
fn in_value(value: &str) -> Option<Origin> {
    let at = memmem::find(value.as_bytes(), b"tlo1.")?;
    Some(Origin::split(value.get(at..)?)?.0)
}
