//! A second attempt at another account, while the first one is silent.
//!
//! Most answers begin soon, and a few keep their caller waiting for many times as long, though nothing is wrong that anybody could
//! see. [`HedgeLayer`] asks a second account when the first has had no content for longer than is usual for the model. Whoever has
//! content first gives the answer; the other one is dropped at once, its connection and its place at the account with it.
//!
//! ```
//! use std::time::Duration;
//! use tower::{Layer, service_fn};
//! use trunkline::{
//!     BoxError, ModelRequest, ModelResponse, HedgeLayer,
//!     hedge::{HedgePolicy, Hedges},
//! };
//!
//! let hedges = Hedges::new()
//!     .model("gpt-4o", HedgePolicy::new().share(0.05))
//!     .model("claude-*", HedgePolicy::new().fixed(Duration::from_secs(4)));
//! // In its place stands the PoolLayer, below the RetryBackoffLayer.
//! let inner = service_fn(|_: ModelRequest| async { Err::<ModelResponse, BoxError>("no vendor".into()) });
//! let service = HedgeLayer::new(hedges.clone()).layer(inner);
//! for status in hedges.snapshot() {
//!     println!("{}: {} of {} calls hedged, {} won", status.model, status.hedged, status.calls, status.won);
//! }
//! # let _ = service;
//! ```
//!
//! # Where it stands
//!
//! Between [`RetryBackoffLayer`](crate::RetryBackoffLayer) and [`PoolLayer`](crate::PoolLayer). Above it, what the call may spend has
//! been handed out, and the model is decided. Below it, the pool tells when an account is asked, so that a call that waits for its turn
//! is not taken for a slow one, and finds the second account by the rules of the first. Over anything but a pool it does nothing.
//!
//! # When
//!
//! The time counts from when an account is asked to its first content; for embeddings, rerankings and chats that are not streamed, to
//! the whole answer. Each model keeps its own times, each of these kinds apart, in a histogram that forgets: about the last thousand
//! calls count, and old ones less and less. A call is hedged after the [percentile](HedgePolicy::percentile) of these times, 95 unless
//! told otherwise, within [bounds](HedgePolicy::bounds) and once [enough](HedgePolicy::min_samples) are known; or after a
//! [fixed](HedgePolicy::fixed) time. If the first account fails, and the pool asks another one, the time counts anew.
//!
//! # What is never hedged
//!
//! * Whatever is not a chat, embeddings or a reranking. An upload or a batch that is made twice is there twice.
//! * A response that is made in the background: the vendor goes on with it when nobody listens.
//! * A call that only one account can serve, because it names what that account issued.
//! * A call that would be over before a second answer can begin: its deadline is nearer than the model's median.
//! * A call for which no other account has room at that moment, or for which others wait. Nobody is asked in spite of a cooldown, and
//!   nobody waits. A conversation that carries reasoning of an account group is hedged within that group only.
//!
//! # What it costs
//!
//! At most a [share](HedgePolicy::share) of the calls is hedged. A second attempt is an attempt like any other: it counts to the call's
//! own limit, and draws on the [`RetryBudget`](crate::RetryBudget) that retries and failovers draw on, so that nothing multiplies. What
//! the dropped attempt would have cost, nobody tells; the windows of its account keep the estimate.
//!
//! To be slower than another says nothing against an account: no breaker counts it. That there was no content even then is remembered
//! where it is longer than what was expected of the account, as [`Fastest`](crate::pool::Fastest) looks at it.
//!
//! A session stays at its account, whoever wins. If one attempt fails, the other is awaited; if both do, the error that says more is
//! told. Only if the first is told that the call itself is wrong is the second given up.
//!
//! # What is told
//!
//! The call's [`Trail`](crate::Trail) has a step for each of the two, e.g. `openai/a:outrun + openai/b:ok`, and
//! [`Trail::hedge`](crate::Trail::hedge) says who won. [`Hedges::snapshot`] counts.

mod hedges;
mod histogram;
mod layer;
mod policy;
mod race;
mod service;
mod share;
mod status;

pub(crate) use self::race::Race;
pub use self::{
    hedges::Hedges,
    layer::HedgeLayer,
    policy::HedgePolicy,
    service::Hedge,
    status::{HedgeDelay, HedgeKind, HedgeStatus},
};
