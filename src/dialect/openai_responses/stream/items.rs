//! Items of an answer, as callers get them: when they begin and when they are done.

use super::super::{MAX_CALL_ID, NAME, NAMESPACE, reasoning};
use crate::{
    chat::{CallKind, Citation, Thinking},
    dialect::alias::alias,
    json::{self, Json, Value},
};

#[derive(Debug)]
pub(super) enum Item {
    Message(Message),
    Reasoning(Reasoning),
    Call(Call),
}

impl Item {
    /// The item as it begins.
    pub(super) fn begun(&self) -> Json {
        match self {
            Self::Message(message) => message.json("in_progress"),
            Self::Reasoning(reasoning) => reasoning.json(None),
            Self::Call(call) => call.json("in_progress"),
        }
    }

    /// The whole item; `cut` if the answer's limit was reached in it.
    pub(super) fn done(&self, cut: bool) -> Json {
        let status = if cut { "incomplete" } else { "completed" };
        match self {
            Self::Message(message) => message.json(status),
            Self::Reasoning(reasoning) => reasoning.json(reasoning::encrypted(&reasoning.thinking)),
            Self::Call(call) => call.json(status),
        }
    }
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: String,
    /// The parts that are done.
    pub(super) parts: Vec<Json>,
    pub(super) part: Option<Part>,
}

impl Message {
    pub(super) const fn new(id: String) -> Self {
        Self {
            id,
            parts: Vec::new(),
            part: None,
        }
    }

    /// Adds to the open part what came in the shape of Chat Completions.
    pub(super) fn logprobs(&mut self, logprobs: &Json) {
        let Some(part) = &mut self.part else {
            return;
        };
        let Ok(value) = Value::root(logprobs.as_str().as_bytes()) else {
            return;
        };
        if let Ok(mut members) = value.object()
            && let Some(content) = members.take("content")
            && let Ok(items) = content.items()
        {
            part.logprobs.extend(items.map(|item| item.json()));
        }
    }

    fn json(&self, status: &str) -> Json {
        json::object(|o| {
            o.field("id", &self.id)
                .field("type", "message")
                .field("status", status)
                .field("role", "assistant")
                .array("content", &self.parts);
        })
    }
}

#[derive(Debug)]
pub(super) struct Part {
    pub(super) refusal: bool,
    pub(super) text: String,
    annotations: Vec<Json>,
    pub(super) logprobs: Vec<Json>,
}

impl Part {
    pub(super) const fn new(refusal: bool) -> Self {
        Self {
            refusal,
            text: String::new(),
            annotations: Vec::new(),
            logprobs: Vec::new(),
        }
    }

    pub(super) fn json(&self) -> Json {
        json::object(|o| {
            if self.refusal {
                o.field("type", "refusal").field("refusal", &self.text);
            } else {
                o.field("type", "output_text")
                    .array("annotations", &self.annotations)
                    .array("logprobs", &self.logprobs)
                    .field("text", &self.text);
            }
        })
    }

    /// The annotation for a citation, and its number; none if it has no address.
    pub(super) fn annotate(&mut self, citation: &Citation) -> Option<(usize, Json)> {
        let json = match &citation.raw {
            Some((NAME, raw)) => raw.clone(),
            _ => {
                let url = citation.url.as_deref()?;
                let end = u64::try_from(self.text.chars().count()).unwrap_or(u64::MAX);
                let (start, end) = citation.range.unwrap_or((0, end));
                json::object(|o| {
                    o.field("type", "url_citation")
                        .field("start_index", &start)
                        .field("end_index", &end)
                        .field("title", citation.title.as_deref().unwrap_or(url))
                        .field("url", url);
                })
            }
        };
        self.annotations.push(json.clone());
        Some((self.annotations.len() - 1, json))
    }
}

#[derive(Debug)]
pub(super) struct Reasoning {
    pub(super) id: String,
    pub(super) thinking: Thinking,
}

impl Reasoning {
    pub(super) const fn new(id: String, thinking: Thinking) -> Self {
        Self { id, thinking }
    }

    pub(super) fn part(text: &str) -> Json {
        json::object(|o| {
            o.field("type", "summary_text").field("text", text);
        })
    }

    fn json(&self, encrypted: Option<String>) -> Json {
        let text = self.thinking.text.as_str();
        let summary = (!text.is_empty()).then(|| Self::part(text));
        json::object(|o| {
            o.field("id", &self.id)
                .field("type", "reasoning")
                .array("summary", summary)
                .optional("encrypted_content", encrypted);
        })
    }
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    call_id: String,
    name: String,
    kind: CallKind,
    pub(super) arguments: String,
}

impl Call {
    pub(super) fn new(id: String, call_id: String, name: String, kind: CallKind) -> Self {
        // Results must be able to name it.
        let call_id = if call_id.is_empty() {
            id.clone()
        } else {
            alias(&call_id, MAX_CALL_ID).into_owned()
        };
        Self {
            id,
            call_id,
            name,
            kind,
            arguments: String::new(),
        }
    }

    /// How ids of such items begin.
    pub(super) const fn prefix(kind: CallKind) -> &'static str {
        match kind {
            CallKind::Function => "fc",
            CallKind::Custom => "ctc",
        }
    }

    pub(super) const fn delta_event(&self) -> &'static str {
        match self.kind {
            CallKind::Function => "response.function_call_arguments.delta",
            CallKind::Custom => "response.custom_tool_call_input.delta",
        }
    }

    /// The event, and the member that holds the text.
    pub(super) const fn done_event(&self) -> (&'static str, &'static str) {
        match self.kind {
            CallKind::Function => ("response.function_call_arguments.done", "arguments"),
            CallKind::Custom => ("response.custom_tool_call_input.done", "input"),
        }
    }

    /// The name without its namespace.
    pub(super) fn short_name(&self) -> &str {
        self.name
            .split_once(NAMESPACE)
            .map_or(self.name.as_str(), |(_, name)| name)
    }

    fn json(&self, status: &str) -> Json {
        let (kind, (_, member)) = match self.kind {
            CallKind::Function => ("function_call", self.done_event()),
            CallKind::Custom => ("custom_tool_call", self.done_event()),
        };
        let namespace = self.name.split_once(NAMESPACE).map(|(space, _)| space);
        json::object(|o| {
            o.field("id", &self.id)
                .field("type", kind)
                .field("status", status)
                .field(member, &self.arguments)
                .field("call_id", &self.call_id)
                .field("name", self.short_name())
                .optional("namespace", namespace);
        })
    }
}
