//! Cohere as a vendor: through the gateway, and its recorded answers.
//!
//! The recordings are no part of the crate. The test looks for them in `../shared/corpus`, or where `TRUNKLINE_CORPUS` says.

#[path = "support/corpus.rs"]
mod corpus;
mod support;

use support::{Running, chat, messages, post, served};
use trunkline::{
    chat::{Collector, EventSink},
    dialect::{Dialect, cohere::Cohere},
    testing::{Answer, Vendor},
};

#[tokio::test]
async fn callers_of_other_dialects_are_served() {
    let vendor = Vendor::new();
    vendor.on(|request| {
        let stream = request.field("/stream").as_deref() == Some("true");
        Some(if stream {
            Answer::sse([
                "event: message-start\ndata: {\"id\":\"i\",\"type\":\"message-start\",\"delta\":{\"message\":{\"role\":\"assistant\"}}}\n\n",
                "event: content-start\ndata: {\"type\":\"content-start\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"type\":\"text\",\"text\":\"\"}}}}\n\n",
                "event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"text\":\"Hello.\"}}}}\n\n",
                "event: content-end\ndata: {\"type\":\"content-end\",\"index\":0}\n\n",
                "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":{\"tokens\":{\"input_tokens\":9,\"output_tokens\":2}}}}\n\ndata: [DONE]\n\n",
            ])
        } else {
            Answer::json(
                200,
                r#"{"id":"i","finish_reason":"COMPLETE","message":{"role":"assistant","content":[{"type":"text","text":"Hello."}]},"usage":{"tokens":{"input_tokens":9,"output_tokens":2}}}"#,
            )
        })
    });
    let server = served(&vendor).await;
    let text = r#"
providers:
  cohere: { base_url: "${C}", accounts: [key] }
models:
  command: [cohere/command-a-03-2025]
"#;
    let gateway = Running::start(text, &[("C", server.url("/v2"))]).await;
    for stream in [false, true] {
        let (status, _, body) = post(
            &gateway.url("/v1/chat/completions"),
            chat("command", stream),
        )
        .await;
        assert!(status == 200 && body.contains("Hello."), "{body}");
        let (status, _, body) =
            post(&gateway.url("/v1/messages"), messages("command", stream)).await;
        assert!(status == 200 && body.contains("Hello."), "{body}");
        assert_eq!(body.contains("message_stop"), stream, "{body}");
    }
    let sent = &vendor.requests()[0];
    assert_eq!(sent.path(), "/v2/chat");
    assert_eq!(sent.header("authorization"), Some("Bearer key"));
    assert_eq!(sent.string("/model").as_deref(), Some("command-a-03-2025"));
}

#[test]
fn recorded_answers_are_read() {
    let (mut whole, mut streams, mut cut) = (0, 0, 0);
    let there = corpus::each("v2-chat", |case| {
        let id = &case.id;
        let Some(body) = case.answer() else {
            return;
        };
        let Some(frames) = case.frames() else {
            whole += 1;
            let answer = Cohere.decode_response(body.as_bytes());
            let answer = answer.unwrap_or_else(|error| panic!("{id}: {error}"));
            assert!(
                !answer.content.is_empty() && answer.usage.is_some(),
                "{id}: {answer:?}"
            );
            return;
        };
        streams += 1;
        let mut decoder = Cohere.decoder();
        let mut sink = EventSink::new();
        for frame in &frames {
            let read = decoder.decode(frame, &mut sink);
            assert!(
                read.is_ok() || !body.contains("message-end"),
                "{id}: {read:?}"
            );
        }
        // Some recorders leave out the last line.
        cut += usize::from(!sink.has_ended());
        sink.end();
        let mut collector = Collector::new();
        while let Some(event) = sink.next_event() {
            collector.push(event);
        }
        let answer = collector.finish();
        assert!(!answer.content.is_empty(), "{id}: {answer:?}");
    });
    if !there {
        return;
    }
    println!("cohere: {whole} whole, {streams} streams, {cut} of them without [DONE]");
    assert!(whole > 0 && streams > 0);
}
