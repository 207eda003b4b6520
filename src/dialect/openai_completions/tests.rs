use std::collections::VecDeque;

use bytes::Bytes;

use super::OpenAiCompletions;
use crate::{
    chat::{ChatRequest, ChatResponse, Collector, Content, EventSink, Fidelity, Message},
    dialect::{
        Asked, Dialect, Front, Quirks, Target, anthropic::Anthropic, openai_chat::OpenAiChat,
    },
    error::ErrorKind,
    wire::Frame,
};

fn decoded(body: &str) -> Result<ChatRequest, crate::Error> {
    Front::decode_request(&OpenAiCompletions, body.as_bytes())
}

#[test]
fn a_prompt_is_a_users_turn_at_any_vendor() {
    let body = r#"{"model":"m","prompt":["Once upon"],"max_tokens":9,"stop":"\n","echo":false,"best_of":1,"temperature":0.5,"logit_bias":{"1":2},"stream":true,"stream_options":{"include_usage":true}}"#;
    let chat = decoded(body).unwrap();
    assert!(chat.stream && chat.include_usage);
    let mut report = Fidelity::new();
    let target = Target::new("claude-sonnet-4-5", &Quirks::NONE);
    let sent = Anthropic
        .encode_request(&chat, &target, &mut report)
        .unwrap();
    let sent: serde_json::Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(sent["messages"][0]["content"][0]["text"], "Once upon");
    assert_eq!(sent["max_tokens"], 9);
    // A newline alone is no stop text that this vendor takes, which the report says, as it does of the bias.
    let told: Vec<&str> = report
        .notes()
        .iter()
        .map(|note| note.path.as_str())
        .collect();
    assert!(told.contains(&"logit_bias"), "{told:?}");
}

#[test]
fn what_a_chat_cannot_do_is_refused_by_name() {
    for (body, param) in [
        (r#"{"model":"m"}"#, "prompt"),
        (r#"{"model":"m","prompt":7}"#, "prompt"),
        (r#"{"model":"m","prompt":[]}"#, "prompt"),
        (r#"{"model":"m","prompt":[1,2]}"#, "prompt"),
        (r#"{"model":"m","prompt":[[1],[2]]}"#, "prompt"),
        (r#"{"model":"m","prompt":["a","b"]}"#, "prompt"),
        (r#"{"model":"m","prompt":"a","suffix":"b"}"#, "suffix"),
        (r#"{"model":"m","prompt":"a","echo":true}"#, "echo"),
        (r#"{"model":"m","prompt":"a","best_of":3}"#, "best_of"),
        (
            r#"{"model":"m","prompt":"a","max_tokens":"b"}"#,
            "max_tokens",
        ),
    ] {
        let error = decoded(body).unwrap_err();
        assert_eq!(error.param(), Some(param), "{body}: {error}");
        assert_eq!(error.status(), 400, "{body}");
    }
}

#[test]
fn a_native_vendor_is_asked_in_its_own_words() {
    let chat = decoded(r#"{"model":"m","prompt":"Once","max_tokens":9,"logprobs":2,"min_p":0.1}"#);
    let mut report = Fidelity::new();
    let target = Target::new("base", &Quirks::NONE);
    let sent = OpenAiCompletions.encode_request(&chat.unwrap(), &target, &mut report);
    assert_eq!(
        sent.unwrap(),
        r#"{"model":"base","prompt":"Once","max_tokens":9,"logprobs":2,"min_p":0.1}"#
    );
    assert!(report.is_exact());
    let two = ChatRequest::new("m", vec![Message::user("a"), Message::user("b")]);
    let error = OpenAiCompletions.encode_request(&two, &target, &mut report);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Unsupported);
}

/// A vendor's answer, whole and in chunks, to callers of this API and of Chat.
#[test]
fn answers_have_the_shape_of_the_api() {
    let whole = r#"{"id":"cmpl-1","object":"text_completion","created":7,"model":"base","choices":[{"text":" a time","index":0,"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}}"#;
    let response = OpenAiCompletions.decode_response(whole.as_bytes()).unwrap();
    assert_eq!(response.text(), " a time");
    let asked = Asked::new("base", true, 7);
    assert_eq!(OpenAiCompletions.encode_response(&response, &asked), whole);
    let chat = OpenAiChat.encode_response(&response, &asked);
    assert!(String::from_utf8_lossy(&chat).contains("\"content\":\" a time\""));

    let frames = [
        r#"{"id":"cmpl-1","object":"text_completion","created":7,"model":"base","choices":[{"text":" a","index":0,"logprobs":null,"finish_reason":null}],"usage":null}"#,
        r#"{"id":"cmpl-1","object":"text_completion","created":7,"model":"base","choices":[{"text":" time","index":0,"logprobs":null,"finish_reason":null}],"usage":null}"#,
        r#"{"id":"cmpl-1","object":"text_completion","created":7,"model":"base","choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"length"}],"usage":null}"#,
        r#"{"id":"cmpl-1","object":"text_completion","created":7,"model":"base","choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}}"#,
        "[DONE]",
    ];
    let mut decoder = OpenAiCompletions.decoder();
    let mut sink = EventSink::new();
    for frame in frames {
        decoder.decode(&Frame::new(None, frame), &mut sink).unwrap();
    }
    assert!(sink.has_ended());
    let mut encoder = OpenAiCompletions.encoder(&asked);
    let mut out = VecDeque::new();
    let mut collector = Collector::new();
    while let Some(event) = sink.next_event() {
        collector.push(event.clone());
        encoder.encode(event, &mut out);
    }
    let written: Vec<Bytes> = out.iter().map(|frame| frame.data().clone()).collect();
    assert_eq!(written, frames);
    assert_eq!(collector.finish().content, response.content);
}

#[test]
fn log_probabilities_take_the_older_shape() {
    let chat = r#"{"content":[{"token":"ab","logprob":-0.5,"bytes":null,"top_logprobs":[{"token":"ab","logprob":-0.5,"bytes":null}]},{"token":" c","logprob":-1.5,"bytes":null,"top_logprobs":[]}]}"#;
    let response = ChatResponse {
        content: vec![Content::text("ab c")],
        logprobs: Some(crate::Json::parse(chat).unwrap()),
        ..ChatResponse::default()
    };
    let body = OpenAiCompletions.encode_response(&response, &Asked::new("m", false, 1));
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        body["choices"][0]["logprobs"],
        serde_json::json!({"tokens":["ab"," c"],"token_logprobs":[-0.5,-1.5],"top_logprobs":[{"ab":-0.5},{}],"text_offset":[0,2]})
    );
}
