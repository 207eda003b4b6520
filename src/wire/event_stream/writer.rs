//! Writing messages.

use bytes::{BufMut, BytesMut};

use super::message::OVERHEAD;

/// A header's name is longer than 255 bytes, its value longer than 65535, or the whole message longer than 4 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a header, or the whole message, is longer than an event stream can hold")]
#[non_exhaustive]
pub struct HeaderTooLong;

/// Appends one message: its headers, all of them texts, its payload, and both checksums.
///
/// # Errors
/// If something is longer than its length field can tell; nothing is appended then.
pub fn write(
    out: &mut BytesMut,
    headers: &[(&str, &str)],
    payload: &[u8],
) -> Result<(), HeaderTooLong> {
    /// The type of a text.
    const TEXT: u8 = 7;
    let mut head = BytesMut::new();
    for (name, value) in headers {
        head.put_u8(u8::try_from(name.len()).map_err(|_| HeaderTooLong)?);
        head.put_slice(name.as_bytes());
        head.put_u8(TEXT);
        head.put_u16(u16::try_from(value.len()).map_err(|_| HeaderTooLong)?);
        head.put_slice(value.as_bytes());
    }
    let total = head.len() + payload.len() + OVERHEAD;
    let total = u32::try_from(total).map_err(|_| HeaderTooLong)?;
    let headers = u32::try_from(head.len()).map_err(|_| HeaderTooLong)?;

    let mut prelude = [0; 8];
    prelude
        .as_mut_slice()
        .put_u64(u64::from(total) << 32 | u64::from(headers));
    let prelude_crc = crc32fast::hash(&prelude).to_be_bytes();
    let mut crc = crc32fast::Hasher::new();
    for part in [&prelude[..], &prelude_crc, &head, payload] {
        crc.update(part);
        out.put_slice(part);
    }
    out.put_u32(crc.finalize());
    Ok(())
}
