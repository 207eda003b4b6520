//! What a pool is made of.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    balance::{Balance, Weighted},
    cooldown::Rules,
    hall::Room,
    silence::Silence,
};
use crate::{
    chat::FidelityMode,
    provider::Provider,
    request::Caller,
    upstream::{Account, Price, Timeouts},
};

/// A caller's share of the places.
type Weigh = Arc<dyn Fn(&Caller) -> u32 + Send + Sync>;

/// Who may serve a model, and how one of them is chosen.
#[derive(Clone)]
#[must_use]
pub struct Pool {
    pub(super) vendors: Vec<Vendor>,
    pub(super) balance: Arc<dyn Balance>,
    pub(super) rules: Rules,
    pub(super) wait: Duration,
    pub(super) silence: Option<Silence>,
    pub(super) room: Room,
    pub(super) weigh: Option<Weigh>,
    pub(super) fidelity: FidelityMode,
}

impl Pool {
    /// How many calls may wait unless [`queue`](Self::queue) says otherwise.
    pub const QUEUE: usize = 1000;
    /// How many calls of one caller may wait unless [`queue`](Self::queue) says otherwise.
    pub const QUEUE_PER_CALLER: usize = 100;

    /// Nobody yet.
    pub fn new() -> Self {
        Self {
            vendors: Vec::new(),
            balance: Arc::new(Weighted::new()),
            rules: Rules::DEFAULT,
            wait: Duration::ZERO,
            silence: None,
            room: Room {
                size: Self::QUEUE,
                per_caller: Self::QUEUE_PER_CALLER,
            },
            weigh: None,
            fidelity: FidelityMode::default(),
        }
    }

    /// One more vendor.
    pub fn vendor(mut self, vendor: Vendor) -> Self {
        self.vendors.push(vendor);
        self
    }

    /// How one of the free accounts is chosen. [`Weighted`] unless set.
    pub fn balance(mut self, balance: impl Balance) -> Self {
        self.balance = Arc::new(balance);
        self
    }

    /// How long an account is left alone after failures, where the vendor does not say; longer each time if they go on. 30 s
    /// unless set; zero is never.
    pub const fn cooldown(mut self, cooldown: Duration) -> Self {
        self.rules.cooldown = cooldown;
        self
    }

    /// After how many failures in a row an account is left alone. Three unless set; zero is never.
    pub const fn failures(mut self, failures: u32) -> Self {
        self.rules.failures = failures;
        self
    }

    /// How long a call may wait for the soonest account when all are out. Zero unless set: it fails at once.
    pub const fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Gives up an attempt that brings nothing for `times` as long as the account usually takes, and at least for `least`, if another
    /// account is left. It counts as a failure of the account. Off unless set.
    ///
    /// A stream has a clock of its own for its first content ([`Timeouts`](crate::upstream::Timeouts)); a whole answer has none, and
    /// an account that hangs would keep its caller until the deadline. What is given up may be billed nevertheless: where few answers
    /// take far longer than the others, choose `least` so that they come in time.
    pub const fn give_up(mut self, times: u32, least: Duration) -> Self {
        self.silence = Some(Silence { times, least });
        self
    }

    /// How many calls may wait at the same time for each model asked for, and how many of those for one caller; further ones fail
    /// at once. [`QUEUE`](Self::QUEUE) and [`QUEUE_PER_CALLER`](Self::QUEUE_PER_CALLER) unless set.
    pub const fn queue(mut self, size: usize, per_caller: usize) -> Self {
        self.room = Room { size, per_caller };
        self
    }

    /// A caller's share of the places while calls wait: one of weight 10 is served ten times as often as one of weight 1. Everybody
    /// weighs 1 unless set; 0 counts as 1. Asked when a call begins to wait: it must not block.
    pub fn weigh(mut self, weigh: impl Fn(&Caller) -> u32 + Send + Sync + 'static) -> Self {
        self.weigh = Some(Arc::new(weigh));
        self
    }
}

impl Pool {
    /// What to do with a call that a vendor cannot be told all of, unless the call says so itself. Lenient unless set; strict
    /// tries the others first that may be told all.
    pub const fn fidelity(mut self, mode: FidelityMode) -> Self {
        self.fidelity = mode;
        self
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("vendors", &self.vendors)
            .field("balance", &self.balance)
            .field("cooldown", &self.rules.cooldown)
            .field("failures", &self.rules.failures)
            .field("wait", &self.wait)
            .field("room", &self.room)
            .field("fidelity", &self.fidelity)
            .finish()
    }
}

/// One model at one vendor, through any of some accounts.
#[derive(Clone, Debug)]
#[must_use]
pub struct Vendor {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) model: Arc<str>,
    pub(super) weight: u32,
    pub(super) context_window: Option<u64>,
    pub(super) max_output: Option<u64>,
    pub(super) price: Option<Price>,
    pub(super) catalogue: Option<Arc<str>>,
    pub(super) timeouts: Timeouts,
    pub(super) enabled: bool,
    pub(super) accounts: Vec<Member>,
}

/// An account of a vendor.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) account: Arc<Account>,
    pub(super) weight: u32,
    pub(super) enabled: bool,
}

impl Vendor {
    /// `model` is the name there. A `*` in it stands for what the `*` of the pool's name matched, or for the whole name asked for
    /// if that has none.
    pub fn new(provider: Arc<dyn Provider>, model: impl Into<Arc<str>>) -> Self {
        Self {
            provider,
            model: model.into(),
            weight: 1,
            context_window: None,
            max_output: None,
            price: None,
            catalogue: None,
            timeouts: Timeouts::default(),
            enabled: true,
            accounts: Vec::new(),
        }
    }

    /// The model has there the very name that the caller asked for.
    pub fn same_model(provider: Arc<dyn Provider>) -> Self {
        Self::new(provider, Self::SAME)
    }

    /// Marks [`same_model`](Self::same_model): no vendor's model has an empty name.
    pub(super) const SAME: &'static str = "";

    /// This vendor's share of the calls. 1 unless set; 0 is only used if nobody else is available.
    pub const fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// How many tokens, in and out, the model can hold.
    pub const fn context_window(mut self, tokens: u64) -> Self {
        self.context_window = Some(tokens);
        self
    }

    /// How many tokens the model can answer.
    pub const fn max_output(mut self, tokens: u64) -> Self {
        self.max_output = Some(tokens);
        self
    }

    /// What the model costs.
    pub const fn price(mut self, price: Price) -> Self {
        self.price = Some(price);
        self
    }

    /// What [the catalogue](crate::catalog) calls this vendor. The price and the context window are then looked up there by the model's
    /// name, where they are not set here; where the name is a template, by the name that it has for the call at hand.
    pub fn catalogue(mut self, vendor: impl Into<Arc<str>>) -> Self {
        self.catalogue = Some(vendor.into());
        self
    }

    /// How long to wait for what.
    pub const fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// `false` keeps it in the pool but never picks it.
    pub const fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// One more account and its share of this vendor's calls; 0 is only used if nobody else is available.
    pub fn account(self, account: Arc<Account>, weight: u32) -> Self {
        self.member(account, weight, true)
    }

    /// An account that is shown but never picked.
    pub fn disabled_account(self, account: Arc<Account>) -> Self {
        self.member(account, 0, false)
    }

    fn member(mut self, account: Arc<Account>, weight: u32, enabled: bool) -> Self {
        self.accounts.push(Member {
            account,
            weight,
            enabled,
        });
        self
    }
}
