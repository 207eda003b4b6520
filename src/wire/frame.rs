//! One frame of a stream, and the error for one that is too large.

use std::{ops::Range, time::Duration};

use bytes::{Bytes, BytesMut};

use super::sse;

/// One frame of a vendor's stream, in any framing.
///
/// A clone costs two reference counts: the bytes are slices of the chunk the frame arrived in, which stays in memory
/// for as long as one of its frames does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    pub(super) raw: Bytes,
    pub(super) data: Bytes,
    pub(super) fields: Fields,
}

/// What a frame says besides its payload, as places in its raw bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) name: Option<Span>,
    pub(super) id: Option<Span>,
    /// Digits only.
    pub(super) retry: Option<Span>,
    pub(super) has_data: bool,
}

/// A place in a frame's raw bytes. Half the size of a range, as a frame is moved several times on its way: hence the 4 GiB that no
/// splitter goes beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Frame {
    /// A server-sent event of our own making.
    ///
    /// The frame is what a reader of [`raw`](Self::raw) would find: a line break in `data`, of whatever kind, becomes `\n`, and one
    /// in `name` is left out, as it would begin another field.
    pub fn new(name: Option<&str>, data: impl Into<Bytes>) -> Self {
        let data = data.into();
        let mut raw = BytesMut::with_capacity(data.len() + name.map_or(0, str::len) + 32);
        sse::write(&mut raw, name, &data);
        sse::parse(raw.freeze())
    }

    /// The bytes that make up the frame on the wire, its terminator included.
    ///
    /// For a frame out of a splitter these are the bytes received; see [`SseSplitter`](super::SseSplitter) for the two
    /// places where a terminator is completed.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The bytes that make up the frame on the wire.
    pub fn into_raw(self) -> Bytes {
        self.raw
    }

    /// The same server-sent event with another payload; all other bytes stay where that is one line.
    pub(crate) fn with_data(&self, data: Vec<u8>) -> Self {
        let old = &self.data;
        let place = memchr::memmem::find(&self.raw, old).filter(|_| !data.contains(&b'\n'));
        let Some(at) = place else {
            return Self::new(self.name(), data);
        };
        let mut raw = BytesMut::with_capacity(self.raw.len() + data.len());
        raw.extend_from_slice(self.raw.get(..at).unwrap_or_default());
        raw.extend_from_slice(&data);
        raw.extend_from_slice(self.raw.get(at + old.len()..).unwrap_or_default());
        let frame = sse::parse(raw.freeze());
        // In another framing the bytes mean something else.
        match frame.data == data {
            true => frame,
            false => Self::new(self.name(), data),
        }
    }

    /// The name of the event (`event:` in SSE). None if it has none, or one that is not UTF-8.
    pub fn name(&self) -> Option<&str> {
        self.text(self.fields.name)
    }

    /// The payload. Several `data:` lines are joined by `\n`.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Where in the raw bytes the payload stands; None if it does not stand there in one piece.
    pub(crate) fn data_range(&self) -> Option<Range<usize>> {
        let at = self
            .data
            .as_ptr()
            .addr()
            .checked_sub(self.raw.as_ptr().addr())?;
        let range = at..at.checked_add(self.data.len())?;
        (range.end <= self.raw.len()).then_some(range)
    }

    /// Whether there is a payload, be it an empty one. A reader of SSE dispatches no other frames.
    pub fn has_data(&self) -> bool {
        self.fields.has_data
    }

    /// The id of the event (`id:` in SSE). Empty means that the last event's id is to be forgotten.
    pub fn id(&self) -> Option<&str> {
        self.text(self.fields.id)
    }

    /// How long to wait before a reconnect (`retry:` in SSE).
    pub fn retry(&self) -> Option<Duration> {
        let millis = self.text(self.fields.retry)?.parse().ok()?;
        Some(Duration::from_millis(millis))
    }

    /// Whether nothing in the frame reaches a reader: it holds only comments, as in `: ping`, or fields that SSE does not know.
    pub fn is_comment(&self) -> bool {
        let Fields {
            name,
            id,
            retry,
            has_data,
        } = self.fields;
        name.is_none() && id.is_none() && retry.is_none() && !has_data
    }

    fn text(&self, span: Option<Span>) -> Option<&str> {
        str::from_utf8(span?.of(&self.raw)).ok()
    }
}

impl Span {
    /// None beyond 4 GiB.
    #[inline]
    pub(super) fn new(start: usize, end: usize) -> Option<Self> {
        Some(Self {
            start: u32::try_from(start).ok()?,
            end: u32::try_from(end).ok()?,
        })
    }

    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// One frame of a stream is larger than the splitter was told to hold.
///
/// The rest of the stream cannot be read: where the next frame begins is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a frame of the stream is larger than the limit of {limit} bytes; the splitter's `with_max_event` raises it"
)]
#[non_exhaustive]
pub struct FrameTooLarge {
    /// The limit, in bytes.
    pub limit: usize,
}
