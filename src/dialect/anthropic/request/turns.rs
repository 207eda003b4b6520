//! The conversation as the vendor insists on it: user first, every tool call answered at once, exactly once.

use super::{
    super::{
        MAX_TOOL_NAME,
        models::Abilities,
        wire::{Block, Turn, TurnRole},
    },
    parts::{self, At, breakpoint},
};
use crate::{
    chat::{Content, Fidelity, Message, Role, ToolResult},
    dialect::{alias::alias, pairs::Pairs},
    error::{Error, ErrorKind},
};

/// Writes the messages from `first` on (before it there are only system messages).
///
/// A conversation in the vendor's `own` dialect stands where its caller put it: how it begins is between the two.
pub(super) fn turns<'a>(
    messages: &'a [Message],
    first: usize,
    own: bool,
    able: &Abilities,
    report: &mut Fidelity,
) -> Result<Vec<Turn<'a>>, Error> {
    let pairs = Pairs::find(messages, report);
    let mut writer = Writer {
        messages,
        next: next_roles(messages, &pairs),
        speakers: speakers(messages),
        pairs,
        able,
        own,
        turns: Vec::new(),
    };
    for (i, message) in messages.iter().enumerate().skip(first) {
        if message.name.is_some() {
            report.dropped(
                format_args!("messages[{i}].name"),
                "the vendor has no names of speakers",
            );
        }
        match message.role {
            Role::System => writer.system(i, message, report)?,
            Role::Assistant => writer.assistant(i, message, report)?,
            Role::User | Role::Tool => writer.user(i, message, report)?,
        }
    }
    let mut turns = writer.turns;
    let begins = turns.first().map(|turn| turn.role);
    if begins.is_none() || (begins != Some(TurnRole::User) && !own) {
        report.repaired(
            format_args!("messages[{first}]"),
            "the vendor wants the user to speak first: a user message `.` stands before",
        );
        turns.insert(
            0,
            Turn {
                role: TurnRole::User,
                content: vec![Block::text(".")],
            },
        );
    }
    prefill(&mut turns, messages.len(), able)?;
    Ok(turns)
}

/// A last turn of the assistant's, to be continued.
fn prefill(turns: &mut [Turn<'_>], messages: usize, able: &Abilities) -> Result<(), Error> {
    let Some(Turn {
        role: TurnRole::Assistant,
        content,
    }) = turns.last_mut()
    else {
        return Ok(());
    };
    // A turn that ends in a block of the vendor's own was paused by it, and goes on.
    let Some(Block::Text { text, .. }) = content.last_mut() else {
        return Ok(());
    };
    if !able.prefill {
        let path = format!("messages[{}]", messages.saturating_sub(1));
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "`{path}`: this model does not continue an assistant message; the last message must be the user's or a tool's"
            ),
        )
        .with_param(path));
    }
    let trimmed = text.trim_end().len();
    if trimmed < text.len() {
        text.to_mut().truncate(trimmed);
    }
    Ok(())
}

struct Writer<'a, 'm> {
    messages: &'a [Message],
    pairs: Pairs<'a>,
    /// Who speaks after each message, results that are moved and system messages aside.
    next: Vec<Option<Role>>,
    /// How many messages before each are not of tools.
    speakers: Vec<usize>,
    able: &'m Abilities,
    own: bool,
    turns: Vec<Turn<'a>>,
}

impl<'a> Writer<'a, '_> {
    fn push(&mut self, role: TurnRole, blocks: Vec<Block<'a>>) {
        if blocks.is_empty() {
            return;
        }
        match self.turns.last_mut() {
            Some(turn) if turn.role == role => turn.content.extend(blocks),
            _ => self.turns.push(Turn {
                role,
                content: blocks,
            }),
        }
    }

    fn system(
        &mut self,
        i: usize,
        message: &'a Message,
        report: &mut Fidelity,
    ) -> Result<(), Error> {
        let native = self.able.mid_system && (self.own || self.system_may_stand(i));
        let mut blocks = Vec::new();
        for (part, content) in message.content.iter().enumerate() {
            let at = At { message: i, part };
            if native {
                blocks.extend(parts::block(content, Role::System, at, report)?);
                continue;
            }
            match content {
                Content::Text { text, cache, .. } if !text.trim().is_empty() => {
                    blocks.push(Block::Text {
                        text: format!("<system-reminder>{text}</system-reminder>").into(),
                        citations: Vec::new(),
                        cache_control: breakpoint(cache.as_ref(), at, report),
                    });
                }
                Content::Text { .. } => {}
                _ => report.dropped(at, "a system message is text for this vendor"),
            }
        }
        if !native && !blocks.is_empty() {
            report.changed(
                format_args!("messages[{i}]"),
                "the vendor takes no system message at this place: it is a marked text of the user's",
            );
        }
        let role = if native {
            TurnRole::System
        } else {
            TurnRole::User
        };
        self.push(role, blocks);
        Ok(())
    }

    /// After the user and before the assistant, or at the end.
    fn system_may_stand(&self, i: usize) -> bool {
        let after_user = self
            .turns
            .last()
            .is_some_and(|turn| turn.role != TurnRole::Assistant);
        let next = self.next.get(i).copied().flatten();
        after_user && next.is_none_or(|role| role == Role::Assistant)
    }

    fn assistant(
        &mut self,
        i: usize,
        message: &'a Message,
        report: &mut Fidelity,
    ) -> Result<(), Error> {
        let mut blocks = Vec::new();
        for (part, content) in message.content.iter().enumerate() {
            let at = At { message: i, part };
            let Content::ToolCall(call) = content else {
                blocks.extend(parts::block(content, Role::Assistant, at, report)?);
                continue;
            };
            let input = parts::input(call).unwrap_or_else(|| {
                report.repaired(
                    format_args!("{at}.arguments"),
                    "the arguments are no JSON object: they stand in `_raw`",
                );
                parts::wrapped(&call.arguments)
            });
            let id = self.pairs.wire_id(i, part).unwrap_or_default();
            if call.id.is_empty() {
                report.repaired(at, "the call has no id");
            }
            blocks.push(Block::ToolUse {
                id,
                name: alias(&call.name, MAX_TOOL_NAME),
                input,
                cache_control: breakpoint(call.cache.as_ref(), at, report),
            });
        }
        if blocks.is_empty() {
            report.dropped(
                format_args!("messages[{i}]"),
                "nothing is left of this assistant message",
            );
        }
        self.push(TurnRole::Assistant, blocks);
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
        self.push(TurnRole::User, results);
        Ok(())
    }

    /// The results of the calls in messages `start` to `i`, in the order they came; then what is missing.
    fn results(
        &self,
        start: usize,
        i: usize,
        report: &mut Fidelity,
    ) -> Result<Vec<Block<'a>>, Error> {
        let calls = self.pairs.of_messages(start, i);
        let mut given: Vec<_> = calls
            .iter()
            .filter_map(|call| call.result.map(|place| (place, call)))
            .collect();
        given.sort_by_key(|(place, _)| *place);
        let mut blocks = Vec::new();
        for ((message, part), call) in given {
            let Some(result) = result_at(self.messages, message, part) else {
                continue;
            };
            let at = At { message, part };
            if self.speakers.get(i + 1) != self.speakers.get(message) {
                report.repaired(at, "the result stands directly after its call");
            }
            blocks.push(parts::result(result, call.wire.clone(), at, report)?);
        }
        for call in calls.iter().filter(|call| call.result.is_none()) {
            report.repaired(
                format_args!("messages[{i}]"),
                format!("the call `{}` has no result: it is told as failed", call.id),
            );
            blocks.push(Block::ToolResult {
                tool_use_id: call.wire.clone(),
                content: vec![Block::text("No result: the tool call was not answered.")],
                is_error: true,
                cache_control: None,
            });
        }
        Ok(blocks)
    }

    fn user(&mut self, i: usize, message: &'a Message, report: &mut Fidelity) -> Result<(), Error> {
        let mut blocks = Vec::new();
        let mut answered = false;
        for (part, content) in message.content.iter().enumerate() {
            let at = At { message: i, part };
            match content {
                Content::ToolResult(result) if self.pairs.orphans.contains(&(i, part)) => {
                    orphan(result, at, &mut blocks, report)?;
                }
                Content::ToolResult(_) => answered = true,
                _ => blocks.extend(parts::block(content, message.role, at, report)?),
            }
        }
        if blocks.is_empty() && !answered {
            let path = format!("messages[{i}].content");
            return Err(Error::invalid(
                path.clone(),
                format!("`{path}` must not be empty"),
            ));
        }
        self.push(TurnRole::User, blocks);
        Ok(())
    }
}

/// A result without a call is told in words.
fn orphan<'a>(
    result: &'a ToolResult,
    at: At,
    blocks: &mut Vec<Block<'a>>,
    report: &mut Fidelity,
) -> Result<(), Error> {
    report.repaired(
        at,
        format!(
            "no call has the id `{}`: the result is told in words",
            result.id
        ),
    );
    let words: String = result.content.iter().filter_map(Content::as_text).collect();
    blocks.push(Block::text(format!("Tool result: {words}")));
    for part in result.content.iter().filter(|p| p.as_text().is_none()) {
        blocks.extend(parts::block(part, Role::User, at, report)?);
    }
    Ok(())
}

fn next_roles(messages: &[Message], pairs: &Pairs<'_>) -> Vec<Option<Role>> {
    let mut next = None;
    let mut roles: Vec<_> = messages
        .iter()
        .enumerate()
        .rev()
        .map(|(i, message)| {
            let after = next;
            // Results that have an owner are moved up to their call.
            let moved = message.role == Role::Tool
                && (0..message.content.len()).all(|part| !pairs.orphans.contains(&(i, part)));
            if message.role != Role::System && !moved {
                next = Some(message.role);
            }
            after
        })
        .collect();
    roles.reverse();
    roles
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

fn result_at(messages: &[Message], message: usize, part: usize) -> Option<&ToolResult> {
    match messages.get(message)?.content.get(part)? {
        Content::ToolResult(result) => Some(result),
        _ => None,
    }
}
