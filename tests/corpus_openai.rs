//! Everything vendors of OpenAI's dialect were ever recorded to say is read without an error, and so is everything they were
//! asked. The recordings are not part of this crate: without them the test says so and passes.

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use serde_json::Value;
use trunkline::{
    chat::{ChatEvent, ChatResponse, Collector, Content, EventSink, Fidelity},
    dialect::Quirks,
    dialect::{Asked, Dialect, FrameError, Observed, Target, openai_chat::OpenAiChat},
    wire::Frame,
};

/// Recordings that are rightly refused, and why.
fn excused(case: &Value) -> Option<&'static str> {
    let tags = case["tags"].as_array().into_iter().flatten();
    if tags.into_iter().any(|tag| tag == "truncated") {
        return Some("the recording ends in the middle");
    }
    if case["response"]["status"] == 400 {
        return Some("the vendor refused the request as well");
    }
    let host = case["request"]["host"].as_str().unwrap_or_default();
    if host.starts_with("demo-endpoints.") {
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
    let folder = env::var_os("TRUNKLINE_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus")),
        PathBuf::from,
    );
    let Ok(vendors) = fs::read_dir(&folder) else {
        println!("no recordings here: nothing to check");
        return;
    };
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut wrong = Vec::new();
    for vendor in vendors {
        let path = vendor.unwrap().path();
        let Ok(lines) = fs::read_to_string(path.join("chat-completions.jsonl")) else {
            continue;
        };
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let count = counts.entry(name.clone()).or_default();
        for (number, line) in lines.lines().enumerate() {
            let case: Value = serde_json::from_str(line).unwrap();
            if let Err(why) = check(&case, count) {
                wrong.push(format!("{name}:{}: {why}", number + 1));
            }
        }
    }
    for (vendor, count) in &counts {
        println!(
            "{vendor}: {} requests, {} answers, {} streams, {} excused",
            count.requests, count.answers, count.streams, count.excused
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(case: &Value, count: &mut Count) -> Result<(), String> {
    let front = OpenAiChat.front().unwrap();
    if let Some(body) = case["request"]["body"].as_str()
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
    if case["response"]["status"] != 200 {
        return Ok(());
    }
    let Some(body) = case["response"]["body"].as_str() else {
        return Ok(());
    };
    let read = if body
        .trim_start_matches(['\u{feff}', '\n', '\r', ' '])
        .starts_with('{')
    {
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
    for frame in frames(body) {
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

fn frames(body: &str) -> Vec<Frame> {
    let (mut frames, mut name, mut data) = (Vec::new(), None, Vec::new());
    for line in body.lines().chain([""]) {
        if line.is_empty() {
            if !data.is_empty() {
                frames.push(Frame::new(name, data.join("\n")));
            }
            (name, data) = (None, Vec::new());
        } else if let Some(text) = line.strip_prefix("data:") {
            data.push(text.trim_start());
        } else if let Some(text) = line.strip_prefix("event:") {
            name = Some(text.trim());
        }
    }
    frames
}
