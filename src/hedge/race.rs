//! What the two attempts of a hedged call know of each other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::issued::AccountTag;

/// One of the two attempts of a call that may be hedged, as the pool sees it. Goes down with the request.
#[derive(Clone, Debug)]
pub(crate) struct Race {
    second: bool,
    shared: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    first: Side,
    second: Side,
    over: bool,
}

#[derive(Debug, Default)]
struct Side {
    /// Every account it has asked.
    asked: Vec<AccountTag>,
    /// Since when the latest of them is being asked; none once it has failed.
    since: Option<Instant>,
}

impl Race {
    /// The first attempt; nobody has been asked yet.
    pub(crate) fn new() -> Self {
        Self {
            second: false,
            shared: Arc::default(),
        }
    }

    /// The second attempt of the same call.
    pub(super) fn second(&self) -> Self {
        Self {
            second: true,
            shared: self.shared.clone(),
        }
    }

    pub(crate) const fn is_second(&self) -> bool {
        self.second
    }

    /// This attempt asks an account now.
    pub(crate) fn asks(&self, account: AccountTag) {
        self.with_own(|side| {
            side.asked.push(account);
            side.since = Some(Instant::now());
        });
    }

    /// The account that it asked has failed.
    pub(crate) fn failed(&self) {
        self.with_own(|side| side.since = None);
    }

    /// Accounts that are the other attempt's.
    pub(crate) fn others(&self) -> Vec<AccountTag> {
        let state = self.lock();
        let other = match self.second {
            true => &state.first,
            false => &state.second,
        };
        other.asked.clone()
    }

    /// Since when this attempt asks somebody; none if it asks nobody.
    pub(super) fn since(&self) -> Option<Instant> {
        self.with_own(|side| side.since)
    }

    /// Has this attempt asked anybody?
    pub(super) fn has_asked(&self) -> bool {
        self.with_own(|side| !side.asked.is_empty())
    }

    /// The call is answered: whoever is still under way was outrun.
    pub(super) fn settle(&self) {
        self.lock().over = true;
    }

    pub(crate) fn is_over(&self) -> bool {
        self.lock().over
    }

    fn with_own<T>(&self, act: impl FnOnce(&mut Side) -> T) -> T {
        let mut state = self.lock();
        act(match self.second {
            true => &mut state.second,
            false => &mut state.first,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
