//! Everything vendors of OpenAI's dialect were ever recorded to say is read without an error, and so is everything they were
//! asked. The recordings are not part of this crate: without them the test says so and passes.

#[path = "support/corpus.rs"]
mod corpus;

use std::collections::BTreeMap;

use serde_json::Value;
use trunkline::{
    chat::{ChatEvent, ChatResponse, Collector, Content, EventSink, Fidelity},
    dialect::Quirks,
    dialect::{Asked, Dialect, FrameError, Observed, Target, openai_chat::OpenAiChat},
};

use crate::corpus::{Case, Form};

/// Recordings that are rightly refused, and why.
fn excused(case: &Case) -> Option<&'static str> {
    if case.tagged("truncated") {
        return Some("the recording ends in the middle");
    }
    if case.status == 400 {
        return Some("the vendor refused the request as well");
    }
    if case.host.starts_with("demo-endpoints.") {
        return Some("an echo server, no model");
    }
    None
}

#[derive(Default)]
struct Count {
    requests: usize,
    answers: usize,
    streams: usize,
    excused: usize,
}

#[test]
fn all_recorded_chat_completions_are_read() {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut wrong = Vec::new();
    corpus::each("chat-completions", |case| {
        let count = counts.entry(case.vendor.clone()).or_default();
        if let Err(why) = check(case, count) {
            wrong.push(format!("{}: {why}", case.id));
        }
    });
    for (vendor, count) in &counts {
        println!(
            "{vendor}: {} requests, {} answers, {} streams, {} excused",
            count.requests, count.answers, count.streams, count.excused
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(case: &Case, count: &mut Count) -> Result<(), String> {
    let front = OpenAiChat.front().unwrap();
    if let Some(body) = &case.request
        && serde_json::from_str::<Value>(body).is_ok_and(|b| b.get("model").is_some())
    {
        count.requests += 1;
        match front.decode_request(body.as_bytes()) {
            Ok(request) => {
                let mut report = Fidelity::new();
                OpenAiChat
                    .encode_request(&request, &Target::new("m", &Quirks::NONE), &mut report)
                    .map_err(|e| format!("request written anew: {e}"))?;
            }
            Err(_) if excused(case).is_some() => count.excused += 1,
            Err(error) => return Err(format!("request: {error}")),
        }
    }
    let Some(body) = case.answer() else {
        return Ok(());
    };
    let read = if corpus::form(body) == Form::Whole {
        count.answers += 1;
        OpenAiChat
            .decode_response(body.as_bytes())
            .map_err(|e| e.to_string())
    } else {
        count.streams += 1;
        stream(body)
    };
    let judged = read.and_then(|answer| judge(&answer));
    if judged.is_err() && excused(case).is_some() {
        count.excused += 1;
        return Ok(());
    }
    judged
}

/// An answer has something in it, and goes to a caller of the same dialect and back unchanged.
fn judge(answer: &ChatResponse) -> Result<(), String> {
    let mut answer = answer.clone();
    // These go to callers in another place or not at all.
    answer
        .content
        .retain(|part| !matches!(part, Content::Other { .. }));
    let asked = Asked::new("", true, 0);
    let front = OpenAiChat.front().unwrap();
    let once = front.encode_response(&answer, &asked);
    let again = OpenAiChat
        .decode_response(&once)
        .map_err(|e| format!("read back: {e}"))?;
    let twice = front.encode_response(&again, &asked);
    if once != twice {
        return Err(format!("not stable:\n{once:?}\n{twice:?}"));
    }
    Ok(())
}

fn stream(body: &str) -> Result<ChatResponse, String> {
    let mut decoder = OpenAiChat.decoder();
    let mut observer = OpenAiChat.observer();
    let (mut sink, mut seen) = (EventSink::new(), Observed::default());
    for frame in corpus::frames(body) {
        for read in [
            decoder.decode(&frame, &mut sink),
            observer.observe(&frame, &mut seen),
        ] {
            match read {
                Ok(()) | Err(FrameError::Unknown) => {}
                Err(other) => return Err(format!("{other:?} in {:?}", frame.data())),
            }
        }
    }
    if !sink.has_content() && !sink.has_stopped() {
        return Err("neither content nor an end".into());
    }
    if !sink.has_stopped() {
        return Err("no end".into());
    }
    // What is seen in passing is what is read.
    let read = (sink.has_content(), sink.has_stopped(), sink.has_ended());
    if read != (seen.content, seen.stopped, seen.ended) || sink.known_usage() != seen.usage.as_ref()
    {
        return Err(format!(
            "seen {seen:?}, read {read:?} {:?}",
            sink.known_usage()
        ));
    }
    sink.end();
    let mut collector = Collector::new();
    while let Some(event) = sink.next_event() {
        if let ChatEvent::BlockStart {
            block: trunkline::chat::Block::ToolCall { id, name, .. },
            ..
        } = &event
            && (id.is_empty() || name.is_empty())
        {
            return Err(format!("a call without id or name: {event:?}"));
        }
        collector.push(event);
    }
    Ok(collector.finish())
}
