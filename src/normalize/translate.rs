//! A stream written anew in the caller's dialect.

use std::{
    collections::VecDeque,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;

use super::{losses::Losses, tools::ToolNames};
use crate::{
    chat::{ChatEvent, Delta, EventSink, Usage},
    dialect::{Asked, EventEncoder, Front},
    error::Error,
    response::{EventStream, Events},
    stream::{FrameSource, Run},
    wire::Frame,
};

pub(super) struct Translation {
    events: Source,
    encoder: Box<dyn EventEncoder>,
    /// What of the events the caller is not told.
    lost: Losses,
    ready: VecDeque<Frame>,
    /// What the latest frame told more of: the next one may be like it.
    grows: Option<Grows>,
    /// Frames that are like it, written but not handed out.
    more: BytesMut,
    more_frames: u64,
    /// What comes behind these.
    failed: Option<Error>,
}

/// Frames of words are written into blocks of this size, several to a block.
const ROOM: usize = 1 << 10;

/// Words of an open block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grows {
    Text(usize),
    Arguments(usize),
}

impl Grows {
    fn of(event: &ChatEvent) -> Option<Self> {
        match event {
            ChatEvent::Delta {
                index,
                delta: Delta::Text(_),
            } => Some(Self::Text(*index)),
            ChatEvent::Delta {
                index,
                delta: Delta::Arguments(_),
            } => Some(Self::Arguments(*index)),
            _ => None,
        }
    }
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
        let events = Source::Stream(Box::new(frames.into_events()), names);
        Self::new(events, front, asked)
    }

    pub(super) fn of_events(
        events: EventSink,
        front: &'static dyn Front,
        asked: &Asked<'_>,
    ) -> Self {
        Self::new(Source::Whole(Box::new(events)), front, asked)
    }

    fn new(events: Source, front: &'static dyn Front, asked: &Asked<'_>) -> Self {
        Self {
            events,
            encoder: front.encoder(asked),
            lost: Losses::new(front),
            ready: VecDeque::new(),
            grows: None,
            more: BytesMut::new(),
            more_frames: 0,
            failed: None,
        }
    }

    /// Writes what the next event means. Where `together` is true, one that is like the one before need not be a frame.
    fn poll_event(
        &mut self,
        together: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(), Error>>> {
        let Self {
            events,
            encoder,
            lost,
            ready: frames,
            grows,
            more,
            more_frames,
            failed: _,
        } = self;
        let mut encode = |event: ChatEvent| {
            lost.see(&event);
            let what = Grows::of(&event);
            // One frame must have been handed out before others are said to be like it.
            if together && more.capacity() - more.len() < ROOM / 2 {
                more.reserve(ROOM);
            }
            let again = together && what.is_some() && *grows == what && frames.is_empty();
            if again
                && let ChatEvent::Delta { delta, .. } = &event
                && encoder.encode_more(delta, more)
            {
                *more_frames += 1;
                return;
            }
            let before = frames.len();
            encoder.encode(event, frames);
            *grows = what.filter(|_| frames.len() == before + 1);
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
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(frame)));
            }
            match ready!(self.poll_event(false, cx)) {
                Some(Ok(())) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.lost.tell();
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Run, Error>>> {
        /// So much is handed out at once, or a little more.
        const ENOUGH: usize = 8 << 10;
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Run::One(frame))));
            }
            let next = self.poll_event(true, cx);
            let goes_on = matches!(next, Poll::Ready(Some(Ok(()))))
                && self.ready.is_empty()
                && self.more.len() < ENOUGH;
            if goes_on {
                continue;
            }
            if self.more_frames > 0 {
                let last = next.is_pending();
                // What comes next was not handed out: it is asked for again, but for an error, which is told once.
                if let Poll::Ready(Some(Err(error))) = next {
                    self.failed = Some(error);
                }
                return Poll::Ready(Some(Ok(Run::Alike {
                    bytes: self.more.split().freeze(),
                    frames: std::mem::take(&mut self.more_frames),
                    last,
                })));
            }
            match ready!(next) {
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        chat::{CallKind, Stop, StopReason},
        dialect::{
            Dialect, anthropic::Anthropic, gemini::Gemini, openai_chat::OpenAiChat,
            openai_responses::OpenAiResponses,
        },
        error::ErrorKind,
    };

    const FRONTS: [&dyn Dialect; 4] = [&OpenAiChat, &OpenAiResponses, &Anthropic, &Gemini];

    /// A stream of OpenAI's, so that errors and pauses come through as well.
    fn frames(verbs: &[(u8, &str)], fails: bool) -> EventStream {
        let mut sink = EventSink::new();
        sink.start("answer", "model");
        for (at, (verb, text)) in verbs.iter().enumerate() {
            match verb {
                0..5 => sink.text(text),
                5..7 => sink.thinking(text),
                7 => sink.tool_call(at, &format!("id{at}"), "f", CallKind::Function),
                8 => sink.tool_call(at, &format!("id{at}"), "g", CallKind::Custom),
                9..12 => (0..at).for_each(|key| sink.tool_arguments(key, text)),
                12 => sink.refusal(text),
                13 => (0..at).for_each(|key| sink.tool_end(key)),
                _ => sink.usage(&Usage {
                    output: Some(at as u64),
                    ..Usage::default()
                }),
            }
        }
        sink.stop(Stop::new(StopReason::EndTurn));
        sink.end();
        let mut encoder = OpenAiChat
            .front()
            .unwrap()
            .encoder(&Asked::new("model", true, 7));
        let mut frames = VecDeque::new();
        while let Some(event) = sink.next_event() {
            encoder.encode(event, &mut frames);
        }
        let mut frames: Vec<_> = frames.into_iter().map(Ok).collect();
        if fails {
            frames.truncate(frames.len() / 2);
            frames.push(Err(Error::new(ErrorKind::StreamBroken, "cut")));
        }
        EventStream::from_results(&OpenAiChat, frames)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Frames that are written together are those that are written one by one.
        #[test]
        fn together_as_one_by_one(
            verbs in prop::collection::vec((0..15_u8, prop::sample::select(vec![
                "", "a", " trunk", "é\n\"\\\u{1}\u{7f}", "{\"a\":", "1}", "somewhat longer than the others",
            ])), 0..30),
            fails in any::<bool>(),
            usage in any::<bool>(),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for front in FRONTS {
                let front = front.front().unwrap();
                let translation = || {
                    let names = ToolNames::default();
                    Translation::of_stream(frames(&verbs, fails), names, front, &Asked::new("m", usage, 9))
                };
                let (mut one, mut together) = (Vec::new(), Vec::new());
                let (mut count, mut counted) = (0, 0);
                let ends: [Option<String>; 2] = runtime.block_on(async {
                    let mut source = translation();
                    let end = loop {
                        match poll_fn(|cx| source.poll_frame(cx)).await {
                            Some(Ok(frame)) => {
                                one.extend_from_slice(frame.raw());
                                count += 1;
                            }
                            end => break end.map(|end| end.unwrap_err().to_string()),
                        }
                    };
                    let mut source = translation();
                    let other = loop {
                        match poll_fn(|cx| source.poll_run(cx)).await {
                            Some(Ok(Run::One(frame))) => {
                                together.extend_from_slice(frame.raw());
                                counted += 1;
                            }
                            Some(Ok(Run::Alike { bytes, frames, .. })) => {
                                together.extend_from_slice(&bytes);
                                counted += frames;
                            }
                            Some(Err(error)) => break Some(error.to_string()),
                            None => break None,
                        }
                    };
                    [end, other]
                });
                let text = |bytes| String::from_utf8(bytes).unwrap();
                prop_assert_eq!(text(one), text(together));
                prop_assert_eq!(count, counted);
                prop_assert_eq!(&ends[0], &ends[1]);
            }
        }
    }
}
