//! Ids on their way out: each is told with the account that issued it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::header;
use http_body_util::{BodyExt, Limited};
use memchr::memmem;

use crate::{
    Body, BoxError,
    chat::Usage,
    error::{Error, ErrorKind},
    issued::{AccountTag, Wrap, wrap_ids},
    operation::Operation,
    request::ModelRequest,
    response::{EventStream, ModelResponse, Reply},
    stream::{FrameSource, Run},
    wire::{Frame, sse::SseSplitter},
};

/// The largest answer whose ids are looked for: lists and objects are far smaller.
const MOST: usize = 64 << 20;
/// The largest answer to a picture's making that may be a task's id in place of the picture.
const TASK: usize = 64 << 10;

/// Which ids an answer may hold.
#[derive(Clone, Debug)]
pub(super) enum Ids {
    /// None that lead anywhere.
    None,
    /// Those of a conversation in OpenAI's Responses.
    Conversation,
    /// Those of what is at this path.
    Resource(Arc<str>),
    /// A task's, where it is not done at once.
    Task,
}

impl Ids {
    /// Those in the answer to this call.
    pub(super) fn of(request: &ModelRequest) -> Self {
        let dialect = request.payload.dialect();
        match &request.operation {
            Operation::Chat if dialect.is_some_and(|d| d.name() == "openai-responses") => {
                Self::Conversation
            }
            Operation::Resource { path, .. } => Self::Resource(path.clone()),
            Operation::Images(_) => Self::Task,
            _ => Self::None,
        }
    }

    /// Is there anything to look for in this answer?
    pub(super) const fn are_in(&self, response: &ModelResponse) -> bool {
        response.issuer.is_some() && !matches!(self, Self::None)
    }

    /// The answer as the caller is told it.
    ///
    /// # Errors
    /// If its body breaks off while it is read.
    pub(super) async fn told(&self, mut response: ModelResponse) -> Result<ModelResponse, Error> {
        let Some(account) = response.issuer else {
            return Ok(response);
        };
        let which = match self {
            Self::None => return Ok(response),
            Self::Conversation => Wrap::Stored,
            Self::Resource(path) if path.starts_with("/responses/") => Wrap::Answers,
            Self::Resource(_) | Self::Task => Wrap::All,
        };
        response.reply = match response.reply {
            // A picture is no task.
            Reply::Complete(complete)
                if matches!(self, Self::Task) && complete.bytes.len() > TASK =>
            {
                Reply::Complete(complete)
            }
            Reply::Complete(mut complete) => {
                complete.bytes = wrap_ids(&complete.bytes, account, which);
                Reply::Complete(complete)
            }
            Reply::Stream(stream) => {
                let dialect = stream.dialect();
                Reply::Stream(EventStream::new(
                    dialect,
                    Told {
                        stream,
                        account,
                        as_they_are: false,
                    },
                ))
            }
            Reply::Opaque(body) if self.is_looked_at(&response.headers) => {
                let bytes = Limited::new(body, MOST).collect().await.map_err(|source| {
                    Error::new(
                        ErrorKind::Server,
                        "the vendor's answer broke off before its end, or is too large",
                    )
                    .with_source(source)
                })?;
                // Its length is another, and whatever vouched for its bytes does so no more.
                response.headers.remove(header::CONTENT_LENGTH);
                response.headers.remove(header::ETAG);
                Reply::Opaque(Body::from(wrap_ids(&bytes.to_bytes(), account, which)))
            }
            Reply::Opaque(body) if self.is_replayed(&response.headers) => {
                response.headers.remove(header::CONTENT_LENGTH);
                Reply::Opaque(Body::new(Replayed {
                    body,
                    splitter: SseSplitter::new(),
                    account,
                }))
            }
            opaque @ Reply::Opaque(_) => opaque,
        };
        Ok(response)
    }

    /// Is it a stored answer, streamed again?
    fn is_replayed(&self, headers: &http::HeaderMap) -> bool {
        let kind = headers.get(header::CONTENT_TYPE);
        matches!(self, Self::Resource(path) if path.starts_with("/responses/"))
            && kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
    }

    fn is_looked_at(&self, headers: &http::HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let is_json = text(header::CONTENT_TYPE).is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case("application/json")
        });
        let is_plain = text(header::CONTENT_ENCODING).is_none_or(|how| how == "identity");
        let wanted = match self {
            // What is kept may be JSON itself, which is nobody's to change.
            Self::Resource(path) => {
                let path = path.split('?').next().unwrap_or_default();
                !path.ends_with("/content")
            }
            _ => false,
        };
        wanted && is_json && is_plain
    }
}

/// A stream of answers whose ids are told with their account.
struct Told {
    stream: EventStream,
    account: AccountTag,
    /// The latest frame held no answer: those that are like it hold none either.
    as_they_are: bool,
}

impl Told {
    fn tell(&mut self, frame: Frame) -> Frame {
        self.as_they_are = !holds_answer(&frame);
        match self.as_they_are {
            true => frame,
            false => tell(frame, self.account),
        }
    }
}

impl FrameSource for Told {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, Error>>> {
        let next = ready!(self.stream.poll_frame(cx));
        Poll::Ready(next.map(|frame| frame.map(|frame| self.tell(frame))))
    }

    fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Run, Error>>> {
        if !self.as_they_are {
            let next = self.poll_frame(cx);
            return next.map(|next| next.map(|frame| frame.map(Run::One)));
        }
        let next = ready!(self.stream.poll_run(cx));
        Poll::Ready(next.map(|run| {
            run.map(|run| match run {
                Run::One(frame) => Run::One(self.tell(frame)),
                alike @ Run::Alike { .. } => alike,
            })
        }))
    }

    fn usage(&self) -> Option<Usage> {
        self.stream.usage()
    }
}

/// A stream that is passed through unread but for the ids.
struct Replayed {
    body: Body,
    splitter: SseSplitter,
    account: AccountTag,
}

impl http_body::Body for Replayed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            let mut out = BytesMut::new();
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(chunk)) => {
                    if let Ok(data) = chunk.into_data() {
                        this.splitter.push(data);
                    }
                    while let Some(frame) = this.splitter.next_frame()? {
                        out.extend_from_slice(tell(frame, this.account).raw());
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    let Some(frame) = this.splitter.finish() else {
                        return Poll::Ready(None);
                    };
                    out.extend_from_slice(tell(frame, this.account).raw());
                }
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(http_body::Frame::data(out.freeze()))));
            }
        }
    }
}

/// Only the few events that hold the whole answer hold its id.
fn holds_answer(frame: &Frame) -> bool {
    memmem::find(frame.data(), b"\"response\"").is_some()
        || memmem::find(frame.data(), b"\"response_id\"").is_some()
}

fn tell(frame: Frame, account: AccountTag) -> Frame {
    if !holds_answer(&frame) {
        return frame;
    }
    let data: Bytes = wrap_ids(frame.data(), account, Wrap::Stored);
    if data == *frame.data() {
        return frame;
    }
    Frame::new(frame.name(), data)
}
