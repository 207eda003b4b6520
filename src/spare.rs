//! A wrapped service for the calls after the first.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Makes further clones of a wrapped service, for a layer that may call it again.
///
/// The future of a call cannot borrow the layer, and most calls never need a second service: they would pay for a clone of the whole
/// stack below, in each layer anew. Sharing this costs one counter. `T` is what else the calls of the layer share: counters that all
/// processors turn are dear.
pub(crate) struct Spare<S, T = ()>(Arc<Kept<S, T>>);

struct Kept<S, T> {
    service: Mutex<S>,
    shared: T,
}

impl<S: Clone> Spare<S> {
    pub(crate) fn of(service: &S) -> Self {
        Self::with(service, ())
    }
}

impl<S, T> Spare<S, T> {
    /// What all calls share.
    pub(crate) fn shared(&self) -> &T {
        &self.0.shared
    }
}

impl<S: Clone, T> Spare<S, T> {
    /// The same, with something that all calls share.
    pub(crate) fn with(service: &S, shared: T) -> Self {
        Self(Arc::new(Kept {
            service: Mutex::new(service.clone()),
            shared,
        }))
    }

    /// One more, which is not ready yet.
    pub(crate) fn another(&self) -> S {
        self.0
            .service
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl<S, T> Clone for Spare<S, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S, T> fmt::Debug for Spare<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spare")
    }
}
