//! One message: its checksums, its headers, its payload.

use bytes::Bytes;

use crate::json::object;

/// The prelude: two lengths and their checksum.
pub(super) const PRELUDE: usize = 12;

/// What surrounds the headers and the payload: the prelude, and the checksum at the end.
pub(super) const OVERHEAD: usize = PRELUDE + 4;

/// The most bytes of headers, as AWS's own readers have it.
const MAX_HEADERS: usize = 128 * 1024;

/// Why a stream of messages cannot be read on: where the next one begins is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// A message is larger than the splitter was told to hold.
    #[error("a message of the event stream is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A checksum is wrong: bytes were lost or changed on the way.
    #[error("the checksum of an event stream's message is wrong")]
    Checksum,
    /// It is no message, and this is why.
    #[error("a message of the event stream is malformed: {0}")]
    Malformed(&'static str),
}

/// Where a message ends, told by its prelude.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prelude {
    pub(super) total: usize,
    headers: usize,
}

/// A message that has been checked.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: Kind,
    /// The event's or the exception's type, as far as it was told.
    pub(super) name: Option<String>,
    pub(super) payload: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Event,
    /// The vendor reports a failure, of a kind the protocol's model knows or of another.
    Exception,
}

impl Prelude {
    pub(super) fn read(bytes: &[u8; PRELUDE], max: usize) -> Result<Self, MessageError> {
        let [a, b, c, d, e, f, g, h, crc @ ..] = *bytes;
        if crc32fast::hash(&[a, b, c, d, e, f, g, h]) != u32::from_be_bytes(crc) {
            return Err(MessageError::Checksum);
        }
        let total = size(u32::from_be_bytes([a, b, c, d]));
        let headers = size(u32::from_be_bytes([e, f, g, h]));
        if total > max {
            return Err(MessageError::TooLarge { limit: max });
        }
        if headers > MAX_HEADERS {
            return Err(MessageError::TooLarge { limit: MAX_HEADERS });
        }
        if total < headers.saturating_add(OVERHEAD) {
            return Err(MessageError::Malformed("its lengths contradict each other"));
        }
        Ok(Self { total, headers })
    }
}

impl Message {
    /// Reads `bytes`, one whole message that begins with `prelude`.
    pub(super) fn read(bytes: &Bytes, prelude: Prelude) -> Result<Self, MessageError> {
        const SHORT: MessageError = MessageError::Malformed("it is too short");
        let (before, crc) = bytes.split_last_chunk::<4>().ok_or(SHORT)?;
        if crc32fast::hash(before) != u32::from_be_bytes(*crc) {
            return Err(MessageError::Checksum);
        }
        let (_, rest) = before.split_at_checked(PRELUDE).ok_or(SHORT)?;
        let (headers, payload) = rest.split_at_checked(prelude.headers).ok_or(SHORT)?;
        let said = Said::read(headers).ok_or(MessageError::Malformed("a header is cut off"))?;
        let payload = bytes.slice_ref(payload);
        Ok(match said.message {
            Some("exception") => Self {
                kind: Kind::Exception,
                name: said.exception.map(str::to_owned),
                payload,
            },
            Some("error") => said.into_exception(),
            _ => Self {
                kind: Kind::Event,
                name: said.event.map(str::to_owned),
                payload,
            },
        })
    }
}

/// The headers that matter here.
#[derive(Default)]
struct Said<'a> {
    message: Option<&'a str>,
    event: Option<&'a str>,
    exception: Option<&'a str>,
    error: Option<&'a str>,
    error_message: Option<&'a str>,
}

impl<'a> Said<'a> {
    fn read(mut headers: &'a [u8]) -> Option<Self> {
        let mut said = Self::default();
        while !headers.is_empty() {
            let (name, value);
            (name, value, headers) = header(headers)?;
            match name {
                b":message-type" => said.message = value,
                b":event-type" => said.event = value,
                b":exception-type" => said.exception = value,
                b":error-code" => said.error = value,
                b":error-message" => said.error_message = value,
                _ => {}
            }
        }
        Some(said)
    }

    /// An error that the protocol's model does not know comes in headers alone. It is told as the exception it amounts to.
    fn into_exception(self) -> Message {
        const KNOWN: [&str; 5] = [
            "modelTimeoutException",
            "modelStreamErrorException",
            "serviceUnavailableException",
            "throttlingException",
            "validationException",
        ];
        let code = self.error.unwrap_or_default();
        let known = KNOWN.iter().find(|name| name.eq_ignore_ascii_case(code));
        let message = match (self.error_message.unwrap_or_default(), code) {
            ("", code) => code.to_owned(),
            (message, "") => message.to_owned(),
            (message, code) => format!("{message} ({code})"),
        };
        let payload = object(|out| {
            out.field("message", &message);
        });
        Message {
            kind: Kind::Exception,
            name: Some((*known.unwrap_or(&"internalServerException")).to_owned()),
            payload: Bytes::copy_from_slice(payload.as_str().as_bytes()),
        }
    }
}

/// One header: its name, its value if that is a text, and the headers after it.
fn header(bytes: &[u8]) -> Option<(&[u8], Option<&str>, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (kind, rest) = rest.split_first()?;
    let (length, rest) = match kind {
        // True and false have no further bytes.
        0 | 1 => (0, rest),
        2 => (1, rest),
        3 => (2, rest),
        4 => (4, rest),
        // A 64-bit number, a time.
        5 | 8 => (8, rest),
        // Bytes, a text.
        6 | 7 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        // A UUID.
        9 => (16, rest),
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    let text = str::from_utf8(value).ok().filter(|_| *kind == 7);
    Some((name, text, rest))
}

fn size(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
