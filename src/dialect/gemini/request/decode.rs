//! A caller's request, read. Members may be spelled `likeThis` or `like_this`, even in one body.

use std::cell::RefCell;

use super::{super::NAME, decode_config, decode_parts::Conversation};
use crate::{
    Extra,
    chat::{ChatRequest, Fidelity, Message, Role, Tool, ToolChoice, ToolKind},
    error::Error,
    json::{self, Object, Value},
};

/// Takes the member of either spelling.
pub(super) fn either<'a, 'p>(
    members: &mut Object<'a, 'p>,
    camel: &'p str,
    snake: &'p str,
) -> Option<Value<'a, 'p>> {
    members.take(camel).or_else(|| members.take(snake))
}

/// Reads a request. The model and the wish for a stream are not in the body.
pub(in super::super) fn decode(body: &[u8]) -> Result<ChatRequest, Error> {
    let unread = RefCell::default();
    let mut request = conversation(&Value::accounted(body, &unread)?)?;
    request.unread = Fidelity::of_unread(unread.into_inner());
    Ok(request)
}

fn conversation(root: &Value<'_, '_>) -> Result<ChatRequest, Error> {
    let mut members = root.object()?;
    let mut request = ChatRequest::new("", Vec::new());
    request.dialect = Some(NAME);
    // The path names it.
    members.take_raw("model");

    let mut conversation = Conversation::default();
    if let Some(system) = either(&mut members, "systemInstruction", "system_instruction") {
        let content = conversation.system(&system)?;
        if !content.is_empty() {
            request.messages.push(Message::new(Role::System, content));
        }
    }
    let contents = members.require("contents")?;
    if contents.is_array() {
        let turns = contents.items()?;
        if turns.len() == 0 {
            return Err(contents.error("must hold at least one turn"));
        }
        for turn in turns {
            conversation.turn(&turn, &mut request.messages)?;
        }
    } else {
        conversation.turn(&contents, &mut request.messages)?;
    }

    let mut left = Extra::new();
    if let Some(tools) = members.take("tools") {
        for tool in tools.items()? {
            read_tool(&tool, &mut request.tools)?;
        }
    }
    if let Some(config) = either(&mut members, "toolConfig", "tool_config") {
        let mut inner = config.object()?;
        let calling = either(
            &mut inner,
            "functionCallingConfig",
            "function_calling_config",
        );
        if let Some(calling) = calling {
            request.tool_choice = choice(&calling)?;
        }
        keep(&mut left, "toolConfig", inner);
    }
    if let Some(config) = either(&mut members, "generationConfig", "generation_config") {
        let rest = decode_config::read(&config, &mut request)?;
        if !rest.is_empty() {
            left.insert(
                "generationConfig",
                json::object(|o| {
                    o.extra(&rest);
                }),
            );
        }
    }
    request.service_tier = either(&mut members, "serviceTier", "service_tier")
        .map(|tier| tier.string())
        .transpose()?
        .map(|tier| tier.to_ascii_lowercase());

    request.extra = members.into_extra();
    for (name, value) in left.iter() {
        request.extra.insert(name, value.clone());
    }
    Ok(request)
}

/// One entry of `tools`: functions, or a tool the vendor runs itself.
fn read_tool(tool: &Value<'_, '_>, out: &mut Vec<Tool>) -> Result<(), Error> {
    let mut members = tool.object()?;
    let functions = either(
        &mut members,
        "functionDeclarations",
        "function_declarations",
    );
    if let Some(functions) = functions {
        for function in functions.items()? {
            out.push(read_function(&function)?);
        }
    }
    for (name, value) in members.into_extra().iter() {
        out.push(Tool {
            name: name.to_owned(),
            description: None,
            kind: ToolKind::Hosted {
                dialect: NAME,
                json: json::object(|o| {
                    o.field(name, value);
                }),
            },
            cache: None,
            extra: Extra::new(),
        });
    }
    Ok(())
}

fn read_function(function: &Value<'_, '_>) -> Result<Tool, Error> {
    let mut members = function.object()?;
    let schema = either(
        &mut members,
        "parametersJsonSchema",
        "parameters_json_schema",
    );
    let own = members.take("parameters");
    let schema = match (schema, own) {
        (Some(schema), own) => {
            if let Some(own) = own {
                own.lost();
            }
            Some(schema.json())
        }
        (None, Some(own)) => Some(decode_config::own_schema(&own)),
        (None, None) => None,
    };
    Ok(Tool {
        name: members.require("name")?.string()?,
        description: members
            .take("description")
            .map(|v| v.string())
            .transpose()?,
        kind: ToolKind::Function {
            schema,
            strict: None,
        },
        cache: None,
        extra: members.into_extra(),
    })
}

fn choice(calling: &Value<'_, '_>) -> Result<Option<ToolChoice>, Error> {
    let mut members = calling.object()?;
    let mut names = Vec::new();
    if let Some(list) = either(
        &mut members,
        "allowedFunctionNames",
        "allowed_function_names",
    ) {
        for name in list.items()? {
            names.push(name.string()?);
        }
    }
    let Some(mode) = members.take("mode") else {
        return Ok(None);
    };
    let choice = match (mode.str()?.to_ascii_uppercase().as_str(), names.as_slice()) {
        ("AUTO", _) | ("VALIDATED", []) => ToolChoice::Auto,
        ("NONE", _) => ToolChoice::None,
        ("ANY", []) => ToolChoice::Required,
        ("ANY", [name]) => ToolChoice::Tool { name: name.clone() },
        ("ANY", _) => ToolChoice::Allowed {
            required: true,
            names,
        },
        ("VALIDATED", _) => ToolChoice::Allowed {
            required: false,
            names,
        },
        ("MODE_UNSPECIFIED", _) => return Ok(None),
        (other, _) => {
            return Err(mode.error(format_args!(
                "must be AUTO, ANY, NONE or VALIDATED, not {other:?}"
            )));
        }
    };
    Ok(Some(choice))
}

/// Keeps what nobody took of a nested object.
fn keep(left: &mut Extra, name: &str, inner: Object<'_, '_>) {
    let extra = inner.into_extra();
    if !extra.is_empty() {
        left.insert(
            name,
            json::object(|o| {
                o.extra(&extra);
            }),
        );
    }
}
