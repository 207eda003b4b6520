//! The canonical conversation: what every dialect is read into and written from.
//!
//! It is used only where a translation is needed. A request that arrives in the vendor's own dialect never becomes one of
//! these: its bytes pass.
//!
//! What a dialect says and nobody has named yet is kept in an [`Extra`](crate::Extra) or a [`Content::Other`], marked with the
//! dialect it came from, so that it can go back to the same dialect and be reported everywhere else.

mod collect;
mod content;
mod event;
mod fidelity;
mod request;
mod response;
mod sink;
mod usage;

pub(crate) use self::content::FOREIGN_SIGNATURE_PREFIX;
pub use self::{
    collect::Collector,
    content::{
        CacheMarker, CallKind, Citation, Content, Media, Source, Thinking, ToolCall, ToolResult,
    },
    event::{Block, ChatEvent, Delta},
    fidelity::{Fidelity, FidelityMode, Loss, Note},
    request::{
        ChatRequest, Effort, Message, Reasoning, ResponseFormat, Role, Tool, ToolChoice, ToolKind,
    },
    response::{ChatResponse, Stop, StopReason},
    sink::EventSink,
    usage::Usage,
};
