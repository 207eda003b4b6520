//! A connection whose first bytes have to come in time, and which is read in small pieces.
//!
//! hyper times the head of every request, but first it waits for the bytes that tell HTTP/1 from HTTP/2, and that it does for ever.
//!
//! hyper also doubles its buffer whenever a read fills it, and keeps one of that size for as long as the answer takes, to notice a client
//! that leaves. A stream may take minutes, and after a large request it would hold 64 KiB for nothing.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take},
    time::{Sleep, sleep},
};

/// What HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The most bytes of one read: a buffer of 16 KiB is never filled by it, and so never doubled.
const PIECE: u64 = (16 << 10) - 1;

/// Fails to be read if a client does not say in time what it speaks.
pub struct Hurried<S> {
    stream: Take<S>,
    /// None once enough has come.
    clock: Option<Pin<Box<Sleep>>>,
    /// What may still come of the preface.
    rest: &'static [u8],
}

impl<S: AsyncRead> Hurried<S> {
    pub fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream: stream.take(PIECE),
            clock: Some(Box::pin(sleep(patience))),
            rest: PREFACE,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Hurried<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        // Without a new limit the stream would seem to end at the old one.
        this.stream.set_limit(PIECE);
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, buffer) {
            if this.clock.is_some() {
                let came = buffer.filled().get(before..).unwrap_or_default();
                match this.rest.strip_prefix(came) {
                    Some(rest @ [_, ..]) if !came.is_empty() => this.rest = rest,
                    // From here on hyper knows what it is, and looks at its own clock.
                    _ => this.clock = None,
                }
            }
            return Poll::Ready(read);
        }
        let Some(clock) = &mut this.clock else {
            return Poll::Pending;
        };
        ready!(clock.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Hurried<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.get_ref().is_write_vectored()
    }
}
