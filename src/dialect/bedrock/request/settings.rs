//! Settings beside the conversation: limits, sampling, who asks, and what has no field.

use super::{
    super::models::{Family, Model},
    fields::Plan,
    is_own, nested,
};
use crate::{
    Json,
    chat::{ChatRequest, Fidelity},
    json::{self, ObjectWriter},
};

/// Members of this dialect that callers of any dialect may send along.
const EXTENSIONS: &[&str] = &[
    "additionalModelResponseFieldPaths",
    "guardrailConfig",
    "outputConfig",
    "performanceConfig",
    "promptVariables",
    "serviceTier",
];

/// Members whose parts were written, or told of, one by one.
const READ: &[&str] = &[
    "additionalModelRequestFields",
    "metadata",
    "requestMetadata",
];

/// Members of this dialect that are written from fields.
const WRITTEN: &[&str] = &["inferenceConfig", "messages", "system", "toolConfig"];

/// Where Claude tells which stop text was hit, if it is asked.
const STOP_SEQUENCE: &str = "/stop_sequence";
const STREAMED_STOP_SEQUENCE: &str = "/delta/stop_sequence";

/// The most pairs of `requestMetadata`, and the most characters of each of their texts.
const MOST_PAIRS: usize = 16;
const MOST_CHARS: usize = 256;

/// `inferenceConfig`; none if nothing is in it.
pub(super) fn inference(
    request: &ChatRequest,
    model: &Model,
    plan: &mut Plan,
    report: &mut Fidelity,
) -> Option<Json> {
    let mut max_tokens = request.max_tokens;
    if max_tokens.is_some_and(|most| most == 0 || most > i32::MAX.unsigned_abs().into()) {
        max_tokens = None;
        report.dropped("max_tokens", "the vendor wants a limit from 1 to 2³¹ − 1");
    }
    if plan.unlimited && max_tokens.take().is_some() {
        report.dropped(
            "max_tokens",
            "this model takes no limit while it thinks as hard as it can",
        );
    }
    let (temperature, top_p) = sampling(request, model, plan, report);
    let (stops, blank): (Vec<&String>, Vec<&String>) = request
        .stop
        .iter()
        .partition(|stop| !stop.trim().is_empty());
    if !blank.is_empty() {
        report.dropped("stop", "the vendor refuses stop texts of white space");
    }
    let mut out = ObjectWriter::new();
    out.optional("maxTokens", max_tokens)
        .optional("temperature", temperature)
        .optional("topP", top_p);
    if !stops.is_empty() {
        out.array("stopSequences", stops);
    }
    Some(out.into_json()).filter(|config| config.as_str() != "{}")
}

fn sampling(
    request: &ChatRequest,
    model: &Model,
    plan: &Plan,
    report: &mut Fidelity,
) -> (Option<f64>, Option<f64>) {
    let (mut temperature, mut top_p) = (request.temperature, request.top_p);
    if temperature.is_some_and(|t| t > 1.0) {
        report.changed("temperature", "the vendor's scale ends at 1");
        temperature = Some(1.0);
    }
    let able = model.claude.as_ref();
    let refused = able.is_some_and(|able| !able.sampling);
    if refused || plan.on {
        let why = if refused {
            "this model refuses it"
        } else {
            "the model refuses it while it thinks"
        };
        // 1 is the default of both: leaving it out changes nothing.
        for (name, slot) in [("temperature", &mut temperature), ("top_p", &mut top_p)] {
            if slot.take().is_some_and(|value| value < 1.0) {
                report.dropped(name, why);
            }
        }
    }
    let both = able.is_none_or(|able| able.both_samplings);
    if !both && temperature.is_some() && top_p.take().is_some() {
        report.dropped("top_p", "this model takes it or `temperature`, not both");
    }
    (temperature, top_p)
}

/// Everything behind the conversation and its settings.
pub(super) fn rest(
    request: &ChatRequest,
    model: &Model,
    formatted: bool,
    out: &mut ObjectWriter,
    report: &mut Fidelity,
) {
    let tier = service_tier(request, report);
    if let Some(tier) = tier {
        out.field(
            "serviceTier",
            &json::object(|o| {
                o.field("type", tier);
            }),
        );
    }
    out.optional("requestMetadata", metadata(request, report));
    let asks = request.extra.get("additionalModelResponseFieldPaths");
    if asks.is_none() && model.family == Family::Claude && !request.stop.is_empty() {
        let place = if request.stream {
            STREAMED_STOP_SEQUENCE
        } else {
            STOP_SEQUENCE
        };
        out.array("additionalModelResponseFieldPaths", [place]);
    }
    for (name, value) in request.extra.iter() {
        let taken = match name {
            // A model that thinks by it was told so.
            "thinking" => model.claude.is_some(),
            "outputConfig" => formatted,
            "serviceTier" => tier.is_some(),
            // Told in words of the wire: the path says it.
            "stream_options" => true,
            _ => READ.contains(&name) || (is_own(request) && WRITTEN.contains(&name)),
        };
        if taken {
            continue;
        }
        if EXTENSIONS.contains(&name) || is_own(request) {
            out.field(name, value);
        } else {
            report.dropped(name, "the vendor has no such member");
        }
    }
    unsaid(request, report);
}

/// The tier in the vendor's words.
fn service_tier<'a>(request: &'a ChatRequest, report: &mut Fidelity) -> Option<&'a str> {
    match request.service_tier.as_deref()? {
        // What is done unasked.
        "auto" => None,
        tier @ ("default" | "flex" | "priority" | "reserved") => Some(tier),
        "standard" | "standard_only" => Some("default"),
        tier if is_own(request) => Some(tier),
        _ => {
            report.dropped("service_tier", "the vendor has no such tier");
            None
        }
    }
}

/// `requestMetadata`: pairs of short texts, for the account's own logs.
fn metadata(request: &ChatRequest, report: &mut Fidelity) -> Option<Json> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let user = request.user.iter().map(|user| {
        let value = Json::from_serialize(user).unwrap_or_else(|_| Json::null());
        ("user", "user_id".to_owned(), value)
    });
    let given = ["metadata", "requestMetadata"]
        .into_iter()
        .flat_map(|from| {
            let members = nested(request, from);
            members
                .into_iter()
                .map(move |(name, value)| (from, name, value))
        });
    for (from, name, value) in user.chain(given) {
        let text = value.deserialize::<String>().ok();
        match text.filter(|text| is_legal(text) && is_legal(&name)) {
            Some(text) if pairs.len() < MOST_PAIRS => pairs.push((name, text)),
            _ => {
                let path = match from {
                    "user" => from.to_owned(),
                    from => format!("{from}.{name}"),
                };
                report.dropped(
                    path,
                    "the vendor takes sixteen short texts of plain characters",
                );
            }
        }
    }
    if pairs.is_empty() {
        return None;
    }
    Some(json::object(|o| {
        for (name, value) in &pairs {
            o.field(name, value);
        }
    }))
}

fn is_legal(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || " :_@$#=/+,-.".contains(c);
    text.len() <= MOST_CHARS && text.chars().all(legal)
}

/// What has no member here at all.
fn unsaid(request: &ChatRequest, report: &mut Fidelity) {
    let is_set = |value: Option<f64>| value.is_some_and(|v| v != 0.0);
    for (name, set) in [
        ("frequency_penalty", is_set(request.frequency_penalty)),
        ("presence_penalty", is_set(request.presence_penalty)),
        ("seed", request.seed.is_some()),
        ("logprobs", request.logprobs == Some(true)),
        ("top_logprobs", request.top_logprobs.is_some_and(|n| n > 0)),
        ("prompt_cache_key", request.cache_key.is_some()),
    ] {
        if set {
            report.dropped(name, "the vendor has no such member");
        }
    }
}
