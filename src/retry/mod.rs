//! The same model again, after an honest wait.
//!
//! Whether waiting can help is read off the error's [policy](crate::error::Policy): overload and server faults after a growing,
//! jittered pause; a rate limit after the time the vendor named, if that is short; a connection that went stale while idle at
//! once; everything else never. `Retry-After` is the floor of every pause.
//!
//! This layer also hands out what the whole call may spend: its [`max_attempts`](RetryPolicy::max_attempts) and its
//! [`RetryBudget`](crate::RetryBudget) count attempts over retries, failovers and the pool's walk from account to account, and none
//! of them makes a further attempt unless [`min_remaining`](RetryPolicy::min_remaining) of the call's time is left.
//!
//! ```
//! use std::time::Duration;
//! use tower::{Layer, service_fn};
//! use trunkline::{BoxError, ModelRequest, ModelResponse, retry::{RetryBackoffLayer, RetryPolicy}};
//!
//! let policy = RetryPolicy::new().max_attempts(3).backoff(Duration::from_millis(100), Duration::from_secs(4));
//! let inner = service_fn(|_: ModelRequest| async { Err::<ModelResponse, BoxError>("no vendor".into()) });
//! let service = RetryBackoffLayer::new(policy).layer(inner);
//! # let _ = service;
//! ```

mod policy;
mod service;

pub use self::{
    policy::RetryPolicy,
    service::{RetryBackoff, RetryBackoffLayer},
};
