//! Writing events and comments.

use bytes::{BufMut, BytesMut};
use memchr::memchr2;

/// Appends one event: its name if it has one, its payload, and the blank line that sends it off.
///
/// Each line of `data`, whatever ends it, becomes a `data:` line of its own, which the reader joins by `\n`. A line break in `name`
/// is left out, so that no name can begin another field.
pub fn write(out: &mut BytesMut, name: Option<&str>, data: &[u8]) {
    out.reserve(data.len() + name.map_or(0, str::len) + 16);
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        out.put_slice(b"event: ");
        for part in name.split(['\r', '\n']) {
            out.put_slice(part.as_bytes());
        }
        out.put_u8(b'\n');
    }
    write_lines(out, b"data: ", data);
    out.put_u8(b'\n');
}

/// Appends a comment, `: text`, which readers skip: the heartbeat that keeps a connection open.
///
/// It ends with a single newline. A blank line behind it would be an event without data, and some clients choke on one.
pub fn write_comment(out: &mut BytesMut, text: &str) {
    write_lines(out, b": ", text.as_bytes());
}

fn write_lines(out: &mut BytesMut, prefix: &[u8], mut text: &[u8]) {
    loop {
        let end = memchr2(b'\r', b'\n', text).unwrap_or(text.len());
        let (line, rest) = text.split_at(end);
        out.put_slice(prefix);
        out.put_slice(line);
        out.put_u8(b'\n');
        text = match rest {
            [] => return,
            [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
        };
    }
}
