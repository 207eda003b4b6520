//! What Bedrock's refusals mean.

use http::{StatusCode, response};
use serde::Deserialize;

use crate::{
    dialect,
    error::{Error, ErrorKind, Scope},
};

/// What the types mean, whatever their status.
const TYPES: &[(&str, ErrorKind, Scope)] = &[
    // The model was not asked for in the account's console, or its rights do not reach so far.
    (
        "AccessDeniedException",
        ErrorKind::Authentication,
        Scope::Model,
    ),
    (
        "ExpiredTokenException",
        ErrorKind::Authentication,
        Scope::Account,
    ),
    (
        "IncompleteSignatureException",
        ErrorKind::Authentication,
        Scope::Account,
    ),
    (
        "InvalidSignatureException",
        ErrorKind::Authentication,
        Scope::Account,
    ),
    (
        "MissingAuthenticationTokenException",
        ErrorKind::Authentication,
        Scope::Account,
    ),
    (
        "UnrecognizedClientException",
        ErrorKind::Authentication,
        Scope::Account,
    ),
    // Quotas belong to models.
    (
        "ServiceQuotaExceededException",
        ErrorKind::QuotaExhausted,
        Scope::Model,
    ),
    ("ThrottlingException", ErrorKind::RateLimited, Scope::Model),
    (
        "ModelNotReadyException",
        ErrorKind::Overloaded,
        Scope::Model,
    ),
    (
        "ServiceUnavailableException",
        ErrorKind::Overloaded,
        Scope::Model,
    ),
    ("InternalServerException", ErrorKind::Server, Scope::Model),
    ("ModelTimeoutException", ErrorKind::Server, Scope::Model),
    (
        "ResourceNotFoundException",
        ErrorKind::Unsupported,
        Scope::Model,
    ),
];

/// What a refused request's words mean.
const WORDS: &[(&str, ErrorKind)] = &[
    ("input tokens exceeded", ErrorKind::ContextLength),
    ("exceeds the maximum", ErrorKind::ContextLength),
    ("model identifier is invalid", ErrorKind::Unsupported),
    ("on-demand throughput", ErrorKind::Unsupported),
    ("this model doesn't support", ErrorKind::Unsupported),
    ("url sources are not supported", ErrorKind::Unsupported),
];

/// The type is in a header, as a rule, and sometimes in the body.
pub(super) fn classify(parts: &response::Parts, body: &[u8]) -> Error {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Said {
        #[serde(rename = "__type")]
        kind: Option<String>,
        #[serde(rename = "originalStatusCode")]
        original: Option<u16>,
    }
    let said: Said = serde_json::from_slice(body).unwrap_or_default();
    let header = parts.headers.get("x-amzn-errortype");
    let header = header.and_then(|value| value.to_str().ok());
    let kind = bare(header.or(said.kind.as_deref()).unwrap_or_default());

    // The body is Bedrock's own, whatever the dialect of the model: it is shown to nobody as it is.
    let error = dialect::classify(super::SERVICE, parts.status, &parts.headers, body);
    let (meant, scope) = meaning(kind, said.original, &error);
    let error = error.with_kind(meant).with_scope(scope);
    if kind.is_empty() {
        error
    } else {
        error.with_code(kind)
    }
}

fn meaning(kind: &str, original: Option<u16>, error: &Error) -> (ErrorKind, Scope) {
    if let Some((_, meant, scope)) = TYPES.iter().find(|(name, ..)| *name == kind) {
        return (*meant, *scope);
    }
    if kind == "ModelErrorException" {
        return (model_error(original), Scope::Model);
    }
    // Without a type, or a `ValidationException`: bad ids and long prompts are told from all else by their words.
    if error.kind() == ErrorKind::InvalidRequest {
        let said = error.message().to_ascii_lowercase();
        if let Some((_, meant)) = WORDS.iter().find(|(words, _)| said.contains(words)) {
            return (*meant, Scope::Model);
        }
    }
    (error.kind(), error.scope())
}

/// The model failed behind Bedrock, with a status of its own.
fn model_error(original: Option<u16>) -> ErrorKind {
    let status = original.and_then(|status| StatusCode::from_u16(status).ok());
    match status.map(|status| status.as_u16()) {
        Some(400 | 413 | 422) => ErrorKind::InvalidRequest,
        Some(429 | 503 | 529) => ErrorKind::Overloaded,
        _ => ErrorKind::Server,
    }
}

/// `com.amazon.coral#ValidationException:http://…` → `ValidationException`.
fn bare(kind: &str) -> &str {
    let kind = kind.split(':').next().unwrap_or_default();
    kind.rsplit('#').next().unwrap_or_default().trim()
}
