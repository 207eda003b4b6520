//! The conversation.

use std::collections::HashMap;

use super::super::{MAX_TOOL_NAME, NAME};
use crate::{
    chat::{
        CallKind, ChatRequest, Content, Fidelity, Media, Message, Role, Source, Thinking, ToolCall,
        ToolResult,
    },
    dialect::{alias::alias, pairs::Pairs},
    error::{Error, ErrorKind},
    json::{self, Json},
};

/// Writes the messages. Does the model think?
pub(super) fn turns(
    request: &ChatRequest,
    thinks: bool,
    report: &mut Fidelity,
) -> Result<Vec<Json>, Error> {
    let messages = &request.messages;
    let pairs = Pairs::find(messages, report);
    let results: HashMap<(usize, usize), String> = pairs
        .of_messages(0, messages.len())
        .iter()
        .filter_map(|call| Some((call.result?, call.wire.clone().into_owned())))
        .collect();
    let mut out = Vec::with_capacity(messages.len());
    for (i, message) in messages.iter().enumerate() {
        if message.name.is_some() {
            report.dropped(
                format_args!("messages[{i}].name"),
                "the vendor has no names of speakers",
            );
        }
        match message.role {
            Role::System => out.push(spoken("system", i, message, report)?),
            Role::User => out.push(spoken("user", i, message, report)?),
            Role::Assistant => out.extend(assistant(i, message, thinks, &pairs, report)),
            Role::Tool => tool(i, message, &results, &mut out, report)?,
        }
    }
    Ok(out)
}

/// A message of words and pictures. One text is a string.
fn spoken(role: &str, i: usize, message: &Message, report: &mut Fidelity) -> Result<Json, Error> {
    if let [Content::Text { text, cache, .. }] = message.content.as_slice() {
        marker(cache.is_some(), i, 0, report);
        return Ok(json::object(|o| {
            o.field("role", role).field("content", text);
        }));
    }
    let mut parts = Vec::new();
    for (n, content) in message.content.iter().enumerate() {
        parts.extend(part(i, n, content, report)?);
    }
    if parts.is_empty() {
        let path = format!("messages[{i}].content");
        let message = format!("`{path}` must not be empty");
        return Err(Error::invalid(path, message));
    }
    Ok(json::object(|o| {
        o.field("role", role).array("content", parts);
    }))
}

fn marker(there: bool, i: usize, n: usize, report: &mut Fidelity) {
    if there {
        report.dropped(
            format_args!("messages[{i}].content[{n}].cache_control"),
            "the vendor places its own cache markers",
        );
    }
}

fn part(
    i: usize,
    n: usize,
    content: &Content,
    report: &mut Fidelity,
) -> Result<Option<Json>, Error> {
    let path = format!("messages[{i}].content[{n}]");
    Ok(match content {
        Content::Text { text, cache, .. } => {
            marker(cache.is_some(), i, n, report);
            (!text.is_empty()).then(|| self::text(text))
        }
        Content::Refusal(text) => Some(self::text(text)),
        Content::Image(media) => {
            marker(media.cache.is_some(), i, n, report);
            Some(image(media, &path)?)
        }
        Content::Document(media) => {
            marker(media.cache.is_some(), i, n, report);
            Some(document(media, &path, report)?)
        }
        Content::Audio(_) => return Err(unsupported(&path, "takes no sound")),
        _ => {
            report.dropped(path, "the vendor has no such part");
            None
        }
    })
}

fn text(text: &str) -> Json {
    json::object(|o| {
        o.field("type", "text").field("text", text);
    })
}

fn image(media: &Media, path: &str) -> Result<Json, Error> {
    let url = match &media.source {
        Source::Url(url) => url.clone(),
        Source::Base64 { media_type, data } => format!("data:{media_type};base64,{data}"),
        _ => return Err(unsupported(path, "takes images by address or as base64")),
    };
    let image = json::object(|o| {
        o.field("url", &url)
            .optional("detail", media.detail.as_deref());
    });
    Ok(json::object(|o| {
        o.field("type", "image_url").field("image_url", &image);
    }))
}

/// The vendor's own documents are for retrieval; a document in the conversation is text or nothing.
fn document(media: &Media, path: &str, report: &mut Fidelity) -> Result<Json, Error> {
    let Source::Text(words) = &media.source else {
        return Err(unsupported(path, "takes documents as text only"));
    };
    report.changed(path, "the document's text is part of the message");
    let mut all = String::new();
    for head in [&media.title, &media.context].into_iter().flatten() {
        all.push_str(head);
        all.push('\n');
    }
    all.push_str(words);
    Ok(text(&all))
}

fn unsupported(path: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("`{path}`: this vendor {why}"),
    )
    .with_param(path)
}

/// Words before a call are the vendor's `tool_plan`: a message with calls has no other text.
fn assistant(
    i: usize,
    message: &Message,
    thinks: bool,
    pairs: &Pairs<'_>,
    report: &mut Fidelity,
) -> Option<Json> {
    let calls: Vec<Json> = message
        .content
        .iter()
        .enumerate()
        .filter_map(|(n, content)| match content {
            Content::ToolCall(call) => Some(tool_call(call, &pairs.wire_id(i, n)?)),
            _ => None,
        })
        .collect();
    let mut parts = Vec::new();
    let mut plan = String::new();
    for (n, content) in message.content.iter().enumerate() {
        let path = format!("messages[{i}].content[{n}]");
        match content {
            Content::Text { text, cache, .. } => {
                marker(cache.is_some(), i, n, report);
                if !calls.is_empty() {
                    plan.push_str(text);
                } else if !text.is_empty() {
                    parts.push(self::text(text));
                }
            }
            Content::Refusal(words) => parts.push(self::text(words)),
            Content::Thinking(thinking) if is_ours(thinking, thinks) => {
                parts.push(json::object(|o| {
                    o.field("type", "thinking")
                        .field("thinking", &thinking.text);
                }));
            }
            Content::Thinking(_) => {
                report.dropped(path, "only its maker can make use of this reasoning");
            }
            Content::ToolCall(_) => {}
            _ => report.dropped(path, "the vendor has no such part"),
        }
    }
    if parts.is_empty() && calls.is_empty() {
        report.dropped(
            format_args!("messages[{i}]"),
            "nothing is left of this assistant message",
        );
        return None;
    }
    Some(json::object(|o| {
        o.field("role", "assistant");
        // An empty list beside calls is refused.
        if !parts.is_empty() {
            o.array("content", parts);
        }
        if !plan.is_empty() {
            o.field("tool_plan", &plan);
        }
        if !calls.is_empty() {
            o.array("tool_calls", calls);
        }
    }))
}

/// Can the vendor make use of it? Callers of OpenAI's Chat cannot say whose a thought in plain words is: it may be the vendor's own.
fn is_ours(thinking: &Thinking, thinks: bool) -> bool {
    match thinking.origin {
        Some(NAME) => !thinking.text.is_empty(),
        Some("openai-chat") => thinks && thinking.signature.is_none() && !thinking.text.is_empty(),
        _ => false,
    }
}

fn tool_call(call: &ToolCall, id: &str) -> Json {
    let arguments = match call.kind {
        CallKind::Function if call.arguments.is_empty() => "{}".to_owned(),
        CallKind::Function => call.arguments.clone(),
        CallKind::Custom => json::object(|o| {
            o.field("content", &call.arguments);
        })
        .to_string(),
    };
    let function = json::object(|o| {
        o.field("name", &*alias(&call.name, MAX_TOOL_NAME))
            .field("arguments", &arguments);
    });
    json::object(|o| {
        o.field("id", id)
            .field("type", "function")
            .field("function", &function);
    })
}

/// A message for each result; pictures in them follow in the user's name, as a result is text.
fn tool(
    i: usize,
    message: &Message,
    results: &HashMap<(usize, usize), String>,
    out: &mut Vec<Json>,
    report: &mut Fidelity,
) -> Result<(), Error> {
    let mut pictures = Vec::new();
    for (n, content) in message.content.iter().enumerate() {
        let path = format!("messages[{i}].content[{n}]");
        let Content::ToolResult(result) = content else {
            report.dropped(path, "a tool's message holds results only");
            continue;
        };
        marker(result.cache.is_some(), i, n, report);
        let Some(id) = results.get(&(i, n)) else {
            // One that another result of the same call has replaced is told about already.
            continue;
        };
        let words = said(result, &path, &mut pictures, report)?;
        out.push(json::object(|o| {
            o.field("role", "tool")
                .field("tool_call_id", id)
                .field("content", &words);
        }));
    }
    for (n, content) in message.content.iter().enumerate() {
        if let Content::ToolResult(result) = content
            && !results.contains_key(&(i, n))
            && !results_answer(results, &result.id)
        {
            let path = format!("messages[{i}].content[{n}]");
            let message = format!(
                "`{path}` answers the tool call `{}`, which is not in the conversation before it",
                result.id
            );
            return Err(Error::invalid(path, message));
        }
    }
    if !pictures.is_empty() {
        out.push(json::object(|o| {
            o.field("role", "user").array("content", pictures);
        }));
    }
    Ok(())
}

/// Is some result of this call in the conversation?
fn results_answer(results: &HashMap<(usize, usize), String>, id: &str) -> bool {
    let wire = alias(id, 64);
    results.values().any(|known| *known == wire)
}

fn said(
    result: &ToolResult,
    path: &str,
    pictures: &mut Vec<Json>,
    report: &mut Fidelity,
) -> Result<String, Error> {
    let mut words = String::new();
    if result.is_error {
        report.changed(
            format_args!("{path}.is_error"),
            "the result's text says that it is an error",
        );
        words.push_str("Error: ");
    }
    for (n, content) in result.content.iter().enumerate() {
        let path = format!("{path}.content[{n}]");
        match content {
            Content::Text { text, .. } => words.push_str(text),
            Content::Image(media) => {
                report.changed(&path, "the picture follows in a message of its own");
                pictures.push(image(media, &path)?);
            }
            Content::Document(Media {
                source: Source::Text(text),
                ..
            }) => words.push_str(text),
            _ => report.dropped(path, "a tool's result is text for this vendor"),
        }
    }
    Ok(words)
}
