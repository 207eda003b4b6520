//! The dialect's own words, and mapping cases between it and the others, by their numbers.

use std::collections::VecDeque;

use super::*;
use crate::{
    chat::{Collector, Content, EventSink, StopReason},
    dialect::{FrameError, Observed, anthropic::Anthropic, openai_chat::OpenAiChat},
    error::ErrorKind,
    request::Operation,
};

const ASKED: Asked<'static> = Asked::new("m", true, 7);

fn whole(front: &dyn Front, body: &str) -> serde_json::Value {
    let answer = Gemini.decode_response(body.as_bytes()).unwrap();
    serde_json::from_slice(&front.encode_response(&answer, &ASKED)).unwrap()
}

/// What a stream of these frames becomes for a caller of `front`.
fn streamed(front: &dyn Front, frames: &[&str]) -> Result<String, FrameError> {
    let (mut decoder, mut sink) = (Gemini.decoder(), EventSink::new());
    for frame in frames {
        decoder.decode(&Frame::new(None, frame.to_string()), &mut sink)?;
    }
    sink.end();
    let (mut encoder, mut out) = (front.encoder(&ASKED), VecDeque::new());
    while let Some(event) = sink.next_event() {
        encoder.encode(event, &mut out);
    }
    let text = out.iter().map(|frame| String::from_utf8_lossy(frame.raw()));
    Ok(text.collect())
}

#[test]
fn models_stand_in_the_path_and_cannot_lead_elsewhere() {
    let path = |model, stream| {
        Gemini
            .path(&Call::new(&Operation::Chat, model, stream))
            .into_owned()
    };
    assert_eq!(
        path("gemini-2.5-pro", false),
        "/models/gemini-2.5-pro:generateContent"
    );
    assert_eq!(
        path("models/m", true),
        "/models/m:streamGenerateContent?alt=sse"
    );
    assert_eq!(
        path("tunedModels/t", false),
        "/tunedModels/t:generateContent"
    );
    // E65.
    assert_eq!(
        path("x:generateContent?key=/..", false),
        "/models/x%3AgenerateContent%3Fkey%3D%2F..:generateContent"
    );
}

#[test]
fn names_of_tools() {
    for (name, want) in [("a.b:c-d", "a.b:c-d"), ("_x", "_x")] {
        assert_eq!(Gemini.tool_name(name), want);
    }
    for name in ["1st", "mcp/a", "", "naïve", &"x".repeat(65)] {
        let alias = Gemini.tool_name(name).into_owned();
        assert!(alias.len() <= 64 && alias != name, "{alias}");
        assert!(alias.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
        assert_eq!(Gemini.tool_name(&alias), alias, "an alias of an alias");
    }
}

#[test]
fn e1_thinking_ate_the_budget() {
    let answer = whole(
        &OpenAiChat,
        r#"{"candidates":[{"content":{"role":"model"},"finishReason":"MAX_TOKENS","index":0}],"usageMetadata":{"promptTokenCount":15,"thoughtsTokenCount":2,"totalTokenCount":17}}"#,
    );
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["prompt_tokens"], 15);
    assert_eq!(answer["usage"]["completion_tokens"], 2);
    assert_eq!(
        answer["usage"]["completion_tokens_details"]["reasoning_tokens"],
        2
    );
}

#[test]
fn e2_e3_filtered_with_and_without_content() {
    for body in [
        r#"{"candidates":[{"content":{},"finishReason":"SAFETY"}]}"#,
        r#"{"candidates":[{"finishReason":"MODEL_ARMOR","finishMessage":"It violated."}],"usageMetadata":{"candidatesTokenCount":6}}"#,
    ] {
        let answer = whole(&OpenAiChat, body);
        assert_eq!(answer["choices"][0]["finish_reason"], "content_filter");
        assert_eq!(whole(&Anthropic, body)["stop_reason"], "refusal");
        if body.contains("violated") {
            assert_eq!(answer["choices"][0]["message"]["refusal"], "It violated.");
            assert_eq!(answer["usage"]["completion_tokens"], 6);
        }
    }
}

#[test]
fn e4_e5_a_blocked_prompt_is_a_refusal() {
    let body = r#"{"promptFeedback":{"blockReason":"MODEL_ARMOR","blockReasonMessage":"no"},"usageMetadata":{"trafficType":"ON_DEMAND"}}"#;
    let answer = whole(&OpenAiChat, body);
    assert_eq!(answer["choices"][0]["finish_reason"], "content_filter");
    assert!(answer["usage"].is_null());
    let answer = whole(&Anthropic, body);
    assert_eq!(answer["stop_reason"], "refusal");
    assert_eq!(answer["content"], serde_json::json!([]));
    let text = streamed(&OpenAiChat, &[body]).unwrap();
    assert!(
        text.contains(r#""finish_reason":"content_filter""#),
        "{text}"
    );
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    let text = streamed(&Anthropic, &[body]).unwrap();
    assert!(text.contains(r#""stop_reason":"refusal""#), "{text}");
}

#[test]
fn e6_no_candidates_is_a_failure_and_in_a_stream_nothing() {
    let body = r#"{"candidates":[],"usageMetadata":{"promptTokenCount":1}}"#;
    let error = Gemini.decode_response(body.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    let (mut decoder, mut sink) = (Gemini.decoder(), EventSink::new());
    decoder.decode(&Frame::new(None, body), &mut sink).unwrap();
    assert!(!sink.has_content() && !sink.has_stopped());
}

#[test]
fn e7_e8_e10_calls_without_ids_and_arguments() {
    let body = r#"{"responseId":"R","candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}},{"functionCall":{"name":"f"}}]},"finishReason":"STOP"}]}"#;
    let answer = whole(&OpenAiChat, body);
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    let calls = &choice["message"]["tool_calls"];
    assert_eq!(
        (&calls[0]["id"], &calls[1]["id"]),
        (&"tlc_R_0".into(), &"tlc_R_1".into())
    );
    assert_eq!(calls[0]["function"]["arguments"], "{}");
    assert_eq!(calls[1]["function"]["arguments"], "{}");
}

#[test]
fn e9_a_call_is_remembered_until_the_stop() {
    let text = streamed(
        &OpenAiChat,
        &[
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}]}"#,
        ],
    )
    .unwrap();
    assert!(text.contains(r#""finish_reason":"tool_calls""#), "{text}");
    assert_eq!(text.matches(r#""content":"""#).count(), 1, "{text}");
}

#[test]
fn e19_a_signature_at_the_end_is_the_messages() {
    let frames = [
        r#"{"candidates":[{"content":{"parts":[{"text":"hi"}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"S"}]},"finishReason":"STOP"}]}"#,
    ];
    let text = streamed(&OpenAiChat, &frames).unwrap();
    assert!(
        text.contains(r#"{"extra_content":{"google":{"thought_signature":"S"}}}"#),
        "{text}"
    );
    let text = streamed(&Anthropic, &frames).unwrap();
    assert!(text.contains(r#""signature":"tl1.gemini.S""#), "{text}");
    let text = streamed(&Gemini, &frames).unwrap();
    assert!(
        text.contains(
            r#"{"text":"","thoughtSignature":"S"}],"role":"model"},"finishReason":"STOP""#
        ),
        "{text}"
    );
}

#[test]
fn e34_an_error_in_the_stream_is_the_vendors() {
    let error = streamed(
        &OpenAiChat,
        &[r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#],
    );
    let Err(FrameError::Vendor(error)) = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Overloaded);
}

#[test]
fn e35_e36_what_a_caller_reads() {
    let mut sink = EventSink::new();
    sink.start("id", "model");
    sink.thinking("hm");
    sink.text("a");
    sink.tool_call(0, "c", "f", crate::chat::CallKind::Function);
    sink.tool_arguments(0, r#"{"ci"#);
    sink.tool_arguments(0, r#"ty":"P"}"#);
    sink.end();
    let (mut encoder, mut out) = (Front::encoder(&Gemini, &ASKED), VecDeque::new());
    while let Some(event) = sink.next_event() {
        encoder.encode(event, &mut out);
    }
    let text: String = out
        .iter()
        .map(|f| String::from_utf8_lossy(f.raw()))
        .collect();
    for frame in text.trim_end().split("\n\n") {
        assert!(
            frame.starts_with("data: {") && !frame.contains('\n'),
            "{frame}"
        );
    }
    let call = r#"{"functionCall":{"id":"c","name":"f","args":{"city":"P"}}}"#;
    assert_eq!(text.matches(call).count(), 1, "{text}");
    assert_eq!(text.matches("finishReason").count(), 1, "{text}");
    assert!(Front::heartbeat(&Gemini).is_none() && Front::ending(&Gemini, None).is_none());
}

#[test]
fn half_a_call_is_never_told() {
    let mut sink = EventSink::new();
    sink.tool_call(0, "c", "f", crate::chat::CallKind::Function);
    sink.tool_arguments(0, r#"{"ci"#);
    sink.stop(crate::chat::Stop::new(StopReason::MaxTokens));
    sink.end();
    let (mut encoder, mut out) = (Front::encoder(&Gemini, &ASKED), VecDeque::new());
    while let Some(event) = sink.next_event() {
        encoder.encode(event, &mut out);
    }
    let text: String = out
        .iter()
        .map(|f| String::from_utf8_lossy(f.raw()))
        .collect();
    assert!(
        text.contains("MAX_TOKENS") && !text.contains("functionCall"),
        "{text}"
    );
}

#[test]
fn a_failed_generation_is_a_failure_while_nothing_was_said() {
    let failed = r#"{"candidates":[{"content":{},"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"Malformed function call: f("}]}"#;
    let error = Gemini.decode_response(failed.as_bytes()).unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Server, Some("MALFORMED_FUNCTION_CALL"))
    );
    assert!(streamed(&OpenAiChat, &[failed]).is_err());
    let said = r#"{"candidates":[{"content":{"parts":[{"text":"well"}]}}]}"#;
    let text = streamed(&OpenAiChat, &[said, failed]).unwrap();
    assert!(text.contains(r#""finish_reason":"stop""#), "{text}");
}

#[test]
fn sources_images_and_code() {
    let body = r#"{"candidates":[{"content":{"parts":[{"text":"Rome."},{"executableCode":{"language":"PYTHON","code":"1+1"}},{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"2"}},{"inlineData":{"mimeType":"image/png","data":"AA=="}}]},"finishReason":"STOP","groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://a.example","title":"A"}}],"groundingSupports":[{"segment":{"text":"Rome."},"groundingChunkIndices":[0]}]}}]}"#;
    let answer = whole(&OpenAiChat, body);
    let message = &answer["choices"][0]["message"];
    assert_eq!(
        message["annotations"][0]["url_citation"]["url"],
        "https://a.example"
    );
    assert_eq!(
        message["images"][0]["image_url"]["url"],
        "data:image/png;base64,AA=="
    );
    let text = message["content"].as_str().unwrap();
    assert!(
        text.contains("```python\n1+1\n```") && text.contains("```\n2\n```"),
        "{text}"
    );
    let back = whole(&Gemini, body);
    let candidate = &back["candidates"][0];
    assert_eq!(
        candidate["groundingMetadata"]["groundingChunks"][0]["web"]["title"],
        "A"
    );
    assert!(
        candidate
            .to_string()
            .contains(r#""inlineData":{"data":"AA==","mimeType":"image/png"}"#)
    );
}

#[test]
fn a_plain_frame_is_watched_without_being_read() {
    let mut observer = Gemini.observer();
    let mut seen = Observed::default();
    let mut see = |text: &str| {
        observer
            .observe(&Frame::new(None, text.to_owned()), &mut seen)
            .map(|()| seen)
    };
    let first = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":3}}"#;
    assert!(see(first).unwrap().content);
    // It is no chunk: only its counts are read.
    let odd = r#"{"candidates":"\"finishReason\"","usageMetadata": {"promptTokenCount":3,"candidatesTokenCount":2},"x":1}"#;
    let now = see(odd).unwrap();
    assert_eq!(now.usage.unwrap().output, Some(2));
    assert!(!now.stopped);
    // But one that was cut is noticed.
    assert!(see(r#"{"candidates":[{"content":{"parts":[{"text":"ha"#).is_err());
    let last = r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":5}}"#;
    let now = see(last).unwrap();
    assert!(now.stopped && !now.ended);
    assert_eq!(now.usage.unwrap().output, Some(5));
}

#[test]
fn thoughts_of_gemini_are_never_another_vendors() {
    let frames = [
        r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}]}"#,
    ];
    let text = streamed(&Anthropic, &frames).unwrap();
    assert!(text.contains(r#""signature":"tl1.gemini""#), "{text}");
    let text = streamed(&OpenAiChat, &frames).unwrap();
    assert!(
        text.contains(r#""reasoning_content":"hm""#) && !text.contains("tl1."),
        "{text}"
    );
    let (mut decoder, mut sink) = (Gemini.decoder(), EventSink::new());
    let mut collector = Collector::new();
    for frame in frames {
        decoder.decode(&Frame::new(None, frame), &mut sink).unwrap();
    }
    sink.end();
    while let Some(event) = sink.next_event() {
        collector.push(event);
    }
    let answer = collector.finish();
    let Content::Thinking(thinking) = &answer.content[0] else {
        panic!("{answer:?}");
    };
    assert_eq!(signature::own(thinking), Some(""));
}

#[test]
fn lists_of_models() {
    assert_eq!(
        Front::encode_models(&Gemini, &["a"]),
        r#"{"models":[{"name":"models/a","baseModelId":"a","version":"","displayName":"a","supportedGenerationMethods":["generateContent","streamGenerateContent"]}]}"#
    );
}
