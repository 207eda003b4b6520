//! Which call a piece of a call belongs to.
//!
//! OpenAI numbers calls and says id and name once. Others leave the number out, give every call the number 0, send a new id with
//! each piece, or none at all.

use std::fmt::Write;

use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use crate::chat::{CallKind, EventSink};

#[derive(Debug, Default)]
pub(super) struct Calls {
    seen: Vec<Seen>,
    /// The position of the call that was added to last.
    latest: Option<usize>,
}

#[derive(Debug)]
struct Seen {
    index: Option<u64>,
    id: String,
    name: String,
    kind: CallKind,
    arguments: Arguments,
}

#[derive(Debug, PartialEq, Eq)]
enum Arguments {
    None,
    /// All in one piece.
    Whole,
    Growing,
}

/// A piece of a call, as it came.
#[derive(Debug)]
pub(super) struct Piece<'p> {
    pub(super) index: Option<u64>,
    pub(super) id: &'p str,
    pub(super) name: &'p str,
    pub(super) kind: CallKind,
    pub(super) arguments: &'p str,
}

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Adds a piece. `answer` is what ids are made from where the vendor has none.
    pub(super) fn add(&mut self, piece: &Piece<'_>, answer: &str, out: &mut EventSink) {
        let at = match self.position(piece) {
            Some(at) => at,
            None => {
                self.seen.push(Seen {
                    index: piece.index,
                    id: String::new(),
                    name: String::new(),
                    kind: piece.kind,
                    arguments: Arguments::None,
                });
                self.seen.len() - 1
            }
        };
        if let Some(latest) = self.latest.filter(|latest| *latest != at) {
            // Nothing in free text tells where it ends, but the next call does.
            if self
                .seen
                .get(latest)
                .is_some_and(|s| s.kind == CallKind::Custom)
            {
                out.tool_end(latest);
            }
        }
        self.latest = Some(at);
        let Some(seen) = self.seen.get_mut(at) else {
            return;
        };
        if seen.id.is_empty() {
            seen.id.push_str(piece.id);
        }
        if seen.name.is_empty() {
            seen.name.push_str(piece.name);
            if seen.id.is_empty() && !seen.name.is_empty() {
                seen.id = synthetic_id(answer, at);
            }
        }
        out.tool_call(at, &seen.id, &seen.name, seen.kind);
        // Some spell "no arguments" as a null in quotes.
        let nothing = seen.arguments == Arguments::None && piece.arguments == "null";
        if piece.arguments.is_empty() || nothing && seen.kind == CallKind::Function {
            return;
        }
        seen.arguments = match seen.arguments {
            Arguments::None if is_whole(piece.arguments) => Arguments::Whole,
            _ => Arguments::Growing,
        };
        out.tool_arguments(at, piece.arguments);
    }

    /// The call that the piece continues.
    fn position(&self, piece: &Piece<'_>) -> Option<usize> {
        if !piece.id.is_empty() {
            let same = self.seen.iter().position(|seen| {
                let agree = match (seen.index, piece.index) {
                    (Some(a), Some(b)) => a == b,
                    _ => true,
                };
                agree && seen.id == piece.id
            });
            if let Some(at) = same {
                // Whole calls in a row that were all given one id. Only pieces with a number tell that they belong together.
                let another = piece.index.is_none()
                    && !piece.name.is_empty()
                    && is_whole(piece.arguments)
                    && self
                        .seen
                        .get(at)
                        .is_some_and(|s| s.arguments == Arguments::Whole);
                return (!another).then_some(at);
            }
        }
        let at = match piece.index {
            Some(_) => self
                .seen
                .iter()
                .rposition(|seen| seen.index == piece.index)?,
            None => self.latest?,
        };
        let seen = self.seen.get(at)?;
        let continues = if piece.name.is_empty() {
            // An adapter that makes up a new id for each piece, or leaves it out. After whole arguments a new id is a new call.
            piece.id.is_empty()
                || seen.id.is_empty()
                || piece.index.is_some() && seen.arguments != Arguments::Whole
        } else if seen.name.is_empty() {
            seen.id.is_empty() || piece.id.is_empty()
        } else {
            // The name again: the same call, unless that one is done or has another id.
            piece.id.is_empty() && seen.name == piece.name && seen.arguments != Arguments::Whole
        };
        continues.then_some(at)
    }
}

fn is_whole(arguments: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(arguments).is_ok()
}

/// An id for the call `at` of an answer whose vendor gave none: results must be able to name it, in later turns too.
fn synthetic_id(answer: &str, at: usize) -> String {
    let mut id = String::from("call_");
    for byte in Sha256::digest(answer.as_bytes()).iter().take(6) {
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    let _ = write!(id, "_{at}");
    id
}
