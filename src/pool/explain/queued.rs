//! What those who wait already mean for a call that comes now.

use serde::Serialize;
use tokio::time::Instant;

use crate::{
    error::Error,
    pool::{
        arrival::{self, admit},
        hall::{Hall, Key, Line},
        queue::Entry,
        walk::{Outage, Walk},
    },
    request::ModelRequest,
};

/// Calls that wait for the same model, and what comes of a further one among them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct QueueReport {
    /// How many wait.
    pub waiting: u64,
    /// At least so many of them would go before the call.
    pub ahead: u64,
    /// What comes of the call.
    pub place: QueuePlace,
    /// Why, in words.
    pub why: String,
}

/// What comes of a call where others wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum QueuePlace {
    /// It tries at once. If nobody has room it waits, or not, as if it were alone.
    AtOnce,
    /// It waits, whoever is free: others are served first.
    Behind,
    /// It may not wait, and is refused.
    TurnedAway,
}

/// What comes of a call at first.
pub(super) enum Comes {
    /// It tries to find somebody.
    Tries,
    /// It waits behind others, at least until then.
    Waits(Instant),
    /// It may not wait.
    Leaves(Error),
}

/// A call that comes where others may wait.
pub(super) struct Arriving<'a> {
    hall: &'a Hall,
    key: Key,
    entry: Entry,
    /// None if nobody waits for the same.
    line: Option<Line>,
    /// None if it does not wait.
    patience: Option<Instant>,
}

impl<'a> Arriving<'a> {
    /// Before anybody is looked at.
    pub(super) fn new(
        hall: &'a Hall,
        walk: &Walk<'_>,
        request: &ModelRequest,
        patience: Option<Instant>,
    ) -> Self {
        let (key, entry) = (arrival::key(walk, request), arrival::entry(walk, request));
        Self {
            line: hall.line(&key, &entry),
            hall,
            key,
            entry,
            patience,
        }
    }

    pub(super) fn comes(&self, walk: &Walk<'_>) -> Comes {
        let (Some(line), Some(_)) = (self.line, self.patience) else {
            return Comes::Tries;
        };
        if line.open {
            return Comes::Tries;
        }
        match self.joins(walk) {
            Err(error) => Comes::Leaves(error),
            // Whoever is first is called at once.
            Ok(_) if line.leads => Comes::Tries,
            Ok(earliest) => Comes::Waits(earliest),
        }
    }

    /// May it wait? When at the earliest it could be served then.
    pub(super) fn joins(&self, walk: &Walk<'_>) -> Result<Instant, Error> {
        let end = self.patience.unwrap_or_else(Instant::now);
        admit(self.hall, walk, (&self.key, &self.entry), end)
    }

    /// What the caller is told where nobody is back in time.
    pub(super) fn told(&self, outage: Outage) -> Error {
        arrival::told(self.hall, outage, &self.key)
    }

    /// None if nobody waits for the same.
    pub(super) fn report(&self, place: QueuePlace) -> Option<QueueReport> {
        let line = self.line?;
        let waiting = line.waiting;
        let calls = match waiting {
            1 => "the call that waits".to_owned(),
            _ => format!("the {waiting} calls that wait"),
        };
        let ahead = match place {
            // Whoever is behind has somebody before it, though it cannot be told how many.
            QueuePlace::Behind => line.ahead.max(1),
            QueuePlace::TurnedAway => line.ahead,
            QueuePlace::AtOnce => 0,
        };
        let why = match place {
            QueuePlace::AtOnce if self.patience.is_none() => {
                format!(
                    "it does not wait for its turn behind {calls}, for it may not wait (any more)"
                )
            }
            QueuePlace::AtOnce if line.open => format!("it is more urgent than {calls}"),
            QueuePlace::AtOnce => format!("its caller has its turn before {calls}"),
            QueuePlace::Behind => {
                format!("it waits until its turn comes: at least {ahead} of {calls} before it")
            }
            QueuePlace::TurnedAway => {
                format!("beside {calls} there is no room, or no time, for it")
            }
        };
        Some(QueueReport {
            waiting: waiting as u64,
            ahead,
            place,
            why,
        })
    }
}
