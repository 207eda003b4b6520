//! Answers whose bytes are changed before they are sent.

use bytes::Bytes;
use http::HeaderValue;

use super::{Answer, Opening};
use crate::testing::{Encoding, Fault};

/// How the lines of an event stream end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LineEnds {
    /// `\n`, as nearly everybody sends.
    Lf,
    /// `\r\n`.
    CrLf,
    /// `\r` alone, which the format allows as well.
    Cr,
}

impl Answer {
    /// Ends the lines of a body with `ends`; for event streams, in whose data no line ends are left.
    pub fn line_ends(self, ends: LineEnds) -> Self {
        let end: &[u8] = match ends {
            LineEnds::Lf => b"\n",
            LineEnds::CrLf => b"\r\n",
            LineEnds::Cr => b"\r",
        };
        self.map_chunks(|_, chunk| {
            let mut out = Vec::with_capacity(chunk.len() + 8);
            let mut after_cr = false;
            for byte in &chunk {
                match byte {
                    b'\n' if after_cr => {}
                    b'\r' | b'\n' => out.extend_from_slice(end),
                    other => out.push(*other),
                }
                after_cr = *byte == b'\r';
            }
            out.into()
        })
    }

    /// Compresses the body and says so in `content-encoding`. Each chunk is flushed, so that a reader can have it at once.
    pub fn encoded(self, encoding: Encoding) -> Self {
        let mut answer = self.header("content-encoding", encoding.name());
        answer.score.chunks = encoding.compress(&answer.score.chunks);
        answer
    }

    /// Puts other bytes in the place of each chunk: its number, from 0, and what it holds.
    pub fn map_chunks(mut self, mut change: impl FnMut(usize, Bytes) -> Bytes) -> Self {
        for (number, chunk) in self.score.chunks.iter_mut().enumerate() {
            *chunk = change(number, std::mem::take(chunk));
        }
        self
    }

    /// Claims a `content-length` of its own. What is beyond it is not sent; a body that is shorter is cut at its end.
    pub fn claim_length(mut self, bytes: u64) -> Self {
        self.score.claimed = Some(bytes);
        self
    }

    /// The dialect this is written in, for faults that have to be written in it too. What a
    /// [`Script`](crate::testing::Script) wrote knows.
    pub fn in_dialect(mut self, dialect: &'static str) -> Self {
        self.dialect = Some(dialect);
        self
    }

    /// Something goes wrong, half way through where it has a place: see [`Fault`].
    pub fn fault(self, fault: Fault) -> Self {
        fault.strike(self, 0.5)
    }

    /// Something goes wrong at a place: 0 is the first byte of the body, 1 the last.
    pub fn fault_at(self, fault: Fault, place: f64) -> Self {
        fault.strike(self, place)
    }

    pub(in crate::testing) fn spoken(&self) -> Option<&'static str> {
        self.dialect
    }

    pub(in crate::testing) fn header_value(&self, name: &str) -> Option<&HeaderValue> {
        match &self.opening {
            Opening::Head(_, headers) => headers.get(name),
            _ => None,
        }
    }

    pub(in crate::testing) fn without_header(mut self, name: &str) -> Self {
        if let Opening::Head(_, headers) = &mut self.opening {
            headers.remove(name);
        }
        self
    }

    pub(in crate::testing) fn chunks(&self) -> &[Bytes] {
        &self.score.chunks
    }

    pub(in crate::testing) fn with_chunks(mut self, chunks: Vec<Bytes>) -> Self {
        self.score.chunks = chunks;
        self
    }
}
