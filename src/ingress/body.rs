//! A streamed answer as an HTTP body, with heartbeats and an honest end.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame};
use tokio::time::{Instant, Sleep, sleep};

use crate::{BoxError, dialect::Front, error::Error, response::EventStream};

/// What is still to come of an answer whose headers have gone out.
pub(super) type Late = Pin<Box<dyn Future<Output = Result<EventStream, Error>> + Send>>;

/// Frames that are there at once go out as one piece, up to this size or a little more.
const PIECE: usize = 16 << 10;

pub(super) struct StreamBody {
    state: State,
    piece: Piece,
    front: &'static dyn Front,
    heartbeat: Option<Heartbeat>,
}

enum State {
    /// The vendor has not begun.
    Waiting(Late),
    Streaming(EventStream),
    /// The error has been told; the connection is to be cut once that is on its way.
    Cutting {
        flushed: bool,
        error: Error,
    },
    Over,
}

struct Heartbeat {
    every: Duration,
    bytes: Bytes,
    /// It may ring early, and is then set to `due`: setting it at every event would cost each of them.
    clock: Pin<Box<Sleep>>,
    due: Instant,
    /// Something was sent since `due` was told.
    sent: bool,
}

impl StreamBody {
    pub(super) fn waiting(late: Late, front: &'static dyn Front, every: Option<Duration>) -> Self {
        let mut this = Self::new(State::Waiting(late), front, every);
        // The headers go out because a heartbeat is due: so it goes with them.
        if let Some(heartbeat) = &mut this.heartbeat {
            heartbeat.due = Instant::now();
            heartbeat.clock.as_mut().reset(heartbeat.due);
        }
        this
    }

    pub(super) fn streaming(
        stream: EventStream,
        front: &'static dyn Front,
        every: Option<Duration>,
    ) -> Self {
        Self::new(State::Streaming(stream), front, every)
    }

    fn new(state: State, front: &'static dyn Front, every: Option<Duration>) -> Self {
        Self {
            state,
            piece: Piece::default(),
            front,
            heartbeat: every
                .zip(front.heartbeat())
                .map(|(every, bytes)| Heartbeat::new(every, bytes)),
        }
    }

    /// Tells the error in the stream; what follows is a cut connection, for a clean end would pass as success.
    fn fail(&mut self, error: Error) -> Bytes {
        let bytes = self.front.error_frame(&error).into_raw();
        self.state = State::Cutting {
            flushed: false,
            error,
        };
        bytes
    }
}

/// What is to go out next. Every piece costs a chunk, a system call, and the same again at whoever reads it.
#[derive(Default)]
struct Piece {
    first: Bytes,
    all: BytesMut,
    patience: Patience,
}

impl Piece {
    fn push(&mut self, bytes: Bytes) {
        if self.first.is_empty() && self.all.is_empty() {
            self.first = bytes;
            return;
        }
        if !self.first.is_empty() {
            // Bursts are alike: there will be more.
            self.all.reserve(4 * (self.first.len() + bytes.len()));
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.all.extend_from_slice(&bytes);
    }

    fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    /// What was gathered, if anything was.
    fn take(&mut self) -> Option<Bytes> {
        if self.first.is_empty() && self.all.is_empty() {
            return None;
        }
        self.patience.len = 0;
        Some(if self.all.is_empty() {
            std::mem::take(&mut self.first)
        } else {
            self.all.split().freeze()
        })
    }

    /// Is it worth letting other tasks run once before this goes out?
    ///
    /// HTTP clients read the vendor's connection in a task of its own, which hands over one chunk at a time: of a burst only the
    /// first is ever ready, until that task has run. So now and then a piece waits for one turn of the scheduler, some microseconds;
    /// where that brought more, the next one waits as well.
    fn waits(&mut self) -> bool {
        let len = self.len();
        let Patience {
            len: before,
            rest,
            pause,
        } = &mut self.patience;
        match *before {
            // The turn brought nothing.
            before if before == len => {
                *pause = (*pause * 2).clamp(1, 64);
                *rest = *pause;
                false
            }
            0 if *rest > 0 => {
                *rest -= 1;
                false
            }
            before => {
                if before > 0 {
                    *pause = 0;
                }
                self.patience.len = len;
                true
            }
        }
    }
}

struct Patience {
    /// How much had been gathered when it began to wait; zero if it does not.
    len: usize,
    /// The pieces to come that do not wait.
    rest: u32,
    /// How many those were last time.
    pause: u32,
}

impl Default for Patience {
    fn default() -> Self {
        // The first piece goes out with the headers.
        Self {
            len: 0,
            rest: 1,
            pause: 1,
        }
    }
}

impl Heartbeat {
    fn new(every: Duration, bytes: Bytes) -> Self {
        let clock = Box::pin(sleep(every));
        Self {
            every,
            bytes,
            due: clock.deadline(),
            clock,
            sent: false,
        }
    }

    /// The next beat is due a whole interval from now.
    fn rest(&mut self) {
        if let Some(next) = Instant::now().checked_add(self.every) {
            self.due = next;
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        // Told when the stream falls silent, not with every frame: frames that come in a burst do not pay for it.
        if std::mem::take(&mut self.sent) {
            self.rest();
        }
        ready!(self.poll_clock(cx));
        self.rest();
        // Registers for the next beat, lest nobody wakes us.
        let _ = self.poll_clock(cx);
        Poll::Ready(self.bytes.clone())
    }

    /// Ready when a beat is due.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.clock.as_mut().poll(cx));
        if self.clock.deadline() >= self.due {
            return Poll::Ready(());
        }
        self.clock.as_mut().reset(self.due);
        self.clock.as_mut().poll(cx)
    }
}

impl HttpBody for StreamBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let sent = loop {
            match &mut this.state {
                State::Waiting(late) => match late.as_mut().poll(cx) {
                    Poll::Pending => break None,
                    Poll::Ready(Ok(stream)) => this.state = State::Streaming(stream),
                    Poll::Ready(Err(error)) => break Some(this.fail(error)),
                },
                State::Streaming(stream) => match stream.poll_frame(cx) {
                    Poll::Pending => {
                        if this.piece.len() > 0 && this.piece.waits() {
                            cx.waker().wake_by_ref();
                            return Poll::Pending;
                        }
                        break this.piece.take();
                    }
                    Poll::Ready(Some(Ok(frame))) => {
                        this.piece.push(frame.into_raw());
                        if this.piece.len() >= PIECE {
                            break this.piece.take();
                        }
                    }
                    Poll::Ready(Some(Err(error))) => {
                        let told = this.fail(error);
                        this.piece.push(told);
                        break this.piece.take();
                    }
                    Poll::Ready(None) => {
                        this.state = State::Over;
                        break this.piece.take();
                    }
                },
                State::Cutting { flushed, error } => {
                    if !std::mem::replace(flushed, true) {
                        // hyper writes out what it has when a body has nothing more for now, and drops it when a body fails.
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    let error = error.clone();
                    this.state = State::Over;
                    return Poll::Ready(Some(Err(error.into())));
                }
                State::Over => return Poll::Ready(None),
            }
        };
        if matches!(this.state, State::Over) && sent.is_none() {
            return Poll::Ready(None);
        }
        match (sent, &mut this.heartbeat) {
            (Some(bytes), heartbeat) => {
                if let Some(heartbeat) = heartbeat {
                    heartbeat.sent = true;
                }
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            (None, Some(heartbeat)) => heartbeat.poll(cx).map(|beat| Some(Ok(Frame::data(beat)))),
            (None, None) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Over)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use http_body_util::BodyExt;

    use super::*;
    use crate::{
        chat::Usage,
        dialect::{Dialect, openai_chat::OpenAiChat},
        error::ErrorKind,
        stream::FrameSource,
        wire,
    };

    /// A source that hands over one frame for each turn of the scheduler, as clients with a task of their own do.
    struct Dripping {
        left: u32,
        turn: bool,
        fails: bool,
    }

    impl FrameSource for Dripping {
        fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<wire::Frame, Error>>> {
            self.turn = !self.turn;
            if !self.turn {
                // As if its task ran before the reader's next turn.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match self.left.checked_sub(1) {
                Some(left) => {
                    self.left = left;
                    Poll::Ready(Some(Ok(wire::Frame::new(None, format!("{left}")))))
                }
                None if self.fails => {
                    Poll::Ready(Some(Err(Error::new(ErrorKind::StreamBroken, "cut"))))
                }
                None => Poll::Ready(None),
            }
        }

        fn usage(&self) -> Option<Usage> {
            None
        }
    }

    fn body(left: u32, fails: bool) -> StreamBody {
        let source = Dripping {
            left,
            turn: false,
            fails,
        };
        let front = OpenAiChat.front().unwrap();
        StreamBody::streaming(EventStream::new(&OpenAiChat, source), front, None)
    }

    async fn pieces(mut body: StreamBody) -> Vec<Result<String, BoxError>> {
        let mut pieces = Vec::new();
        while let Some(piece) = body.frame().await {
            pieces.push(
                piece.map(|frame| String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()),
            );
        }
        pieces
    }

    #[tokio::test]
    async fn frames_that_are_there_go_out_as_one_piece() {
        let frames = ["a", "b", "c"].map(|data| wire::Frame::new(None, data));
        let stream = EventStream::from_frames(&OpenAiChat, frames);
        let front = OpenAiChat.front().unwrap();
        let mut body = StreamBody::streaming(stream, front, None);
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(piece, "data: a\n\ndata: b\n\ndata: c\n\n");
        assert!(body.is_end_stream());
    }

    #[tokio::test]
    async fn a_piece_is_no_larger_than_it_must_be() {
        let frames = (0..100).map(|_| wire::Frame::new(None, "x".repeat(1_000)));
        let stream = EventStream::from_frames(&OpenAiChat, frames);
        let front = OpenAiChat.front().unwrap();
        let pieces = pieces(StreamBody::streaming(stream, front, None)).await;
        let sizes: Vec<usize> = pieces.iter().map(|p| p.as_ref().unwrap().len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 100 * 1_008);
        assert!(sizes.iter().all(|size| *size < PIECE + 1_008), "{sizes:?}");
    }

    #[tokio::test]
    async fn a_burst_that_drips_is_gathered_and_nothing_is_lost() {
        let pieces = pieces(body(1_000, false)).await;
        let text: String = pieces
            .iter()
            .map(|p| p.as_ref().unwrap().as_str())
            .collect();
        let want: String = (0..1_000).rev().map(|n| format!("data: {n}\n\n")).collect();
        assert_eq!(text, want);
        // The first goes out at once.
        assert_eq!(pieces[0].as_ref().unwrap(), "data: 999\n\n");
        assert!(pieces.len() < 10, "{}", pieces.len());
    }

    #[tokio::test]
    async fn an_error_is_told_behind_what_came_before_it() {
        let pieces = pieces(body(3, true)).await;
        let (last, told) = pieces.split_last().unwrap();
        last.as_ref().unwrap_err();
        let text: String = told.iter().map(|p| p.as_ref().unwrap().as_str()).collect();
        assert!(
            text.starts_with("data: 2\n\ndata: 1\n\ndata: 0\n\ndata: {\"error\""),
            "{text}"
        );
    }

    /// A stream that is never in a burst waits for more ever more rarely.
    #[test]
    fn waiting_in_vain_is_given_up() {
        let mut piece = Piece::default();
        let mut waits = 0;
        for _ in 0..1_000 {
            piece.push(Bytes::from_static(b"x"));
            while piece.waits() {
                waits += 1;
            }
            assert_eq!(piece.take().unwrap(), "x");
        }
        assert!((5..40).contains(&waits), "{waits}");
    }

    #[tokio::test]
    async fn a_body_that_ended_stays_at_its_end() {
        let mut body = body(1, false);
        while body.frame().await.is_some() {}
        assert!(
            poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))
                .await
                .is_none()
        );
    }
}
