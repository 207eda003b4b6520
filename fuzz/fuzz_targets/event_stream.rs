//! Any bytes, cut anywhere, give the same frames and the same end as the same bytes in one chunk; so do messages with right
//! checksums around any payload.
//!
//! `cargo +nightly fuzz run event_stream`
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use trunkline::wire::{
    Frame,
    event_stream::{MessageError, MessageSplitter, write},
};

fuzz_target!(
    |input: (Vec<(String, String, Vec<u8>)>, Vec<u8>, Vec<u8>, bool)| {
        let (messages, tail, sizes, unwrap) = input;
        let mut stream = BytesMut::new();
        for (name, value, payload) in &messages {
            let headers = [
                (":message-type", value.as_str()),
                (":event-type", "chunk"),
                (name, value),
            ];
            let _ = write(&mut stream, &headers, payload);
        }
        stream.extend_from_slice(&tail);
        let stream = stream.freeze();
        let whole = frames([stream.clone()], unwrap);
        let pieces = frames(cut(stream, &sizes), unwrap);
        assert_eq!(whole, pieces);
    }
);

fn frames(
    chunks: impl IntoIterator<Item = Bytes>,
    unwrap: bool,
) -> (Vec<Frame>, Option<MessageError>) {
    let mut splitter = MessageSplitter::new();
    if unwrap {
        splitter = splitter.unwrap_chunks();
    }
    let mut frames = Vec::new();
    for chunk in chunks {
        splitter.push(chunk);
        loop {
            match splitter.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// The sizes come one after another, and the last of them is what remains.
fn cut(mut stream: Bytes, sizes: &[u8]) -> Vec<Bytes> {
    let mut chunks = Vec::new();
    for size in sizes {
        chunks.push(stream.split_to(usize::from(*size).min(stream.len())));
    }
    chunks.push(stream);
    chunks
}
