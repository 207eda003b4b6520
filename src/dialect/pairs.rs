//! Calls of tools and their results, found for each other.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet, VecDeque},
};

use super::alias::alias;
use crate::chat::{Content, Fidelity, Message, Role};

/// The most characters of a tool call's id.
const MAX_ID: usize = 64;

/// Which result answers which call.
pub(in crate::dialect) struct Pairs<'a> {
    /// In order of the messages.
    calls: Vec<Call<'a>>,
    /// Results without a call, by message and part.
    pub(in crate::dialect) orphans: HashSet<(usize, usize)>,
}

/// One call in the history.
pub(in crate::dialect) struct Call<'a> {
    pub(in crate::dialect) message: usize,
    pub(in crate::dialect) part: usize,
    pub(in crate::dialect) id: &'a str,
    /// The id on the wire: legal, and given once.
    pub(in crate::dialect) wire: Cow<'a, str>,
    /// The message and part of the result.
    pub(in crate::dialect) result: Option<(usize, usize)>,
}

impl<'a> Pairs<'a> {
    /// A result belongs to the latest call of its id before it. Some vendors number the calls of each turn anew.
    pub(in crate::dialect) fn find(messages: &'a [Message], report: &mut Fidelity) -> Self {
        Self::find_by(messages, |id| alias(id, MAX_ID), report)
    }

    /// The same, where the vendor has its own idea of a legal id.
    pub(in crate::dialect) fn find_by(
        messages: &'a [Message],
        legal: impl Fn(&str) -> Cow<'_, str>,
        report: &mut Fidelity,
    ) -> Self {
        let mut this = Self {
            calls: Vec::new(),
            orphans: HashSet::new(),
        };
        let mut by_id: HashMap<&str, Same> = HashMap::new();
        for (i, message) in messages.iter().enumerate() {
            for (part, content) in message.content.iter().enumerate() {
                match content {
                    Content::ToolCall(call) if message.role == Role::Assistant => {
                        let same = by_id.entry(&call.id).or_default();
                        let wire = match same.given {
                            0 => legal(&call.id),
                            n => Cow::Owned(legal(&format!("{}#{n}", call.id)).into_owned()),
                        };
                        same.add(this.calls.len(), i);
                        this.calls.push(Call {
                            message: i,
                            part,
                            id: &call.id,
                            wire,
                            result: None,
                        });
                    }
                    Content::ToolResult(result) => {
                        let call = by_id
                            .get_mut(result.id.as_str())
                            .and_then(|same| this.calls.get_mut(same.next()));
                        give((i, part), call, &mut this.orphans, report);
                    }
                    _ => {}
                }
            }
        }
        this
    }

    /// The calls in messages `first` to `last`.
    pub(in crate::dialect) fn of_messages(&self, first: usize, last: usize) -> &[Call<'a>] {
        let start = self.calls.partition_point(|call| call.message < first);
        let end = self.calls.partition_point(|call| call.message <= last);
        self.calls.get(start..end).unwrap_or_default()
    }

    pub(in crate::dialect) fn wire_id(&self, message: usize, part: usize) -> Option<Cow<'a, str>> {
        let at = self
            .calls
            .binary_search_by_key(&(message, part), |call| (call.message, call.part));
        Some(self.calls.get(at.ok()?)?.wire.clone())
    }
}

/// The calls of one id, by their place in [`Pairs::calls`].
#[derive(Default)]
struct Same {
    given: usize,
    last: usize,
    /// The message of the last one, and its calls that have no result yet.
    message: usize,
    waiting: VecDeque<usize>,
}

impl Same {
    fn add(&mut self, call: usize, message: usize) {
        if self.message != message {
            self.waiting.clear();
        }
        self.given += 1;
        (self.last, self.message) = (call, message);
        self.waiting.push_back(call);
    }

    /// The call that the next result of this id belongs to.
    fn next(&mut self) -> usize {
        self.waiting.pop_front().unwrap_or(self.last)
    }
}

fn give(
    place: (usize, usize),
    call: Option<&mut Call<'_>>,
    orphans: &mut HashSet<(usize, usize)>,
    report: &mut Fidelity,
) {
    let Some(call) = call else {
        orphans.insert(place);
        return;
    };
    if let Some((message, part)) = call.result.replace(place) {
        report.repaired(
            format_args!("messages[{message}].content[{part}]"),
            format!(
                "the call `{}` has two results: the last one counts",
                call.id
            ),
        );
    }
}
