//! Strict grammars of the dialects: is this body, or this stream, what a client or a vendor of the dialect insists on?
//!
//! Decoders are tolerant, so that a translation is read back says little about it. A grammar is not: unknown members, a number
//! that is no number, ids that repeat, sums that do not add up, an event out of its order or a second ending are violations. It
//! holds what is *written* to the form that the vendors document and their own SDKs rely on.
//!
//! ```
//! use trunkline::testing::grammar;
//!
//! let found = grammar::check_stream("openai-chat", b"data: [DONE]\n\n");
//! assert_eq!(found.unwrap()[0].to_string(), "frame 0: `[DONE]` before any finish_reason");
//! assert!(grammar::check_reply("no-such-dialect", b"{}").is_none());
//! ```

mod anthropic;
mod bedrock;
mod cohere;
mod gemini;
mod node;
mod openai_chat;
mod openai_completions;
mod openai_responses;
mod schema;
#[cfg(test)]
mod tests;

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use self::node::{At, Report};
use crate::wire::{Frame, SseSplitter};

/// What is wrong with a body or a stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Violation {
    /// Where: `messages[2].content[0]`, in streams `frame 3.delta`; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

/// The dialects that have a grammar here. One line adds one.
const GRAMMARS: &[Grammar] = &[
    openai_chat::GRAMMAR,
    openai_responses::GRAMMAR,
    anthropic::GRAMMAR,
    gemini::GRAMMAR,
    openai_completions::GRAMMAR,
    bedrock::GRAMMAR,
    cohere::GRAMMAR,
];

/// One dialect's grammar.
struct Grammar {
    dialect: &'static str,
    request: fn(&At<'_>),
    /// What clients are told, if anybody is served in this dialect.
    told: Option<Told>,
}

struct Told {
    reply: fn(&At<'_>),
    stream: fn(&[Frame], &Report),
}

/// The names of the dialects that have a grammar.
pub fn dialects() -> impl Iterator<Item = &'static str> {
    GRAMMARS.iter().map(|grammar| grammar.dialect)
}

/// Checks a request as a vendor of this dialect would. None if the dialect has no grammar here.
#[must_use]
pub fn check_request(dialect: &str, body: &[u8]) -> Option<Vec<Violation>> {
    Some(whole(body, grammar(dialect)?.request))
}

/// Checks a whole answer as a client of this dialect would. None if the dialect has no grammar here, or if nobody is served in it.
#[must_use]
pub fn check_reply(dialect: &str, body: &[u8]) -> Option<Vec<Violation>> {
    Some(whole(body, grammar(dialect)?.told.as_ref()?.reply))
}

/// Checks a stream of server-sent events as a client of this dialect would: order, numbering, sums, and exactly one ending, which
/// may be an error where the dialect has one inside streams. None if the dialect has no grammar here, or if nobody is served in it.
#[must_use]
pub fn check_stream(dialect: &str, bytes: &[u8]) -> Option<Vec<Violation>> {
    let told = grammar(dialect)?.told.as_ref()?;
    let report = Report::default();
    let frames = split(bytes, &report);
    (told.stream)(&frames, &report);
    Some(report.finish())
}

fn grammar(dialect: &str) -> Option<&'static Grammar> {
    GRAMMARS.iter().find(|grammar| grammar.dialect == dialect)
}

fn whole(body: &[u8], check: fn(&At<'_>)) -> Vec<Violation> {
    let report = Report::default();
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => check(&At::root(&value, "", &report)),
        Err(error) => report.say("", format!("not JSON: {error}")),
    }
    report.finish()
}

fn split(bytes: &[u8], report: &Report) -> Vec<Frame> {
    let mut splitter = SseSplitter::new();
    splitter.push(Bytes::copy_from_slice(bytes));
    let mut frames = Vec::new();
    loop {
        match splitter.next_frame() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => break,
            Err(error) => {
                report.say("", error.to_string());
                break;
            }
        }
    }
    if let Some(cut) = splitter.finish()
        && cut.has_data()
    {
        report.say(format!("frame {}", frames.len()), "no blank line ends it");
        frames.push(cut);
    }
    frames
}

/// A frame's place and its JSON; none, and a violation, if it is none.
fn json(number: usize, frame: &Frame, report: &Report) -> Option<(String, Value)> {
    let path = format!("frame {number}");
    match serde_json::from_slice(frame.data()) {
        Ok(value) => Some((path, value)),
        Err(error) => {
            report.say(path, format!("not JSON: {error}"));
            None
        }
    }
}
