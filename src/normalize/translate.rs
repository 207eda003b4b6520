//! A stream written anew in the caller's dialect.

use std::{
    collections::VecDeque,
    task::{Context, Poll, ready},
};

use super::{losses::Losses, tools::ToolNames};
use crate::{
    chat::{ChatEvent, EventSink, Usage},
    dialect::{Asked, EventEncoder, Front},
    error::Error,
    response::{EventStream, Events},
    stream::FrameSource,
    wire::Frame,
};

pub(super) struct Translation {
    events: Source,
    encoder: Box<dyn EventEncoder>,
    /// What of the events the caller is not told.
    lost: Losses,
    ready: VecDeque<Frame>,
}

enum Source {
    Stream(Box<Events>, ToolNames),
    /// A whole answer told as events.
    Whole(Box<EventSink>),
}

impl Translation {
    pub(super) fn of_stream(
        frames: EventStream,
        names: ToolNames,
        front: &'static dyn Front,
        asked: &Asked<'_>,
    ) -> Self {
        Self {
            events: Source::Stream(Box::new(frames.into_events()), names),
            encoder: front.encoder(asked),
            lost: Losses::new(front),
            ready: VecDeque::new(),
        }
    }

    pub(super) fn of_events(
        events: EventSink,
        front: &'static dyn Front,
        asked: &Asked<'_>,
    ) -> Self {
        Self {
            events: Source::Whole(Box::new(events)),
            encoder: front.encoder(asked),
            lost: Losses::new(front),
            ready: VecDeque::new(),
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<(), Error>>> {
        let Self {
            events,
            encoder,
            lost,
            ready: frames,
        } = self;
        let mut encode = |event: ChatEvent| {
            lost.see(&event);
            encoder.encode(event, frames);
        };
        let event = match events {
            Source::Whole(sink) => sink.next_event(),
            Source::Stream(events, names) => match ready!(events.poll_next(cx)) {
                Some(Ok(event)) => {
                    names.restore_event(event, &mut encode);
                    return Poll::Ready(Some(Ok(())));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => None,
            },
        };
        Poll::Ready(event.map(|event| {
            encode(event);
            Ok(())
        }))
    }
}

impl FrameSource for Translation {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, Error>>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(frame)));
            }
            match ready!(self.poll_event(cx)) {
                Some(Ok(())) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.lost.tell();
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn usage(&self) -> Option<Usage> {
        match &self.events {
            Source::Stream(events, _) => events.usage(),
            Source::Whole(sink) => sink.known_usage().copied(),
        }
    }
}
