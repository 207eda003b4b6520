//! Anthropic's body as `InvokeModel` takes it.

use bytes::Bytes;
use http::HeaderMap;

use crate::{
    error::Error,
    json::{ObjectWriter, Value},
};

/// The only version there is.
const VERSION: &str = "bedrock-2023-05-31";

/// The `anthropic-beta` values that Bedrock knows; it refuses a request with any other.
const KNOWN: &[&str] = &[
    "compact-2026-01-12",
    "computer-use-2024-10-22",
    "computer-use-2025-01-24",
    "computer-use-2025-11-24",
    "context-1m-2025-08-07",
    CONTEXT_MANAGEMENT,
    "dev-full-thinking-2025-05-14",
    "effort-2025-11-24",
    "fine-grained-tool-streaming-2025-05-14",
    "interleaved-thinking-2025-05-14",
    "output-128k-2025-02-19",
    "token-efficient-tools-2025-02-19",
    "tool-examples-2025-10-29",
    "tool-search-tool-2025-10-19",
];

const CONTEXT_MANAGEMENT: &str = "context-management-2025-06-27";

/// One value that has other names here.
const ADVANCED_TOOLS: (&str, [&str; 2]) = (
    "advanced-tool-use-2025-11-20",
    ["tool-examples-2025-10-29", "tool-search-tool-2025-10-19"],
);

/// What of the caller's `anthropic-beta` may be passed on. `more` is known besides.
pub(super) fn betas(headers: &HeaderMap, more: &[String]) -> Vec<String> {
    let mut betas = Vec::new();
    let values = headers.get_all("anthropic-beta").iter();
    for value in values.filter_map(|value| value.to_str().ok()) {
        for name in value.split(',') {
            add(&mut betas, name.trim(), more);
        }
    }
    betas
}

fn add(betas: &mut Vec<String>, name: &str, more: &[String]) {
    if name == ADVANCED_TOOLS.0 {
        for name in ADVANCED_TOOLS.1 {
            add(betas, name, more);
        }
    } else if !KNOWN.contains(&name) && !more.iter().any(|known| known == name) {
        tracing::debug!(
            name,
            "Bedrock does not know this `anthropic-beta`: left out"
        );
    } else if !betas.iter().any(|known| known == name) {
        betas.push(name.to_owned());
    }
}

/// The body without what is said elsewhere, and with what is said in headers elsewhere. The values of all other members stay
/// as they are, to the byte.
///
/// What is added goes first: a longer conversation still begins like a shorter one.
pub(super) fn invoked(body: &[u8], betas: &[String]) -> Result<Bytes, Error> {
    let root = Value::root(body)?;
    let members = root.object()?.into_extra();
    // Some callers write the list as Bedrock wants it themselves. It is their word, so it is not picked over.
    let mut all: Vec<String> = match members.get("anthropic_beta") {
        Some(own) => own
            .deserialize()
            .map_err(|_| Error::invalid("anthropic_beta", "must be a list of strings"))?,
        None => Vec::new(),
    };
    for beta in betas {
        if !all.contains(beta) {
            all.push(beta.clone());
        }
    }
    let managed = all
        .iter()
        .any(|name| name == CONTEXT_MANAGEMENT || name.starts_with("compact-"));
    let mut out = ObjectWriter::new();
    out.field("anthropic_version", VERSION);
    if !all.is_empty() {
        out.array("anthropic_beta", &all);
    }
    for (name, value) in members.iter() {
        match name {
            "anthropic_beta" | "anthropic_version" | "model" | "stream" => {}
            // Unknown without its `anthropic-beta`.
            "context_management" if !managed => {
                tracing::debug!("`context_management` came without its `anthropic-beta`: left out");
            }
            _ => {
                out.field(name, value);
            }
        }
    }
    Ok(out.finish().into())
}
