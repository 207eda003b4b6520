use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream as chunks;
use http_body_util::StreamBody;
use proptest::prelude::*;

use super::*;
use crate::{
    Buffers,
    dialect::{
        anthropic::Anthropic, gemini::Gemini, openai_chat::OpenAiChat,
        openai_responses::OpenAiResponses,
    },
};

fn stream(dialect: &'static dyn Dialect, body: String) -> VendorStream {
    let room = Room {
        max_body: 1_000,
        buffers: Buffers::new(1 << 20),
    };
    VendorStream::new(
        dialect,
        Framing::Sse,
        Body::from(body),
        Rest::default(),
        &room,
    )
}

#[tokio::test]
async fn pings_without_end_are_not_gathered_without_end() {
    let comments = ": still here\n\n".repeat(200);
    let pings = "event: ping\ndata: {\"type\":\"ping\"}\n\n".repeat(200);
    let dialects: [&'static dyn Dialect; 2] = [&OpenAiChat, &Anthropic];
    for (dialect, text) in dialects.into_iter().zip([comments, pings]) {
        let mut stream = stream(dialect, text);
        let error = stream.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Server);
        assert!(error.message().contains("within 1000 bytes"), "{error}");
        assert!(stream.body.is_none(), "the vendor is let go");
    }
}

#[tokio::test]
async fn content_after_some_pings_is_committed_to() {
    let text = r#"data: {"id":"1","choices":[{"index":0,"delta":{"content":"hi"}}]}"#;
    let mut stream = stream(&OpenAiChat, format!(": ping\n\n: ping\n\n{text}\n\n"));
    stream.commit().await.unwrap();
    assert_eq!(stream.ahead.len(), 3);
}

#[tokio::test]
async fn an_event_that_is_no_json_is_not_passed_on_unread() {
    let dialects: [(&'static dyn Dialect, &str, &str); 4] = [
        (
            &OpenAiChat,
            "data: ",
            r#"{"id":"1","choices":[{"index":0,"delta":{"content":"hi"}}]}"#,
        ),
        (
            &OpenAiResponses,
            "event: response.output_text.delta\ndata: ",
            r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"hi"}"#,
        ),
        (
            &Anthropic,
            "event: content_block_delta\ndata: ",
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
        ),
        (
            &Gemini,
            "data: ",
            r#"{"candidates":[{"content":{"parts":[{"text":"hi"}]}}]}"#,
        ),
    ];
    for (dialect, head, good) in dialects {
        let cut = &good[..good.len() - 3];
        for bad in [format!("{{{good}"), format!("{good}{good}"), cut.to_owned()] {
            let text = format!("{head}{good}\n\n{head}{good}\n\n{head}{bad}\n\n");
            let mut stream = stream(dialect, text);
            stream.commit().await.unwrap();
            for _ in 0..2 {
                poll_fn(|cx| stream.poll_frame(cx)).await.unwrap().unwrap();
            }
            let error = poll_fn(|cx| stream.poll_frame(cx)).await.unwrap();
            let error = error.map(|frame| panic!("{}: {frame:?}", dialect.name()));
            assert_eq!(error.unwrap_err().kind(), ErrorKind::StreamBroken);
        }
    }
}

/// Streams with a place for words in each of their middle events: the beginning, the event, another, the end.
const STREAMS: [(&dyn Dialect, [&str; 4]); 4] = [
    (
        &OpenAiChat,
        [
            "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"a\"}}]}\n\n",
            "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"@\"},\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"xy\"}\n\n",
            "data: {\"id\":\"1\",\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"@\"}}]}}]}\n\n",
            "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
        ],
    ),
    (
        &Anthropic,
        [
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":1}}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"@\"}}\n\n",
            ": ping\n\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"@\"}}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ],
    ),
    (
        &OpenAiResponses,
        [
            "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n",
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":#,\"output_index\":0,\"delta\":\"@\"}\n\n",
            "data: {\"type\":\"response.function_call_arguments.delta\",\"sequence_number\":#,\"output_index\":1,\"delta\":\"@\"}\n\n",
            "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"output\":[]}}\n\n",
        ],
    ),
    (
        &Gemini,
        [
            "data: {\"responseId\":\"g\"}\r\n\r\n",
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"@\"}]}}],\"usageMetadata\":{\"promptTokenCount\":#}}\n\n",
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"@\"}]}}]}\r\n\r\n",
            "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\r\n\r\n",
        ],
    ),
];

/// All that comes out of a stream whose body comes in these chunks, and how it ended.
async fn passed(
    dialect: &'static dyn Dialect,
    chunks: &[Vec<u8>],
    twins: Twins,
) -> (Vec<u8>, Option<String>, Observed) {
    let chunks: Vec<_> = chunks
        .iter()
        .map(|chunk| Bytes::from(chunk.clone()))
        .collect();
    let frames = chunks
        .into_iter()
        .map(|chunk| Ok::<_, Infallible>(http_body::Frame::data(chunk)));
    let mut stream = stream(dialect, String::new());
    stream.body = Some(Body::new(StreamBody::new(chunks::iter(frames))));
    stream.twins = twins;
    let mut out = Vec::new();
    if let Err(error) = stream.commit().await {
        return (out, Some(error.to_string()), stream.seen);
    }
    let mut latest = None;
    let end = loop {
        match poll_fn(|cx| stream.poll_run(cx)).await {
            Some(Ok(Run::One(frame))) => {
                out.extend_from_slice(frame.raw());
                latest = Some(frame);
            }
            Some(Ok(Run::Alike { bytes, frames, .. })) => {
                let one = latest.as_ref().expect("one comes before others like it");
                let mut splitter = crate::wire::SseSplitter::new();
                splitter.push(bytes.clone());
                for _ in 0..frames {
                    let frame = splitter.next_frame().unwrap().unwrap();
                    assert_eq!(
                        (one.name(), one.has_data()),
                        (frame.name(), frame.has_data())
                    );
                    assert!(crate::json::is_object(frame.data()));
                }
                assert!(splitter.next_frame().unwrap().is_none() && splitter.pending() == 0);
                out.extend_from_slice(&bytes);
            }
            Some(Err(error)) => break Some(error.to_string()),
            None => break None,
        }
    };
    let mut seen = stream.seen;
    seen.plain = false;
    (out, end, seen)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// What passes unread because it is like what was read would have passed anyway, and nothing else does.
    #[test]
    fn events_that_are_known_pass_as_if_they_were_read(
        which in 0..STREAMS.len(),
        events in prop::collection::vec((any::<bool>(), prop::sample::select(vec![
            "", "a", " trunk", "\\n\\u00e9\\\"", "\\", "\"", "finish_reason", "usage", "error", "tl1.", "\u{1}", "\\x",
            "text that is somewhat longer, with é and more",
        ])), 0..24),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, prop_oneof![
            any::<u8>(),
            prop::sample::select(b"\"\\{}[],:n0129\n\r stu".to_vec()),
        ]), 0..3),
        sizes in prop::collection::vec(1..200_usize, 1..8),
    ) {
        let (dialect, [begin, one, other, end]) = STREAMS[which];
        let mut body = begin.as_bytes().to_vec();
        for (number, (is_other, words)) in events.iter().enumerate() {
            let event = if *is_other { other } else { one };
            body.extend(event.replace('@', words).replace('#', &number.to_string()).bytes());
        }
        for (at, how, byte) in edits {
            let at = at.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => { body.remove(at); }
            }
        }
        body.extend(end.bytes());
        let mut chunks = Vec::new();
        let mut rest = body.as_slice();
        for size in sizes.iter().cycle() {
            let (chunk, more) = rest.split_at((*size * 7 % 700).clamp(1, rest.len().max(1)).min(rest.len()));
            chunks.push(chunk.to_vec());
            rest = more;
            if rest.is_empty() {
                break;
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (known, read) = runtime.block_on(async {
            (
                passed(dialect, &chunks, Twins::default()).await,
                passed(dialect, &chunks, Twins::never()).await,
            )
        });
        let text = |(out, end, seen): (Vec<u8>, _, _)| {
            (String::from_utf8_lossy(&out).into_owned(), end, seen)
        };
        prop_assert_eq!(text(known), text(read));
    }
}
