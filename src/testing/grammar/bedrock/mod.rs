//! Requests of Bedrock's Converse, as far as all models agree. Nobody is served in this dialect.

mod block;
mod tools;
mod turns;

use serde_json::Value;

use super::{
    Grammar,
    node::{At, Kind::*},
};

pub(super) const GRAMMAR: Grammar = Grammar {
    dialect: "bedrock-converse",
    request,
    told: None,
};

fn request(at: &At<'_>) {
    at.shape(
        &[("messages", Full)],
        &[
            ("system", List),
            ("inferenceConfig", Object),
            ("toolConfig", Object),
            ("guardrailConfig", Object),
            ("additionalModelRequestFields", Object),
            ("additionalModelResponseFieldPaths", List),
            ("outputConfig", Object),
            ("performanceConfig", Object),
            ("promptVariables", Object),
            ("requestMetadata", Object),
            ("serviceTier", Object),
        ],
    );
    if let Some(config) = at.some("inferenceConfig") {
        inference(&config);
    }
    if let Some(format) = at
        .get("outputConfig")
        .and_then(|config| config.some("textFormat"))
    {
        output(&format);
    }
    let used = turns::check(at);
    tools::check(at, used);
    at.must(points(at.value) <= 4, "more than four cache breakpoints");
}

fn inference(at: &At<'_>) {
    at.shape(
        &[],
        &[
            ("maxTokens", Count),
            ("temperature", Number),
            ("topP", Number),
            ("stopSequences", List),
        ],
    );
    at.must(
        !at.has("maxTokens") || at.count("maxTokens") > 0,
        "no tokens at all",
    );
    for name in ["temperature", "topP"] {
        if let Some(number) = at.get(name).and_then(|n| n.value.as_f64()) {
            at.must(
                (0.0..=1.0).contains(&number),
                &format!("{name} is not within 0 and 1"),
            );
        }
    }
    for text in at.list("stopSequences") {
        text.is(Name);
    }
}

/// The schema is a text with JSON in it.
fn output(at: &At<'_>) {
    at.shape(&[("type", Is("json_schema")), ("structure", Object)], &[]);
    let schema = at
        .get("structure")
        .and_then(|structure| structure.get("jsonSchema"));
    let Some(schema) = schema else {
        return at.say("no schema");
    };
    schema.shape(
        &[("schema", Name)],
        &[("name", Name), ("description", Name)],
    );
    let text = serde_json::from_str::<Value>(schema.text("schema"));
    schema.must(
        text.is_ok_and(|schema| schema.is_object()),
        "the schema's text is no JSON object",
    );
}

/// How many cache breakpoints there are.
fn points(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(points).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match name.as_str() {
                "cachePoint" => 1,
                // The caller's own words.
                "input" | "inputSchema" | "json" => 0,
                _ => points(value),
            })
            .sum(),
        _ => 0,
    }
}
