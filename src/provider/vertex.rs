//! Google's Vertex AI: Gemini, and the models of other publishers.
//!
//! ```
//! use trunkline::provider::{Provider, Vertex};
//!
//! let vertex = Vertex::new("vertex", "my-project", "us-east5")?;
//! assert_eq!(vertex.base_url().host(), Some("us-east5-aiplatform.googleapis.com"));
//! # Ok::<_, trunkline::Error>(())
//! ```
//!
//! The model's name says who made it: `claude-sonnet-4-5@20250929` is Anthropic's and spoken to in Anthropic's dialect,
//! `gemini-3-flash-preview` is Google's, `meta/llama-4-scout` and all others with a publisher in front are spoken to in OpenAI's.

mod publisher;

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request, response};
use memchr::memmem;

use self::publisher::Publisher;
use super::{
    Provider, bearer,
    compatible::parse_base_url,
    reshape::{classified, reshape, segment},
    secret_header,
};
use crate::{
    credential::Secret,
    dialect::{
        Call, Dialect, Quirks,
        anthropic::Anthropic,
        embeddings::{EmbeddingDialect, VertexEmbeddings},
        gemini::Gemini,
        openai_chat::OpenAiChat,
    },
    error::Error,
    json::{ObjectWriter, Value},
    request::{Operation, Payload},
};

const API_VERSION: &str = "v1";

/// What stands in a body for the model and for Anthropic's version.
const CLAUDE_VERSION: &str = "vertex-2023-10-16";

/// Betas that mean nothing there: what they turn on is left out, or is about Anthropic's own keys.
const FOREIGN_BETAS: [&str; 2] = ["oauth-", "context-management-"];

const QUIRKS: Quirks = {
    let mut quirks = Quirks::NONE;
    // Claude is refused with either of them there; neither changes what an answer is about.
    quirks.drop = &["context_management", "service_tier"];
    quirks
};

/// Vertex AI, in one project and location; or by an API key, in none.
///
/// Tokens travel as bearers, keys in `x-goog-api-key`.
#[derive(Clone, Debug)]
#[must_use]
pub struct Vertex {
    name: Cow<'static, str>,
    /// Below the version: `/projects/p/locations/l`, or nothing.
    place: String,
    base_url: Uri,
    headers: HeaderMap,
    quirks: Quirks,
}

impl Vertex {
    /// The models of `project` in `location`, e.g. `us-east5`, `eu` or `global`.
    ///
    /// # Errors
    /// If either could not stand in a URL.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        project: &str,
        location: &str,
    ) -> Result<Self, Error> {
        segment("project", project)?;
        segment("location", location)?;
        let host = match location {
            "global" => "aiplatform.googleapis.com".to_owned(),
            "us" | "eu" => format!("aiplatform.{location}.rep.googleapis.com"),
            _ => format!("{location}-aiplatform.googleapis.com"),
        };
        let place = format!("/projects/{project}/locations/{location}");
        Self::at(name.into(), place, &format!("https://{host}"))
    }

    /// Google's models in express mode: an API key, and no project.
    ///
    /// # Errors
    /// None for now.
    pub fn express(name: impl Into<Cow<'static, str>>) -> Result<Self, Error> {
        Self::at(
            name.into(),
            String::new(),
            "https://aiplatform.googleapis.com",
        )
    }

    fn at(name: Cow<'static, str>, place: String, url: &str) -> Result<Self, Error> {
        let this = Self {
            name,
            place,
            base_url: Uri::default(),
            headers: HeaderMap::new(),
            quirks: QUIRKS,
        };
        this.with_base_url(url)
    }

    /// Another address: a proxy, a private endpoint. With its version segment, e.g. `…/v1beta1`; one without any path gets `/v1`.
    /// Project and location come behind it.
    ///
    /// # Errors
    /// If it is not an absolute `http` or `https` URL without query.
    pub fn with_base_url(mut self, url: &str) -> Result<Self, Error> {
        let given = parse_base_url(url)?;
        let version = match given.path() {
            "" | "/" => format!("/{API_VERSION}"),
            path => path.trim_end_matches('/').to_owned(),
        };
        self.base_url = super::reshape::with_path(&given, &format!("{version}{}", self.place))?;
        Ok(self)
    }

    /// A header that every request carries.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl Provider for Vertex {
    fn name(&self) -> &str {
        &self.name
    }

    fn base_url(&self) -> &Uri {
        &self.base_url
    }

    fn dialect(&self, operation: &Operation) -> Option<&'static dyn Dialect> {
        match operation {
            Operation::Chat | Operation::CountTokens => Some(&Gemini),
            _ => None,
        }
    }

    fn speaks(&self, call: &Call<'_>, _payload: &Payload) -> Option<&'static dyn Dialect> {
        self.dialect(call.operation)?;
        Some(match Publisher::of(call.model) {
            Publisher::Google(_) | Publisher::Tuned(_) => &Gemini,
            Publisher::Anthropic(_) => &Anthropic,
            Publisher::Raw { .. } | Publisher::Open(_) => match call.operation {
                // Who speaks OpenAI's dialect there counts nothing.
                Operation::CountTokens => return None,
                _ => &OpenAiChat,
            },
        })
    }

    fn embeddings(&self, call: &Call<'_>) -> Option<&'static dyn EmbeddingDialect> {
        match Publisher::of(call.model) {
            Publisher::Google(model) => Some(VertexEmbeddings::of(model)),
            _ => None,
        }
    }

    /// Nothing of OpenAI's: neither pictures and sounds nor files and batches.
    fn offers(&self, call: &Call<'_>) -> bool {
        call.operation.path().is_none() && !matches!(call.operation, Operation::Resource { .. })
    }

    /// Gemini's addresses are fetched there, of the web and of `gs://`; Claude takes bytes only.
    fn fetches(&self, call: &Call<'_>) -> Option<bool> {
        match Publisher::of(call.model) {
            Publisher::Google(_) | Publisher::Tuned(_) => Some(true),
            Publisher::Anthropic(_) => Some(false),
            Publisher::Raw { .. } | Publisher::Open(_) => self.quirks.urls,
        }
    }

    /// Its list of models is elsewhere, and takes other rights.
    fn probe(&self) -> Option<Cow<'static, str>> {
        None
    }

    fn path(&self, call: &Call<'_>) -> Cow<'static, str> {
        let publisher = Publisher::of(call.model);
        if *call.operation == Operation::CountTokens {
            return publisher.count_path().into();
        }
        publisher.path(call.stream).into()
    }

    fn finish(
        &self,
        call: &Call<'_>,
        parts: &mut request::Parts,
        body: Bytes,
    ) -> Result<Bytes, Error> {
        if call.dialect.is_none() {
            return Ok(body);
        }
        let count = *call.operation == Operation::CountTokens;
        match Publisher::of(call.model) {
            Publisher::Anthropic(model) => {
                parts.headers.remove("anthropic-version");
                keep_betas(&mut parts.headers);
                let version = ("anthropic_version", CLAUDE_VERSION);
                let moved = ["model", "anthropic_version"];
                // All models are counted at one path.
                match count {
                    true => reshape(&body, &[version, ("model", model)], &moved),
                    false => reshape(&body, &[version], &moved),
                }
            }
            Publisher::Raw { model, .. } => reshape(&body, &[("model", model)], &["model"]),
            // The model is named whole there.
            Publisher::Open(_) => Ok(body),
            Publisher::Google(_) | Publisher::Tuned(_) if count => counted(body),
            Publisher::Google(_) | Publisher::Tuned(_) => tier(&mut parts.headers, body),
        }
    }

    fn authorize(
        &self,
        secret: &Secret,
        parts: &mut request::Parts,
        _body: &[u8],
    ) -> Result<(), Error> {
        for (name, value) in &self.headers {
            parts.headers.insert(name.clone(), value.clone());
        }
        if secret.is_empty() {
            return Ok(());
        }
        if secret.is_token() {
            let value = bearer(secret)?;
            parts.headers.insert(header::AUTHORIZATION, value);
        } else {
            let value = secret_header(secret.expose())?;
            parts.headers.insert("x-goog-api-key", value);
        }
        Ok(())
    }

    fn quirks(&self) -> &Quirks {
        &self.quirks
    }

    fn classify(&self, parts: &response::Parts, body: &[u8]) -> Error {
        classified(&Gemini, parts, body)
    }
}

/// What AI Studio reads in `generateContentRequest`, Vertex reads at the top, and nothing else but what is counted.
fn counted(body: Bytes) -> Result<Bytes, Error> {
    const WHOLE: &str = "generateContentRequest";
    const COUNTED: [&str; 6] = [
        "contents",
        "systemInstruction",
        "system_instruction",
        "tools",
        "generationConfig",
        "generation_config",
    ];
    let root = Value::root(&body)?;
    let whole = root.object()?.take_raw(WHOLE);
    let Some(whole) = whole else {
        return Ok(body);
    };
    let root = Value::root(whole.get().as_bytes())?;
    let mut out = ObjectWriter::new();
    for (name, value) in root.object()?.into_extra().iter() {
        if COUNTED.contains(&name) {
            out.field(name, value);
        }
    }
    Ok(out.finish().into())
}

/// What AI Studio reads in the body, Vertex reads in a header.
fn tier(headers: &mut HeaderMap, body: Bytes) -> Result<Bytes, Error> {
    const TIER: &str = "serviceTier";
    if memmem::find(&body, b"\"serviceTier\"").is_none() {
        return Ok(body);
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Asked {
        service_tier: Option<String>,
    }
    let asked = serde_json::from_slice::<Asked>(&body).ok();
    let asked = asked.and_then(|asked| asked.service_tier);
    let value = match asked.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("flex") => Some(HeaderValue::from_static("flex")),
        Some("priority") => Some(HeaderValue::from_static("priority")),
        _ => None,
    };
    if let Some(value) = value {
        headers.insert("x-vertex-ai-llm-shared-request-type", value);
    }
    reshape(&body, &[], &[TIER])
}

fn keep_betas(headers: &mut HeaderMap) {
    const BETA: &str = "anthropic-beta";
    let kept: Vec<String> = headers
        .get_all(BETA)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|beta| !beta.is_empty())
        .filter(|beta| {
            !FOREIGN_BETAS
                .iter()
                .any(|foreign| beta.starts_with(foreign))
        })
        .map(str::to_owned)
        .collect();
    headers.remove(BETA);
    if let Ok(value) = HeaderValue::try_from(kept.join(","))
        && !kept.is_empty()
    {
        headers.insert(BETA, value);
    }
}

#[cfg(test)]
mod tests;
