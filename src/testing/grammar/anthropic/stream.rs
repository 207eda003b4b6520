//! Streams: a message, its blocks one after another, the reason why it ended, its end.

use super::{
    super::{
        json,
        node::{At, Kind::*, Report, Unique},
    },
    block::{self, Place},
    error, reply, stop, usage,
};
use crate::wire::Frame;

pub(super) fn check(frames: &[Frame], report: &Report) {
    let mut stream = Stream::default();
    for (number, frame) in frames.iter().enumerate() {
        if frame.is_comment() || !frame.has_data() {
            continue;
        }
        let Some((path, value)) = json(number, frame, report) else {
            continue;
        };
        let at = At::root(&value, path, report);
        at.must(
            frame.name() == Some(at.text("type")),
            "the event's name is not its type",
        );
        stream.event(&at);
    }
    if stream.state != State::Over {
        report.say("", "the stream has no ending");
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    Between,
    In,
    /// The reason was told.
    Stopped,
    Over,
}

#[derive(Default)]
struct Stream {
    state: State,
    blocks: u64,
    kind: String,
    /// The joined pieces of a call's input.
    input: String,
    signed: bool,
    grown: bool,
    called: bool,
    ids: Unique,
}

impl Stream {
    fn event(&mut self, at: &At<'_>) {
        let kind = at.text("type");
        if self.state == State::Over {
            at.say("something follows the ending");
        }
        match kind {
            "ping" => at.shape(&[("type", Name)], &[]),
            "error" => {
                error(at);
                self.state = State::Over;
            }
            "message_start" => {
                self.follows(at, &[State::Before]);
                at.shape(&[("type", Name), ("message", Object)], &[]);
                if let Some(message) = at.get("message") {
                    reply::head(&message);
                    message.must(message.list("content").is_empty(), "content at the begin");
                    message.must(!message.has("stop_reason"), "a stop_reason at the begin");
                    if let Some(counts) = message.get("usage") {
                        usage(&counts, true);
                    }
                }
                self.state = State::Between;
            }
            "content_block_start" => self.begin(at),
            "content_block_delta" => self.delta(at),
            "content_block_stop" => self.end(at),
            "message_delta" => {
                self.follows(at, &[State::Between, State::Stopped]);
                at.shape(
                    &[("type", Name), ("delta", Object), ("usage", Object)],
                    &[
                        ("context_management", Or(&Object, &Null)),
                        ("input_transformations", List),
                    ],
                );
                if let Some(delta) = at.get("delta") {
                    delta.shape(
                        &[("stop_reason", Any), ("stop_sequence", Any)],
                        &[("stop_details", Any), ("container", Any)],
                    );
                    stop(&delta, Some(self.called));
                }
                if let Some(counts) = at.get("usage") {
                    usage(&counts, false);
                }
                self.state = State::Stopped;
            }
            "message_stop" => {
                self.follows(at, &[State::Stopped]);
                at.shape(&[("type", Name)], &[]);
                self.state = State::Over;
            }
            other => at.say(format!("no event is called `{other}`")),
        }
    }

    fn follows(&self, at: &At<'_>, states: &[State]) {
        if !states.contains(&self.state) {
            at.say(format!("{} out of its order", at.text("type")));
        }
    }

    fn begin(&mut self, at: &At<'_>) {
        self.follows(at, &[State::Between]);
        at.shape(
            &[("type", Name), ("index", Count), ("content_block", Object)],
            &[],
        );
        at.equals("index", &self.blocks.into(), "of its place");
        if let Some(block) = at.get("content_block") {
            block::check(&block, Place::Begin, &mut self.ids);
            self.kind = block.text("type").to_owned();
            self.called |= self.kind == "tool_use";
        }
        self.input.clear();
        self.signed = false;
        self.grown = false;
        self.state = State::In;
    }

    fn delta(&mut self, at: &At<'_>) {
        self.follows(at, &[State::In]);
        at.shape(&[("type", Name), ("index", Count), ("delta", Object)], &[]);
        at.equals("index", &self.blocks.into(), "of the open block");
        let Some(delta) = at.get("delta") else {
            return;
        };
        let (member, kind, blocks): (_, _, &[&str]) = match delta.text("type") {
            "text_delta" => ("text", Name, &["text"]),
            "input_json_delta" => (
                "partial_json",
                Text,
                &["tool_use", "server_tool_use", "mcp_tool_use"],
            ),
            "thinking_delta" => ("thinking", Name, &["thinking"]),
            "signature_delta" => ("signature", Name, &["thinking"]),
            "citations_delta" => ("citation", Object, &["text"]),
            other => return delta.say(format!("no delta is called `{other}`")),
        };
        delta.shape(&[("type", Name), (member, kind)], &[]);
        delta.must(
            blocks.contains(&self.kind.as_str()),
            "a delta of another kind of block",
        );
        delta.must(!self.signed, "the signature is not the last");
        self.signed = member == "signature";
        self.grown |= member == "text";
        self.input.push_str(delta.text("partial_json"));
    }

    fn end(&mut self, at: &At<'_>) {
        self.follows(at, &[State::In]);
        at.shape(&[("type", Name), ("index", Count)], &[]);
        at.equals("index", &self.blocks.into(), "of the open block");
        at.must(
            self.kind != "text" || self.grown,
            "a text block without text",
        );
        self.blocks += 1;
        self.state = State::Between;
    }
}
