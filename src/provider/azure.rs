//! Azure OpenAI, and what else Azure's AI Foundry serves.
//!
//! ```
//! use trunkline::provider::{Azure, Provider};
//!
//! let azure = Azure::resource("azure", "contoso")?;
//! assert_eq!(Provider::base_url(&azure), "https://contoso.openai.azure.com/openai/v1");
//! let older = azure.deployments("2024-10-21")?;
//! assert_eq!(Provider::base_url(&older), "https://contoso.openai.azure.com/openai");
//! # Ok::<_, trunkline::Error>(())
//! ```
//!
//! A model's name is the name of its deployment. One that begins with `claude` is spoken to in Anthropic's dialect. Callers of
//! OpenAI's Responses are passed to Azure's own, where there is one; all others are spoken to in Chat Completions.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request, response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    Provider, bearer,
    compatible::{parse_base_url, refuses_sampling},
    reshape::{classified, segment, with_path, with_query},
    secret_header,
};
use crate::{
    credential::Secret,
    dialect::{
        Call, Dialect, Quirks,
        anthropic::Anthropic,
        embeddings::{EmbeddingDialect, OpenAiEmbeddings},
        openai_chat::OpenAiChat,
        openai_responses::OpenAiResponses,
        rerank::RerankDialect,
    },
    error::{Error, ErrorKind},
    request::{Operation, Payload},
};

/// A slash or a question mark in a deployment's name would lead elsewhere.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

const CLAUDE_PATH: &str = "/anthropic/v1/messages";
const COUNT_PATH: &str = "/anthropic/v1/messages/count_tokens";

/// One resource in Azure.
///
/// Keys travel in `api-key`, tokens as bearers.
#[derive(Clone, Debug)]
#[must_use]
pub struct Azure {
    name: Cow<'static, str>,
    /// Scheme, host and what may stand before `/openai`.
    endpoint: Uri,
    base_url: Uri,
    api: Api,
    responses: bool,
    headers: HeaderMap,
    quirks: Quirks,
}

/// Which of its APIs is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Api {
    /// `/openai/v1/…`, the deployment in the body.
    V1 { version: Option<String> },
    /// `/openai/deployments/{deployment}/…?api-version=…`.
    Deployments { version: String },
}

impl Azure {
    /// The resource of that name, `https://{resource}.openai.azure.com`, by its v1 API.
    ///
    /// # Errors
    /// If this is no resource's name.
    pub fn resource(name: impl Into<Cow<'static, str>>, resource: &str) -> Result<Self, Error> {
        segment("resource", resource)?;
        if resource.contains(['.', ':', '_']) {
            let message = "the resource is the first part of its address, e.g. `contoso` of contoso.openai.azure.com";
            return Err(Error::invalid("resource", message));
        }
        Self::new(name, &format!("https://{resource}.openai.azure.com"))
    }

    /// The resource at this endpoint, e.g. `https://contoso.openai.azure.com`, by its v1 API. `/openai` and `/openai/v1` behind it
    /// make no difference.
    ///
    /// # Errors
    /// If it is not an absolute `http` or `https` URL without query.
    pub fn new(name: impl Into<Cow<'static, str>>, endpoint: &str) -> Result<Self, Error> {
        let given = parse_base_url(endpoint)?;
        let path = given.path().trim_end_matches('/');
        let path = path.strip_suffix("/v1").unwrap_or(path);
        let path = path.strip_suffix("/openai").unwrap_or(path);
        let endpoint = with_path(&given, if path.is_empty() { "/" } else { path })?;
        let mut quirks = Quirks::NONE;
        quirks.files = true;
        let this = Self {
            name: name.into(),
            base_url: endpoint.clone(),
            endpoint,
            api: Api::V1 { version: None },
            responses: true,
            headers: HeaderMap::new(),
            quirks,
        };
        this.with_api(Api::V1 { version: None })
    }

    /// The v1 API with `?api-version=`, e.g. `preview`.
    ///
    /// # Errors
    /// If this is no version.
    pub fn v1(self, api_version: &str) -> Result<Self, Error> {
        segment("api_version", api_version)?;
        let version = Some(api_version.to_owned());
        self.with_api(Api::V1 { version })
    }

    /// The older API, whose URLs name the deployment, of this version, e.g. `2024-10-21`.
    ///
    /// # Errors
    /// If this is no version.
    pub fn deployments(self, api_version: &str) -> Result<Self, Error> {
        segment("api_version", api_version)?;
        let version = api_version.to_owned();
        self.with_api(Api::Deployments { version })
    }

    fn with_api(mut self, api: Api) -> Result<Self, Error> {
        let below = match api {
            Api::V1 { .. } => "openai/v1",
            Api::Deployments { .. } => "openai",
        };
        let root = self.endpoint.path().trim_end_matches('/');
        self.base_url = with_path(&self.endpoint, &format!("{root}/{below}"))?;
        // Versions are dates. Those before know neither of the two.
        let new = !matches!(&api, Api::Deployments { version } if version.as_str() < "2024-09");
        self.quirks.stream_options = new;
        self.quirks.max_completion_tokens = new;
        self.api = api;
        Ok(self)
    }

    /// Chat Completions for everybody: not every model there is served by Responses.
    pub const fn chat_only(mut self) -> Self {
        self.responses = false;
        self
    }

    /// A header that every request carries.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.quirks.no_sampling |= refuses_sampling(&name, &value);
        self.headers.insert(name, value);
        self
    }

    /// The vendor's deviations, instead of OpenAI's own.
    pub fn quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }

    /// Adds the version that this API wants in the query.
    fn versioned(&self, path: &str) -> String {
        match &self.api {
            Api::V1 { version: None } => path.to_owned(),
            Api::V1 {
                version: Some(version),
            }
            | Api::Deployments { version } => with_query(path, "api-version", version),
        }
    }

    fn deployment(&self, model: &str, path: &str) -> String {
        let model = utf8_percent_encode(model, PLAIN);
        self.versioned(&format!("/deployments/{model}{path}"))
    }

    /// Claude lives at the resource's other host.
    fn claude(&self, path: &str) -> Result<Uri, Error> {
        const OPENAI: &str = ".openai.azure.com";
        let root = self.endpoint.path().trim_end_matches('/');
        let uri = with_path(&self.endpoint, &format!("{root}{path}"))?;
        let Some(resource) = uri.host().and_then(|host| host.strip_suffix(OPENAI)) else {
            return Ok(uri);
        };
        let bad = || Error::invalid("", "the resource does not make a URL");
        let host = format!("{resource}.services.ai.azure.com");
        let mut parts = uri.into_parts();
        parts.authority = Some(host.parse().map_err(|_| bad())?);
        Uri::from_parts(parts).map_err(|_| bad())
    }
}

fn is_claude(model: &str) -> bool {
    model
        .get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case("claude"))
}

impl Provider for Azure {
    fn name(&self) -> &str {
        &self.name
    }

    fn base_url(&self) -> &Uri {
        &self.base_url
    }

    fn speaks(&self, call: &Call<'_>, payload: &Payload) -> Option<&'static dyn Dialect> {
        match call.operation {
            Operation::Chat => {}
            // Anthropic's counter is there, OpenAI's is not.
            Operation::CountTokens if is_claude(call.model) => {}
            _ => return None,
        }
        let same = payload
            .dialect()
            .filter(|_| self.responses && matches!(self.api, Api::V1 { .. }));
        Some(match same {
            _ if is_claude(call.model) => &Anthropic,
            Some(front) if front.name() == OpenAiResponses.name() => &OpenAiResponses,
            _ => &OpenAiChat,
        })
    }

    fn embeddings(&self, call: &Call<'_>) -> Option<&'static dyn EmbeddingDialect> {
        (!is_claude(call.model)).then_some(&OpenAiEmbeddings as _)
    }

    /// OpenAI has none, nor has Azure under its paths.
    fn rerank(&self, _: &Call<'_>) -> Option<&'static dyn RerankDialect> {
        None
    }

    fn offers(&self, call: &Call<'_>) -> bool {
        match call.operation {
            // Its filter takes their place.
            Operation::Moderations => false,
            operation => operation.path().is_none() || !is_claude(call.model),
        }
    }

    fn path(&self, call: &Call<'_>) -> Cow<'static, str> {
        if call.dialect.is_none()
            && let Some(path) = call.operation.path()
        {
            return match &self.api {
                Api::Deployments { .. } if !call.model.is_empty() => {
                    self.deployment(call.model, path).into()
                }
                _ => self.versioned(path).into(),
            };
        }
        let dialect = call.dialect.unwrap_or(&OpenAiChat);
        let path = dialect.path(call);
        match &self.api {
            Api::Deployments { .. } if dialect.name() == OpenAiChat.name() => {
                self.deployment(call.model, &path).into()
            }
            _ => self.versioned(&path).into(),
        }
    }

    fn finish(
        &self,
        call: &Call<'_>,
        parts: &mut request::Parts,
        body: Bytes,
    ) -> Result<Bytes, Error> {
        match (call.operation, call.dialect) {
            (_, Some(dialect)) if dialect.name() == Anthropic.name() => {
                let count = *call.operation == Operation::CountTokens;
                parts.uri = self.claude(if count { COUNT_PATH } else { CLAUDE_PATH })?
            }
            // What an account keeps belongs to no deployment.
            (Operation::Resource { path, .. }, _) => {
                let base = self.base_url.path().trim_end_matches('/');
                let below = self.versioned(path);
                parts.uri = with_path(&self.base_url, &format!("{base}{below}"))?;
            }
            // What is passed through unread needs the deployment and the version as well.
            (Operation::Proxy { path, .. }, _) => {
                let path = path.to_string();
                let below = match &self.api {
                    Api::Deployments { .. } if !call.model.is_empty() => {
                        self.deployment(call.model, &path)
                    }
                    _ => self.versioned(&path),
                };
                let base = self.base_url.path().trim_end_matches('/');
                parts.uri = with_path(&self.base_url, &format!("{base}{below}"))?;
            }
            _ => {}
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
        if secret.is_token() {
            let value = bearer(secret)?;
            parts.headers.insert(header::AUTHORIZATION, value);
        } else {
            let claude = parts.uri.path().contains(CLAUDE_PATH);
            let name = if claude { "x-api-key" } else { "api-key" };
            parts.headers.insert(name, secret_header(secret.expose())?);
        }
        Ok(())
    }

    fn quirks(&self) -> &Quirks {
        &self.quirks
    }

    fn classify(&self, parts: &response::Parts, body: &[u8]) -> Error {
        let error = classified(&OpenAiChat, parts, body);
        if error.kind() == ErrorKind::InvalidRequest && is_filtered(body) {
            return error.with_kind(ErrorKind::ContentFilter);
        }
        error
    }
}

/// Did the content filter say no? The outer code does not always tell.
fn is_filtered(body: &[u8]) -> bool {
    const POLICY: &str = "ResponsibleAIPolicyViolation";
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else {
        return false;
    };
    [
        "/error/innererror/code",
        "/error/inner_error/code",
        "/error/code",
    ]
    .iter()
    .filter_map(|at| value.pointer(at)?.as_str())
    .any(|code| code == POLICY)
}

#[cfg(test)]
mod tests;
