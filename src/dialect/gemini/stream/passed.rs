//! Streams that pass untouched, for clients that look for lines `data: {…}` and for nothing else.

use super::decoder::is_no_chunk;
use crate::wire::Frame;

/// The frame as Google's clients read it. Comments, names and `[DONE]` are broken chunks to them.
pub(in super::super) fn passed(frame: Frame) -> Option<Frame> {
    if is_no_chunk(&frame) {
        return None;
    }
    let raw = frame.raw().trim_ascii_end();
    let is_plain = raw.starts_with(b"data: ") && memchr::memchr2(b'\n', b'\r', raw).is_none();
    if is_plain {
        return Some(frame);
    }
    // A line break is no part of a text in JSON, so it is white space.
    let data = frame.data().iter().map(|byte| match byte {
        b'\n' | b'\r' => b' ',
        other => *other,
    });
    Some(Frame::new(None, data.collect::<Vec<u8>>()))
}
