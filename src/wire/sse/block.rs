//! The lines of one event, up to its blank line.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::{memchr, memchr2};

use crate::wire::frame::{Fields, Frame, Span};

/// What is known about the event being read. Every offset counts from the event's first byte.
#[derive(Debug, Default)]
pub(super) struct Block {
    line_start: usize,
    /// The value of the first `data:` line.
    data: Range<usize>,
    /// There is more than one `data:` line.
    several: bool,
    fields: Fields,
}

impl Block {
    /// Takes note of the `\r` or `\n` found at `at`; true if it closes the event. `event` is all of the event so far.
    #[inline]
    pub(super) fn end_line(&mut self, event: &[u8], at: usize) -> bool {
        let blank = at == self.line_start;
        if blank && !is_second_half_of_crlf(event, at) {
            return true;
        }
        if !blank {
            self.read_line(event, at);
        }
        self.line_start = at + 1;
        false
    }

    /// Takes note of a last line that nothing ended.
    pub(super) fn end_of_stream(&mut self, event: &[u8]) {
        if event.len() > self.line_start {
            self.read_line(event, event.len());
            self.line_start = event.len();
        }
    }

    pub(super) fn has_data(&self) -> bool {
        self.fields.has_data
    }

    #[inline]
    pub(super) fn into_frame(self, raw: Bytes) -> Frame {
        let data = if self.several {
            join_data(&raw)
        } else {
            raw.slice(self.data)
        };
        Frame {
            raw,
            data,
            fields: self.fields,
        }
    }

    #[inline]
    fn read_line(&mut self, event: &[u8], end: usize) {
        let start = self.line_start;
        let line = event.get(start..end).unwrap_or_default();
        let Some(first) = line.first() else { return };
        if *first != b'd' {
            return self.read_other(line, start);
        }
        if let Some(offset) = value_offset(line, b"data") {
            if self.fields.has_data {
                self.several = true;
            } else {
                self.fields.has_data = true;
                self.data = start + offset..end;
            }
        }
    }

    /// Reads a line that holds no data.
    fn read_other(&mut self, line: &[u8], start: usize) {
        let value = |name| {
            let offset = value_offset(line, name)?;
            Some((
                line.get(offset..)?,
                Span::new(start + offset, start + line.len()),
            ))
        };
        if let Some((name, span)) = value(b"event") {
            // An empty name counts as none.
            self.fields.name = span.filter(|_| !name.is_empty());
        } else if let Some((_, span)) = value(b"id").filter(|(id, _)| memchr(0, id).is_none()) {
            self.fields.id = span;
        } else if let Some((_, span)) = value(b"retry").filter(|(retry, _)| is_millis(retry)) {
            self.fields.retry = span;
        }
    }
}

/// The frame that `raw`, one whole event, is.
pub(in crate::wire) fn parse(raw: Bytes) -> Frame {
    let mut block = Block::default();
    let mut from = 0;
    while let Some(found) = raw.get(from..).and_then(|rest| memchr2(b'\r', b'\n', rest)) {
        if block.end_line(&raw, from + found) {
            break;
        }
        from += found + 1;
    }
    block.into_frame(raw)
}

/// Where the value begins in a line that holds the field `name`.
#[inline]
fn value_offset(line: &[u8], name: &[u8]) -> Option<usize> {
    match line.strip_prefix(name)? {
        [] => Some(name.len()),
        [b':', b' ', ..] => Some(name.len() + 2),
        [b':', ..] => Some(name.len() + 1),
        _ => None,
    }
}

/// Digits only, and not too many of them.
fn is_millis(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_digit)
        && str::from_utf8(value).is_ok_and(|digits| digits.parse::<u64>().is_ok())
}

fn is_second_half_of_crlf(event: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| event.get(before));
    before == Some(&b'\r') && event.get(at) == Some(&b'\n')
}

/// The values of all `data:` lines, joined. The lines are walked a second time, which beats remembering where each one was: an
/// event made of `data` and nothing else would take many times its size.
fn join_data(mut event: &[u8]) -> Bytes {
    let mut joined = BytesMut::with_capacity(event.len());
    let mut first = true;
    while !event.is_empty() {
        let end = memchr2(b'\r', b'\n', event).unwrap_or(event.len());
        let (line, rest) = event.split_at(end);
        if let Some(value) = value_offset(line, b"data").and_then(|offset| line.get(offset..)) {
            if !first {
                joined.put_u8(b'\n');
            }
            first = false;
            joined.put_slice(value);
        }
        event = rest.get(1..).unwrap_or_default();
    }
    joined.freeze()
}
