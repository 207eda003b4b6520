//! Requests, as generativelanguage.googleapis.com takes them.

use std::collections::HashSet;

use super::{
    super::{
        node::{At, Kind::*, Unique},
        schema,
    },
    part,
};

pub(super) fn check(at: &At<'_>) {
    at.shape(
        &[("contents", Full)],
        &[
            ("systemInstruction", Object),
            ("tools", Full),
            ("toolConfig", Object),
            ("generationConfig", Object),
            ("safetySettings", List),
            ("cachedContent", Name),
            ("labels", Object),
            ("serviceTier", Text),
            ("store", Bool),
            ("continuationToken", Text),
        ],
    );
    if let Some(system) = at.get("systemInstruction") {
        system.shape(&[("parts", Full)], &[("role", Text)]);
        for item in system.list("parts") {
            item.must(
                part(&item) == "text",
                "more than text in the system's words",
            );
        }
    }
    contents(at);
    tools(at);
    if let Some(config) = at.get("generationConfig") {
        settings(&config);
    }
}

fn contents(at: &At<'_>) {
    let mut last_role = "";
    let mut calls: Vec<&str> = Vec::new();
    for turn in at.list("contents") {
        turn.shape(&[("role", OneOf(&["user", "model"])), ("parts", Full)], &[]);
        let role = turn.text("role");
        turn.must(role != last_role, "two turns of the same role");
        last_role = role;
        let (mut called, mut answered) = (Vec::new(), Vec::new());
        for item in turn.list("parts") {
            let kind = part(&item);
            let name = item.get(kind).map_or("", |inner| inner.text("name"));
            match kind {
                "functionCall" => {
                    item.must(role == "model", "a call that is not the model's");
                    called.push(name);
                }
                "functionResponse" => {
                    item.must(role == "user", "a result that is not the user's");
                    answered.push(name);
                }
                _ => {}
            }
        }
        calls.sort_unstable();
        answered.sort_unstable();
        turn.must(
            calls == answered,
            "the results are not those of the calls in the turn before",
        );
        calls = called;
    }
    at.must(calls.is_empty(), "the last calls have no results");
}

fn tools(at: &At<'_>) {
    let mut names = Unique::default();
    let mut known = HashSet::new();
    for tool in at.list("tools") {
        tool.must(tool.members().len() == 1, "not one kind of tools");
        for function in tool.list("functionDeclarations") {
            function.shape(
                &[("name", Name)],
                &[
                    ("description", Text),
                    ("parameters", Object),
                    ("parametersJsonSchema", Object),
                    ("response", Object),
                    ("responseJsonSchema", Object),
                    ("behavior", Text),
                ],
            );
            if let Some(name) = function.get("name") {
                name.word("_.:-", 128);
                let first = name
                    .as_text()
                    .starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
                name.must(first, "does not begin with a letter");
                names.add(&name, name.as_text());
                known.insert(name.as_text());
            }
            if let Some(parameters) = function.get("parameters") {
                schema::of_gemini(&parameters);
            }
            function.must(
                !(function.has("parameters") && function.has("parametersJsonSchema")),
                "two schemas",
            );
        }
    }
    let Some(config) = at.get("toolConfig") else {
        return;
    };
    config.shape(
        &[],
        &[
            ("functionCallingConfig", Object),
            ("includeServerSideToolInvocations", Bool),
            ("retrievalConfig", Object),
        ],
    );
    if let Some(calling) = config.get("functionCallingConfig") {
        calling.shape(
            &[("mode", OneOf(&["AUTO", "ANY", "NONE", "VALIDATED"]))],
            &[("allowedFunctionNames", Full)],
        );
        calling.must(!known.is_empty(), "a choice without functions");
        let allowed = calling.list("allowedFunctionNames");
        calling.must(
            allowed.is_empty() || matches!(calling.text("mode"), "ANY" | "VALIDATED"),
            "names that this mode does not take",
        );
        for name in allowed {
            name.must(known.contains(name.as_text()), "a tool nobody declared");
        }
    }
}

fn settings(at: &At<'_>) {
    at.shape(
        &[],
        &[
            ("temperature", Number),
            ("topP", Number),
            ("topK", Number),
            ("candidateCount", Count),
            ("maxOutputTokens", Count),
            ("stopSequences", Full),
            ("seed", Number),
            ("presencePenalty", Number),
            ("frequencyPenalty", Number),
            ("responseLogprobs", Bool),
            ("logprobs", Count),
            (
                "responseMimeType",
                OneOf(&["application/json", "text/plain", "text/x.enum"]),
            ),
            ("responseSchema", Object),
            ("responseJsonSchema", Object),
            ("responseFormat", Object),
            ("responseModalities", List),
            ("mediaResolution", Text),
            ("speechConfig", Object),
            ("imageConfig", Object),
            ("thinkingConfig", Object),
            ("audioTimestamp", Bool),
        ],
    );
    at.must(
        at.list("stopSequences").len() <= 5,
        "more than five stop texts",
    );
    if let Some(schema) = at.get("responseSchema") {
        schema::of_gemini(&schema);
    }
    let schemas = ["responseSchema", "responseJsonSchema"];
    let held = schemas.iter().filter(|name| at.has(name)).count();
    at.must(held < 2, "two schemas");
    let json = matches!(
        at.text("responseMimeType"),
        "application/json" | "text/x.enum"
    );
    at.must(held == 0 || json, "a schema without the type JSON");
    if let Some(thinking) = at.get("thinkingConfig") {
        thinking.shape(
            &[],
            &[
                ("includeThoughts", Bool),
                ("thinkingBudget", Number),
                (
                    "thinkingLevel",
                    OneOf(&[
                        "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH", "minimal", "low", "medium",
                        "high",
                    ]),
                ),
            ],
        );
        thinking.must(
            !(thinking.has("thinkingBudget") && thinking.has("thinkingLevel")),
            "a budget and a level",
        );
    }
}
