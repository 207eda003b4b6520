//! All pools of a gateway.

use std::{collections::BTreeSet, fmt, ops::Deref, sync::Arc};

use arc_swap::{ArcSwap, Guard};

use super::{AccountStatus, Pool, Rng, cooldown::Rules, hall::Hall, table::Table};
use crate::{error::Error, operation::Operation, tokens::Learned};

/// Pools by model. Clones share everything. See the [module docs](crate::pool).
#[derive(Clone)]
pub struct Pools(Arc<Shared>);

pub(super) struct Shared {
    table: ArcSwap<Table>,
    pub(super) common: Arc<Common>,
}

/// What a call needs until its end, whatever becomes of the tables.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) rng: Arc<Rng>,
    /// Where calls wait. Told whenever an account may have become free.
    pub(super) hall: Arc<Hall>,
    /// What vendors' counts have taught.
    pub(super) tokens: Arc<Learned>,
}

impl Pools {
    /// No pools yet.
    pub fn new() -> Self {
        Self::with_rng(Rng::new())
    }

    /// No pools yet; ties are broken the same way in every run.
    pub fn with_seed(seed: u64) -> Self {
        Self::with_rng(Rng::seeded(seed))
    }

    fn with_rng(rng: Rng) -> Self {
        Self(Arc::new(Shared::new(rng)))
    }

    /// One more pool, for the model of this name; one `*` in it stands for one or more characters, e.g. `claude-*`. Takes the place of a pool
    /// of the same name. Clones see it too.
    #[must_use]
    pub fn pool(mut self, model: impl Into<Arc<str>>, pool: Pool) -> Self {
        let model = model.into();
        // As long as there are no clones, the table need not be copied for each pool.
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            let mut table = std::mem::take(&mut shared.table).into_inner();
            Arc::make_mut(&mut table).add(model, pool);
            shared.table = ArcSwap::new(table);
            return self;
        }
        self.0
            .table
            .rcu(|table| table.with(model.clone(), pool.clone()));
        self
    }

    /// Where calls go that name neither a model nor anything an account has issued: new files, lists of files and batches. The first of
    /// these providers that has an account in some pool; for callers of Anthropic's dialect the first that speaks it, if one does. Without one such calls are refused. Clones see it too.
    #[must_use]
    pub fn home<N: Into<Arc<str>>>(self, providers: impl IntoIterator<Item = N>) -> Self {
        let home: Arc<[Arc<str>]> = providers.into_iter().map(Into::into).collect();
        self.0.table.rcu(|table| table.with_home(home.clone()));
        self
    }

    /// Takes over the pools of `other` in place of its own, for all clones. What is known of an account (what it serves, its
    /// cooldowns, its minute) stays, if there still is one of that vendor's and account's name. Running calls are not disturbed.
    pub fn replace(&self, other: &Self) {
        let other = other.0.table.load_full();
        self.0.table.rcu(|table| table.rebuilt_from(&other));
        self.0.hall.replaced();
    }

    /// How many calls wait for an account, see [`Pool::wait`].
    pub fn waiting(&self) -> usize {
        self.0.hall.len()
    }

    /// The names of all pools without patterns, sorted.
    pub fn models(&self) -> Vec<String> {
        self.0.table.load().models()
    }

    /// Is there a pool for this model, by name or by pattern?
    pub fn contains(&self, model: &str) -> bool {
        self.0.table.load().find(model).is_some()
    }

    /// The names of the dialects that the vendors of this model speak, sorted; none if nobody serves it.
    pub fn dialects(&self, model: &str) -> Vec<&'static str> {
        let table = self.0.table.load();
        let Some(found) = table.find(model) else {
            return Vec::new();
        };
        let vendors = found.route.pool.vendors.iter();
        let spoken = vendors.filter_map(|vendor| vendor.provider.dialect(&Operation::Chat));
        let names: BTreeSet<&'static str> = spoken.map(|dialect| dialect.name()).collect();
        names.into_iter().collect()
    }

    /// Every account, by vendor and name.
    pub fn snapshot(&self) -> Vec<AccountStatus> {
        let table = self.0.table.load_full();
        table.accounts().map(|state| state.status()).collect()
    }

    /// Is there an account that is not left alone as a whole? What a readiness probe wants to know.
    pub fn any_in_service(&self) -> bool {
        let in_service =
            |account: AccountStatus| account.cooldowns.iter().all(|c| c.model.is_some());
        self.snapshot().into_iter().any(in_service)
    }

    /// Ends all cooldowns of an account, the vendor's own included, closes its breakers and forgets its failures. False if there is no such account.
    pub fn reset(&self, provider: &str, account: &str) -> bool {
        let table = self.0.table.load_full();
        let Some(state) = table.account(provider, account) else {
            return false;
        };
        state.reset();
        self.0.hall.freed(state.tag);
        true
    }

    /// Tells what a check of an account found: an error counts as one of a call would, for the account as a whole; `Ok` ends the
    /// soft cooldowns that a check would come up against, which are not those for limits, empty purses, or failures of one model,
    /// and closes the account's own breaker.
    /// False if there is no such account.
    pub fn report_health(&self, provider: &str, account: &str, found: Result<(), &Error>) -> bool {
        let table = self.0.table.load_full();
        let Some(state) = table.account(provider, account) else {
            return false;
        };
        match found {
            Ok(()) => {
                state.healthy();
                self.0.hall.freed(state.tag);
            }
            Err(error) => {
                // A check belongs to no pool: the most patient one decides, and the answer is the same every time.
                let rules = table
                    .routes_of(state)
                    .map(|route| route.pool.rules)
                    // Zero is never, and so the most patient.
                    .max_by_key(|rules| (rules.failures.wrapping_sub(1), rules.cooldown))
                    .unwrap_or(Rules::DEFAULT);
                state.failed(None, error, &rules, &self.0.rng);
            }
        }
        true
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0
    }
}

impl Shared {
    fn new(rng: Rng) -> Self {
        Self {
            table: ArcSwap::default(),
            common: Arc::new(Common {
                rng: Arc::new(rng),
                hall: Arc::default(),
                tokens: Arc::default(),
            }),
        }
    }

    /// What calls share in a dry run: no tables, and randomness that draws what would be drawn next.
    pub(super) fn copied(&self) -> Self {
        Self::new(self.rng.fork())
    }

    pub(super) fn table(&self) -> Guard<Arc<Table>> {
        self.table.load()
    }
}

impl Deref for Shared {
    type Target = Common;

    fn deref(&self) -> &Common {
        &self.common
    }
}

impl Default for Pools {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pools")
            .field("models", &self.models())
            .finish_non_exhaustive()
    }
}
