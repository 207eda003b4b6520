//! The section `providers`.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{
    accounts,
    kinds::Cloud,
    known::{self, Known},
    model::{HealthConfig, Kind, ProviderConfig, ProxyUrl, TimeoutsConfig},
    nearest::did_you_mean,
    reader::{At, Fields, Reader},
    server::{or_never, provider_timeouts},
    url::{parse_base_url, parse_proxy},
};

const KEYS: [&str; 7] = [
    "kind", "base_url", "headers", "health", "proxy", "timeouts", "accounts",
];

/// Kinds that are planned.
const LATER: [&str; 2] = ["bedrock", "cohere"];

/// Headers that the HTTP client writes itself.
const RESERVED: [HeaderName; 5] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

pub(super) fn providers(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    timeouts: &TimeoutsConfig,
) -> Option<Vec<ProviderConfig>> {
    let entries = reader.entries(at, "a mapping of provider names")?;
    Some(
        entries
            .iter()
            .map(|(name, at)| provider(reader, name, at, timeouts))
            .collect(),
    )
}

/// Always returns one, so that models that name it are not wrong too.
fn provider(
    reader: &mut Reader<'_>,
    name: &str,
    at: &At<'_>,
    timeouts: &TimeoutsConfig,
) -> ProviderConfig {
    if !is_name(name) || name.contains(['/', '*']) {
        let message = "a provider's name is of visible ASCII characters, without `/` and `*`";
        reader.problem_at_key(at, message);
    }
    let known = known::known(name);
    let cloud = Cloud::of(name, at);
    let keys = [&KEYS[..], cloud.map_or(&[][..], Cloud::keys)].concat();
    let fields = if at.node.is_null() {
        Fields::none(true)
    } else {
        reader
            .fields(at, &keys)
            .unwrap_or_else(|| Fields::none(false))
    };
    let (kind, base_url, accounts, cloud) = match cloud {
        Some(cloud) => {
            let accounts = accounts::accounts(reader, name, at, &fields, None, "", Some(cloud));
            let (base_url, settings) = cloud.settings(reader, name, at, &fields, &accounts);
            (cloud.kind(), base_url, accounts, settings)
        }
        None => {
            let (kind, base_url) = speaks(reader, name, at, &fields, known);
            let accounts = accounts::accounts(reader, name, at, &fields, known, &base_url, None);
            (kind, base_url, accounts, None)
        }
    };
    let preset = known.filter(|known| known.kind == kind);
    ProviderConfig {
        name: name.to_owned(),
        preset: preset.map(|known| known.name),
        kind,
        base_url,
        cloud,
        headers: fields.read(reader, "headers", headers).unwrap_or_default(),
        health: fields.read(reader, "health", health).flatten(),
        proxy: fields.read(reader, "proxy", proxy),
        timeouts: fields.read(reader, "timeouts", |reader, at| {
            provider_timeouts(reader, at, timeouts)
        }),
        accounts,
    }
}

/// What it speaks and where: as said, else as known.
fn speaks(
    reader: &mut Reader<'_>,
    name: &str,
    at: &At<'_>,
    fields: &Fields<'_>,
    known: Option<Known>,
) -> (Kind, String) {
    let stated = fields.read(reader, "kind", kind);
    let kind = stated.or(known.map(|known| known.kind));
    let version = kind.unwrap_or(Kind::OpenAiCompatible).version();
    let address = fields.read(reader, "base_url", |reader, at| {
        base_url(reader, at, version)
    });
    let vendor = known.filter(|known| kind == Some(known.kind));
    let mut missing = Vec::new();
    if kind.is_none() && fields.get("kind").is_none() {
        missing.push("`kind`");
    }
    if vendor.is_none() && fields.get("base_url").is_none() {
        missing.push("`base_url`");
    }
    // A mapping that could not be read has been complained about already.
    if !missing.is_empty() && fields.readable {
        let why = if known.is_some() {
            String::new()
        } else {
            format!("`{name}` is no known vendor{}: ", known::hint(name))
        };
        let message = format!("{why}it needs {}", missing.join(" and "));
        reader.problem_at_key(at, message);
    }
    let base_url = address.or(vendor.map(|known| known.base_url.to_owned()));
    (
        kind.unwrap_or(Kind::OpenAiCompatible),
        base_url.unwrap_or_default(),
    )
}

fn kind(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Kind> {
    const KINDS: [Kind; 6] = [
        Kind::OpenAiCompatible,
        Kind::AnthropicCompatible,
        Kind::GeminiCompatible,
        Kind::ResponsesCompatible,
        Kind::Azure,
        Kind::Vertex,
    ];
    let text = reader.text(at)?;
    if let Some(kind) = KINDS.into_iter().find(|kind| kind.as_str() == text) {
        return Some(kind);
    }
    let written = Reader::written(at);
    let message = if LATER.contains(&text.as_str()) {
        format!(
            "{written} is not available yet; use openai-compatible, responses-compatible, anthropic-compatible, gemini-compatible, azure or vertex"
        )
    } else {
        format!(
            "{written} is not a kind{}; known are openai-compatible, responses-compatible, anthropic-compatible, gemini-compatible, azure and vertex",
            did_you_mean(&text, KINDS.map(Kind::as_str))
        )
    };
    reader.problem(at, message);
    None
}

fn base_url(reader: &mut Reader<'_>, at: &At<'_>, version: &str) -> Option<String> {
    let text = reader.text(at)?;
    parse_base_url(&text, version)
        .map_err(|why| {
            let message =
                format!("this is not a base URL: {why}; write e.g. https://llm.example.com/v1");
            reader.problem(at, message);
        })
        .ok()
}

pub(super) fn proxy(reader: &mut Reader<'_>, at: &At<'_>) -> Option<ProxyUrl> {
    let text = reader.text(at)?;
    parse_proxy(&text)
        .map_err(|why| reader.problem(at, why))
        .ok()
}

fn headers(reader: &mut Reader<'_>, at: &At<'_>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, at) in reader.entries(at, "a mapping of header names")? {
        let value = reader.text(&at);
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            reader.problem_at_key(&at, format!("`{name}` cannot be a header's name"));
            continue;
        };
        if RESERVED.contains(&name) {
            let message = format!("the header `{name}` is written by the HTTP client itself");
            reader.problem_at_key(&at, message);
            continue;
        }
        let Some(value) = value else { continue };
        let Ok(mut value) = HeaderValue::from_str(value.trim()) else {
            let message = "this has characters that no HTTP header may hold, perhaps a line break";
            reader.problem(&at, message);
            continue;
        };
        // It may be a key.
        value.set_sensitive(true);
        if headers.insert(name.clone(), value).is_some() {
            let message = format!("the header `{name}` comes twice; capitals make no difference");
            reader.problem_at_key(&at, message);
        }
    }
    Some(headers)
}

fn health(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Option<HealthConfig>> {
    let fields = reader.fields(at, &["interval"])?;
    let usual = Some(std::time::Duration::from_secs(30));
    let interval = fields.read(reader, "interval", or_never).unwrap_or(usual);
    Some(interval.map(|interval| HealthConfig { interval }))
}

/// Can it stand in a response header, and be told apart by eye?
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
}
