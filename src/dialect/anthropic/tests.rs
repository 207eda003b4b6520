//! The dialect as others see it.

use http::{HeaderMap, HeaderValue};

use super::Anthropic;
use crate::dialect::{Dialect, Front};

#[test]
fn the_callers_version_is_never_overwritten() {
    let mut headers = HeaderMap::new();
    Anthropic.headers(&mut headers);
    assert_eq!(headers["anthropic-version"], "2023-06-01");
    headers.insert("anthropic-version", HeaderValue::from_static("2026-10-21"));
    Anthropic.headers(&mut headers);
    assert_eq!(headers["anthropic-version"], "2026-10-21");
    assert_eq!(headers.len(), 1);
}

#[test]
fn case_114_models_in_the_dialects_shape() {
    assert_eq!(
        Anthropic.encode_models(&["a", "b"]),
        concat!(
            r#"{"data":[{"type":"model","id":"a","display_name":"a","created_at":"1970-01-01T00:00:00Z"},"#,
            r#"{"type":"model","id":"b","display_name":"b","created_at":"1970-01-01T00:00:00Z"}],"#,
            r#""has_more":false,"first_id":"a","last_id":"b"}"#
        )
    );
    assert_eq!(
        Anthropic.encode_models(&[]),
        r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#
    );
    assert!(
        Anthropic
            .encode_model("a")
            .starts_with(br#"{"type":"model","id":"a""#)
    );
}

#[test]
fn a_ping_that_cannot_be_read_does_not_pass() {
    let passed = |name, data: &'static str| {
        Anthropic
            .passed(crate::wire::Frame::new(name, data))
            .is_some()
    };
    assert!(passed(Some("ping"), r#"{"type":"ping"}"#));
    assert!(!passed(Some("ping"), r#"{{"type":"ping"}"#));
    assert!(!passed(None, ""));
    assert!(passed(Some("message_stop"), r#"{"type":"message_stop"}"#));
}

#[test]
fn a_heartbeat_is_a_ping_and_tool_names_are_legal() {
    assert_eq!(
        Anthropic.heartbeat().unwrap(),
        "event: ping\ndata: {\"type\": \"ping\"}\n\n"
    );
    assert_eq!(Anthropic.tool_name("get_weather"), "get_weather");
    assert!(Anthropic.tool_name(&"x".repeat(200)).len() <= 128);
}
