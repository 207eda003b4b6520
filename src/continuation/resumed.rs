//! The stream that the caller reads: passed on until it breaks, then written on.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::SystemTime,
};

use tower::ServiceExt;
use tower_service::Service;
use tracing::Instrument;

use super::{
    layer::Continuations,
    mark::{self, Part},
    pen::Pen,
    request::{for_the_rest, is_worth},
    seam::Seam,
    story::{Listener, Story},
};
use crate::{
    BoxError,
    chat::{Block, ChatEvent, Delta, EventSink, Usage},
    dialect::{Asked, Front},
    error::{Error, ErrorKind},
    normalize::ToolNames,
    request::ModelRequest,
    response::{EventStream, Events, ModelResponse, Reply, Served},
    spare::Spare,
    stream::FrameSource,
    wire::Frame,
};

type Answer = Pin<Box<dyn Future<Output = Result<ModelResponse, Error>> + Send>>;

pub(super) struct Resumed<S> {
    spare: Spare<S>,
    request: ModelRequest,
    front: &'static dyn Front,
    span: tracing::Span,
    phase: Phase,
    story: Story,
    /// Set from the first break on.
    pen: Option<Pen>,
    seam: Seam,
    /// Who has told what until it broke, and who tells now.
    parts: Vec<Part>,
    present: Arc<Served>,
    /// How often it may be continued yet.
    left: u32,
    counts: Continuations,
    ready: VecDeque<Frame>,
}

enum Phase {
    Passing(EventStream, Box<Listener>),
    /// Somebody else is asked. What broke is told if nobody goes on.
    Asking(Answer, ToolsOf, Error),
    Writing(Source, ToolNames, Skipped),
    Over,
}

/// The request whose tools the next answer may call.
type ToolsOf = crate::request::Payload;

enum Source {
    Stream(Box<Events>),
    /// A whole answer told as events.
    Whole(Box<EventSink>),
}

/// Is a block left out at the moment?
#[derive(Default)]
struct Skipped(bool);

impl<S> Resumed<S> {
    pub(super) fn new(
        spare: Spare<S>,
        request: ModelRequest,
        front: &'static dyn Front,
        stream: EventStream,
        served: Arc<Served>,
    ) -> Self {
        let listener = Listener::new(stream.dialect());
        Self {
            spare,
            request,
            front,
            span: tracing::Span::current(),
            phase: Phase::Passing(stream, Box::new(listener)),
            story: Story::default(),
            pen: None,
            seam: Seam::default(),
            parts: Vec::new(),
            present: served,
            left: 0,
            counts: Continuations::new(),
            ready: VecDeque::new(),
        }
    }

    pub(super) fn most(mut self, most: u32) -> Self {
        self.left = most;
        self
    }

    pub(super) fn counts(mut self, counts: Continuations) -> Self {
        self.counts = counts;
        self
    }

    /// What the present part costs.
    fn usage_now(&self) -> Option<Usage> {
        match &self.phase {
            Phase::Passing(stream, _) => stream.usage(),
            Phase::Writing(Source::Stream(events), ..) => events.usage(),
            Phase::Writing(Source::Whole(sink), ..) => sink.known_usage().copied(),
            Phase::Asking(..) | Phase::Over => None,
        }
    }

    fn write(&mut self, event: ChatEvent) {
        self.story.see(&event);
        if let Some(pen) = &mut self.pen {
            pen.write(event, &mut self.ready);
        }
    }

    /// An event of whoever goes on, put in its place.
    fn place(&mut self, event: ChatEvent, skipped: &mut Skipped) {
        match event {
            // The answer has begun long ago, and nobody asked for these.
            ChatEvent::Start { .. } | ChatEvent::Logprobs(_) => {}
            ChatEvent::BlockStart { block, .. } => match block {
                Block::Thinking | Block::RedactedThinking { .. } => skipped.0 = true,
                // The text that is open goes on.
                Block::Text if self.story.has_open_text() => {}
                block => {
                    self.close();
                    let index = self.story.blocks();
                    self.write(ChatEvent::BlockStart { index, block });
                }
            },
            ChatEvent::Delta { .. } if skipped.0 => {}
            ChatEvent::BlockStop { .. } if skipped.0 => skipped.0 = false,
            ChatEvent::Delta { delta, .. } => {
                let delta = match delta {
                    Delta::Text(more) => Delta::Text(self.seam.pass(&more).to_owned()),
                    delta => delta,
                };
                if delta != Delta::Text(String::new()) {
                    let index = self.story.blocks().saturating_sub(1);
                    self.write(ChatEvent::Delta { index, delta });
                }
            }
            ChatEvent::BlockStop { .. } => self.close(),
            ChatEvent::Usage(usage) => {
                let total = mark::total(&self.parts, Some(usage));
                self.write(ChatEvent::Usage(total.unwrap_or(usage)));
            }
            ChatEvent::Stop(_) | ChatEvent::End => self.last_words(event),
        }
    }

    fn close(&mut self) {
        if self.story.is_open() {
            let index = self.story.blocks().saturating_sub(1);
            self.write(ChatEvent::BlockStop { index });
        }
    }

    /// How the answer ends, with the mark.
    fn last_words(&mut self, event: ChatEvent) {
        self.close();
        let usage = self.usage_now();
        if usage.is_none()
            && let Some(known) = mark::total(&self.parts, None)
        {
            self.write(ChatEvent::Usage(known));
        }
        let before = self.ready.len();
        self.write(event);
        let last = Part {
            served: self.present.clone(),
            usage,
        };
        for frame in self.ready.iter_mut().skip(before) {
            if mark::is_last_word(frame)
                && let Some(marked) = mark::marked(frame, &self.parts, &last)
            {
                *frame = marked;
            }
        }
    }
}

impl<S> Resumed<S>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    /// The stream broke: somebody else is asked for the rest, if that can be.
    ///
    /// # Errors
    /// What the caller is told if not.
    fn broke(&mut self, error: Error) -> Result<(), Error> {
        let usage = self.usage_now();
        let phase = std::mem::replace(&mut self.phase, Phase::Over);
        let Some((rest, pen)) = self.rest(&error, &phase) else {
            // What it cost is told nevertheless.
            let served = self.present.clone();
            self.parts.push(Part { served, usage });
            return Err(error);
        };
        // The account's place is given back before another one is looked for.
        drop(phase);
        self.pen = self.pen.take().or(pen);
        self.left = self.left.saturating_sub(1);
        self.request.trail.broke(&error);
        let served = self.present.clone();
        tracing::warn!(
            parent: &self.span,
            provider = &*served.provider,
            account = &*served.account,
            error = error.message(),
            "a stream broke and is to be continued"
        );
        self.parts.push(Part { served, usage });
        self.counts.one_tried();
        let tools = rest.payload.clone();
        let asked = self.spare.another().oneshot(rest);
        let answer = async { asked.await.map_err(|e| Error::from_box(e.into())) };
        let answer = answer.instrument(self.span.clone());
        self.phase = Phase::Asking(Box::pin(answer), tools, error);
        Ok(())
    }

    /// The call for the rest, and the pen if there is none yet.
    fn rest(&mut self, error: &Error, phase: &Phase) -> Option<(ModelRequest, Option<Pen>)> {
        if self.left == 0 || !is_worth(error) {
            return None;
        }
        let text = self.story.text()?;
        let (told, seam) = Seam::of(&text);
        let rest = for_the_rest(&self.request, told)?;
        // Nothing is kept back any more for models that were not needed.
        rest.budget.reserve(0);
        if !rest.budget.has_attempt() {
            return None;
        }
        let pen = match phase {
            Phase::Passing(_, heard) => {
                let payload = &self.request.payload;
                let model = payload.model();
                let model = model.as_deref().unwrap_or(&self.request.model);
                let asked = Asked::new(model, payload.wants_usage(), now());
                Some(Pen::new(self.front, &asked, &self.story, heard)?)
            }
            _ => None,
        };
        self.seam = seam;
        Some((rest, pen))
    }

    /// Somebody goes on, or nobody does.
    fn answered(
        &mut self,
        answer: Result<ModelResponse, Error>,
        tools: &ToolsOf,
        broke: Error,
    ) -> Result<(), Error> {
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                tracing::warn!(parent: &self.span, kind = %error.kind(), error = error.message(), "nobody continues the stream");
                return Err(broke);
            }
        };
        let (from, source) = match response.reply {
            Reply::Stream(stream) => {
                let from = stream.dialect();
                (from, Source::Stream(Box::new(stream.into_events())))
            }
            Reply::Complete(complete) => {
                let from = complete.dialect;
                let chat = complete.decode().map_err(|_| broke)?;
                let mut sink = EventSink::new();
                chat.replay(&mut sink);
                (from, Source::Whole(Box::new(sink)))
            }
            Reply::Opaque(_) => return Err(broke),
        };
        self.present = response.served;
        let names = ToolNames::of(tools, from, false);
        self.phase = Phase::Writing(source, names, Skipped::default());
        Ok(())
    }

    /// The next event of whoever goes on; `None` at the end.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<(), Error>>> {
        let Phase::Writing(source, names, _) = &mut self.phase else {
            return Poll::Ready(None);
        };
        let event = match source {
            Source::Whole(sink) => sink.next_event().map(Ok),
            Source::Stream(events) => ready!(events.poll_next(cx)),
        };
        Poll::Ready(match event {
            None => None,
            Some(Err(error)) => Some(Err(late(error))),
            Some(Ok(event)) => {
                let mut restored = Vec::new();
                names.restore_event(event, &mut |event| restored.push(event));
                for event in restored {
                    let mut skipped = match &mut self.phase {
                        Phase::Writing(_, _, skipped) => std::mem::take(skipped),
                        _ => Skipped::default(),
                    };
                    self.place(event, &mut skipped);
                    if let Phase::Writing(_, _, kept) = &mut self.phase {
                        *kept = skipped;
                    }
                }
                Some(Ok(()))
            }
        })
    }
}

impl<S> FrameSource for Resumed<S>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, Error>>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(frame)));
            }
            let went = match &mut self.phase {
                Phase::Over => return Poll::Ready(None),
                Phase::Passing(stream, listener) => match ready!(stream.poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        listener.hear(&frame, &mut self.story);
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    Some(Err(error)) => self.broke(error),
                    None => return Poll::Ready(None),
                },
                Phase::Asking(answer, tools, broke) => {
                    let answer = ready!(answer.as_mut().poll(cx));
                    let (tools, broke) = (tools.clone(), broke.clone());
                    self.phase = Phase::Over;
                    self.answered(answer, &tools, broke)
                }
                Phase::Writing(..) => match ready!(self.poll_event(cx)) {
                    Some(Ok(())) => Ok(()),
                    Some(Err(error)) => self.broke(error),
                    None => {
                        let present = Part {
                            served: self.present.clone(),
                            usage: self.usage_now(),
                        };
                        self.parts.push(present);
                        self.phase = Phase::Over;
                        self.counts.one_succeeded();
                        Ok(())
                    }
                },
            };
            if let Err(error) = went {
                self.phase = Phase::Over;
                return Poll::Ready(Some(Err(error)));
            }
        }
    }

    fn usage(&self) -> Option<Usage> {
        mark::total(&self.parts, self.usage_now())
    }
}

/// Whatever goes wrong from here on comes after content.
fn late(error: Error) -> Error {
    error.with_kind(ErrorKind::StreamBroken)
}

/// Now, in seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |now| now.as_secs())
}
