//! A request as HTTP/1.1 writes it.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Method, Request, Uri, header};
use http_body::Body as _;
use tokio::io::AsyncWrite;

use crate::Body;

/// How much room there is for a head. A body that fits in as well is written behind it; of larger ones no copy is made.
const ROOM: usize = 1 << 10;

/// How many pieces are written at once.
const AT_ONCE: usize = 8;

/// What is left to be written of a request.
pub(super) struct Message {
    /// The head, and a small body.
    head: Vec<u8>,
    /// How much of that was written.
    written: usize,
    /// The rest of the body, as far as it was there from the start.
    body: Bytes,
    /// The rest of one that was not. Apart: most are.
    later: Option<Box<Later>>,
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
    /// What came, and is to be written.
    pieces: VecDeque<Bytes>,
    /// Is nothing more to come?
    is_over: bool,
}

impl Message {
    /// The request, for whoever serves its URL.
    pub(super) fn new(request: Request<Body>) -> Self {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        // A URL may have a query and no path.
        let root = if path.starts_with('?') { "/" } else { "" };
        let mut head = Vec::with_capacity(ROOM);
        for text in [parts.method.as_str(), " ", root, path, " HTTP/1.1\r\n"] {
            head.extend_from_slice(text.as_bytes());
        }
        if !parts.headers.contains_key(header::HOST) {
            line(&mut head, "host", host(&parts.uri).as_bytes());
        }
        let (mut body, later) = match body.into_pieces() {
            Ok([body, second, _]) if second.is_empty() => (body, None),
            Ok(pieces) => (Bytes::new(), Some(Box::new(Later::all_here(pieces)))),
            Err(body) => {
                let left = body.size_hint().exact().or_else(|| said(&parts.headers));
                let later = Later {
                    body,
                    left,
                    pieces: VecDeque::new(),
                    is_over: false,
                };
                (Bytes::new(), Some(Box::new(later)))
            }
        };
        write_headers(&mut head, &parts.headers);
        match later.as_ref().map(|later| later.left) {
            Some(None) => line(&mut head, "transfer-encoding", b"chunked"),
            Some(Some(left)) => length(&mut head, left),
            // Methods that mean something without a body need not say that they have none.
            None if body.is_empty() && !wants_length(&parts.method) => {}
            None => length(&mut head, body.len() as u64),
        }
        head.extend_from_slice(b"\r\n");
        if body.len() <= head.capacity() - head.len() {
            head.extend_from_slice(&body);
            body = Bytes::new();
        }
        Self {
            head,
            written: 0,
            body,
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
            let mut waits = false;
            if let Some(later) = &mut self.later {
                match later.poll_pieces(cx) {
                    Ok(poll) => waits = poll.is_pending(),
                    Err(error) => {
                        self.is_broken = true;
                        return Poll::Ready(Err(error));
                    }
                }
            }
            let mut slices = [IoSlice::new(&[]); AT_ONCE];
            let filled = slices.iter_mut().zip(self.pieces());
            let count = filled
                .map(|(slice, piece)| *slice = IoSlice::new(piece))
                .count();
            let to = Pin::new(&mut *stream);
            let written = match (slices.first(), count) {
                (None, _) | (_, 0) => {
                    // The other side may wait for what was written so far.
                    ready!(to.poll_flush(cx))?;
                    return match waits {
                        true => Poll::Pending,
                        false => Poll::Ready(Ok(())),
                    };
                }
                (Some(only), 1) => to.poll_write(cx, only),
                _ => to.poll_write_vectored(cx, &slices),
            };
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.advance(written),
            }
        }
    }

    /// What is there to be written.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let head = self.head.get(self.written..).unwrap_or_default();
        let later = self.later.iter().flat_map(|later| &later.pieces);
        let pieces = [head, &self.body]
            .into_iter()
            .chain(later.map(|piece| &**piece));
        pieces.filter(|piece| !piece.is_empty())
    }

    /// So many bytes more were written.
    fn advance(&mut self, mut written: usize) {
        self.begun = true;
        let of_head = written.min(self.head.len() - self.written);
        self.written += of_head;
        written -= of_head;
        let of_body = written.min(self.body.len());
        self.body.advance(of_body);
        written -= of_body;
        let Some(later) = &mut self.later else { return };
        while let Some(piece) = later.pieces.front_mut() {
            let of_this = written.min(piece.len());
            piece.advance(of_this);
            written -= of_this;
            if !piece.is_empty() {
                break;
            }
            later.pieces.pop_front();
        }
    }
}

impl Later {
    /// A body that comes in pieces, all of which are here.
    fn all_here(pieces: [Bytes; 3]) -> Self {
        let size: usize = pieces.iter().map(Bytes::len).sum();
        Self {
            body: Body::empty(),
            left: Some(size as u64),
            pieces: pieces.into(),
            is_over: true,
        }
    }

    /// Takes what there is, as long as it can be written at once.
    fn poll_pieces(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        while !self.is_over && self.pieces.len() < AT_ONCE - 1 {
            if self.poll_more(cx)?.is_pending() {
                return Ok(Poll::Pending);
            }
        }
        Ok(Poll::Ready(()))
    }

    /// The next piece of the body, or its end.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        let Poll::Ready(next) = Pin::new(&mut self.body).poll_frame(cx) else {
            return Ok(Poll::Pending);
        };
        let Some(frame) = next.transpose().map_err(io::Error::other)? else {
            match self.left {
                None => self.pieces.push_back(Bytes::from_static(b"0\r\n\r\n")),
                Some(0) => {}
                Some(_) => {
                    return Err(io::Error::other(
                        "the request's body is shorter than it said",
                    ));
                }
            }
            self.is_over = true;
            return Ok(Poll::Ready(()));
        };
        let Some(data) = frame.into_data().ok().filter(|data| !data.is_empty()) else {
            return Ok(Poll::Ready(()));
        };
        match &mut self.left {
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
        Ok(Poll::Ready(()))
    }
}

/// What is before an `@` is no part of the host, and the port that the scheme has anyway is left out: signatures count on that.
fn host(uri: &Uri) -> &str {
    let text = uri.authority().map_or("", |authority| authority.as_str());
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
        let text = name.as_str();
        // Most are known by their lengths to be others.
        if !matches!(text.len(), 10 | 14 | 17) || !OURS.contains(name) {
            line(head, text, value.as_bytes());
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
    let mut digits = [0; 20];
    let mut left = bytes;
    let mut first = digits.len();
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (left % 10) as u8;
        first = place;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    line(
        head,
        "content-length",
        digits.get(first..).unwrap_or_default(),
    );
}

fn wants_length(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

#[cfg(test)]
mod tests;
