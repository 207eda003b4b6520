//! Bedrock's Converse: the requests of the other cases written for it, and its events written for callers.
//!
//! The requests are the `in.json` of the cases; what comes out stands beside it in `bedrock-converse.json`, and what was lost, or the
//! refusal, in `bedrock-converse.txt`. Streams keep their events in `in.sse` of a folder `bedrock-…`, framed as server-sent events
//! for the eye's sake, and what callers get in a file for each dialect.

use std::{collections::VecDeque, env, fmt::Write, fs, path::Path};

use futures_util::FutureExt;
use trunkline::{
    chat::Fidelity,
    dialect::{
        Asked, Dialect, Quirks, Target, anthropic::Anthropic, bedrock::Converse, gemini::Gemini,
        openai_chat::OpenAiChat,
    },
    response::EventStream,
};

use crate::support::{MODEL, NOW, goldens, split};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA: &str = "us.amazon.nova-lite-v1:0";
const LLAMA: &str = "us.meta.llama4-maverick-17b-instruct-v1:0";

/// Requests in OpenAI's words: the folder, and the model they are written for.
const OF_OPENAI: &[(&str, &str)] = &[
    ("001-leading-system", CLAUDE),
    ("002-later-system", CLAUDE),
    ("003-two-user-messages", NOVA),
    ("004-results-first", CLAUDE),
    ("005-result-apart", CLAUDE),
    ("006-no-arguments", NOVA),
    ("007-arguments-list", CLAUDE),
    ("007-arguments-broken", CLAUDE),
    ("008-number-texts", CLAUDE),
    ("009-empty-text-with-calls", NOVA),
    ("010-nothing-said", CLAUDE),
    ("011-no-limit", CLAUDE),
    ("012-no-room-to-think", CLAUDE),
    ("012-capped-budget", CLAUDE),
    ("013-adaptive", "us.anthropic.claude-opus-4-8"),
    ("014-hot", NOVA),
    ("014-hot-new-model", "us.anthropic.claude-opus-4-8"),
    ("015-blank-stop", CLAUDE),
    ("016-no-tool-and-serial", CLAUDE),
    ("017-serial", CLAUDE),
    ("018-allowed-tools", CLAUDE),
    ("018-allowed-tools-history", CLAUDE),
    ("019-schema", CLAUDE),
    ("020-json-object", NOVA),
    ("021-jpg", NOVA),
    ("021-bmp", NOVA),
    ("022-image-result", LLAMA),
    ("023-odd-ids", CLAUDE),
    ("024-history-without-tools", CLAUDE),
    ("025-legacy-functions", CLAUDE),
    ("026-mail-address", CLAUDE),
    ("027-two-answers", CLAUDE),
];

/// Requests in Anthropic's words.
const OF_ANTHROPIC: &[(&str, &str)] = &[
    ("028-attribution", CLAUDE),
    ("029-failed-tool", LLAMA),
    ("030-image-result", NOVA),
    ("031-foreign-thinking", CLAUDE),
    ("032-own-thinking", CLAUDE),
    ("034-long-tool-name", CLAUDE),
    ("035-server-tool", CLAUDE),
    ("036-any-tool-serial", CLAUDE),
    ("037-tools-and-thinking", CLAUDE),
    ("038-six-stops", CLAUDE),
    ("039-no-tokens", CLAUDE),
    ("111-claude-code", CLAUDE),
];

#[test]
fn requests_are_written_for_converse() {
    let of_openai = OF_OPENAI
        .iter()
        .map(|case| (&OpenAiChat as &dyn Dialect, case));
    let of_anthropic = OF_ANTHROPIC
        .iter()
        .map(|case| (&Anthropic as &dyn Dialect, case));
    let mut wrong = Vec::new();
    for (from, (folder, model)) in of_openai.chain(of_anthropic) {
        let folder = goldens().join(folder);
        let body = fs::read(folder.join("in.json")).unwrap();
        let front = from.front().unwrap();
        let mut report = Fidelity::new();
        let target = Target::new(model, &Quirks::NONE);
        let written = front
            .decode_request(&body)
            .and_then(|chat| Converse.encode_request(&chat, &target, &mut report));
        let mut said = String::new();
        for note in report.notes() {
            writeln!(said, "{:?} {}: {}", note.loss, note.path, note.why).unwrap();
        }
        let body = match written {
            Ok(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
            Err(error) => {
                writeln!(said, "{} {}", error.status(), error.message()).unwrap();
                None
            }
        };
        let said = Some(said).filter(|said| !said.is_empty());
        wrong.extend(check(
            &folder.join("bedrock-converse.json"),
            body.as_deref(),
        ));
        wrong.extend(check(&folder.join("bedrock-converse.txt"), said.as_deref()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn streams_of_converse_are_told_in_every_dialect() {
    let mut wrong = Vec::new();
    for folder in [
        "bedrock-claude",
        "bedrock-cut-short",
        "bedrock-gpt-oss",
        "bedrock-throttled-midway",
    ] {
        let folder = goldens().join(folder);
        let events = fs::read(folder.join("in.sse")).unwrap();
        for to in [&OpenAiChat as &dyn Dialect, &Anthropic, &Gemini] {
            let front = to.front().unwrap();
            let frames = split([&events[..]]);
            let mut events = EventStream::from_frames(&Converse, frames).into_events();
            let mut encoder = front.encoder(&Asked::new(MODEL, true, NOW));
            let mut out = VecDeque::new();
            while let Some(event) = events.next().now_or_never().expect("no waiting") {
                match event {
                    Ok(event) => encoder.encode(event, &mut out),
                    Err(error) => out.push_back(front.error_frame(&error)),
                }
            }
            let text: String = out
                .iter()
                .map(|frame| String::from_utf8(frame.raw().to_vec()).unwrap())
                .collect();
            let text = text.replace("\r\n", "\n");
            // An answer without an id gets one that counts up.
            let text = masked(&text, "\"responseId\":\"tl", '"');
            let text = masked(&text, "\"id\":\"msg_", '"');
            let text = masked(&text, "\"id\":\"chatcmpl-", '"');
            wrong.extend(check(
                &folder.join(format!("{}.sse", to.name())),
                Some(&text),
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_row_of_the_index_has_its_tests() {
    let read =
        |path: &str| fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let index = read("tests/README.md");
    let (_, table) = index
        .split_once("## Gemini and Bedrock's Converse")
        .expect("a section");
    let tests = [
        "src/dialect/bedrock/tests.rs",
        "src/dialect/bedrock/reasoning.rs",
        "src/dialect/classify.rs",
        "src/dialect/gemini/edge_tests.rs",
        "src/dialect/gemini/error.rs",
        "src/dialect/gemini/request/tests.rs",
        "src/dialect/gemini/schema.rs",
        "src/dialect/gemini/tests.rs",
        "src/dialect/gemini/usage.rs",
        "src/provider/bedrock/tests.rs",
        "tests/corpus_bedrock.rs",
    ]
    .map(read)
    .concat();
    let mut cases = Vec::new();
    let lines = table
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with("## "));
    for line in lines.filter(|line| line.starts_with("| E")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, numbers, _, named, remark, _] = cells[..] else {
            panic!("{line}");
        };
        for number in numbers.split(", ") {
            cases.push(number.strip_prefix('E').unwrap().parse::<u32>().unwrap());
        }
        if named == "none" {
            assert!(!remark.is_empty(), "no reason: {line}");
            continue;
        }
        for test in named.split("<br>").map(|test| test.trim_matches('`')) {
            let found = match test.split_once("::") {
                Some((file, name)) => {
                    read(&format!("tests/{file}.rs")).contains(&format!("fn {name}("))
                }
                None => tests.contains(&format!("fn {test}(")),
            };
            assert!(found, "{test}");
        }
    }
    assert_eq!(cases, (1..=65).collect::<Vec<u32>>());
    // And none is left out.
    for name in tests.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        let number = name
            .strip_prefix('e')
            .and_then(|rest| rest.split('_').next());
        if name.len() > 5 && number.is_some_and(|number| number.parse::<u32>().is_ok()) {
            assert!(index.contains(&format!("`{name}`")), "{name}");
        }
    }
}

/// The text with what follows each `mark`, up to `end`, taken out.
fn masked(text: &str, mark: &str, end: char) -> String {
    let mut parts = text.split(mark);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(mark);
        out.push('…');
        out.push_str(&part[part.find(end).unwrap_or(0)..]);
    }
    out
}

/// Compares a file with what came out; `None`: there is none.
fn check(path: &Path, found: Option<&str>) -> Option<String> {
    if env::var_os("UPDATE_GOLDEN").is_some() {
        match found {
            Some(found) => fs::write(path, format!("{}\n", found.trim_end())).unwrap(),
            None => drop(fs::remove_file(path)),
        }
    }
    let wanted = fs::read_to_string(path).ok();
    let trimmed = |text: &str| text.trim_end().to_owned();
    (found.map(trimmed) != wanted.as_deref().map(trimmed))
        .then(|| format!("{}: found {found:?}, wanted {wanted:?}", path.display()))
}
