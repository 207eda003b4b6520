//! Calls of tools and their results, found for each other.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use super::parts::At;
use crate::{
    chat::{Content, Fidelity, Message, Role},
    dialect::alias::alias,
};

/// The most characters of a tool call's id.
const MAX_ID: usize = 64;

/// Which result answers which call.
pub(super) struct Pairs<'a> {
    /// In order of the messages.
    calls: Vec<Call<'a>>,
    /// Results without a call, by message and part.
    pub(super) orphans: HashSet<(usize, usize)>,
}

/// One call in the history.
pub(super) struct Call<'a> {
    message: usize,
    part: usize,
    pub(super) id: &'a str,
    /// The id on the wire: legal, and given once.
    pub(super) wire: Cow<'a, str>,
    /// The message and part of the result.
    pub(super) result: Option<(usize, usize)>,
}

impl<'a> Pairs<'a> {
    /// A result belongs to the latest call of its id before it. Some vendors number the calls of each turn anew.
    pub(super) fn find(messages: &'a [Message], report: &mut Fidelity) -> Self {
        let mut this = Self {
            calls: Vec::new(),
            orphans: HashSet::new(),
        };
        let mut by_id: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, message) in messages.iter().enumerate() {
            for (part, content) in message.content.iter().enumerate() {
                match content {
                    Content::ToolCall(call) if message.role == Role::Assistant => {
                        let same = by_id.entry(&call.id).or_default();
                        let wire = match same.len() {
                            0 => alias(&call.id, MAX_ID),
                            n => {
                                Cow::Owned(alias(&format!("{}#{n}", call.id), MAX_ID).into_owned())
                            }
                        };
                        same.push(this.calls.len());
                        this.calls.push(Call {
                            message: i,
                            part,
                            id: &call.id,
                            wire,
                            result: None,
                        });
                    }
                    Content::ToolResult(result) => {
                        let same = by_id.get(result.id.as_str()).map_or(&[][..], Vec::as_slice);
                        this.give((i, part), same, report);
                    }
                    _ => {}
                }
            }
        }
        this
    }

    /// Gives the result to the first call of the latest turn that has none; if all have, to the last.
    fn give(&mut self, place: (usize, usize), same: &[usize], report: &mut Fidelity) {
        let turn = |at: &usize| self.calls.get(*at).map(|call| call.message);
        let Some(latest) = same.last().and_then(turn) else {
            self.orphans.insert(place);
            return;
        };
        let unanswered = same
            .iter()
            .rev()
            .take_while(|at| turn(at) == Some(latest))
            .filter(|at| {
                self.calls
                    .get(**at)
                    .is_some_and(|call| call.result.is_none())
            })
            .last();
        let Some(call) = unanswered
            .or(same.last())
            .and_then(|at| self.calls.get_mut(*at))
        else {
            return;
        };
        if let Some((message, part)) = call.result.replace(place) {
            report.repaired(
                At { message, part },
                format!(
                    "the call `{}` has two results: the last one counts",
                    call.id
                ),
            );
        }
    }

    /// The calls in messages `first` to `last`.
    pub(super) fn of_messages(&self, first: usize, last: usize) -> &[Call<'a>] {
        let start = self.calls.partition_point(|call| call.message < first);
        let end = self.calls.partition_point(|call| call.message <= last);
        self.calls.get(start..end).unwrap_or_default()
    }

    pub(super) fn wire_id(&self, message: usize, part: usize) -> Option<Cow<'a, str>> {
        self.of_messages(message, message)
            .iter()
            .find(|call| call.part == part)
            .map(|call| call.wire.clone())
    }
}
