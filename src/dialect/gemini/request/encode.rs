//! A request, written for a vendor.

use bytes::Bytes;

use super::{
    super::{NAME, models},
    config, tools, turns,
};
use crate::{
    chat::{ChatRequest, Fidelity},
    dialect::Target,
    error::{Error, ErrorKind},
    json::{self, ObjectWriter},
};

/// Writes a request. Members stand in a fixed order: the same request gives the same bytes.
pub(in super::super) fn encode(
    request: &ChatRequest,
    target: &Target<'_>,
    report: &mut Fidelity,
) -> Result<Bytes, Error> {
    let own = request.dialect == Some(NAME);
    if request.n.is_some_and(|n| n > 1) && !own {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "`n`: of this vendor's answers only one can be told in another dialect",
        )
        .with_param("n"));
    }
    if request.messages.is_empty() {
        return Err(Error::invalid("messages", "`messages` must not be empty"));
    }
    let able = models::abilities(target.model);
    let turns = turns::turns(request, &able, report)?;
    let tools = tools::tools(request, &able, report);
    let config = config::config(request, &able, tools.functions, report);
    let google = config::google(request);

    let mut out = ObjectWriter::new();
    if !turns.system.is_empty() {
        let system = json::object(|o| {
            o.array("parts", &turns.system);
        });
        out.field("systemInstruction", &system);
    }
    out.array("contents", turns.json());
    if !tools.entries.is_empty() {
        out.array("tools", &tools.entries);
    }
    out.optional("toolConfig", tools.config);
    out.optional("generationConfig", config);
    out.optional("serviceTier", service_tier(request, report));
    if own {
        for (name, value) in request.extra.iter() {
            if !matches!(name, "toolConfig" | "generationConfig") {
                out.field(name, value);
            }
        }
    } else {
        if let Some(google) = google {
            out.optional("cachedContent", google.get("cached_content"))
                .optional("safetySettings", google.get("safety_settings"));
        }
        unsaid(request, report);
    }
    Ok(out.finish().into())
}

fn service_tier<'r>(request: &'r ChatRequest, report: &mut Fidelity) -> Option<&'r str> {
    match request.service_tier.as_deref()? {
        "auto" | "default" => None,
        "standard" | "standard_only" => Some("standard"),
        tier @ ("flex" | "priority") => Some(tier),
        tier if request.dialect == Some(NAME) => Some(tier),
        _ => {
            report.dropped("service_tier", "the vendor has no such tier");
            None
        }
    }
}

/// What the vendor has no place for.
fn unsaid(request: &ChatRequest, report: &mut Fidelity) {
    for (name, said) in [
        ("user", request.user.is_some()),
        ("prompt_cache_key", request.cache_key.is_some()),
        ("cache_control", request.cache.is_some()),
    ] {
        if said {
            report.dropped(name, "the vendor has no such member");
        }
    }
    for (name, _) in request.extra.iter() {
        if !matches!(
            name,
            "extra_body" | "google" | "web_search_options" | "thinking" | "stream_options"
        ) {
            report.dropped(name, "the vendor has no such member");
        }
    }
}
