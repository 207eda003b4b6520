//! Bytes ⇄ frames. No JSON is read here, except where it is a part of the framing: Bedrock wraps events in it.
//!
//! A vendor's stream arrives as chunks of bytes that are cut anywhere. This module finds the [`Frame`]s in them and leaves
//! their payload alone: what it means is the business of a dialect. There is no IO and no clock here either, so
//! every part can be driven by hand:
//!
//! ```
//! use bytes::Bytes;
//! use trunkline::wire::SseSplitter;
//!
//! # fn main() -> Result<(), trunkline::wire::FrameTooLarge> {
//! let mut splitter = SseSplitter::new();
//! splitter.push(Bytes::from_static(b"data: {\"n\":1}\n\ndata: {\"n"));
//! let frame = splitter.next_frame()?.expect("one whole event");
//! assert_eq!(frame.data(), "{\"n\":1}");
//! assert_eq!(frame.raw(), "data: {\"n\":1}\n\n");
//! assert!(splitter.next_frame()?.is_none(), "the second event is still on its way");
//! # Ok(())
//! # }
//! ```
//!
//! Everything here works on bytes. Text is never decoded chunk by chunk, so a character that is cut by a chunk's end comes out whole.

pub mod event_stream;
mod frame;
mod splitter;
pub mod sse;

pub(crate) use self::splitter::Splitter;
pub use self::{
    frame::{Frame, FrameTooLarge},
    sse::SseSplitter,
};

/// How a stream is cut into [`Frame`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// Server-sent events, `text/event-stream`.
    Sse,
    /// AWS's binary messages, `application/vnd.amazon.eventstream`.
    AwsEventStream,
    /// The same, with Anthropic's events wrapped in messages named `chunk`.
    AwsEventStreamChunks,
}
