use proptest::prelude::*;

use super::*;
use crate::chat::{Citation, Usage};

fn asked() -> Asked<'static> {
    Asked::new("", true, 7)
}

fn again(body: &[u8]) -> Bytes {
    encode(&decode(body).unwrap(), &asked())
}

#[test]
fn a_whole_answer_both_ways() {
    let body = r#"{"id":"r","object":"chat.completion","created":5,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"a","refusal":null,"reasoning_content":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"s","format":"anthropic-claude-v1","index":0}],"annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":1,"title":"t","url":"https://a"}}],"tool_calls":[{"id":"x","type":"function","function":{"name":"f","arguments":"{\"b\":1.0}"}},{"id":"y","type":"custom","custom":{"name":"sh","input":"ls"}}]},"logprobs":{"content":[]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":115,"completion_tokens":7,"total_tokens":122,"prompt_tokens_details":{"cached_tokens":100}},"service_tier":"default","system_fingerprint":"fp"}"#;
    assert_eq!(again(body.as_bytes()), body);
    let answer = decode(body.as_bytes()).unwrap();
    assert_eq!(answer.usage.unwrap().input, Some(15));
    assert!(matches!(&answer.content[0], Content::Thinking(t) if t.origin == Some("anthropic")));
}

#[test]
fn answers_that_are_none() {
    for (body, kind) in [
        // Mapping case 65.
        (
            r#"{"error":{"code":502,"message":"bad"}}"#,
            ErrorKind::Server,
        ),
        (
            r#"{"error":{"code":"insufficient_quota"}}"#,
            ErrorKind::QuotaExhausted,
        ),
        (r#"{"choices":[]}"#, ErrorKind::Server),
        (
            r#"{"choices":[{"message":{"content":""},"finish_reason":"error"}]}"#,
            ErrorKind::Server,
        ),
        ("<html>", ErrorKind::Server),
        ("", ErrorKind::Server),
        ("[1]", ErrorKind::Server),
    ] {
        assert_eq!(decode(body.as_bytes()).unwrap_err().kind(), kind, "{body}");
    }
}

#[test]
fn nothing_said_is_nothing_read() {
    // Mapping case 63.
    let answer = decode(
        br#"{"choices":[{"message":{"role":"assistant","content":null},"finish_reason":"stop"}]}"#,
    )
    .unwrap();
    assert_eq!(
        (answer.content.len(), answer.stop.reason),
        (0, StopReason::EndTurn)
    );
}

#[test]
fn stop_texts_come_back_where_the_server_tells() {
    let body =
        br#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop","stop_reason":"END"}]}"#;
    let answer = decode(body).unwrap();
    assert_eq!(answer.stop.reason, StopReason::StopSequence);
    assert_eq!(answer.stop.sequence.as_deref(), Some("END"));
    let token =
        br#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop","stop_reason":107}]}"#;
    assert_eq!(decode(token).unwrap().stop.reason, StopReason::EndTurn);
}

#[test]
fn texts_are_joined_and_sources_keep_their_place() {
    // Mapping case 57.
    let cited = Content::Text {
        text: "bc".into(),
        citations: vec![Citation {
            url: Some("https://a".into()),
            ..Citation::default()
        }],
        cache: None,
    };
    let answer = ChatResponse {
        content: vec![Content::text("a"), cited],
        ..ChatResponse::default()
    };
    let text = String::from_utf8(encode(&answer, &asked()).to_vec()).unwrap();
    assert!(text.contains(r#""content":"abc""#), "{text}");
    assert!(text.contains(r#""start_index":1,"end_index":3"#), "{text}");
    assert!(text.starts_with(r#"{"id":"chatcmpl-7","#), "{text}");
}

#[test]
fn refusals() {
    // Mapping case 58.
    let mut stop = Stop::new(StopReason::Refusal);
    stop.details = Some(Json::parse(r#"{"explanation":"no"}"#).unwrap());
    let answer = ChatResponse {
        stop,
        ..ChatResponse::default()
    };
    let text = String::from_utf8(encode(&answer, &asked()).to_vec()).unwrap();
    assert!(text.contains(r#""content":null,"refusal":"no""#), "{text}");
    assert!(
        text.contains(r#""finish_reason":"content_filter""#),
        "{text}"
    );
}

#[test]
fn two_signatures_stay_with_their_texts() {
    // Mapping case 60.
    let thought = |text: &str, signature: &str| {
        Content::Thinking(Thinking {
            text: text.into(),
            signature: Some(signature.into()),
            redacted: None,
            origin: Some("anthropic"),
        })
    };
    let content = vec![thought("a", "1"), thought("b", "2")];
    let answer = ChatResponse {
        content: content.clone(),
        ..ChatResponse::default()
    };
    let body = encode(&answer, &asked());
    assert!(String::from_utf8_lossy(&body).contains(r#""reasoning_content":"ab""#));
    assert_eq!(decode(&body).unwrap().content, content);
}

#[test]
fn lists_of_models() {
    assert_eq!(
        models(&["a", "b"]),
        r#"{"object":"list","data":[{"id":"a","object":"model","created":0,"owned_by":"trunkline"},{"id":"b","object":"model","created":0,"owned_by":"trunkline"}]}"#
    );
}

prop_compose! {
    fn answers()(
        id in "[a-z]{0,3}",
        thoughts in prop::option::of(("\\PC{1,8}", prop::option::of("[a-z]{1,4}"))),
        text in prop::option::of("\\PC{1,12}"),
        calls in prop::collection::vec(("[a-z]{1,5}", "[a-z]{1,5}", "\\{\"[a-z]{1,3}\":[0-9]{1,3}\\}"), 0..3),
        length in any::<bool>(),
        usage in prop::option::of((0_u64..99, prop::option::of(0_u64..99), 0_u64..99, prop::option::of(0_u64..99))),
    ) -> ChatResponse {
        let mut content = Vec::new();
        if let Some((text, signature)) = thoughts {
            let origin = Some(if signature.is_some() { "anthropic" } else { NAME });
            content.push(Content::Thinking(Thinking { text, signature, redacted: None, origin }));
        }
        content.extend(text.map(Content::text));
        for (at, (id, name, arguments)) in calls.iter().enumerate() {
            content.push(Content::ToolCall(ToolCall::new(format!("{id}{at}"), name, arguments)));
        }
        let reason = match (length, calls.is_empty()) {
            (true, _) => StopReason::MaxTokens,
            (false, true) => StopReason::EndTurn,
            (false, false) => StopReason::ToolUse,
        };
        ChatResponse {
            id,
            model: "m".into(),
            created: Some(3),
            content,
            stop: Stop::new(reason),
            usage: usage.map(|(input, cache_read, output, reasoning)| Usage {
                input: Some(input), cache_read, output: Some(output), reasoning, ..Usage::default()
            }),
            ..ChatResponse::default()
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(mut answer in answers()) {
        let body = encode(&answer, &asked());
        answer.id = id(&answer.id, 3).into_owned();
        prop_assert_eq!(decode(&body).unwrap(), answer);
        prop_assert_eq!(again(&body), body);
    }
}
