//! Results right after their calls, one for each: what OpenAI's formats insist on and others do not.

use std::borrow::Cow;

use super::pairs::Pairs;
use crate::chat::{ChatRequest, Content, Fidelity, Message, Role, ToolResult};

/// The conversation as `dialect` takes it. What came in that dialect, or was built in process, is meant as it stands.
pub(in crate::dialect) fn adjacent<'r>(
    request: &'r ChatRequest,
    dialect: &str,
    report: &mut Fidelity,
) -> Cow<'r, ChatRequest> {
    let ours = request.dialect.is_none_or(|found| found == dialect);
    if ours || is_sound(&request.messages) {
        return Cow::Borrowed(request);
    }
    let messages = mended(&request.messages, report);
    Cow::Owned(ChatRequest {
        messages,
        ..request.clone()
    })
}

fn is_sound(messages: &[Message]) -> bool {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        let mut other = false;
        for part in &message.content {
            match part {
                Content::ToolResult(result) => {
                    let Some(at) = open.iter().position(|id| *id == result.id) else {
                        return false;
                    };
                    open.swap_remove(at);
                }
                _ => other = true,
            }
        }
        if message.role == Role::Assistant || other {
            if !open.is_empty() {
                return false;
            }
            open.extend(calls(message));
        }
    }
    open.is_empty()
}

fn calls(message: &Message) -> impl Iterator<Item = &str> {
    let parts = message
        .content
        .iter()
        .filter(|_| message.role == Role::Assistant);
    parts.filter_map(|part| match part {
        Content::ToolCall(call) => Some(call.id.as_str()),
        _ => None,
    })
}

fn mended(messages: &[Message], report: &mut Fidelity) -> Vec<Message> {
    let pairs = Pairs::find(messages, report);
    let mut out: Vec<Message> = Vec::new();
    // Where the turn began that is not answered yet.
    let mut start = None;
    for (i, message) in messages.iter().enumerate() {
        if message.role == Role::Assistant {
            match (start, out.last_mut()) {
                // One turn in several messages.
                (Some(_), Some(last)) => last.content.extend(message.content.iter().cloned()),
                _ => out.push(message.clone()),
            }
            start = start.or_else(|| calls(message).next().map(|_| i));
            let goes_on = messages
                .get(i + 1)
                .is_some_and(|next| next.role == Role::Assistant);
            if let Some(from) = start.take_if(|_| !goes_on) {
                out.push(results(messages, &pairs, from, i, report));
            }
            continue;
        }
        let mut rest = Vec::new();
        for (part, content) in message.content.iter().enumerate() {
            match content {
                Content::ToolResult(result) if pairs.orphans.contains(&(i, part)) => {
                    report.repaired(
                        format_args!("messages[{i}].content[{part}]"),
                        format!(
                            "no call has the id `{}`: the result is told in words",
                            result.id
                        ),
                    );
                    rest.extend(in_words(result));
                }
                // It stands after its call.
                Content::ToolResult(_) => {}
                _ => rest.push(content.clone()),
            }
        }
        if !rest.is_empty() || message.content.is_empty() {
            let role = match message.role {
                Role::Tool => Role::User,
                role => role,
            };
            out.push(Message {
                role,
                content: rest,
                name: message.name.clone(),
            });
        }
    }
    out
}

/// The results of the calls in messages `from` to `to`, in the order they came; then what is missing.
fn results(
    messages: &[Message],
    pairs: &Pairs<'_>,
    from: usize,
    to: usize,
    report: &mut Fidelity,
) -> Message {
    let calls = pairs.of_messages(from, to);
    let mut places: Vec<(usize, usize)> = calls.iter().filter_map(|call| call.result).collect();
    places.sort_unstable();
    let given = places.iter().filter_map(|(i, part)| {
        let part = messages.get(*i)?.content.get(*part)?;
        Some(part.clone())
    });
    let mut content: Vec<Content> = given.collect();
    for call in calls.iter().filter(|call| call.result.is_none()) {
        report.repaired(
            format_args!("messages[{to}]"),
            format!("the call `{}` has no result: it is told as failed", call.id),
        );
        let words = Content::text("No result: the tool call was not answered.");
        content.push(Content::ToolResult(ToolResult {
            is_error: true,
            ..ToolResult::new(call.id, vec![words])
        }));
    }
    Message::new(Role::Tool, content)
}

fn in_words(result: &ToolResult) -> Vec<Content> {
    let words: String = result.content.iter().filter_map(Content::as_text).collect();
    let media = result
        .content
        .iter()
        .filter(|part| part.as_text().is_none());
    [Content::text(format!("Tool result: {words}"))]
        .into_iter()
        .chain(media.cloned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ToolCall;

    fn call(id: &str) -> Message {
        let call = Content::ToolCall(ToolCall::new(id, "f", "{}"));
        Message::new(Role::Assistant, vec![call])
    }

    fn result(id: &str) -> Message {
        let result = ToolResult::new(id, vec![Content::text(id)]);
        Message::new(Role::Tool, vec![Content::ToolResult(result)])
    }

    fn shape(messages: &[Message]) -> Vec<String> {
        let told = |message: &Message| {
            let parts = message.content.iter().map(|part| match part {
                Content::ToolCall(call) => format!("call {}", call.id),
                Content::ToolResult(r) if r.is_error => format!("failed {}", r.id),
                Content::ToolResult(r) => format!("result {}", r.id),
                part => part.as_text().unwrap_or_default().to_owned(),
            });
            parts.collect::<Vec<_>>().join(", ")
        };
        messages.iter().map(told).collect()
    }

    #[test]
    fn every_call_has_its_result_right_after_it() {
        let conversation = vec![
            call("a"),
            call("b"),
            Message::user("meanwhile"),
            result("b"),
            result("a"),
            result("stray"),
            call("c"),
        ];
        let mut request = ChatRequest::new("m", conversation);
        let mut report = Fidelity::new();
        assert!(matches!(
            adjacent(&request, "x", &mut report),
            Cow::Borrowed(_)
        ));
        request.dialect = Some("y");
        let mended = adjacent(&request, "x", &mut report);
        assert_eq!(
            shape(&mended.messages),
            [
                "call a, call b",
                "result b, result a",
                "meanwhile",
                "Tool result: stray",
                "call c",
                "failed c",
            ]
        );
        assert_eq!(report.notes().len(), 2, "{report:?}");
    }
}
