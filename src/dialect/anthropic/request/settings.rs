//! Settings beside the conversation: sampling, stop texts, who asks, and what has no field.

use super::super::{NAME, models::Abilities};
use super::reasoning::Plan;
use crate::{
    Json,
    chat::{ChatRequest, Fidelity},
    json::{self, ObjectWriter},
};

/// Members that are written from fields: never again from `extra`.
const WRITTEN: &[&str] = &[
    "model",
    "max_tokens",
    "system",
    "messages",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "metadata",
    "service_tier",
    "stream",
];

/// Members of this dialect that callers of other dialects may send along.
const EXTENSIONS: &[&str] = &[
    "cache_control",
    "container",
    "context_management",
    "inference_geo",
    "mcp_servers",
    "speed",
];

/// `temperature`, `top_p`, `top_k`, as far as the model takes them.
pub(super) fn sampling(
    request: &ChatRequest,
    able: &Abilities,
    plan: &Plan,
    out: &mut ObjectWriter,
    report: &mut Fidelity,
) {
    const REFUSED: &str = "this model refuses it";
    const THINKING: &str = "the vendor refuses it while the model thinks";
    let mut temperature = request.temperature;
    let (mut top_p, mut top_k) = (request.top_p, request.top_k);
    if temperature.is_some_and(|t| t > 1.0) {
        report.changed("temperature", "the vendor's scale ends at 1");
        temperature = Some(1.0);
    }
    if !able.sampling || plan.on {
        let why = if able.sampling { THINKING } else { REFUSED };
        // 1 is the default: leaving it out changes nothing.
        if temperature.take().is_some_and(|t| t != 1.0) {
            report.dropped("temperature", why);
        }
        if top_k.take().is_some() {
            report.dropped("top_k", why);
        }
        let near_all = if able.sampling { 0.95 } else { 1.0 };
        if let Some(p) = top_p.filter(|p| !able.sampling || *p < near_all) {
            top_p = None;
            if p < 1.0 {
                report.dropped("top_p", why);
            }
        }
    }
    if !able.both_samplings && temperature.is_some() && top_p.take().is_some() {
        report.dropped("top_p", "this model takes it or `temperature`, not both");
    }
    out.optional("temperature", temperature)
        .optional("top_p", top_p)
        .optional("top_k", top_k);
}

/// `stop_sequences`.
pub(super) fn stops(request: &ChatRequest, out: &mut ObjectWriter, report: &mut Fidelity) {
    let (kept, blank): (Vec<&String>, Vec<&String>) = request
        .stop
        .iter()
        .partition(|stop| !stop.trim().is_empty());
    if !blank.is_empty() {
        report.dropped("stop", "the vendor refuses stop texts of white space");
    }
    if !kept.is_empty() {
        out.array("stop_sequences", kept);
    }
}

/// `metadata`, without what identifies a person.
pub(super) fn metadata(request: &ChatRequest, out: &mut ObjectWriter, report: &mut Fidelity) {
    let mut metadata = ObjectWriter::new();
    match request.user.as_deref() {
        Some(user) if request.dialect != Some(NAME) && is_personal(user) => {
            report.dropped(
                "user",
                "the vendor wants no e-mail addresses or phone numbers",
            );
        }
        user => {
            metadata.optional("user_id", user);
        }
    }
    for (name, value) in nested(request, "metadata") {
        if name != "user_id" {
            metadata.field(&name, &value);
        }
    }
    let metadata = metadata.into_json();
    if metadata.as_str() != "{}" {
        out.field("metadata", &metadata);
    }
}

/// Does it look like an e-mail address or a phone number?
fn is_personal(user: &str) -> bool {
    let digits = user.bytes().filter(u8::is_ascii_digit).count();
    let phone = user
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-(). ".contains(&b));
    let mail = user
        .split_once('@')
        .is_some_and(|(_, host)| host.contains('.'));
    mail || (phone && (7..=15).contains(&digits))
}

/// The tier in the vendor's words.
pub(super) fn service_tier<'a>(request: &'a ChatRequest, report: &mut Fidelity) -> Option<&'a str> {
    match request.service_tier.as_deref()? {
        "auto" | "priority" => Some("auto"),
        "default" | "standard_only" => Some("standard_only"),
        other if is_own(request) => Some(other),
        _ => {
            report.dropped("service_tier", "the vendor has no such tier");
            None
        }
    }
}

/// What has no field, where it means something.
pub(super) fn extras(
    request: &ChatRequest,
    cached: bool,
    out: &mut ObjectWriter,
    report: &mut Fidelity,
) {
    for (name, value) in request.extra.iter() {
        let taken = WRITTEN.contains(&name) || (name == "cache_control" && cached);
        if taken && (is_own(request) || name == "thinking") {
            continue;
        }
        let extension = EXTENSIONS.contains(&name) && has_shape(name, value);
        if !taken && (is_own(request) || extension) {
            out.field(name, value);
        } else if name != "web_search_options" {
            report.dropped(name, "the vendor has no such member");
        }
    }
}

/// What has no member here at all.
pub(super) fn unsaid(request: &ChatRequest, report: &mut Fidelity) {
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

/// The members of an object in `extra`, if they are in this dialect.
pub(super) fn nested(request: &ChatRequest, name: &str) -> Vec<(String, Json)> {
    if !is_own(request) {
        return Vec::new();
    }
    request
        .extra
        .get(name)
        .and_then(|json| {
            let root = json::Value::root(json.as_str().as_bytes()).ok()?;
            let members = root.object().ok()?.into_extra();
            Some(
                members
                    .iter()
                    .map(|(name, value)| (name.to_owned(), value.clone()))
                    .collect(),
            )
        })
        .unwrap_or_default()
}

/// OpenAI's Responses has a member of the same name, which is a list.
fn has_shape(name: &str, value: &Json) -> bool {
    name != "context_management" || value.is_object()
}

/// Does `extra` mean something here? What is built in process is meant for whoever gets it.
fn is_own(request: &ChatRequest) -> bool {
    matches!(request.dialect, None | Some(NAME))
}
