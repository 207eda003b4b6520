use std::time::{Duration, UNIX_EPOCH};

use http::Request;

use super::*;
use crate::error::{ErrorKind, Scope};

fn bedrock() -> Bedrock {
    Bedrock::new("bedrock", "us-east-1")
        .unwrap()
        .clock(|| UNIX_EPOCH + Duration::from_secs(1_788_093_360))
}

fn call(model: &str, stream: bool) -> Call<'_> {
    Call::new(&Operation::Chat, model, stream)
}

fn parts(headers: &[(&'static str, &'static str)]) -> request::Parts {
    let mut request = Request::post("https://a.example/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn finished(headers: &[(&'static str, &'static str)], body: &'static str) -> String {
    let provider = bedrock().beta("extra-2026-11-01");
    let call = call("anthropic.claude", true).with_dialect(&Anthropic);
    let mut parts = parts(headers);
    let body = provider
        .finish(&call, &mut parts, Bytes::from_static(body.as_bytes()))
        .unwrap();
    assert!(!parts.headers.contains_key("anthropic-version"));
    assert!(!parts.headers.contains_key("anthropic-beta"));
    assert_eq!(
        parts.headers["accept"],
        "application/vnd.amazon.eventstream"
    );
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn claude_is_invoked_and_its_id_is_one_segment() {
    for (model, path) in [
        (
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke",
        ),
        (
            "arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-x",
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Feu.anthropic.claude-x/invoke",
        ),
    ] {
        assert!(is_anthropic(bedrock().chat(model)), "{model}");
        assert_eq!(bedrock().path(&call(model, false)), path);
        let streamed = call(model, true);
        assert_eq!(
            bedrock().path(&streamed),
            format!("{path}-with-response-stream")
        );
        assert_eq!(bedrock().framing(&streamed), Framing::AwsEventStreamChunks);
    }
    let profile = "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc";
    for other in [
        "amazon.nova-lite-v1:0",
        "openai.gpt-oss-120b-1:0",
        "x.anthropical.y",
        profile,
    ] {
        assert!(!is_anthropic(bedrock().chat(other)), "{other}");
        assert_eq!(
            bedrock().framing(&call(other, true)),
            Framing::AwsEventStream
        );
    }
    assert!(is_anthropic(
        bedrock().api(BedrockApi::Invoke).chat(profile)
    ));
    let conversing = bedrock().api(BedrockApi::Converse);
    let path = conversing.path(&call("anthropic.claude", true));
    assert_eq!(path, "/model/anthropic.claude/converse-stream");
}

// Mapping case E60.
#[test]
fn a_body_says_here_what_headers_say_elsewhere() {
    let body = r#"{"model":"m","messages":[{"role" : "user","content":"\u00e9"}],"stream":true,"max_tokens":1e1,"context_management":{"edits":[]}}"#;
    let rest = r#""messages":[{"role" : "user","content":"\u00e9"}],"max_tokens":1e1"#;
    assert_eq!(
        finished(&[("anthropic-version", "2026-10-21")], body),
        format!(r#"{{"anthropic_version":"bedrock-2023-05-31",{rest}}}"#)
    );
    let headers = [
        (
            "anthropic-beta",
            "claude-code-20250219, interleaved-thinking-2025-05-14,advanced-tool-use-2025-11-20",
        ),
        (
            "anthropic-beta",
            "context-management-2025-06-27,interleaved-thinking-2025-05-14,extra-2026-11-01",
        ),
    ];
    let betas = r#"["interleaved-thinking-2025-05-14","tool-examples-2025-10-29","tool-search-tool-2025-10-19","context-management-2025-06-27","extra-2026-11-01"]"#;
    assert_eq!(
        finished(&headers, body),
        format!(
            r#"{{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":{betas},{rest},"context_management":{{"edits":[]}}}}"#
        )
    );
    // Spelled for Bedrock by the caller.
    let own = r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["own","effort-2025-11-24"],"max_tokens":1}"#;
    let headers = [("anthropic-beta", "effort-2025-11-24")];
    assert_eq!(finished(&headers, own), own);
}

#[test]
fn keys_sign_and_bearer_keys_are_shown() {
    let keys = AwsKeys::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let mut signed = parts(&[("content-type", "application/json")]);
    let body = br#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
    let model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    let conversing = bedrock().api(BedrockApi::Converse);
    let path = conversing.path(&call(model, false));
    signed.uri = format!("{}{path}", Bedrock::address("us-east-1"))
        .parse()
        .unwrap();
    conversing
        .authorize(&keys.to_secret(), &mut signed, body)
        .unwrap();
    // Mapping case E62: the signature AWS's own library makes.
    let value = signed.headers["authorization"].to_str().unwrap();
    assert!(
        value.ends_with("a6323a33766e801b3fc0a6077f93a1fdba5447de291533eaf4eee8456e46ac7d"),
        "{value}"
    );

    let mut bearer = parts(&[]);
    conversing
        .authorize(&Secret::new("bedrock-api-key-1"), &mut bearer, body)
        .unwrap();
    assert_eq!(bearer.headers["authorization"], "Bearer bedrock-api-key-1");
    let mut open = parts(&[]);
    conversing
        .authorize(&Secret::new(""), &mut open, body)
        .unwrap();
    assert!(!open.headers.contains_key("authorization"));
}

#[test]
fn regions_have_addresses() {
    assert_eq!(
        Bedrock::address("cn-north-1"),
        "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"
    );
    for bad in ["", "Frankfurt", "us east-1", "us-east-1/", "-a", "eu"] {
        assert!(Bedrock::new("b", bad).is_err(), "{bad}");
    }
    let here = bedrock().with_base_url("http://127.0.0.1:1/").unwrap();
    assert_eq!(here.base_url().authority().unwrap(), "127.0.0.1:1");
}

#[test]
fn refusals_by_type_and_by_words() {
    use ErrorKind as K;
    for (status, kind, body, meant, scope) in [
        (
            429,
            "ThrottlingException",
            "Too many tokens, please wait before trying again.",
            K::RateLimited,
            Scope::Model,
        ),
        (
            429,
            "ModelNotReadyException",
            "m",
            K::Overloaded,
            Scope::Model,
        ),
        (
            400,
            "ServiceQuotaExceededException",
            "m",
            K::QuotaExhausted,
            Scope::Model,
        ),
        (
            403,
            "AccessDeniedException:http://internal.amazon.com/coral/",
            "You don't have access",
            K::Authentication,
            Scope::Model,
        ),
        (
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            K::Authentication,
            Scope::Account,
        ),
        (
            403,
            "ExpiredTokenException:http://x/",
            "expired",
            K::Authentication,
            Scope::Account,
        ),
        (
            404,
            "ResourceNotFoundException",
            "end of its life",
            K::Unsupported,
            Scope::Model,
        ),
        (408, "ModelTimeoutException", "m", K::Server, Scope::Model),
        (424, "ModelErrorException", "m", K::Server, Scope::Model),
        (500, "InternalServerException", "m", K::Server, Scope::Model),
        (
            503,
            "ServiceUnavailableException",
            "m",
            K::Overloaded,
            Scope::Model,
        ),
        (
            400,
            "ValidationException:http://x/",
            "The provided model identifier is invalid.",
            K::Unsupported,
            Scope::Model,
        ),
        (
            400,
            "",
            "The provided model identifier is invalid.",
            K::Unsupported,
            Scope::Model,
        ),
        (
            400,
            "ValidationException",
            "Invocation of model ID m with on-demand throughput isn\u{2019}t supported.",
            K::Unsupported,
            Scope::Model,
        ),
        (
            400,
            "ValidationException",
            "Input is too long for requested model.",
            K::ContextLength,
            Scope::Model,
        ),
        (
            400,
            "ValidationException",
            "messages: at least one message is required",
            K::InvalidRequest,
            Scope::Model,
        ),
    ] {
        let response = http::Response::builder()
            .status(status)
            .header("x-amzn-errortype", kind);
        let (parts, ()) = response.body(()).unwrap().into_parts();
        let body = format!(r#"{{"message":"{body}"}}"#);
        let error = bedrock().classify(&parts, body.as_bytes());
        assert_eq!(
            (error.kind(), error.scope()),
            (meant, scope),
            "{kind}: {body}"
        );
        assert_eq!(error.vendor_status().unwrap().as_u16(), status);
        assert_ne!(error.body().map(|body| body.dialect), Some("anthropic"));
        if !kind.is_empty() {
            assert_eq!(error.code(), kind.split(':').next());
        }
    }
    // In the body, with a capital, and with the status of the model behind.
    let response = http::Response::builder().status(424);
    let (parts, ()) = response.body(()).unwrap().into_parts();
    let body = br#"{"__type":"com.amazon.coral.service#ModelErrorException","Message":"m","originalStatusCode":529}"#;
    let error = bedrock().classify(&parts, body);
    assert_eq!((error.kind(), error.message()), (K::Overloaded, "m"));
}
