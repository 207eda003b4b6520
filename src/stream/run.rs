//! Frames that pass together.

use bytes::Bytes;

use crate::wire::Frame;

/// What comes next of a stream, for whoever passes it on.
pub(crate) enum Run {
    /// One frame.
    One(Frame),
    /// Frames that differ from the latest [`One`](Self::One) in nothing but what the model says: whatever was decided about that one
    /// holds for each of them.
    Alike {
        /// As they came, one after another.
        bytes: Bytes,
        /// How many there are.
        frames: u64,
        /// Nothing follows for now, and whoever asked is woken when there is more: it need not be asked for again before.
        last: bool,
    },
}

impl From<Frame> for Run {
    fn from(frame: Frame) -> Self {
        Self::One(frame)
    }
}
