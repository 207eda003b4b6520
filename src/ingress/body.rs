//! A streamed answer as an HTTP body, with heartbeats and an honest end.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use tokio::time::Instant;

use super::{
    bell::Bell,
    closing::{Closing, Watched},
    piece::Piece,
    route::Form,
};
use crate::{
    BoxError, alarm::Alarm, dialect::Front, error::Error, response::EventStream, stream::Run, wire,
};

/// What is still to come of an answer whose headers have gone out.
pub(super) type Late = Pin<Box<dyn Future<Output = Result<EventStream, Error>> + Send>>;

pub(super) struct StreamBody {
    state: State,
    piece: Piece,
    front: &'static dyn Front,
    form: Form,
    heartbeat: Option<Heartbeat>,
    /// The first frame with data, and how many there were: some dialects' errors refer to them.
    first: Option<wire::Frame>,
    sent: u64,
    closing: Option<Watched>,
    bell: Option<Bell>,
    /// All that may have more to say was asked, and rings the bell when it has.
    rests: bool,
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
    /// None if no clock goes that far.
    alarm: Option<Alarm>,
    /// Something was sent since it was set.
    sent: bool,
}

impl StreamBody {
    pub(super) fn waiting(
        late: Late,
        front: &'static dyn Front,
        form: Form,
        every: Option<Duration>,
    ) -> Self {
        let mut this = Self::new(State::Waiting(late), front, form, every);
        // The headers go out because a heartbeat is due: so it goes with them.
        if let Some(heartbeat) = &mut this.heartbeat {
            heartbeat.alarm = Some(Alarm::new(Instant::now()));
        }
        this
    }

    pub(super) fn streaming(
        stream: EventStream,
        front: &'static dyn Front,
        form: Form,
        every: Option<Duration>,
    ) -> Self {
        Self::new(State::Streaming(stream), front, form, every)
    }

    fn new(state: State, front: &'static dyn Front, form: Form, every: Option<Duration>) -> Self {
        Self {
            state,
            piece: Piece::default(),
            front,
            form,
            first: None,
            sent: 0,
            closing: None,
            bell: None,
            rests: false,
            heartbeat: every
                .zip(front.heartbeat())
                .map(|(every, bytes)| Heartbeat::new(every, bytes)),
        }
    }

    fn is_cut(&mut self, cx: &mut Context<'_>) -> bool {
        let closing = self.closing.as_mut();
        closing.is_some_and(|closing| closing.poll(cx).is_ready())
    }

    /// The switch that ends it before its time.
    pub(super) fn closing(mut self, closing: Option<Watched>) -> Self {
        self.closing = closing;
        self
    }

    /// Tells the error in the stream; what follows is a cut connection, for a clean end would pass as success.
    fn fail(&mut self, error: Error) {
        match self.form {
            Form::Frames => {
                let told = self
                    .front
                    .last_words(&error, self.first.as_ref(), self.sent);
                self.piece.push_bytes(told);
            }
            Form::List => self.piece.push(self.form, self.front.error_frame(&error)),
        }
        self.state = State::Cutting {
            flushed: false,
            error,
        };
    }
}

/// Frames go out as they came; items of a list are taken out of theirs.
#[inline]
fn poll_run(
    stream: &mut EventStream,
    form: Form,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Run, Error>>> {
    match form {
        Form::Frames => stream.poll_run(cx),
        Form::List => {
            let next = stream.poll_frame(cx);
            next.map(|next| next.map(|frame| frame.map(Run::One)))
        }
    }
}

impl Heartbeat {
    fn new(every: Duration, bytes: Bytes) -> Self {
        Self {
            every,
            bytes,
            alarm: Instant::now().checked_add(every).map(Alarm::new),
            sent: false,
        }
    }

    /// The next beat is due a whole interval from now.
    fn rest(&mut self) {
        match (&mut self.alarm, Instant::now().checked_add(self.every)) {
            (Some(alarm), Some(next)) => alarm.set(next),
            (alarm, next) => *alarm = next.map(Alarm::new),
        }
    }

    /// What was sent was all there is for now: nobody asks again before there is more. True if the clock rings in time.
    fn is_set(&mut self, cx: &mut Context<'_>) -> bool {
        self.sent = false;
        self.rest();
        self.poll_clock(cx).is_pending()
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
        match &mut self.alarm {
            Some(alarm) => alarm.poll(cx),
            None => Poll::Pending,
        }
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
        if this.rests && this.bell.as_ref().is_some_and(|bell| bell.is_silent(cx)) {
            return Poll::Pending;
        }
        let bell = Bell::heard(this.bell.take(), cx);
        let next = this.poll_piece(&mut Context::from_waker(bell.waker()));
        this.bell = Some(bell);
        next.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Over)
    }
}

impl StreamBody {
    /// What is there to be sent, or a heartbeat if nothing has been for too long.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        let this = self;
        this.rests = false;
        let sent = loop {
            match &mut this.state {
                State::Waiting(late) => match late.as_mut().poll(cx) {
                    Poll::Pending if this.is_cut(cx) => {
                        this.fail(Closing::error());
                        break this.piece.take();
                    }
                    Poll::Pending => {
                        this.rests = true;
                        break None;
                    }
                    Poll::Ready(Ok(stream)) => this.state = State::Streaming(stream),
                    Poll::Ready(Err(error)) => {
                        this.fail(error);
                        break this.piece.take();
                    }
                },
                State::Streaming(_) if this.piece.is_enough() => break this.piece.take(),
                State::Streaming(stream) => match poll_run(stream, this.form, cx) {
                    Poll::Pending if this.is_cut(cx) => {
                        this.fail(Closing::error());
                        break this.piece.take();
                    }
                    Poll::Pending => {
                        this.rests = true;
                        break this.piece.take();
                    }
                    Poll::Ready(Some(Ok(Run::Alike {
                        bytes,
                        frames,
                        last,
                    }))) => {
                        this.sent += frames;
                        if let Some(before) = this.piece.push_run(bytes) {
                            break Some(before);
                        }
                        if last {
                            break this.piece.take();
                        }
                    }
                    Poll::Ready(Some(Ok(Run::One(frame)))) => {
                        if frame.has_data() {
                            this.sent += 1;
                            if this.first.is_none() {
                                this.first = Some(frame.clone());
                            }
                        }
                        this.piece.push(this.form, frame);
                    }
                    Poll::Ready(Some(Err(error))) => {
                        this.fail(error);
                        break this.piece.take();
                    }
                    Poll::Ready(None) => {
                        this.state = State::Over;
                        this.piece.push_end(this.form);
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
                    this.rests = this.rests && heartbeat.is_set(cx);
                }
                Poll::Ready(Some(Ok(bytes)))
            }
            (None, Some(heartbeat)) => {
                let beat = heartbeat.poll(cx);
                this.rests = this.rests && beat.is_pending();
                beat.map(|beat| Some(Ok(beat)))
            }
            (None, None) => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::{Arc, Mutex},
        task::Waker,
    };

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
        StreamBody::streaming(
            EventStream::new(&OpenAiChat, source),
            front,
            Form::Frames,
            None,
        )
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
        let mut body = StreamBody::streaming(stream, front, Form::Frames, None);
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(piece, "data: a\n\ndata: b\n\ndata: c\n\n");
        assert!(body.is_end_stream());
    }

    #[tokio::test]
    async fn a_piece_is_no_larger_than_it_must_be() {
        let frames = (0..100).map(|_| wire::Frame::new(None, "x".repeat(1_000)));
        let stream = EventStream::from_frames(&OpenAiChat, frames);
        let front = OpenAiChat.front().unwrap();
        let pieces = pieces(StreamBody::streaming(stream, front, Form::Frames, None)).await;
        let sizes: Vec<usize> = pieces.iter().map(|p| p.as_ref().unwrap().len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 100 * 1_008);
        assert!(
            sizes.iter().all(|size| *size < (16 << 10) + 1_008),
            "{sizes:?}"
        );
    }

    #[tokio::test]
    async fn what_is_not_there_is_not_waited_for() {
        let pieces = pieces(body(1_000, false)).await;
        let text: String = pieces
            .iter()
            .map(|p| p.as_ref().unwrap().as_str())
            .collect();
        let want: String = (0..1_000).rev().map(|n| format!("data: {n}\n\n")).collect();
        assert_eq!(text, want);
        assert_eq!(pieces.len(), 1_000);
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

    /// Counts how often it was asked, and waits until it is told to go on.
    struct Counting(Arc<Mutex<Counts>>);

    #[derive(Default)]
    struct Counts {
        asked: u32,
        frames: u32,
        waker: Option<Waker>,
    }

    impl FrameSource for Counting {
        fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<wire::Frame, Error>>> {
            let mut counts = self.0.lock().unwrap();
            counts.asked += 1;
            match counts.frames.checked_sub(1) {
                Some(left) => {
                    counts.frames = left;
                    Poll::Ready(Some(Ok(wire::Frame::new(None, "x"))))
                }
                None => {
                    counts.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        }

        fn usage(&self) -> Option<Usage> {
            None
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_asked_again_before_there_is_news() {
        let second = Duration::from_secs(1);
        for every in [None, Some(second * 15)] {
            let counts = Arc::new(Mutex::new(Counts::default()));
            let stream = EventStream::new(&OpenAiChat, Counting(counts.clone()));
            let front = OpenAiChat.front().unwrap();
            let closing = Closing::new();
            let mut body = StreamBody::streaming(stream, front, Form::Frames, every)
                .closing(Some(closing.watched()));
            let mut task = tokio_test::task::spawn(());
            let mut ask = |asked: u32| {
                let next = task.enter(|cx, _| Pin::new(&mut body).poll_frame(cx));
                assert_eq!(std::mem::take(&mut counts.lock().unwrap().asked), asked);
                (task.is_woken(), next)
            };
            let ring = |frames| {
                counts.lock().unwrap().frames = frames;
                let waker = counts.lock().unwrap().waker.clone().unwrap();
                waker.wake();
            };
            assert!(matches!(ask(1), (false, Poll::Pending)));
            assert!(matches!(ask(0), (false, Poll::Pending)));
            ring(2);
            assert!(matches!(ask(3), (_, Poll::Ready(Some(Ok(_))))));
            for _ in 0..3 {
                assert!(matches!(ask(0), (_, Poll::Pending)));
            }
            // A wake-up for nothing, and one by the clock.
            ring(0);
            assert!(matches!(ask(1), (_, Poll::Pending)));
            if every.is_some() {
                tokio::time::advance(second * 10).await;
                ring(1);
                assert!(matches!(ask(2), (_, Poll::Ready(Some(Ok(_))))));
                tokio::time::sleep(second * 14).await;
                // The timer, which is set seldom, has rung too early.
                assert!(matches!(ask(1), (_, Poll::Pending)));
                tokio::time::sleep(second * 2).await;
                let beat = task.enter(|cx, _| Pin::new(&mut body).poll_frame(cx));
                assert!(
                    matches!(beat, Poll::Ready(Some(Ok(_)))),
                    "a heartbeat after 15 s"
                );
            }
            // Another task has to be woken from now on.
            let mut other = tokio_test::task::spawn(());
            let next = other.enter(|cx, _| Pin::new(&mut body).poll_frame(cx));
            assert!(next.is_pending() && !other.is_woken());
            closing.cut();
            assert!(other.is_woken());
            let told = other.enter(|cx, _| Pin::new(&mut body).poll_frame(cx));
            assert!(matches!(told, Poll::Ready(Some(Ok(_)))));
        }
    }
}
