use super::*;
use crate::{error::ErrorKind, request::Operation};

fn parts() -> request::Parts {
    http::Request::new(()).into_parts().0
}

fn vertex() -> Vertex {
    Vertex::new("vertex", "p-1", "global").unwrap()
}

#[test]
fn hosts_and_bases() {
    for (location, host) in [
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
    ] {
        let vertex = Vertex::new("v", "p:1", location).unwrap();
        assert_eq!(vertex.base_url().host(), Some(host));
        assert_eq!(
            vertex.base_url().path(),
            format!("/v1/projects/p:1/locations/{location}")
        );
    }
    let near = vertex()
        .with_base_url("http://127.0.0.1:1/v1beta1/")
        .unwrap();
    assert_eq!(
        near.base_url(),
        "http://127.0.0.1:1/v1beta1/projects/p-1/locations/global"
    );
    assert_eq!(
        Vertex::express("v").unwrap().base_url(),
        "https://aiplatform.googleapis.com/v1"
    );
    for (project, location) in [
        ("", "l"),
        ("p/q", "l"),
        ("p", "l.example/?"),
        ("p", ".."),
        ("p", "l@x"),
    ] {
        assert!(
            Vertex::new("v", project, location).is_err(),
            "{project} {location}"
        );
    }
}

#[test]
fn every_publishers_models_have_their_place() {
    for (model, dialect, path) in [
        (
            "gemini-3-flash-preview",
            "gemini",
            "/publishers/google/models/gemini-3-flash-preview:streamGenerateContent?alt=sse",
        ),
        (
            "google/gemini-2.5-pro",
            "gemini",
            "/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        ),
        (
            "4815162342",
            "gemini",
            "/endpoints/4815162342:streamGenerateContent?alt=sse",
        ),
        (
            "claude-3-7-sonnet@20250219",
            "anthropic",
            "/publishers/anthropic/models/claude-3-7-sonnet@20250219:streamRawPredict",
        ),
        (
            "publishers/anthropic/models/claude-x",
            "anthropic",
            "/publishers/anthropic/models/claude-x:streamRawPredict",
        ),
        (
            "mistral-medium-3",
            "openai-chat",
            "/publishers/mistralai/models/mistral-medium-3:streamRawPredict",
        ),
        (
            "ai21/jamba-1.5",
            "openai-chat",
            "/publishers/ai21/models/jamba-1.5:streamRawPredict",
        ),
        (
            "meta/llama-4-scout",
            "openai-chat",
            "/endpoints/openapi/chat/completions",
        ),
        (
            "claude/../x?y#z%2f",
            "openai-chat",
            "/endpoints/openapi/chat/completions",
        ),
        (
            "claude-?../#%2f",
            "openai-chat",
            "/endpoints/openapi/chat/completions",
        ),
        (
            "google/../x?y#z",
            "gemini",
            "/publishers/google/models/..%2Fx%3Fy%23z:streamGenerateContent?alt=sse",
        ),
    ] {
        let call = Call::new(&Operation::Chat, model, true);
        let payload = Payload::opaque(Bytes::new(), None);
        assert_eq!(
            vertex().speaks(&call, &payload).unwrap().name(),
            dialect,
            "{model}"
        );
        assert_eq!(vertex().path(&call), path);
    }
}

#[test]
fn claude_is_told_its_version_in_the_body() {
    let call = Call::new(&Operation::Chat, "claude-x", true).with_dialect(&Anthropic);
    let mut parts = parts();
    for (name, value) in [
        ("anthropic-version", "2023-06-01"),
        (
            "anthropic-beta",
            "oauth-2025-04-20, interleaved-thinking-2025-05-14",
        ),
        ("anthropic-beta", "context-management-2025-06-27"),
    ] {
        parts.headers.append(name, HeaderValue::from_static(value));
    }
    let body = r#"{"model":"claude-x","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"a"}]}"#;
    let sent = vertex().finish(&call, &mut parts, body.into()).unwrap();
    assert_eq!(
        sent,
        r#"{"anthropic_version":"vertex-2023-10-16","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"a"}]}"#
    );
    assert!(!parts.headers.contains_key("anthropic-version"));
    let betas: Vec<_> = parts.headers.get_all("anthropic-beta").iter().collect();
    assert_eq!(betas, ["interleaved-thinking-2025-05-14"]);
}

#[test]
fn a_service_tier_travels_as_a_header() {
    let call = Call::new(&Operation::Chat, "gemini-x", false).with_dialect(&Gemini);
    let mut parts = parts();
    let body = r#"{"contents":[],"serviceTier":"FLEX"}"#;
    let sent = vertex().finish(&call, &mut parts, body.into()).unwrap();
    assert_eq!(sent, r#"{"contents":[]}"#);
    assert_eq!(parts.headers["x-vertex-ai-llm-shared-request-type"], "flex");
}

#[test]
fn keys_and_tokens_have_their_headers() {
    let mut parts = parts();
    vertex()
        .authorize(&Secret::new("AIza1"), &mut parts, b"")
        .unwrap();
    vertex()
        .authorize(&Secret::token("ya29.1"), &mut parts, b"")
        .unwrap();
    assert_eq!(parts.headers["x-goog-api-key"], "AIza1");
    assert_eq!(parts.headers["authorization"], "Bearer ya29.1");
    assert!(parts.headers["authorization"].is_sensitive());
}

#[test]
fn errors_are_whose_they_look() {
    for (status, body, kind, dialect) in [
        (
            429,
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#,
            ErrorKind::RateLimited,
            "anthropic",
        ),
        (
            404,
            r#"{"error":{"code":404,"message":"Publisher Model `x` not found.","status":"NOT_FOUND"}}"#,
            ErrorKind::Unsupported,
            "gemini",
        ),
        (
            401,
            r#"{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}"#,
            ErrorKind::Authentication,
            "gemini",
        ),
        (
            400,
            r#"[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]"#,
            ErrorKind::InvalidRequest,
            "gemini",
        ),
    ] {
        let response = http::Response::builder().status(status).body(()).unwrap();
        let error = vertex().classify(&response.into_parts().0, body.as_bytes());
        assert_eq!(error.kind(), kind, "{body}");
        assert_eq!(error.body().unwrap().dialect, dialect);
    }
}

#[test]
fn who_fetches_addresses_is_the_models_affair() {
    for (model, fetches) in [
        ("gemini-3-flash-preview", Some(true)),
        ("4815162342", Some(true)),
        ("claude-x", Some(false)),
        ("meta/llama-4-scout", None),
    ] {
        let call = Call::new(&Operation::Chat, model, false);
        assert_eq!(vertex().fetches(&call), fetches, "{model}");
    }
    assert_eq!(vertex().probe(), None);
}
