//! What is told of an arm.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Timing;

/// The results of one arm, or of a shadow.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ArmReport {
    /// The split's name.
    pub split: String,
    /// The arm's.
    pub arm: String,
    /// The model that serves it.
    pub model: String,
    /// Is it a shadow, whose answers nobody gets?
    pub shadow: bool,
    /// Its weight among the split's arms; of a shadow none.
    pub weight: Option<u32>,
    /// The share of the calls that are copied, from 0 to 1; none if it is no shadow.
    pub share: Option<f64>,
    /// When counting began, in seconds since 1970.
    pub since: u64,
    /// Calls that were begun. Counts of tokens are none.
    pub requests: u64,
    /// Those that are not over yet.
    pub running: u64,
    /// Those that were answered to the end.
    pub completed: u64,
    /// Those whose callers left.
    pub cancelled: u64,
    /// Those that failed, by the [kind](crate::ErrorKind) of the failure: before an answer or in the middle of it.
    pub errors: BTreeMap<&'static str, u64>,
    /// How many attempts the calls that were answered took in all.
    pub attempts: u64,
    /// How long the first content of streams took, with all waits and attempts before it.
    pub first_content: Timing,
    /// How long whole calls took that were answered to the end.
    pub whole: Timing,
    /// What was read and written.
    pub tokens: ArmTokens,
    /// What it cost, in millionths of a US dollar, each call rounded up.
    pub cost_micros: u64,
    /// Answers whose cost is unknown: no price, or no usage.
    pub unpriced: u64,
    /// Copies that were not made though it was their turn, by reason: `busy` (as many under way as may be), `budget` (its money is spent),
    /// `unfit` (no conversation, or one that leaves something behind), `stopped`.
    pub skipped: BTreeMap<&'static str, u64>,
}

/// Tokens, each in one place only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ArmTokens {
    /// Input that no cache had a part in.
    pub input: u64,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache.
    pub cache_write: u64,
    /// Output other than reasoning.
    pub output: u64,
    /// Output spent on reasoning, where the vendor tells.
    pub reasoning: u64,
}

impl ArmReport {
    /// All calls that failed.
    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }
}
