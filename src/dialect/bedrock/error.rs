//! Failures: refusals, and exceptions inside a stream.

use http::{HeaderMap, HeaderValue, StatusCode, response};
use serde::Deserialize;

use super::NAME;
use crate::{
    dialect,
    error::{Error, ErrorKind, Scope},
};

/// What a refusal means. The name of the exception stands in a header.
pub(super) fn classify(parts: &response::Parts, body: &[u8]) -> Error {
    settled(
        dialect::classify(NAME, parts.status, &parts.headers, body),
        body,
    )
}

/// What an exception frame of this name means; none if the name is not one of an exception.
pub(super) fn in_stream(name: &str, payload: &[u8]) -> Option<Error> {
    let status = match name {
        "throttlingException" | "modelNotReadyException" => 429,
        "validationException" | "serviceQuotaExceededException" => 400,
        "accessDeniedException" => 403,
        "resourceNotFoundException" => 404,
        "modelTimeoutException" => 408,
        "modelStreamErrorException" | "modelErrorException" => 424,
        "serviceUnavailableException" => 503,
        _ if name.ends_with("Exception") || name.ends_with("Error") => 500,
        _ => return None,
    };
    let mut headers = HeaderMap::new();
    if let Ok(name) = HeaderValue::from_str(name) {
        headers.insert("x-amzn-errortype", name);
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Some(settled(
        dialect::classify(NAME, status, &headers, payload),
        payload,
    ))
}

fn settled(error: Error, body: &[u8]) -> Error {
    let code = error.code().unwrap_or_default().to_ascii_lowercase();
    match code.as_str() {
        // It is about one model: the account may have others.
        "accessdeniedexception" => error.with_scope(Scope::Model),
        "modelerrorexception" | "modelstreamerrorexception" => match original_status(body) {
            Some(429) => error.with_kind(ErrorKind::RateLimited),
            Some(503 | 529) => error.with_kind(ErrorKind::Overloaded),
            _ => error,
        },
        _ if error.message().contains("model identifier is invalid") => {
            error.with_status(StatusCode::NOT_FOUND)
        }
        _ => error,
    }
}

/// The status that the model's own server gave.
fn original_status(body: &[u8]) -> Option<u16> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Inner {
        original_status_code: u16,
    }
    let inner: Inner = serde_json::from_slice(body).ok()?;
    Some(inner.original_status_code)
}
