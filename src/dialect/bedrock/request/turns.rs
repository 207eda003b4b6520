//! The conversation as the vendor insists on it: turns alternate, every tool call is answered at once, exactly once.

use std::{borrow::Cow, fmt};

use super::{
    super::{
        MAX_TOOL_NAME, NAME,
        models::{Family, Model},
        reasoning,
        wire::{Block, Kind, Speaker, Turn, member},
    },
    finish,
    media::{self, File, Names},
    points, search,
};
use crate::{
    Json,
    chat::{ChatRequest, Citation, Content, Fidelity, Message, Role, ToolCall},
    dialect::{
        alias::alias,
        anthropic::shared::{input, wrapped},
        openai_chat::request::ATTRIBUTION,
        pairs::Pairs,
    },
    error::Error,
    json,
};

/// The most characters of a call's id.
const MAX_ID: usize = 64;

/// What stands where the vendor wants words and nobody said any. Several models refuse white space.
pub(super) const FILL: &str = ".";

/// The system prompt and the turns.
#[derive(Debug, Default)]
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) turns: Vec<Turn<'a>>,
}

/// Writes the messages.
pub(super) fn conversation<'a>(
    request: &'a ChatRequest,
    model: &Model,
    report: &mut Fidelity,
) -> Result<Conversation<'a>, Error> {
    let messages = &request.messages;
    let pairs = Pairs::find_by(messages, legal_id, report);
    let mut writer = Writer {
        messages,
        pairs,
        speakers: speakers(messages),
        model,
        names: Names::default(),
        report,
        out: Conversation::default(),
    };
    let leading = |message: &&Message| message.role == Role::System;
    let first = messages.iter().take_while(leading).count();
    for (i, message) in messages.iter().enumerate() {
        if message.name.is_some() {
            writer.report.dropped(
                format_args!("messages[{i}].name"),
                "the vendor has no names of speakers",
            );
        }
        match message.role {
            Role::System if i < first && model.system => writer.leading(i, message),
            Role::System => writer.system(i, message, i < first),
            Role::Assistant => writer.assistant(i, message)?,
            Role::User | Role::Tool => writer.user(i, message)?,
        }
    }
    let Writer {
        mut out, report, ..
    } = writer;
    if let Some(point) = points::of(request.cache.as_ref(), model, "", report) {
        // The vendor places none by itself: the end of the conversation is where it would stand.
        if let Some(turn) = out.turns.last_mut() {
            turn.content.push(Block::Point(point));
        }
    }
    finish::finish(&mut out.turns, messages.len(), first, model, report)?;
    points::settle(&mut out.system, report);
    for turn in &mut out.turns {
        points::settle(&mut turn.content, report);
    }
    Ok(out)
}

/// An id as the vendor takes it.
fn legal_id(id: &str) -> Cow<'_, str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    // Kimi reads its own ids (`functions.f:0`) again: they stay as they are.
    if !id.is_empty() && id.len() <= MAX_ID && id.chars().all(legal) {
        return Cow::Borrowed(id);
    }
    alias(id, MAX_ID)
}

/// Writes one conversation.
pub(super) struct Writer<'a, 'm> {
    pub(super) messages: &'a [Message],
    pub(super) pairs: Pairs<'a>,
    /// How many messages before each are not of tools.
    pub(super) speakers: Vec<usize>,
    pub(super) model: &'m Model,
    names: Names,
    pub(super) report: &'m mut Fidelity,
    out: Conversation<'a>,
}

/// Where a part stands.
#[derive(Clone, Copy)]
pub(super) struct At(pub(super) usize, pub(super) usize);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "messages[{}].content[{}]", self.0, self.1)
    }
}

impl<'a> Writer<'a, '_> {
    fn push(&mut self, role: Speaker, blocks: Vec<Block<'a>>) {
        if blocks.is_empty() {
            return;
        }
        match self.out.turns.last_mut() {
            Some(turn) if turn.role == role => turn.content.extend(blocks),
            _ => self.out.turns.push(Turn {
                role,
                content: blocks,
            }),
        }
    }

    fn leading(&mut self, i: usize, message: &'a Message) {
        for (part, content) in message.content.iter().enumerate() {
            let at = At(i, part);
            match content {
                Content::Text { text, .. }
                    if i == 0 && part == 0 && text.starts_with(ATTRIBUTION) =>
                {
                    self.report.dropped(
                        "system[0]",
                        "the client's attribution is for Anthropic only",
                    );
                }
                Content::Text { text, cache, .. } if !text.trim().is_empty() => {
                    self.out.system.push(Block::text(text.as_str()));
                    let point = points::of(cache.as_ref(), self.model, at, self.report);
                    self.out.system.extend(point.map(Block::Point));
                }
                Content::Text { .. } => {}
                Content::Other { dialect, json } if *dialect == NAME => {
                    self.out.system.push(Block::Part(Kind::Other, json.clone()));
                }
                _ => self
                    .report
                    .dropped(at, "a system message is text for this vendor"),
            }
        }
    }

    fn system(&mut self, i: usize, message: &'a Message, leading: bool) {
        let mut blocks = Vec::new();
        for (part, content) in message.content.iter().enumerate() {
            let at = At(i, part);
            match content {
                Content::Text { text, .. } if text.trim().is_empty() => {}
                Content::Text { text, cache, .. } => {
                    blocks.push(if leading {
                        Block::text(text.as_str())
                    } else {
                        Block::text(format!("<system-reminder>{text}</system-reminder>"))
                    });
                    let point = points::of(cache.as_ref(), self.model, at, self.report);
                    blocks.extend(point.map(Block::Point));
                }
                _ => self
                    .report
                    .dropped(at, "a system message is text for this vendor"),
            }
        }
        if !blocks.is_empty() {
            self.report.changed(
                format_args!("messages[{i}]"),
                if leading {
                    "this model knows no system prompt: it is a text of the user's"
                } else {
                    "the vendor takes no system message at this place: it is a marked text of the user's"
                },
            );
        }
        self.push(Speaker::User, blocks);
    }

    fn assistant(&mut self, i: usize, message: &'a Message) -> Result<(), Error> {
        let mut blocks = Vec::new();
        for (part, content) in message.content.iter().enumerate() {
            let at = At(i, part);
            match content {
                Content::ToolCall(call) => {
                    let id = self.pairs.wire_id(i, part).unwrap_or_default();
                    blocks.push(Block::Part(Kind::Other, self.call(call, &id, at)));
                    let point = points::of(call.cache.as_ref(), self.model, at, self.report);
                    blocks.extend(point.map(Block::Point));
                }
                Content::Image(_) | Content::Document(_) | Content::Audio(_) => {
                    self.report
                        .dropped(at, "the vendor takes media only from the user");
                }
                _ => self.block(content, Role::Assistant, at, &mut blocks)?,
            }
        }
        if blocks.is_empty() {
            self.report.dropped(
                format_args!("messages[{i}]"),
                "nothing is left of this assistant message",
            );
        }
        self.push(Speaker::Assistant, blocks);
        // Assistant messages in a row are one turn: its calls are answered together.
        let is_assistant = |m: usize| {
            let message = self.messages.get(m);
            message.is_some_and(|message| message.role == Role::Assistant)
        };
        if is_assistant(i + 1) {
            return Ok(());
        }
        let start = (0..i).rev().take_while(|m| is_assistant(*m)).last();
        let results = self.results(start.unwrap_or(i), i)?;
        self.push(Speaker::User, results);
        Ok(())
    }

    fn call(&mut self, call: &ToolCall, id: &str, at: At) -> Json {
        let input = input(call).unwrap_or_else(|| {
            self.report.repaired(
                format_args!("{at}.arguments"),
                "the arguments are no JSON object: they stand in `_raw`",
            );
            wrapped(&call.arguments)
        });
        if call.id.is_empty() {
            self.report.repaired(at, "the call has no id");
        }
        let inner = json::object(|o| {
            o.field("toolUseId", id)
                .field("name", &*alias(&call.name, MAX_TOOL_NAME))
                .field("input", &input);
        });
        member("toolUse", &inner)
    }

    fn user(&mut self, i: usize, message: &'a Message) -> Result<(), Error> {
        let mut blocks = Vec::new();
        let mut answered = false;
        for (part, content) in message.content.iter().enumerate() {
            let at = At(i, part);
            match content {
                Content::ToolResult(result) if self.pairs.orphans.contains(&(i, part)) => {
                    self.orphan(result, at, &mut blocks)?;
                }
                Content::ToolResult(_) => answered = true,
                _ => self.block(content, Role::User, at, &mut blocks)?,
            }
        }
        if blocks.is_empty() && !answered {
            self.report.repaired(
                format_args!("messages[{i}]"),
                "the vendor wants words: the message is `.`",
            );
            blocks.push(Block::text(FILL));
        }
        self.push(Speaker::User, blocks);
        Ok(())
    }

    /// Any part but calls and results.
    pub(super) fn block(
        &mut self,
        part: &'a Content,
        role: Role,
        at: At,
        blocks: &mut Vec<Block<'a>>,
    ) -> Result<(), Error> {
        let cache = match part {
            Content::Text { text, .. } if text.trim().is_empty() => {
                if !text.is_empty() {
                    self.report
                        .dropped(at, "the vendor refuses a text of nothing but white space");
                }
                return Ok(());
            }
            Content::Text {
                text,
                citations,
                cache,
            } => {
                blocks.push(self.cited(text, citations, role, at));
                cache.as_ref()
            }
            Content::Refusal(text) if text.trim().is_empty() => return Ok(()),
            Content::Refusal(text) => {
                blocks.push(Block::text(text.as_str()));
                None
            }
            Content::Thinking(thinking) => {
                let ours = role == Role::Assistant && self.model.family == Family::Claude;
                match reasoning::block(thinking).filter(|_| ours) {
                    Some(json) => blocks.push(Block::Part(Kind::Reasoning, json)),
                    None => self
                        .report
                        .dropped(at, "only its maker can make use of this reasoning"),
                }
                None
            }
            Content::Other { dialect, json } if *dialect == NAME => {
                blocks.push(Block::Part(Kind::Other, json.clone()));
                None
            }
            Content::Other { dialect, json }
                if role == Role::User && self.search(dialect, json).is_some() =>
            {
                let found = self.search(dialect, json);
                blocks.extend(found.map(|json| Block::Part(Kind::Other, json)));
                None
            }
            _ => match self.file(part, at)? {
                Some(file) => {
                    blocks.push(Block::Part(file.kind, file.json));
                    match part {
                        Content::Image(media) | Content::Document(media) => media.cache.as_ref(),
                        _ => None,
                    }
                }
                None => {
                    self.report.dropped(at, "the vendor has no such part");
                    None
                }
            },
        };
        let point = points::of(cache, self.model, at, self.report);
        blocks.extend(point.map(Block::Point));
        Ok(())
    }

    /// The result of a search, for models that cite it.
    pub(super) fn search(&self, dialect: &str, json: &Json) -> Option<Json> {
        search::result(dialect, json).filter(|_| self.model.cites())
    }

    pub(super) fn file(&mut self, part: &Content, at: At) -> Result<Option<File>, Error> {
        let path = at.to_string();
        media::file(part, &path, self.model, &mut self.names, self.report)
    }

    /// A text and its sources.
    fn cited(&mut self, text: &'a str, citations: &[Citation], role: Role, at: At) -> Block<'a> {
        let own: Vec<&Json> = citations
            .iter()
            .filter_map(|citation| citation.raw.as_ref())
            .filter(|(dialect, _)| *dialect == NAME)
            .map(|(_, json)| json)
            .collect();
        let all = own.len() == citations.len() && role == Role::Assistant;
        if citations.is_empty() || !all || self.model.family != Family::Claude {
            if !citations.is_empty() {
                self.report
                    .dropped(at, "Claude alone takes back citations, and only its own");
            }
            return Block::text(text);
        }
        let inner = json::object(|o| {
            o.array("content", [said(text)]).array("citations", own);
        });
        Block::Part(Kind::Other, member("citationsContent", &inner))
    }
}

pub(super) fn said(text: &str) -> Json {
    json::object(|o| {
        o.field("text", text);
    })
}

fn speakers(messages: &[Message]) -> Vec<usize> {
    let mut count = 0;
    messages
        .iter()
        .map(|message| {
            let before = count;
            count += usize::from(message.role != Role::Tool);
            before
        })
        .collect()
}
