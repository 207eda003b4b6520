//! The last touches on the turns: who begins, what may stand beside a result, and how the last turn ends.

use super::{
    super::{
        models::{Family, Model},
        wire::{Block, Kind, Speaker, Turn},
    },
    turns::FILL,
};
use crate::{
    chat::Fidelity,
    error::{Error, ErrorKind},
};

/// Mends the turns of a conversation of `messages` messages, of which the first `first` are the system prompt.
pub(super) fn finish(
    turns: &mut Vec<Turn<'_>>,
    messages: usize,
    first: usize,
    model: &Model,
    report: &mut Fidelity,
) -> Result<(), Error> {
    let begins = turns.first().map(|turn| turn.role);
    if begins.is_none() || (begins == Some(Speaker::Assistant) && !model.may_begin()) {
        report.repaired(
            format_args!("messages[{first}]"),
            "the user has to speak first: a user message `.` stands before",
        );
        turns.insert(0, filler(Speaker::User));
    }
    let mut out = Vec::with_capacity(turns.len());
    for turn in turns.drain(..) {
        part(turn, model, &mut out, report);
    }
    for turn in &mut out {
        accompany(turn, report);
    }
    *turns = out;
    prefill(turns, messages, model)
}

/// Does a tool loop go on whose last call was not thought about (or whose thinking is lost)?
pub(super) fn breaks_off(turns: &[Turn<'_>]) -> bool {
    let mut back = turns.iter().rev();
    let answers = |turn: &Turn<'_>| turn.content.iter().any(|block| block.is(&[Kind::Result]));
    back.next().is_some_and(answers)
        && back.next().is_some_and(|turn| {
            let first = turn.content.first();
            !first.is_some_and(|block| block.is(&[Kind::Reasoning]))
        })
}

fn filler(role: Speaker) -> Turn<'static> {
    Turn {
        role,
        content: vec![Block::text(FILL)],
    }
}

/// Claude refuses a document or a video beside a result; others refuse anything.
fn part<'a>(turn: Turn<'a>, model: &Model, out: &mut Vec<Turn<'a>>, report: &mut Fidelity) {
    let beside = |block: &Block<'_>| !block.is_point() && !block.is(&[Kind::Result]);
    let bulky = |block: &Block<'_>| block.is(&[Kind::Document, Kind::Video]);
    let answers = turn.content.iter().any(|block| block.is(&[Kind::Result]));
    let disturbed = match model.family {
        Family::Claude => turn.content.iter().any(bulky),
        _ if model.results_alone() => turn.content.iter().any(beside),
        _ => false,
    };
    if !answers || !disturbed {
        out.push(turn);
        return;
    }
    report.repaired(
        "messages",
        "this model wants the results of tools apart: an assistant message `.` stands between",
    );
    let mut results = turn.content;
    let at = results.iter().position(beside).unwrap_or(results.len());
    let rest = results.split_off(at);
    let role = turn.role;
    out.push(Turn {
        role,
        content: results,
    });
    out.push(filler(Speaker::Assistant));
    out.push(Turn {
        role,
        content: rest,
    });
}

/// The vendor wants words beside a document.
fn accompany(turn: &mut Turn<'_>, report: &mut Fidelity) {
    let document = |block: &Block<'_>| block.is(&[Kind::Document]);
    let text = |block: &Block<'_>| matches!(block, Block::Text(_));
    let Some(at) = turn.content.iter().position(document) else {
        return;
    };
    if !turn.content.iter().any(text) {
        report.repaired(
            "messages",
            "the vendor wants words beside a document: a text `.` stands before it",
        );
        turn.content.insert(at, Block::text(FILL));
    }
}

/// A last turn of the assistant's, to be continued.
fn prefill(turns: &mut [Turn<'_>], messages: usize, model: &Model) -> Result<(), Error> {
    let Some(Turn {
        role: Speaker::Assistant,
        content,
    }) = turns.last_mut()
    else {
        return Ok(());
    };
    let last = content.iter_mut().rev().find(|block| !block.is_point());
    let Some(Block::Text(text)) = last else {
        return Ok(());
    };
    if model.claude.is_some_and(|able| !able.prefill) {
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
