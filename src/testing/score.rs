//! How a body is played: from chunks, pauses and an ending to a list of steps.

use std::{collections::VecDeque, fmt, io, time::Duration};

use bytes::{Bytes, BytesMut};

/// A body and the manner of its playing.
#[derive(Clone, Default)]
pub(super) struct Score {
    pub(super) chunks: Vec<Bytes>,
    /// Whether the length stays unannounced: false for a whole body, true for a stream.
    pub(super) streamed: bool,
    pub(super) first_chunk_after: Duration,
    pub(super) between: Duration,
    pub(super) split: Option<Split>,
    /// The length that is claimed, if it is not the true one.
    pub(super) claimed: Option<u64>,
    pub(super) ending: Ending,
}

/// Where a body is split anew.
#[derive(Clone)]
pub(super) enum Split {
    /// Into pieces of so many bytes.
    Every(usize),
    /// After so many bytes of the whole, each.
    At(Vec<usize>),
}

/// Where a body ends, and how.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Ending {
    #[default]
    Clean,
    EarlyAfterChunks(usize),
    StallAfterChunks(usize),
    StallAfterBytes(usize),
    FailAfterBytes(usize, io::ErrorKind),
}

/// One step of playing a body.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Wait(Duration),
    Send(Bytes),
    /// Lets the transport write what it has, so that it is neither merged with nor lost by what follows.
    Flush,
    Fail(io::ErrorKind),
    Stall,
}

/// The steps of a body, and the length announced for it.
pub(super) struct Plan {
    pub(super) steps: VecDeque<Step>,
    pub(super) length: Option<u64>,
}

impl Score {
    /// The whole body, without any fault.
    pub(super) fn content(&self) -> Bytes {
        match self.chunks.as_slice() {
            [chunk] => chunk.clone(),
            chunks => chunks
                .iter()
                .fold(BytesMut::new(), |mut all, chunk| {
                    all.extend_from_slice(chunk);
                    all
                })
                .freeze(),
        }
    }

    /// The steps that play the body, in order.
    pub(super) fn plan(self) -> Plan {
        let mut chunks = match &self.split {
            Some(Split::Every(size)) => split(self.content(), *size),
            Some(Split::At(offsets)) => split_at(self.content(), offsets),
            None => self.chunks,
        };
        chunks.retain(|chunk| !chunk.is_empty());
        let announced = total(&chunks);

        let end = match self.ending {
            Ending::Clean => match self.claimed {
                // What is beyond the length cannot be sent; what is short of it can only be cut.
                Some(claimed) if claimed <= announced => {
                    chunks = first(chunks, usize::try_from(claimed).unwrap_or(usize::MAX));
                    None
                }
                Some(_) => Some(Step::Fail(io::ErrorKind::UnexpectedEof)),
                None => None,
            },
            Ending::EarlyAfterChunks(count) => {
                chunks.truncate(count);
                None
            }
            Ending::StallAfterChunks(count) => {
                chunks.truncate(count);
                Some(Step::Stall)
            }
            Ending::StallAfterBytes(bytes) => {
                chunks = first(chunks, bytes);
                Some(Step::Stall)
            }
            Ending::FailAfterBytes(bytes, kind) => {
                chunks = first(chunks, bytes);
                Some(Step::Fail(kind))
            }
        };
        // An early end is a clean one: it has to agree with the length.
        let announced = if end.is_none() {
            total(&chunks)
        } else {
            announced
        };

        let mut steps = VecDeque::new();
        let mut pause = self.first_chunk_after;
        for chunk in chunks {
            if !pause.is_zero() {
                steps.push_back(Step::Wait(pause));
            } else if self.split.is_some() && !steps.is_empty() {
                steps.push_back(Step::Flush);
            }
            steps.push_back(Step::Send(chunk));
            pause = self.between;
        }
        if let Some(end) = end {
            steps.push_back(Step::Flush);
            steps.push_back(end);
        }
        Plan {
            steps,
            length: self.claimed.or((!self.streamed).then_some(announced)),
        }
    }
}

impl fmt::Debug for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Score")
            .field("chunks", &self.chunks.len())
            .field("bytes", &total(&self.chunks))
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

fn total(chunks: &[Bytes]) -> u64 {
    chunks.iter().map(|chunk| chunk.len() as u64).sum()
}

fn split(mut bytes: Bytes, size: usize) -> Vec<Bytes> {
    let mut chunks = Vec::new();
    while !bytes.is_empty() {
        chunks.push(bytes.split_to(size.min(bytes.len())));
    }
    chunks
}

fn split_at(mut bytes: Bytes, offsets: &[usize]) -> Vec<Bytes> {
    let mut offsets = offsets.to_vec();
    offsets.sort_unstable();
    let (mut chunks, mut at) = (Vec::new(), 0);
    for offset in offsets {
        let size = offset.saturating_sub(at).min(bytes.len());
        chunks.push(bytes.split_to(size));
        at += size;
    }
    chunks.push(bytes);
    chunks
}

/// The first `count` bytes, in the chunks they are in.
fn first(chunks: Vec<Bytes>, count: usize) -> Vec<Bytes> {
    let mut left = count;
    let mut kept = Vec::new();
    for mut chunk in chunks {
        chunk.truncate(left);
        if chunk.is_empty() {
            break;
        }
        left -= chunk.len();
        kept.push(chunk);
    }
    kept
}
