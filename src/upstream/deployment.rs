//! Where an attempt goes.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::Uri;

use super::{Limits, Price};
use crate::{
    chat::FidelityMode, credential::Credentials, error::Error, provider::Provider,
    request::ModelRequest, response::Served,
};

/// A call bound to one deployment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The call. Its `model` is the caller's name for it.
    pub request: ModelRequest,
    /// Who serves it.
    pub deployment: Arc<Deployment>,
    /// Which attempt of the call this is, from 1.
    pub number: u32,
    /// Are there accounts of other [groups](Account::group) for the model, so that the conversation may go on at one of them?
    pub mixed: bool,
    /// May somebody else be asked if this one does not answer? Then some of the call's time is kept for them.
    pub others: bool,
}

impl Attempt {
    /// The first attempt of a call.
    pub const fn new(request: ModelRequest, deployment: Arc<Deployment>) -> Self {
        Self {
            request,
            deployment,
            number: 1,
            mixed: false,
            others: false,
        }
    }

    /// Says whether somebody else may be asked after this one.
    #[must_use]
    pub const fn with_others(mut self, others: bool) -> Self {
        self.others = others;
        self
    }

    /// Says whether there are accounts of other groups for the model.
    #[must_use]
    pub const fn with_mixed(mut self, mixed: bool) -> Self {
        self.mixed = mixed;
        self
    }

    /// The attempt of this number, from 1.
    #[must_use]
    pub const fn with_number(mut self, number: u32) -> Self {
        self.number = number;
        self
    }
}

/// One model, at one vendor, through one account.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Deployment {
    /// The vendor.
    pub provider: Arc<dyn Provider>,
    /// The account.
    pub account: Arc<Account>,
    /// The model's name there.
    pub model: Arc<str>,
    /// How many tokens, in and out, the model can hold; none if unknown.
    pub context_window: Option<u64>,
    /// How many tokens it can answer; none if unknown.
    pub max_output: Option<u64>,
    /// What it costs; none if unknown.
    pub price: Option<Price>,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// What to do with a request that the vendor cannot be told all of, unless the request says so itself.
    pub fidelity: FidelityMode,
    cached: Cached,
}

/// What every call says again, made when it is first needed.
#[derive(Debug, Default)]
struct Cached {
    served: OnceLock<Arc<Served>>,
    url: OnceLock<(Box<str>, Uri)>,
}

impl Clone for Cached {
    /// Nothing: a clone is made to be changed, mostly to another model's.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Deployment {
    /// `model` at `provider` through `account`.
    pub fn new(
        provider: Arc<dyn Provider>,
        account: Arc<Account>,
        model: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            provider,
            account,
            model: model.into(),
            context_window: None,
            max_output: None,
            price: None,
            timeouts: Timeouts::default(),
            fidelity: FidelityMode::default(),
            cached: Cached::default(),
        }
    }

    /// How many tokens the model can hold.
    #[must_use]
    pub const fn with_context_window(mut self, tokens: u64) -> Self {
        self.context_window = Some(tokens);
        self
    }

    /// How many tokens the model can answer.
    #[must_use]
    pub const fn with_max_output(mut self, tokens: u64) -> Self {
        self.max_output = Some(tokens);
        self
    }

    /// What the model costs.
    #[must_use]
    pub const fn with_price(mut self, price: Price) -> Self {
        self.price = Some(price);
        self
    }

    /// How long to wait for what.
    #[must_use]
    pub const fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// What to do with a request that the vendor cannot be told all of.
    #[must_use]
    pub const fn with_fidelity(mut self, mode: FidelityMode) -> Self {
        self.fidelity = mode;
        self
    }

    /// Who this is, for answers and errors.
    pub(crate) fn served(&self, attempts: u32) -> Arc<Served> {
        let served = || {
            Arc::new(Served::new(
                Arc::from(self.provider.name()),
                self.account.name.clone(),
                self.model.clone(),
                attempts,
            ))
        };
        match attempts {
            1 => self.cached.served.get_or_init(served).clone(),
            _ => served(),
        }
    }

    /// The URL that `make` makes of this path. That of the first path is kept: most calls of a deployment go to the same.
    ///
    /// # Errors
    /// That of `make`.
    pub(super) fn url(
        &self,
        path: &str,
        make: impl FnOnce() -> Result<Uri, Error>,
    ) -> Result<Uri, Error> {
        match self.cached.url.get() {
            Some((known, url)) if **known == *path => Ok(url.clone()),
            Some(_) => make(),
            None => {
                let url = make()?;
                let _ = self.cached.url.set((path.into(), url.clone()));
                Ok(url)
            }
        }
    }
}

/// An account at a vendor: a key, and what may be asked of it.
#[derive(Clone)]
#[non_exhaustive]
pub struct Account {
    /// Its name here, e.g. `team-a`.
    pub name: Arc<str>,
    /// Where its key comes from.
    pub credentials: Arc<dyn Credentials>,
    /// What may be asked of it.
    pub limits: Limits,
    /// The name of the client that calls for it, see [`Upstream::with_egress`](super::Upstream::with_egress).
    pub egress: Option<Arc<str>>,
    group: Option<Arc<str>>,
}

impl Account {
    /// An account without limits.
    pub fn new(name: impl Into<Arc<str>>, credentials: impl Credentials) -> Self {
        Self {
            name: name.into(),
            credentials: Arc::new(credentials),
            limits: Limits::default(),
            egress: None,
            group: None,
        }
    }

    /// The group it belongs to: accounts of one organisation can read each other's encrypted reasoning. By default each account is
    /// a group of its own.
    #[must_use]
    pub fn with_group(mut self, name: impl Into<Arc<str>>) -> Self {
        self.group = Some(name.into());
        self
    }

    /// The group's name; the account's own if it has none.
    pub fn group(&self) -> &str {
        self.group.as_deref().unwrap_or(&self.name)
    }

    /// What may be asked of it.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The client that calls for it, e.g. one that goes through a proxy.
    #[must_use]
    pub fn with_egress(mut self, name: impl Into<Arc<str>>) -> Self {
        self.egress = Some(name.into());
        self
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// How long one attempt waits for what. The whole call's deadline is the request's own, see
/// [`ModelRequest::with_timeout`]; connecting is the client's business. Each has an error code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// From sending the request to the first content of a stream. `first_token_timeout`
    pub first_token: Option<Duration>,
    /// From sending the request to the first byte of a whole answer. `first_byte_timeout`
    pub first_byte: FirstByte,
    /// Between two events of a stream, or two pieces of a whole answer, once it has begun. Comments and pings do not count.
    /// `idle_timeout`
    pub idle: Option<Duration>,
    /// From sending the request to the end of the answer. `attempt_timeout`
    pub total: Option<Duration>,
}

/// How long a whole answer, which comes after all its tokens, may keep silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FirstByte {
    /// For half of the time that is left to the call if somebody else could be asked then, else for all of it.
    #[default]
    Shared,
    /// So long.
    Within(Duration),
    /// As long as the call itself may take.
    Unlimited,
}

impl Timeouts {
    /// These two; `None` waits for ever.
    pub const fn new(first_token: Option<Duration>, idle: Option<Duration>) -> Self {
        Self {
            first_token,
            first_byte: FirstByte::Shared,
            idle,
            total: None,
        }
    }

    /// How long a whole answer may keep silent.
    #[must_use]
    pub const fn with_first_byte(mut self, first_byte: FirstByte) -> Self {
        self.first_byte = first_byte;
        self
    }

    /// How long the attempt may take, stream and all.
    #[must_use]
    pub const fn with_total(mut self, total: Option<Duration>) -> Self {
        self.total = total;
        self
    }
}

impl Default for Timeouts {
    /// A minute each for the first token and between two events.
    fn default() -> Self {
        Self::new(Some(Duration::from_secs(60)), Some(Duration::from_secs(60)))
    }
}
