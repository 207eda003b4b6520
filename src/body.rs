//! The one HTTP body type of this crate, in both directions.

use std::{
    any::Any,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};

use crate::BoxError;

/// An HTTP body: empty, whole, or streamed.
///
/// It is what the leaf sends to a vendor, what a client hands back, and what [`Ingress`](crate::ingress::Ingress)
/// answers with. The size of a whole body is known, so clients send `content-length` for it.
#[derive(Default)]
pub struct Body(Inner);

#[derive(Default)]
enum Inner {
    #[default]
    Empty,
    Full(Bytes),
    /// A whole body in pieces, which are sent without being put together. None of them is empty. Few bodies are: they are not to make
    /// the others large.
    Pieces(Box<Pieces>),
    Boxed(UnsyncBoxBody<Bytes, BoxError>),
}

/// So many a body is made of that differs from another in one place.
const PIECES: usize = 3;

struct Pieces {
    pieces: [Bytes; PIECES],
    /// The first that is still there.
    next: usize,
}

impl Pieces {
    fn rest(&self) -> &[Bytes] {
        self.pieces.get(self.next..).unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.rest().iter().map(Bytes::len).sum()
    }
}

impl Body {
    /// A body without bytes.
    pub const fn empty() -> Self {
        Self(Inner::Empty)
    }

    /// Wraps any other body whose data are [`Bytes`].
    pub fn new<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        // One of these needs no other around it, through which every chunk would pass.
        let mut body = Some(body);
        let same = (&mut body as &mut dyn Any).downcast_mut::<Option<Self>>();
        if let Some(same) = same.and_then(Option::take) {
            return same;
        }
        let boxed = body.map(|body| Self::boxed(body.map_err(Into::into)));
        boxed.unwrap_or_default()
    }

    /// One of our own, whose errors are what they have to be: nothing more is around it than need be.
    pub(crate) fn boxed(
        body: impl HttpBody<Data = Bytes, Error = BoxError> + Send + 'static,
    ) -> Self {
        Self(Inner::Boxed(body.boxed_unsync()))
    }
}

impl Body {
    /// A whole body in pieces.
    pub(crate) fn pieces(pieces: [Bytes; PIECES]) -> Self {
        match pieces.iter().any(Bytes::is_empty) {
            true => Self::from(pieces.concat()),
            false => Self(Inner::Pieces(Box::new(Pieces { pieces, next: 0 }))),
        }
    }

    /// The pieces that are there already, and whatever has still to come.
    #[cfg(any(test, feature = "reqwest"))]
    pub(crate) fn into_pieces(self) -> Result<[Bytes; PIECES], Self> {
        match self.0 {
            Inner::Pieces(pieces) if pieces.next == 0 => Ok(pieces.pieces),
            _ => {
                let bytes = self.try_into_bytes()?;
                Ok([bytes, Bytes::new(), Bytes::new()])
            }
        }
    }

    /// The bytes, if they are all there already.
    ///
    /// # Errors
    /// The body itself, if it is streamed.
    pub fn try_into_bytes(self) -> Result<Bytes, Self> {
        match self.0 {
            Inner::Empty => Ok(Bytes::new()),
            Inner::Full(bytes) => Ok(bytes),
            Inner::Pieces(pieces) => Ok(pieces.rest().concat().into()),
            Inner::Boxed(_) => Err(self),
        }
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() {
            Self::empty()
        } else {
            Self(Inner::Full(bytes))
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Inner::Empty => Poll::Ready(None),
            Inner::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Inner::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Inner::Pieces(pieces) => {
                let next = pieces.next;
                let piece = pieces.pieces.get_mut(next).map(std::mem::take);
                pieces.next = next + 1;
                Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
            }
            Inner::Boxed(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Empty => true,
            Inner::Full(_) => false,
            Inner::Pieces(pieces) => pieces.rest().is_empty(),
            Inner::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Empty => SizeHint::with_exact(0),
            Inner::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Pieces(pieces) => SizeHint::with_exact(pieces.len() as u64),
            Inner::Boxed(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.size_hint();
        f.debug_struct("Body")
            .field("lower", &size.lower())
            .field("upper", &size.upper())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Body {
        Body::pieces(["ab", "c", "def"].map(Bytes::from))
    }

    #[tokio::test]
    async fn pieces_are_one_body() {
        assert_eq!(body().collect().await.unwrap().to_bytes(), "abcdef");
        assert_eq!(body().try_into_bytes().unwrap(), "abcdef");
        let mut read = body();
        for (left, piece) in [(6, "ab"), (4, "c"), (3, "def")] {
            assert_eq!(read.size_hint().exact(), Some(left));
            assert!(!read.is_end_stream());
            let frame = read.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), piece);
        }
        assert!(read.is_end_stream() && read.frame().await.is_none());
        assert_eq!(read.size_hint().exact(), Some(0));

        let mut begun = body();
        begun.frame().await.unwrap().unwrap();
        assert_eq!(begun.try_into_bytes().unwrap(), "cdef");
        let [all, no, more] = Body::from("x").into_pieces().unwrap();
        assert!(all == "x" && no.is_empty() && more.is_empty());
        let short = Body::pieces(["", "c", ""].map(Bytes::from));
        assert_eq!(short.try_into_bytes().unwrap(), "c");
        let none = Body::pieces(["", "", ""].map(Bytes::from));
        assert!(none.is_end_stream());
    }
}
