//! Tools and the choice among them, written.

use std::borrow::Cow;

use super::encode::Writer;
use crate::{
    chat::{Tool, ToolChoice, ToolKind},
    dialect::{
        alias::alias,
        openai_chat::{MAX_TOOL_NAME, NAME},
    },
    json::{self, Json, ObjectWriter, Value},
};

/// Writes `tools`, `tool_choice` and `parallel_tool_calls`. Tells whether there are functions among them.
pub(super) fn tools(w: &mut Writer<'_>, o: &mut ObjectWriter) -> bool {
    let request = w.request;
    let mut kept: Vec<(&Tool, Json)> = Vec::new();
    for (i, each) in request.tools.iter().enumerate() {
        if let Some(json) = tool(w, i, each) {
            kept.push((each, json));
        }
    }
    let mut choice = request.tool_choice.clone();
    if let Some(ToolChoice::Allowed { required, names }) = &choice
        && !w.model.is_openai()
    {
        let all = kept.len();
        if kept.iter().any(|(tool, _)| names.contains(&tool.name)) {
            kept.retain(|(tool, _)| names.contains(&tool.name));
        }
        if kept.len() < all {
            for (i, tool) in request.tools.iter().enumerate() {
                if !names.contains(&tool.name) {
                    w.report.mapped(
                        format_args!("tools[{i}]"),
                        "a tool that is not allowed is not told",
                    );
                }
            }
            w.report.changed(
                "tool_choice",
                "the tools that are not allowed are left out instead",
            );
        }
        choice = Some(if *required {
            ToolChoice::Required
        } else {
            ToolChoice::Auto
        });
    }
    if kept.is_empty() {
        if matches!(
            choice,
            Some(ToolChoice::Required | ToolChoice::Tool { .. } | ToolChoice::Allowed { .. })
        ) {
            w.report
                .dropped("tool_choice", "there is no tool to choose");
        }
        return false;
    }
    o.array("tools", kept.iter().map(|(_, json)| json));
    if let Some(choice) = choice {
        write_choice(w, &choice, &kept, o);
    }
    match request.parallel_tool_calls {
        // It is what holds anyway, and not every vendor knows the member.
        Some(true) if !w.is_ours() => {}
        parallel => {
            o.optional("parallel_tool_calls", parallel);
        }
    }
    kept.iter()
        .any(|(tool, _)| matches!(tool.kind, ToolKind::Function { .. }))
}

fn tool(w: &mut Writer<'_>, at: usize, tool: &Tool) -> Option<Json> {
    let ours = w.is_ours();
    let name = alias(&tool.name, MAX_TOOL_NAME);
    if tool.cache.is_some() && !w.model.is_claude() {
        w.no_cache();
    }
    if !ours {
        for (member, _) in tool.extra.iter() {
            w.report.dropped(
                format_args!("tools[{at}].{member}"),
                "this dialect has no such member",
            );
        }
    }
    match &tool.kind {
        ToolKind::Function { schema, strict } => {
            let mut strict = *strict;
            let refused = || schema.as_ref().is_some_and(|schema| !can_be_strict(schema));
            if !ours && strict == Some(true) && refused() {
                w.report.changed(
                    format_args!("tools[{at}].strict"),
                    "a strict schema must require every property here",
                );
                strict = Some(false);
            }
            let function = json::object(|o| {
                o.field("name", &*name)
                    .optional("description", tool.description.as_deref())
                    .optional("parameters", schema.as_ref().map(|s| of_object(s, ours)))
                    .optional("strict", strict);
                if ours {
                    o.extra(&tool.extra);
                }
            });
            Some(json::object(|o| {
                o.field("type", "function").field("function", &function);
            }))
        }
        ToolKind::Custom { format } => {
            let custom = json::object(|o| {
                o.field("name", &*name)
                    .optional("description", tool.description.as_deref())
                    .optional("format", format.as_ref());
            });
            Some(json::object(|o| {
                o.field("type", "custom").field("custom", &custom);
            }))
        }
        ToolKind::Hosted {
            dialect: NAME,
            json,
        } => Some(json.clone()),
        // Never a function of that name: nobody would run it.
        ToolKind::Hosted { dialect, .. } => {
            w.report.dropped(
                format_args!("tools[{at}]"),
                format!("only vendors of the dialect {dialect} run {}", tool.name),
            );
            None
        }
    }
}

fn write_choice(
    w: &mut Writer<'_>,
    choice: &ToolChoice,
    kept: &[(&Tool, Json)],
    o: &mut ObjectWriter,
) {
    match choice {
        ToolChoice::Auto => o.field("tool_choice", "auto"),
        ToolChoice::None => o.field("tool_choice", "none"),
        ToolChoice::Required => {
            if w.quirks.required == "auto" {
                w.report
                    .changed("tool_choice", "this vendor cannot require a call");
            }
            o.field("tool_choice", w.quirks.required)
        }
        ToolChoice::Tool { name } => match named(name, kept) {
            Some(json) => o.field("tool_choice", &json),
            None => {
                w.report
                    .dropped("tool_choice", "the tool is not among the tools");
                o
            }
        },
        ToolChoice::Allowed { required, names } => {
            let tools = names.iter().filter_map(|name| named(name, kept));
            let mode = if *required { "required" } else { "auto" };
            let allowed = json::object(|o| {
                o.field("mode", mode).array("tools", tools);
            });
            o.field(
                "tool_choice",
                &json::object(|o| {
                    o.field("type", "allowed_tools")
                        .field("allowed_tools", &allowed);
                }),
            )
        }
    };
}

/// `{"type":"function","function":{"name":…}}`, or its like for a custom tool.
fn named(name: &str, kept: &[(&Tool, Json)]) -> Option<Json> {
    let (tool, _) = kept.iter().find(|(tool, _)| tool.name == name)?;
    let kind = match tool.kind {
        ToolKind::Function { .. } => "function",
        ToolKind::Custom { .. } => "custom",
        ToolKind::Hosted { .. } => return None,
    };
    let inner = json::object(|o| {
        o.field("name", &*alias(name, MAX_TOOL_NAME));
    });
    Some(json::object(|o| {
        o.field("type", kind).field(kind, &inner);
    }))
}

/// The schema, with the type that OpenAI insists on and others do not.
pub(in crate::dialect) fn of_object(schema: &Json, ours: bool) -> Cow<'_, Json> {
    let root = Value::root(schema.as_str().as_bytes());
    match root.as_ref().map(Value::object) {
        Ok(Ok(members)) if !ours && members.peek("type").is_none() => {
            Cow::Owned(json::object(|o| {
                o.field("type", "object").extra(&members.into_extra());
            }))
        }
        _ => Cow::Borrowed(schema),
    }
}

/// Would OpenAI take the schema as strict: is every property required, and none beside them allowed?
pub(in crate::dialect) fn can_be_strict(schema: &Json) -> bool {
    fn check(schema: &serde_json::Value) -> bool {
        let serde_json::Value::Object(members) = schema else {
            return match schema {
                serde_json::Value::Array(items) => items.iter().all(check),
                _ => true,
            };
        };
        if let Some(serde_json::Value::Object(properties)) = members.get("properties") {
            let required = members
                .get("required")
                .and_then(serde_json::Value::as_array);
            let is_required = |name: &String| {
                required.is_some_and(|list| list.iter().any(|item| item.as_str() == Some(name)))
            };
            let closed =
                members.get("additionalProperties") == Some(&serde_json::Value::Bool(false));
            if !closed || !properties.keys().all(is_required) || !properties.values().all(check) {
                return false;
            }
        }
        members
            .iter()
            .filter(|(name, _)| {
                !matches!(
                    name.as_str(),
                    "properties" | "enum" | "const" | "default" | "examples"
                )
            })
            .all(|(_, value)| check(value))
    }
    schema
        .deserialize::<serde_json::Value>()
        .is_ok_and(|value| check(&value))
}
