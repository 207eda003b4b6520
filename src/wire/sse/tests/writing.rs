//! What is written, letter by letter.

use bytes::BytesMut;

use super::one;
use crate::wire::{
    Frame,
    sse::{write, write_comment},
};

#[test]
fn the_writer_spells_events_and_comments() {
    // pain P51
    let mut out = BytesMut::new();
    write(&mut out, Some("delta"), b"{}");
    write(&mut out, None, b"a\nb\r\nc\rd\n");
    write(&mut out, Some("x\r\ndata: y"), b"");
    write_comment(&mut out, "ping");
    write_comment(&mut out, "a\nb");
    assert_eq!(
        out,
        "event: delta\ndata: {}\n\n\
         data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n\
         event: xdata: y\ndata: \n\n\
         : ping\n\
         : a\n: b\n"
    );
}

#[test]
fn a_frame_of_our_own_is_what_its_reader_finds() {
    let frame = Frame::new(Some("delta"), "{}");
    assert_eq!(frame, one("event: delta\ndata: {}\n\n"));
    assert_eq!(frame.name(), Some("delta"));
    assert_eq!(Frame::new(None, "a\r\nb").data(), "a\nb");
    assert_eq!(Frame::new(Some(""), "").into_raw(), "data: \n\n");
    assert!(Frame::new(None, "").has_data());
    assert!(Frame::default().is_comment());
}
