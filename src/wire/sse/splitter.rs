//! Chunks in, frames out.

use std::{collections::VecDeque, fmt, mem};

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;

use super::block::Block;
use crate::wire::frame::{Frame, FrameTooLarge};

/// The largest event a splitter holds unless told otherwise: 64 MiB, room for any image in base64.
pub const DEFAULT_MAX_EVENT: usize = 64 * 1024 * 1024;

/// The byte order mark that a stream may begin with.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Events cut by a chunk's end are put together in blocks of this size, several to a block.
const BLOCK: usize = 4 * 1024;

/// Cuts server-sent events out of chunks of bytes.
///
/// [`push`](Self::push) a chunk, then take frames until there are none; [`finish`](Self::finish) when the body ends. An event
/// within one chunk is never copied. An event in many pieces is copied once and scanned once, however small the pieces are.
///
/// A frame comes out as soon as its blank line is seen. Blank lines beyond that one and the byte order mark belong to no frame and are
/// dropped. All other bytes are in the [`raw`](Frame::raw) of their frame, so those, put one after another, are again a stream
/// of the same events. Two frames get a terminator that had not been received:
///
/// - one whose last CRLF is cut between its two bytes gets the `\n`, and the one that follows is dropped;
/// - one whose blank line never came gets it from [`finish`](Self::finish).
pub struct SseSplitter {
    /// The chunk being read; frames are sliced off its front.
    chunk: Bytes,
    /// Chunks pushed while another was still being read.
    queued: VecDeque<Bytes>,
    /// The event that a chunk's end cut; all of it so far.
    pending: BytesMut,
    /// What is known about the pending event.
    block: Block,
    /// How many bytes of a byte order mark have been seen; None from the first event on.
    bom: Option<usize>,
    max_event: usize,
    failed: bool,
    #[cfg(test)]
    pub(super) work: Work,
}

/// How often bytes were touched, for tests of linear time.
#[cfg(test)]
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) scanned: usize,
    pub(super) copied: usize,
}

impl SseSplitter {
    /// A splitter at the beginning of a stream.
    pub fn new() -> Self {
        Self {
            chunk: Bytes::new(),
            queued: VecDeque::new(),
            pending: BytesMut::new(),
            block: Block::default(),
            bom: Some(0),
            max_event: DEFAULT_MAX_EVENT,
            failed: false,
            #[cfg(test)]
            work: Work::default(),
        }
    }

    /// Sets the size of the largest event to accept, in bytes with its field names; [`DEFAULT_MAX_EVENT`] otherwise. At most 4 GiB.
    #[must_use]
    pub fn with_max_event(mut self, bytes: usize) -> Self {
        self.max_event = bytes.min(u32::MAX as usize);
        self
    }

    /// Adds the next chunk of the body. Take the frames out before the next push, or chunks pile up.
    pub fn push(&mut self, chunk: Bytes) {
        if self.failed || chunk.is_empty() {
            return;
        }
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            self.queued.push_back(chunk);
        }
    }

    #[inline]
    pub(crate) fn has_read_all(&self) -> bool {
        self.chunk.is_empty() && self.queued.is_empty() && !self.failed
    }

    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whole frames that come next and whose length `known` tells, all in one, and how many they are.
    pub(crate) fn take_run(
        &mut self,
        mut known: impl FnMut(&[u8]) -> Option<usize>,
    ) -> Option<(Bytes, u64)> {
        if !self.pending.is_empty() || self.bom.is_some() {
            return None;
        }
        let (mut end, mut frames) = (0, 0);
        while end < self.chunk.len()
            && let Some(len) = self.chunk.get(end..).and_then(&mut known)
            && (1..=self.max_event).contains(&len)
        {
            end += len;
            frames += 1;
        }
        (frames > 0).then(|| (self.chunk.split_to(end), frames))
    }

    /// The next frame; None if that needs more bytes.
    ///
    /// # Errors
    ///
    /// An event is larger than the limit. The splitter drops what it holds and answers every further call with the same error.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameTooLarge> {
        if self.failed {
            return Err(self.too_large());
        }
        if self.chunk.is_empty() && self.queued.is_empty() {
            return Ok(None);
        }
        loop {
            if self.bom.is_some() {
                self.skip_bom();
            }
            let frame = if self.pending.is_empty() {
                self.read_chunk()
            } else {
                self.read_on()
            };
            match frame {
                Ok(None) => match self.queued.pop_front() {
                    Some(chunk) => self.chunk = chunk,
                    None => return Ok(None),
                },
                Ok(frame) => return Ok(frame),
                Err(error) => {
                    self.fail();
                    return Err(error);
                }
            }
        }
    }

    /// The frame left over at the end of the body: an event whose blank line, or even whose last line ending, never came.
    ///
    /// It is delivered if it has data. The body may have been cut in the middle of it, so data that make no sense
    /// in this frame mean an early end rather than a malformed event. Frames that were not yet taken come out first, one a call.
    pub fn finish(&mut self) -> Option<Frame> {
        if let frame @ Some(_) = self.next_frame().ok()? {
            return frame;
        }
        let mut event = mem::take(&mut self.pending);
        let mut block = mem::take(&mut self.block);
        block.end_of_stream(&event);
        // Its last line ends in `\n`, in a `\r` that the first `\n` completes, or not at all.
        let ending: &[u8] = if event.ends_with(b"\n") {
            b"\n"
        } else {
            b"\n\n"
        };
        event.extend_from_slice(ending);
        block.has_data().then(|| block.into_frame(event.freeze()))
    }

    /// Reads an event from its first byte, in the chunk itself.
    #[inline]
    fn read_chunk(&mut self) -> Result<Option<Frame>, FrameTooLarge> {
        // Blank lines between events, and the `\n` of a CRLF whose `\r` closed the event before.
        let blank = self
            .chunk
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        self.chunk.advance(blank);

        let mut block = Block::default();
        let mut from = 0;
        while let Some(at) = self.find_line_end(from) {
            from = at + 1;
            if block.end_line(&self.chunk, at) {
                if from > self.max_event {
                    return Err(self.too_large());
                }
                return Ok(Some(block.into_frame(self.cut_off(from))));
            }
        }

        if self.chunk.len() > self.max_event {
            return Err(self.too_large());
        }
        self.block = block;
        let rest = mem::take(&mut self.chunk);
        if !rest.is_empty() && self.pending.capacity() < rest.len() {
            self.pending.reserve(rest.len().max(BLOCK));
        }
        self.append(&rest);
        Ok(None)
    }

    /// Reads on in an event that began in an earlier chunk.
    fn read_on(&mut self) -> Result<Option<Frame>, FrameTooLarge> {
        while let Some(at) = self.find_line_end(0) {
            self.take_pending(at + 1)?;
            let last = self.pending.len() - 1;
            if self.block.end_line(&self.pending, last) {
                return Ok(Some(self.close_pending()));
            }
        }
        self.take_pending(self.chunk.len())?;
        Ok(None)
    }

    /// The next `\r` or `\n` of the chunk, at `from` or behind it.
    #[inline]
    fn find_line_end(&mut self, from: usize) -> Option<usize> {
        let rest = self.chunk.get(from..)?;
        // The blank line is the most frequent line of all.
        if let [b'\r' | b'\n', ..] = rest {
            return Some(from);
        }
        let found = memchr2(b'\r', b'\n', rest);
        #[cfg(test)]
        {
            self.work.scanned += found.map_or(rest.len(), |at| at + 1);
        }
        Some(from + found?)
    }

    /// Takes an event off the chunk's front. `end` is the offset behind the byte that closed it.
    #[inline]
    fn cut_off(&mut self, end: usize) -> Bytes {
        let event = self.chunk.get(..end).unwrap_or_default();
        if !event.ends_with(b"\r") {
            return self.chunk.split_to(end);
        }
        match self.chunk.get(end) {
            Some(b'\n') => self.chunk.split_to(end + 1),
            None if event.ends_with(b"\r\n\r") => {
                // Waiting for the `\n` would hold the frame back, and leaving it out would hand clients that know only CRLF
                // a frame they cannot see the end of.
                let mut whole = BytesMut::with_capacity(end + 1);
                whole.extend_from_slice(event);
                whole.extend_from_slice(b"\n");
                self.chunk.clear();
                whole.freeze()
            }
            _ => self.chunk.split_to(end),
        }
    }

    /// Closes the pending event, whose last byte ended its blank line.
    fn close_pending(&mut self) -> Frame {
        if self.pending.ends_with(b"\r") {
            let next = self.chunk.first();
            if next == Some(&b'\n') || (next.is_none() && self.pending.ends_with(b"\r\n\r")) {
                // If it is still on its way, it is dropped on arrival, as a blank line.
                self.pending.extend_from_slice(b"\n");
            }
            if next == Some(&b'\n') {
                self.chunk.advance(1);
            }
        }
        // Small events share an allocation. A large one takes its own away, or the next small one would keep it alive.
        let event = if self.pending.capacity() <= BLOCK {
            self.pending.split()
        } else {
            mem::take(&mut self.pending)
        };
        mem::take(&mut self.block).into_frame(event.freeze())
    }

    /// Moves the chunk's first `count` bytes to the pending event.
    fn take_pending(&mut self, count: usize) -> Result<(), FrameTooLarge> {
        if count > self.max_event.saturating_sub(self.pending.len()) {
            return Err(self.too_large());
        }
        let bytes = self.chunk.split_to(count);
        self.append(&bytes);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) {
        #[cfg(test)]
        {
            self.work.copied += bytes.len();
        }
        self.pending.extend_from_slice(bytes);
    }

    /// Skips byte order marks and blank lines before the first event, so that what is left begins with neither: read again as a
    /// stream of its own, it must not lose a mark that was not the first.
    #[cold]
    fn skip_bom(&mut self) {
        while let (Some(seen), Some(byte)) = (self.bom, self.chunk.first()) {
            self.bom = match byte {
                b'\r' | b'\n' if seen == 0 => Some(0),
                byte if BOM.get(seen) == Some(byte) => Some((seen + 1) % BOM.len()),
                _ => {
                    // If it began like a mark, those bytes are the beginning of a line.
                    self.append(BOM.get(..seen).unwrap_or_default());
                    self.bom = None;
                    return;
                }
            };
            self.chunk.advance(1);
        }
    }

    #[cold]
    fn fail(&mut self) {
        self.failed = true;
        self.chunk = Bytes::new();
        self.queued = VecDeque::new();
        self.pending = BytesMut::new();
    }

    fn too_large(&self) -> FrameTooLarge {
        FrameTooLarge {
            limit: self.max_event,
        }
    }
}

impl Default for SseSplitter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SseSplitter {
    /// Sizes only: the bytes are somebody's conversation, and there may be many of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseSplitter")
            .field("unread", &self.chunk.len())
            .field("queued", &self.queued.len())
            .field("pending", &self.pending.len())
            .field("max_event", &self.max_event)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
