//! Everything vendors of OpenAI's Responses were ever recorded to say is read without an error, and so is everything they were
//! asked. The recordings are not part of this crate: without them the test says so and passes.

#[path = "support/corpus.rs"]
mod corpus;

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;
use trunkline::{
    chat::{Block, ChatEvent, ChatResponse, Collector, EventSink, Fidelity},
    dialect::Quirks,
    dialect::{Asked, Dialect, FrameError, Observed, Target, openai_responses::OpenAiResponses},
};

use crate::corpus::{Case, Form};

#[derive(Default)]
struct Count {
    requests: usize,
    /// Requests that refer to something a vendor has stored.
    stored: usize,
    answers: usize,
    streams: usize,
    failures: usize,
    excused: usize,
}

#[test]
fn all_recorded_responses_are_read() {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut wrong = Vec::new();
    corpus::each("responses", |case| {
        let count = counts.entry(case.vendor.clone()).or_default();
        if let Err(why) = check(case, count) {
            wrong.push(format!("{}: {why}", case.id));
        }
    });
    for (vendor, count) in &counts {
        println!(
            "{vendor}: {} requests ({} refer to stored ones), {} answers, {} streams, {} failures, {} excused",
            count.requests,
            count.stored,
            count.answers,
            count.streams,
            count.failures,
            count.excused
        );
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn check(case: &Case, count: &mut Count) -> Result<(), String> {
    let front = OpenAiResponses.front().unwrap();
    if let Some(body) = &case.request
        && serde_json::from_str::<Value>(body).is_ok_and(|b| b.get("model").is_some())
    {
        count.requests += 1;
        match front.decode_request(body.as_bytes()) {
            Ok(request) => {
                let mut report = Fidelity::new();
                let target = Target::new("gpt-5.6", &Quirks::NONE);
                let body = OpenAiResponses
                    .encode_request(&request, &target, &mut report)
                    .map_err(|e| format!("request written anew: {e}"))?;
                let mut again = front
                    .decode_request(&body)
                    .map_err(|e| format!("request read back: {e}"))?;
                again.model.clone_from(&request.model);
                let told = report.notes().len();
                if again.messages.len() < request.messages.len() && told == 0 {
                    return Err("a message was lost and nobody told".into());
                }
            }
            Err(error) if error.code() == Some("previous_response_not_found") => count.stored += 1,
            Err(error) if error.code() == Some("unsupported_parameter") => count.stored += 1,
            Err(_) if case.status == 400 => count.excused += 1,
            Err(error) => return Err(format!("request: {error}")),
        }
    }
    let Some(body) = case.answer() else {
        return Ok(());
    };
    let whole = corpus::form(body) == Form::Whole;
    if whole {
        let kind: Value = serde_json::from_str(body).unwrap_or_default();
        let unfinished = ["queued", "in_progress", "cancelled"];
        if kind["object"] != "response" && kind["output"].is_null()
            || kind["status"]
                .as_str()
                .is_some_and(|s| unfinished.contains(&s))
        {
            count.excused += 1;
            return Ok(());
        }
        count.answers += 1;
    } else {
        count.streams += 1;
    }
    let read = if whole {
        OpenAiResponses
            .decode_response(body.as_bytes())
            .map_err(|e| e.to_string())
    } else {
        stream(body)
    };
    match read {
        Ok(answer) => judge(&answer, body),
        Err(why) if why.starts_with("Vendor(") => {
            count.failures += 1;
            Ok(())
        }
        Err(_) if case.tagged("truncated") => {
            count.excused += 1;
            Ok(())
        }
        Err(why) => Err(why),
    }
}

/// An answer has all the text and calls that the recording has, and goes to a caller of the same dialect and back unchanged.
fn judge(answer: &ChatResponse, recorded: &str) -> Result<(), String> {
    let asked = Asked::new("", true, 0);
    let front = OpenAiResponses.front().unwrap();
    let once = front.encode_response(answer, &asked);
    let again = OpenAiResponses
        .decode_response(&once)
        .map_err(|e| format!("read back: {e}"))?;
    let twice = front.encode_response(&again, &asked);
    if once != twice {
        return Err(format!("not stable:\n{once:?}\n{twice:?}"));
    }
    let text = match serde_json::from_str(recorded) {
        Ok(whole) => text_of(&whole),
        Err(_) => streamed_text(recorded),
    };
    // Items may be whole from their beginning, too.
    if !text_of(&serde_json::from_slice(&once).unwrap()).contains(&text) {
        return Err(format!("another text than {text:?}"));
    }
    Ok(())
}

/// All texts and arguments that came in pieces. (Sums in the recordings were edited here and there.)
fn streamed_text(recorded: &str) -> String {
    let mut text = String::new();
    for frame in corpus::frames(recorded) {
        let event: Value = serde_json::from_slice(frame.data()).unwrap_or_default();
        match event["type"].as_str().unwrap_or_default() {
            "response.output_text.delta" | "response.function_call_arguments.delta" => {
                text += event["delta"].as_str().unwrap_or_default();
            }
            // Some recordings hold several streams.
            "response.completed" | "response.incomplete" => break,
            _ => {}
        }
    }
    text
}

/// All texts and arguments of an answer.
fn text_of(answer: &Value) -> String {
    let mut text = String::new();
    for item in answer["output"].as_array().into_iter().flatten() {
        for part in item["content"].as_array().into_iter().flatten() {
            if item["type"] == "message" {
                text += part["text"].as_str().unwrap_or_default();
            }
        }
        if item["type"] == "function_call" {
            let arguments = item["arguments"].as_str().unwrap_or_default();
            text += if arguments.is_empty() {
                "{}"
            } else {
                arguments
            };
        }
    }
    text
}

fn stream(body: &str) -> Result<ChatResponse, String> {
    let mut decoder = OpenAiResponses.decoder();
    let mut observer = OpenAiResponses.observer();
    let (mut sink, mut seen) = (EventSink::new(), Observed::default());
    for frame in corpus::frames(body) {
        for read in [
            decoder.decode(&frame, &mut sink),
            observer.observe(&frame, &mut seen),
        ] {
            match read {
                Ok(()) => {}
                Err(FrameError::Vendor(error)) => return Err(format!("Vendor({error})")),
                Err(other) => return Err(format!("{other:?} in {:?}", frame.data())),
            }
        }
    }
    if !sink.has_ended() {
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
    let asked = Asked::new("m", true, 0);
    let mut encoder = OpenAiResponses.front().unwrap().encoder(&asked);
    let mut written = VecDeque::new();
    let mut collector = Collector::new();
    while let Some(event) = sink.next_event() {
        if let ChatEvent::BlockStart {
            block: Block::ToolCall { id, name, .. },
            ..
        } = &event
            && (id.is_empty() || name.is_empty())
        {
            return Err(format!("a call without id or name: {event:?}"));
        }
        encoder.encode(event.clone(), &mut written);
        collector.push(event);
    }
    for (number, frame) in written.iter().enumerate() {
        let event: Value = serde_json::from_slice(frame.data()).map_err(|e| e.to_string())?;
        if event["sequence_number"] != number || event["type"].as_str() != frame.name() {
            return Err(format!("written out of order: {event}"));
        }
    }
    Ok(collector.finish())
}
