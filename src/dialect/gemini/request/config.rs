//! `generationConfig`, written.

use super::{
    super::{
        NAME,
        models::{Abilities, Level, Thinking},
        schema,
    },
    decode_config,
    tools::{note, written},
};
use crate::{
    Extra, Json,
    chat::{ChatRequest, Effort, Fidelity, Reasoning, ResponseFormat},
    dialect::labels,
    json::{self, ObjectWriter, Value},
};

/// The most stop texts.
const MAX_STOPS: usize = 5;

/// `(level, budget)`, ascending: what the vendor's OpenAI-compatible endpoint makes of levels.
const BUDGETS: &[(Effort, u64)] = &[
    (Effort::Minimal, 1024),
    (Effort::Low, 1024),
    (Effort::Medium, 8192),
    (Effort::High, 24576),
];

/// Writes the member; none if nothing is to be said.
pub(super) fn config(
    request: &ChatRequest,
    able: &Abilities,
    functions: bool,
    report: &mut Fidelity,
) -> Option<Json> {
    let rest = own_rest(request);
    let mut out = ObjectWriter::new();
    out.optional("temperature", request.temperature)
        .optional("topP", request.top_p)
        .optional("topK", request.top_k)
        // Callers of this dialect read all the answers; of others, more than one was refused.
        .optional("candidateCount", request.n.filter(|_| is_own(request)))
        .optional("maxOutputTokens", max_tokens(request, report));
    stops(request, &mut out, report);
    out.optional("seed", request.seed);
    for (name, path, value) in [
        (
            "presencePenalty",
            "presence_penalty",
            request.presence_penalty,
        ),
        (
            "frequencyPenalty",
            "frequency_penalty",
            request.frequency_penalty,
        ),
    ] {
        if able.is_third() && value.is_some() {
            report.dropped(path, "this model has no penalties");
        } else {
            out.optional(name, value);
        }
    }
    out.optional("responseLogprobs", request.logprobs)
        .optional("logprobs", request.top_logprobs);
    format(request, able, functions, &mut out, report);
    out.optional("thinkingConfig", thinking(request, able, report))
        .extra(&rest);
    let out = out.into_json();
    (out.as_str() != "{}").then_some(out)
}

/// What a caller of this dialect said that has no field.
fn own_rest(request: &ChatRequest) -> Extra {
    if !is_own(request) {
        return Extra::new();
    }
    let rest = request.extra.get("generationConfig");
    rest.and_then(schema::members).unwrap_or_default()
}

fn is_own(request: &ChatRequest) -> bool {
    request.dialect == Some(NAME)
}

fn max_tokens(request: &ChatRequest, report: &mut Fidelity) -> Option<u64> {
    let most = u64::from(i32::MAX.unsigned_abs());
    request.max_tokens.filter(|tokens| {
        let fits = (1..=most).contains(tokens);
        if !fits {
            report.dropped("max_tokens", "the vendor takes from 1 to 2147483647");
        }
        fits
    })
}

fn stops(request: &ChatRequest, out: &mut ObjectWriter, report: &mut Fidelity) {
    let stops: Vec<&String> = request
        .stop
        .iter()
        .filter(|stop| !stop.is_empty())
        .collect();
    if stops.len() > MAX_STOPS {
        report.dropped("stop", "the vendor takes five: the first five count");
    }
    if !stops.is_empty() {
        out.array("stopSequences", stops.into_iter().take(MAX_STOPS));
    }
}

fn format(
    request: &ChatRequest,
    able: &Abilities,
    functions: bool,
    out: &mut ObjectWriter,
    report: &mut Fidelity,
) {
    const MIME: &str = "responseMimeType";
    let own = request.dialect == Some(NAME);
    let format = request.response_format.as_ref();
    let is_json = matches!(
        format,
        Some(ResponseFormat::JsonObject | ResponseFormat::JsonSchema { .. })
    );
    if is_json && functions && !able.is_third() && !own {
        report.dropped(
            "response_format",
            "this model answers in JSON or calls functions, not both",
        );
        return;
    }
    match format {
        Some(ResponseFormat::Text) if own => {
            out.field(MIME, "text/plain");
        }
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonObject) => {
            out.field(MIME, "application/json");
        }
        Some(ResponseFormat::JsonSchema {
            schema,
            name,
            description,
            ..
        }) => {
            labels::schema(name.as_deref(), description.as_deref(), report);
            let (member, schema, changes) =
                written(schema, able, "responseJsonSchema", "responseSchema");
            note("response_format.schema", &changes, report);
            out.field(MIME, "application/json").field(member, &schema);
        }
    }
}

fn thinking(request: &ChatRequest, able: &Abilities, report: &mut Fidelity) -> Option<Json> {
    let given = request.reasoning.as_ref();
    if let Some(Reasoning {
        raw: Some((NAME, raw)),
        ..
    }) = given
    {
        return Some(raw.clone());
    }
    let extra = google(request).and_then(|mut google| google.remove("thinking_config"));
    if let Some(raw) = extra {
        let meant =
            Value::root(raw.as_str().as_bytes()).and_then(|value| decode_config::reasoning(&value));
        return meant.is_ok().then_some(raw);
    }
    let asked = given?;
    if asked.effort.is_some() && asked.budget.is_some() {
        report.changed("reasoning.budget", "models take it or a level, not both");
        report.changed("reasoning.effort", "models take it or a budget, not both");
    }
    let rests = asked.enabled == Some(false) || asked.effort == Some(Effort::None);
    if asked.effort.is_none() && asked.budget.is_none() && asked.enabled.is_none() {
        return None;
    }
    let show = !rests && asked.show != Some(false);
    match able.thinking {
        Thinking::None if rests => None,
        Thinking::None => {
            report.dropped("reasoning", "this model cannot think");
            None
        }
        Thinking::Budget { least } => {
            let budget = budget(asked, rests, least, report);
            Some(json::object(|o| {
                o.field("includeThoughts", &show)
                    .optional("thinkingBudget", budget);
            }))
        }
        Thinking::Levels(known) => {
            let level = level(asked, rests, known, report);
            Some(json::object(|o| {
                o.field("includeThoughts", &show)
                    .optional("thinkingLevel", level.map(Level::as_str));
            }))
        }
    }
}

fn budget(asked: &Reasoning, rests: bool, least: u64, report: &mut Fidelity) -> Option<u64> {
    let most = BUDGETS.last().map_or(u64::MAX, |(_, most)| *most);
    let wanted = match (asked.budget, asked.effort) {
        _ if rests => 0,
        (Some(budget), _) => budget,
        (None, Some(effort)) => BUDGETS
            .iter()
            .find(|(level, _)| *level >= effort)
            .map_or(most, |(_, budget)| *budget),
        (None, None) => return None,
    };
    let budget = wanted.clamp(least, most);
    if budget != wanted {
        report.changed("reasoning", "the nearest budget this model takes");
    }
    Some(budget)
}

fn level(asked: &Reasoning, rests: bool, known: &[Level], report: &mut Fidelity) -> Option<Level> {
    let effort = match (asked.effort, asked.budget) {
        _ if rests => Effort::None,
        (Some(effort), _) => effort,
        (None, Some(budget)) => {
            report.changed("reasoning", "this model takes a level, not a budget");
            BUDGETS
                .iter()
                .skip(1)
                .find(|(_, most)| budget <= *most)
                .map_or(Effort::High, |(effort, _)| *effort)
        }
        (None, None) => return None,
    };
    let level = Level::nearest(effort, known);
    if rests {
        report.changed("reasoning", "this model always thinks: as little as it can");
    } else if level.effort() != effort {
        report.changed("reasoning.effort", "the nearest level this model knows");
    }
    Some(level)
}

/// What a caller of another dialect says for this vendor only: `extra_body.google`.
pub(super) fn google(request: &ChatRequest) -> Option<Extra> {
    if request.dialect == Some(NAME) {
        return None;
    }
    let nested = request
        .extra
        .get("extra_body")
        .and_then(schema::members)
        .and_then(|mut body| body.remove("google"));
    let google = nested.or_else(|| request.extra.get("google").cloned())?;
    schema::members(&google)
}
