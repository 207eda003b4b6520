//! What a vendor's refusal means, from its status, its codes and its words.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    retry_after,
    retry_after::retry_text,
    rpc_details::{Details, Quota},
};
use crate::error::{Error, ErrorKind, Scope};

/// Turns a refusal, or an error inside a 200, into an [`Error`].
///
/// Reads the error shapes of all vendors in the field: `{"error":{…}}`, `{"error":"…"}`, `{"message":…}`, `{"detail":…}`,
/// `{"base_resp":{…}}`, or plain text. Codes and types decide before words, words before the status.
pub fn classify(
    dialect: &'static str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Error {
    let mut said = Said::read(body);
    if said.kind.is_none() {
        said.kind = aws_name(headers);
    }
    let status = said
        .status()
        .filter(|_| status.is_success())
        .unwrap_or(status);
    let kind = kind(status, &said);
    let message = match said.message.trim() {
        "" => format!("the vendor answered {}", status.as_u16()),
        message => message.to_owned(),
    };
    let mut error = Error::new(kind, message).with_status(status);
    let reason = said.details.reason.as_deref();
    if let Some(code) = reason.or(said.code.as_deref()).or(said.kind.as_deref()) {
        error = error.with_code(code);
    }
    if let Some(param) = said.param {
        error = error.with_param(param);
    }
    if said.is_json {
        error = error.with_body(dialect, Bytes::copy_from_slice(body));
    }
    // A day's quota does not come back after the seconds that are named beside it.
    let named = said
        .details
        .retry_after
        .filter(|_| said.details.quota != Some(Quota::Spent));
    let told = || (kind == ErrorKind::RateLimited).then(|| retry_text(&said.message));
    if let Some(after) = retry_after(headers).or(named).or_else(|| told().flatten()) {
        error = error.with_retry_after(after);
    }
    match kind {
        ErrorKind::Authentication | ErrorKind::QuotaExhausted => error.with_scope(Scope::Account),
        _ => error,
    }
}

/// Is this JSON body an error, whatever its status says?
pub(crate) fn has_error(body: &[u8]) -> bool {
    // A quote inside a JSON string is escaped: neither is ever found in what the model says. Most answers hold neither, and need
    // not be parsed.
    static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));
    static BASE_RESP: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"base_resp\""));
    if ERROR.find(body).is_none() && BASE_RESP.find(body).is_none() {
        return false;
    }
    #[derive(Deserialize)]
    struct Top<'a> {
        #[serde(borrow, default)]
        error: Option<&'a RawValue>,
        #[serde(borrow, default, rename = "type")]
        kind: Option<&'a RawValue>,
        #[serde(borrow, default)]
        object: Option<&'a RawValue>,
        #[serde(default)]
        base_resp: Option<BaseResp>,
    }
    let Ok(top) = serde_json::from_slice::<Top<'_>>(body) else {
        return false;
    };
    let says = |raw: Option<&RawValue>| raw.is_some_and(|raw| raw.get() == "\"error\"");
    top.error
        .is_some_and(|raw| !matches!(raw.get(), "null" | "\"\"" | "{}" | "false"))
        || says(top.kind)
        || says(top.object)
        || top.base_resp.is_some_and(|resp| resp.status_code != 0)
}

#[derive(Deserialize, Default)]
struct BaseResp {
    #[serde(default)]
    status_code: i64,
}

/// What an error body says, whatever its shape.
#[derive(Default)]
struct Said {
    message: String,
    /// `type`.
    kind: Option<String>,
    code: Option<String>,
    param: Option<String>,
    /// Google's.
    details: Details,
    is_json: bool,
}

impl Said {
    fn read(body: &[u8]) -> Self {
        const MOST_TEXT: usize = 500;
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else {
            let text = String::from_utf8_lossy(body);
            let text = text.trim();
            // A page of HTML is noise to whoever reads the error.
            let message = if text.starts_with('<') {
                String::new()
            } else {
                text.chars().take(MOST_TEXT).collect()
            };
            return Self {
                message,
                ..Self::default()
            };
        };
        // Some vendors wrap the error in a list of one.
        let value = value.get(0).unwrap_or(&value);
        let error = value.get("error").filter(|e| !e.is_null());
        let inner = error.filter(|e| e.is_object()).unwrap_or(value);
        let text = |names: &[&str]| {
            names
                .iter()
                .filter_map(|name| inner.get(name))
                .find_map(scalar)
        };
        let message = text(&["message", "msg", "Message"])
            .or_else(|| error.and_then(scalar))
            .or_else(|| inner.get("detail").map(detail))
            .or_else(|| value.pointer("/base_resp/status_msg").and_then(scalar))
            .unwrap_or_default();
        Self {
            message,
            kind: text(&["type", "status"])
                .or_else(|| text(&["__type"]).map(|name| bare_name(&name))),
            code: text(&["code"])
                .or_else(|| value.pointer("/base_resp/status_code").and_then(scalar)),
            param: text(&["param"]),
            details: Details::read(inner),
            is_json: true,
        }
    }

    /// The status an error names inside a body, e.g. OpenRouter's numeric codes under a 200.
    fn status(&self) -> Option<StatusCode> {
        let code: u16 = self.code.as_deref()?.parse().ok()?;
        (400..600)
            .contains(&code)
            .then(|| StatusCode::from_u16(code).ok())?
    }
}

/// The name of the exception that Amazon puts beside the body.
fn aws_name(headers: &HeaderMap) -> Option<String> {
    let name = headers.get("x-amzn-errortype")?.to_str().ok()?;
    Some(bare_name(name)).filter(|name| !name.is_empty())
}

/// `com.amazon.coral.service#ThrottlingException:http://…` without what is around the name.
fn bare_name(name: &str) -> String {
    let name = name.split(':').next().unwrap_or(name);
    name.rsplit('#').next().unwrap_or(name).trim().to_owned()
}

fn scalar(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) if !text.is_empty() => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// FastAPI's `detail`: a text, or a list of `{loc, msg}`.
fn detail(value: &serde_json::Value) -> String {
    match value.as_array() {
        Some(list) => list
            .iter()
            .filter_map(|item| item.get("msg").and_then(scalar))
            .collect::<Vec<_>>()
            .join("; "),
        None => scalar(value).unwrap_or_default(),
    }
}

/// Codes and types that say it all: `(text, kind)`. Compared whole, in lower case.
const CODES: &[(&str, ErrorKind)] = &[
    ("context_length_exceeded", ErrorKind::ContextLength),
    ("exceed_context_size_error", ErrorKind::ContextLength),
    ("content_filter", ErrorKind::ContentFilter),
    ("content_policy_violation", ErrorKind::ContentFilter),
    ("data_inspection_failed", ErrorKind::ContentFilter),
    ("moderation_blocked", ErrorKind::ContentFilter),
    ("1026", ErrorKind::ContentFilter),
    ("1027", ErrorKind::ContentFilter),
    ("1301", ErrorKind::ContentFilter),
    ("insufficient_quota", ErrorKind::QuotaExhausted),
    ("credit_balance_exhausted", ErrorKind::QuotaExhausted),
    ("exceeded_current_quota_error", ErrorKind::QuotaExhausted),
    ("billing_error", ErrorKind::QuotaExhausted),
    ("billing_hard_limit_reached", ErrorKind::QuotaExhausted),
    ("billing_not_active", ErrorKind::QuotaExhausted),
    ("accountoverdueerror", ErrorKind::QuotaExhausted),
    ("1008", ErrorKind::QuotaExhausted),
    ("1113", ErrorKind::QuotaExhausted),
    ("invalid_api_key", ErrorKind::Authentication),
    ("authentication_error", ErrorKind::Authentication),
    ("permission_error", ErrorKind::Authentication),
    ("account_deactivated", ErrorKind::Authentication),
    ("1004", ErrorKind::Authentication),
    ("rate_limit_exceeded", ErrorKind::RateLimited),
    ("rate_limit_error", ErrorKind::RateLimited),
    ("rate_limit_reached_error", ErrorKind::RateLimited),
    ("ratelimitreached", ErrorKind::RateLimited),
    ("1002", ErrorKind::RateLimited),
    ("1302", ErrorKind::RateLimited),
    ("1303", ErrorKind::RateLimited),
    ("overloaded_error", ErrorKind::Overloaded),
    ("engine_overloaded_error", ErrorKind::Overloaded),
    ("server_is_overloaded", ErrorKind::Overloaded),
    ("slow_down", ErrorKind::Overloaded),
    ("model_not_found", ErrorKind::Unsupported),
    ("not_found_error", ErrorKind::Unsupported),
    ("deploymentnotfound", ErrorKind::Unsupported),
    ("unsupported_parameter", ErrorKind::Unsupported),
    ("unsupported_value", ErrorKind::Unsupported),
    ("api_error", ErrorKind::Server),
    ("server_error", ErrorKind::Server),
    ("timeout_error", ErrorKind::Server),
    ("api_key_invalid", ErrorKind::Authentication),
    ("api_key_expired", ErrorKind::Authentication),
    ("api_key_service_blocked", ErrorKind::Authentication),
    ("service_disabled", ErrorKind::Authentication),
    // The account's region or its billing: another account may do.
    ("failed_precondition", ErrorKind::Unsupported),
    ("cancelled", ErrorKind::Server),
    ("accessdeniedexception", ErrorKind::Authentication),
    ("expiredtokenexception", ErrorKind::Authentication),
    ("incompletesignatureexception", ErrorKind::Authentication),
    ("invalidsignatureexception", ErrorKind::Authentication),
    (
        "missingauthenticationtokenexception",
        ErrorKind::Authentication,
    ),
    ("unrecognizedclientexception", ErrorKind::Authentication),
    ("servicequotaexceededexception", ErrorKind::QuotaExhausted),
    ("throttlingexception", ErrorKind::RateLimited),
    ("toomanyrequestsexception", ErrorKind::RateLimited),
    // It is being loaded, for everybody.
    ("modelnotreadyexception", ErrorKind::Overloaded),
    ("serviceunavailableexception", ErrorKind::Overloaded),
    ("resourcenotfoundexception", ErrorKind::Unsupported),
    ("internalserverexception", ErrorKind::Server),
    ("modelerrorexception", ErrorKind::Server),
    ("modelstreamerrorexception", ErrorKind::Server),
    ("modeltimeoutexception", ErrorKind::Server),
];

/// Words that tell, where codes do not: all of a row's must be there.
const WORDS: &[(&[&str], ErrorKind)] = &[
    (&["prompt is too long"], ErrorKind::ContextLength),
    (&["maximum context length"], ErrorKind::ContextLength),
    (&["context length", "exceed"], ErrorKind::ContextLength),
    (&["context window", "exceed"], ErrorKind::ContextLength),
    (&["input is too long"], ErrorKind::ContextLength),
    (&["exceed context limit"], ErrorKind::ContextLength),
    (&["input token count", "exceed"], ErrorKind::ContextLength),
    (&["too many tokens", "size limit"], ErrorKind::ContextLength),
    (&["input tokens exceeded"], ErrorKind::ContextLength),
    (&["model identifier is invalid"], ErrorKind::Unsupported),
    (
        &["on-demand throughput", "supported"],
        ErrorKind::Unsupported,
    ),
    (&["this model doesn't support the"], ErrorKind::Unsupported),
    (&["insufficient balance"], ErrorKind::QuotaExhausted),
    (&["credit balance is too low"], ErrorKind::QuotaExhausted),
    (&["exceeded your current quota"], ErrorKind::QuotaExhausted),
    (&["incorrect api key"], ErrorKind::Authentication),
    (&["invalid api key"], ErrorKind::Authentication),
    (&["api key not valid"], ErrorKind::Authentication),
];

fn kind(status: StatusCode, said: &Said) -> ErrorKind {
    let codes = [
        said.details.reason.as_deref(),
        said.code.as_deref(),
        said.kind.as_deref(),
    ];
    for code in codes.into_iter().flatten() {
        let code = code.to_ascii_lowercase();
        if let Some((_, kind)) = CODES.iter().find(|(name, _)| *name == code) {
            return by_status(*kind, status);
        }
    }
    // Google speaks of the "current quota" whichever it is; the details tell.
    match said.details.quota {
        Some(Quota::Brief) if status == StatusCode::TOO_MANY_REQUESTS => {
            return ErrorKind::RateLimited;
        }
        Some(Quota::Spent) => return ErrorKind::QuotaExhausted,
        _ => {}
    }
    let words = said.message.to_ascii_lowercase();
    for (all, kind) in WORDS {
        // A limit of tokens per minute also speaks of too many tokens: a 429 is never the prompt's length.
        let length = *kind == ErrorKind::ContextLength && status == StatusCode::TOO_MANY_REQUESTS;
        if !length && all.iter().all(|word| words.contains(word)) {
            return *kind;
        }
    }
    match status.as_u16() {
        401 | 403 | 407 => ErrorKind::Authentication,
        402 => ErrorKind::QuotaExhausted,
        404 | 405 | 415 | 501 => ErrorKind::Unsupported,
        408 | 409 | 425 => ErrorKind::Server,
        413 => ErrorKind::ContextLength,
        429 => ErrorKind::RateLimited,
        498 | 503 | 529 => ErrorKind::Overloaded,
        400..=499 => ErrorKind::InvalidRequest,
        _ => ErrorKind::Server,
    }
}

/// A code is believed, unless the status says something graver: Anthropic's `invalid_request_error` under a 402, say.
fn by_status(kind: ErrorKind, status: StatusCode) -> ErrorKind {
    match (kind, status.as_u16()) {
        // A vendor that has a rate limit and is out of breath at once: wait, but do not blame the account.
        (ErrorKind::RateLimited, 503 | 529) => ErrorKind::Overloaded,
        // Azure and others put the right code under a wrong status, but a refused key is a refused key.
        (ErrorKind::Server, 401 | 403) => ErrorKind::Authentication,
        _ => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Error {
        classify(
            "test",
            StatusCode::from_u16(status).unwrap(),
            &HeaderMap::new(),
            body.as_bytes(),
        )
    }

    #[test]
    fn shapes_seen_in_the_field() {
        use ErrorKind as K;
        for (status, body, kind, message) in [
            (
                429,
                r#"{"error":{"message":"You exceeded","type":"insufficient_quota","code":"insufficient_quota"}}"#,
                K::QuotaExhausted,
                "You exceeded",
            ),
            (
                429,
                r#"{"error":{"message":"Rate limit reached","type":"tokens","code":"rate_limit_exceeded"}}"#,
                K::RateLimited,
                "Rate limit reached",
            ),
            (
                400,
                r#"{"error":{"message":"too many","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
                K::ContextLength,
                "too many",
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 2 tokens > 1 maximum"}}"#,
                K::ContextLength,
                "prompt is too long: 2 tokens > 1 maximum",
            ),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                K::Overloaded,
                "Overloaded",
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}"#,
                K::QuotaExhausted,
                "Your credit balance is too low",
            ),
            (
                400,
                r#"{"code":"x","error":"Incorrect API key provided"}"#,
                K::Authentication,
                "Incorrect API key provided",
            ),
            (
                401,
                r#"{"detail":"Invalid API Key"}"#,
                K::Authentication,
                "Invalid API Key",
            ),
            (
                422,
                r#"{"detail":[{"loc":["body"],"msg":"extra"},{"msg":"more"}]}"#,
                K::InvalidRequest,
                "extra; more",
            ),
            (
                402,
                r#"{"error":{"message":"Insufficient Balance"}}"#,
                K::QuotaExhausted,
                "Insufficient Balance",
            ),
            (
                200,
                r#"{"error":{"code":502,"message":"upstream"}}"#,
                K::Server,
                "upstream",
            ),
            (
                200,
                r#"{"error":{"code":429,"message":"slow"}}"#,
                K::RateLimited,
                "slow",
            ),
            (
                200,
                r#"{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#,
                K::QuotaExhausted,
                "insufficient balance",
            ),
            (
                404,
                r#"[{"error":{"message":"no model"}}]"#,
                K::Unsupported,
                "no model",
            ),
            (
                502,
                "<html>Bad gateway</html>",
                K::Server,
                "the vendor answered 502",
            ),
            (500, "oops", K::Server, "oops"),
            (
                400,
                r#"{"object":"error","message":"bad","code":400}"#,
                K::InvalidRequest,
                "bad",
            ),
        ] {
            let error = of(status, body);
            assert_eq!(
                (error.kind(), error.message()),
                (kind, message),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn errors_under_a_200_are_seen() {
        for body in [
            r#"{"error":"x"}"#,
            r#"{"error":{"code":1}}"#,
            r#"{"type":"error","error":null}"#,
            r#"{"object":"error"}"#,
            r#"{"base_resp":{"status_code":1002}}"#,
        ] {
            assert!(has_error(body.as_bytes()), "{body}");
        }
        for body in [
            r#"{"id":"x","error":null}"#,
            r#"{"error":""}"#,
            r#"{"base_resp":{"status_code":0}}"#,
            "[]",
            "",
        ] {
            assert!(!has_error(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn the_named_status_of_a_200_counts() {
        assert_eq!(
            of(200, r#"{"error":{"code":429,"message":"slow"}}"#)
                .vendor_status()
                .unwrap(),
            429
        );
    }

    #[test]
    fn googles_details_decide() {
        use ErrorKind as K;
        let google = |code: u16, status: &str, message: &str, details: &str| {
            let body = format!(
                r#"{{"error":{{"code":{code},"message":"{message}","status":"{status}","details":[{details}]}}}}"#
            );
            of(code, &body)
        };
        let info = |reason: &str| {
            format!(r#"{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{reason}"}}"#)
        };
        let quota = |id: &str| {
            format!(
                r#"{{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{{"quotaId":"{id}"}}]}},{{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.07s"}}"#
            )
        };
        // Mapping case E37: a refused key is a 400 there; other 400s are not.
        let dead = google(
            400,
            "INVALID_ARGUMENT",
            "API key expired",
            &info("API_KEY_INVALID"),
        );
        assert_eq!(dead.kind(), K::Authentication);
        assert_eq!(dead.code(), Some("API_KEY_INVALID"));
        let bad = google(400, "INVALID_ARGUMENT", "Unknown name", &info("FIELD"));
        assert_eq!(bad.kind(), K::InvalidRequest);
        // Mapping case E38: the words are the same for a minute's quota and a day's.
        let words = "You exceeded your current quota. Please retry in 34.07s.";
        let minute = google(
            429,
            "RESOURCE_EXHAUSTED",
            words,
            &quota("RequestsPerMinute"),
        );
        assert_eq!(minute.kind(), K::RateLimited);
        assert_eq!(minute.retry_after().map(|d| d.as_millis()), Some(34_070));
        let day = google(429, "RESOURCE_EXHAUSTED", words, &quota("RequestsPerDay"));
        assert_eq!((day.kind(), day.retry_after()), (K::QuotaExhausted, None));
        let long = "The input token count (2) exceeds the maximum number of tokens allowed (1).";
        let long = google(400, "INVALID_ARGUMENT", long, "");
        assert_eq!(long.kind(), K::ContextLength);
        let region = google(400, "FAILED_PRECONDITION", "User location", "");
        assert_eq!(region.kind(), K::Unsupported);
        assert_eq!(google(499, "CANCELLED", "gone", "").kind(), K::Server);
    }
}
