//! A connection whose first bytes have to come in time.
//!
//! hyper times the head of every request, but first it waits for the bytes that tell HTTP/1 from HTTP/2, and that it does for ever.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// What HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Fails to be read if a client does not say in time what it speaks.
pub struct Hurried<S> {
    stream: S,
    /// None once enough has come.
    clock: Option<Pin<Box<Sleep>>>,
    /// What may still come of the preface.
    rest: &'static [u8],
}

impl<S> Hurried<S> {
    pub fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Hurried<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
