//! Real messages, messages of our own making in any pieces, and broken ones.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, prelude::*};

use super::{MessageError, MessageSplitter, write};
use crate::wire::Frame;

/// Recorded, or computed by AWS's own library.
const START: &str = "AAAAlwAAAFKDYRSxCzpldmVudC10eXBlBwAMbWVzc2FnZVN0YXJ0DTpjb250ZW50LXR5cGUHABBhcHBsaWNhdGlvbi9qc29uDTptZXNzYWdlLXR5cGUHAAVldmVudHsicCI6ImFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6Iiwicm9sZSI6ImFzc2lzdGFudCJ9G/AFrw==";
const THROTTLED: &str = "AAAAkAAAAGGOkam3DzpleGNlcHRpb24tdHlwZQcAE3Rocm90dGxpbmdFeGNlcHRpb24NOmNvbnRlbnQtdHlwZQcAEGFwcGxpY2F0aW9uL2pzb24NOm1lc3NhZ2UtdHlwZQcACWV4Y2VwdGlvbnsibWVzc2FnZSI6IlRvbyBtYW55IHJlcXVlc3RzIn3mf4AF";
const BOOM: &str = "AAAAWAAAAEgVRpLBCzplcnJvci1jb2RlBwANSW50ZXJuYWxFcnJvcg46ZXJyb3ItbWVzc2FnZQcABGJvb20NOm1lc3NhZ2UtdHlwZQcABWVycm9y+dpoLQ==";
const CHUNK: &str = "AAAAhwAAAEuH6ivzCzpldmVudC10eXBlBwAFY2h1bmsNOmNvbnRlbnQtdHlwZQcAEGFwcGxpY2F0aW9uL2pzb24NOm1lc3NhZ2UtdHlwZQcABWV2ZW50eyJieXRlcyI6ImV5SjBlWEJsSWpvaWJXVnpjMkZuWlY5emRHOXdJbjA9In26SKsi";

fn frames<'a>(
    mut splitter: MessageSplitter,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Frame>, MessageError> {
    let mut frames = Vec::new();
    for chunk in chunks {
        splitter.push(Bytes::copy_from_slice(chunk));
        while let Some(frame) = splitter.next_frame()? {
            frames.push(frame);
        }
    }
    assert!(splitter.is_empty(), "{splitter:?}");
    Ok(frames)
}

fn told(splitter: MessageSplitter, messages: &[&str]) -> Vec<(String, String)> {
    let stream: Vec<u8> = messages
        .iter()
        .flat_map(|message| STANDARD.decode(message).unwrap())
        .collect();
    let text = |frame: &Frame| {
        (
            frame.name().unwrap_or_default().to_owned(),
            String::from_utf8(frame.data().to_vec()).unwrap(),
        )
    };
    let all = frames(splitter, [&stream[..]]).unwrap();
    all.iter().map(text).collect()
}

fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    write(&mut out, headers, payload).unwrap();
    out.to_vec()
}

fn chunk(event: &str) -> Vec<u8> {
    let payload = format!(r#"{{"bytes":"{}","p":"abc"}}"#, STANDARD.encode(event));
    let headers = [(":message-type", "event"), (":event-type", "chunk")];
    message(&headers, payload.as_bytes())
}

#[test]
fn messages_become_frames() {
    let found = told(MessageSplitter::new(), &[START, THROTTLED, BOOM]);
    let expected = [
        (
            "messageStart",
            r#"{"p":"abcdefghijklmnopqrstuvwxyz","role":"assistant"}"#,
        ),
        ("throttlingException", r#"{"message":"Too many requests"}"#),
        (
            "internalServerException",
            r#"{"message":"boom (InternalError)"}"#,
        ),
    ];
    assert_eq!(
        found,
        expected.map(|(name, data)| (name.to_owned(), data.to_owned()))
    );
}

#[test]
fn chunks_become_the_models_own_events() {
    let splitter = || MessageSplitter::new().unwrap_chunks();
    let found = told(splitter(), &[CHUNK, THROTTLED, BOOM, START]);
    assert_eq!(
        found[0],
        ("message_stop".into(), r#"{"type":"message_stop"}"#.into())
    );
    let error = |kind, message| {
        let data =
            format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}}}}"#);
        ("error".to_owned(), data)
    };
    assert_eq!(found[1], error("rate_limit_error", "Too many requests"));
    assert_eq!(found[2], error("api_error", "boom (InternalError)"));
    assert_eq!(found.len(), 3, "what is no chunk is passed over");

    let failed = message(
        &[
            (":message-type", "exception"),
            (":exception-type", "modelStreamErrorException"),
        ],
        br#"{"message":"m","originalStatusCode":503}"#,
    );
    let last = r#"{"type":"message_stop","a":1.0,"amazon-bedrock-invocationMetrics":{"inputTokenCount":1}}"#;
    let said = r#"{"type":"x","text":"amazon-bedrock-invocationMetrics" }"#;
    let stream = [failed, chunk(last), chunk(said)].concat();
    let found = frames(splitter(), [&stream[..]]).unwrap();
    assert_eq!(found[0].data(), &error("overloaded_error", "m").1);
    assert_eq!(
        found[1].raw(),
        "event: message_stop\ndata: {\"type\":\"message_stop\",\"a\":1.0}\n\n"
    );
    assert_eq!(found[2].data(), said);

    for payload in ["{}", r#"{"bytes":"%"}"#, r#"{"bytes":"W10="}"#, "x"] {
        let headers = [(":message-type", "event"), (":event-type", "chunk")];
        let broken = message(&headers, payload.as_bytes());
        let error = frames(splitter(), [&broken[..]]).unwrap_err();
        assert!(matches!(error, MessageError::Malformed(_)), "{payload}");
    }
}

#[test]
fn headers_of_all_types_are_passed_over() {
    let mut head = Vec::new();
    for (kind, value) in [
        (0_u8, &[][..]),
        (1, &[]),
        (2, &[1]),
        (3, &[1, 2]),
        (4, &[1; 4]),
        (5, &[1; 8]),
        (6, &[0, 2, 9, 9]),
        (7, &[0, 1, b'x']),
        (8, &[1; 8]),
        (9, &[1; 16]),
    ] {
        head.extend([1, b'h', kind]);
        head.extend(value);
    }
    let named = message(&[(":event-type", "e")], b"");
    head.extend(&named[12..named.len() - 4]);
    let whole = sealed(&head, b"data");
    let found = frames(MessageSplitter::new(), [&whole[..]]).unwrap();
    assert_eq!(
        (found[0].name(), found[0].data().as_ref()),
        (Some("e"), &b"data"[..])
    );
    // Cut within a header, or of a type that is none: the checksums are right, and yet.
    for broken in [&head[..head.len() - 1], &[1, b'h', 10], &[9, b'h'], &[0]] {
        let whole = sealed(broken, b"");
        let error = frames(MessageSplitter::new(), [&whole[..]]).unwrap_err();
        assert!(matches!(error, MessageError::Malformed(_)), "{broken:?}");
    }
}

#[test]
fn what_is_too_large_or_contradicts_itself_is_refused_early() {
    let prelude = |total: u32, headers: u32| {
        let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        bytes
    };
    let refused = |bytes: Vec<u8>| {
        let mut splitter = MessageSplitter::new().with_max_message(1_000);
        splitter.push(bytes.into());
        let error = splitter.next_frame().unwrap_err();
        assert_eq!(splitter.next_frame(), Err(error), "it stays so");
        error
    };
    assert_eq!(
        refused(prelude(1_001, 0)),
        MessageError::TooLarge { limit: 1_000 }
    );
    assert!(matches!(
        refused(prelude(100, u32::MAX)),
        MessageError::TooLarge { .. }
    ));
    assert!(matches!(
        refused(prelude(20, 5)),
        MessageError::Malformed(_)
    ));
    assert!(matches!(refused(prelude(0, 0)), MessageError::Malformed(_)));
    let long = "x".repeat(256);
    assert!(write(&mut BytesMut::new(), &[(&long, "")], b"").is_err());
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_frames(
        written in vec(("[a-zA-Z]{1,12}", "[ -~]{0,60}"), 0..6),
        sizes in vec(1..40_usize, 1..6),
    ) {
        let stream: Vec<u8> = written
            .iter()
            .flat_map(|(name, data)| message(&[(":event-type", name), ("other", "x")], data.as_bytes()))
            .collect();
        let mut chunks = Vec::new();
        let mut rest = &stream[..];
        for size in sizes.iter().copied().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, later) = rest.split_at(size.min(rest.len()));
            chunks.push(chunk);
            rest = later;
        }
        let found = frames(MessageSplitter::new(), chunks).unwrap();
        prop_assert_eq!(found.len(), written.len());
        for (frame, (name, data)) in found.iter().zip(&written) {
            prop_assert_eq!(frame.name(), Some(&**name));
            prop_assert_eq!(frame.data(), data.as_bytes());
        }
    }

    #[test]
    fn a_changed_byte_is_noticed(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let mut stream = STANDARD.decode(START).unwrap();
        let at = at.index(stream.len());
        stream[at] ^= flip;
        let error = frames(MessageSplitter::new(), [&stream[..]]).unwrap_err();
        prop_assert_eq!(error, MessageError::Checksum);
    }

    #[test]
    fn no_bytes_are_too_odd(head in vec(any::<u8>(), 0..80), payload in vec(any::<u8>(), 0..80), unwrap: bool) {
        for bytes in [[&head[..], &payload].concat(), sealed(&head, &payload)] {
            let mut splitter = MessageSplitter::new();
            if unwrap {
                splitter = splitter.unwrap_chunks();
            }
            splitter.push(bytes.into());
            while let Ok(Some(_)) = splitter.next_frame() {}
        }
    }
}

/// A message with these bytes in place of its headers, and right checksums.
fn sealed(head: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = u32::try_from(head.len() + payload.len() + 16).unwrap();
    let headers = u32::try_from(head.len()).unwrap();
    let mut out = [total.to_be_bytes(), headers.to_be_bytes()].concat();
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out.extend(head);
    out.extend(payload);
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out
}
