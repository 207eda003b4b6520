//! Answers as Amazon Bedrock gives them: a script's in the way of Claude, refusals, and event streams.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};

use super::{
    Answer, anthropic,
    script::{Script, quote},
};
use crate::wire::{SseSplitter, event_stream};

const REQUEST_ID: (&str, &str) = ("x-amzn-requestid", "scripted");

pub(super) fn error(status: u16, kind: &str, message: &str) -> Answer {
    Answer::json(status, format!(r#"{{"message":{}}}"#, quote(message)))
        .header(REQUEST_ID.0, REQUEST_ID.1)
        .header(
            "x-amzn-errortype",
            &format!("{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/"),
        )
}

pub(super) fn event_stream(events: impl Iterator<Item = (String, String)>) -> Answer {
    Answer::status(200)
        .header("content-type", "application/vnd.amazon.eventstream")
        .header(REQUEST_ID.0, REQUEST_ID.1)
        .stream(events.map(|(name, data)| message(&name, data.as_bytes())))
}

pub(super) fn claude(script: &Script, model: &str, stream: bool) -> Answer {
    if !stream {
        return anthropic::whole(script, model).header(REQUEST_ID.0, REQUEST_ID.1);
    }
    let mut splitter = SseSplitter::new();
    splitter.push(anthropic::stream(script, model).content());
    let frames = std::iter::from_fn(move || splitter.next_frame().ok().flatten());
    event_stream(frames.map(|frame| {
        let metrics = r#","amazon-bedrock-invocationMetrics":{"inputTokenCount":1}}"#;
        let mut event = String::from_utf8_lossy(frame.data()).into_owned();
        if frame.name() == Some("message_stop") {
            event.truncate(event.len().saturating_sub(1));
            event.push_str(metrics);
        }
        ("chunk".to_owned(), chunk(&event))
    }))
}

fn chunk(event: &str) -> String {
    format!(r#"{{"bytes":"{}","p":"abcdefgh"}}"#, STANDARD.encode(event))
}

pub(super) fn message(name: &str, payload: &[u8]) -> Bytes {
    let (kind, named) = if name.ends_with("Exception") {
        ("exception", ":exception-type")
    } else {
        ("event", ":event-type")
    };
    let headers = [
        (named, name),
        (":content-type", "application/json"),
        (":message-type", kind),
    ];
    let mut out = BytesMut::new();
    // A name too long for a message gives none.
    let _ = event_stream::write(&mut out, &headers, payload);
    out.freeze()
}
