//! A request, written for the vendor.

mod tools;
mod turns;

use bytes::Bytes;

use crate::{
    chat::{ChatRequest, Effort, Fidelity, ResponseFormat},
    dialect::Target,
    error::{Error, ErrorKind},
    json::{self, Json, ObjectWriter},
};

/// The most stop texts.
const MAX_STOPS: usize = 5;

/// Members that only this vendor has: callers who know them may set them in any dialect.
const OWN: [&str; 4] = ["documents", "citation_options", "safety_mode", "priority"];

/// Writes a request. Members stand in a fixed order: the same request gives the same bytes.
pub(super) fn encode(
    request: &ChatRequest,
    target: &Target<'_>,
    report: &mut Fidelity,
) -> Result<Bytes, Error> {
    if request.n.is_some_and(|n| n > 1) {
        let message = "`n`: this vendor gives one answer a call";
        return Err(Error::new(ErrorKind::Unsupported, message).with_param("n"));
    }
    if request.messages.is_empty() {
        return Err(Error::invalid("messages", "`messages` must not be empty"));
    }
    let mut o = ObjectWriter::new();
    o.field("model", target.model)
        .array(
            "messages",
            turns::turns(request, thinks(target.model), report)?,
        )
        .field("stream", &request.stream);
    let has_tools = tools::tools(request, &mut o, report);
    o.optional("response_format", format(request, has_tools, report))
        .optional("max_tokens", request.max_tokens);
    stops(request, &mut o, report);
    for (name, path, value) in [
        ("temperature", "temperature", request.temperature),
        (
            "frequency_penalty",
            "frequency_penalty",
            request.frequency_penalty,
        ),
        (
            "presence_penalty",
            "presence_penalty",
            request.presence_penalty,
        ),
    ] {
        o.optional(name, value.map(|value| within_one(path, value, report)));
    }
    o.optional("p", request.top_p)
        .optional("k", request.top_k)
        .optional("seed", request.seed)
        .optional("logprobs", request.logprobs.filter(|asked| *asked))
        .optional("thinking", thinking(request, target.model, report));
    for name in OWN {
        o.optional(name, request.extra.get(name));
    }
    unsaid(request, report);
    Ok(o.finish().into())
}

fn within_one(path: &str, value: f64, report: &mut Fidelity) -> f64 {
    let within = value.clamp(0.0, 1.0);
    if within != value {
        report.changed(path, "the vendor takes from 0 to 1");
    }
    within
}

fn stops(request: &ChatRequest, o: &mut ObjectWriter, report: &mut Fidelity) {
    let stops = request.stop.iter().filter(|stop| !stop.is_empty());
    let stops: Vec<&String> = stops.collect();
    if stops.len() > MAX_STOPS {
        report.dropped("stop", "the vendor takes five: the first five count");
    }
    if !stops.is_empty() {
        o.array("stop_sequences", stops.into_iter().take(MAX_STOPS));
    }
}

fn format(request: &ChatRequest, has_tools: bool, report: &mut Fidelity) -> Option<Json> {
    let schema = match request.response_format.as_ref()? {
        ResponseFormat::Text => return None,
        ResponseFormat::JsonObject => None,
        ResponseFormat::JsonSchema { schema, .. } => Some(schema),
    };
    if has_tools {
        report.dropped(
            "response_format",
            "the vendor answers in JSON or calls tools, not both",
        );
        return None;
    }
    Some(json::object(|o| {
        o.field("type", "json_object")
            .optional("json_schema", schema);
    }))
}

/// Does it think? The others refuse the member.
fn thinks(model: &str) -> bool {
    model.contains("reasoning")
}

fn thinking(request: &ChatRequest, model: &str, report: &mut Fidelity) -> Option<Json> {
    let asked = request.reasoning.as_ref()?;
    let rests = asked.enabled == Some(false) || asked.effort == Some(Effort::None);
    if !thinks(model) {
        if !rests {
            report.dropped("reasoning", "this model does not think");
        }
        return None;
    }
    if rests {
        return Some(json::object(|o| {
            o.field("type", "disabled");
        }));
    }
    if asked.effort.is_some() && asked.budget.is_none() {
        report.changed(
            "reasoning",
            "the vendor has no levels: it thinks as it likes",
        );
    }
    Some(json::object(|o| {
        o.field("type", "enabled")
            .optional("token_budget", asked.budget);
    }))
}

/// What the vendor has no place for.
fn unsaid(request: &ChatRequest, report: &mut Fidelity) {
    for (name, said) in [
        ("top_logprobs", request.top_logprobs.is_some()),
        ("user", request.user.is_some()),
        ("prompt_cache_key", request.cache_key.is_some()),
        ("cache_control", request.cache.is_some()),
        (
            "service_tier",
            !matches!(
                request.service_tier.as_deref(),
                None | Some("auto" | "default")
            ),
        ),
    ] {
        if said {
            report.dropped(name, "the vendor has no such member");
        }
    }
    for (name, _) in request.extra.iter() {
        if !OWN.contains(&name) && name != "stream_options" {
            report.dropped(name, "the vendor has no such member");
        }
    }
}
