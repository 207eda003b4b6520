//! Messages of a caller, read.

use std::collections::VecDeque;

use super::{
    decode::{cache_marker, read},
    decode_parts::{mark, parts},
};
use crate::{
    chat::{CallKind, Content, Message, Role, Thinking, ToolCall, ToolResult},
    dialect::{
        FOREIGN_SIGNATURE_PREFIX, gemini,
        openai_chat::{
            NAME,
            reasoning::{Thought, gemini_signature, of_parts},
        },
    },
    error::Error,
    json::{self, Object, Value},
};

/// Reads the conversation.
pub(super) fn messages(value: &Value<'_, '_>) -> Result<Vec<Message>, Error> {
    if !value.is_array() {
        return Err(value.error("must be an array of messages"));
    }
    let mut reader = Reader::default();
    let messages = value
        .items()?
        .map(|item| reader.message(&item))
        .collect::<Result<Vec<_>, _>>()?;
    if messages.is_empty() {
        return Err(value.error("must not be empty"));
    }
    Ok(messages)
}

/// Pairs the calls and results of the time before calls had ids.
#[derive(Default)]
struct Reader {
    legacy: usize,
    /// Name and id of the calls that have no result yet.
    open: VecDeque<(String, String)>,
}

impl Reader {
    fn message(&mut self, value: &Value<'_, '_>) -> Result<Message, Error> {
        if !value.is_object() {
            return Err(value.error("must be a message object"));
        }
        let mut o = value.object()?;
        let role = o.require("role")?;
        let name = read(o.take("name"), |v| v.string())?;
        let marker = read(o.take("cache_control"), |v| cache_marker(&v))?;
        let (role, mut content) = match &*role.str()? {
            "system" | "developer" => (Role::System, parts(&o.require("content")?)?),
            "user" => (Role::User, parts(&o.require("content")?)?),
            "assistant" => (Role::Assistant, self.assistant(&mut o)?),
            "tool" => {
                let id = o.require("tool_call_id")?.string()?;
                let content = read(o.take("content"), |v| parts(&v))?.unwrap_or_default();
                let result = ToolResult::new(id, content);
                (Role::Tool, vec![Content::ToolResult(result)])
            }
            "function" => {
                let called = name
                    .clone()
                    .ok_or_else(|| o.path().member("name").error("is required"))?;
                let content = read(o.take("content"), |v| parts(&v))?.unwrap_or_default();
                let result = ToolResult::new(self.result_id(&called), content);
                (Role::Tool, vec![Content::ToolResult(result)])
            }
            other => {
                return Err(role.error(format_args!(
                    "must be one of system, developer, user, assistant, tool, function, not {other:?}"
                )));
            }
        };
        if let (Some(marker), Some(last)) = (marker, content.last_mut()) {
            mark(last, marker);
        }
        let name = name.filter(|_| role != Role::Tool);
        Ok(Message {
            name,
            ..Message::new(role, content)
        })
    }

    fn assistant(&mut self, o: &mut Object<'_, '_>) -> Result<Vec<Content>, Error> {
        let mut content = thinking(o)?;
        if let Some(said) = o.take("content") {
            content.extend(parts(&said)?);
        }
        if let Some(refusal) = read(o.take("refusal"), |v| v.string())? {
            content.push(Content::Refusal(refusal));
        }
        if let Some(audio) = o.take("audio") {
            content.push(Content::Other {
                dialect: NAME,
                json: json::object(|o| {
                    o.field("type", "audio").field("audio", &audio.json());
                }),
            });
        }
        if let Some(calls) = o.take("tool_calls") {
            for call in calls.items()? {
                let mut outer = call.object()?;
                if let Some(extra) = outer.peek("extra_content") {
                    content.extend(gemini_signature(extra.get()).map(signed));
                }
                outer.forget();
                content.push(Content::ToolCall(tool_call(&call)?));
            }
        }
        if let Some(extra) = o.take("extra_content") {
            content.extend(gemini_signature(extra.text()).map(signed));
        }
        if let Some(call) = o.take("function_call") {
            let mut call = call.object()?;
            let name = call.require("name")?.string()?;
            let arguments = read(call.take("arguments"), |v| arguments(&v))?.unwrap_or_default();
            let id = self.next_id();
            self.open.push_back((name.clone(), id.clone()));
            content.push(Content::ToolCall(ToolCall::new(id, name, arguments)));
        }
        Ok(content)
    }

    fn next_id(&mut self) -> String {
        self.legacy += 1;
        format!("call_fn_{}", self.legacy)
    }

    /// The id of the oldest open call of that function.
    fn result_id(&mut self, name: &str) -> String {
        let at = self.open.iter().position(|(called, _)| called == name);
        match at.and_then(|at| self.open.remove(at)) {
            Some((_, id)) => id,
            None => self.next_id(),
        }
    }
}

/// The reasoning in an assistant's message, whoever made it.
fn thinking(o: &mut Object<'_, '_>) -> Result<Vec<Content>, Error> {
    let detailed = o.take("reasoning_details").filter(Value::is_array);
    let blocks = o.take("thinking_blocks").filter(Value::is_array);
    let text = |value: Option<Value<'_, '_>>| {
        read(value.filter(Value::is_string), |v| v.string()).map(Option::unwrap_or_default)
    };
    let (content, other) = (
        text(o.take("reasoning_content"))?,
        text(o.take("reasoning"))?,
    );
    let plain = if content.is_empty() { other } else { content };
    let details = detailed.or(blocks).map(|value| value.json());
    let raw = match &details {
        Some(json) => serde_json::from_str(json.as_str()).ok(),
        None => None,
    };
    let mut found: Vec<Content> = Vec::new();
    let mut open = Thinking::default();
    for thought in of_parts(raw, &plain) {
        match thought {
            Thought::Text(text) => {
                // A text without a signature goes on in the next one: streams are kept as they came.
                open.text.push_str(&text);
                continue;
            }
            Thought::Signature(signature) => open.signature = Some(signature.into_owned()),
            Thought::Redacted(data) => {
                close(&mut open, &mut found);
                open.redacted = Some(data.into_owned());
            }
            Thought::Other(json) => {
                close(&mut open, &mut found);
                found.push(Content::Other {
                    dialect: NAME,
                    json,
                });
            }
        }
        close(&mut open, &mut found);
    }
    close(&mut open, &mut found);
    Ok(found)
}

pub(super) fn close(open: &mut Thinking, found: &mut Vec<Content>) {
    let mut thinking = std::mem::take(open);
    if thinking == Thinking::default() {
        return;
    }
    thinking.signature = thinking
        .signature
        .filter(|signature| !signature.starts_with(FOREIGN_SIGNATURE_PREFIX));
    thinking.origin = Some(match (&thinking.signature, &thinking.redacted) {
        (None, None) => NAME,
        _ => "anthropic",
    });
    found.push(Content::Thinking(thinking));
}

fn tool_call(value: &Value<'_, '_>) -> Result<ToolCall, Error> {
    let mut o = value.object()?;
    let id = o.require("id")?.string()?;
    for plumbing in ["type", "index", "extra_content"] {
        o.take_raw(plumbing);
    }
    let mut call = if let Some(custom) = o.take("custom") {
        let mut custom = custom.object()?;
        let name = custom.require("name")?.string()?;
        let input = read(custom.take("input"), |v| v.string())?.unwrap_or_default();
        let mut call = ToolCall::new(id, name, input);
        call.kind = CallKind::Custom;
        call
    } else {
        let function = o.require("function")?;
        let mut function = function.object()?;
        let name = function.require("name")?.string()?;
        let arguments = read(function.take("arguments"), |v| arguments(&v))?.unwrap_or_default();
        ToolCall::new(id, name, arguments)
    };
    call.cache = read(o.take("cache_control"), |v| cache_marker(&v))?;
    Ok(call)
}

/// A signature of Gemini's: of the call that follows, or of the text before.
fn signed(signature: String) -> Content {
    Content::Thinking(gemini::signature::of_next_part(signature))
}

/// A text; some clients send the object itself.
fn arguments(value: &Value<'_, '_>) -> Result<String, Error> {
    if value.is_object() {
        Ok(value.text().to_owned())
    } else {
        value.string()
    }
}
