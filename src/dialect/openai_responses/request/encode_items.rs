//! The conversation as items, written.

use std::collections::HashSet;

use super::{encode::Writer, encode_parts};
use crate::{
    chat::{CallKind, Content, Message, Role, Thinking, ToolCall, ToolResult},
    dialect::{
        alias::alias,
        openai_chat::{reasoning::RESPONSES, request::ATTRIBUTION},
        openai_responses::{MAX_CALL_ID, MAX_TOOL_NAME, NAME, reasoning},
    },
    error::Error,
    json::{self, Json, Value},
};

/// The conversation, and what stands before it.
pub(super) struct Input {
    pub(super) instructions: Option<String>,
    pub(super) items: Vec<Json>,
}

/// Writes the conversation.
pub(super) fn input(w: &mut Writer<'_>) -> Result<Input, Error> {
    let request = w.request;
    if request.messages.is_empty() {
        return Err(Error::invalid("messages", "`messages` must not be empty"));
    }
    let leading = request
        .messages
        .iter()
        .take_while(|message| message.role == Role::System)
        .count();
    // Vendors want something in the input.
    let leading = if leading == request.messages.len() {
        0
    } else {
        leading
    };
    let mut instructions = None;
    let mut items = Vec::new();
    match texts(w, leading) {
        Some(texts) if texts.is_empty() => {}
        Some(texts) => instructions = Some(texts.join("\n\n")),
        // Breakpoints have a place only on parts.
        None => {
            for at in 0..leading {
                items.extend(system(w, at)?);
            }
        }
    }
    let custom = custom_calls(&request.messages);
    for (at, message) in request.messages.iter().enumerate() {
        if message.name.is_some() {
            w.report.dropped(
                format_args!("messages[{at}].name"),
                "this dialect has no names of speakers",
            );
        }
    }
    for (at, message) in request.messages.iter().enumerate().skip(leading) {
        for (j, part) in message.content.iter().enumerate() {
            if let Content::ToolResult(result) = part {
                items.push(output(w, (at, j), result, &custom)?);
            }
        }
        match message.role {
            Role::System => items.extend(system(w, at)?),
            Role::Assistant => assistant(w, at, message, &mut items),
            Role::User | Role::Tool => items.extend(spoken(w, at, message, "user")?),
        }
    }
    if items.is_empty() {
        // Somebody who says nothing. The vendor wants to see it.
        items.push(json::object(|o| {
            o.field("role", "user").field("content", "");
        }));
    }
    Ok(Input {
        instructions,
        items,
    })
}

/// The ids of the calls that are answered in the manner of custom tools.
fn custom_calls(messages: &[Message]) -> HashSet<&str> {
    let parts = messages.iter().flat_map(|message| &message.content);
    parts
        .filter_map(|part| match part {
            Content::ToolCall(call) if call.kind == CallKind::Custom => Some(call.id.as_str()),
            _ => None,
        })
        .collect()
}

/// The texts of the system messages that stand first; none if they hold breakpoints that the model takes, or more than texts.
fn texts(w: &mut Writer<'_>, leading: usize) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for (at, message) in w.request.messages.iter().take(leading).enumerate() {
        for (j, part) in message.content.iter().enumerate() {
            let Content::Text { text, cache, .. } = part else {
                return None;
            };
            if is_attribution(at, j, text) {
                w.report.dropped(
                    "system[0]",
                    "the client's attribution is for Anthropic only",
                );
                continue;
            }
            if cache.is_some() {
                if w.model.takes_breakpoints() {
                    return None;
                }
                w.no_cache();
            }
            if !text.is_empty() {
                found.push(text.clone());
            }
        }
    }
    Some(found)
}

fn is_attribution(at: usize, j: usize, text: &str) -> bool {
    at == 0 && j == 0 && text.starts_with(ATTRIBUTION)
}

fn system(w: &mut Writer<'_>, at: usize) -> Result<Option<Json>, Error> {
    match w.request.messages.get(at) {
        Some(message) => spoken(w, at, message, "developer"),
        None => Ok(None),
    }
}

/// A message of the user's or the operator's.
fn spoken(
    w: &mut Writer<'_>,
    at: usize,
    message: &Message,
    role: &str,
) -> Result<Option<Json>, Error> {
    let parts = message.content.iter().enumerate().filter(|(j, part)| {
        let attribution = part
            .as_text()
            .is_some_and(|text| is_attribution(at, *j, text));
        let left_out = attribution && role == "developer";
        !left_out && !matches!(part, Content::ToolResult(_))
    });
    let mut written = Vec::new();
    let mut plain = None;
    for (j, part) in parts {
        let path = format!("messages[{at}].content[{j}]");
        if let Some(json) = encode_parts::part(w, &path, part)? {
            plain = match part {
                Content::Text {
                    text, cache: None, ..
                } if written.is_empty() => Some(text),
                _ => None,
            };
            written.push(json);
        }
    }
    if written.is_empty() {
        return Ok(None);
    }
    Ok(Some(json::object(|o| {
        o.field("role", role);
        match plain {
            Some(text) => o.field("content", text),
            None => o.array("content", written),
        };
    })))
}

/// The result of a call, media and all.
fn output(
    w: &mut Writer<'_>,
    (at, j): (usize, usize),
    result: &ToolResult,
    custom: &HashSet<&str>,
) -> Result<Json, Error> {
    let path = format!("messages[{at}].content[{j}]");
    if result.cache.is_some() && !w.model.takes_breakpoints() {
        w.no_cache();
    }
    let mut parts = Vec::new();
    let mut texts = Vec::new();
    if result.is_error {
        w.report
            .changed(&path, "that the tool failed is told in its text");
    }
    let failed = |text: &str, first: bool| match result.is_error && first {
        true => format!("[tool error] {text}"),
        false => text.to_owned(),
    };
    for part in &result.content {
        match part {
            Content::Text { text, .. } | Content::Refusal(text) => {
                let text = failed(text, parts.is_empty());
                parts.push(encode_parts::text(&text, None));
                texts.push(text);
            }
            Content::Other { dialect, json } if *dialect != NAME => {
                // Lists of tools found, search results: a text the model can read is better than nothing.
                w.report.changed(
                    &path,
                    format!("a part of the dialect {dialect} is given as JSON text"),
                );
                parts.push(encode_parts::text(json.as_str(), None));
                texts.push(json.to_string());
            }
            part => match encode_parts::part(w, &path, part) {
                Ok(json) => parts.extend(json),
                Err(_) => {
                    w.report
                        .dropped(&path, "this vendor does not take this part of a result");
                    let text = "[a part of the result is left out]".to_owned();
                    parts.push(encode_parts::text(&text, None));
                    texts.push(text);
                }
            },
        }
    }
    if result.is_error && texts.is_empty() {
        texts.push(failed("", true));
        parts.insert(0, encode_parts::text(&failed("", true), None));
    }
    let kind = if custom.contains(result.id.as_str()) {
        "custom_tool_call_output"
    } else {
        "function_call_output"
    };
    Ok(json::object(|o| {
        o.field("type", kind)
            .field("call_id", &*alias(&result.id, MAX_CALL_ID));
        match texts.as_slice() {
            [] if parts.is_empty() => o.field("output", ""),
            [text] if parts.len() == 1 => o.field("output", text),
            _ => o.array("output", parts),
        };
    }))
}

/// What the model has said, thought and called, in that order.
fn assistant(w: &mut Writer<'_>, at: usize, message: &Message, items: &mut Vec<Json>) {
    let mut said: Vec<Json> = Vec::new();
    // A thought that leads to nothing is refused.
    let mut thoughts: Vec<(usize, Json)> = Vec::new();
    let mut out: Vec<Json> = Vec::new();
    for (j, part) in message.content.iter().enumerate() {
        let path = format!("messages[{at}].content[{j}]");
        let item = match part {
            Content::Text {
                text,
                cache,
                citations,
            } => {
                if !citations.is_empty() {
                    w.report.dropped(
                        format_args!("{path}.citations"),
                        "citations are not told back",
                    );
                }
                if cache.is_some() && !w.model.takes_breakpoints() {
                    w.no_cache();
                }
                if !text.is_empty() {
                    out.extend(thoughts.drain(..).map(|(_, json)| json));
                    said.push(encode_parts::said(part));
                }
                continue;
            }
            Content::Refusal(_) => {
                out.extend(thoughts.drain(..).map(|(_, json)| json));
                said.push(encode_parts::said(part));
                continue;
            }
            Content::Thinking(thinking) => {
                flush(&mut said, &mut out);
                match thought(thinking) {
                    Some(json) => thoughts.push((j, json)),
                    None => w
                        .report
                        .dropped(&path, "this vendor does not take this reasoning back"),
                }
                continue;
            }
            Content::ToolCall(call) => {
                if call.cache.is_some() && !w.model.takes_breakpoints() {
                    w.no_cache();
                }
                tool_call(call)
            }
            Content::Other {
                dialect: NAME,
                json,
            } => json.clone(),
            Content::Other {
                dialect: "openai-chat",
                json,
            } => {
                match carried(json) {
                    Some(json) => {
                        flush(&mut said, &mut out);
                        thoughts.push((j, json));
                    }
                    None => w
                        .report
                        .dropped(&path, "this part has no place in an assistant's message"),
                }
                continue;
            }
            Content::ToolResult(_) => continue,
            _ => {
                w.report
                    .dropped(&path, "this part has no place in an assistant's message");
                continue;
            }
        };
        flush(&mut said, &mut out);
        out.extend(thoughts.drain(..).map(|(_, json)| json));
        out.push(item);
    }
    flush(&mut said, &mut out);
    for (j, _) in thoughts {
        w.report.dropped(
            format_args!("messages[{at}].content[{j}]"),
            "nothing follows this reasoning",
        );
    }
    items.extend(out);
}

fn flush(said: &mut Vec<Json>, out: &mut Vec<Json>) {
    if !said.is_empty() {
        let parts = std::mem::take(said);
        out.push(json::object(|o| {
            o.field("type", "message")
                .field("role", "assistant")
                .array("content", parts);
        }));
    }
}

/// Reasoning of a vendor of this dialect. Others' is never shown to a model as its own.
fn thought(thinking: &Thinking) -> Option<Json> {
    let (Some(NAME), Some(encrypted)) = reasoning::maker(thinking) else {
        return None;
    };
    Some(reasoning_item(&thinking.text, encrypted))
}

fn reasoning_item(text: &str, encrypted: &str) -> Json {
    let summary = (!text.is_empty()).then(|| {
        json::object(|o| {
            o.field("type", "summary_text").field("text", text);
        })
    });
    // Without an id nobody looks for a stored one.
    json::object(|o| {
        o.field("type", "reasoning")
            .array("summary", summary)
            .field("encrypted_content", encrypted);
    })
}

/// Reasoning that a caller of Chat Completions has carried.
fn carried(detail: &Json) -> Option<Json> {
    let value = Value::root(detail.as_str().as_bytes()).ok()?;
    let mut o = value.object().ok()?;
    let format = o.take("format")?.string().ok()?;
    let data = o.take("data")?.string().ok()?;
    (format == RESPONSES).then(|| reasoning_item("", &data))
}

fn tool_call(call: &ToolCall) -> Json {
    let (kind, member) = match call.kind {
        CallKind::Function => ("function_call", "arguments"),
        CallKind::Custom => ("custom_tool_call", "input"),
    };
    let blank = call.kind == CallKind::Function && call.arguments.trim().is_empty();
    let text = if blank { "{}" } else { call.arguments.as_str() };
    // No id of the item: vendors want theirs, or none.
    json::object(|o| {
        o.field("type", kind)
            .field("call_id", &*alias(&call.id, MAX_CALL_ID))
            .field("name", &*alias(&call.name, MAX_TOOL_NAME))
            .field(member, text);
    })
}
