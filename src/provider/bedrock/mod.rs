//! Amazon Bedrock: models of many makers, behind AWS's keys.
//!
//! Claude is called by `InvokeModel`, whose body is Anthropic's own but for a few members; so callers who speak Anthropic's
//! dialect are passed through. All other models are called by `Converse`, the dialect Bedrock has for all of them.

mod body;
mod error;

use std::{borrow::Cow, fmt, time::SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request, response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    Provider,
    aws::{AwsKeys, SigV4},
    bearer,
    compatible::parse_base_url,
};
use crate::{
    credential::Secret,
    dialect::{
        Call, Dialect, Quirks,
        anthropic::Anthropic,
        bedrock::Converse,
        embeddings::{BedrockCohereEmbeddings, EmbeddingDialect, TitanEmbeddings},
        rerank::{BedrockRerank, RerankDialect},
    },
    error::Error,
    request::{Operation, Payload},
    wire::Framing,
};

/// The name requests are signed by.
const SERVICE: &str = "bedrock";

/// A model's id is one segment of the path: its `:` and `/` are written otherwise.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What Anthropic's own endpoint knows and this one refuses. It only steers.
const QUIRKS: Quirks = Quirks {
    drop: &["inference_geo", "service_tier", "speed"],
    ..Quirks::NONE
};

/// Amazon Bedrock in one region.
///
/// An account's key is [`AwsKeys`], by which requests are signed, or a bearer key of Bedrock's own. Without any key requests go
/// out as they are, for proxies that sign them.
///
/// ```
/// use trunkline::provider::{Bedrock, Provider};
///
/// let bedrock = Bedrock::new("bedrock", "eu-central-1")?;
/// assert_eq!(bedrock.base_url().host(), Some("bedrock-runtime.eu-central-1.amazonaws.com"));
/// # Ok::<_, trunkline::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Bedrock {
    name: Cow<'static, str>,
    region: String,
    base_url: Uri,
    api: BedrockApi,
    betas: Vec<String>,
    headers: HeaderMap,
    clock: fn() -> SystemTime,
}

/// Which of Bedrock's two ways a model is called by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BedrockApi {
    /// Claude by `InvokeModel`, all others by `Converse`. Claude is told by its id, so not where that is the ARN of an
    /// application's own profile.
    #[default]
    ByModel,
    /// All by `Converse`.
    Converse,
    /// All by `InvokeModel`: all of them are Claude.
    Invoke,
}

impl Bedrock {
    /// Bedrock in this region, e.g. `us-east-1`.
    ///
    /// # Errors
    /// If that cannot be a region.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        region: impl Into<String>,
    ) -> Result<Self, Error> {
        let region = region.into();
        if !is_region(&region) {
            let message = format!("`{region}` is not a region of AWS; write e.g. us-east-1");
            return Err(Error::invalid("region", message));
        }
        Ok(Self {
            name: name.into(),
            base_url: parse_base_url(&Self::address(&region))?,
            region,
            api: BedrockApi::default(),
            betas: Vec::new(),
            headers: HeaderMap::new(),
            clock: SystemTime::now,
        })
    }

    /// Bedrock's address in a region.
    pub fn address(region: &str) -> String {
        let end = if region.starts_with("cn-") { ".cn" } else { "" };
        format!("https://bedrock-runtime.{region}.amazonaws.com{end}")
    }

    /// Another address: a VPC endpoint, FIPS, a proxy, a test server. The region is still the one requests are signed for.
    ///
    /// # Errors
    /// If `base_url` is not an absolute `http` or `https` URL without query.
    pub fn with_base_url(mut self, base_url: &str) -> Result<Self, Error> {
        self.base_url = parse_base_url(base_url)?;
        Ok(self)
    }

    /// By which way models are called.
    pub fn api(mut self, api: BedrockApi) -> Self {
        self.api = api;
        self
    }

    /// Passes this value of callers' `anthropic-beta` on as well. Bedrock refuses what it does not know; unasked, only what
    /// it is known to know is passed on.
    pub fn beta(mut self, name: impl Into<String>) -> Self {
        self.betas.push(name.into());
        self
    }

    /// A header that every request carries, e.g. `x-amzn-bedrock-guardrailidentifier`.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Where the time of a signature comes from; the system's clock otherwise.
    pub fn clock(mut self, clock: fn() -> SystemTime) -> Self {
        self.clock = clock;
        self
    }

    fn chat(&self, model: &str) -> Option<&'static dyn Dialect> {
        let invoked = match self.api {
            BedrockApi::ByModel => is_claude(model),
            BedrockApi::Converse => false,
            BedrockApi::Invoke => true,
        };
        if invoked {
            Some(&Anthropic)
        } else {
            converse()
        }
    }
}

impl Provider for Bedrock {
    fn name(&self) -> &str {
        &self.name
    }

    fn base_url(&self) -> &Uri {
        &self.base_url
    }

    fn dialect(&self, operation: &Operation) -> Option<&'static dyn Dialect> {
        match (operation, self.api) {
            (Operation::Chat, BedrockApi::Converse) => converse(),
            (Operation::Chat, _) => Some(&Anthropic),
            (Operation::CountTokens, _) => converse(),
            _ => None,
        }
    }

    fn speaks(&self, call: &Call<'_>, _payload: &Payload) -> Option<&'static dyn Dialect> {
        match call.operation {
            Operation::Chat => self.chat(call.model),
            // No other maker's models are counted, and none by an ARN.
            Operation::CountTokens if is_claude(call.model) && !call.model.starts_with("arn:") => {
                converse()
            }
            _ => None,
        }
    }

    /// Titan's and Cohere's only: each family has its own way.
    fn embeddings(&self, call: &Call<'_>) -> Option<&'static dyn EmbeddingDialect> {
        if call.model.contains("titan-embed") {
            Some(&TitanEmbeddings)
        } else if call.model.contains("cohere.embed") {
            Some(&BedrockCohereEmbeddings)
        } else {
            None
        }
    }

    fn rerank(&self, call: &Call<'_>) -> Option<&'static dyn RerankDialect> {
        let known = ["cohere.rerank", "amazon.rerank"];
        let known = known.iter().any(|name| call.model.contains(name));
        known.then_some(&BedrockRerank as _)
    }

    /// Nothing of OpenAI's: neither pictures and sounds nor files and batches.
    fn offers(&self, call: &Call<'_>) -> bool {
        call.operation.path().is_none() && !matches!(call.operation, Operation::Resource { .. })
    }

    /// Bytes only, and what is in S3.
    fn fetches(&self, _: &Call<'_>) -> Option<bool> {
        Some(false)
    }

    /// Its list of models is at another host.
    fn probe(&self) -> Option<Cow<'static, str>> {
        None
    }

    fn path(&self, call: &Call<'_>) -> Cow<'static, str> {
        let dialect = call.dialect.or_else(|| self.chat(call.model));
        if *call.operation == Operation::CountTokens {
            let model = utf8_percent_encode(base_id(call.model), SEGMENT);
            return format!("/model/{model}/count-tokens").into();
        }
        let verb = match (is_anthropic(dialect), call.stream) {
            (true, false) => "invoke",
            (true, true) => "invoke-with-response-stream",
            (false, false) => "converse",
            (false, true) => "converse-stream",
        };
        let model = utf8_percent_encode(call.model, SEGMENT);
        format!("/model/{model}/{verb}").into()
    }

    fn framing(&self, call: &Call<'_>) -> Framing {
        let dialect = call.dialect.or_else(|| self.chat(call.model));
        if is_anthropic(dialect) {
            Framing::AwsEventStreamChunks
        } else {
            Framing::AwsEventStream
        }
    }

    fn finish(
        &self,
        call: &Call<'_>,
        parts: &mut request::Parts,
        body: Bytes,
    ) -> Result<Bytes, Error> {
        let betas = body::betas(&parts.headers, &self.betas);
        // What these mean is said in the body here, and no other version than that body's is known.
        parts.headers.remove("anthropic-beta");
        parts.headers.remove("anthropic-version");
        if call.dialect.is_none() {
            return Ok(body);
        }
        let accept = if call.stream {
            "application/vnd.amazon.eventstream"
        } else {
            "application/json"
        };
        let accept = HeaderValue::from_static(accept);
        parts.headers.insert(header::ACCEPT, accept);
        if is_anthropic(call.dialect) {
            body::invoked(&body, &betas)
        } else {
            Ok(body)
        }
    }

    fn authorize(
        &self,
        secret: &Secret,
        parts: &mut request::Parts,
        body: &[u8],
    ) -> Result<(), Error> {
        for (name, value) in &self.headers {
            parts.headers.insert(name.clone(), value.clone());
        }
        if secret.is_empty() {
            return Ok(());
        }
        if let Some(keys) = AwsKeys::from_secret(secret) {
            return SigV4::new(&self.region, SERVICE).sign(&keys, parts, body, (self.clock)());
        }
        let value = bearer(secret)?;
        parts.headers.insert(header::AUTHORIZATION, value);
        Ok(())
    }

    fn quirks(&self) -> &Quirks {
        &QUIRKS
    }

    fn classify(&self, parts: &response::Parts, body: &[u8]) -> Error {
        error::classify(parts, body)
    }
}

impl fmt::Debug for Bedrock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Header values may be keys.
        f.debug_struct("Bedrock")
            .field("name", &self.name)
            .field("region", &self.region)
            .field("api", &self.api)
            .finish_non_exhaustive()
    }
}

/// The dialect of all models but Claude.
fn converse() -> Option<&'static dyn Dialect> {
    Some(&Converse)
}

fn is_anthropic(dialect: Option<&'static dyn Dialect>) -> bool {
    dialect.is_some_and(|dialect| dialect.name() == Anthropic.name())
}

/// Is a model Anthropic's, by its id, its profile's id (`us.anthropic.…`), or an ARN that ends with one of these?
fn is_claude(model: &str) -> bool {
    let id = model.rsplit('/').next().unwrap_or(model);
    id.split('.').any(|part| part == "anthropic")
}

/// The id without its profile's region: only the model itself is counted for.
fn base_id(model: &str) -> &str {
    match model.split_once('.') {
        Some((_, rest)) if rest.starts_with("anthropic.") => rest,
        _ => model,
    }
}

/// Can it be a region of AWS?
pub(crate) fn is_region(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.contains('-') && text.chars().all(fits) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests;
