//! Messages, written.

use std::borrow::Cow;

use super::{
    encode::{Writer, text_part},
    encode_parts::{content, document_text, medium_part, system_content},
};
use crate::{
    chat::{CallKind, Content, Message, Role, Thinking, ToolCall, ToolResult},
    dialect::{Prefill, ReasoningField, ToolIds},
    dialect::{
        alias::{alias, nine},
        openai_chat::{MAX_TOOL_NAME, NAME, response},
    },
    error::Error,
    json::{self, Json, ObjectWriter},
};

/// How Claude Code's first system block begins: it tells Anthropic who pays, and nobody else anything.
pub(in crate::dialect) const ATTRIBUTION: &str = "x-anthropic-billing-header:";

/// Writes the conversation.
pub(super) fn messages(w: &mut Writer<'_>) -> Result<Vec<Json>, Error> {
    let request = w.request;
    if request.messages.is_empty() {
        return Err(Error::invalid("messages", "`messages` must not be empty"));
    }
    let mut out = Vec::new();
    // Media of tool results: tool messages are text only, and no user message may stand between them.
    let mut media: Vec<Json> = Vec::new();
    for (i, message) in request.messages.iter().enumerate() {
        let rest = tool_messages(w, i, message, &mut media, &mut out)?;
        if rest.is_empty() && message.role == Role::Tool {
            continue;
        }
        flush(&mut media, &mut out);
        match message.role {
            Role::System => out.extend(system(w, i, message, &rest)?),
            Role::Assistant => out.push(assistant(w, i, message, i + 1 == request.messages.len())),
            Role::User | Role::Tool if rest.is_empty() && !message.content.is_empty() => {}
            Role::User | Role::Tool => {
                let content = content(w, i, &rest)?;
                out.push(plain(w, i, "user", message, &content));
            }
        }
    }
    flush(&mut media, &mut out);
    Ok(out)
}

fn flush(media: &mut Vec<Json>, out: &mut Vec<Json>) {
    if !media.is_empty() {
        let parts = std::mem::take(media);
        out.push(json::object(|o| {
            o.field("role", "user").array("content", parts);
        }));
    }
}

/// Writes the tool results of a message; what is left is returned with its numbers.
fn tool_messages<'m>(
    w: &mut Writer<'_>,
    at: usize,
    message: &'m Message,
    media: &mut Vec<Json>,
    out: &mut Vec<Json>,
) -> Result<Vec<(usize, &'m Content)>, Error> {
    let mut rest = Vec::new();
    for (j, part) in message.content.iter().enumerate() {
        match part {
            Content::ToolResult(result) => out.push(tool_result(w, (at, j), result, media)?),
            other => rest.push((j, other)),
        }
    }
    Ok(rest)
}

fn tool_result(
    w: &mut Writer<'_>,
    (at, j): (usize, usize),
    result: &ToolResult,
    media: &mut Vec<Json>,
) -> Result<Json, Error> {
    let id = tool_id(w, &result.id);
    let path = format!("messages[{at}].content[{j}]");
    if result.cache.is_some() {
        w.no_cache();
    }
    let mut texts: Vec<String> = Vec::new();
    for part in &result.content {
        let (what, medium) = match part {
            Content::Text { text, .. } | Content::Refusal(text) => {
                texts.push(text.clone());
                continue;
            }
            Content::Image(medium) => ("image", medium),
            Content::Document(medium) => match document_text(medium) {
                Some(text) => {
                    texts.push(text);
                    continue;
                }
                None => ("document", medium),
            },
            Content::Audio(medium) => ("sound", medium),
            Content::Other { dialect, json } => {
                // Lists of tools found, search results: a text the model can read is better than nothing.
                w.report.changed(
                    &path,
                    format!("a part of the dialect {dialect} is given as JSON text"),
                );
                texts.push(json.to_string());
                continue;
            }
            _ => continue,
        };
        match medium_part(w, &path, part, medium) {
            Ok(json) => {
                texts.push(format!("[{what}: see the next user message]"));
                media.push(text_part(
                    &format!("[{what} from the tool result {id}]"),
                    None,
                ));
                media.push(json);
                w.report.changed(
                    &path,
                    format!(
                        "tool results are text only here: the {what} follows in a user message"
                    ),
                );
            }
            Err(_) => {
                texts.push(format!("[{what} left out]"));
                w.report
                    .dropped(&path, format!("this vendor does not take the {what}"));
            }
        }
    }
    if result.is_error {
        let first = texts.first().cloned().unwrap_or_default();
        let marked = format!("[tool error] {first}");
        match texts.first_mut() {
            Some(slot) => *slot = marked,
            None => texts.push(marked),
        }
        w.report
            .changed(&path, "that the tool failed is told in its text");
    }
    Ok(json::object(|o| {
        o.field("role", "tool").field("tool_call_id", &*id);
        match texts.as_slice() {
            [] => o.field("content", ""),
            [text] => o.field("content", text),
            _ if w.quirks.content_parts && !w.quirks.strict => {
                o.array("content", texts.iter().map(|text| text_part(text, None)))
            }
            _ => o.field("content", &texts.join("\n")),
        };
    }))
}

fn system(
    w: &mut Writer<'_>,
    at: usize,
    message: &Message,
    parts: &[(usize, &Content)],
) -> Result<Option<Json>, Error> {
    let attribution = at == 0
        && parts
            .first()
            .and_then(|(_, part)| part.as_text())
            .is_some_and(|text| text.starts_with(ATTRIBUTION));
    let parts = match parts {
        [_, rest @ ..] if attribution => {
            w.report.dropped(
                "system[0]",
                "the client's attribution is for Anthropic only",
            );
            if rest.is_empty() {
                return Ok(None);
            }
            rest
        }
        parts => parts,
    };
    let content = system_content(w, at, parts)?;
    Ok(Some(plain(w, at, "system", message, &content)))
}

/// A message of a role and content only.
fn plain(w: &mut Writer<'_>, at: usize, role: &str, message: &Message, content: &Json) -> Json {
    let name = speaker(w, at, message);
    json::object(|o| {
        o.field("role", role)
            .field("content", content)
            .optional("name", name);
    })
}

fn speaker<'m>(w: &mut Writer<'_>, at: usize, message: &'m Message) -> Option<&'m str> {
    let name = message.name.as_deref()?;
    if w.quirks.strict {
        w.report.dropped(
            format_args!("messages[{at}].name"),
            "this vendor refuses the member",
        );
        return None;
    }
    Some(name)
}

fn assistant(w: &mut Writer<'_>, at: usize, message: &Message, last: bool) -> Json {
    let mut text: Option<String> = None;
    let mut refusal: Option<String> = None;
    let mut calls: Vec<Json> = Vec::new();
    let mut thoughts: Vec<(usize, &Thinking)> = Vec::new();
    let (mut details, mut audio) = (Vec::new(), None);
    for (j, part) in message.content.iter().enumerate() {
        let path = format!("messages[{at}].content[{j}]");
        match part {
            Content::Text {
                text: more,
                cache,
                citations,
            } => {
                if !citations.is_empty() {
                    w.report.dropped(
                        format_args!("{path}.citations"),
                        "this dialect takes no citations back",
                    );
                }
                if cache.is_some() {
                    w.no_cache();
                }
                if !calls.is_empty() && !more.is_empty() {
                    w.report
                        .changed(&path, "text after a call stands before it here");
                }
                text.get_or_insert_default().push_str(more);
            }
            Content::Refusal(more) if w.quirks.strict => {
                text.get_or_insert_default().push_str(more)
            }
            Content::Refusal(more) => refusal.get_or_insert_default().push_str(more),
            Content::ToolCall(call) => calls.push(tool_call(w, call)),
            Content::Thinking(thinking) => thoughts.push((j, thinking)),
            Content::Other {
                dialect: NAME,
                json,
            } => match super::super::stream::part_slot(json) {
                Some(super::super::stream::Slot::Detail) => details.push(json.clone()),
                Some(super::super::stream::Slot::Audio(sound)) => audio = Some(sound),
                _ => w
                    .report
                    .dropped(&path, "this part has no place in an assistant's message"),
            },
            Content::ToolResult(_) => {}
            _ => w
                .report
                .dropped(&path, "this part has no place in an assistant's message"),
        }
    }
    let carried = reasoning(w, at, &thoughts, details, !calls.is_empty());
    let name = speaker(w, at, message);
    json::object(|o| {
        o.field("role", "assistant");
        match (
            &text,
            calls.is_empty() && refusal.is_none() && audio.is_none(),
        ) {
            (Some(text), _) if !text.is_empty() => o.field("content", text),
            (_, true) => o.field("content", ""),
            (_, false) if w.quirks.strict => o.field("content", ""),
            (_, false) => o.field("content", &None::<&str>),
        };
        o.optional("refusal", refusal)
            .optional("name", name)
            .optional("audio", audio);
        carried.write(o);
        if !calls.is_empty() {
            o.array("tool_calls", calls);
        } else if last && w.quirks.prefill == Prefill::Prefix {
            o.field("prefix", &true);
        }
    })
}

/// Reasoning as the vendor takes it back.
#[derive(Default)]
struct Carried {
    member: Option<(&'static str, String)>,
    details: Vec<Json>,
}

impl Carried {
    fn write(&self, o: &mut ObjectWriter) {
        if let Some((name, text)) = &self.member {
            o.field(name, text);
        }
        if !self.details.is_empty() {
            o.array("reasoning_details", &self.details);
        }
    }
}

fn reasoning(
    w: &mut Writer<'_>,
    at: usize,
    thoughts: &[(usize, &Thinking)],
    foreign_details: Vec<Json>,
    calls: bool,
) -> Carried {
    let field = if w.quirks.strict {
        ReasoningField::None
    } else {
        w.quirks.reasoning
    };
    let mut carried = Carried::default();
    let mut text = String::new();
    let keeps_details = field == ReasoningField::Details;
    for (j, thinking) in thoughts {
        let is_own = thinking.origin.is_none_or(|origin| origin == NAME);
        // Claude's signatures hold wherever it runs; what others encrypted, only they can read.
        if keeps_details
            && thinking.origin == Some("anthropic")
            && let Some(detail) = response::detail(thinking, carried.details.len())
        {
            carried.details.push(detail);
            continue;
        }
        // Another vendor's thoughts are never shown to a model as its own.
        if is_own && thinking.redacted.is_none() && field != ReasoningField::None {
            text.push_str(&thinking.text);
            continue;
        }
        w.report.dropped(
            format_args!("messages[{at}].content[{j}]"),
            "this vendor does not take this reasoning back",
        );
    }
    if keeps_details {
        carried.details.extend(foreign_details);
    }
    let name = match field {
        ReasoningField::Content | ReasoningField::ContentRequired => "reasoning_content",
        ReasoningField::None | ReasoningField::Reasoning | ReasoningField::Details => "reasoning",
    };
    let required = field == ReasoningField::ContentRequired && calls;
    carried.member = (required || !text.is_empty()).then_some((name, text));
    carried
}

fn tool_call(w: &mut Writer<'_>, call: &ToolCall) -> Json {
    if call.cache.is_some() {
        w.no_cache();
    }
    let id = tool_id(w, &call.id);
    let name = alias(&call.name, MAX_TOOL_NAME);
    let (kind, member) = match call.kind {
        CallKind::Function => ("function", "arguments"),
        CallKind::Custom => ("custom", "input"),
    };
    let blank = call.kind == CallKind::Function && call.arguments.trim().is_empty();
    let arguments = if blank { "{}" } else { call.arguments.as_str() };
    let inner = json::object(|o| {
        o.field("name", &*name).field(member, arguments);
    });
    json::object(|o| {
        o.field("id", &*id).field("type", kind).field(kind, &inner);
    })
}

fn tool_id<'i>(w: &Writer<'_>, id: &'i str) -> Cow<'i, str> {
    match w.quirks.tool_ids {
        ToolIds::Any => alias(id, 40),
        ToolIds::NineAlphanumeric => nine(id),
    }
}
