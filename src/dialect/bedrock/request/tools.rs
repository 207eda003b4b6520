//! The tools of a request, and whether one must be called.

use std::{borrow::Cow, collections::HashSet};

use super::{
    super::{
        MAX_TOOL_NAME, NAME,
        models::{Family, Model},
        wire::{Block, Kind, member},
    },
    is_own, points,
};
use crate::{
    Json,
    chat::{ChatRequest, Content, Fidelity, Tool, ToolChoice, ToolKind},
    dialect::{
        alias::alias,
        anthropic::shared::{
            allowed, free_text, names_in_history, normalise, note_schema, object_schema,
        },
    },
    json,
};

/// Tools, ready.
#[derive(Debug, Default)]
pub(super) struct Tools<'a> {
    pub(super) entries: Vec<Block<'a>>,
    pub(super) choice: Option<Choice<'a>>,
}

/// Whether a tool must be called. Not to call any is more than the vendor can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice<'a> {
    Auto,
    Any,
    Tool(Cow<'a, str>),
}

impl Tools<'_> {
    /// `toolConfig`; none if there are no tools.
    pub(super) fn config(&self) -> Option<Json> {
        if self.entries.is_empty() {
            return None;
        }
        let choice = self.choice.as_ref().map(|choice| match choice {
            Choice::Auto => member("auto", &Json::empty_object()),
            Choice::Any => member("any", &Json::empty_object()),
            Choice::Tool(name) => json::object(|o| {
                let tool = json::object(|o| {
                    o.field("name", &**name);
                });
                o.field("tool", &tool);
            }),
        });
        Some(json::object(|o| {
            o.field("tools", &self.entries)
                .optional("toolChoice", choice);
        }))
    }
}

/// Writes tools and tool choice. `thinking`: will the model think?
pub(super) fn tools<'a>(
    request: &'a ChatRequest,
    model: &Model,
    thinking: bool,
    report: &mut Fidelity,
) -> Tools<'a> {
    let used = names_in_history(request);
    let answers = |part: &Content| matches!(part, Content::ToolCall(_) | Content::ToolResult(_));
    let called = request
        .messages
        .iter()
        .any(|message| message.content.iter().any(answers));
    if request.tools.is_empty() {
        let tools = Tools {
            entries: undescribed(&used, report),
            choice: None,
        };
        if !matches!(
            request.tool_choice,
            None | Some(ToolChoice::None | ToolChoice::Auto)
        ) {
            report.dropped("tool_choice", "there are no tools");
        }
        return tools;
    }
    if request.tool_choice == Some(ToolChoice::None) && !called {
        report.changed(
            "tool_choice",
            "the vendor cannot be told to call none: the tools are left out",
        );
        for i in 0..request.tools.len() {
            left_out(i, report);
        }
        return Tools::default();
    }
    let mut choice = choice(request, model, thinking, report);
    let only = only(request, model, thinking, &used);
    let mut entries = Vec::new();
    for (i, tool) in request.tools.iter().enumerate() {
        let wanted = only
            .as_ref()
            .is_none_or(|names| names.contains(tool.name.as_str()));
        let allowed = allowed(request).is_none_or(|names| names.contains(tool.name.as_str()));
        if wanted && !allowed {
            report.changed(
                format_args!("tools[{i}]"),
                "the tool is not allowed, but the conversation has called it: it stays",
            );
        }
        if wanted {
            entry(tool, i, request, model, &mut entries, report);
        } else {
            left_out(i, report);
        }
    }
    if !entries.iter().any(|entry| !entry.is_point()) {
        // Those that another vendor runs are left out, but their calls are still there.
        entries = undescribed(&used, report);
        choice = None;
    }
    Tools { entries, choice }
}

/// The tools of the conversation, by their names alone: without any the vendor refuses its calls.
fn undescribed<'a>(used: &[&'a str], report: &mut Fidelity) -> Vec<Block<'a>> {
    if !used.is_empty() {
        report.defaulted(
            "tools",
            "the conversation calls tools that the request does not describe",
        );
    }
    used.iter()
        .map(|name| spec(name, None, &object_schema(None), false, None))
        .collect()
}

fn left_out(i: usize, report: &mut Fidelity) {
    report.mapped(
        format_args!("tools[{i}]"),
        "a tool that may not be called is not told",
    );
}

fn choice<'a>(
    request: &'a ChatRequest,
    model: &Model,
    thinking: bool,
    report: &mut Fidelity,
) -> Option<Choice<'a>> {
    let (forced, known) = match request.tool_choice.as_ref()? {
        ToolChoice::Auto
        | ToolChoice::Allowed {
            required: false, ..
        } => (false, Choice::Auto),
        ToolChoice::None => {
            report.changed(
                "tool_choice",
                "the vendor cannot be told to call none, and the conversation has called tools: they stay",
            );
            (false, Choice::Auto)
        }
        ToolChoice::Required | ToolChoice::Allowed { required: true, .. } => (true, Choice::Any),
        ToolChoice::Tool { name } => (true, Choice::Tool(alias(name, MAX_TOOL_NAME))),
    };
    if forced && !model.can_be_forced() {
        report.changed("tool_choice", "this model cannot be made to call a tool");
        return Some(Choice::Auto);
    }
    if forced && thinking && model.family == Family::Claude {
        report.changed(
            "tool_choice",
            "the model cannot be made to call a tool while it thinks",
        );
        return Some(Choice::Auto);
    }
    Some(known)
}

/// The only tools that are offered; none if all are.
fn only<'a>(
    request: &'a ChatRequest,
    model: &Model,
    thinking: bool,
    used: &[&'a str],
) -> Option<HashSet<&'a str>> {
    let mut names = match &request.tool_choice {
        // It may call this one, or none.
        Some(ToolChoice::Tool { name })
            if !model.can_be_forced() || (thinking && model.family == Family::Claude) =>
        {
            HashSet::from([name.as_str()])
        }
        _ => allowed(request)?,
    };
    // What the conversation has called stays.
    names.extend(used);
    Some(names)
}

fn entry<'a>(
    tool: &'a Tool,
    i: usize,
    request: &ChatRequest,
    model: &Model,
    out: &mut Vec<Block<'a>>,
    report: &mut Fidelity,
) {
    let path = format!("tools[{i}]");
    let (schema, strict) = match &tool.kind {
        ToolKind::Hosted { dialect, json } if *dialect == NAME => {
            out.push(Block::Part(Kind::Other, json.clone()));
            return;
        }
        ToolKind::Hosted { .. } => {
            report.dropped(path, "another vendor runs this tool");
            return;
        }
        ToolKind::Custom { format } => {
            if format.is_some() {
                report.dropped(
                    format_args!("{path}.format"),
                    "the vendor knows no grammars",
                );
            }
            (free_text(), false)
        }
        ToolKind::Function { schema, strict } => {
            let schema = object_schema(schema.as_ref());
            if *strict != Some(true) {
                (schema, false)
            } else if !model.strict {
                report.dropped(format_args!("{path}.strict"), "this model is not strict");
                (schema, false)
            } else {
                let (schema, changes) = normalise(&schema);
                note_schema(&path, &changes, report);
                (schema, true)
            }
        }
    };
    if !is_own(request) {
        for (name, _) in tool.extra.iter() {
            report.dropped(
                format_args!("{path}.{name}"),
                "the vendor has no such member",
            );
        }
    }
    out.push(spec(
        &tool.name,
        tool.description.as_deref(),
        &schema,
        strict,
        is_own(request).then_some(&tool.extra),
    ));
    if tool.cache.is_some() && !model.caches_tools() {
        report.dropped(
            format_args!("{path}.cache_control"),
            "this model has no cache breakpoints among tools",
        );
    } else {
        let point = points::of(tool.cache.as_ref(), model, &path, report);
        out.extend(point.map(Block::Point));
    }
}

fn spec<'a>(
    name: &str,
    description: Option<&str>,
    schema: &Json,
    strict: bool,
    extra: Option<&crate::Extra>,
) -> Block<'a> {
    let name = alias(name, MAX_TOOL_NAME);
    // The vendor refuses one that is empty.
    let description = description.map(|words| match words.trim() {
        "" => &*name,
        _ => words,
    });
    let inner = json::object(|o| {
        o.field("name", &*name)
            .optional("description", description)
            .field("inputSchema", &member("json", schema));
        if strict {
            o.field("strict", &true);
        }
        if let Some(extra) = extra {
            o.extra(extra);
        }
    });
    Block::Part(Kind::Other, member("toolSpec", &inner))
}
