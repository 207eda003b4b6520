//! Whether a tool must be called.

use std::borrow::Cow;

use serde::Serialize;

use super::super::{MAX_TOOL_NAME, models::Abilities};
use crate::{
    chat::{ChatRequest, Fidelity, ToolChoice},
    dialect::alias::alias,
};

/// What `tool_choice` says.
#[derive(Debug, Serialize)]
pub(super) struct Choice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_parallel_tool_use: Option<bool>,
}

impl Choice<'_> {
    /// Must a tool be called?
    pub(super) fn is_forced(&self) -> bool {
        matches!(self.kind, "any" | "tool")
    }
}

/// Whether a tool must be called; none if the vendor's default says it.
pub(super) fn choice<'a>(
    request: &'a ChatRequest,
    any_tools: bool,
    able: &Abilities,
    report: &mut Fidelity,
) -> Option<Choice<'a>> {
    if !any_tools {
        if !matches!(
            request.tool_choice,
            None | Some(ToolChoice::None | ToolChoice::Auto)
        ) {
            report.dropped("tool_choice", "there are no tools");
        }
        return None;
    }
    let serial = request.parallel_tool_calls == Some(false);
    let (mut kind, mut name) = match &request.tool_choice {
        // Tools stand there for the history's sake only: the caller can run none.
        _ if request.tools.is_empty() && request.extra.get("web_search_options").is_none() => {
            ("none", None)
        }
        None if serial => ("auto", None),
        None => return None,
        Some(
            ToolChoice::Auto
            | ToolChoice::Allowed {
                required: false, ..
            },
        ) => ("auto", None),
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => ("any", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Tool { name }) => ("tool", Some(alias(name, MAX_TOOL_NAME))),
    };
    if !able.forced_tools && matches!(kind, "any" | "tool") {
        report.changed("tool_choice", "this model cannot be made to call a tool");
        (kind, name) = ("auto", None);
    }
    Some(Choice {
        kind,
        name,
        disable_parallel_tool_use: (serial && kind != "none").then_some(true),
    })
}
