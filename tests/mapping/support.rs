//! Runs one case and compares what comes out with its golden files, byte by byte.

use std::{collections::VecDeque, env, fs, path::PathBuf};

use bytes::Bytes;
use futures_util::FutureExt;
use trunkline::{
    chat::Fidelity,
    dialect::Quirks,
    dialect::{Asked, Dialect, Front, Target, anthropic::Anthropic, openai_chat::OpenAiChat},
    provider::preset,
    response::EventStream,
    testing::grammar,
    wire::{Frame, SseSplitter},
};

/// What callers of all cases call the model.
pub const MODEL: &str = "the-model";

/// When all cases happen, in seconds since 1970.
pub const NOW: u64 = 1_790_000_000;

/// Who a request is written for.
pub struct To {
    pub dialect: &'static dyn Dialect,
    pub model: &'static str,
    pub quirks: Quirks,
    pub max_output: Option<u64>,
}

impl To {
    pub fn most(mut self, tokens: u64) -> Self {
        self.max_output = Some(tokens);
        self
    }

    pub fn target(&self) -> Target<'_> {
        Target::new(self.model, &self.quirks).with_max_output(self.max_output)
    }
}

/// A model at Anthropic.
pub fn claude(model: &'static str) -> To {
    To {
        dialect: &Anthropic,
        model,
        quirks: Quirks::NONE,
        max_output: None,
    }
}

/// A model at one of the known vendors of OpenAI's dialect.
pub fn at(vendor: &str, model: &'static str) -> To {
    To {
        dialect: &OpenAiChat,
        model,
        quirks: preset(vendor).expect("a known vendor").quirks.clone(),
        max_output: None,
    }
}

/// Reads the caller's request and writes the vendor's: compares the bytes, and the report or the refusal.
pub fn request(test: &str, from: &dyn Dialect, to: &To) {
    let golden = Golden::of(test);
    let front = front(from);
    let body = golden.read("in.json").expect("a request");
    let once = || {
        let mut report = Fidelity::new();
        let written = front
            .decode_request(&body)
            .and_then(|chat| to.dialect.encode_request(&chat, &to.target(), &mut report));
        (written, report)
    };
    let (written, report) = once();
    let notes: Vec<String> = report
        .notes()
        .iter()
        .map(|note| format!("{:?} {}: {}\n", note.loss, note.path, note.why))
        .collect();
    match written {
        Ok(bytes) => {
            let again = once().0.expect("the same again");
            assert_eq!(bytes, again, "the same request gives the same bytes");
            golden.check(file(to.dialect), Some(&bytes));
            golden.check("error.txt", None);
            let mut found = grammar::check_request(to.dialect.name(), &bytes).unwrap();
            // Some vendors add a member to OpenAI's dialect, and want it back.
            found.retain(|fault| fault.message != "unknown member `reasoning_content`");
            sound(Some(found));
        }
        Err(error) => {
            let status = front.error_status(&error).as_u16();
            let body = String::from_utf8(front.encode_error(&error).to_vec()).expect("JSON");
            golden.check(file(to.dialect), None);
            golden.check("error.txt", Some(format!("{status}\n{body}").as_bytes()));
        }
    }
    let notes = notes.concat();
    let notes = notes.trim_end();
    golden.check(
        "report.txt",
        Some(notes.as_bytes()).filter(|n| !n.is_empty()),
    );
}

/// Reads the vendor's whole answer and writes the caller's.
pub fn response(test: &str, from: &dyn Dialect, to: &dyn Dialect) {
    let golden = Golden::of(test);
    let body = golden.read("in.json").expect("an answer");
    let front = front(to);
    let bytes = match from.decode_response(&body) {
        Ok(chat) => {
            let bytes = front.encode_response(&chat, &Asked::new(MODEL, false, NOW));
            sound(grammar::check_reply(to.name(), &bytes));
            bytes
        }
        Err(error) => front.encode_error(&error),
    };
    golden.check(file(to), Some(&bytes));
}

/// Reads the vendor's stream and writes the caller's. A failure in it is told as the stack would tell it.
pub fn stream(test: &str, from: &'static dyn Dialect, to: &dyn Dialect, include_usage: bool) {
    let golden = Golden::of(test);
    let bytes = golden.read("in.sse").expect("a stream");
    let out = translated(from, to, include_usage, split([&bytes[..]]));
    golden.check("out.sse", Some(out.as_bytes()));
    sound(grammar::check_stream(to.name(), out.as_bytes()));
    let dripped = translated(from, to, include_usage, split(bytes.chunks(1)));
    assert_eq!(dripped, out, "byte by byte");
}

/// The frames of a stream that arrives in these chunks.
pub fn split<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
    let mut splitter = SseSplitter::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        splitter.push(Bytes::copy_from_slice(chunk));
        while let Some(frame) = splitter.next_frame().expect("a short frame") {
            frames.push(frame);
        }
    }
    frames.extend(splitter.finish());
    frames
}

fn translated(
    from: &'static dyn Dialect,
    to: &dyn Dialect,
    include_usage: bool,
    frames: Vec<Frame>,
) -> String {
    let front = front(to);
    let mut events = EventStream::from_frames(from, frames).into_events();
    let mut encoder = front.encoder(&Asked::new(MODEL, include_usage, NOW));
    let mut out = VecDeque::new();
    // All frames are there: nothing is ever waited for.
    while let Some(event) = events.next().now_or_never().expect("no waiting") {
        match event {
            Ok(event) => encoder.encode(event, &mut out),
            Err(error) => out.push_back(front.error_frame(&error)),
        }
    }
    out.iter()
        .map(|frame| String::from_utf8(frame.raw().to_vec()).expect("text"))
        .collect()
}

/// What is written is what vendors and clients insist on.
fn sound(found: Option<Vec<grammar::Violation>>) {
    let found: Vec<String> = found.unwrap().iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn front(dialect: &dyn Dialect) -> &'static dyn Front {
    dialect.front().expect("both halves")
}

fn file(dialect: &dyn Dialect) -> &'static str {
    match dialect.name() {
        "anthropic" => "anthropic.json",
        _ => "openai.json",
    }
}

/// All folders of golden files.
pub fn goldens() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"))
}

/// The folder of one case.
struct Golden(PathBuf);

impl Golden {
    /// `case_014_hot` keeps its files in `014-hot`.
    fn of(test: &str) -> Self {
        let name = test.strip_prefix("case_").expect("a number");
        Self(goldens().join(name.replace('_', "-")))
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.0.join(name)).ok()
    }

    /// Compares a file with what came out, a line break at its end aside; `None`: there is none.
    fn check(&self, name: &str, found: Option<&[u8]>) {
        let path = self.0.join(name);
        if env::var_os("UPDATE_GOLDEN").is_some() {
            match found {
                Some(found) => fs::write(&path, [found.trim_ascii_end(), b"\n"].concat()).unwrap(),
                None => drop(fs::remove_file(&path)),
            }
        }
        let wanted = self.read(name);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.trim_ascii_end()).into_owned();
        assert_eq!(
            found.map(text),
            wanted.as_deref().map(text),
            "{}",
            path.display()
        );
    }
}
