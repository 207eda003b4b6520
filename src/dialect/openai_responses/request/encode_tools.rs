//! Tools and the choice among them, written.

use super::encode::Writer;
use crate::{
    chat::{Tool, ToolChoice, ToolKind},
    dialect::{
        alias::alias,
        openai_chat::request::{can_be_strict, of_object},
        openai_responses::{MAX_TOOL_NAME, NAME},
    },
    json::{self, Json, ObjectWriter, Value},
};

/// Writes `tools`, `tool_choice` and `parallel_tool_calls`.
pub(super) fn tools(w: &mut Writer<'_>, o: &mut ObjectWriter) {
    let request = w.request;
    let mut kept: Vec<(&Tool, Json)> = Vec::new();
    for (i, each) in request.tools.iter().enumerate() {
        if let Some(json) = tool(w, i, each) {
            kept.push((each, json));
        }
    }
    if kept.is_empty() {
        if matches!(
            request.tool_choice,
            Some(ToolChoice::Required | ToolChoice::Tool { .. } | ToolChoice::Allowed { .. })
        ) {
            w.report
                .dropped("tool_choice", "there is no tool to choose");
        }
        return;
    }
    o.array("tools", kept.iter().map(|(_, json)| json));
    if let Some(choice) = &request.tool_choice {
        write_choice(w, choice, &kept, o);
    }
    o.optional("parallel_tool_calls", request.parallel_tool_calls);
}

fn tool(w: &mut Writer<'_>, at: usize, tool: &Tool) -> Option<Json> {
    let ours = w.is_ours();
    let name = alias(&tool.name, MAX_TOOL_NAME);
    if tool.cache.is_some() {
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
            let refused = || schema.as_ref().is_some_and(|schema| !can_be_strict(schema));
            // What is not said counts as strict at OpenAI, which is not how other dialects mean it.
            let mut strict = strict.unwrap_or(false);
            if strict && !ours && refused() {
                w.report.changed(
                    format_args!("tools[{at}].strict"),
                    "a strict schema must require every property here",
                );
                strict = false;
            }
            Some(json::object(|o| {
                o.field("type", "function")
                    .field("name", &*name)
                    .optional("description", tool.description.as_deref());
                match schema {
                    Some(schema) => o.field("parameters", &*of_object(schema, ours)),
                    None => o.field("parameters", &no_arguments()),
                };
                o.field("strict", &strict);
                if ours {
                    o.extra(&tool.extra);
                }
            }))
        }
        ToolKind::Custom { format } => Some(json::object(|o| {
            o.field("type", "custom")
                .field("name", &*name)
                .optional("description", tool.description.as_deref())
                .optional("format", format.as_ref().map(flat));
            if ours {
                o.extra(&tool.extra);
            }
        })),
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

fn no_arguments() -> Json {
    json::object(|o| {
        o.field("type", "object")
            .field("properties", &Json::empty_object());
    })
}

/// A grammar's members stand beside its type here.
fn flat(format: &Json) -> Json {
    let read = || {
        let value = Value::root(format.as_str().as_bytes()).ok()?;
        let mut outer = value.object().ok()?;
        let kind = outer.take("type")?.string().ok()?;
        let inner = outer.take_raw(&kind)?;
        let inner = Value::root(inner.get().as_bytes()).ok()?;
        let members = inner.object().ok()?.into_extra();
        Some(json::object(|o| {
            o.field("type", &kind).extra(&members);
        }))
    };
    read().unwrap_or_else(|| format.clone())
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
                o.field("type", "allowed_tools")
                    .field("mode", mode)
                    .array("tools", tools);
            });
            o.field("tool_choice", &allowed)
        }
    };
}

/// `{"type":"function","name":…}`, its like for a custom tool, or the type of one that the vendor runs.
fn named(name: &str, kept: &[(&Tool, Json)]) -> Option<Json> {
    let (tool, _) = kept.iter().find(|(tool, _)| tool.name == name)?;
    let kind = match tool.kind {
        ToolKind::Function { .. } => "function",
        ToolKind::Custom { .. } => "custom",
        ToolKind::Hosted { .. } => name,
    };
    let hosted = matches!(tool.kind, ToolKind::Hosted { .. });
    Some(json::object(|o| {
        o.field("type", kind);
        if !hosted {
            o.field("name", &*alias(name, MAX_TOOL_NAME));
        }
    }))
}
