//! Errors as this dialect spells them, and as its vendors report them inside a stream.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::NAME;
use crate::{
    dialect::classify,
    error::{Error, ErrorKind, Scope},
    wire::Frame,
};

/// Context overflow is recognised by these words alone.
const TOO_LONG: &str = "prompt is too long";

/// The statuses of the vendor's error types.
const STATUSES: &[(&str, u16)] = &[
    ("invalid_request_error", 400),
    ("authentication_error", 401),
    ("billing_error", 402),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("conflict_error", 409),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("api_error", 500),
    ("timeout_error", 504),
    ("overloaded_error", OVERLOADED),
];

/// Not registered, but this dialect's clients know it.
const OVERLOADED: u16 = 529;

/// What an error inside a 200 means: an `error` event, or a whole answer that is one.
pub(super) fn reported(body: &[u8]) -> Error {
    #[derive(serde::Deserialize)]
    struct Top {
        error: Inner,
    }
    #[derive(serde::Deserialize)]
    struct Inner {
        #[serde(rename = "type")]
        kind: String,
    }
    let status = serde_json::from_slice::<Top>(body)
        .ok()
        .and_then(|top| {
            STATUSES
                .iter()
                .find(|(kind, _)| *kind == top.error.kind)
                .and_then(|(_, status)| StatusCode::from_u16(*status).ok())
        })
        .unwrap_or(StatusCode::OK);
    classify(NAME, status, &HeaderMap::new(), body)
}

/// The status callers see.
pub(super) fn status(error: &Error) -> StatusCode {
    match error.kind() {
        ErrorKind::Overloaded => {
            StatusCode::from_u16(OVERLOADED).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
        }
        _ => error.status(),
    }
}

/// The body of an HTTP error.
pub(super) fn body(error: &Error) -> Bytes {
    own_body(error).cloned().unwrap_or_else(|| written(error))
}

/// The frame that reports an error inside a stream.
pub(super) fn frame(error: &Error) -> Frame {
    // A frame is one line, and clients look for `type` in it.
    let fits = |bytes: &&Bytes| {
        memchr::memchr2(b'\n', b'\r', bytes).is_none()
            && memchr::memmem::find(bytes, b"\"error\"").is_some()
            && bytes.starts_with(b"{")
            && memchr::memmem::find(bytes, b"\"type\"").is_some()
    };
    match own_body(error).filter(fits) {
        Some(bytes) => Frame::new(Some("error"), bytes.clone()),
        None => Frame::new(Some("error"), written(error)),
    }
}

/// The vendor's own words, unless they are about an account of ours.
fn own_body(error: &Error) -> Option<&Bytes> {
    if is_ours(error) {
        return None;
    }
    error
        .body()
        .filter(|body| body.dialect == NAME)
        .map(|body| &body.bytes)
}

/// Is the failure one of our own accounts'? Then what the vendor said is not for callers.
fn is_ours(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Authentication | ErrorKind::QuotaExhausted | ErrorKind::Exhausted => true,
        // It was one of those before it broke a stream.
        ErrorKind::StreamBroken => error.scope() == Scope::Account,
        _ => false,
    }
}

fn written(error: &Error) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        error: Inner<'a>,
    }
    #[derive(Serialize)]
    struct Inner<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        message: &'a str,
    }
    let prefixed;
    let message = match error.kind() {
        // Vendors quote the refused key in their message.
        ErrorKind::Authentication => "the vendor refused this gateway's own credentials",
        ErrorKind::QuotaExhausted => "this gateway's account at the vendor is out of quota",
        ErrorKind::StreamBroken if is_ours(error) => "the vendor's answer broke off",
        ErrorKind::ContextLength if !error.message().starts_with(TOO_LONG) => {
            prefixed = format!("{TOO_LONG}: {}", error.message());
            &prefixed
        }
        _ => error.message(),
    };
    let body = Body {
        kind: "error",
        error: Inner {
            kind: kind(error),
            message,
        },
    };
    // A struct of strings: this cannot fail.
    serde_json::to_vec(&body).unwrap_or_default().into()
}

fn kind(error: &Error) -> &'static str {
    let by_status = |otherwise| {
        STATUSES
            .iter()
            .find(|(_, status)| *status == error.status().as_u16())
            .map_or(otherwise, |(kind, _)| *kind)
    };
    match error.kind() {
        ErrorKind::ContextLength | ErrorKind::ContentFilter => "invalid_request_error",
        ErrorKind::InvalidRequest | ErrorKind::Unsupported => by_status("invalid_request_error"),
        ErrorKind::NotFound => "not_found_error",
        ErrorKind::TooLarge => "request_too_large",
        ErrorKind::RateLimited | ErrorKind::Exhausted => "rate_limit_error",
        ErrorKind::Overloaded => "overloaded_error",
        ErrorKind::Timeout => "timeout_error",
        ErrorKind::Denied => by_status("permission_error"),
        ErrorKind::Server => match error.status() {
            StatusCode::GATEWAY_TIMEOUT => "timeout_error",
            _ => "api_error",
        },
        ErrorKind::StreamBroken if !is_ours(error) => {
            match error.vendor_status().map(|status| status.as_u16()) {
                Some(429) => "rate_limit_error",
                Some(503 | OVERLOADED) => "overloaded_error",
                Some(504) => "timeout_error",
                _ => "api_error",
            }
        }
        ErrorKind::Authentication
        | ErrorKind::QuotaExhausted
        | ErrorKind::Connection
        | ErrorKind::StreamBroken
        | ErrorKind::Cancelled => "api_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(error: &Error) -> String {
        String::from_utf8(body(error).to_vec()).unwrap()
    }

    #[test]
    fn kinds_become_types() {
        for (kind, status, name) in [
            (ErrorKind::InvalidRequest, 400, "invalid_request_error"),
            (ErrorKind::Unsupported, 404, "not_found_error"),
            (ErrorKind::NotFound, 404, "not_found_error"),
            (ErrorKind::RateLimited, 429, "rate_limit_error"),
            (ErrorKind::Overloaded, 529, "overloaded_error"),
            (ErrorKind::Server, 500, "api_error"),
            (ErrorKind::Timeout, 504, "timeout_error"),
            (ErrorKind::Denied, 401, "authentication_error"),
            (ErrorKind::Denied, 402, "billing_error"),
            (ErrorKind::TooLarge, 413, "request_too_large"),
        ] {
            let error = Error::new(kind, "m").with_status(StatusCode::from_u16(status).unwrap());
            assert_eq!(
                text(&error),
                format!(r#"{{"type":"error","error":{{"type":"{name}","message":"m"}}}}"#)
            );
            assert_eq!(super::status(&error).as_u16(), status, "{kind}");
        }
    }

    #[test]
    fn a_long_prompt_is_told_in_the_words_clients_know() {
        let error = Error::new(ErrorKind::ContextLength, "maximum context length is 10");
        assert!(text(&error).contains(r#""message":"prompt is too long: maximum"#));
        let error = Error::new(
            ErrorKind::ContextLength,
            "prompt is too long: 2 tokens > 1 maximum",
        );
        assert!(text(&error).contains(r#""message":"prompt is too long: 2"#));
    }

    #[test]
    fn the_vendors_own_words_survive_but_not_those_about_our_keys() {
        let own = Bytes::from_static(br#"{"type":"error","error":{"type":"invalid_request_error","message":"x"},"request_id":"r"}"#);
        let error = Error::new(ErrorKind::InvalidRequest, "x").with_body(NAME, own.clone());
        assert_eq!(body(&error), own);
        assert_eq!(frame(&error).data(), &own[..]);
        let foreign =
            Error::new(ErrorKind::InvalidRequest, "x").with_body("openai-chat", own.clone());
        assert_ne!(body(&foreign), own);
        let key = Error::new(ErrorKind::Authentication, "bad key sk-123").with_body(NAME, own);
        assert!(!text(&key).contains("sk-123") && text(&key).contains("api_error"));
    }

    #[test]
    fn reported_errors_have_their_status() {
        for (kind, expected, status) in [
            ("overloaded_error", ErrorKind::Overloaded, 529),
            ("rate_limit_error", ErrorKind::RateLimited, 429),
            ("api_error", ErrorKind::Server, 500),
            ("invalid_request_error", ErrorKind::InvalidRequest, 400),
        ] {
            let body = format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"m"}}}}"#);
            let error = reported(body.as_bytes());
            assert_eq!(error.kind(), expected);
            assert_eq!(error.vendor_status().unwrap().as_u16(), status);
        }
        assert_eq!(
            reported(br#"{"type":"error","error":{"type":"odd","message":"m"}}"#).kind(),
            ErrorKind::Server
        );
    }
}
