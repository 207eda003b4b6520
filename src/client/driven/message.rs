//! A request as HTTP/1.1 writes it.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, Write},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Method, Request, Uri, header, uri::Authority};
use http_body::Body as _;
use tokio::io::AsyncWrite;

use crate::Body;

/// A body up to this size is written behind its head; of larger ones no copy is made.
const SMALL: usize = 4 << 10;

/// How many pieces are written at once.
const AT_ONCE: usize = 8;

/// What is left to be written of a request.
pub(super) struct Message {
    /// What is there to be written, first the head.
    pieces: VecDeque<Bytes>,
    /// The rest of a body that is not all there yet.
    later: Option<Later>,
    /// Was anything written?
    begun: bool,
    /// Did its body fail? What was there of it is lost, and the rest will not come.
    pub(super) is_broken: bool,
    /// Does the answer to it have a body?
    pub(super) is_answered_in_full: bool,
}

struct Later {
    body: Body,
    /// How many bytes are still to come; none if nobody knows: then it goes out in chunks.
    left: Option<u64>,
}

impl Message {
    /// The request for whoever serves this authority.
    pub(super) fn new(request: Request<Body>, authority: &Authority) -> Self {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        // A URL may have a query and no path.
        let root = if path.starts_with('?') { "/" } else { "" };
        let mut head = Vec::with_capacity(1024);
        for text in [parts.method.as_str(), " ", root, path, " HTTP/1.1\r\n"] {
            head.extend_from_slice(text.as_bytes());
        }
        if !parts.headers.contains_key(header::HOST) {
            line(&mut head, "host", host(&parts.uri, authority).as_bytes());
        }
        let (body, later) = match body.into_pieces() {
            Ok(body) => (body, None),
            Err(body) => {
                let left = body.size_hint().exact().or_else(|| said(&parts.headers));
                (Default::default(), Some(Later { body, left }))
            }
        };
        let size: usize = body.iter().map(Bytes::len).sum();
        write_headers(&mut head, &parts.headers);
        match &later {
            Some(Later { left: None, .. }) => line(&mut head, "transfer-encoding", b"chunked"),
            Some(Later {
                left: Some(left), ..
            }) => length(&mut head, *left),
            // Methods that mean something without a body need not say that they have none.
            None if size == 0 && !wants_length(&parts.method) => {}
            None => length(&mut head, size as u64),
        }
        head.extend_from_slice(b"\r\n");
        let mut pieces = VecDeque::with_capacity(4);
        // As much of the body as is small goes with the head.
        let (mut first, mut copied) = (0, 0);
        for piece in &body {
            copied += piece.len();
            if copied > SMALL {
                break;
            }
            head.extend_from_slice(piece);
            first += 1;
        }
        pieces.push_back(head.into());
        let rest = body.into_iter().skip(first);
        pieces.extend(rest.filter(|piece| !piece.is_empty()));
        Self {
            pieces,
            later,
            begun: false,
            is_broken: false,
            is_answered_in_full: parts.method != Method::HEAD,
        }
    }

    /// Is all of it here still, to be sent by another connection?
    pub(super) const fn is_unsent(&self) -> bool {
        !self.begun && !self.is_broken
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// If it cannot be written, or its body breaks off.
    pub(super) fn poll_write<S>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<io::Result<()>>
    where
        S: AsyncWrite + Unpin,
    {
        loop {
            // Whatever is there goes out together.
            while self.pieces.len() < AT_ONCE && self.later.is_some() {
                match self.poll_more(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => {
                        self.is_broken = true;
                        return Poll::Ready(Err(error));
                    }
                    Poll::Pending if self.pieces.is_empty() => {
                        // The other side may wait for what was written so far.
                        ready!(Pin::new(stream).poll_flush(cx))?;
                        return Poll::Pending;
                    }
                    Poll::Pending => break,
                }
            }
            let Some(first) = self.pieces.front() else {
                return Pin::new(&mut *stream).poll_flush(cx);
            };
            let stream = Pin::new(&mut *stream);
            let written = match self.pieces.len() {
                1 => stream.poll_write(cx, first),
                _ => {
                    let mut slices = [IoSlice::new(&[]); AT_ONCE];
                    let filled = slices.iter_mut().zip(&self.pieces);
                    filled.for_each(|(slice, piece)| *slice = IoSlice::new(piece));
                    stream.poll_write_vectored(cx, &slices)
                }
            };
            let mut written = ready!(written)?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.begun = true;
            while let Some(piece) = self.pieces.front_mut() {
                let of_this = written.min(piece.len());
                piece.advance(of_this);
                written -= of_this;
                if !piece.is_empty() {
                    break;
                }
                self.pieces.pop_front();
            }
        }
    }

    /// The next piece of a body that is not all there, or its end.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(later) = &mut self.later else {
            return Poll::Ready(Ok(()));
        };
        let next = ready!(Pin::new(&mut later.body).poll_frame(cx));
        let Some(frame) = next.transpose().map_err(io::Error::other)? else {
            match later.left {
                None => self.pieces.push_back(Bytes::from_static(b"0\r\n\r\n")),
                Some(0) => {}
                Some(_) => {
                    let error = io::Error::other("the request's body is shorter than it said");
                    return Poll::Ready(Err(error));
                }
            }
            self.later = None;
            return Poll::Ready(Ok(()));
        };
        let Some(data) = frame.into_data().ok().filter(|data| !data.is_empty()) else {
            return Poll::Ready(Ok(()));
        };
        match &mut later.left {
            None => {
                let size = format!("{:x}\r\n", data.len());
                let end = Bytes::from_static(b"\r\n");
                self.pieces.extend([size.into(), data, end]);
            }
            Some(left) => {
                *left = left
                    .checked_sub(data.len() as u64)
                    .ok_or_else(|| io::Error::other("the request's body is longer than it said"))?;
                self.pieces.push_back(data);
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// What is before an `@` is no part of the host, and the port that the scheme has anyway is left out: signatures count on that.
fn host<'a>(uri: &Uri, authority: &'a Authority) -> &'a str {
    let text = authority.as_str();
    let host = text.rsplit('@').next().unwrap_or(text);
    let port = match uri.scheme_str() {
        Some("https") => ":443",
        _ => ":80",
    };
    host.strip_suffix(port).unwrap_or(host)
}

/// The length that whoever made the request says it has.
fn said(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// All headers but those that are this file's own business.
fn write_headers(head: &mut Vec<u8>, headers: &HeaderMap) {
    const OURS: [header::HeaderName; 3] = [
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
    ];
    for (name, value) in headers {
        if !OURS.contains(name) {
            line(head, name.as_str(), value.as_bytes());
        }
    }
}

fn line(head: &mut Vec<u8>, name: &str, value: &[u8]) {
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

fn length(head: &mut Vec<u8>, bytes: u64) {
    // Writing to a vector does not fail.
    let _ = write!(head, "content-length: {bytes}\r\n");
}

fn wants_length(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

#[cfg(test)]
mod tests;
