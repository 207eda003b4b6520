//! What the model answers, piece by piece.

use super::{CallKind, Citation, Stop, Usage};
use crate::Json;

/// One event of a streamed answer.
///
/// The grammar: `Start`, then blocks one after another (`BlockStart` `Delta`* `BlockStop`, numbered from 0), `Usage` and
/// `Logprobs` anywhere, `Stop`, `End`. [`EventSink`](super::EventSink) sees to it whatever the vendor sends.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ChatEvent {
    /// The answer begins.
    Start {
        /// The vendor's id; empty if it has none.
        id: String,
        /// The model, as the vendor names it; empty if it does not say.
        model: String,
    },
    /// A block begins.
    BlockStart {
        /// Its number, from 0.
        index: usize,
        /// What it is.
        block: Block,
    },
    /// More of the open block.
    Delta {
        /// Its number.
        index: usize,
        /// What is added.
        delta: Delta,
    },
    /// The block is whole.
    BlockStop {
        /// Its number.
        index: usize,
    },
    /// Log probabilities of the latest text, in OpenAI's shape.
    Logprobs(Json),
    /// All usage known so far. A later one replaces it.
    Usage(Usage),
    /// Why the answer ended.
    Stop(Stop),
    /// Nothing follows.
    End,
}

/// What a block is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Block {
    /// Text.
    Text,
    /// Reasoning.
    Thinking,
    /// Encrypted reasoning, whole.
    RedactedThinking {
        /// The vendor's opaque text.
        data: String,
    },
    /// A call of a tool.
    ToolCall {
        /// The id that the result will refer to.
        id: String,
        /// The tool's name.
        name: String,
        /// What kind of tool.
        kind: CallKind,
    },
    /// Words of a refusal.
    Refusal,
    /// A block only one dialect knows, whole.
    Other {
        /// The dialect's name.
        dialect: &'static str,
        /// The block.
        json: Json,
    },
}

/// What is added to the open block.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Delta {
    /// Text, thinking or refusal words, by the kind of the block.
    Text(String),
    /// A fragment of a tool call's arguments.
    Arguments(String),
    /// The signature of a thinking block: replaces any before.
    Signature(String),
    /// A source of the text.
    Citation(Citation),
}
