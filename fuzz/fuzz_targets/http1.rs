//! Any bytes as an HTTP/1.1 answer, read as the client reads it: a head and a body give the same, or are refused the same, in one
//! piece and in many; bodies in chunks of any data are read as they are written, and what comes behind them stays where it is.
//!
//! `cargo +nightly fuzz run http1 --no-default-features`
#![no_main]

use bytes::BytesMut;
use http::{HeaderMap, StatusCode};
use libfuzzer_sys::fuzz_target;

// The crate does not show its parser to anybody.
#[path = "../../src/client/driven/framing.rs"]
#[allow(dead_code)]
mod framing;
#[path = "../../src/client/driven/head.rs"]
#[allow(dead_code)]
mod head;

use framing::{Chunk, Framing};
use head::Head;

/// The head; then the body's data, and what is left of the body and in the buffer unless it was refused.
type Read = (
    Option<(StatusCode, HeaderMap, bool)>,
    Vec<u8>,
    Option<(Option<Framing>, Vec<u8>)>,
);

fuzz_target!(|input: (Vec<u8>, Vec<u8>, Vec<Vec<u8>>, bool)| {
    let (answer, sizes, data, has_body) = input;
    let whole = read(None, [&answer[..]], has_body);
    assert_eq!(whole, read(None, cut(&answer, &sizes), has_body));

    let mut chunks = Vec::new();
    for data in data.iter().filter(|data| !data.is_empty()) {
        chunks.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
        chunks.extend_from_slice(data);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    chunks.extend_from_slice(&answer);
    let chunked = Some(Framing::Chunked(Chunk::Size));
    let (_, told, end) = read(chunked, cut(&chunks, &sizes), has_body);
    assert_eq!(told, data.concat());
    assert_eq!(end, Some((Some(Framing::Over), answer)));
});

/// Reads a body that ends so, or else a head and then its body.
fn read<'a>(
    mut framing: Option<Framing>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    has_body: bool,
) -> Read {
    let (mut buffer, mut data, mut head) = (BytesMut::new(), Vec::new(), None);
    for piece in pieces {
        buffer.extend_from_slice(piece);
        if framing.is_none() {
            match Head::take(&mut buffer, has_body) {
                Ok(Some(taken)) => {
                    let (parts, ()) = taken.response.into_parts();
                    head = Some((parts.status, parts.headers, taken.keeps));
                    framing = Some(taken.framing);
                }
                Ok(None) => continue,
                Err(_) => return (None, data, None),
            }
        }
        let Some(framing) = &mut framing else { continue };
        loop {
            match framing.take(&mut buffer) {
                Ok(Some(more)) => data.extend_from_slice(&more),
                Ok(None) => break,
                Err(_) => return (head, data, None),
            }
        }
    }
    (head, data, Some((framing, buffer.to_vec())))
}

/// The sizes come one after another, and the last of them is what remains.
fn cut<'a>(mut bytes: &'a [u8], sizes: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for size in sizes {
        let (piece, rest) = bytes.split_at(usize::from(*size).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}
