//! The conformance suite: is this provider one that the rest of the crate can rely on?
//!
//! [`conformance`] puts a [`Provider`] in front of a scripted vendor, asks it what a gateway would ask, and answers what the vendor
//! would answer, rightly and wrongly. Each case has a name, and one that fails says what was expected, what came, and what to
//! look at. No network, no key.
//!
//! ```
//! use std::sync::Arc;
//!
//! use trunkline::{
//!     provider::Compatible,
//!     testing::{Fixtures, conformance},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), trunkline::Error> {
//! let acme = Compatible::openai("acme", "https://llm.acme.example/v1")?;
//! let fixtures = Fixtures::of("openai-chat").expect("a dialect of this crate");
//! conformance(Arc::new(acme), fixtures).await.assert();
//! # Ok(())
//! # }
//! ```
//!
//! A vendor with a wire format of its own brings its own fixtures: see [`Turn`].

mod answers;
mod bench;
mod failures;
mod fixtures;
mod identity;
mod report;
mod requests;
mod streams;

use std::sync::Arc;

use self::bench::{Bench, Check};
pub use self::{
    fixtures::{Fixtures, Turn},
    report::{Case, Report, Verdict},
};
use crate::Provider;

/// Every case, in the order in which they are reported.
fn checks() -> impl Iterator<Item = &'static Check> {
    [
        identity::CHECKS,
        requests::CHECKS,
        answers::CHECKS,
        streams::CHECKS,
        failures::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// The names of all cases.
pub fn cases() -> impl Iterator<Item = &'static str> {
    checks().map(|check| check.name)
}

/// Runs every case against `provider`. What the fixtures do not have is skipped, and says so.
pub async fn conformance(provider: Arc<dyn Provider>, fixtures: Fixtures) -> Report {
    let bench = Bench::new(provider, fixtures);
    let mut cases = Vec::new();
    for check in checks() {
        cases.push(bench.run(check).await);
    }
    Report { cases }
}
