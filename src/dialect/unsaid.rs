//! What of an answer callers cannot be told: the rules that several fronts share.
//!
//! Paths begin with `response`, so that nobody takes them for places in the request.

use crate::chat::{Block, ChatEvent, Delta, Loss, Note};

/// A part that only another dialect knows.
pub(super) fn foreign_part(event: &ChatEvent, own: &str) -> Option<Note> {
    match event {
        ChatEvent::BlockStart {
            block: Block::Other { dialect, .. },
            ..
        } if *dialect != own => Some(note(
            "response.content",
            Loss::Dropped,
            format!("a part that only the dialect {dialect} knows"),
        )),
        _ => None,
    }
}

/// A source that has no address, or of which more is known than its address and title.
pub(super) fn citation(event: &ChatEvent, own: &str) -> Option<Note> {
    let ChatEvent::Delta {
        delta: Delta::Citation(citation),
        ..
    } = event
    else {
        return None;
    };
    match &citation.raw {
        Some((dialect, _)) if *dialect == own => None,
        _ if citation.url.is_none() => Some(note(
            "response.citations",
            Loss::Dropped,
            "only sources with an address can be told",
        )),
        Some(_) => Some(note(
            "response.citations",
            Loss::Changed,
            "of a source its address, its title and the words cited are told, as far as there is a place for them",
        )),
        None => None,
    }
}

/// Log probabilities, where there is no place for them.
pub(super) fn logprobs(event: &ChatEvent) -> Option<Note> {
    matches!(event, ChatEvent::Logprobs(_)).then(|| {
        note(
            "response.logprobs",
            Loss::Dropped,
            "this dialect does not tell them, or in another shape",
        )
    })
}

/// A deviation in an answer.
pub(super) fn note(path: &str, loss: Loss, why: impl Into<std::borrow::Cow<'static, str>>) -> Note {
    Note {
        path: path.to_owned(),
        loss,
        why: why.into(),
    }
}
