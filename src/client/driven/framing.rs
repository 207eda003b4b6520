//! Where an answer's body ends (RFC 9112, section 6).

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

/// The most bytes of a line with a chunk's size, and of all trailers together.
const MOST_OF_A_LINE: usize = 16 << 10;

/// How much is left of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Nothing.
    Over,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Chunk),
    /// Whatever comes until the connection is closed.
    UntilClosed,
}

/// A place within a body in chunks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// Before the line with a chunk's size.
    Size,
    /// So many bytes before the end of a chunk.
    Data(u64),
    /// Behind a chunk's data, before the end of its line.
    DataEnd,
    /// Behind the last chunk, after so many bytes of trailers.
    Trailers(usize),
}

impl Framing {
    pub(super) const fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    /// How many bytes are left, if that is known.
    pub(super) const fn left(&self) -> Option<u64> {
        match self {
            Self::Over => Some(0),
            Self::Length(left) => Some(*left),
            Self::Chunked(_) | Self::UntilClosed => None,
        }
    }

    /// Takes all the data that are there, as one piece: chunks that came together are told together.
    ///
    /// # Errors
    /// If these are no chunks.
    pub(super) fn take(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
        match self {
            Self::Over => Ok(None),
            Self::UntilClosed => Ok(some(buffer.split())),
            Self::Length(left) => {
                let here =
                    usize::try_from(*left).map_or(buffer.len(), |left| left.min(buffer.len()));
                *left -= here as u64;
                if *left == 0 {
                    *self = Self::Over;
                }
                Ok(some(buffer.split_to(here)))
            }
            Self::Chunked(chunk) => {
                let (data, is_over) = chunk.take(buffer)?;
                if is_over {
                    *self = Self::Over;
                }
                Ok(some(data))
            }
        }
    }

    /// The connection was closed. Was that the end of the body?
    pub(super) const fn ends_with_connection(&self) -> bool {
        matches!(self, Self::Over | Self::UntilClosed)
    }
}

/// What comes next of a body in chunks.
enum Step {
    /// So many bytes of data.
    Data(usize),
    /// A line of so many bytes.
    Line(usize),
    /// The last line, of so many bytes.
    End(usize),
    /// Nothing that is there already.
    Later,
}

impl Chunk {
    /// The data, and whether the body is over. They are moved together within the buffer, over the lines between them.
    fn take(&mut self, buffer: &mut BytesMut) -> io::Result<(BytesMut, bool)> {
        // The data found so far are `start..end`; what is before `read` was looked at.
        let (mut start, mut end, mut read) = (0, 0, 0);
        let mut is_over = false;
        loop {
            match self.step(buffer.get(read..).unwrap_or_default()) {
                Ok(Step::Data(here)) => {
                    if start == end {
                        (start, end) = (read, read);
                    }
                    if end != read {
                        buffer.copy_within(read..read + here, end);
                    }
                    end += here;
                    read += here;
                }
                Ok(Step::Line(length)) => read += length,
                Ok(Step::End(length)) => {
                    read += length;
                    is_over = true;
                    break;
                }
                Ok(Step::Later) => break,
                // What came before it is told first. It is found again then.
                Err(_) if start != end => break,
                Err(error) => return Err(error),
            }
        }
        if start == end {
            buffer.advance(read);
            return Ok((BytesMut::new(), is_over));
        }
        buffer.advance(start);
        let data = buffer.split_to(end - start);
        buffer.advance(read - end);
        Ok((data, is_over))
    }

    fn step(&mut self, rest: &[u8]) -> io::Result<Step> {
        match self {
            Self::Size => {
                let (size, length) = match plain_size(rest) {
                    Some(plain) => plain,
                    None => match line(rest)? {
                        Some(line) => (size(line)?, line.len() + 2),
                        None => return Ok(Step::Later),
                    },
                };
                *self = match size {
                    0 => Self::Trailers(0),
                    size => Self::Data(size),
                };
                Ok(Step::Line(length))
            }
            Self::Data(left) => {
                let here = usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
                if here == 0 {
                    return Ok(Step::Later);
                }
                *left -= here as u64;
                if *left == 0 {
                    *self = Self::DataEnd;
                }
                Ok(Step::Data(here))
            }
            Self::DataEnd => match rest {
                [b'\r', b'\n', ..] => {
                    *self = Self::Size;
                    Ok(Step::Line(2))
                }
                [] | [b'\r'] => Ok(Step::Later),
                _ => Err(bad("a chunk is longer than it said")),
            },
            Self::Trailers(seen) => {
                let Some(line) = line(rest)? else {
                    return Ok(Step::Later);
                };
                if line.is_empty() {
                    return Ok(Step::End(2));
                }
                if *seen + line.len() > MOST_OF_A_LINE {
                    return Err(bad("its trailers are too long"));
                }
                *seen += line.len();
                Ok(Step::Line(line.len() + 2))
            }
        }
    }
}

fn some(data: BytesMut) -> Option<Bytes> {
    (!data.is_empty()).then(|| data.freeze())
}

/// The line at the beginning, without its end; none if the end is not there yet.
fn line(bytes: &[u8]) -> io::Result<Option<&[u8]>> {
    let end = memchr(b'\n', bytes);
    if end.unwrap_or(bytes.len()) > MOST_OF_A_LINE {
        return Err(bad("a line of it is too long"));
    }
    match end.and_then(|end| bytes.get(..end)) {
        // A carriage return by itself is the end of a line to some, and not to others.
        Some([line @ .., b'\r']) if !line.contains(&b'\r') => Ok(Some(line)),
        Some(_) => Err(bad("a line of it does not end as lines do")),
        None => Ok(None),
    }
}

/// The size of a chunk and the length of its line, if a few digits are all there is in it. They are read one by one: streams have a chunk
/// for each event, and any search takes longer to begin.
#[inline]
fn plain_size(bytes: &[u8]) -> Option<(u64, usize)> {
    const MOST: usize = 8;
    let mut size = 0;
    for (at, byte) in bytes.iter().enumerate().take(MOST + 1) {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' if at > 0 && bytes.get(at + 1) == Some(&b'\n') => return Some((size, at + 2)),
            _ => return None,
        };
        size = (size << 4) | u64::from(digit);
    }
    None
}

/// The size of a chunk. What follows a semicolon is nobody's business.
fn size(line: &[u8]) -> io::Result<u64> {
    let no_number = || bad("a chunk's size is no number");
    let mut digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    while let [before @ .., b' ' | b'\t'] = digits {
        digits = before;
    }
    if digits.is_empty() {
        return Err(no_number());
    }
    digits.iter().try_fold(0_u64, |size, digit| {
        let digit = char::from(*digit).to_digit(16).ok_or_else(no_number)?;
        let size = size.checked_mul(16).ok_or_else(no_number)?;
        Ok(size | u64::from(digit))
    })
}

fn bad(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the answer's body is not in chunks as HTTP/1.1 has them: {what}"),
    )
}

#[cfg(test)]
mod tests;
