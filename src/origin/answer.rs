//! Answers, marked.

use std::sync::{Arc, LazyLock, OnceLock};

use bytes::Bytes;
use memchr::memmem::Finder;

use super::{Bond, Origin, bond};
use crate::{
    dialect::Dialect,
    upstream::{Attempt, Deployment},
    wire::Frame,
};

/// How a value of ours begins, in an answer that is told as it came.
static OURS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"tl"));

/// Marks the opaque values of one answer.
#[derive(Debug)]
pub(crate) struct Marker {
    dialect: &'static dyn Dialect,
    deployment: Arc<Deployment>,
    /// Made when it is needed: most answers have no such values.
    mark: OnceLock<String>,
    /// All values, not only those that look like ones of ours.
    all: bool,
}

impl Marker {
    /// For an attempt's answer in this dialect.
    pub(crate) fn new(attempt: &Attempt, dialect: &'static dyn Dialect) -> Self {
        let name = dialect.name();
        let front = attempt.request.payload.dialect();
        let translated = front.is_none_or(|front| front.name() != name);
        let bound = bond(name, &attempt.deployment.model) == Bond::Group;
        Self {
            dialect,
            deployment: attempt.deployment.clone(),
            mark: OnceLock::new(),
            all: translated || (bound && attempt.mixed),
        }
    }

    /// A frame with its values marked; None if it has none.
    pub(crate) fn frame(&self, frame: &Frame) -> Option<Frame> {
        Some(frame.with_data(self.json(frame.data())?))
    }

    /// A whole answer's values marked.
    pub(crate) fn body(&self, body: Bytes) -> Bytes {
        self.json(&body).map_or(body, Into::into)
    }

    /// Are values marked that do not look like ones of ours?
    pub(crate) const fn marks_all(&self) -> bool {
        self.all
    }

    /// A header's value marked.
    pub(crate) fn header(&self, value: &http::HeaderValue) -> Option<http::HeaderValue> {
        let text = value.to_str().ok()?;
        format!("{}{text}", self.mark()).parse().ok()
    }

    fn mark(&self) -> &str {
        self.mark
            .get_or_init(|| Origin::of(self.dialect.name(), &self.deployment).to_string())
    }

    fn json(&self, json: &[u8]) -> Option<Vec<u8>> {
        if !self.all && OURS.find(json).is_none() {
            return None;
        }
        let mut places = self.dialect.opaque_values(json);
        if !self.all {
            places.retain(|at| {
                let value = json.get(*at..).unwrap_or_default();
                value.starts_with(b"tl1.") || value.starts_with(b"tlo")
            });
        }
        if places.is_empty() {
            return None;
        }
        places.sort_unstable();
        let mark = self.mark();
        let mut out = Vec::with_capacity(json.len() + places.len() * mark.len());
        let mut done = 0;
        for at in places {
            out.extend_from_slice(json.get(done..at).unwrap_or_default());
            out.extend_from_slice(mark.as_bytes());
            done = at;
        }
        out.extend_from_slice(json.get(done..).unwrap_or_default());
        Some(out)
    }
}
