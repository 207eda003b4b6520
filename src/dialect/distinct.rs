//! Calls that are answered together, told apart.
//!
//! Some vendors give no ids, or the same to all calls of a turn; others tell calls and results by nothing else.

use std::{borrow::Cow, collections::HashSet};

use super::pairs::Pairs;
use crate::chat::{ChatRequest, Content, Fidelity, Message};

/// The request with an id of its own for every call of a turn, and the same on the call's result. It is the same on every turn.
///
/// A caller who speaks the vendor's dialect, `own`, is taken at his word.
pub(super) fn distinct<'a>(
    request: &'a ChatRequest,
    own: &str,
    report: &mut Fidelity,
) -> Cow<'a, ChatRequest> {
    if request.dialect == Some(own) || !request.messages.iter().any(repeats_an_id) {
        return Cow::Borrowed(request);
    }
    let mut request = request.clone();
    let messages = request.messages.clone();
    // What it has to say about results is said by those who write them.
    let pairs = Pairs::find(&messages, &mut Fidelity::new());
    for i in 0..messages.len() {
        let mut given = HashSet::new();
        for (n, call) in pairs.of_messages(i, i).iter().enumerate() {
            if given.insert(call.id) {
                continue;
            }
            let id = format!("{}#{n}", call.id);
            report.repaired(
                format_args!("messages[{i}].content[{}].id", call.part),
                "another call of this turn has the same id",
            );
            rename(&mut request.messages, (call.message, call.part), &id);
            if let Some(place) = call.result {
                rename(&mut request.messages, place, &id);
            }
        }
    }
    Cow::Owned(request)
}

fn repeats_an_id(message: &Message) -> bool {
    let mut calls = message.content.iter().filter_map(|part| match part {
        Content::ToolCall(call) => Some(call.id.as_str()),
        _ => None,
    });
    // Most turns have one call or none.
    let (Some(first), Some(second)) = (calls.next(), calls.next()) else {
        return false;
    };
    let mut seen = HashSet::from([first]);
    !seen.insert(second) || calls.any(|id| !seen.insert(id))
}

fn rename(messages: &mut [Message], (message, part): (usize, usize), id: &str) {
    let part = messages
        .get_mut(message)
        .and_then(|message| message.content.get_mut(part));
    match part {
        Some(Content::ToolCall(call)) => call.id = id.to_owned(),
        Some(Content::ToolResult(result)) => result.id = id.to_owned(),
        _ => {}
    }
}
