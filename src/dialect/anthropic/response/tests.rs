//! Whole answers, both ways.

use proptest::prelude::*;

use super::{decode, encode};
use crate::{
    Json,
    chat::{ChatResponse, Citation, Content, Stop, StopReason, Thinking, ToolCall, Usage},
    dialect::Asked,
    error::ErrorKind,
};

const ASKED: Asked<'static> = Asked::new("m", true, 7);

fn text(response: &ChatResponse) -> String {
    String::from_utf8(encode(response, &ASKED).to_vec()).unwrap()
}

fn answer(content: Vec<Content>, reason: StopReason) -> ChatResponse {
    ChatResponse {
        id: "msg_1".into(),
        model: "m".into(),
        content,
        stop: Stop::new(reason),
        ..ChatResponse::default()
    }
}

#[test]
fn an_answer_is_read() {
    let response = decode(
        br#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","container":{"id":"c"},"content":[
        {"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"a","citations":[{"type":"char_location","cited_text":"x","document_title":"d"}]},
        {"type":"server_tool_use","id":"s","name":"web_search","input":{}},{"type":"tool_use","id":"t","name":"f","input":{"n": 1.0}}],
        "stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"cache_read_input_tokens":100,"output_tokens":7,"service_tier":"standard"}}"#,
    )
    .unwrap();
    assert!(
        matches!(&response.content[0], Content::Thinking(t) if t.origin == Some("anthropic") && t.signature.as_deref() == Some("s"))
    );
    assert!(
        matches!(&response.content[1], Content::Text { citations, .. } if citations[0].title.as_deref() == Some("d"))
    );
    assert!(matches!(&response.content[2], Content::Other { .. }));
    assert!(matches!(&response.content[3], Content::ToolCall(c) if c.arguments == r#"{"n": 1.0}"#));
    // A call is there: the vendor's own word does not count.
    assert_eq!(response.stop.reason, StopReason::ToolUse);
    assert_eq!(response.usage.unwrap().total_input(), Some(110));
    assert_eq!(response.service_tier.as_deref(), Some("standard"));
    assert!(response.extra.get("container").is_some());
}

#[test]
fn case_58_a_refusal_without_content() {
    let body = br#"{"id":"msg_1","content":[],"stop_reason":"refusal","stop_details":{"type":"refusal","category":"cyber","explanation":"no"}}"#;
    let response = decode(body).unwrap();
    assert_eq!(response.content, [Content::Refusal("no".into())]);
    assert_eq!(response.stop.reason, StopReason::Refusal);
    assert!(text(&response).contains(
        r#""content":[],"stop_reason":"refusal","stop_sequence":null,"stop_details":{"type":"refusal","category":"cyber","explanation":"no"}"#
    ));
}

#[test]
fn a_foreign_refusal_is_told_in_this_dialects_way() {
    let response = answer(
        vec![Content::Refusal("I cannot".into())],
        StopReason::EndTurn,
    );
    assert!(text(&response).contains(
        r#""content":[],"stop_reason":"refusal","stop_sequence":null,"stop_details":{"type":"refusal","category":null,"explanation":"I cannot"}"#
    ));
}

#[test]
fn case_59_the_vendors_own_tools_are_no_calls() {
    let response = decode(
        br#"{"content":[{"type":"server_tool_use","id":"s","name":"w","input":{}},{"type":"web_search_tool_result","tool_use_id":"s","content":[]},{"type":"text","text":"a"}],"stop_reason":"tool_use"}"#,
    )
    .unwrap();
    assert!(!response.calls_tools());
    assert_eq!(response.stop.reason, StopReason::EndTurn);
}

#[test]
fn errors_and_nonsense_under_a_200_are_errors() {
    let error = decode(br#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    for body in [
        "<html>",
        "{}",
        r#"{"content":"text"}"#,
        r#"{"content":[{"text":"x"}]}"#,
    ] {
        assert_eq!(
            decode(body.as_bytes()).unwrap_err().kind(),
            ErrorKind::Server,
            "{body}"
        );
    }
}

#[test]
fn an_answer_is_written() {
    let mut response = answer(
        vec![
            Content::Thinking(Thinking {
                text: "hm".into(),
                ..Thinking::default()
            }),
            Content::text(""),
            Content::text("a"),
            Content::ToolCall(ToolCall::new("t", "f", "")),
        ],
        StopReason::ToolUse,
    );
    response.id = "chatcmpl:1".into();
    response.extra.insert("system_fingerprint", Json::null());
    response.usage = Some(Usage {
        input: Some(10),
        cache_read: Some(100),
        cache_write: Some(5),
        output: Some(3),
        reasoning: Some(4),
        ..Usage::default()
    });
    let id = crate::dialect::alias::alias("chatcmpl:1", 64);
    assert_eq!(
        text(&response),
        format!(
            "{}{}{}{}",
            format_args!(
                r#"{{"id":"msg_{id}","type":"message","role":"assistant","model":"m","content":["#
            ),
            r#"{"type":"thinking","thinking":"hm","signature":"tl1.openai-chat"},{"type":"text","text":"a"},{"type":"tool_use","id":"t","name":"f","input":{}}],"#,
            r#""stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":5,"cache_read_input_tokens":100,"#,
            r#""output_tokens":7,"output_tokens_details":{"thinking_tokens":4}}}"#
        )
    );
}

#[test]
fn cases_62_63_cut_off_arguments_and_empty_answers() {
    let cut = answer(
        vec![Content::ToolCall(ToolCall::new("t", "f", r#"{"a":"#))],
        StopReason::MaxTokens,
    );
    assert!(text(&cut).contains(r#""input":{}}],"stop_reason":"max_tokens""#));
    let mut wrong = cut.clone();
    wrong.stop = Stop::new(StopReason::ToolUse);
    assert!(text(&wrong).contains(r#""input":{"_raw":"{\"a\":"}"#));
    let empty = answer(Vec::new(), StopReason::EndTurn);
    assert!(text(&empty).contains(r#""content":[],"stop_reason":"end_turn""#));
    assert!(text(&empty).contains(r#""usage":{"input_tokens":0,"output_tokens":0}"#));
}

#[test]
fn vendors_without_ids_get_different_ones() {
    let mut response = answer(
        vec![Content::ToolCall(ToolCall::new("", "f", "{}"))],
        StopReason::ToolUse,
    );
    response.id.clear();
    let (a, b) = (text(&response), text(&response));
    assert!(
        a.contains(r#""id":"msg_7_"#) && a.contains(r#""id":"toolu_7_"#),
        "{a}"
    );
    assert_ne!(a, b);
}

#[test]
fn a_web_page_cited_elsewhere_can_be_shown_but_is_not_taken_for_the_vendors() {
    let mut response = answer(vec![Content::text("a")], StopReason::EndTurn);
    if let Content::Text { citations, .. } = &mut response.content[0] {
        citations.push(Citation {
            url: Some("https://x".into()),
            ..Citation::default()
        });
    }
    let body = text(&response);
    assert!(
        body.contains(r#""citations":[{"type":"web_search_result_location","url":"https://x""#)
    );
    let back = decode(body.as_bytes()).unwrap();
    assert!(
        matches!(&back.content[0], Content::Text { citations, .. } if citations[0].raw.is_none())
    );
}

fn parts() -> impl Strategy<Value = Content> {
    prop_oneof![
        "[a-zé\"\\\\\n]{1,12}".prop_map(Content::text),
        ("[a-z]{0,5}", "[a-z]{1,9}").prop_map(|(text, signature)| Content::Thinking(Thinking {
            text,
            signature: Some(signature),
            origin: Some("anthropic"),
            ..Thinking::default()
        })),
        "[a-z]{1,5}".prop_map(|text| Content::Thinking(Thinking {
            text,
            origin: Some("openai-chat"),
            ..Thinking::default()
        })),
        "[a-z]{1,9}".prop_map(|data| Content::Thinking(Thinking {
            redacted: Some(data),
            origin: Some("anthropic"),
            ..Thinking::default()
        })),
        (
            "[a-z]{1,9}",
            "[a-z]{1,9}",
            any::<f64>().prop_filter("finite", |n| n.is_finite())
        )
            .prop_map(|(id, name, n)| Content::ToolCall(ToolCall::new(
                id,
                name,
                format!(r#"{{"k":{n:?}}}"#)
            ))),
        "[a-z]{1,9}".prop_map(|id| Content::Other {
            dialect: "anthropic",
            json: Json::parse(&format!(r#"{{"type":"server_tool_use","id":"{id}"}}"#)).unwrap(),
        }),
    ]
}

fn counts() -> impl Strategy<Value = Usage> {
    let n = || 0..1_000_000u64;
    (
        n(),
        proptest::option::of(n()),
        proptest::option::of((n(), n())),
        n(),
        proptest::option::of(n()),
    )
        .prop_map(|(input, cache_read, write, output, reasoning)| Usage {
            input: Some(input),
            cache_read,
            cache_write: write.map(|(short, long)| short + long),
            cache_write_long: write.map(|(_, long)| long),
            output: Some(output),
            reasoning,
            ..Usage::default()
        })
}

proptest! {
    /// Case 110, this dialect's half: what is written is read as it was meant, and written the same again.
    #[test]
    fn answers_survive_the_way_to_the_caller(
        content in proptest::collection::vec(parts(), 0..6),
        usage in counts(),
        reason in prop_oneof![
            Just(StopReason::EndTurn), Just(StopReason::MaxTokens), Just(StopReason::StopSequence),
            Just(StopReason::ContextWindow), Just(StopReason::Pause), Just(StopReason::Refusal),
        ],
    ) {
        let mut response = answer(content, reason);
        response.usage = Some(usage);
        response.service_tier = Some("standard".into());
        if reason == StopReason::EndTurn && response.calls_tools() {
            response.stop.reason = StopReason::ToolUse;
        }
        if reason == StopReason::Refusal {
            response.stop.details = Some(Json::parse(r#"{"type":"refusal","explanation":"no"}"#).unwrap());
            response.content.push(Content::Refusal("no".into()));
        }
        let once = encode(&response, &ASKED);
        let back = decode(&once).unwrap();
        prop_assert_eq!(&back, &response);
        prop_assert_eq!(encode(&back, &ASKED), once);
    }
}
