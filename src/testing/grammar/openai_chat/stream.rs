//! Streams: a role, deltas, one reason why it ended, perhaps usage, `[DONE]`.

use serde_json::Value;

use super::{
    super::{
        json,
        node::{At, Kind::*, Report, Unique},
    },
    ADDED, FINISHES, error,
    reply::finished,
    usage,
};
use crate::wire::Frame;

pub(super) fn check(frames: &[Frame], report: &Report) {
    let mut stream = Stream::default();
    for (number, frame) in frames.iter().enumerate() {
        if frame.is_comment() || !frame.has_data() {
            continue;
        }
        let path = format!("frame {number}");
        if let Some(over) = stream.over {
            report.say(path.as_str(), format!("something follows {over}"));
        }
        if frame.name().is_some() {
            report.say(path.as_str(), "events have no names here");
        }
        if frame.data().as_ref() == b"[DONE]" {
            if stream.finish.is_none() {
                report.say(path, "`[DONE]` before any finish_reason");
            }
            stream.over = Some("`[DONE]`");
            continue;
        }
        if let Some((path, value)) = json(number, frame, report) {
            stream.chunk(&At::root(&value, path, report));
        }
    }
    if stream.over.is_none() {
        report.say("", "the stream has no ending");
    }
}

#[derive(Default)]
struct Stream {
    /// What must be the same in all chunks.
    head: Option<[Value; 3]>,
    role: bool,
    ids: Unique,
    /// The types of the calls so far.
    calls: Vec<String>,
    finish: Option<String>,
    usage: bool,
    /// How it ended.
    over: Option<&'static str>,
}

impl Stream {
    fn chunk(&mut self, at: &At<'_>) {
        if let Some(failure) = at.get("error") {
            at.shape(&[("error", Object)], &[]);
            error(&failure);
            self.over = Some("an error");
            return;
        }
        at.shape(
            &[
                ("id", Name),
                ("object", Is("chat.completion.chunk")),
                ("created", Count),
                ("model", Name),
                ("choices", List),
            ],
            &[
                ("usage", Or(&Object, &Null)),
                ("service_tier", Or(&Text, &Null)),
                ("system_fingerprint", Or(&Text, &Null)),
                ("obfuscation", Text),
                ("moderation", Object),
            ],
        );
        let head =
            ["id", "created", "model"].map(|name| at.value.get(name).cloned().unwrap_or_default());
        at.must(
            *self.head.get_or_insert_with(|| head.clone()) == head,
            "id, created or model is another than before",
        );
        if let Some(counts) = at.some("usage") {
            usage(&counts);
            at.must(!self.usage, "usage is there twice");
            at.must(self.finish.is_some(), "usage before finish_reason");
            at.must(
                at.list("choices").is_empty(),
                "usage in a chunk with choices",
            );
            self.usage = true;
        }
        let choices = at.list("choices");
        at.must(
            !choices.is_empty() || at.has("usage") || at.has("moderation"),
            "a chunk that says nothing",
        );
        for choice in &choices {
            self.choice(choice);
        }
    }

    fn choice(&mut self, at: &At<'_>) {
        at.shape(
            &[
                ("index", Count),
                ("delta", Object),
                ("finish_reason", Or(&Null, &OneOf(FINISHES))),
            ],
            &[
                ("logprobs", Or(&Object, &Null)),
                ("stop_reason", Text),
                ("native_finish_reason", Text),
            ],
        );
        at.must(at.count("index") == 0, "one answer only was asked for");
        at.must(self.finish.is_none(), "a delta after finish_reason");
        let Some(delta) = at.get("delta") else {
            return;
        };
        self.delta(&delta);
        if let Some(finish) = at.some("finish_reason") {
            delta.must(
                delta.members().is_empty(),
                "content in the chunk with finish_reason",
            );
            finished(at, finish.as_text(), !self.calls.is_empty());
            self.finish = Some(finish.as_text().to_owned());
        }
    }

    fn delta(&mut self, at: &At<'_>) {
        let mut optional = vec![
            ("role", Is("assistant")),
            ("content", Or(&Text, &Null)),
            ("refusal", Or(&Text, &Null)),
            ("tool_calls", Full),
            ("audio", Object),
        ];
        optional.extend_from_slice(ADDED);
        at.shape(&[], &optional);
        match (self.role, at.has("role")) {
            (false, false) => at.say("the first delta has no role"),
            (true, true) => at.say("the role is there twice: clients join the two"),
            _ => {}
        }
        if self.role && self.finish.is_none() {
            let empty = ["content", "refusal", "reasoning_content"]
                .iter()
                .any(|name| at.get(name).is_some_and(|text| text.value == ""));
            at.must(!empty, "an empty text");
        }
        self.role = true;
        for call in at.list("tool_calls") {
            self.call(&call);
        }
    }

    fn call(&mut self, at: &At<'_>) {
        let index = at.count("index");
        let last = u64::try_from(self.calls.len()).unwrap_or(u64::MAX);
        if index == last {
            at.shape(
                &[
                    ("index", Count),
                    ("id", Name),
                    ("type", OneOf(&["function", "custom"])),
                ],
                &[
                    ("function", Object),
                    ("custom", Object),
                    ("extra_content", Object),
                ],
            );
            self.ids.add(at, at.text("id"));
            self.calls.push(at.text("type").to_owned());
        } else if index.checked_add(1) != Some(last) {
            at.say(format!("index {index} after {last} calls"));
            return;
        } else {
            at.shape(
                &[("index", Count)],
                &[("function", Object), ("custom", Object)],
            );
        }
        let text = match self.calls.last().map(String::as_str) {
            Some("custom") => ("custom", "input"),
            _ => ("function", "arguments"),
        };
        let Some(body) = at.get(text.0) else {
            at.say(format!("`{}` is missing", text.0));
            return;
        };
        if index == last {
            body.shape(&[("name", Name), (text.1, Text)], &[]);
        } else {
            body.shape(&[(text.1, Name)], &[]);
        }
    }
}
