//! Recorded traffic of real vendors. It is no part of the crate: it is looked for where `TRUNKLINE_CORPUS` says, and in
//! `../shared/corpus`.
#![allow(dead_code, reason = "each test uses its part")]

use std::{env, fs, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, value::RawValue};
use trunkline::wire::{Frame, SseSplitter, event_stream::MessageSplitter};

/// One exchange.
#[derive(Debug)]
pub struct Case {
    pub id: String,
    pub vendor: String,
    /// The body of the request, if it was recorded.
    pub request: Option<String>,
    pub host: String,
    pub path: String,
    pub status: u64,
    /// The body of the answer, if it is text.
    pub body: Option<String>,
    /// The body of the answer, if it is not.
    pub bytes: Option<Bytes>,
    /// All of it.
    pub json: Value,
    tags: Vec<String>,
}

impl Case {
    pub fn tagged(&self, tag: &str) -> bool {
        self.tags.iter().any(|found| found == tag)
    }

    /// The body of an answer that is one.
    pub fn answer(&self) -> Option<&str> {
        self.body.as_deref().filter(|_| self.status == 200)
    }

    /// The frames of an answer that is a stream.
    pub fn frames(&self) -> Option<Vec<Frame>> {
        if let Some(bytes) = self.bytes.as_ref().filter(|_| self.status == 200) {
            let mut splitter = MessageSplitter::new();
            splitter.push(bytes.clone());
            return Some(std::iter::from_fn(|| splitter.next_frame().unwrap()).collect());
        }
        let body = self.answer()?;
        (form(body) != Form::Whole).then(|| frames(body))
    }

    /// The model in the path, for dialects that have it there.
    pub fn model_in_path(&self) -> &str {
        let last = self.path.rsplit('/').next().unwrap_or_default();
        last.split(':').next().unwrap_or_default()
    }
}

/// Shows every exchange with this endpoint to `check`, vendor by vendor. False, and a line that says so, without recordings.
pub fn each(endpoint: &str, check: impl FnMut(&Case)) -> bool {
    sample(endpoint, usize::MAX, check)
}

/// The same with at most so many exchanges of each vendor, from beginning to end.
pub fn sample(endpoint: &str, most: usize, mut check: impl FnMut(&Case)) -> bool {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus"));
    let folder = env::var_os("TRUNKLINE_CORPUS").map_or(beside, PathBuf::from);
    let Ok(vendors) = fs::read_dir(&folder) else {
        println!("skipped: no recordings in {}", folder.display());
        return false;
    };
    let mut vendors: Vec<PathBuf> = vendors.map(|entry| entry.unwrap().path()).collect();
    vendors.sort();
    let mut cases = 0;
    for vendor in vendors {
        let Ok(lines) = fs::read_to_string(vendor.join(format!("{endpoint}.jsonl"))) else {
            continue;
        };
        let name = vendor.file_name().unwrap().to_string_lossy();
        let step = lines.lines().count().div_ceil(most).max(1);
        for line in lines.lines().step_by(step) {
            cases += 1;
            check(&read(&name, line));
        }
    }
    assert!(cases > 0, "no {endpoint}.jsonl in {}", folder.display());
    true
}

fn read(vendor: &str, line: &str) -> Case {
    let case: Value = serde_json::from_str(line).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Case {
        id: text(&case["id"]).unwrap(),
        vendor: vendor.to_owned(),
        request: text(&case["request"]["body"]),
        host: text(&case["request"]["host"]).unwrap_or_default(),
        path: text(&case["request"]["path"]).unwrap_or_default(),
        status: case["response"]["status"].as_u64().unwrap_or_default(),
        body: text(&case["response"]["body"]),
        tags: case["tags"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(text)
            .collect(),
        bytes: case["response"]["body_b64"]
            .as_str()
            .map(|text| STANDARD.decode(text).unwrap().into()),
        json: case,
    }
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Whole,
    /// The frames' data as the items of one JSON list.
    List,
    Stream,
    /// A line for each event: its name around its payload.
    Lines,
}

pub fn form(body: &str) -> Form {
    let body = body.trim_start_matches(['\u{feff}', '\n', '\r', ' ']);
    if ["{\"contentBlock", "{\"messageStart"]
        .iter()
        .any(|start| body.starts_with(start))
    {
        return Form::Lines;
    }
    match body.as_bytes().first() {
        Some(b'{') => Form::Whole,
        Some(b'[') => Form::List,
        _ => Form::Stream,
    }
}

/// The frames of a streamed answer.
pub fn frames(body: &str) -> Vec<Frame> {
    if form(body) == Form::List {
        let list: Vec<Box<RawValue>> = serde_json::from_str(body).unwrap();
        let items = list.iter().map(|item| item.get().replace(['\n', '\r'], ""));
        return items.map(|item| Frame::new(None, item)).collect();
    }
    if form(body) == Form::Lines {
        let events = body
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let frame = |event: Value| {
            let (name, payload) = event.as_object().unwrap().iter().next().unwrap();
            Frame::new(Some(name), payload.to_string())
        };
        return events.map(frame).collect();
    }
    let mut splitter = SseSplitter::new();
    splitter.push(Bytes::copy_from_slice(body.as_bytes()));
    // Some recorders trim the end.
    splitter.push(Bytes::from_static(b"\n\n"));
    let mut frames = Vec::new();
    while let Some(frame) = splitter.next_frame().unwrap() {
        if frame.has_data() {
            frames.push(frame);
        }
    }
    frames
}
