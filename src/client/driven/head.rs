//! The head of an answer.

use std::{io, mem::MaybeUninit};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version, header};

use super::framing::{Chunk, Framing};

/// The most headers of an answer, and their bytes.
const MOST_HEADERS: usize = 100;
pub(super) const MOST_BYTES: usize = 256 << 10;

/// An answer whose body is still to be read.
pub(super) struct Head {
    pub(super) response: Response<()>,
    pub(super) framing: Framing,
    /// May the connection be used again after the body?
    pub(super) keeps: bool,
}

impl Head {
    /// The head at the beginning of these bytes, which are taken; none if it is not all there. Heads that only say that another one
    /// follows are passed over.
    ///
    /// # Errors
    /// If it is no head of HTTP/1.
    pub(super) fn take(buffer: &mut BytesMut, has_body: bool) -> io::Result<Option<Self>> {
        loop {
            let Some(head) = Self::next(buffer, has_body)? else {
                return Ok(None);
            };
            match head.response.status() {
                StatusCode::SWITCHING_PROTOCOLS => {
                    return Err(bad("it changes to a protocol nobody asked for"));
                }
                status if status.is_informational() => {}
                _ => return Ok(Some(head)),
            }
        }
    }

    fn next(buffer: &mut BytesMut, has_body: bool) -> io::Result<Option<Self>> {
        if buffer.is_empty() {
            return Ok(None);
        }
        // Places within the buffer, for what is parsed borrows it.
        let mut places = [const { MaybeUninit::uninit() }; MOST_HEADERS];
        let mut parsed = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let status = config.parse_response_with_uninit_headers(&mut parsed, buffer, &mut places);
        let length = match status {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if buffer.len() >= MOST_BYTES => {
                return Err(bad("it is too long"));
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(bad(&error.to_string())),
        };
        let code = parsed.code.unwrap_or_default();
        let status = StatusCode::from_u16(code).map_err(|_| bad("its status is no status"))?;
        let version = match parsed.version {
            Some(0) => Version::HTTP_10,
            _ => Version::HTTP_11,
        };
        let base = buffer.as_ptr() as usize;
        let mut fields = Vec::with_capacity(parsed.headers.len());
        for field in parsed.headers.iter() {
            let name = HeaderName::from_bytes(field.name.as_bytes());
            let name = name.map_err(|_| bad("the name of a header is none"))?;
            let at = field.value.as_ptr() as usize - base;
            fields.push((name, at, field.value.len()));
        }
        // Values are parts of the head, not copies of it.
        let bytes = buffer.split_to(length).freeze();
        let mut headers = HeaderMap::with_capacity(fields.len());
        let (mut is_coded, mut has_connection) = (false, false);
        for (name, at, length) in fields {
            is_coded |= name == header::TRANSFER_ENCODING;
            has_connection |= name == header::CONNECTION;
            let value = match length {
                0 => Bytes::new(),
                _ => bytes.slice(at..at + length),
            };
            let value = HeaderValue::from_maybe_shared(value);
            headers.append(
                name,
                value.map_err(|_| bad("the value of a header is none"))?,
            );
        }
        let (framing, is_clear) = match has_body && has_room_for_body(status) {
            true if is_coded => coded(version, &headers),
            true => sized(&headers)?,
            false => (Framing::Over, true),
        };
        let keeps = is_clear
            && framing != Framing::UntilClosed
            && match has_connection {
                true => keeps(version, &headers),
                false => version == Version::HTTP_11,
            };
        let mut response = Response::new(());
        *response.status_mut() = status;
        *response.version_mut() = version;
        *response.headers_mut() = headers;
        Ok(Some(Self {
            response,
            framing,
            keeps,
        }))
    }
}

fn has_room_for_body(status: StatusCode) -> bool {
    !status.is_informational()
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
}

/// How a body with a transfer coding ends, and whether that is beyond doubt.
fn coded(version: Version, headers: &HeaderMap) -> (Framing, bool) {
    let codings = headers.get_all(header::TRANSFER_ENCODING);
    let last = codings.iter().next_back().map(HeaderValue::as_bytes);
    let mut codings = last.unwrap_or_default().rsplit(|byte| *byte == b',');
    // Empty members of a list are none.
    let last = codings.find_map(|coding| Some(coding.trim_ascii()).filter(|c| !c.is_empty()));
    let is_chunked = last.is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
    // A length beside it is no length of this body: somebody on the way may believe it nevertheless, as may who knows no chunks.
    let is_clear = !headers.contains_key(header::CONTENT_LENGTH) && version == Version::HTTP_11;
    match is_chunked {
        true => (Framing::Chunked(Chunk::Size), is_clear),
        false => (Framing::UntilClosed, false),
    }
}

/// How any other body ends, and whether that is beyond doubt.
fn sized(headers: &HeaderMap) -> io::Result<(Framing, bool)> {
    let lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let mut length: Option<u64> = None;
    for value in lengths.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')) {
        let value = value.trim_ascii();
        let number = str::from_utf8(value).ok().and_then(|value| {
            let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            value.parse().ok().filter(|_| is_number)
        });
        match (number, length) {
            (Some(number), None) => length = Some(number),
            (Some(number), Some(known)) if number == known => {}
            _ => return Err(bad("its content-length is no number, or several")),
        }
    }
    Ok(match length {
        Some(0) => (Framing::Over, true),
        Some(length) => (Framing::Length(length), true),
        None => (Framing::UntilClosed, true),
    })
}

fn keeps(version: Version, headers: &HeaderMap) -> bool {
    let says = |word: &[u8]| {
        let values = headers.get_all(header::CONNECTION).iter();
        values
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .any(|said| said.trim_ascii().eq_ignore_ascii_case(word))
    };
    !says(b"close") && (version == Version::HTTP_11 || says(b"keep-alive"))
}

fn bad(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the answer's head is not one of HTTP/1.1: {what}"),
    )
}

#[cfg(test)]
mod tests;
