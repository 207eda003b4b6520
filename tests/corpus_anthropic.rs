//! Recorded traffic of this dialect is read without error: every answer, whole or streamed, and every request.
//!
//! The recordings are no part of the crate: see `support/corpus.rs`.

#[path = "support/corpus.rs"]
mod corpus;

use std::collections::BTreeMap;

use serde_json::Value;
use trunkline::{
    chat::{ChatEvent, ChatResponse, Collector, EventSink, Fidelity},
    dialect::Quirks,
    dialect::{Asked, Dialect, FrameError, Observed, Target, anthropic::Anthropic},
};

use crate::corpus::{Case, Form};

/// Requests that are refused here, and why that is right.
const REFUSED: &[(&str, &str)] = &[
    (
        "anthropic/messages/441",
        "a message that is a text; the vendor refused it too",
    ),
    (
        "ollama/messages/1",
        "no messages at all; the vendor refused it too",
    ),
];

/// Answers that cannot be read, and why that is right.
const UNREADABLE: &[(&str, &str)] = &[
    (
        "anthropic/messages/1014",
        "a relay's splice: the answer begins anew in the middle",
    ),
    (
        "ollama/messages/7",
        "the recorder lost the line breaks between the frames",
    ),
];

#[derive(Debug, Default)]
struct Count {
    requests: usize,
    encoded: usize,
    whole: usize,
    streams: usize,
    unknown_frames: usize,
}

#[test]
fn recorded_traffic_is_read() {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut failures = Vec::new();
    corpus::each("messages", |case| {
        let count = counts.entry(case.vendor.clone()).or_default();
        let found = [request(case, count), answer(case, count)];
        for failure in found.into_iter().flatten() {
            failures.push(format!("{}: {failure}", case.id));
        }
    });
    for (vendor, count) in &counts {
        println!("{vendor}: {count:?}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn listed(list: &[(&str, &str)], id: &str) -> bool {
    list.iter().any(|(known, _)| *known == id)
}

fn request(case: &Case, count: &mut Count) -> Option<String> {
    let (body, id) = (case.request.as_deref()?, case.id.as_str());
    count.requests += 1;
    let decoded = Anthropic.front().unwrap().decode_request(body.as_bytes());
    let decoded = match (decoded, listed(REFUSED, id)) {
        (Err(_), true) => return None,
        (Ok(_), true) => return Some("the request was accepted".into()),
        (Err(error), false) => return Some(format!("request: {error}")),
        (Ok(decoded), false) => decoded,
    };
    // What the vendor took from the caller it must take from us.
    if case.status != 200 {
        return None;
    }
    let target = Target::new(&decoded.model, &Quirks::NONE);
    let mut report = Fidelity::new();
    let once = match Anthropic.encode_request(&decoded, &target, &mut report) {
        Ok(once) => once,
        Err(error) => return Some(format!("encoding: {error}")),
    };
    count.encoded += 1;
    // Read back and written again it is the same: nothing drifts from turn to turn.
    let back = match Anthropic.front().unwrap().decode_request(&once) {
        Ok(back) => back,
        Err(error) => return Some(format!("reading back: {error}")),
    };
    let twice = Anthropic.encode_request(&back, &target, &mut report).ok()?;
    (once != twice).then(|| "a second encoding differs from the first".into())
}

fn answer(case: &Case, count: &mut Count) -> Option<String> {
    let body = case.answer()?;
    if corpus::form(body) == Form::Whole {
        count.whole += 1;
        let decoded = match Anthropic.decode_response(body.as_bytes()) {
            Ok(decoded) => decoded,
            Err(error) => return Some(format!("answer: {error}")),
        };
        return stable(&decoded);
    }
    count.streams += 1;
    match (stream(case, body, count), listed(UNREADABLE, &case.id)) {
        (Err(_), true) => None,
        (Ok(()), true) => Some("it can be read now: take it off the list".into()),
        (read, false) => read.err(),
    }
}

/// What a caller gets and reads is what was meant.
fn stable(answer: &ChatResponse) -> Option<String> {
    let front = Anthropic.front().unwrap();
    let asked = Asked::new(&answer.model, true, 0);
    let once = front.encode_response(answer, &asked);
    let back = match Anthropic.decode_response(&once) {
        Ok(back) => back,
        Err(error) => return Some(format!("reading back: {error}")),
    };
    (front.encode_response(&back, &asked) != once).then(|| "the answer drifts".into())
}

fn stream(case: &Case, body: &str, count: &mut Count) -> Result<(), String> {
    let mut decoder = Anthropic.decoder();
    let mut observer = Anthropic.observer();
    let (mut sink, mut collector, mut seen) =
        (EventSink::new(), Collector::new(), Observed::default());
    let mut texts = String::new();
    for frame in corpus::frames(body) {
        match decoder.decode(&frame, &mut sink) {
            Ok(()) => {}
            Err(FrameError::Unknown) => count.unknown_frames += 1,
            Err(error) => return Err(format!("{error:?} in {frame:?}")),
        }
        match observer.observe(&frame, &mut seen) {
            Ok(()) | Err(FrameError::Unknown) => {}
            Err(error) => return Err(format!("observed {error:?} in {frame:?}")),
        }
        if let Ok(data) = serde_json::from_slice::<Value>(frame.data()) {
            texts.push_str(data["delta"]["text"].as_str().unwrap_or_default());
        }
        while let Some(event) = sink.next_event() {
            collector.push(event);
        }
    }
    let truncated = case.tagged("truncated");
    if seen.ended != sink.has_ended() || seen.stopped != sink.has_stopped() {
        return Err(format!("observer and decoder disagree: {seen:?}"));
    }
    if seen.usage.as_ref() != sink.known_usage() {
        return Err("observer and decoder disagree about usage".into());
    }
    if !sink.has_ended() && !truncated {
        return Err("no ending".into());
    }
    let answer = collector.finish();
    if answer.text() != texts {
        return Err("the text is not the one that was sent".into());
    }
    if !truncated && (answer.usage.is_none() || answer.id.is_empty()) {
        return Err("no usage or no id".into());
    }
    replayed(&answer)
}

/// Written for a caller and read again, the answer is the same.
fn replayed(answer: &ChatResponse) -> Result<(), String> {
    let front = Anthropic.front().unwrap();
    let asked = Asked::new(&answer.model, true, 0);
    let mut encoder = front.encoder(&asked);
    let mut sink = EventSink::new();
    answer.replay(&mut sink);
    let mut frames = std::collections::VecDeque::new();
    while let Some(event) = sink.next_event() {
        encoder.encode(event, &mut frames);
    }
    let mut decoder = Anthropic.decoder();
    let (mut back, mut collector) = (EventSink::new(), Collector::new());
    for frame in frames {
        decoder
            .decode(&frame, &mut back)
            .map_err(|e| format!("our own frame: {e:?} in {frame:?}"))?;
    }
    let mut ended = false;
    while let Some(event) = back.next_event() {
        ended |= event == ChatEvent::End;
        collector.push(event);
    }
    let back = collector.finish();
    if !ended || back.content != answer.content || back.stop != answer.stop {
        return Err(format!("replayed: {back:?}\nwas: {answer:?}"));
    }
    Ok(())
}
