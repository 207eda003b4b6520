//! The conversation as the vendor has it: two roles, all results of a turn's calls in one turn after it, in the order of the calls.

use super::{
    super::{
        NAME,
        answer::{IMAGES_DIALECT, MADE_ID},
        models::Abilities,
        parts::{self, Parts},
        response::function_call,
        signature, tool_name,
    },
    media,
};
use crate::{
    Json,
    chat::{ChatRequest, Content, Fidelity, Message, Role, ToolCall, ToolResult},
    dialect::pairs::{Call, Pairs},
    error::Error,
    json,
};

/// The system's words, and the turns.
pub(super) struct Turns {
    pub(super) system: Vec<Json>,
    turns: Vec<(&'static str, Vec<Json>)>,
}

impl Turns {
    pub(super) fn json(&self) -> Vec<Json> {
        let turns = self.turns.iter();
        turns
            .map(|(role, parts)| {
                json::object(|o| {
                    o.field("role", role).array("parts", parts);
                })
            })
            .collect()
    }

    fn push(&mut self, role: &'static str, parts: Vec<Json>) {
        if parts.is_empty() {
            return;
        }
        match self.turns.last_mut() {
            Some((last, there)) if *last == role => there.extend(parts),
            _ => self.turns.push((role, parts)),
        }
    }
}

/// Writes the messages.
pub(super) fn turns(
    request: &ChatRequest,
    able: &Abilities,
    report: &mut Fidelity,
) -> Result<Turns, Error> {
    let messages = &request.messages;
    let pairs = Pairs::find(messages, report);
    let mut writer = Writer {
        messages,
        pairs,
        able,
        own: request.dialect == Some(NAME),
        out: Turns {
            system: Vec::new(),
            turns: Vec::new(),
        },
    };
    for (i, message) in messages.iter().enumerate() {
        if message.name.is_some() {
            report.dropped(
                format_args!("messages[{i}].name"),
                "the vendor has no names of speakers",
            );
        }
        match message.role {
            Role::System => writer.system(i, message, report),
            Role::Assistant => writer.assistant(i, message, report)?,
            Role::User | Role::Tool => writer.user(i, message, report)?,
        }
    }
    let mut out = writer.out;
    if out.turns.is_empty() {
        report.repaired(
            "messages",
            "the vendor wants somebody to have spoken: a user message `.` is added",
        );
        out.push("user", vec![parts::text(".", false)]);
    }
    Ok(out)
}

struct Writer<'a, 'm> {
    messages: &'a [Message],
    pairs: Pairs<'a>,
    able: &'m Abilities,
    own: bool,
    out: Turns,
}

impl<'a> Writer<'a, '_> {
    fn system(&mut self, i: usize, message: &Message, report: &mut Fidelity) {
        if !self.out.turns.is_empty() {
            report.changed(
                format_args!("messages[{i}]"),
                "the vendor takes the system's words only before the conversation",
            );
        }
        for (part, content) in message.content.iter().enumerate() {
            match content {
                Content::Text { text, .. } => {
                    let path = format!("messages[{i}].content[{part}]");
                    marks(content, &path, report);
                    self.out.system.push(parts::text(text, false));
                }
                _ => report.dropped(
                    format_args!("messages[{i}].content[{part}]"),
                    "a system message is text for this vendor",
                ),
            }
        }
    }

    fn assistant(
        &mut self,
        i: usize,
        message: &'a Message,
        report: &mut Fidelity,
    ) -> Result<(), Error> {
        let mut out = Parts::default();
        let mut called = false;
        for (part, content) in message.content.iter().enumerate() {
            let path = format!("messages[{i}].content[{part}]");
            match content {
                Content::Text { text, .. } | Content::Refusal(text) => {
                    marks(content, &path, report);
                    let alone = message.content.len() == 1;
                    if !text.is_empty() || alone {
                        out.push(|o| {
                            o.field("text", text);
                        });
                    }
                }
                Content::Thinking(thinking) => match signature::own(thinking) {
                    Some(proof) => {
                        out.flush();
                        if !thinking.text.is_empty() {
                            out.push_plain(parts::text(&thinking.text, true));
                        }
                        out.sign(proof);
                    }
                    None => report.dropped(path, "only its maker can make use of this reasoning"),
                },
                Content::ToolCall(call) => {
                    if call.cache.is_some() {
                        report.dropped(
                            format_args!("{path}.cache_control"),
                            "the vendor places cache breakpoints itself",
                        );
                    }
                    let arguments = self.arguments(call, &path, report);
                    // The first call of a step has to be signed; whoever made it.
                    if self.able.is_third() && !called && !out.is_signed() {
                        out.sign(signature::SKIP);
                        if !self.own {
                            report.defaulted(&path, "the call has no signature of this vendor's");
                        }
                    }
                    called = true;
                    let wire = self.pairs.wire_id(i, part).unwrap_or_default();
                    let id = self.id(&call.id, &wire);
                    out.push(|o| {
                        o.field(
                            "functionCall",
                            &function_call(id, &tool_name(&call.name), &arguments),
                        );
                    });
                }
                Content::Other { dialect, json } if *dialect == NAME => {
                    out.flush();
                    out.push_plain(json.clone());
                }
                Content::Other { dialect, json } if *dialect == IMAGES_DIALECT => {
                    match parts::inline_image(json) {
                        Some(image) => out.push_plain(image),
                        None => report.dropped(path, "the vendor has no such part"),
                    }
                }
                content => match media::part(content, &path, self.own, report)? {
                    Some(part) => out.push_plain(part),
                    None => report.dropped(path, "the vendor has no such part"),
                },
            }
        }
        let parts = out.finish();
        if parts.is_empty() {
            report.dropped(
                format_args!("messages[{i}]"),
                "nothing is left of this assistant message",
            );
        }
        self.out.push("model", parts);
        // Assistant messages in a row are one turn: its calls are answered together.
        let is_assistant = |m: usize| {
            self.messages
                .get(m)
                .is_some_and(|message| message.role == Role::Assistant)
        };
        if is_assistant(i + 1) {
            return Ok(());
        }
        let start = (0..i).rev().take_while(|m| is_assistant(*m)).last();
        let results = self.results(start.unwrap_or(i), i, report)?;
        self.out.push("user", results);
        Ok(())
    }

    /// The vendor's own ids go back to those of its models that give any; without one, name and order tell.
    fn id<'i>(&self, id: &str, wire: &'i str) -> &'i str {
        if self.able.is_third() && !id.starts_with(MADE_ID) && !id.is_empty() {
            wire
        } else {
            ""
        }
    }

    fn arguments(&self, call: &ToolCall, path: &str, report: &mut Fidelity) -> Json {
        if let Some(arguments) = parts::arguments(call) {
            return arguments;
        }
        match parts::first_object(&call.arguments) {
            Some(first) => {
                report.repaired(
                    format_args!("{path}.arguments"),
                    "of several objects in a row the first counts",
                );
                first
            }
            None => {
                report.repaired(
                    format_args!("{path}.arguments"),
                    "the arguments are no JSON object: they stand in `_raw`",
                );
                json::object(|o| {
                    o.field("_raw", &call.arguments);
                })
            }
        }
    }

    /// The results of the calls in messages `start` to `i`, in the order of the calls.
    fn results(&self, start: usize, i: usize, report: &mut Fidelity) -> Result<Vec<Json>, Error> {
        let mut out = Vec::new();
        let mut media = Vec::new();
        for call in self.pairs.of_messages(start, i) {
            let name = self.name(call);
            let id = self.id(call.id, &call.wire);
            let Some((message, part)) = call.result else {
                report.repaired(
                    format_args!("messages[{i}]"),
                    format!("the call `{}` has no result: it is told as failed", call.id),
                );
                let response = json::object(|o| {
                    o.field("error", "No result: the tool call was not answered.");
                });
                out.push(function_response(id, &name, &response, &[]));
                continue;
            };
            let Some(result) = result_at(self.messages, message, part) else {
                continue;
            };
            let path = format!("messages[{message}].content[{part}]");
            out.push(self.result(result, id, &name, &path, &mut media, report)?);
        }
        out.extend(media);
        Ok(out)
    }

    fn name(&self, call: &Call<'_>) -> String {
        let part = self
            .messages
            .get(call.message)
            .and_then(|message| message.content.get(call.part));
        match part {
            Some(Content::ToolCall(call)) => tool_name(&call.name).into_owned(),
            _ => String::new(),
        }
    }

    fn result(
        &self,
        result: &ToolResult,
        id: &str,
        name: &str,
        path: &str,
        media: &mut Vec<Json>,
        report: &mut Fidelity,
    ) -> Result<Json, Error> {
        let mut text = String::new();
        let mut inside = Vec::new();
        if result.cache.is_some() {
            report.dropped(
                format_args!("{path}.cache_control"),
                "the vendor places cache breakpoints itself",
            );
        }
        for content in &result.content {
            marks(content, path, report);
            match content {
                Content::Text { text: more, .. } | Content::Refusal(more) => text.push_str(more),
                Content::Other { dialect, json } => {
                    if *dialect != NAME {
                        report.changed(
                            path,
                            format!("a part of the dialect {dialect} is given as JSON text"),
                        );
                    }
                    text.push_str(json.as_str());
                }
                content => match media::part(content, path, self.own, report)? {
                    Some(part) if self.able.is_third() && media::fits_result(&part) => {
                        inside.push(part);
                    }
                    Some(part) => {
                        report.changed(
                            path,
                            "this model takes no media in results: they follow the results",
                        );
                        media.push(parts::text(&format!("From the tool `{name}`:"), false));
                        media.push(part);
                    }
                    None => report.dropped(path, "the vendor has no such part"),
                },
            }
        }
        let response = response(&text, result.is_error);
        Ok(function_response(id, name, &response, &inside))
    }

    fn user(&mut self, i: usize, message: &Message, report: &mut Fidelity) -> Result<(), Error> {
        let mut out = Vec::new();
        let mut spoken = false;
        let mut answered = false;
        for (part, content) in message.content.iter().enumerate() {
            let path = format!("messages[{i}].content[{part}]");
            match content {
                Content::Text { text, .. } | Content::Refusal(text) => {
                    marks(content, &path, report);
                    spoken = true;
                    out.push(parts::text(text, false));
                }
                Content::ToolResult(result) => {
                    if self.pairs.orphans.contains(&(i, part)) {
                        return Err(Error::invalid(
                            path.clone(),
                            format!(
                                "`{path}` answers the tool call `{}`, which is not in the conversation: this vendor needs the call's name",
                                result.id
                            ),
                        ));
                    }
                    answered = true;
                }
                Content::Other { dialect, json } if *dialect == NAME => {
                    spoken = true;
                    out.push(json.clone());
                }
                content => match media::part(content, &path, self.own, report)? {
                    Some(part) => out.push(part),
                    None => report.dropped(path, "the vendor has no such part"),
                },
            }
        }
        if out.is_empty() && !answered && !self.own {
            let path = format!("messages[{i}].content");
            return Err(Error::invalid(
                path.clone(),
                format!("`{path}` must not be empty"),
            ));
        }
        if !out.is_empty() && !spoken && !self.own {
            // Some of the vendor's models insist on words beside a picture.
            out.push(parts::text(" ", false));
        }
        self.out.push("user", out);
        Ok(())
    }
}

/// Notes what is said of a text beside it.
fn marks(content: &Content, path: &str, report: &mut Fidelity) {
    let Content::Text {
        citations, cache, ..
    } = content
    else {
        return;
    };
    if !citations.is_empty() {
        report.dropped(
            format_args!("{path}.citations"),
            "the vendor takes no citations back",
        );
    }
    if cache.is_some() {
        report.dropped(
            format_args!("{path}.cache_control"),
            "the vendor places cache breakpoints itself",
        );
    }
}

/// What a tool said, as an object.
fn response(text: &str, is_error: bool) -> Json {
    let name = if is_error { "error" } else { "output" };
    // `$ref` means something to the vendor.
    let object = Json::parse(text)
        .ok()
        .filter(|json| json.is_object() && !json.as_str().contains("\"$ref\""));
    match object {
        Some(object) if !is_error => object,
        Some(object) => json::object(|o| {
            o.field(name, &object);
        }),
        None => json::object(|o| {
            o.field(name, text);
        }),
    }
}

fn function_response(id: &str, name: &str, response: &Json, media: &[Json]) -> Json {
    let inner = json::object(|o| {
        if !id.is_empty() {
            o.field("id", id);
        }
        o.field("name", name).field("response", response);
        if !media.is_empty() {
            o.array("parts", media);
        }
    });
    json::object(|o| {
        o.field("functionResponse", &inner);
    })
}

fn result_at(messages: &[Message], message: usize, part: usize) -> Option<&ToolResult> {
    match messages.get(message)?.content.get(part)? {
        Content::ToolResult(result) => Some(result),
        _ => None,
    }
}
