//! A wrapped service for the calls after the first.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Makes further clones of a wrapped service, for a layer that may call it again.
///
/// The future of a call cannot borrow the layer, and most calls never need a second service: they would pay for a clone of the whole
/// stack below, in each layer anew. Sharing this costs one counter.
pub(crate) struct Spare<S>(Arc<Mutex<S>>);

impl<S: Clone> Spare<S> {
    pub(crate) fn of(service: &S) -> Self {
        Self(Arc::new(Mutex::new(service.clone())))
    }

    /// One more, which is not ready yet.
    pub(crate) fn another(&self) -> S {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl<S> Clone for Spare<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> fmt::Debug for Spare<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spare")
    }
}
