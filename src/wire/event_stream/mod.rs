//! AWS's event streams, `application/vnd.amazon.eventstream`: [`MessageSplitter`] reads them, [`write()`] writes them.
//!
//! A stream is a row of binary messages. Each has a prelude (the length of all, the length of the headers, a checksum of these
//! two), headers, a payload, and a checksum of everything before it. Numbers are big-endian, checksums are the CRC-32 of zlib.
//!
//! A message becomes a [`Frame`](super::Frame) as server-sent events have them, so that nobody above needs to know how
//! the vendor frames its stream: the name is the message's `:event-type` or `:exception-type`, the data is its payload.

mod chunk;
mod message;
mod splitter;
#[cfg(test)]
mod tests;
mod writer;

pub use self::{
    message::MessageError,
    splitter::MessageSplitter,
    writer::{HeaderTooLong, write},
};
