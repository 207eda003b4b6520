//! What an operator sees.

use std::{sync::Arc, time::Duration};

use memchr::memmem;

use crate::request::{ModelRequest, Operation};

/// What came of hedging the calls for a model, see [`Hedges::snapshot`](super::Hedges::snapshot).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HedgeStatus {
    /// The model's name, as [`Hedges::model`](super::Hedges::model) was given it.
    pub model: Arc<str>,
    /// Calls that could have been hedged.
    pub calls: u64,
    /// Second attempts that were made.
    pub hedged: u64,
    /// Those of them that gave the answer.
    pub won: u64,
    /// Slow calls that were not hedged because of the [share](super::HedgePolicy::share).
    pub refused: u64,
    /// Slow calls that were not hedged because no other account had room, or because neither the call nor the
    /// [`RetryBudget`](crate::RetryBudget) had an attempt left.
    pub alone: u64,
    /// What is known of the times of each model and kind of call.
    pub delays: Vec<HedgeDelay>,
}

/// After how long a kind of call is hedged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HedgeDelay {
    /// The model, as callers name it.
    pub model: Arc<str>,
    /// Which of its calls.
    pub kind: HedgeKind,
    /// How many calls that is known from, old ones by their part.
    pub samples: u64,
    /// How long the first attempt may be silent; none as long as too few are known.
    pub delay: Option<Duration>,
}

/// Calls whose times are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum HedgeKind {
    /// Chats that are streamed, to their first content.
    Stream,
    /// Chats that are not.
    Whole,
    /// Embeddings.
    Embeddings,
    /// Rerankings.
    Rerank,
}

impl HedgeKind {
    /// `stream`, `whole`, `embeddings` or `rerank`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Whole => "whole",
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
        }
    }

    /// None if it must not be made twice, or can be made at one place only.
    pub(super) fn of(request: &ModelRequest) -> Option<Self> {
        if request.pin.is_some() || request.model.is_empty() {
            return None;
        }
        match request.operation {
            Operation::Chat if stays(request) => None,
            Operation::Chat if request.payload.wants_stream() => Some(Self::Stream),
            Operation::Chat => Some(Self::Whole),
            Operation::Embeddings(_) => Some(Self::Embeddings),
            Operation::Rerank => Some(Self::Rerank),
            _ => None,
        }
    }
}

/// Does the vendor go on with it when nobody listens any more? Whoever only writes of such a thing is not hedged either.
fn stays(request: &ModelRequest) -> bool {
    let dialect = request.payload.dialect();
    dialect.is_some_and(|dialect| dialect.name() == "openai-responses")
        && memmem::find(request.payload.bytes(), b"\"background\"").is_some()
}
