//! Chunks in, frames out.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::{
    chunk,
    message::{Message, MessageError, PRELUDE, Prelude},
};
use crate::wire::{Frame, sse::DEFAULT_MAX_EVENT};

/// Cuts the messages of an event stream out of chunks of bytes.
///
/// [`push`](Self::push) a chunk, then take frames until there are none. A message that is cut off by the end of the body gives
/// no frame: see [`is_empty`](Self::is_empty).
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use trunkline::wire::event_stream::{MessageSplitter, write};
///
/// let mut stream = BytesMut::new();
/// write(&mut stream, &[(":message-type", "event"), (":event-type", "messageStart")], b"{}")?;
///
/// let mut splitter = MessageSplitter::new();
/// splitter.push(stream.freeze());
/// let frame = splitter.next_frame()?.expect("one whole message");
/// assert_eq!(frame.name(), Some("messageStart"));
/// assert_eq!(frame.data(), "{}");
/// # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct MessageSplitter {
    buffer: BytesMut,
    max_message: usize,
    chunks: bool,
    failed: Option<MessageError>,
}

impl MessageSplitter {
    /// A splitter at the beginning of a stream.
    pub fn new() -> Self {
        Self {
            buffer: BytesMut::new(),
            max_message: DEFAULT_MAX_EVENT,
            chunks: false,
            failed: None,
        }
    }

    /// Unwraps the events that Bedrock's `InvokeModelWithResponseStream` carries in messages named `chunk`, in base64.
    ///
    /// A frame is then named by the `type` of the JSON inside, as Anthropic's own stream names it; exceptions become Anthropic's
    /// `error` events; and what Bedrock adds to the last event is left out.
    #[must_use]
    pub fn unwrap_chunks(mut self) -> Self {
        self.chunks = true;
        self
    }

    /// Sets the size of the largest message to accept, in bytes; 64 MiB otherwise.
    #[must_use]
    pub fn with_max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// Adds the next chunk of the body. Take the frames out before the next push, or bytes pile up.
    pub fn push(&mut self, chunk: Bytes) {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(&chunk);
        }
    }

    /// The next frame; None if that needs more bytes.
    ///
    /// # Errors
    /// See [`MessageError`]. The splitter drops what it holds and answers every further call with the same error.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, MessageError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.read().inspect_err(|error| {
            self.failed = Some(*error);
            self.buffer = BytesMut::new();
        })
    }

    /// Is nothing left over? At the end of the body that is so, unless the body was cut within a message.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    pub(crate) fn pending(&self) -> usize {
        self.buffer.len()
    }

    fn read(&mut self) -> Result<Option<Frame>, MessageError> {
        while let Some(message) = self.message()? {
            let frame = if self.chunks {
                chunk::unwrap(message)?
            } else {
                Some(Frame::new(message.name.as_deref(), message.payload))
            };
            if frame.is_some() {
                return Ok(frame);
            }
        }
        Ok(None)
    }

    fn message(&mut self) -> Result<Option<Message>, MessageError> {
        let Some(prelude) = self.buffer.first_chunk::<PRELUDE>() else {
            return Ok(None);
        };
        // Before the rest has arrived: a broken length would be waited for in vain.
        let prelude = Prelude::read(prelude, self.max_message)?;
        if self.buffer.len() < prelude.total {
            return Ok(None);
        }
        let bytes = self.buffer.split_to(prelude.total).freeze();
        Message::read(&bytes, prelude).map(Some)
    }
}

impl Default for MessageSplitter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MessageSplitter {
    /// Sizes only: the bytes are somebody's conversation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageSplitter")
            .field("pending", &self.buffer.len())
            .field("max_message", &self.max_message)
            .field("chunks", &self.chunks)
            .field("failed", &self.failed)
            .finish()
    }
}
