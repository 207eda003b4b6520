//! A vendor that speaks a known dialect, as a builder.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request};

use super::{Provider, bearer, bridge, reshape::with_path, secret_header};
use crate::{
    credential::Secret,
    dialect::{
        Bridge, Call, Dialect, Quirks, Retrieval,
        anthropic::Anthropic,
        cohere::Cohere,
        embeddings::{
            CohereEmbeddings, EmbeddingDialect, GeminiEmbeddings, JinaEmbeddings, OpenAiEmbeddings,
            VoyageEmbeddings,
        },
        gemini::Gemini,
        openai_chat::OpenAiChat,
        openai_completions::OpenAiCompletions,
        openai_responses::OpenAiResponses,
        rerank::{CohereRerank, JinaRerank, RerankDialect, VoyageRerank},
    },
    error::Error,
    request::{Operation, Payload},
};

/// A vendor that speaks a known dialect at its own address.
///
/// ```
/// use trunkline::provider::{Compatible, Provider};
///
/// let acme = Compatible::openai("acme", "https://llm.acme.example/v1")?;
/// assert_eq!(acme.name(), "acme");
/// # Ok::<_, trunkline::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Compatible {
    name: Cow<'static, str>,
    base_url: Uri,
    dialect: &'static dyn Dialect,
    auth: Auth,
    headers: HeaderMap,
    quirks: Quirks,
    embeddings: Option<&'static dyn EmbeddingDialect>,
    rerank: Option<&'static dyn RerankDialect>,
}

/// Which header carries the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Auth {
    /// `Authorization: Bearer <key>`.
    Bearer,
    /// `<header>: <key>`, e.g. `x-api-key`.
    Header(HeaderName),
}

impl Compatible {
    /// A vendor that speaks `dialect` at `base_url`, with a bearer key.
    ///
    /// # Errors
    /// If `base_url` is not an absolute `http` or `https` URL without query.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        base_url: &str,
        dialect: &'static dyn Dialect,
    ) -> Result<Self, Error> {
        Ok(Self {
            name: name.into(),
            base_url: parse_base_url(base_url)?,
            dialect,
            auth: Auth::Bearer,
            headers: HeaderMap::new(),
            quirks: Quirks::NONE,
            embeddings: None,
            rerank: None,
        })
    }

    /// A vendor that speaks OpenAI's Chat Completions.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn openai(name: impl Into<Cow<'static, str>>, base_url: &str) -> Result<Self, Error> {
        Self::new(name, base_url, &OpenAiChat)
    }

    /// A vendor that speaks Anthropic's Messages, with its key in `x-api-key`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn anthropic(name: impl Into<Cow<'static, str>>, base_url: &str) -> Result<Self, Error> {
        Ok(Self::new(name, base_url, &Anthropic)?
            .auth(Auth::Header(HeaderName::from_static("x-api-key"))))
    }

    /// A vendor that speaks OpenAI's Responses.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn responses(name: impl Into<Cow<'static, str>>, base_url: &str) -> Result<Self, Error> {
        Self::new(name, base_url, &OpenAiResponses)
    }

    /// A vendor that speaks Cohere's Chat, version 2.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn cohere(name: impl Into<Cow<'static, str>>, base_url: &str) -> Result<Self, Error> {
        Self::new(name, base_url, &Cohere)
    }

    /// A vendor that speaks Google's Gemini, with its key in `x-goog-api-key`. The base URL ends with the version, e.g. `/v1beta`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn gemini(name: impl Into<Cow<'static, str>>, base_url: &str) -> Result<Self, Error> {
        Ok(Self::new(name, base_url, &Gemini)?
            .auth(Auth::Header(HeaderName::from_static("x-goog-api-key"))))
    }

    /// Which header carries the key.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// A header that every request carries.
    ///
    /// One called `anthropic-version` goes in place of the caller's, and what is written here is written for it.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.quirks.no_sampling |= refuses_sampling(&name, &value);
        self.headers.insert(name, value);
        self
    }

    /// The vendor's deviations.
    pub fn quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self.quirks.no_sampling |= self.headers.iter().any(|(n, v)| refuses_sampling(n, v));
        self
    }

    /// Which calls go over its Responses instead of its Chat Completions; see [`Quirks::bridge`].
    pub fn bridge(mut self, bridge: Option<&'static Bridge>) -> Self {
        self.quirks.bridge = bridge;
        self
    }

    /// How it is asked for embeddings, where that does not follow from its dialect.
    pub fn embeddings(mut self, dialect: &'static dyn EmbeddingDialect) -> Self {
        self.embeddings = Some(dialect);
        self
    }

    /// How it is asked to order documents, where that does not follow from its dialect.
    pub fn rerank(mut self, dialect: &'static dyn RerankDialect) -> Self {
        self.rerank = Some(dialect);
        self
    }

    /// Another address for the same vendor: a region, a proxy, a test server.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_base_url(mut self, base_url: &str) -> Result<Self, Error> {
        self.base_url = parse_base_url(base_url)?;
        Ok(self)
    }
}

/// Is it a version of Anthropic's API that knows no sampling any more? Versions are dates.
pub(super) fn refuses_sampling(name: &HeaderName, value: &HeaderValue) -> bool {
    name.as_str() == "anthropic-version" && value.as_bytes() >= b"2026-10-21".as_slice()
}

/// The path of the list of models.
const MODELS: &str = "/models";

/// Is it this path, or one below it?
fn below(path: &str, of: &str) -> bool {
    path.strip_prefix(of)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

/// Reads a base URL; the trailing slash is left out because paths begin with one.
pub(super) fn parse_base_url(text: &str) -> Result<Uri, Error> {
    let wrong = |why: &str| {
        Error::invalid(
            "base_url",
            format!("`{text}` is not a base URL: {why}; write e.g. https://api.example.com/v1"),
        )
    };
    let uri: Uri = text
        .trim_end_matches('/')
        .parse()
        .map_err(|_| wrong("it does not parse"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("it must begin with http:// or https://"));
    }
    if uri.query().is_some() {
        return Err(wrong("it must not have a query"));
    }
    if uri.authority().is_none_or(|a| a.as_str().contains('@')) {
        return Err(wrong("it must name a host, and no user or password"));
    }
    Ok(uri)
}

impl Provider for Compatible {
    fn name(&self) -> &str {
        &self.name
    }

    fn base_url(&self) -> &Uri {
        &self.base_url
    }

    fn dialect(&self, operation: &Operation) -> Option<&'static dyn Dialect> {
        match operation {
            Operation::Chat => Some(self.dialect),
            Operation::CountTokens if self.dialect.counter().is_some() => Some(self.dialect),
            // Where there are Responses, there is their counter.
            Operation::CountTokens if self.quirks.bridge.is_some() => Some(&OpenAiResponses),
            _ => None,
        }
    }

    fn embeddings(&self, _: &Call<'_>) -> Option<&'static dyn EmbeddingDialect> {
        self.embeddings.or_else(|| {
            Some(match (self.quirks.retrieval, self.dialect.name()) {
                (Retrieval::Jina, _) => &JinaEmbeddings,
                (Retrieval::Voyage, _) => &VoyageEmbeddings,
                (_, "openai-chat" | "openai-responses") => &OpenAiEmbeddings,
                (_, "gemini") => &GeminiEmbeddings,
                (_, "cohere") => &CohereEmbeddings,
                _ => return None,
            })
        })
    }

    fn rerank(&self, _: &Call<'_>) -> Option<&'static dyn RerankDialect> {
        self.rerank.or_else(|| {
            Some(match (self.quirks.retrieval, self.dialect.name()) {
                (Retrieval::Voyage, _) => &VoyageRerank,
                (_, "openai-chat" | "openai-responses") => &JinaRerank,
                (_, "cohere") => &CohereRerank,
                _ => return None,
            })
        })
    }

    fn speaks(&self, call: &Call<'_>, payload: &Payload) -> Option<&'static dyn Dialect> {
        let asked = payload.dialect().map(Dialect::name);
        if asked == Some(OpenAiCompletions.name())
            && self.dialect.name() == OpenAiChat.name()
            && self.quirks.completes(call.model)
        {
            return Some(&OpenAiCompletions);
        }
        let own = self.dialect(call.operation)?;
        match self.quirks.bridge {
            Some(bridge)
                if own.name() == OpenAiChat.name()
                    && bridge::takes(bridge, call.model, payload) =>
            {
                Some(&OpenAiResponses)
            }
            _ => Some(own),
        }
    }

    fn finish(
        &self,
        call: &Call<'_>,
        parts: &mut request::Parts,
        body: Bytes,
    ) -> Result<Bytes, Error> {
        // Cohere's list of models stayed at the first version of its API.
        if self.dialect.name() == Cohere.name()
            && let Operation::Proxy { path, .. } = call.operation
            && below(path, MODELS)
            && let Some(root) = self.base_url.path().strip_suffix("/v2")
        {
            parts.uri = with_path(&self.base_url, &format!("{root}/v1{path}"))?;
        }
        Ok(body)
    }

    fn reads_body(&self, _: &Call<'_>) -> bool {
        false
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
        match &self.auth {
            Auth::Bearer => {
                let value = bearer(secret)?;
                parts.headers.insert(header::AUTHORIZATION, value);
            }
            Auth::Header(name) => {
                parts
                    .headers
                    .insert(name.clone(), secret_header(secret.expose())?);
            }
        }
        Ok(())
    }

    fn quirks(&self) -> &Quirks {
        &self.quirks
    }
}

impl fmt::Debug for Compatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Header values may be keys.
        f.debug_struct("Compatible")
            .field("name", &self.name)
            .field("dialect", &self.dialect.name())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_checked() {
        for bad in [
            "",
            "acme.example",
            "ftp://a/b",
            "https://a/v1?x=1",
            "https://u:p@a/v1",
            "http://",
        ] {
            assert!(Compatible::openai("acme", bad).is_err(), "{bad}");
        }
        let acme = Compatible::openai("acme", "https://a.example/v1/").unwrap();
        assert_eq!(acme.base_url().path(), "/v1");
    }

    #[test]
    fn keys_go_where_the_vendor_reads_them() {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        let key = Secret::new("k-1");
        Compatible::anthropic("a", "http://a")
            .unwrap()
            .authorize(&key, &mut parts, b"")
            .unwrap();
        assert_eq!(parts.headers["x-api-key"], "k-1");
        assert!(parts.headers["x-api-key"].is_sensitive());
        Compatible::openai("o", "http://o")
            .unwrap()
            .authorize(&key, &mut parts, b"")
            .unwrap();
        assert_eq!(parts.headers["authorization"], "Bearer k-1");
        let broken = Secret::new("line\nbreak");
        let error = Compatible::openai("o", "http://o")
            .unwrap()
            .authorize(&broken, &mut parts, b"")
            .unwrap_err();
        assert!(!error.to_string().contains("line\n"));
    }
}
