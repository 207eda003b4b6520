//! Which calls can be continued, and how the rest of an answer is asked for.

use crate::{
    chat::{ChatRequest, Content, Message, ResponseFormat, Role, ToolChoice},
    error::{Error, ErrorKind},
    request::{ModelRequest, Operation, Payload},
};

/// May its answer be continued, as far as can be told without reading the conversation?
pub(super) fn may_continue(request: &ModelRequest) -> bool {
    request.operation == Operation::Chat
        && request.payload.wants_stream()
        // What one account keeps, nobody else has.
        && request.pin.is_none()
        // The caller may continue things in process; one layer is enough.
        && !request.continues
}

/// Is this a break that somebody else need not repeat?
pub(super) fn is_worth(error: &Error) -> bool {
    error.kind() == ErrorKind::StreamBroken
        && error.code() != Some("total_timeout")
        && error.vendor_status().is_none_or(|status| {
            // A refusal or a fault of the caller's keeps its status when it comes late.
            !status.is_client_error() || matches!(status.as_u16(), 408 | 429)
        })
}

/// The call for the rest of an answer of which `text` has come, which does not end in white space. None if it cannot be continued.
pub(super) fn for_the_rest(request: &ModelRequest, text: &str) -> Option<ModelRequest> {
    let chat = request.payload.chat().ok()?;
    if text.is_empty() || !is_plain(chat) {
        return None;
    }
    let mut chat = chat.clone();
    // What was thought is over, and many refuse to begin a thinking model's answer for it.
    chat.reasoning = None;
    chat.stream = true;
    chat.include_usage = true;
    // About four bytes are a token: an answer that was limited stays so.
    let used = text.len() as u64 / 4;
    chat.max_tokens = chat.max_tokens.map(|most| most.saturating_sub(used).max(1));
    append(&mut chat.messages, text);
    let mut rest = request.clone();
    rest.payload = Payload::from_chat(chat);
    rest.continues = true;
    Some(rest)
}

/// Is one text asked for, and nothing that has to be whole?
fn is_plain(chat: &ChatRequest) -> bool {
    chat.n.is_none_or(|n| n <= 1)
        && chat.logprobs != Some(true)
        && matches!(chat.response_format, None | Some(ResponseFormat::Text))
        && matches!(
            chat.tool_choice,
            None | Some(ToolChoice::Auto | ToolChoice::None)
        )
}

/// The caller may have begun the answer itself: then that goes on too.
fn append(messages: &mut Vec<Message>, text: &str) {
    if let Some(Message {
        role: Role::Assistant,
        content,
        ..
    }) = messages.last_mut()
        && let Some(Content::Text { text: begun, .. }) = content.last_mut()
    {
        begun.push_str(text);
        return;
    }
    messages.push(Message::text(Role::Assistant, text));
}
