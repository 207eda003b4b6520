//! Recorded traffic of this dialect is read without error: every answer, whole, as a list or streamed, and every request.
//!
//! The recordings are no part of the crate: see `support/corpus.rs`.

#[path = "support/corpus.rs"]
mod corpus;

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;
use trunkline::{
    chat::{ChatResponse, Collector, Content, EventSink, Fidelity},
    dialect::Quirks,
    dialect::{Asked, Dialect, FrameError, Observed, Target, gemini::Gemini},
    wire::Frame,
};

use crate::corpus::{Case, Form};

#[derive(Debug, Default)]
struct Count {
    requests: usize,
    encoded: usize,
    whole: usize,
    lists: usize,
    streams: usize,
    failed_calls: usize,
}

#[test]
fn recorded_traffic_is_read() {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut failures = Vec::new();
    for endpoint in ["generateContent", "streamGenerateContent"] {
        corpus::each(endpoint, |case| {
            let name = format!("{}/{endpoint}", case.vendor);
            let count = counts.entry(name).or_default();
            let found = [request(case, count), answer(case, count)];
            for failure in found.into_iter().flatten() {
                failures.push(format!("{}: {failure}", case.id));
            }
        });
    }
    for (name, count) in &counts {
        println!("{name}: {count:?}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn request(case: &Case, count: &mut Count) -> Option<String> {
    let body = case.request.as_deref()?;
    count.requests += 1;
    let front = Gemini.front().unwrap();
    let decoded = match front.decode_request(body.as_bytes()) {
        Ok(decoded) => decoded,
        Err(error) => return Some(format!("request: {error}")),
    };
    if case.status != 200 {
        return None;
    }
    // What the vendor took from the caller it must take from us.
    let target = Target::new(case.model_in_path(), &Quirks::NONE);
    let mut report = Fidelity::new();
    let once = match Gemini.encode_request(&decoded, &target, &mut report) {
        Ok(once) => once,
        Err(error) => return Some(format!("encoding: {error}")),
    };
    count.encoded += 1;
    let back = match front.decode_request(&once) {
        Ok(back) => back,
        Err(error) => return Some(format!("reading back: {error}")),
    };
    let twice = Gemini.encode_request(&back, &target, &mut report).ok()?;
    (once != twice).then(|| {
        format!(
            "a second encoding differs:\n{}\n{}",
            String::from_utf8_lossy(&once),
            String::from_utf8_lossy(&twice)
        )
    })
}

fn answer(case: &Case, count: &mut Count) -> Option<String> {
    let body = case.answer()?;
    match corpus::form(body) {
        Form::Whole => {
            count.whole += 1;
            return whole(body, count).err();
        }
        Form::List => count.lists += 1,
        Form::Stream | Form::Lines => count.streams += 1,
    }
    stream(&corpus::frames(body), case, count).err()
}

/// A model that called nothing that can be called: an error by intent.
fn is_failed_call(message: &str) -> bool {
    message.contains("MALFORMED_FUNCTION_CALL") || message.contains("UNEXPECTED_TOOL_CALL")
}

fn whole(body: &str, count: &mut Count) -> Result<(), String> {
    let answer = match Gemini.decode_response(body.as_bytes()) {
        Ok(answer) => answer,
        Err(error) if is_failed_call(error.message()) => {
            count.failed_calls += 1;
            return Ok(());
        }
        Err(error) => return Err(format!("answer: {error}")),
    };
    // What a caller gets and reads is what was meant.
    let front = Gemini.front().unwrap();
    let asked = Asked::new(&answer.model, true, 0);
    let once = front.encode_response(&answer, &asked);
    let back = Gemini
        .decode_response(&once)
        .map_err(|error| format!("reading back: {error}"))?;
    if front.encode_response(&back, &asked) != once {
        return Err(format!(
            "the answer drifts: {}",
            String::from_utf8_lossy(&once)
        ));
    }
    if Gemini.usage(body.as_bytes()) != answer.usage {
        return Err("two readings of usage".into());
    }
    Ok(())
}

fn stream(frames: &[Frame], case: &Case, count: &mut Count) -> Result<(), String> {
    let mut decoder = Gemini.decoder();
    let mut observer = Gemini.observer();
    let (mut sink, mut collector) = (EventSink::new(), Collector::new());
    let mut seen = Observed::default();
    let (mut texts, mut calls) = (String::new(), 0);
    for frame in frames.iter().filter(|frame| frame.has_data()) {
        let decoded = decoder.decode(frame, &mut sink);
        let observed = observer.observe(frame, &mut seen);
        match (decoded, observed) {
            (Ok(()), Ok(())) => {}
            (Err(FrameError::Vendor(a)), Err(FrameError::Vendor(b))) if a.kind() == b.kind() => {
                if is_failed_call(a.message()) {
                    count.failed_calls += 1;
                    return Ok(());
                }
                return Err(a.to_string());
            }
            odd => return Err(format!("{odd:?} in {frame:?}")),
        }
        let data: Value = serde_json::from_slice(frame.data()).unwrap_or_default();
        let parts = data["candidates"][0]["content"]["parts"].as_array();
        for part in parts.into_iter().flatten() {
            // Those without a name are more of the one before.
            calls += usize::from(part["functionCall"]["name"].is_string());
            if part["thought"] != true {
                texts.push_str(part["text"].as_str().unwrap_or_default());
            }
        }
        while let Some(event) = sink.next_event() {
            collector.push(event);
        }
    }
    if seen.stopped != sink.has_stopped()
        || seen.content != sink.has_content()
        || seen.usage.as_ref() != sink.known_usage()
    {
        return Err(format!("observer and decoder disagree: {seen:?}"));
    }
    if !seen.stopped && !case.tagged("truncated") {
        return Err("no ending".into());
    }
    sink.end();
    while let Some(event) = sink.next_event() {
        collector.push(event);
    }
    let answer = collector.finish();
    let code = frames.iter().any(|frame| {
        frame
            .data()
            .windows(6)
            .any(|w| w == b"Code\":" || w == b"onResu")
    });
    if answer.text() != texts && !code {
        return Err("the text is not the one that was sent".into());
    }
    let found = answer.content.iter();
    if found
        .filter(|part| matches!(part, Content::ToolCall(_)))
        .count()
        != calls
    {
        return Err("not all calls".into());
    }
    replayed(&answer)
}

/// Written for a caller and read again, the answer is the same.
fn replayed(answer: &ChatResponse) -> Result<(), String> {
    let front = Gemini.front().unwrap();
    let mut encoder = front.encoder(&Asked::new(&answer.model, true, 0));
    let mut sink = EventSink::new();
    answer.replay(&mut sink);
    let mut frames = VecDeque::new();
    while let Some(event) = sink.next_event() {
        encoder.encode(event, &mut frames);
    }
    let mut decoder = Gemini.decoder();
    let (mut back, mut collector) = (EventSink::new(), Collector::new());
    for frame in frames {
        decoder
            .decode(&frame, &mut back)
            .map_err(|e| format!("our own frame: {e:?} in {frame:?}"))?;
    }
    back.end();
    while let Some(event) = back.next_event() {
        collector.push(event);
    }
    let back = collector.finish();
    let calls = |answer: &ChatResponse| {
        let calls = answer.content.iter().filter_map(|part| match part {
            Content::ToolCall(call) => Some((call.name.clone(), call.arguments.clone())),
            _ => None,
        });
        calls.collect::<Vec<_>>()
    };
    let proofs = |answer: &ChatResponse| {
        let proofs = answer.content.iter().filter_map(|part| match part {
            Content::Thinking(thinking) => thinking.signature.clone(),
            _ => None,
        });
        proofs.filter(|p| p != "tl1.gemini").collect::<Vec<_>>()
    };
    if back.text() != answer.text()
        || calls(&back) != calls(answer)
        || proofs(&back) != proofs(answer)
        || back.stop.reason != answer.stop.reason
        || back.usage != answer.usage
    {
        return Err(format!("replayed: {back:?}\nwas: {answer:?}"));
    }
    Ok(())
}
