//! What the vendor received.

use std::{
    borrow::Cow,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri, request::Parts};
use serde_json::Value;
use tokio::time::Instant;

use super::tally::Fate;

/// One request as it arrived, and what became of its answer.
///
/// A request is recorded once its whole body is here. `Debug` shows neither header values, nor the query, nor the body.
#[derive(Clone)]
#[non_exhaustive]
pub struct Recorded {
    /// The method.
    pub method: Method,
    /// The target as it was sent: in service form with scheme and host, at the server mostly without.
    pub uri: Uri,
    /// The headers, secrets included.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// When the body was complete.
    at: Instant,
    fate: Arc<Fate>,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Progress {
    /// No status yet: it is delayed or silent.
    Waiting,
    /// Status and headers are out, the body is not at its end.
    Streaming,
    /// Played to its end, an early but clean end included.
    Finished,
    /// Broken off by the script itself.
    Faulted,
    /// The caller went before the end.
    Aborted,
}

impl Recorded {
    pub(super) fn new(parts: Parts, body: Bytes) -> Self {
        Self {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body,
            at: Instant::now(),
            fate: Arc::new(Fate {
                progress: Mutex::new(Progress::Waiting),
                sent: AtomicUsize::new(0),
            }),
        }
    }

    /// The same request, now that its body is here.
    pub(super) fn with_body(self, body: Bytes) -> Self {
        Self {
            body,
            at: Instant::now(),
            ..self
        }
    }

    /// How much later than `earlier` it was complete; zero if it was earlier itself.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Duration {
        self.at.saturating_duration_since(earlier.at)
    }

    /// The path, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The path and, if there is one, the query.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        self.uri
            .path_and_query()
            .map_or("/", |target| target.as_str())
    }

    /// The first value of a header, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The JSON text of a member of the body, by JSON pointer: `/messages/0`. The empty pointer is the whole body.
    #[must_use]
    pub fn field(&self, pointer: &str) -> Option<String> {
        Some(self.value()?.pointer(pointer)?.to_string())
    }

    /// A string member of the body, by JSON pointer: `/model`. None if it is missing or no string.
    #[must_use]
    pub fn string(&self, pointer: &str) -> Option<String> {
        Some(self.value()?.pointer(pointer)?.as_str()?.to_owned())
    }

    /// What has become of the answer by now.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let progress = self.fate.progress.lock();
        *progress.unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes of the answer's body the caller, or the connection to it, has taken.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.fate.sent.load(Ordering::Relaxed)
    }

    pub(super) fn value(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(super) fn fate(&self) -> Arc<Fate> {
        Arc::clone(&self.fate)
    }
}

impl Progress {
    /// Whether the answer can no longer change.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Faulted | Self::Aborted)
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded")
            .field("method", &self.method)
            .field("path", &self.path())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_bytes", &self.body.len())
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}
