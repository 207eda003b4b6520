//! A stream that already is in the caller's dialect.

use std::task::{Context, Poll, ready};

use crate::{
    chat::Usage, dialect::Front, error::Error, response::EventStream, stream::FrameSource,
    wire::Frame,
};

/// Frames as they come, less the usage nobody asked for and what no client bears, plus the ending the vendor left out.
pub(super) struct PassThrough {
    frames: EventStream,
    front: &'static dyn Front,
    strip_usage: bool,
    last: Option<Frame>,
    over: bool,
}

impl PassThrough {
    pub(super) fn new(frames: EventStream, front: &'static dyn Front, strip_usage: bool) -> Self {
        Self {
            frames,
            front,
            strip_usage,
            last: None,
            over: false,
        }
    }
}

impl FrameSource for PassThrough {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, Error>>> {
        while !self.over {
            let Some(frame) = ready!(self.frames.poll_frame(cx)) else {
                self.over = true;
                return Poll::Ready(self.front.ending(self.last.as_ref()).map(Ok));
            };
            let frame = match frame {
                Ok(frame) if self.strip_usage && self.front.is_usage_only(&frame) => continue,
                Ok(frame) => match self.front.passed(frame) {
                    Some(frame) => frame,
                    None => continue,
                },
                error => return Poll::Ready(Some(error)),
            };
            if frame.has_data() {
                self.last = Some(frame.clone());
            }
            return Poll::Ready(Some(Ok(frame)));
        }
        Poll::Ready(None)
    }

    fn usage(&self) -> Option<Usage> {
        self.frames.usage()
    }
}
