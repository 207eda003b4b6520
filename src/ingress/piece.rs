//! What goes out at once: every piece costs a chunk and a system call, here and at whoever reads it.

use bytes::{Bytes, BytesMut};

use super::route::Form;
use crate::wire::Frame;

/// Frames that are there at once go out as one piece, up to this size or a little more.
const ENOUGH: usize = 16 << 10;

/// Copying this much costs more than sending it on its own.
const LARGE: usize = 4 << 10;

/// Frames as the caller reads them, gathered as long as there are more without waiting.
#[derive(Default)]
pub(super) struct Piece {
    /// The only frame so far, which need not be copied.
    first: Bytes,
    all: BytesMut,
    /// Was an item of the list sent?
    begun: bool,
}

impl Piece {
    /// Adds a frame.
    pub(super) fn push(&mut self, form: Form, frame: Frame) {
        match form {
            Form::Frames => self.push_bytes(frame.into_raw()),
            Form::List if !frame.has_data() => {}
            Form::List => {
                let before: &'static [u8] = if std::mem::replace(&mut self.begun, true) {
                    b",\r\n"
                } else {
                    b"["
                };
                self.push_bytes(Bytes::from_static(before));
                self.push_bytes(frame.data().clone());
            }
        }
    }

    /// Adds what a whole answer ends with.
    pub(super) fn push_end(&mut self, form: Form) {
        if form == Form::List {
            let end: &'static [u8] = if self.begun { b"]" } else { b"[]" };
            self.push_bytes(Bytes::from_static(end));
        }
    }

    /// Adds bytes as they are.
    pub(super) fn push_bytes(&mut self, bytes: Bytes) {
        if self.is_empty() {
            self.first = bytes;
            return;
        }
        if !self.first.is_empty() {
            // Bursts are alike: there will be more.
            self.all.reserve(4 * (self.first.len() + bytes.len()));
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.all.extend_from_slice(&bytes);
    }

    /// Adds bytes of which there may be many. What was gathered before them goes out on its own if copying them costs more.
    pub(super) fn push_run(&mut self, bytes: Bytes) -> Option<Bytes> {
        let before = if bytes.len() < LARGE {
            None
        } else {
            self.take()
        };
        self.push_bytes(bytes);
        before
    }

    /// Is it large enough to go out even if there is more?
    pub(super) fn is_enough(&self) -> bool {
        self.first.len() >= LARGE || self.all.len() >= ENOUGH
    }

    /// What was gathered, if anything was.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        if self.is_empty() {
            return None;
        }
        Some(if self.all.is_empty() {
            std::mem::take(&mut self.first)
        } else {
            self.all.split().freeze()
        })
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.all.is_empty()
    }
}
