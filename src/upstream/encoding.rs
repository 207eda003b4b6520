//! Answers that come compressed though nobody asked for it: vendors behind a delivery network may do that.
//!
//! They are read as what they were before, so that nothing above ever sees compressed bytes. What is passed through unread stays as
//! it is, with the header that says what it is.

use http::{HeaderMap, header};

use crate::{
    Body,
    error::{Error, ErrorKind},
};

/// The body without its compression.
///
/// # Errors
/// If it is compressed in a way that is not read here.
pub(super) fn plain(headers: &HeaderMap, body: Body) -> Result<Body, Error> {
    if !headers.contains_key(header::CONTENT_ENCODING) {
        return Ok(body);
    }
    let mut codings = headers
        .get_all(header::CONTENT_ENCODING)
        .into_iter()
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"));
    match (codings.next(), codings.next()) {
        (None, _) => Ok(body),
        (Some(coding), None) => decoded(coding, body),
        (Some(_), Some(_)) => Err(unread("several encodings")),
    }
}

fn unread(coding: &str) -> Error {
    // A name, and not whatever a vendor has put in its place.
    let coding: String = coding.chars().take(40).collect();
    let message = format!(
        "the vendor compressed its answer ({coding}) though it was not asked to, and this is not read here"
    );
    Error::new(ErrorKind::Server, message).with_code("content_encoding")
}

#[cfg(not(feature = "decompress"))]
fn decoded(coding: &str, _: Body) -> Result<Body, Error> {
    Err(unread(coding))
}

#[cfg(feature = "decompress")]
use self::decoding::decoded;

#[cfg(feature = "decompress")]
mod decoding {
    use std::{
        fmt, io,
        pin::Pin,
        task::{Context, Poll, ready},
    };

    use async_compression::{
        futures::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder},
        zstd::DParameter,
    };
    use bytes::Bytes;
    use futures_util::{AsyncRead, TryStreamExt};
    use http_body::{Body as HttpBody, Frame};
    use http_body_util::BodyExt;

    use super::unread;
    use crate::{
        Body, BoxError,
        error::{Error, ErrorKind},
    };

    /// The most that comes out of a decoder at once, however much it makes of a few bytes.
    const PIECE: usize = 8 << 10;

    /// The most a zstandard stream may look back, as a power of two: what the format's own rules for HTTP allow.
    const WINDOW_LOG: u32 = 23;

    /// A body being decompressed.
    struct Decoded {
        reader: Option<Pin<Box<dyn AsyncRead + Send>>>,
        coding: &'static str,
    }

    pub(super) fn decoded(coding: &str, body: Body) -> Result<Body, Error> {
        let from_wire = |error: BoxError| io::Error::other(FromWire(error));
        let source = body.into_data_stream().map_err(from_wire).into_async_read();
        let (coding, reader): (_, Pin<Box<dyn AsyncRead + Send>>) =
            match coding.to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => ("gzip", Box::pin(GzipDecoder::new(source))),
                "br" => ("br", Box::pin(BrotliDecoder::new(source))),
                "zstd" => {
                    let window = [DParameter::window_log_max(WINDOW_LOG)];
                    ("zstd", Box::pin(ZstdDecoder::with_params(source, &window)))
                }
                _ => return Err(unread(coding)),
            };
        Ok(Body::new(Decoded {
            reader: Some(reader),
            coding,
        }))
    }

    impl HttpBody for Decoded {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            let Some(reader) = &mut self.reader else {
                return Poll::Ready(None);
            };
            let mut piece = [0; PIECE];
            let read = ready!(reader.as_mut().poll_read(cx, &mut piece));
            match read.map(|count| piece.get(..count).unwrap_or_default()) {
                Ok([]) => {
                    self.reader = None;
                    Poll::Ready(None)
                }
                Ok(data) => Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(data))))),
                Err(error) => {
                    self.reader = None;
                    Poll::Ready(Some(Err(broken(self.coding, error))))
                }
            }
        }
    }

    /// What the connection did stays what it was; the rest is the vendor's fault.
    fn broken(coding: &str, error: io::Error) -> BoxError {
        let error: BoxError = match error.downcast::<FromWire>() {
            Ok(FromWire(error)) => return error,
            Err(error) => error.into(),
        };
        let message = format!(
            "the vendor's answer is not the {coding} it is said to be, or is cut within it"
        );
        Error::new(ErrorKind::Server, message)
            .with_code("content_encoding")
            .with_source(error)
            .into()
    }

    /// A failure of the connection, on its way through a decoder.
    #[derive(Debug)]
    struct FromWire(BoxError);

    impl fmt::Display for FromWire {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }

    impl std::error::Error for FromWire {}
}
