//! Any bytes, cut anywhere, give the same events as the same bytes in one chunk; so do the frames' raw bytes.
//!
//! `cargo +nightly fuzz run sse`
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use trunkline::wire::{Frame, SseSplitter};

fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (stream, sizes) = input;
    let whole = frames([Bytes::from(stream.clone())]);
    let pieces = frames(cut(Bytes::from(stream), &sizes));
    assert_same(&whole, &pieces);

    let raw: Vec<u8> = pieces
        .iter()
        .flat_map(|frame| frame.raw().to_vec())
        .collect();
    assert_same(&whole, &frames([Bytes::from(raw)]));
});

fn frames(chunks: impl IntoIterator<Item = Bytes>) -> Vec<Frame> {
    let mut splitter = SseSplitter::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        splitter.push(chunk);
        while let Some(frame) = splitter
            .next_frame()
            .expect("the input is smaller than the limit")
        {
            frames.push(frame);
        }
    }
    frames.extend(std::iter::from_fn(|| splitter.finish()));
    frames
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

fn assert_same(left: &[Frame], right: &[Frame]) {
    assert_eq!(left.len(), right.len());
    for (left, right) in left.iter().zip(right) {
        assert_eq!(left.name(), right.name());
        assert_eq!(left.has_data(), right.has_data());
        assert_eq!(left.data(), right.data());
        assert_eq!(left.id(), right.id());
        assert_eq!(left.retry(), right.retry());
        assert_eq!(left.is_comment(), right.is_comment());
    }
}
