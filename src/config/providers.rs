//! The section `providers`.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{
    accounts::{Owner, accounts},
    kinds::{Cloud, misplaced},
    known::{self, Known},
    model::{HealthConfig, Kind, ProviderConfig, ProxyUrl},
    nearest::did_you_mean,
    reader::{At, Fields, Reader},
    server::or_never,
    timeouts::{self, TimeoutsConfig},
    url::{parse_base_url, parse_proxy},
};
use crate::dialect::Prefill;

const KEYS: [&str; 11] = [
    "kind", "base_url", "bridge", "prefill", "headers", "health", "proxy", "http2", "timeouts",
    "limits", "accounts",
];

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
    general: &TimeoutsConfig,
) -> Option<Vec<ProviderConfig>> {
    let entries = reader.entries(at, "a mapping of provider names")?;
    Some(
        entries
            .iter()
            .map(|(name, at)| provider(reader, name, at, general))
            .collect(),
    )
}

/// Always returns one, so that models that name it are not wrong too.
fn provider(
    reader: &mut Reader<'_>,
    name: &str,
    at: &At<'_>,
    general: &TimeoutsConfig,
) -> ProviderConfig {
    if !is_name(name) || name.contains(['/', '*']) {
        let message = "a provider's name is of visible ASCII characters, without `/` and `*`";
        reader.problem_at_key(at, message);
    }
    let known = known::known(name);
    let cloud = Cloud::of(reader, name, at);
    let keys = [&KEYS[..], cloud.map_or(&[][..], Cloud::keys)].concat();
    let fields = if at.node.is_null() {
        Fields::none(true)
    } else {
        reader
            .fields_or(at, &keys, misplaced)
            .unwrap_or_else(|| Fields::none(false))
    };
    let (kind, base_url, accounts, cloud) = match cloud {
        Some(cloud) => {
            let (base_url, accounts, settings) = cloud.read(reader, name, at, &fields);
            (cloud.kind(), base_url, accounts, settings)
        }
        None => {
            let (kind, base_url) = speaks(reader, name, at, &fields, known);
            let owner = Owner::new(name, known, &base_url);
            let accounts = accounts(reader, at, &fields, owner);
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
        bridge: bridge(reader, &fields, kind),
        prefill: prefill(reader, &fields, kind),
        headers: fields.read(reader, "headers", headers).unwrap_or_default(),
        health: fields.read(reader, "health", health).flatten(),
        proxy: fields.read(reader, "proxy", proxy),
        http2: fields
            .read(reader, "http2", Reader::boolean)
            .unwrap_or_default(),
        timeouts: fields.read(reader, "timeouts", |reader, at| {
            timeouts::of_provider(reader, at, general)
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
        let why = if known.is_some() || Cloud::named(name).is_some() {
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
    let text = reader.text(at)?;
    let found = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
    if found.is_none() {
        let names = Kind::ALL.map(Kind::as_str);
        let message = format!(
            "{} is not a kind{}; known are {}",
            Reader::written(at),
            did_you_mean(&text, names),
            names.join(", ")
        );
        reader.problem(at, message);
    }
    found
}

/// Whether some calls go over Responses; none if it is as known of the vendor.
fn bridge(reader: &mut Reader<'_>, fields: &Fields<'_>, kind: Kind) -> Option<bool> {
    let on = fields.read(reader, "bridge", Reader::boolean)?;
    if kind == Kind::OpenAiCompatible {
        return Some(on);
    }
    if let Some(at) = fields.get("bridge") {
        let message = format!(
            "only openai-compatible providers have a bridge to Responses; this one is {}",
            kind.as_str()
        );
        reader.problem_at_key(at, message);
    }
    None
}

/// The ways to prefill, as a file names them.
const PREFILLS: [Prefill; 4] = [
    Prefill::Usual,
    Prefill::Last,
    Prefill::Prefix,
    Prefill::Never,
];

pub(super) const fn prefill_name(prefill: Prefill) -> &'static str {
    match prefill {
        Prefill::Usual => "usual",
        Prefill::Last => "last",
        Prefill::Prefix => "prefix",
        Prefill::Never => "never",
    }
}

/// How it goes on with an answer; none if it is as known of the vendor.
fn prefill(reader: &mut Reader<'_>, fields: &Fields<'_>, kind: Kind) -> Option<Prefill> {
    let way = fields.read(reader, "prefill", way_to_prefill)?;
    if kind == Kind::OpenAiCompatible {
        return Some(way);
    }
    if let Some(at) = fields.get("prefill") {
        let message = format!(
            "of openai-compatible providers alone this is not known; this one is {}",
            kind.as_str()
        );
        reader.problem_at_key(at, message);
    }
    None
}

fn way_to_prefill(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Prefill> {
    let text = reader.text(at)?;
    let mut all = PREFILLS.into_iter();
    let found = all.find(|prefill| prefill_name(*prefill) == text);
    if found.is_none() {
        let names = PREFILLS.map(prefill_name);
        let message = format!(
            "{} is no way to go on with an answer{}; known are {}",
            Reader::written(at),
            did_you_mean(&text, names),
            names.join(", ")
        );
        reader.problem(at, message);
    }
    found
}

pub(super) fn base_url(reader: &mut Reader<'_>, at: &At<'_>, version: &str) -> Option<String> {
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
