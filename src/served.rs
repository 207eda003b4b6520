//! Who served a call.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The headers that tell who served a call.
const PROVIDER: HeaderName = HeaderName::from_static("x-trunkline-provider");
const ACCOUNT: HeaderName = HeaderName::from_static("x-trunkline-account");
const MODEL: HeaderName = HeaderName::from_static("x-trunkline-model");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-trunkline-attempts");

/// Who served a call.
#[derive(Clone)]
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
    /// The same as headers, once somebody asked: those of a first attempt serve every call of a deployment.
    headers: OnceLock<[Option<(HeaderName, HeaderValue)>; 4]>,
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
            headers: OnceLock::new(),
        }
    }

    /// Adds it to an answer's headers.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let told = self.headers.get_or_init(|| {
            let name = |name, text: &str| {
                // A name that cannot stand in a header is left out rather than failing the call.
                let value = HeaderValue::from_str(text).ok()?;
                (!text.is_empty()).then_some((name, value))
            };
            [
                name(PROVIDER, &self.provider),
                name(ACCOUNT, &self.account),
                name(MODEL, &self.model),
                Some((ATTEMPTS, HeaderValue::from(self.attempts))),
            ]
        });
        for (name, value) in told.iter().flatten() {
            headers.insert(name.clone(), value.clone());
        }
    }
}

impl PartialEq for Served {
    fn eq(&self, other: &Self) -> bool {
        self.attempts == other.attempts
            && self.provider == other.provider
            && self.account == other.account
            && self.model == other.model
    }
}

impl Eq for Served {}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served")
            .field("provider", &self.provider)
            .field("account", &self.account)
            .field("model", &self.model)
            .field("attempts", &self.attempts)
            .finish()
    }
}
