//! Requests, as api.anthropic.com takes them.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    super::{
        node::{At, Kind::*, Unique},
        schema,
    },
    block::{self, Place},
};

pub(super) fn check(at: &At<'_>) {
    at.shape(
        &[("model", Name), ("max_tokens", Count), ("messages", Full)],
        &[
            ("system", Or(&Text, &Full)),
            ("cache_control", Or(&Object, &Null)),
            ("container", Any),
            ("context_management", Object),
            ("diagnostics", Object),
            ("inference_geo", Text),
            ("mcp_servers", List),
            ("metadata", Object),
            ("output_config", Object),
            ("output_format", Object),
            ("service_tier", OneOf(&["auto", "standard_only"])),
            ("speed", OneOf(&["standard", "fast"])),
            ("stop_sequences", List),
            ("stream", Bool),
            ("thinking", Object),
            ("tool_choice", Object),
            ("tools", Full),
            ("temperature", Number),
            ("top_p", Number),
            ("top_k", Count),
            ("fallbacks", Any),
            ("thread", Any),
            ("compaction", Any),
        ],
    );
    for text in at.list("stop_sequences") {
        text.is(Name);
        text.must(
            !text.as_text().trim().is_empty(),
            "a stop text of white space",
        );
    }
    for part in at.list("system") {
        block::check(&part, Place::System, &mut Unique::default());
    }
    if let Some(heat) = at.get("temperature").and_then(|t| t.value.as_f64()) {
        at.must(
            (0.0..=1.0).contains(&heat),
            "temperature is not within 0 and 1",
        );
    }
    thinking(at);
    let used = messages(at);
    tools(at, used);
    let marks = markers(at.value);
    at.must(marks <= 4, "more than four cache breakpoints");
}

fn thinking(at: &At<'_>) {
    let Some(thinking) = at.some("thinking") else {
        return;
    };
    match thinking.text("type") {
        "enabled" => {
            thinking.shape(
                &[("type", Name), ("budget_tokens", Count)],
                &[("display", Text)],
            );
            let budget = thinking.count("budget_tokens");
            thinking.must(budget >= 1024, "a budget under 1024 tokens");
            thinking.must(budget < at.count("max_tokens"), "a budget of all tokens");
            let forced = at
                .get("tool_choice")
                .is_some_and(|c| matches!(c.text("type"), "any" | "tool"));
            thinking.must(!forced, "a budget and a forced tool");
            let heat = at.get("temperature").and_then(|t| t.value.as_f64());
            thinking.must(heat.is_none_or(|t| t == 1.0), "a budget and a temperature");
            thinking.must(!at.has("top_k"), "a budget and top_k");
        }
        _ => thinking.shape(
            &[("type", OneOf(&["adaptive", "disabled", "between_tools"]))],
            &[("display", Text), ("block_binding", Any)],
        ),
    }
}

/// Checks the turns. Were tools used in them?
fn messages(at: &At<'_>) -> bool {
    let mut ids = Unique::default();
    // The calls of the turn before.
    let mut calls: Vec<&str> = Vec::new();
    let mut used = false;
    let turns = at.list("messages");
    let mut last_role = "";
    for turn in &turns {
        let role = turn.text("role");
        turn.shape(
            &[
                ("role", OneOf(&["user", "assistant", "system"])),
                ("content", Or(&Name, &Full)),
            ],
            &[],
        );
        turn.must(role != last_role, "two turns of the same role");
        turn.must(
            !last_role.is_empty() || role == "user",
            "the first turn is not the user's",
        );
        let content = turn.list("content");
        let mut results = HashSet::new();
        let mut other = false;
        for part in &content {
            let place = match role {
                "assistant" => Place::Assistant,
                "system" => Place::System,
                _ => Place::User,
            };
            block::check(part, place, &mut ids);
            if part.text("type") != "tool_result" {
                other = true;
                continue;
            }
            let id = part.text("tool_use_id");
            part.must(!other, "a result after something else");
            part.must(
                calls.contains(&id),
                "a result of no call in the turn before",
            );
            part.must(results.insert(id), "a second result of the same call");
        }
        let missing = calls.iter().filter(|id| !results.contains(*id)).count();
        turn.must(missing == 0, "calls of the turn before have no results");
        calls = content
            .iter()
            .filter(|part| part.text("type") == "tool_use")
            .map(|part| part.text("id"))
            .collect();
        used |= !calls.is_empty() || !results.is_empty();
        last_role = role;
    }
    at.must(calls.is_empty(), "the last calls have no results");
    if let Some(last) = turns.last().filter(|t| t.text("role") == "assistant") {
        let parts = last.list("content");
        let text = match parts.last() {
            Some(part) => part.text("text"),
            None => last.text("content"),
        };
        last.must(
            !text.ends_with(char::is_whitespace),
            "white space ends the last turn",
        );
    }
    used
}

fn tools(at: &At<'_>, used: bool) {
    at.must(
        !used || at.has("tools"),
        "tools were used and none is declared",
    );
    let mut names = Unique::default();
    let mut known = HashSet::new();
    for tool in at.list("tools") {
        if !matches!(tool.text("type"), "" | "custom") {
            // The vendor's own.
            continue;
        }
        tool.shape(
            &[("name", Name), ("input_schema", Object)],
            &[
                ("type", Is("custom")),
                ("description", Text),
                ("strict", Bool),
                ("cache_control", Or(&Object, &Null)),
                ("defer_loading", Bool),
                ("eager_input_streaming", Bool),
                ("input_examples", List),
                ("allowed_callers", List),
            ],
        );
        if let Some(name) = tool.get("name") {
            name.word("_-", 128);
            names.add(&name, name.as_text());
            known.insert(name.as_text());
        }
        if let Some(schema) = tool.get("input_schema") {
            schema::of_arguments(&schema);
        }
    }
    if let Some(choice) = at.some("tool_choice") {
        choice.shape(
            &[("type", OneOf(&["auto", "any", "tool", "none"]))],
            &[("name", Name), ("disable_parallel_tool_use", Bool)],
        );
        choice.must(at.has("tools"), "a choice without tools");
        if choice.text("type") == "tool" {
            let hosted = known.len() < at.list("tools").len();
            choice.must(
                known.contains(choice.text("name")) || hosted,
                "a tool nobody declared",
            );
        }
    }
}

/// How many cache breakpoints there are.
fn markers(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(markers).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match name.as_str() {
                "cache_control" => usize::from(value.is_object()),
                // The caller's own words.
                "input" | "input_schema" => 0,
                _ => markers(value),
            })
            .sum(),
        _ => 0,
    }
}
