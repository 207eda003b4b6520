//! Who served a call.

use std::sync::Arc;

/// Who served a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// The vendor's name here.
    pub provider: Arc<str>,
    /// The account's name here.
    pub account: Arc<str>,
    /// The model's name at the vendor.
    pub model: Arc<str>,
    /// How many attempts the call took so far, this one included.
    pub attempts: u32,
}

impl Served {
    /// Served by this account.
    pub const fn new(
        provider: Arc<str>,
        account: Arc<str>,
        model: Arc<str>,
        attempts: u32,
    ) -> Self {
        Self {
            provider,
            account,
            model,
            attempts,
        }
    }
}
