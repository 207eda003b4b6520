//! Streams: numbered events; items that are added and done, their parts inside; at the end the whole answer once more.

use serde_json::Value;

use super::{
    super::{
        json,
        node::{At, Kind::*, Member, Report, Unique},
    },
    item, reply,
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
        at.equals("sequence_number", &stream.events.into(), "of its place");
        stream.events += 1;
        stream.event(&at);
    }
    if !stream.over {
        report.say("", "the stream has no ending");
    }
}

#[derive(Default)]
struct Stream {
    events: u64,
    id: Option<Value>,
    ids: Unique,
    /// The items that are done.
    output: Vec<Value>,
    item: Option<Open>,
    over: bool,
    /// An `error` event was there: `response.failed` may follow.
    broken: bool,
}

/// The open item.
struct Open {
    id: Value,
    kind: Value,
    /// Its parts that are done.
    parts: Vec<Value>,
    part: Option<Part>,
    /// The joined pieces of what grows: of the part, or of the call.
    text: String,
    /// The whole of it, as it was told at its end.
    told: Option<String>,
    annotations: u64,
}

struct Part {
    kind: &'static str,
    /// The text as told by its own event.
    told: bool,
}

impl Stream {
    fn event(&mut self, at: &At<'_>) {
        let kind = at.text("type");
        if self.over && !(self.broken && kind == "response.failed") {
            at.say("something follows the ending");
        }
        if self.id.is_none() && !self.broken && !matches!(kind, "response.created" | "error") {
            at.say("the first event is not response.created");
        }
        match kind {
            "response.created" | "response.queued" | "response.in_progress" => self.begun(at),
            "response.completed" | "response.incomplete" | "response.failed" => self.end(at),
            "error" => {
                let failure = at.get("error");
                if let Some(failure) = failure {
                    failure.open_shape(&[("message", Name), ("code", Or(&Text, &Null))], &[]);
                } else {
                    at.say("clients look for a member `error`");
                }
                (self.over, self.broken) = (true, true);
            }
            "response.output_item.added" => self.added(at),
            "response.output_item.done" => self.done(at),
            "response.content_part.added" => self.part_added(at, "content_index", "content"),
            "response.reasoning_summary_part.added" => {
                self.part_added(at, "summary_index", "summary")
            }
            "response.content_part.done" => self.part_done(at, "content_index", "content"),
            "response.reasoning_summary_part.done" => {
                self.part_done(at, "summary_index", "summary")
            }
            "response.output_text.delta" => self.grow(
                at,
                Some(("content_index", "content")),
                &[("logprobs", List)],
            ),
            "response.refusal.delta" | "response.reasoning_text.delta" => {
                self.grow(at, Some(("content_index", "content")), &[]);
            }
            "response.reasoning_summary_text.delta" => {
                self.grow(at, Some(("summary_index", "summary")), &[]);
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.grow(at, None, &[]);
            }
            "response.output_text.done" => self.whole(
                at,
                "text",
                Some(("content_index", "content")),
                &[("logprobs", List)],
            ),
            "response.reasoning_text.done" => {
                self.whole(at, "text", Some(("content_index", "content")), &[])
            }
            "response.reasoning_summary_text.done" => {
                self.whole(at, "text", Some(("summary_index", "summary")), &[])
            }
            "response.refusal.done" => {
                self.whole(at, "refusal", Some(("content_index", "content")), &[])
            }
            "response.function_call_arguments.done" => {
                self.whole(at, "arguments", None, &[("name", Name)])
            }
            "response.custom_tool_call_input.done" => self.whole(at, "input", None, &[]),
            "response.output_text.annotation.added" => {
                self.of_item(
                    at,
                    &[
                        ("content_index", Count),
                        ("annotation_index", Count),
                        ("annotation", Object),
                    ],
                    &[],
                );
                if let Some(open) = &mut self.item {
                    at.equals("annotation_index", &open.annotations.into(), "of its place");
                    open.annotations += 1;
                }
            }
            // Events of hosted tools are left to their vendor.
            other
                if other.contains("_call.") || other.contains("mcp") || other.contains("image") => {
            }
            other => at.say(format!("no event is called `{other}`")),
        }
    }

    fn lifecycle(&mut self, at: &At<'_>, status: &str) {
        at.shape(
            &[
                ("type", Name),
                ("sequence_number", Count),
                ("response", Object),
            ],
            &[],
        );
        let Some(response) = at.get("response") else {
            return;
        };
        reply::head(&response);
        response.must(
            response.text("status") == status,
            "its status is not that of the event",
        );
        let id = response.value.get("id").cloned().unwrap_or_default();
        response.must(
            *self.id.get_or_insert_with(|| id.clone()) == id,
            "its id is another than before",
        );
    }

    fn begun(&mut self, at: &At<'_>) {
        if at.text("type") == "response.created" {
            at.must(self.id.is_none(), "response.created twice");
        }
        let status = if at.text("type") == "response.queued" {
            "queued"
        } else {
            "in_progress"
        };
        self.lifecycle(at, status);
        let empty = at
            .get("response")
            .is_none_or(|r| r.list("output").is_empty());
        at.must(empty && self.output.is_empty(), "output at the begin");
    }

    fn end(&mut self, at: &At<'_>) {
        let status = at.text("type").trim_start_matches("response.");
        self.lifecycle(at, status);
        if status != "failed" {
            at.must(self.item.is_none(), "an item is not done");
            if let Some(response) = at.get("response") {
                reply::check(&response);
                let output = Value::Array(std::mem::take(&mut self.output));
                response.equals("output", &output, "of the events");
            }
        }
        (self.over, self.broken) = (true, false);
    }

    fn added(&mut self, at: &At<'_>) {
        self.item_event(at);
        at.must(self.item.is_none(), "an item before the last one is done");
        let Some(item) = at.get("item") else {
            return;
        };
        self.ids.add(&item, item.text("id"));
        if item.text("type") == "message" {
            item.must(item.list("content").is_empty(), "content at the begin");
        }
        if matches!(
            item.text("type"),
            "function_call" | "message" | "custom_tool_call"
        ) {
            item.must(
                item.text("status") == "in_progress",
                "its status at the begin",
            );
            item.must(
                item.text("arguments").is_empty() && item.text("input").is_empty(),
                "arguments at the begin",
            );
        }
        let member = |name| item.value.get(name).cloned().unwrap_or_default();
        self.item = Some(Open {
            id: member("id"),
            kind: member("type"),
            parts: Vec::new(),
            part: None,
            text: String::new(),
            told: None,
            annotations: 0,
        });
    }

    fn item_event(&self, at: &At<'_>) {
        at.shape(
            &[
                ("type", Name),
                ("sequence_number", Count),
                ("output_index", Count),
                ("item", Object),
            ],
            &[],
        );
        at.equals("output_index", &self.output.len().into(), "of its place");
        if let Some(item) = at.get("item") {
            item::check(&item);
        }
    }

    fn done(&mut self, at: &At<'_>) {
        self.item_event(at);
        let (Some(open), Some(item)) = (self.item.take(), at.get("item")) else {
            at.say("no item is open");
            return;
        };
        item.equals("id", &open.id, "of its begin");
        item.equals("type", &open.kind, "of its begin");
        item.must(open.part.is_none(), "a part is not done");
        item.must(
            item.text("status") != "in_progress",
            "it is done, and yet in progress",
        );
        let parts = Value::Array(open.parts);
        match item.text("type") {
            "message" => item.equals("content", &parts, "of the events"),
            "reasoning" => item.equals("summary", &parts, "of the events"),
            "function_call" => item.equals("arguments", &open.told.into(), "of the events"),
            "custom_tool_call" => item.equals("input", &open.told.into(), "of the events"),
            _ => {}
        }
        self.output.push(item.value.clone());
    }

    /// Checks what every event of an item holds.
    fn of_item(&self, at: &At<'_>, more: &[Member], optional: &[Member]) {
        let mut required = vec![
            ("type", Name),
            ("sequence_number", Count),
            ("item_id", Name),
            ("output_index", Count),
        ];
        required.extend_from_slice(more);
        at.shape(&required, &[optional, &[("obfuscation", Text)]].concat());
        at.equals(
            "output_index",
            &self.output.len().into(),
            "of the open item",
        );
        match &self.item {
            Some(open) => at.equals("item_id", &open.id, "of the open item"),
            None => at.say("no item is open"),
        }
    }

    fn part_added(&mut self, at: &At<'_>, index: &'static str, list: &'static str) {
        self.of_item(at, &[(index, Count), ("part", Object)], &[]);
        let Some(open) = &mut self.item else {
            return;
        };
        at.equals(index, &open.parts.len().into(), "of its place");
        at.must(open.part.is_none(), "a part before the last one is done");
        open.part = Some(Part {
            kind: list,
            told: false,
        });
        open.text.clear();
        open.annotations = 0;
        if let Some(part) = at.get("part") {
            if list == "content" {
                item::check_part(&part);
            }
            let text = part.text("text").is_empty() && part.text("refusal").is_empty();
            part.must(text, "text at the begin");
        }
    }

    fn part_done(&mut self, at: &At<'_>, index: &'static str, list: &'static str) {
        self.of_item(at, &[(index, Count), ("part", Object)], &[]);
        let (Some(open), Some(part)) = (&mut self.item, at.get("part")) else {
            return;
        };
        at.equals(index, &open.parts.len().into(), "of its place");
        match open.part.take() {
            Some(begun) if begun.kind == list => {
                at.must(begun.told, "the whole text was not told");
            }
            _ => at.say("no such part is open"),
        }
        let member = if part.text("type") == "refusal" {
            "refusal"
        } else {
            "text"
        };
        part.equals(member, &open.text.as_str().into(), "of the deltas");
        open.parts.push(part.value.clone());
    }

    fn grow(
        &mut self,
        at: &At<'_>,
        place: Option<(&'static str, &'static str)>,
        optional: &[Member],
    ) {
        let mut more = vec![("delta", Name)];
        more.extend(place.map(|(index, _)| (index, Count)));
        self.of_item(at, &more, optional);
        let Some(open) = &mut self.item else {
            return;
        };
        open.in_place(at, place);
        at.must(open.told.is_none(), "a delta after the whole");
        open.text.push_str(at.text("delta"));
    }

    fn whole(
        &mut self,
        at: &At<'_>,
        member: &'static str,
        place: Option<(&'static str, &'static str)>,
        optional: &[Member],
    ) {
        let mut more = vec![(member, Text)];
        more.extend(place.map(|(index, _)| (index, Count)));
        self.of_item(at, &more, optional);
        let Some(open) = &mut self.item else {
            return;
        };
        open.in_place(at, place);
        at.equals(member, &open.text.as_str().into(), "of the deltas");
        match &mut open.part {
            Some(part) => part.told = true,
            None => open.told = Some(at.text(member).to_owned()),
        }
    }
}

impl Open {
    /// Is the part open that the event is about?
    fn in_place(&self, at: &At<'_>, place: Option<(&'static str, &'static str)>) {
        match (&self.part, place) {
            (Some(part), Some((index, list))) if part.kind == list => {
                at.equals(index, &self.parts.len().into(), "of the open part");
            }
            (None, None) => {}
            _ => at.say("no such part is open"),
        }
    }
}
