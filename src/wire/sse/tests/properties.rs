//! Arbitrary streams in arbitrary pieces.

use bytes::BytesMut;
use proptest::{collection::vec, prelude::*};

use super::{cut, events, frames, raws, reference};
use crate::wire::{
    Frame,
    sse::{parse, write, write_comment},
};

/// Streams made of the pieces that matter.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            &b"\n"[..], b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\r", b"data", b"data:", b"data: ", b"event: a", b"event:", b"event",
            b"id: 1", b"id", b"id: \0", b"retry: 10", b"retry: x", b": ping", b":", b" ", b"x", b"\xEF\xBB\xBF", b"\xEF",
            b"data: {\"a\":1}\n\n", b"data: {\"a\":1}\r\n\r\n", "漢🙂".as_bytes(),
        ]).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..6),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_cut_gives_what_the_slow_reader_finds(stream in streams(), sizes in vec(1..9_usize, 1..8)) {
        let expected = reference(&stream);
        prop_assert_eq!(&events(&frames([&stream[..]])), &expected);

        let cut_up = frames(cut(&stream, &sizes));
        prop_assert_eq!(&events(&cut_up), &expected);

        // The raw bytes are a stream of the same events, under any reader and under ours.
        let again = raws(&cut_up);
        prop_assert_eq!(&reference(&again), &expected);
        prop_assert_eq!(&events(&frames([&again[..]])), &expected);
        for frame in &cut_up {
            prop_assert_eq!(&parse(frame.raw().clone()), frame);
        }
    }

    #[test]
    fn what_is_written_is_read(
        written in vec((prop::option::of("[a-z._ :é]{1,12}"), vec(any::<u8>(), 0..40)), 0..8),
        size in 1..50_usize,
    ) {
        let mut stream = BytesMut::new();
        for (name, data) in &written {
            write_comment(&mut stream, "ping");
            write(&mut stream, name.as_deref(), data);
        }
        let read = frames(stream.chunks(size));
        prop_assert_eq!(read.len(), written.len());
        for (frame, (name, data)) in read.iter().zip(&written) {
            prop_assert_eq!(frame.name(), name.as_deref());
            let ours = Frame::new(None, data.clone());
            prop_assert_eq!(frame.data(), ours.data());
            if !data.contains(&b'\r') {
                prop_assert_eq!(frame.data(), data);
            }
        }
    }
}
