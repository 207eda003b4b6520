//! The layer and its service.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};

use http::StatusCode;
use tower_layer::Layer;
use tower_service::Service;

use super::{losses::Losses, pass::PassThrough, tools::ToolNames, translate::Translation};
use crate::{
    BoxError,
    chat::{ChatResponse, Collector, EventSink, Fidelity, Stop, StopReason},
    dialect::{Asked, Dialect, Front},
    error::{Error, ErrorKind},
    request::{ModelRequest, Operation, Payload},
    response::{Complete, EventStream, ModelResponse, Reply},
    response_future::{Look, Looked, LookedFuture},
};

/// Gives replies the caller's dialect. See the [module docs](crate::normalize) for an example.
#[derive(Clone, Copy, Debug, Default)]
pub struct SseNormalizeLayer(());

impl SseNormalizeLayer {
    /// There is nothing to set.
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for SseNormalizeLayer {
    type Service = SseNormalize<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SseNormalize { inner }
    }
}

/// The service of [`SseNormalizeLayer`].
#[derive(Clone, Debug)]
pub struct SseNormalize<S> {
    inner: S,
}

impl_inner!(SseNormalize);

impl<S> Service<ModelRequest> for SseNormalize<S>
where
    S: Service<ModelRequest, Response = ModelResponse> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    type Response = ModelResponse;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<ModelResponse, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner
            .poll_ready(cx)
            .map_err(|e| Error::from_box(e.into()))
    }

    fn call(&mut self, request: ModelRequest) -> Self::Future {
        let asker = Asker::of(&request);
        // One box for all layers down to the pool.
        Box::pin(LookedFuture::new(self.inner.call(request), Some(asker)))
    }
}

/// What is known of a call that its answer must fit.
struct Asker {
    payload: Payload,
    model: Arc<str>,
    counts: bool,
}

impl Asker {
    fn of(request: &ModelRequest) -> Self {
        Self {
            // Shared, and its conversation may already be decoded.
            payload: request.payload.clone(),
            model: request.model.clone(),
            counts: request.operation == Operation::CountTokens,
        }
    }

    /// The dialect that the caller reads.
    fn reads(&self) -> Option<(&'static dyn Dialect, &'static dyn Front)> {
        let dialect = self.payload.dialect()?;
        Some((dialect, dialect.front()?))
    }

    /// Is it an answer as the caller's dialect has it?
    fn is_same(
        &self,
        from: &'static dyn Dialect,
        to: &'static dyn Dialect,
        rewritten: bool,
    ) -> bool {
        !rewritten && !self.counts && from.name() == to.name()
    }
}

impl Look for Asker {
    fn passes(&self, answer: Result<&ModelResponse, &Error>) -> bool {
        let (Ok(response), Some((dialect, _))) = (answer, self.reads()) else {
            return true;
        };
        match &response.reply {
            Reply::Complete(complete) => {
                !self.payload.wants_stream()
                    && self.is_same(complete.dialect, dialect, response.rewritten)
            }
            Reply::Stream(_) => false,
            Reply::Opaque(_) => true,
        }
    }

    fn act(self, answer: Result<ModelResponse, Error>) -> Looked {
        let (mut response, (dialect, front)) = match (answer, self.reads()) {
            (Ok(response), Some(reads)) => (response, reads),
            (answer, _) => return Looked::Done(answer),
        };
        response.reply = match response.reply {
            Reply::Stream(frames)
                if self.payload.wants_stream()
                    && self.is_same(frames.dialect(), dialect, response.rewritten) =>
            {
                let strip = !self.payload.wants_usage();
                let passed = PassThrough::new(frames, front, strip);
                Reply::Stream(EventStream::new(dialect, passed))
            }
            reply => {
                response.reply = reply;
                let unfit = Box::new(Unfit {
                    asker: self,
                    dialect,
                    front,
                    response,
                });
                return Looked::More(Box::pin(unfit.translated()));
            }
        };
        Looked::Done(Ok(response))
    }
}

/// An answer that is not what its caller reads.
struct Unfit {
    asker: Asker,
    dialect: &'static dyn Dialect,
    front: &'static dyn Front,
    response: ModelResponse,
}

impl Unfit {
    async fn translated(self: Box<Self>) -> Result<ModelResponse, Error> {
        let Self {
            asker,
            dialect,
            front,
            mut response,
        } = *self;
        let payload = &asker.payload;
        if asker.counts {
            response.reply = counted(dialect, response.reply)?;
            return Ok(response);
        }
        let created = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |now| now.as_secs());
        // The caller's spelling of the model may differ from the one failover has put there.
        let model = payload.model();
        let model = model.as_deref().unwrap_or(&asker.model);
        let asked = Asked::new(model, payload.wants_usage(), created);
        let stream = payload.wants_stream();
        let from = match &response.reply {
            Reply::Complete(complete) => complete.dialect,
            Reply::Stream(stream) => stream.dialect(),
            Reply::Opaque(_) => return Ok(response),
        };
        let same = from.name() == dialect.name() && !response.rewritten;
        let names = || ToolNames::of(payload, from, same);
        // No tokens, asked for to warm a cache: vendors who know no such thing were asked for one.
        let mute = !same && payload.chat().is_ok_and(|chat| chat.max_tokens == Some(0));
        response.reply = match (response.reply, stream) {
            (Reply::Complete(complete), false) => {
                let mut chat = complete.decode()?;
                names().restore(&mut chat);
                silence(&mut chat, mute);
                account(front, &chat, &mut response.fidelity);
                whole(dialect, front, &chat, &asked)
            }
            (Reply::Stream(frames), false) => {
                let mut chat = collect(frames, names()).await?;
                silence(&mut chat, mute);
                account(front, &chat, &mut response.fidelity);
                whole(dialect, front, &chat, &asked)
            }
            (Reply::Stream(frames), true) if mute => {
                let mut chat = collect(frames, names()).await?;
                silence(&mut chat, mute);
                told(dialect, front, &chat, &asked)
            }
            (Reply::Stream(frames), true) => {
                let translation = Translation::of_stream(frames, names(), front, &asked);
                Reply::Stream(EventStream::new(dialect, translation))
            }
            (Reply::Complete(complete), true) => {
                let mut chat = complete.decode()?;
                names().restore(&mut chat);
                silence(&mut chat, mute);
                told(dialect, front, &chat, &asked)
            }
            (opaque @ Reply::Opaque(_), _) => opaque,
        };
        if !same {
            response.status = StatusCode::OK;
        }
        Ok(response)
    }
}

/// A count in the caller's dialect.
fn counted(dialect: &'static dyn Dialect, reply: Reply) -> Result<Reply, Error> {
    let Reply::Complete(complete) = reply else {
        return Ok(reply);
    };
    if complete.dialect.name() == dialect.name() {
        return Ok(Reply::Complete(complete));
    }
    let tokens = complete.tokens();
    match (tokens, dialect.counter()) {
        (Some(tokens), Some(counter)) => {
            let told = Complete::json(dialect, counter.write(tokens)).with_usage(None);
            Ok(Reply::Complete(told))
        }
        _ => Err(Error::new(
            ErrorKind::Server,
            "the count cannot be told in the caller's dialect",
        )),
    }
}

/// Notes what of an answer the caller's dialect has no place for.
fn account(front: &'static dyn Front, chat: &ChatResponse, report: &mut Fidelity) {
    let mut sink = EventSink::new();
    chat.replay(&mut sink);
    let mut lost = Losses::new(front);
    while let Some(event) = sink.next_event() {
        lost.see(&event);
    }
    report.merge(lost.report());
}

/// A stream to its end.
async fn collect(frames: EventStream, mut names: ToolNames) -> Result<ChatResponse, Error> {
    let mut events = frames.into_events();
    let mut collector = Collector::new();
    while let Some(event) = events.next_kept().await {
        names.restore_event(event?, &mut |event| collector.push(event));
    }
    Ok(collector.finish())
}

/// Nothing is said, if that is what was asked for.
fn silence(chat: &mut ChatResponse, mute: bool) {
    if mute {
        chat.content.clear();
        chat.stop = Stop::new(StopReason::MaxTokens);
    }
}

/// A whole answer, told as a stream.
fn told(
    dialect: &'static dyn Dialect,
    front: &'static dyn Front,
    chat: &ChatResponse,
    asked: &Asked<'_>,
) -> Reply {
    let mut sink = EventSink::new();
    chat.replay(&mut sink);
    let translation = Translation::of_events(sink, front, asked);
    Reply::Stream(EventStream::new(dialect, translation))
}

fn whole(
    dialect: &'static dyn Dialect,
    front: &'static dyn Front,
    chat: &ChatResponse,
    asked: &Asked<'_>,
) -> Reply {
    let bytes = front.encode_response(chat, asked);
    Reply::Complete(Complete::json(dialect, bytes).with_usage(chat.usage))
}
