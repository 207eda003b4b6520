use super::*;

fn azure() -> Azure {
    Azure::resource("azure", "contoso").unwrap()
}

fn parts(uri: &str) -> request::Parts {
    http::Request::builder()
        .uri(uri)
        .body(())
        .unwrap()
        .into_parts()
        .0
}

#[test]
fn endpoints_are_read_as_they_are_pasted() {
    for endpoint in [
        "https://contoso.openai.azure.com",
        "https://contoso.openai.azure.com/",
        "https://contoso.openai.azure.com/openai",
        "https://contoso.openai.azure.com/openai/v1/",
    ] {
        let azure = Azure::new("azure", endpoint).unwrap();
        assert_eq!(
            azure.base_url(),
            "https://contoso.openai.azure.com/openai/v1"
        );
    }
    let proxied = Azure::new("azure", "https://apim.example/llm").unwrap();
    assert_eq!(proxied.base_url(), "https://apim.example/llm/openai/v1");
    for bad in ["", "contoso.openai.azure.com", "a/b", "a?b", "a@b"] {
        assert!(Azure::resource("azure", bad).is_err(), "{bad}");
    }
    assert!(azure().deployments("2024?x").is_err());
}

#[test]
fn paths_are_those_of_the_api() {
    let path = |azure: Azure, dialect: &'static dyn Dialect, model: &str| {
        azure
            .path(&Call::new(&Operation::Chat, model, true).with_dialect(dialect))
            .into_owned()
    };
    assert_eq!(path(azure(), &OpenAiChat, "d"), "/chat/completions");
    assert_eq!(path(azure(), &OpenAiResponses, "d"), "/responses");
    assert_eq!(
        path(azure().v1("preview").unwrap(), &OpenAiChat, "d"),
        "/chat/completions?api-version=preview"
    );
    let older = azure().deployments("2024-10-21").unwrap();
    assert_eq!(
        path(older.clone(), &OpenAiChat, "a/../b?c"),
        "/deployments/a%2F..%2Fb%3Fc/chat/completions?api-version=2024-10-21"
    );
    assert_eq!(
        path(older, &OpenAiResponses, "d"),
        "/responses?api-version=2024-10-21"
    );
}

#[test]
fn old_versions_are_not_told_what_they_do_not_know() {
    for (version, new) in [
        ("2024-02-01", false),
        ("2024-09-01-preview", true),
        ("2025-01-01", true),
    ] {
        let azure = azure().deployments(version).unwrap();
        let quirks = Provider::quirks(&azure);
        assert_eq!(
            (quirks.stream_options, quirks.max_completion_tokens),
            (new, new),
            "{version}"
        );
    }
}

#[test]
fn callers_of_responses_are_passed_on_where_there_is_one() {
    let payload = Payload::json(&OpenAiResponses, r#"{"model":"m","input":"hi"}"#.into()).unwrap();
    let call = Call::new(&Operation::Chat, "gpt-prod", false);
    let speaks = |azure: Azure, call: &Call<'_>| azure.speaks(call, &payload).unwrap().name();
    assert_eq!(speaks(azure(), &call), "openai-responses");
    assert_eq!(speaks(azure().chat_only(), &call), "openai-chat");
    assert_eq!(
        speaks(azure().deployments("2024-10-21").unwrap(), &call),
        "openai-chat"
    );
    let claude = Call::new(&Operation::Chat, "Claude-prod", false);
    assert_eq!(speaks(azure(), &claude), "anthropic");
}

#[test]
fn claude_has_another_host_and_another_header() {
    let call = Call::new(&Operation::Chat, "claude-x", false).with_dialect(&Anthropic);
    let mut parts = parts("https://contoso.openai.azure.com/openai/v1/messages");
    azure().finish(&call, &mut parts, Bytes::new()).unwrap();
    azure()
        .authorize(&Secret::new("k"), &mut parts, b"")
        .unwrap();
    assert_eq!(
        parts.uri,
        "https://contoso.services.ai.azure.com/anthropic/v1/messages"
    );
    assert_eq!(parts.headers["x-api-key"], "k");
    assert!(!parts.headers.contains_key("api-key"));
}

#[test]
fn what_is_passed_through_finds_its_deployment() {
    let older = azure().deployments("2024-10-21").unwrap();
    let operation = |path: &'static str| Operation::Proxy {
        method: http::Method::POST,
        path: path.into(),
    };
    for (model, path, whole) in [
        (
            "emb",
            "/embeddings",
            "/openai/deployments/emb/embeddings?api-version=2024-10-21",
        ),
        ("", "/models", "/openai/models?api-version=2024-10-21"),
    ] {
        let operation = operation(path);
        let mut parts = parts("https://contoso.openai.azure.com/x");
        older
            .finish(
                &Call::new(&operation, model, false),
                &mut parts,
                Bytes::new(),
            )
            .unwrap();
        assert_eq!(parts.uri.path_and_query().unwrap().as_str(), whole);
    }
}

#[test]
fn what_azure_refuses_is_understood() {
    use ErrorKind as K;
    let filter = r#"{"hate":{"filtered":true,"severity":"high"},"jailbreak":{"filtered":false,"detected":false}}"#;
    let filtered = |code: &str, inner: &str| {
        format!(
            r#"{{"error":{{"code":{code},"message":"The response was filtered","param":"prompt","status":400,"{inner}":{{"code":"ResponsibleAIPolicyViolation","content_filter_result":{filter}}}}}}}"#
        )
    };
    for (status, body, kind, dialect) in [
        (400, filtered(r#""content_filter""#, "innererror"), K::ContentFilter, "openai-chat"),
        (400, filtered("null", "innererror"), K::ContentFilter, "openai-chat"),
        (400, filtered(r#""400""#, "inner_error"), K::ContentFilter, "openai-chat"),
        (400, r#"{"error":{"code":"content_policy_violation","message":"no"}}"#.into(), K::ContentFilter, "openai-chat"),
        (400, r#"{"error":{"code":"400","message":"no"}}"#.into(), K::InvalidRequest, "openai-chat"),
        (401, r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key"}}"#.into(), K::Authentication, "openai-chat"),
        (404, r#"{"error":{"code":"404","message":"Resource not found"}}"#.into(), K::Unsupported, "openai-chat"),
        (404, r#"{"error":{"type":"invalid_request_error","code":"DeploymentNotFound","message":"no"}}"#.into(), K::Unsupported, "openai-chat"),
        (429, r#"{"error":{"code":"RateLimitReached","message":"slow"}}"#.into(), K::RateLimited, "openai-chat"),
        (529, r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#.into(), K::Overloaded, "anthropic"),
    ] {
        let response = http::Response::builder().status(status).header("retry-after-ms", "1500").body(()).unwrap();
        let error = azure().classify(&response.into_parts().0, body.as_bytes());
        assert_eq!(error.kind(), kind, "{body}");
        assert_eq!(error.body().unwrap().dialect, dialect);
        assert_eq!(error.retry_after(), Some(std::time::Duration::from_millis(1500)));
    }
}
