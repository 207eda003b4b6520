//! One token for all who need it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::{Credentials, Secret, Token, TokenGrant};
use crate::error::{Error, ErrorKind};

/// The longest time that one request for a token may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a failure is told again without asking anew.
const PAUSE: Duration = Duration::from_secs(1);

/// How long before its end a token is renewed, at most. Metadata servers hand out the old one until four minutes before.
const AHEAD: Duration = Duration::from_secs(225);

/// How long before its end a token is used no more, at most: it has a way to go, and clocks differ.
const MARGIN: Duration = Duration::from_secs(30);

/// How soon after a refused token the next one may be given up.
const REFUSALS: Duration = Duration::from_secs(30);

/// Credentials whose token is fetched, kept and renewed.
///
/// Many callers cause one request. A token is renewed in the background while the old one is still good; who waits for the first
/// one may leave without stopping the others. A failure wakes all who wait, and is forgotten after a second. Clones share the token.
///
/// It must be used within a tokio runtime.
#[derive(Clone)]
pub struct TokenSource(Arc<Shared>);

struct Shared {
    grant: Box<dyn TokenGrant>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Held>,
    /// A request that is under way.
    flight: Option<Flight>,
    /// The last failure, and until when it holds.
    failure: Option<(Error, Instant)>,
    /// When a vendor last refused a token.
    refused: Option<Instant>,
}

/// A token and its times.
#[derive(Clone)]
struct Held {
    secret: Secret,
    renew: Instant,
    end: Instant,
}

type Outcome = Result<Secret, Error>;
type Flight = watch::Receiver<Option<Outcome>>;

impl TokenSource {
    /// Tokens of this grant.
    pub fn new(grant: impl TokenGrant) -> Self {
        Self(Arc::new(Shared {
            grant: Box::new(grant),
            state: Mutex::default(),
        }))
    }

    /// The token at hand, or the request to wait for.
    fn look(&self) -> Result<Outcome, Flight> {
        let now = Instant::now();
        let mut state = self.0.state();
        let flying = state.flight.clone().filter(is_flying);
        let failure = state.failure.clone().filter(|(_, until)| now < *until);
        if let Some(held) = state.token.as_ref().filter(|held| now < held.end) {
            let secret = held.secret.clone();
            if now >= held.renew && flying.is_none() && failure.is_none() {
                self.start(&mut state, now);
            }
            return Ok(Ok(secret));
        }
        match (flying, failure) {
            (Some(flight), _) => Err(flight),
            (None, Some((error, _))) => Ok(Err(error)),
            (None, None) => Err(self.start(&mut state, now)),
        }
    }

    /// Asks for a token in a task of its own, which nobody who leaves takes along.
    fn start(&self, state: &mut State, now: Instant) -> Flight {
        let (sender, flight) = watch::channel(None);
        state.flight = Some(flight.clone());
        let shared = self.0.clone();
        tokio::spawn(async move {
            let fetched = timeout(PATIENCE, shared.grant.fetch()).await;
            let fetched = fetched.unwrap_or_else(|_| Err(late()));
            let outcome = shared.settle(now, fetched);
            sender.send_replace(Some(outcome));
        });
        flight
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a plain assignment: the state is whole even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, asked: Instant, fetched: Result<Token, Error>) -> Outcome {
        let mut state = self.state();
        state.flight = None;
        match fetched {
            Ok(token) => {
                state.failure = None;
                let secret = token.secret.clone();
                state.token = Some(Held::new(asked, token));
                Ok(secret)
            }
            Err(error) => {
                tracing::warn!(kind = %error.kind(), error = error.message(), "no token for the account");
                state.failure = Some((error.clone(), Instant::now() + PAUSE));
                Err(error)
            }
        }
    }
}

impl Held {
    fn new(asked: Instant, token: Token) -> Self {
        const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);
        let lifetime = token.lifetime.min(YEAR);
        let end = asked + lifetime.saturating_sub(MARGIN.min(lifetime / 10));
        let renew = asked + lifetime.saturating_sub(AHEAD.min(lifetime / 4));
        Self {
            secret: token.secret,
            renew,
            end,
        }
    }
}

/// A request whose task died with its runtime will never end.
fn is_flying(flight: &Flight) -> bool {
    flight.has_changed().is_ok()
}

fn late() -> Error {
    let message = "the account's token server did not answer in time";
    Error::new(ErrorKind::Timeout, message)
        .with_code("token_timeout")
        .with_unsent()
}

impl Credentials for TokenSource {
    fn secret(&self) -> BoxFuture<'_, Result<Secret, Error>> {
        async {
            let mut flight = match self.look() {
                Ok(outcome) => return outcome,
                Err(flight) => flight,
            };
            let lost = || {
                Error::new(
                    ErrorKind::Server,
                    "the request for the account's token was lost",
                )
            };
            match flight.wait_for(Option::is_some).await {
                Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(lost())),
                Err(_) => Err(lost()),
            }
        }
        .boxed()
    }

    fn refused(&self, secret: &Secret) -> bool {
        let now = Instant::now();
        let mut state = self.0.state();
        let current = state
            .token
            .as_ref()
            .is_some_and(|held| held.secret == *secret);
        if !current {
            // Somebody else was refused as well, and there is a new one already, or soon.
            return state.token.is_some() || state.flight.is_some();
        }
        if state.refused.is_some_and(|at| now < at + REFUSALS) {
            // The new one is no better: it is the account, not the token.
            return false;
        }
        state.refused = Some(now);
        state.token = None;
        true
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenSource").field(&self.0.grant).finish()
    }
}

#[cfg(test)]
mod tests;
