//! The items of a caller's input, read.
//!
//! Here a turn is a row of items; in the canonical conversation it is one message. Whatever the model has said, thought or called
//! before somebody else speaks is one assistant's message, and results in a row are one message of tools.

use super::{
    decode::stored,
    decode_parts::{self, parts},
    decode_tools,
};
use crate::{
    chat::{CallKind, ChatRequest, Content, Message, Role, ToolCall, ToolKind, ToolResult},
    dialect::{
        openai_chat::request::read,
        openai_responses::{NAME, NAMESPACE, reasoning},
    },
    error::Error,
    json::{Object, Value},
};

/// Reads a text or a list of items.
pub(super) fn input(value: &Value<'_, '_>, request: &mut ChatRequest) -> Result<(), Error> {
    if value.is_string() {
        request.messages.push(Message::user(value.string()?));
        return Ok(());
    }
    if !value.is_array() {
        return Err(value.error("must be a text or a list of items"));
    }
    let items = value.items()?;
    if items.len() == 0 {
        return Err(value.error("must not be empty"));
    }
    for each in items {
        item(&each, request)?;
    }
    Ok(())
}

fn item(value: &Value<'_, '_>, request: &mut ChatRequest) -> Result<(), Error> {
    if !value.is_object() {
        return Err(value.error("must be an item object"));
    }
    let mut o = value.object()?;
    let kind = read(o.take("type"), |v| v.string())?;
    // What the vendor who stores items calls them, and that they are whole.
    let stored_id = o.take_raw("id").is_some();
    o.take_raw("status");
    let kind = match kind.as_deref() {
        Some(kind) => kind,
        // Messages and references need not say what they are.
        None if o.peek("role").is_some() => "message",
        None if stored_id => "item_reference",
        None => return Err(o.path().member("type").error("is required")),
    };
    let content = match kind {
        "message" => return message(&mut o, request),
        "item_reference" => {
            let path = value.path().to_string();
            return Err(stored(&path, "previous_response_not_found"));
        }
        // Some clients tell their tools here.
        "additional_tools" => {
            for tool in decode_tools::tools(o.take("tools"))? {
                let hosted = matches!(tool.kind, ToolKind::Hosted { .. });
                // They may be those that were deferred.
                if hosted || !request.tools.iter().any(|known| known.name == tool.name) {
                    request.tools.push(tool);
                }
            }
            return Ok(());
        }
        "reasoning" => thinking(&mut o)?,
        "function_call" => vec![call(&mut o, CallKind::Function)?],
        "custom_tool_call" => vec![call(&mut o, CallKind::Custom)?],
        "function_call_output" | "custom_tool_call_output" => {
            let result = result(&mut o)?;
            push(request, Role::Tool, vec![Content::ToolResult(result)]);
            return Ok(());
        }
        // What only vendors of this dialect know, at its place.
        _ => {
            o.forget();
            vec![Content::Other {
                dialect: NAME,
                json: value.json(),
            }]
        }
    };
    push(request, Role::Assistant, content);
    Ok(())
}

/// Adds to the last message if the same role still speaks.
fn push(request: &mut ChatRequest, role: Role, content: Vec<Content>) {
    match request.messages.last_mut() {
        Some(last) if last.role == role => last.content.extend(content),
        _ => request.messages.push(Message::new(role, content)),
    }
}

fn message(o: &mut Object<'_, '_>, request: &mut ChatRequest) -> Result<(), Error> {
    let role = o.require("role")?;
    let content = parts(&o.require("content")?)?;
    match &*role.str()? {
        "assistant" => push(request, Role::Assistant, content),
        "user" => request.messages.push(Message::new(Role::User, content)),
        "system" | "developer" => request.messages.push(Message::new(Role::System, content)),
        other => {
            return Err(role.error(format_args!(
                "must be one of user, assistant, system, developer, not {other:?}"
            )));
        }
    }
    Ok(())
}

fn thinking(o: &mut Object<'_, '_>) -> Result<Vec<Content>, Error> {
    let encrypted = read(o.take("encrypted_content"), |v| v.string())?;
    let mut texts = Vec::new();
    for name in ["summary", "content"] {
        // A vendor that shows its reasoning may say it in both.
        if let Some(list) = o.take(name).filter(|_| texts.is_empty()) {
            for item in list.items()? {
                let mut item = item.object()?;
                item.take("type");
                texts.push(item.require("text")?.string()?);
            }
        }
    }
    let thoughts = reasoning::restored(texts.join("\n\n"), encrypted);
    Ok(thoughts.into_iter().map(Content::Thinking).collect())
}

fn call(o: &mut Object<'_, '_>, kind: CallKind) -> Result<Content, Error> {
    let mut name = o.require("name")?.string()?;
    if let Some(space) = read(o.take("namespace"), |v| v.string())?.filter(|s| !s.is_empty()) {
        name = format!("{space}{NAMESPACE}{name}");
    }
    let text = match kind {
        CallKind::Function => read(o.take("arguments"), |v| match v.is_object() {
            // Some clients send the object itself.
            true => Ok(v.text().to_owned()),
            false => v.string(),
        })?,
        CallKind::Custom => read(o.take("input"), |v| v.string())?,
    };
    let mut call = ToolCall::new(
        o.require("call_id")?.string()?,
        name,
        text.unwrap_or_default(),
    );
    call.kind = kind;
    Ok(Content::ToolCall(call))
}

fn result(o: &mut Object<'_, '_>) -> Result<ToolResult, Error> {
    let id = o.require("call_id")?.string()?;
    let content = read(o.take("output"), |v| match v.is_object() {
        // Clients that put any JSON there.
        true => Ok(vec![Content::text(v.text())]),
        false => decode_parts::parts(&v),
    })?;
    Ok(ToolResult::new(id, content.unwrap_or_default()))
}
