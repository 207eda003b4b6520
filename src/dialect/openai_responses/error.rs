//! Failures in streams and answers, read and written.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    NAME, response,
    wire::{Answer, Event},
};
use crate::{
    dialect::{classify, openai_chat},
    error::Error,
    json::{self, Json, Value},
    wire::Frame,
};

/// What a failed answer, or an `error` event, means. The error's own object may be nested, flat or missing.
///
/// The body that is kept has the shape of OpenAI's HTTP errors, which callers of this dialect know.
pub(super) fn reported(data: &[u8]) -> Error {
    #[derive(Deserialize)]
    struct Failed<'a> {
        #[serde(borrow, default)]
        response: Option<Inner<'a>>,
        #[serde(borrow, default)]
        error: Option<&'a RawValue>,
        #[serde(borrow, default)]
        message: Option<&'a RawValue>,
        #[serde(borrow, default)]
        code: Option<&'a RawValue>,
        #[serde(borrow, default)]
        param: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Inner<'a> {
        #[serde(borrow, default)]
        error: Option<&'a RawValue>,
    }
    let body = serde_json::from_slice::<Failed<'_>>(data)
        .ok()
        .map(|failed| {
            let nested = failed.response.and_then(|r| r.error).or(failed.error);
            let error = match nested.filter(|raw| raw.get().starts_with('{')) {
                Some(error) => error.into(),
                None => json::object(|o| {
                    o.optional("message", failed.message.or(nested))
                        .optional("code", failed.code)
                        .optional("param", failed.param);
                }),
            };
            json::object(|o| {
                o.field("error", &error);
            })
            .to_string()
        });
    let body = body.as_deref().map_or(data, str::as_bytes);
    classify(NAME, StatusCode::OK, &HeaderMap::new(), body)
}

/// The `error` event. On the wire it is nested, whatever the reference says, and OpenAI's clients look for that.
pub(super) fn frame(error: &Error, sequence: u64) -> Frame {
    event("error", sequence, "error", &object(error))
}

/// `error`, and `response.failed` for clients that know nothing else as the end of a failed answer.
pub(super) fn last_words(error: &Error, first: Option<&Frame>, sent: u64) -> Bytes {
    let event_of = first.and_then(|frame| serde_json::from_slice::<Event<'_>>(frame.data()).ok());
    let answer: Answer<'_> = event_of
        .and_then(|event| serde_json::from_str(event.response?.get()).ok())
        .unwrap_or_default();
    let told = object(error);
    let code = Value::root(told.as_str().as_bytes())
        .ok()
        .and_then(|value| value.object().ok()?.take("code")?.string().ok());
    let reason = json::object(|o| {
        o.field("code", code.as_deref().unwrap_or("server_error"))
            .field("message", &message(&told));
    });
    let head = response::Head {
        id: answer.id.as_str(),
        created: answer.created_at.0.unwrap_or_default(),
        model: answer.model.as_str(),
    };
    let failed = head.failed(&reason);
    let mut bytes = frame(error, sent).into_raw().to_vec();
    let sequence = sent.saturating_add(1);
    bytes.extend_from_slice(event("response.failed", sequence, "response", &failed).raw());
    bytes.into()
}

fn event(kind: &'static str, sequence: u64, name: &str, value: &Json) -> Frame {
    let data = json::object(|o| {
        o.field("type", kind)
            .field("sequence_number", &sequence)
            .field(name, value);
    });
    Frame::new(Some(kind), data.to_string())
}

/// The object that says what is wrong.
fn object(error: &Error) -> Json {
    let inner = |body: &[u8]| -> Option<Json> {
        let root = Value::root(body).ok()?;
        let found = root.object().ok()?.take("error")?;
        // A line break of the vendor's would not end the frame, but a client may trip over it.
        let tree: serde_json::Value = serde_json::from_str(found.text()).ok()?;
        tree.is_object().then(|| Json::from_serialize(&tree).ok())?
    };
    inner(&openai_chat::error::body(error, NAME))
        .or_else(|| inner(&openai_chat::error::built(error, NAME)))
        .unwrap_or_else(Json::empty_object)
}

fn message(error: &Json) -> String {
    Value::root(error.as_str().as_bytes())
        .ok()
        .and_then(|value| value.object().ok()?.take("message")?.string().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn failures_of_every_shape() {
        for data in [
            r#"{"type":"error","code":"rate_limit_exceeded","message":"slow","param":null}"#,
            r#"{"type":"error","sequence_number":2,"error":{"type":"tokens","code":"rate_limit_exceeded","message":"slow","param":null}}"#,
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"}}}"#,
        ] {
            let error = reported(data.as_bytes());
            assert_eq!(
                (error.kind(), error.message()),
                (ErrorKind::RateLimited, "slow"),
                "{data}"
            );
            let body = error.body().unwrap();
            assert!(body.bytes.starts_with(br#"{"error":{"#), "{data}");
        }
        let bare =
            reported(br#"{"type":"response.failed","response":{"status":"failed","error":null}}"#);
        assert_eq!(bare.kind(), ErrorKind::Server);
    }

    #[test]
    fn case_98_a_break_is_told_twice_and_numbered_on() {
        let created = Frame::new(
            Some("response.created"),
            r#"{"type":"response.created","response":{"id":"resp_1","created_at":7,"model":"m"}}"#,
        );
        let error = Error::new(ErrorKind::StreamBroken, "the vendor's stream was cut");
        let words = last_words(&error, Some(&created), 5);
        let text = std::str::from_utf8(&words).unwrap();
        let (first, second) = text.split_once("\n\n").unwrap();
        assert_eq!(
            first,
            "event: error\ndata: {\"type\":\"error\",\"sequence_number\":5,\"error\":{\"code\":\"stream_truncated\",\"message\":\"the vendor's stream was cut\",\"param\":null,\"type\":\"server_error\"}}"
        );
        assert!(second.starts_with("event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":6,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":7,\"status\":\"failed\""), "{second}");
        assert!(
            second.contains(
                r#""error":{"code":"stream_truncated","message":"the vendor's stream was cut"}"#
            ),
            "{second}"
        );
        assert!(!text.contains("[DONE]"));
    }
}
