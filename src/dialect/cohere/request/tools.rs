//! The tools and whether they must be called.

use super::super::MAX_TOOL_NAME;
use crate::{
    chat::{ChatRequest, Fidelity, Tool, ToolChoice, ToolKind},
    dialect::{alias::alias, anthropic::shared::object_schema},
    json::{self, Json, ObjectWriter},
};

/// What a tool takes that takes free text.
const FREE_TEXT: &str =
    r#"{"type":"object","properties":{"content":{"type":"string"}},"required":["content"]}"#;

/// A tool that the vendor is told.
struct Kept<'a> {
    i: usize,
    tool: &'a Tool,
    json: Json,
}

/// Writes `tools`, `strict_tools` and `tool_choice`. Tells whether there is any tool.
pub(super) fn tools(request: &ChatRequest, o: &mut ObjectWriter, report: &mut Fidelity) -> bool {
    let mut kept: Vec<Kept<'_>> = Vec::new();
    for (i, tool) in request.tools.iter().enumerate() {
        if let Some(json) = written(i, tool, report) {
            kept.push(Kept { i, tool, json });
        }
    }
    let choice = choice(request, &mut kept, report);
    if kept.is_empty() {
        return false;
    }
    o.array("tools", kept.iter().map(|kept| &kept.json));
    let strict = |tool: &Tool| {
        matches!(
            tool.kind,
            ToolKind::Function {
                strict: Some(true),
                ..
            }
        )
    };
    if kept.iter().any(|kept| strict(kept.tool)) {
        if !kept.iter().all(|kept| strict(kept.tool)) {
            report.changed("tools", "the vendor is strict with all tools or with none");
        }
        o.field("strict_tools", &true);
    }
    o.optional("tool_choice", choice);
    if request.parallel_tool_calls == Some(false) {
        report.dropped(
            "parallel_tool_calls",
            "the vendor cannot be kept from calling several tools at once",
        );
    }
    true
}

/// The vendor knows "one of these" and "none". A single tool is forced by leaving the others out.
fn choice(
    request: &ChatRequest,
    kept: &mut Vec<Kept<'_>>,
    report: &mut Fidelity,
) -> Option<&'static str> {
    let (names, word): (Vec<&str>, Option<&'static str>) = match request.tool_choice.as_ref()? {
        ToolChoice::Auto => return None,
        ToolChoice::None => return Some("NONE"),
        ToolChoice::Required => return Some("REQUIRED"),
        ToolChoice::Tool { name } => (vec![name], Some("REQUIRED")),
        ToolChoice::Allowed { required, names } => (
            names.iter().map(String::as_str).collect(),
            required.then_some("REQUIRED"),
        ),
    };
    let is_named = |kept: &Kept<'_>| names.contains(&&*kept.tool.name);
    if !kept.iter().any(is_named) {
        report.dropped("tool_choice", "there is no such tool");
        return None;
    }
    let all = kept.len();
    for out in kept.iter().filter(|kept| !is_named(kept)) {
        report.mapped(
            format_args!("tools[{}]", out.i),
            "a tool that may not be called is not told",
        );
    }
    kept.retain(is_named);
    if kept.len() < all {
        report.changed("tool_choice", "the other tools are left out instead");
    }
    word
}

fn written(i: usize, tool: &Tool, report: &mut Fidelity) -> Option<Json> {
    let free = Json::parse(FREE_TEXT).unwrap_or_else(|_| Json::empty_object());
    let schema = match &tool.kind {
        ToolKind::Function { schema, .. } => object_schema(schema.as_ref()),
        ToolKind::Custom { format } => {
            if format.is_some() {
                report.dropped(
                    format_args!("tools[{i}].format"),
                    "the vendor knows no grammars",
                );
            }
            free
        }
        ToolKind::Hosted { .. } => {
            report.dropped(format_args!("tools[{i}]"), "another vendor runs this tool");
            return None;
        }
    };
    for (name, _) in tool.extra.iter() {
        report.dropped(
            format_args!("tools[{i}].{name}"),
            "the vendor's tools have no such member",
        );
    }
    if tool.cache.is_some() {
        report.dropped(
            format_args!("tools[{i}].cache_control"),
            "the vendor places its own cache markers",
        );
    }
    let function = json::object(|o| {
        o.field("name", &*alias(&tool.name, MAX_TOOL_NAME))
            .optional("description", tool.description.as_deref())
            .field("parameters", &schema);
    });
    Some(json::object(|o| {
        o.field("type", "function").field("function", &function);
    }))
}
