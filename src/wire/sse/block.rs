//! The lines of one event, up to its blank line.

use bytes::{BufMut, Bytes, BytesMut};
use memchr::{memchr, memchr2};

use crate::wire::frame::{Fields, Frame, Span};

/// What is known about the event being read. Every offset counts from the event's first byte.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Block {
    line_start: usize,
    /// The value of the first `data:` line.
    data: Option<Span>,
    /// There is more than one `data:` line.
    several: bool,
    fields: Fields,
}

impl Block {
    pub(super) const fn new() -> Self {
        let fields = Fields {
            name: None,
            id: None,
            retry: None,
            has_data: false,
        };
        Self {
            line_start: 0,
            data: None,
            several: false,
            fields,
        }
    }

    /// Takes note of the `\r` or `\n` found at `at`; true if it closes the event. `event` is all of the event so far.
    pub(super) fn end_line(&mut self, event: &[u8], at: usize) -> bool {
        if at == self.line_start {
            if is_second_half_of_crlf(event, at) {
                self.line_start = at + 1;
                return false;
            }
            return true;
        }
        self.read_line(event, at);
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
        self.data.is_some()
    }

    pub(super) fn into_frame(self, raw: Bytes) -> Frame {
        let data = match self.data {
            Some(_) if self.several => join_data(&raw),
            Some(Span { start, end }) => raw.slice(start..end),
            None => Bytes::new(),
        };
        Frame {
            raw,
            data,
            fields: Fields {
                has_data: self.data.is_some(),
                ..self.fields
            },
        }
    }

    fn read_line(&mut self, event: &[u8], end: usize) {
        let start = self.line_start;
        let line = Span { start, end }.of(event);
        let value = |name| {
            value_offset(line, name).map(|offset| Span {
                start: start + offset,
                end,
            })
        };
        match line.first() {
            Some(b'd') => {
                if let Some(span) = value(b"data") {
                    self.several = self.data.is_some();
                    self.data.get_or_insert(span);
                }
            }
            Some(b'e') => {
                if let Some(span) = value(b"event") {
                    // An empty name counts as none.
                    self.fields.name = (span.start < span.end).then_some(span);
                }
            }
            Some(b'i') => {
                if let Some(span) = value(b"id").filter(|span| memchr(0, span.of(event)).is_none())
                {
                    self.fields.id = Some(span);
                }
            }
            Some(b'r') => {
                if let Some(millis) = value(b"retry").and_then(|span| millis(span.of(event))) {
                    self.fields.retry = Some(millis);
                }
            }
            _ => {}
        }
    }
}

/// Where the value begins in a line that holds the field `name`.
fn value_offset(line: &[u8], name: &[u8]) -> Option<usize> {
    match line.strip_prefix(name)? {
        [] => Some(name.len()),
        [b':', b' ', ..] => Some(name.len() + 2),
        [b':', ..] => Some(name.len() + 1),
        _ => None,
    }
}

fn millis(value: &[u8]) -> Option<u64> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(value).ok()?.parse().ok()
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
