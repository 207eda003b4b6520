//! One connection, which lives while somebody polls it.

use std::{
    future::{Future, poll_fn},
    io,
    pin::pin,
    task::{Context, Poll, ready},
};

use bytes::{BufMut, BytesMut};
use http::uri::Authority;
use memchr::memchr;
use tokio::io::AsyncReadExt;

use super::{
    framing::Framing,
    head::{self, Head},
    message::Message,
    stream::Stream,
};

/// How much room there is for what is read at first, and at most.
const ROOM: usize = 8 << 10;
const MOST_ROOM: usize = 64 << 10;

/// Whom a connection leads to.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) tls: bool,
    pub(super) authority: Authority,
}

/// A connection.
pub(super) struct Line {
    pub(super) origin: Origin,
    stream: Stream,
    /// What was read, and not yet told.
    pub(super) buffer: BytesMut,
    /// How much is read at once.
    room: usize,
    /// What is left to be written.
    message: Option<Message>,
    /// Why that was given up.
    unwritten: Option<io::Error>,
    /// May it be used again, as far as is known?
    keeps: bool,
}

/// Why there is no answer.
pub(super) enum Unanswered {
    /// Nothing of the request was written.
    Unsent(Box<Message>, io::Error),
    /// Nobody knows what arrived.
    Sent(io::Error),
}

impl Origin {
    pub(super) const fn new(tls: bool, authority: Authority) -> Self {
        Self { tls, authority }
    }

    /// Is it this one? Byte by byte: names that differ in their capitals only have connections of their own.
    pub(super) fn is(&self, tls: bool, authority: &Authority) -> bool {
        self.tls == tls && self.authority.as_str() == authority.as_str()
    }
}

impl Line {
    pub(super) fn new(origin: Origin, stream: Stream) -> Box<Self> {
        Box::new(Self {
            origin,
            stream,
            buffer: BytesMut::new(),
            room: ROOM,
            message: None,
            unwritten: None,
            keeps: true,
        })
    }

    /// Is the last answer over, and may another request be sent?
    pub(super) fn is_ready(&self) -> bool {
        self.keeps && self.message.is_none() && self.buffer.is_empty()
    }

    /// Sends the request and waits for the head of its answer.
    pub(super) async fn send(&mut self, message: Message) -> Result<Head, Unanswered> {
        let has_body = message.is_answered_in_full;
        self.message = Some(message);
        let head = poll_fn(|cx| self.poll_head(cx, has_body)).await?;
        self.keeps &= head.keeps;
        Ok(head)
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        has_body: bool,
    ) -> Poll<Result<Head, Unanswered>> {
        if self.message.as_ref().is_some_and(Message::is_unsent) {
            // It is read before anything is written: if the other side has closed it, another connection may have the request.
            let read = match self.poll_read(cx) {
                Poll::Pending => None,
                Poll::Ready(Ok(0)) => Some(closed()),
                Poll::Ready(Ok(_)) => Some(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the connection told something that nobody had asked for",
                )),
                Poll::Ready(Err(error)) => Some(error),
            };
            if let Some(error) = read
                && let Some(message) = self.message.take()
            {
                return Poll::Ready(Err(Unanswered::Unsent(Box::new(message), error)));
            }
        }
        let mut is_hopeless = false;
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            match self.message.take() {
                Some(message) if message.is_unsent() => {
                    return Poll::Ready(Err(Unanswered::Unsent(Box::new(message), error)));
                }
                message => is_hopeless = message.is_some_and(|message| message.is_broken),
            }
            self.keeps = false;
            self.unwritten = Some(error);
        }
        // Who does not read all of a request may have answered it nevertheless.
        loop {
            let error = match self.poll_read(cx) {
                Poll::Ready(Ok(0)) => closed(),
                Poll::Ready(Ok(read)) => match self.head_behind(read, has_body) {
                    Ok(Some(head)) => return Poll::Ready(Ok(head)),
                    Ok(None) => continue,
                    Err(error) => error,
                },
                Poll::Ready(Err(error)) => error,
                // Nobody answers the half of a request. A connection that cannot be written to is another matter: its end comes soon,
                // and perhaps an answer before it.
                Poll::Pending if is_hopeless => closed(),
                Poll::Pending => return Poll::Pending,
            };
            let error = self.unwritten.take().unwrap_or(error);
            return Poll::Ready(Err(Unanswered::Sent(error)));
        }
    }

    /// The head, if these last bytes end it: looking at all of them for each piece takes long if there are many small ones.
    fn head_behind(&mut self, read: usize, has_body: bool) -> io::Result<Option<Head>> {
        let before = self.buffer.len().saturating_sub(read);
        let new = self.buffer.get(before..).unwrap_or_default();
        match memchr(b'\n', new) {
            None if before > 0 && self.buffer.len() < head::MOST_BYTES => Ok(None),
            _ => Head::take(&mut self.buffer, has_body),
        }
    }

    /// Writes what is left of the request.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(message) = &mut self.message {
            ready!(message.poll_write(cx, &mut self.stream))?;
            self.message = None;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads more; 0 bytes are the end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let spare = self.buffer.capacity() - self.buffer.len();
        // Told to make room, the buffer would double at times. What is held for one answer is to stay small.
        if spare < self.room / 2 && !self.buffer.try_reclaim(self.room) {
            let mut fresh = BytesMut::with_capacity(self.buffer.len() + self.room);
            fresh.extend_from_slice(&self.buffer);
            self.buffer = fresh;
        }
        let mut room = (&mut self.buffer).limit(self.room);
        let read = ready!(pin!(self.stream.read_buf(&mut room)).poll(cx))?;
        if read == self.room {
            self.room = (self.room * 2).min(MOST_ROOM);
        }
        Poll::Ready(Ok(read))
    }

    /// The next data of a body that ends so; none at its end.
    pub(super) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
        framing: &mut Framing,
    ) -> Poll<Option<io::Result<bytes::Bytes>>> {
        // An answer may begin before all of its request is written.
        if let Poll::Ready(Err(_)) = self.poll_write(cx) {
            self.message = None;
            self.keeps = false;
        }
        loop {
            if let Some(data) = framing.take(&mut self.buffer)? {
                return Poll::Ready(Some(Ok(data)));
            }
            if framing.is_over() {
                return Poll::Ready(None);
            }
            if ready!(self.poll_read(cx))? == 0 {
                self.keeps = false;
                let is_over = framing.ends_with_connection();
                *framing = Framing::Over;
                return Poll::Ready((!is_over).then(|| Err(closed())));
            }
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the other side closed the connection",
    )
}
