//! Errors as this dialect spells them, and as its vendors report them inside a stream.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::NAME;
use crate::{
    Json,
    dialect::classify,
    error::{Error, ErrorKind},
    json,
    wire::Frame,
};

/// What a caller waits if nobody knows better: without a figure, clients do not come back at all.
const WAIT: Duration = Duration::from_secs(1);

/// What an error inside a 200 means.
pub(super) fn reported(raw: &RawValue) -> Error {
    let body = format!("{{\"error\":{raw}}}");
    classify(NAME, StatusCode::OK, &HeaderMap::new(), body.as_bytes())
}

/// The status callers see. A refused caller's key is a 400 here.
pub(super) fn status(error: &Error) -> StatusCode {
    match error.status() {
        StatusCode::UNAUTHORIZED if error.kind() == ErrorKind::Denied => StatusCode::BAD_REQUEST,
        status => status,
    }
}

/// The body of an HTTP error.
pub(super) fn body(error: &Error) -> Bytes {
    // Clients go by either code: the one inside must be the one outside.
    let agrees = |bytes: &&Bytes| code(bytes).is_none_or(|code| code == status(error).as_u16());
    match own_body(error).filter(agrees) {
        Some(bytes) => bytes.clone(),
        None => written(error).to_string().into(),
    }
}

/// The frame that reports an error inside a stream.
pub(super) fn frame(error: &Error) -> Frame {
    // A frame is one line for the clients of this dialect.
    let fits = |bytes: &&Bytes| {
        bytes.starts_with(b"{")
            && memchr::memchr2(b'\n', b'\r', bytes).is_none()
            && memchr::memmem::find(bytes, b"\"error\"").is_some()
    };
    match own_body(error).filter(fits) {
        Some(bytes) => Frame::new(None, bytes.clone()),
        None => Frame::new(None, written(error).to_string()),
    }
}

/// The vendor's own words, unless they are about an account of ours.
fn own_body(error: &Error) -> Option<&Bytes> {
    let ours = matches!(
        error.kind(),
        ErrorKind::Authentication | ErrorKind::QuotaExhausted | ErrorKind::Exhausted
    );
    error
        .body()
        .filter(|body| !ours && body.dialect == NAME)
        .map(|body| &body.bytes)
}

/// The code that a body names.
fn code(body: &[u8]) -> Option<u16> {
    #[derive(Deserialize)]
    struct Body {
        error: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        code: u16,
    }
    let body: Body = serde_json::from_slice(body).ok()?;
    Some(body.error.code)
}

fn written(error: &Error) -> Json {
    let status = status(error);
    let prefixed;
    let message = match error.kind() {
        // Vendors quote the refused key in their message.
        ErrorKind::Authentication => "the vendor refused this gateway's own credentials",
        ErrorKind::QuotaExhausted => "this gateway's account at the vendor is out of quota",
        ErrorKind::ContextLength => {
            prefixed = format!(
                "The input token count exceeds the maximum number of tokens allowed: {}",
                error.message()
            );
            &prefixed
        }
        _ => error.message(),
    };
    let inner = json::object(|o| {
        o.field("code", &status.as_u16())
            .field("message", message)
            .field("status", name(error, status));
        let details = details(error, status);
        if !details.is_empty() {
            o.array("details", details);
        }
    });
    json::object(|o| {
        o.field("error", &inner);
    })
}

fn name(error: &Error, status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        402 | 403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        502 if error.kind() == ErrorKind::Server => "INTERNAL",
        502 | 503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        400..=498 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}

fn details(error: &Error, status: StatusCode) -> Vec<Json> {
    let mut details = Vec::new();
    if error.kind() == ErrorKind::Denied && error.status() == StatusCode::UNAUTHORIZED {
        details.push(json::object(|o| {
            o.field("@type", "type.googleapis.com/google.rpc.ErrorInfo")
                .field("reason", "API_KEY_INVALID")
                .field("domain", "googleapis.com");
        }));
    }
    if let Some(param) = error
        .param()
        .filter(|param| !param.is_empty() && error.is_caller_fault())
    {
        let violation = json::object(|o| {
            o.field("field", param)
                .field("description", error.message());
        });
        details.push(json::object(|o| {
            o.field("@type", "type.googleapis.com/google.rpc.BadRequest")
                .array("fieldViolations", [violation]);
        }));
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        let wait = error.retry_after().unwrap_or(WAIT);
        details.push(json::object(|o| {
            o.field("@type", "type.googleapis.com/google.rpc.RetryInfo")
                .field("retryDelay", &format!("{}s", seconds(wait)));
        }));
    }
    details
}

/// Rounded up: coming back a moment too early is too early.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(error: &Error) -> String {
        String::from_utf8(body(error).to_vec()).unwrap()
    }

    #[test]
    fn kinds_become_statuses() {
        for (kind, status, name) in [
            (ErrorKind::InvalidRequest, 400, "INVALID_ARGUMENT"),
            (ErrorKind::Denied, 403, "PERMISSION_DENIED"),
            (ErrorKind::NotFound, 404, "NOT_FOUND"),
            (ErrorKind::Server, 500, "INTERNAL"),
            (ErrorKind::Overloaded, 503, "UNAVAILABLE"),
            (ErrorKind::Timeout, 504, "DEADLINE_EXCEEDED"),
        ] {
            let error = Error::new(kind, "m").with_status(StatusCode::from_u16(status).unwrap());
            assert_eq!(
                text(&error),
                format!(r#"{{"error":{{"code":{status},"message":"m","status":"{name}"}}}}"#)
            );
        }
    }

    #[test]
    fn the_code_inside_is_the_one_outside() {
        let refused = |status: u16| {
            let body = format!(r#"{{"error":{{"code":{status},"message":"m","status":"X"}}}}"#);
            let status = StatusCode::from_u16(status).unwrap();
            (
                classify(NAME, status, &HeaderMap::new(), body.as_bytes()),
                body,
            )
        };
        let (error, body) = refused(404);
        assert_eq!((status(&error).as_u16(), text(&error)), (404, body));
        // A prompt that is too long is a 400 to callers, whatever the vendor calls it.
        let (error, _) = refused(413);
        assert_eq!(status(&error), 400);
        assert!(
            text(&error).starts_with(r#"{"error":{"code":400,"#),
            "{}",
            text(&error)
        );
    }

    #[test]
    fn a_wait_is_told_where_clients_look_for_it() {
        let error =
            Error::new(ErrorKind::RateLimited, "m").with_retry_after(Duration::from_millis(34_070));
        assert_eq!(
            text(&error),
            r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"35s"}]}}"#
        );
    }

    #[test]
    fn a_callers_bad_key_looks_as_it_does_at_the_vendor() {
        let error = Error::new(ErrorKind::Denied, "m").with_status(StatusCode::UNAUTHORIZED);
        assert_eq!(status(&error), 400);
        assert!(text(&error).contains(r#""reason":"API_KEY_INVALID""#));
        assert!(text(&error).contains(r#""status":"INVALID_ARGUMENT""#));
    }

    #[test]
    fn the_vendors_own_words_survive_but_not_those_about_our_keys() {
        let own = Bytes::from_static(b"{\n\"error\":{\"code\":400}}");
        let error = Error::new(ErrorKind::InvalidRequest, "x").with_body(NAME, own.clone());
        assert_eq!(body(&error), own);
        assert!(!frame(&error).data().contains(&b'\n'));
        let key = Error::new(ErrorKind::Authentication, "bad key AIza1").with_body(NAME, own);
        assert!(!text(&key).contains("AIza1") && text(&key).contains("502"));
    }
}
