//! Events known by one that was read.

use crate::{json::Twin, wire::Frame};

/// An event that was passed, to know those by that are like it.
#[derive(Debug, Default)]
pub(super) struct Twins {
    twin: Twin,
    /// How many were known by it.
    known: u32,
    /// How many others to let pass before the next one is learnt, and how many the last time.
    wait: u32,
    waited: u32,
}

impl Twins {
    /// The length of the event that these bytes begin with, if it is known.
    #[inline]
    pub(super) fn len_of_known(&mut self, bytes: &[u8]) -> Option<usize> {
        let len = self.twin.len_of_like(bytes)?;
        self.known = self.known.saturating_add(1);
        Some(len)
    }

    /// Is this whole event known?
    #[inline]
    pub(super) fn knows(&mut self, frame: &Frame) -> bool {
        self.len_of_known(frame.raw()) == Some(frame.raw().len())
    }

    /// Takes note of an event that was not known. True if others are known by it from now on.
    pub(super) fn learn(&mut self, frame: &Frame) -> bool {
        /// An event that as many are known by was worth learning.
        const WORTH: u32 = 4;
        /// In streams whose events are all different, this many are let pass.
        const MOST: u32 = 63;
        if let Some(rest) = self.wait.checked_sub(1) {
            self.wait = rest;
            return false;
        }
        self.waited = match self.known {
            WORTH.. => 0,
            _ => (2 * self.waited + 1).min(MOST),
        };
        self.wait = self.waited;
        self.known = 0;
        // Only what ends in a whole blank line: of a lone `\r` the other half may be on its way.
        let raw = frame.raw();
        let json = frame
            .data_range()
            .filter(|_| raw.ends_with(b"\n\n") || raw.ends_with(b"\r\n\r\n"));
        match json {
            Some(json) => {
                self.twin.learn(raw, json);
                true
            }
            None => false,
        }
    }
}
