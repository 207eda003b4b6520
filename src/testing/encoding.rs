//! Compressed bodies.

use async_compression::{
    Level,
    futures::write::{BrotliEncoder, GzipEncoder, ZstdEncoder},
};
use bytes::Bytes;
use futures_util::{AsyncWrite, AsyncWriteExt, FutureExt};

/// How a body can be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// `gzip`.
    Gzip,
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gzip, Self::Brotli, Self::Zstd];

    /// The name that `content-encoding` has for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The same number of chunks. Each holds all that a reader needs to have the bytes of the chunk it stands for.
    pub(super) fn compress(self, chunks: &[Bytes]) -> Vec<Bytes> {
        match self {
            Self::Gzip => {
                let encoder = GzipEncoder::with_quality(Vec::new(), Level::Fastest);
                through(encoder, chunks, GzipEncoder::get_mut)
            }
            Self::Brotli => {
                let encoder = BrotliEncoder::with_quality(Vec::new(), Level::Fastest);
                through(encoder, chunks, BrotliEncoder::get_mut)
            }
            Self::Zstd => {
                let encoder = ZstdEncoder::with_quality(Vec::new(), Level::Fastest);
                through(encoder, chunks, ZstdEncoder::get_mut)
            }
        }
    }
}

fn through<W: AsyncWrite + Unpin>(
    mut encoder: W,
    chunks: &[Bytes],
    written: fn(&mut W) -> &mut Vec<u8>,
) -> Vec<Bytes> {
    let mut out = Vec::with_capacity(chunks.len());
    for (number, chunk) in chunks.iter().enumerate() {
        let work = async {
            encoder.write_all(chunk).await?;
            match number + 1 == chunks.len() {
                true => encoder.close().await,
                false => encoder.flush().await,
            }
        };
        // It writes into memory, which is always ready and never fails.
        let _ = work.now_or_never();
        out.push(std::mem::take(written(&mut encoder)).into());
    }
    out
}
