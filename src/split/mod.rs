//! A name that stands for several arms: a canary, an A/B test, a shadow.
//!
//! An [`Arm`] is a name, a model (one of the [pools](crate::pool) below, with whatever [chain](crate::failover) it has) and a weight.
//! [`SplitLayer`] draws one of a [`Split`]'s arms for each call that asks for the split's name, and keeps the results of each:
//! [`Arms::report`] has requests, errors by kind, the time to the first content, tokens and cost.
//!
//! ```
//! use std::time::Duration;
//! use tower::{Layer, service_fn};
//! use trunkline::{
//!     BoxError, ModelRequest, ModelResponse,
//!     split::{Arm, Arms, Shadow, Split, SplitLayer, Splits, Sticky},
//! };
//!
//! let next = Split::new()
//!     .arm(Arm::new("control", "gpt-4o", 95))
//!     .arm(Arm::new("canary", "sonnet", 5))
//!     .by(Sticky::Session)
//!     .shadow(Shadow::new("trial", "haiku").share(0.02).timeout(Duration::from_secs(30)));
//! let arms = Arms::new();
//! let layer = SplitLayer::new(Splits::new().split("next", next)).results(arms.clone());
//!
//! let inner = service_fn(|_: ModelRequest| async { Err::<ModelResponse, BoxError>("no vendor".into()) });
//! let service = layer.layer(inner);
//! for arm in arms.report() {
//!     println!("{}/{}: {} calls, {} millionths of a dollar", arm.split, arm.arm, arm.requests, arm.cost_micros);
//! }
//! # let _ = service;
//! ```
//!
//! # Where it stands
//!
//! Above [`FailoverLayer`](crate::FailoverLayer): what an arm's model falls back to is the arm's own doing, and is counted to the arm
//! that was drawn, however the call ends. A split's arm may be another split; then the call counts in both. Where a chain leads to a
//! split ([`Chains::splits`](crate::failover::Chains::splits)), one of its arms is drawn as well, but nothing is counted: those calls
//! are what other models failed at, and would spoil the comparison.
//!
//! # Who draws what
//!
//! A draw is a weighted rendezvous hash of the split's name, the arm's name and [what the split is sticky by](Sticky). The same caller,
//! or session, draws the same arm at all gateways and after a restart. If the weight of one arm grows, only those move that it gains;
//! if it shrinks, only those that it loses. An arm of weight 0 is never drawn. Whoever cannot be told from others is spread at random.
//!
//! # Shadows
//!
//! With a [`Shadow`] some calls are copied to another model, and the answers thrown away: only their results are kept, beside those of
//! the arms. The caller never notices. The copy is made and sent by a task of its own, which has its own deadline; when as many copies
//! are under way as may be, or its money is spent, there is none. It is nobody's call: it has no caller, low
//! [priority](crate::request::Priority), its own budget of one attempt, its own [`Trail`](crate::Trail) and none of the
//! [extensions](crate::ModelRequest::extensions), so that no limit, queue or record takes it for the caller's; it waits in no queue. Its answer is read as it
//! comes, kept nowhere, and given up when it grows too large. Only conversations are copied, and of them none that leaves something
//! behind: stored answers, calls in the background, and those whose tools a vendor runs on other people's servers.
//! [`Shadows::stop`] ends all copies that are under way.
//!
//! A copy costs what a call costs. Where it uses the same accounts as real calls it takes room from them, and what a vendor answers it
//! (a rate limit, an outage) counts for them too: a model that gets many copies is better given accounts of its own.

mod arm;
mod copy;
mod draw;
mod report;
mod service;
mod shadow;
mod splits;
mod tally;
#[cfg(test)]
mod tests;
mod timing;

#[cfg(feature = "config")]
pub(crate) use self::copy::is_plain;
pub use self::{
    arm::{Arm, Split, Sticky},
    report::{ArmReport, ArmTokens},
    service::{SplitLayer, SplitService},
    shadow::{Shadow, Shadows},
    splits::{Drawn, Splits},
    tally::Arms,
    timing::Timing,
};
