//! A caller's request, read.

use std::cell::RefCell;

use super::{
    super::NAME,
    blocks,
    reasoning::{self, Mode},
};
use crate::{
    Extra,
    chat::{
        CacheMarker, ChatRequest, Content, Effort, Fidelity, Message, Reasoning, ResponseFormat,
        Role, Tool, ToolChoice, ToolKind,
    },
    error::Error,
    json::{Object, Value},
};

/// Reads a request. `max_tokens` and `messages` must be there: this dialect has no default for them.
pub(in super::super) fn decode(body: &[u8]) -> Result<ChatRequest, Error> {
    read(body, true)
}

/// Reads a question for a count, which has no answer to be limited.
pub(in super::super) fn decode_counted(body: &[u8]) -> Result<ChatRequest, Error> {
    read(body, false)
}

fn read(body: &[u8], answered: bool) -> Result<ChatRequest, Error> {
    let unread = RefCell::default();
    let mut request = conversation(&Value::accounted(body, &unread)?, answered)?;
    request.unread = Fidelity::of_unread(unread.into_inner());
    Ok(request)
}

fn conversation(root: &Value<'_, '_>, answered: bool) -> Result<ChatRequest, Error> {
    let mut members = root.object()?;
    let mut request = ChatRequest::new(members.require("model")?.string()?, Vec::new());
    request.dialect = Some(NAME);

    let turns = members.require("messages")?;
    request.max_tokens = match answered {
        true => Some(members.require("max_tokens")?.u64()?),
        false => members.take("max_tokens").map(|v| v.u64()).transpose()?,
    };
    if let Some(system) = members.take("system") {
        let content = blocks::content(&system)?;
        if !content.is_empty() {
            request.messages.push(Message::new(Role::System, content));
        }
    }
    let turns = turns.items()?;
    if turns.len() == 0 {
        return Err(Error::invalid(
            "messages",
            "`messages` must hold at least one message",
        ));
    }
    for turn in turns {
        read_turn(&turn, &mut request.messages)?;
    }

    if let Some(tools) = members.take("tools") {
        for tool in tools.items()? {
            request.tools.push(read_tool(&tool)?);
        }
    }
    if let Some(choice) = members.take("tool_choice") {
        read_choice(&choice, &mut request)?;
    }
    request.temperature = members.take("temperature").map(|v| v.f64()).transpose()?;
    request.top_p = members.take("top_p").map(|v| v.f64()).transpose()?;
    request.top_k = members.take("top_k").map(|v| v.u64()).transpose()?;
    if let Some(stops) = members.take("stop_sequences") {
        for stop in stops.items()? {
            request.stop.push(stop.string()?);
        }
    }
    request.stream = members
        .take("stream")
        .map(|v| v.bool())
        .transpose()?
        .unwrap_or(false);
    request.service_tier = members
        .take("service_tier")
        .map(|v| v.string())
        .transpose()?;
    request.cache = cache(&mut members)?;

    let mut left = Extra::new();
    if let Some(metadata) = members.take("metadata") {
        let mut inner = metadata.object()?;
        request.user = inner.take("user_id").map(|v| v.string()).transpose()?;
        keep(&mut left, "metadata", inner);
    }
    read_thinking(&mut members, &mut request, &mut left)?;

    request.extra = members.into_extra();
    for (name, value) in left.iter() {
        request.extra.insert(name, value.clone());
    }
    Ok(request)
}

/// Reads `cache_control`.
pub(super) fn cache(members: &mut Object<'_, '_>) -> Result<Option<CacheMarker>, Error> {
    let Some(raw) = members.take_raw("cache_control") else {
        return Ok(None);
    };
    let path = members.path().member("cache_control");
    let value = Value::new(raw, path);
    if value.is_null() {
        return Ok(None);
    }
    let mut inner = value.object()?;
    // There is one kind of them: its name says no more than that it is there.
    inner.take("type");
    let ttl = inner.take("ttl").map(|v| v.string()).transpose()?;
    Ok(Some(CacheMarker::new(ttl)))
}

/// One message; tool results become a message of their own before the rest.
fn read_turn(turn: &Value<'_, '_>, out: &mut Vec<Message>) -> Result<(), Error> {
    let mut members = turn.object()?;
    let role = members.require("role")?;
    let role = match &*role.str()? {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        other => {
            return Err(role.error(format_args!(
                "must be `user`, `assistant` or `system`, not `{other}`"
            )));
        }
    };
    let content = blocks::content(&members.require("content")?)?;
    if role != Role::User {
        match out.last_mut() {
            // The vendor makes one turn of such messages, too.
            Some(last) if role == Role::Assistant && last.role == role => {
                last.content.extend(content);
            }
            _ => out.push(Message::new(role, content)),
        }
        return Ok(());
    }
    let (results, rest): (Vec<_>, Vec<_>) = content
        .into_iter()
        .partition(|part| matches!(part, Content::ToolResult(_)));
    let only_results = rest.is_empty() && !results.is_empty();
    if !results.is_empty() {
        out.push(Message::new(Role::Tool, results));
    }
    if !only_results {
        out.push(Message::new(Role::User, rest));
    }
    Ok(())
}

fn read_tool(tool: &Value<'_, '_>) -> Result<Tool, Error> {
    let mut members = tool.object()?;
    let kind = members.take("type").map(|v| v.string()).transpose()?;
    if let Some(kind) = kind.filter(|kind| kind != "custom") {
        let name = members.take("name").map(|v| v.string()).transpose()?;
        members.forget();
        return Ok(Tool {
            name: name.unwrap_or(kind),
            description: None,
            kind: ToolKind::Hosted {
                dialect: NAME,
                json: tool.json(),
            },
            cache: None,
            extra: Extra::new(),
        });
    }
    let schema = members.take("input_schema");
    if let Some(schema) = schema.filter(|schema| !schema.is_object()) {
        return Err(schema.error("must be an object, a JSON schema"));
    }
    Ok(Tool {
        name: members.require("name")?.string()?,
        description: members
            .take("description")
            .map(|v| v.string())
            .transpose()?,
        kind: ToolKind::Function {
            schema: schema.map(|v| v.json()),
            strict: members.take("strict").map(|v| v.bool()).transpose()?,
        },
        cache: cache(&mut members)?,
        extra: members.into_extra(),
    })
}

fn read_choice(choice: &Value<'_, '_>, request: &mut ChatRequest) -> Result<(), Error> {
    let mut members = choice.object()?;
    let kind = members.require("type")?;
    request.tool_choice = Some(match &*kind.str()? {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Tool {
            name: members.require("name")?.string()?,
        },
        other => {
            return Err(kind.error(format_args!(
                "must be `auto`, `any`, `tool` or `none`, not `{other}`"
            )));
        }
    });
    request.parallel_tool_calls = members
        .take("disable_parallel_tool_use")
        .map(|v| v.bool())
        .transpose()?
        .map(|disabled| !disabled);
    Ok(())
}

/// `thinking`, `output_config` and its older spelling `output_format`.
fn read_thinking<'p>(
    members: &mut Object<'_, 'p>,
    request: &mut ChatRequest,
    left: &mut Extra,
) -> Result<(), Error> {
    let mut reasoning: Option<Reasoning> = None;
    if let Some(thinking) = members.take("thinking") {
        let mode = Mode::read(&thinking)?;
        reasoning = Some(reasoning::of_mode(&mode, thinking.json()));
    }
    if let Some(config) = members.take("output_config") {
        let mut inner = config.object()?;
        let effort = inner
            .peek("effort")
            .and_then(|raw| serde_json::from_str::<String>(raw.get()).ok())
            .and_then(|name| Effort::from_name(&name));
        if effort.is_some() {
            // An unknown level stays where it is, for a vendor who knows it.
            inner.take_raw("effort");
            reasoning.get_or_insert_default().effort = effort;
        }
        if let Some(format) = inner.take("format") {
            request.response_format = Some(read_format(&format)?);
        }
        keep(left, "output_config", inner);
    }
    if let Some(format) = members.take("output_format") {
        request.response_format = Some(read_format(&format)?);
    }
    request.reasoning = reasoning;
    Ok(())
}

fn read_format(format: &Value<'_, '_>) -> Result<ResponseFormat, Error> {
    let mut members = format.object()?;
    let kind = members.require("type")?;
    match &*kind.str()? {
        "json_schema" => Ok(ResponseFormat::JsonSchema {
            name: None,
            description: None,
            schema: members.require("schema")?.json(),
            strict: None,
        }),
        "text" => Ok(ResponseFormat::Text),
        other => Err(kind.error(format_args!("must be `json_schema`, not `{other}`"))),
    }
}

/// Keeps what nobody took of a nested object.
fn keep(left: &mut Extra, name: &str, inner: Object<'_, '_>) {
    let extra = inner.into_extra();
    if !extra.is_empty() {
        left.insert(
            name,
            crate::json::object(|o| {
                o.extra(&extra);
            }),
        );
    }
}
