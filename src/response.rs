//! What comes back up the stack.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::{
    Body,
    chat::{ChatResponse, Collector, Fidelity, Usage},
    dialect::{Dialect, RateWindows},
    error::{Error, ErrorKind},
    issued::AccountTag,
    trail::Trail,
    upstream::Price,
};
pub use crate::{
    response_future::ResponseFuture,
    served::Served,
    stream::{EventStream, Events, Outcome},
};

/// An answer, and who gave it.
#[derive(Debug)]
#[non_exhaustive]
pub struct ModelResponse {
    /// Who served it.
    pub served: Arc<Served>,
    /// The vendor's status.
    pub status: StatusCode,
    /// The vendor's headers that may be passed on.
    pub headers: HeaderMap,
    /// What the vendor told of its limits.
    pub windows: RateWindows,
    /// What tokens cost there; none if unknown. [`Price::cost`] makes the call's cost of its usage.
    pub price: Option<Price>,
    /// The account whose ids the answer may hold, if they have to carry it on their way to the caller: see [`issued`](crate::issued).
    /// None where no id leads back to one of several accounts.
    pub issuer: Option<AccountTag>,
    /// Everybody the call has asked, whoever answered here included.
    pub trail: Trail,
    /// What the translation of the request could not carry. Exact where nothing was translated.
    pub fidelity: Fidelity,
    /// The request was written anew though the vendor speaks the caller's dialect: the answer has to be, too.
    pub(crate) rewritten: bool,
    /// The answer.
    pub reply: Reply,
}

impl ModelResponse {
    /// An answer given by `served`.
    pub fn new(served: Arc<Served>, reply: Reply) -> Self {
        Self {
            served,
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            windows: RateWindows::default(),
            price: None,
            issuer: None,
            trail: Trail::new(),
            fidelity: Fidelity::new(),
            rewritten: false,
            reply,
        }
    }

    /// The whole answer, typed. A stream is read to its end.
    ///
    /// # Errors
    /// If the answer is not a conversation's, or its stream breaks.
    pub async fn into_chat(self) -> Result<ChatResponse, Error> {
        match self.reply {
            Reply::Complete(complete) => complete.decode(),
            Reply::Stream(stream) => {
                let mut events = stream.into_events();
                let mut collector = Collector::new();
                while let Some(event) = events.next_kept().await {
                    collector.push(event?);
                }
                Ok(collector.finish())
            }
            Reply::Opaque(_) => Err(Error::new(
                ErrorKind::Unsupported,
                "this answer is not a conversation's: it was passed through unread",
            )),
        }
    }
}

/// The answer itself.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reply {
    /// A whole body in a dialect.
    Complete(Complete),
    /// A stream that has begun with content.
    Stream(EventStream),
    /// Bytes passed through unread.
    Opaque(Body),
}

/// A whole answer in a dialect.
#[derive(Clone)]
#[non_exhaustive]
pub struct Complete {
    /// The dialect of the bytes.
    pub dialect: &'static dyn Dialect,
    /// The body.
    pub bytes: Bytes,
    /// What the vendor calls it.
    pub content_type: HeaderValue,
    /// The same, already read: the leaf does so where it will be translated.
    pub(crate) decoded: Option<Box<ChatResponse>>,
    /// What it cost, once somebody asked: several do.
    usage: OnceLock<Option<Usage>>,
}

impl Complete {
    /// A JSON body.
    pub const fn json(dialect: &'static dyn Dialect, bytes: Bytes) -> Self {
        Self {
            dialect,
            bytes,
            content_type: HeaderValue::from_static("application/json"),
            decoded: None,
            usage: OnceLock::new(),
        }
    }

    /// The same with usage that is known already, so that it need not be read from the bytes.
    pub(crate) fn with_usage(mut self, usage: Option<Usage>) -> Self {
        self.usage = OnceLock::from(usage);
        self
    }

    /// The answer, typed.
    ///
    /// # Errors
    /// If it is not one.
    pub fn decode(self) -> Result<ChatResponse, Error> {
        match self.decoded {
            Some(decoded) => Ok(*decoded),
            None => self.dialect.decode_response(&self.bytes),
        }
    }

    /// The number of tokens, if it is the answer to a [count](crate::request::Operation::CountTokens).
    pub fn tokens(&self) -> Option<u64> {
        self.dialect.counter()?.read(&self.bytes)
    }

    /// The usage it tells. It is read at the first call.
    pub fn usage(&self) -> Option<Usage> {
        *self.usage.get_or_init(|| match &self.decoded {
            Some(decoded) => decoded.usage,
            None => self.dialect.usage(&self.bytes),
        })
    }
}

impl fmt::Debug for Complete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Complete")
            .field("dialect", &self.dialect.name())
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl Reply {
    /// Calls `hook` exactly once when the answer is over: at once for a whole one, at the end of a stream, or when it is dropped.
    #[must_use]
    pub fn on_end(self, hook: impl FnOnce(Outcome) + Send + 'static) -> Self {
        match self {
            Self::Complete(complete) => {
                hook(Outcome::Completed {
                    usage: complete.usage(),
                });
                Self::Complete(complete)
            }
            Self::Stream(stream) => Self::Stream(stream.on_end(hook)),
            Self::Opaque(body) => {
                Self::Opaque(Body::new(crate::stream::HookedBody::new(body, hook)))
            }
        }
    }
}
