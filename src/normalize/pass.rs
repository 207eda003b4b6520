//! A stream that already is in the caller's dialect.

use std::{
    ptr,
    task::{Context, Poll, ready},
};

use crate::{
    chat::Usage,
    dialect::Front,
    error::Error,
    response::EventStream,
    stream::{FrameSource, Run},
    wire::Frame,
};

/// Frames as they come, less the usage nobody asked for and what no client bears, plus the ending the vendor left out.
pub(super) struct PassThrough {
    frames: EventStream,
    front: &'static dyn Front,
    strip_usage: bool,
    last: Option<Frame>,
    /// The latest frame passed as it came: so do those that are like it.
    unchanged: bool,
    over: bool,
}

impl PassThrough {
    pub(super) fn new(frames: EventStream, front: &'static dyn Front, strip_usage: bool) -> Self {
        Self {
            frames,
            front,
            strip_usage,
            last: None,
            unchanged: false,
            over: false,
        }
    }
}

impl PassThrough {
    /// The frame as the caller reads it; none if it is kept from them.
    fn pass(&mut self, frame: Frame) -> Option<Frame> {
        self.unchanged = false;
        if self.strip_usage && self.front.is_usage_only(&frame) {
            return None;
        }
        let came = ptr::from_ref::<[u8]>(frame.raw());
        let frame = self.front.passed(frame)?;
        self.unchanged = ptr::eq(came, ptr::from_ref(&**frame.raw()));
        if frame.has_data() {
            self.last = Some(frame.clone());
        }
        Some(frame)
    }

    fn end(&mut self) -> Option<Frame> {
        self.over = true;
        self.front.ending(self.last.as_ref())
    }
}

impl FrameSource for PassThrough {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, Error>>> {
        while !self.over {
            let Some(frame) = ready!(self.frames.poll_frame(cx)) else {
                return Poll::Ready(self.end().map(Ok));
            };
            if let Some(frame) = frame.map(|frame| self.pass(frame)).transpose() {
                return Poll::Ready(Some(frame));
            }
        }
        Poll::Ready(None)
    }

    fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Run, Error>>> {
        while self.unchanged && !self.over {
            match ready!(self.frames.poll_run(cx)) {
                Some(Ok(Run::One(frame))) => {
                    if let Some(frame) = self.pass(frame) {
                        return Poll::Ready(Some(Ok(Run::One(frame))));
                    }
                }
                None => return Poll::Ready(self.end().map(|frame| Ok(Run::One(frame)))),
                other => return Poll::Ready(other),
            }
        }
        let next = self.poll_frame(cx);
        next.map(|next| next.map(|frame| frame.map(Run::One)))
    }

    fn usage(&self) -> Option<Usage> {
        self.frames.usage()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::dialect::{Dialect, openai_chat::OpenAiChat};

    #[tokio::test]
    async fn an_ending_is_added_once_however_it_is_asked_for() {
        let chunk = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
        for (vendors, runs) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut frames = vec![Frame::new(None, chunk)];
            frames.extend(vendors.then(|| Frame::new(None, "[DONE]")));
            let frames = EventStream::from_frames(&OpenAiChat, frames);
            let mut pass = PassThrough::new(frames, OpenAiChat.front().unwrap(), false);
            let mut told = Vec::new();
            // A source may be asked again behind its end.
            for _ in 0..5 {
                let next = match runs {
                    true => poll_fn(|cx| pass.poll_run(cx)).await,
                    false => {
                        let next = poll_fn(|cx| pass.poll_frame(cx)).await;
                        next.map(|frame| frame.map(Run::One))
                    }
                };
                if let Some(Run::One(frame)) = next.map(Result::unwrap) {
                    told.push(frame.data().clone());
                }
            }
            assert_eq!(told, [chunk, "[DONE]"], "{vendors} {runs}");
        }
    }
}
