//! Any bytes as a vendor's answer, whole or streamed: no panic, events by the grammar, and whatever is read can be written for every
//! front.
//!
//! `cargo +nightly fuzz run answer`
#![no_main]

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use libfuzzer_sys::fuzz_target;
use trunkline::{
    Json,
    chat::{ChatEvent, ChatResponse, EventSink},
    dialect::{
        Asked, Dialect, FrameError, Front, Observed, anthropic::Anthropic, bedrock::Converse, classify,
        cohere::Cohere, gemini::Gemini, openai_chat::OpenAiChat,
        openai_completions::OpenAiCompletions, openai_responses::OpenAiResponses,
    },
    wire::{Frame, SseSplitter},
};

const DIALECTS: [&dyn Dialect; 7] = [
    &OpenAiChat,
    &Anthropic,
    &OpenAiResponses,
    &Gemini,
    &OpenAiCompletions,
    &Converse,
    &Cohere,
];

fn fronts() -> impl Iterator<Item = &'static dyn Front> {
    DIALECTS.into_iter().filter_map(|dialect| dialect.front())
}

fuzz_target!(|input: (u16, &[u8])| {
    let (choice, body) = input;
    let dialect = DIALECTS[usize::from(choice) % DIALECTS.len()];
    let status = StatusCode::from_u16(200 + choice / 7 % 400).expect("a legal status");
    let error = classify("fuzz", status, &HeaderMap::new(), body);
    for front in fronts() {
        assert!(Json::parse(std::str::from_utf8(&front.encode_error(&error)).expect("UTF-8")).is_ok());
    }
    let _ = dialect.usage(body);
    if let Some(counter) = dialect.counter() {
        let _ = counter.read(body);
    }
    if let Ok(answer) = dialect.decode_response(body) {
        write_whole(&answer);
    }
    stream(dialect, body);
});

fn write_whole(answer: &ChatResponse) {
    for front in fronts() {
        let bytes = front.encode_response(answer, &Asked::new("m", true, 0));
        let text = std::str::from_utf8(&bytes).expect("UTF-8");
        assert!(Json::parse(text).is_ok(), "{text}");
    }
    let mut sink = EventSink::new();
    answer.replay(&mut sink);
    check_grammar(&drain(&mut sink), true);
}

fn stream(dialect: &'static dyn Dialect, body: &[u8]) {
    let mut splitter = SseSplitter::new();
    splitter.push(Bytes::copy_from_slice(body));
    let (mut decoder, mut observer) = (dialect.decoder(), dialect.observer());
    let (mut sink, mut seen) = (EventSink::new(), Observed::default());
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = splitter.next_frame() {
        frames.push(frame);
    }
    frames.extend(std::iter::from_fn(|| splitter.finish()));
    for frame in frames.iter().filter(|frame| frame.has_data()) {
        let _ = observer.observe(frame, &mut seen);
        match decoder.decode(frame, &mut sink) {
            Ok(()) | Err(FrameError::Unknown) => {}
            Err(_) => break,
        }
    }
    sink.end();
    let events = drain(&mut sink);
    check_grammar(&events, true);
    for front in fronts() {
        let mut encoder = front.encoder(&Asked::new("m", true, 0));
        let mut out: VecDeque<Frame> = VecDeque::new();
        for event in &events {
            encoder.encode(event.clone(), &mut out);
        }
        for frame in out.iter().filter(|frame| frame.has_data() && frame.data() != "[DONE]") {
            let text = std::str::from_utf8(frame.data()).expect("UTF-8");
            assert!(Json::parse(text).is_ok(), "{text}");
        }
    }
}

fn drain(sink: &mut EventSink) -> Vec<ChatEvent> {
    std::iter::from_fn(|| sink.next_event()).collect()
}

/// `Start`, blocks one after another numbered from 0, `Stop`, `End`.
fn check_grammar(events: &[ChatEvent], ended: bool) {
    let (mut open, mut next) = (None, 0);
    for (at, event) in events.iter().enumerate() {
        match event {
            ChatEvent::BlockStart { index, .. } => {
                assert_eq!((open, *index), (None, next));
                (open, next) = (Some(*index), next + 1);
            }
            ChatEvent::Delta { index, .. } => assert_eq!(open, Some(*index)),
            ChatEvent::BlockStop { index } => assert_eq!(open.take(), Some(*index)),
            ChatEvent::Stop(_) => assert_eq!(open, None),
            ChatEvent::End => assert_eq!(at + 1, events.len()),
            _ => {}
        }
    }
    assert_eq!(matches!(events.last(), Some(ChatEvent::End)), ended);
}
