//! A model that cannot be had, replaced by the next one in its chain.
//!
//! A chain is walked once: no model is asked twice, and the attempts that later models need are kept back from earlier ones.
//! Whether another model can help is read off the error's [policy](crate::error::Policy). Nothing is ever replaced after content
//! was delivered: by then the call has succeeded as far as this layer is concerned.
//!
//! A name can also stand for a weighted [split](Chains::split) between models, for canaries and A/B tests; [`split`](crate::split) has a
//! layer of its own for that, which keeps the results of each.
//!
//! ```
//! use tower::{Layer, service_fn};
//! use trunkline::{BoxError, ModelRequest, ModelResponse, failover::{Chains, FailoverLayer}};
//!
//! let chains = Chains::new()
//!     .chain("sonnet", ["gpt-4o"])
//!     .split("next", [("gpt-4o", 95), ("sonnet", 5)]);
//! let inner = service_fn(|_: ModelRequest| async { Err::<ModelResponse, BoxError>("no vendor".into()) });
//! let service = FailoverLayer::new(chains).layer(inner);
//! # let _ = service;
//! ```

mod chains;
mod service;

pub use self::{
    chains::Chains,
    service::{Failover, FailoverLayer},
};
