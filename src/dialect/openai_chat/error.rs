//! Errors as OpenAI spells them.

use bytes::Bytes;

use super::NAME;
use crate::{
    error::{Error, ErrorKind, Scope},
    json,
    wire::Frame,
};

/// The body of an HTTP error, in the shape that `dialect` shares with this one.
pub(in crate::dialect) fn body(error: &Error, dialect: &str) -> Bytes {
    match own_body(error, dialect) {
        Some(bytes) => bytes.clone(),
        None => built(error, dialect),
    }
}

/// The frame that reports an error inside a stream: OpenAI's clients look for a top-level `error`.
pub(super) fn frame(error: &Error) -> Frame {
    let kept = own_body(error, NAME).filter(|bytes| {
        serde_json::from_slice::<serde_json::Value>(bytes)
            .is_ok_and(|value| value.get("error").is_some_and(|e| e.is_object()))
    });
    match kept {
        // A line break would end the frame's data line.
        Some(bytes) if memchr::memchr2(b'\n', b'\r', bytes).is_none() => {
            Frame::new(None, bytes.clone())
        }
        Some(bytes) => match serde_json::from_slice::<serde_json::Value>(bytes) {
            Ok(value) => Frame::new(None, value.to_string()),
            Err(_) => Frame::new(None, built(error, NAME)),
        },
        None => Frame::new(None, built(error, NAME)),
    }
}

/// The vendor's own body, if it is in this dialect and about the call rather than about our account.
fn own_body<'e>(error: &'e Error, dialect: &str) -> Option<&'e Bytes> {
    let body = error.body()?;
    (body.dialect == dialect && !is_ours(error)).then_some(&body.bytes)
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

pub(in crate::dialect) fn built(error: &Error, dialect: &str) -> Bytes {
    // A code in another vendor's words means nothing to OpenAI's clients.
    let code = error
        .code()
        .filter(|_| error.body().is_none_or(|body| body.dialect == dialect));
    let (kind, code) = match error.kind() {
        ErrorKind::InvalidRequest => ("invalid_request_error", code),
        ErrorKind::NotFound => ("invalid_request_error", Some("model_not_found")),
        ErrorKind::TooLarge => ("invalid_request_error", Some("request_too_large")),
        ErrorKind::Unsupported => match error.vendor_status().map(|status| status.as_u16()) {
            Some(404) => ("invalid_request_error", Some("model_not_found")),
            _ => ("invalid_request_error", code.or(Some("unsupported_value"))),
        },
        ErrorKind::ContextLength => ("invalid_request_error", Some("context_length_exceeded")),
        ErrorKind::ContentFilter => ("invalid_request_error", Some("content_filter")),
        ErrorKind::Authentication => ("server_error", Some("upstream_authentication")),
        ErrorKind::QuotaExhausted => ("server_error", Some("upstream_quota")),
        ErrorKind::RateLimited | ErrorKind::Exhausted => {
            ("rate_limit_error", Some("rate_limit_exceeded"))
        }
        ErrorKind::Overloaded => ("service_unavailable_error", Some("server_is_overloaded")),
        ErrorKind::Server | ErrorKind::Connection => ("server_error", code),
        ErrorKind::Timeout => ("server_error", code.or(Some("timeout"))),
        ErrorKind::StreamBroken if is_ours(error) => ("server_error", Some("stream_truncated")),
        ErrorKind::StreamBroken => match error.vendor_status().map(|status| status.as_u16()) {
            Some(429) => ("rate_limit_error", Some("rate_limit_exceeded")),
            Some(503 | 529) => ("service_unavailable_error", Some("server_is_overloaded")),
            _ => ("server_error", code.or(Some("stream_truncated"))),
        },
        ErrorKind::Denied => match error.status().as_u16() {
            401 => ("invalid_request_error", code.or(Some("invalid_api_key"))),
            402 => ("insufficient_quota", code.or(Some("insufficient_quota"))),
            429 => ("rate_limit_error", code.or(Some("rate_limit_exceeded"))),
            _ => ("permission_error", code),
        },
        ErrorKind::Cancelled => ("server_error", Some("cancelled")),
    };
    let message = match error.kind() {
        ErrorKind::Authentication => "the vendor does not accept this gateway's account",
        ErrorKind::QuotaExhausted => "the account behind this model is out of quota",
        ErrorKind::StreamBroken if is_ours(error) => "the vendor's answer broke off",
        _ => error.message(),
    };
    let inner = json::object(|o| {
        o.field("message", message)
            .field("type", kind)
            .field("param", &error.param().filter(|param| !param.is_empty()))
            .field("code", &code);
    });
    let outer = json::object(|o| {
        o.field("error", &inner);
    });
    outer.to_string().into()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::dialect::classify;

    fn vendor(dialect: &'static str, status: u16, body: &str) -> Error {
        let status = StatusCode::from_u16(status).unwrap();
        classify(dialect, status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn the_vendors_own_words_are_kept() {
        let said = r#"{ "error": {"message":"no","type":"x","extra":[1]} }"#;
        assert_eq!(body(&vendor(NAME, 400, said), NAME), said);
        assert_eq!(frame(&vendor(NAME, 400, said)).data(), said.as_bytes());
        // Mistral's shape has no top-level `error`: clients would read on.
        let flat = vendor(NAME, 400, r#"{"object":"error","message":"no"}"#);
        assert!(
            frame(&flat)
                .data()
                .starts_with(br#"{"error":{"message":"no""#)
        );
        let broken = frame(&vendor(NAME, 500, "{\"error\":{\n\"message\":\"a\"}}"));
        assert_eq!(broken.data(), r#"{"error":{"message":"a"}}"#);
    }

    #[test]
    fn faults_of_our_accounts_are_not_shown() {
        let said =
            r#"{"error":{"message":"Incorrect API key provided: sk-1","code":"invalid_api_key"}}"#;
        let error = vendor(NAME, 401, said);
        for bytes in [
            body(&error, NAME),
            body(&error.with_kind(ErrorKind::StreamBroken), NAME),
        ] {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            assert!(
                !text.contains("sk-1") && !text.contains("invalid_api_key"),
                "{text}"
            );
        }
    }

    #[test]
    fn foreign_errors_get_openai_codes() {
        for (status, said, wanted) in [
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#,
                r#"{"error":{"message":"busy","type":"service_unavailable_error","param":null,"code":"server_is_overloaded"}}"#,
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 1 maximum"}}"#,
                r#"{"error":{"message":"prompt is too long: 9 tokens > 1 maximum","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}}"#,
            ),
            (
                500,
                r#"{"type":"error","error":{"type":"api_error","message":"oops"}}"#,
                r#"{"error":{"message":"oops","type":"server_error","param":null,"code":null}}"#,
            ),
            (
                404,
                r#"{"type":"error","error":{"type":"not_found_error","message":"model: x"}}"#,
                r#"{"error":{"message":"model: x","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
            ),
        ] {
            assert_eq!(body(&vendor("anthropic", status, said), NAME), wanted);
        }
        let ours = Error::invalid(
            "messages[2].content",
            "`messages[2].content` must be a string",
        );
        assert_eq!(
            body(&ours, NAME),
            r#"{"error":{"message":"`messages[2].content` must be a string","type":"invalid_request_error","param":"messages[2].content","code":null}}"#
        );
    }
}
