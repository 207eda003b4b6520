//! A splitter of either kind.

use bytes::Bytes;

use super::{
    Frame, FrameTooLarge, Framing, SseSplitter,
    event_stream::{MessageError, MessageSplitter},
};

/// A stream being cut into frames, however it is framed.
#[derive(Debug)]
pub(crate) enum Splitter {
    Sse(SseSplitter),
    Messages(MessageSplitter),
}

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum SplitError {
    #[error(transparent)]
    Frame(#[from] FrameTooLarge),
    #[error(transparent)]
    Message(#[from] MessageError),
}

impl Splitter {
    /// `max_event`: the largest frame to accept, in bytes.
    pub(crate) fn new(framing: Framing, max_event: usize) -> Self {
        let messages = || MessageSplitter::new().with_max_message(max_event);
        match framing {
            Framing::Sse => Self::Sse(SseSplitter::new().with_max_event(max_event)),
            Framing::AwsEventStream => Self::Messages(messages()),
            Framing::AwsEventStreamChunks => Self::Messages(messages().unwrap_chunks()),
        }
    }

    pub(crate) fn push(&mut self, chunk: Bytes) {
        match self {
            Self::Sse(splitter) => splitter.push(chunk),
            Self::Messages(splitter) => splitter.push(chunk),
        }
    }

    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>, SplitError> {
        Ok(match self {
            Self::Sse(splitter) => splitter.next_frame()?,
            Self::Messages(splitter) => splitter.next_frame()?,
        })
    }

    /// Whole frames that come next and whose length `known` tells, all in one, and how many they are. Only server-sent events are looked
    /// at.
    pub(crate) fn take_run(
        &mut self,
        known: impl FnMut(&[u8]) -> Option<usize>,
    ) -> Option<(Bytes, u64)> {
        match self {
            Self::Sse(splitter) => splitter.take_run(known),
            Self::Messages(_) => None,
        }
    }

    /// There is no frame to be had before more is pushed.
    #[inline]
    pub(crate) fn has_read_all(&self) -> bool {
        match self {
            Self::Sse(splitter) => splitter.has_read_all(),
            Self::Messages(_) => false,
        }
    }

    /// The bytes of a frame whose end has not come yet.
    pub(crate) fn pending(&self) -> usize {
        match self {
            Self::Sse(splitter) => splitter.pending(),
            Self::Messages(splitter) => splitter.pending(),
        }
    }

    /// The frame left over at the end of the body. A message that was cut is none: its checksum is missing.
    pub(crate) fn finish(&mut self) -> Option<Frame> {
        match self {
            Self::Sse(splitter) => splitter.finish(),
            Self::Messages(_) => None,
        }
    }
}
