//! Server-sent events: [`SseSplitter`] reads them, [`write()`] and [`write_comment`] write them.
//!
//! The reader follows the WHATWG rules: any line ending, one optional space behind the colon, unknown fields ignored. It is more
//! patient in two places. An event whose closing blank line never came is delivered at the end of the stream, because many vendors
//! leave it out; and the stream may begin with more than one byte order mark, or with blank lines before it.

mod block;
mod splitter;
#[cfg(test)]
mod tests;
mod writer;

pub(super) use self::block::parse;
pub use self::{
    super::frame::FrameTooLarge,
    splitter::{DEFAULT_MAX_EVENT, SseSplitter},
    writer::{write, write_comment},
};
