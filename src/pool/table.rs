//! From a model's name to those who may serve it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{Pool, Vendor, account::AccountState, vendor::Member};
use crate::{chat::FidelityMode, operation::Operation, pattern::Pattern, upstream::Deployment};

/// All pools as of some moment, and the state of all their accounts.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    exact: HashMap<Arc<str>, Arc<Route>>,
    /// The most specific first.
    patterns: Vec<(Pattern, Arc<Route>)>,
    accounts: BTreeMap<(Arc<str>, Arc<str>), Arc<AccountState>>,
    /// The providers of calls without a model, the preferred one first.
    pub(super) home: Arc<[Arc<str>]>,
}

/// A pool, with the state of its accounts.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) pool: Pool,
    pub(super) lines: Vec<Line>,
    /// Are its accounts of more than one group?
    pub(super) mixed: bool,
}

/// One account of one vendor that can be picked.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Place of the vendor in the pool.
    pub(super) vendor: usize,
    /// Place of the account in the vendor.
    pub(super) place: usize,
    pub(super) vendor_weight: u32,
    pub(super) weight: u32,
    pub(super) state: Arc<AccountState>,
    /// Its model may be a template.
    deployment: Arc<Deployment>,
    template: Template,
}

/// How a vendor's name for the model comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Template {
    Fixed,
    /// What the caller asked for.
    Asked,
    /// A `*` is replaced.
    Star,
}

/// A route, and what the `*` of its name stands for in this call.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) route: Arc<Route>,
    pub(super) asked: &'a str,
    pub(super) matched: &'a str,
}

impl Table {
    /// The same with one more pool.
    pub(super) fn with(&self, name: Arc<str>, pool: Pool) -> Self {
        let mut table = self.clone();
        table.add(name, pool);
        table
    }

    /// The same with another home.
    pub(super) fn with_home(&self, home: Arc<[Arc<str>]>) -> Self {
        Self {
            home,
            ..self.clone()
        }
    }

    /// The pools of `other`, with the state that is known here of their accounts.
    pub(super) fn rebuilt_from(&self, other: &Self) -> Self {
        let mut table = Self {
            accounts: self.accounts.clone(),
            home: other.home.clone(),
            ..Self::default()
        };
        for (name, route) in &other.exact {
            table.add(name.clone(), route.pool.clone());
        }
        for (pattern, route) in &other.patterns {
            table.add(pattern.name().into(), route.pool.clone());
        }
        table
            .accounts
            .retain(|key, _| other.accounts.contains_key(key));
        table
    }

    fn add(&mut self, name: Arc<str>, pool: Pool) {
        let route = Arc::new(Route::new(pool, &mut self.accounts));
        let Some(pattern) = Pattern::of(&name) else {
            self.exact.insert(name, route);
            return;
        };
        self.patterns.retain(|(known, _)| *known != pattern);
        self.patterns.push((pattern, route));
        self.patterns
            .sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.rank()));
    }

    /// The pool of exactly that name, or that of the longest pattern that matches.
    pub(super) fn find<'a>(&self, model: &'a str) -> Option<Found<'a>> {
        if let Some(route) = self.exact.get(model) {
            return Some(Found {
                route: route.clone(),
                asked: model,
                matched: model,
            });
        }
        self.patterns.iter().find_map(|(pattern, route)| {
            Some(Found {
                route: route.clone(),
                asked: model,
                matched: pattern.matched(model)?,
            })
        })
    }

    /// Every route, in no order.
    pub(super) fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        let patterns = self.patterns.iter().map(|(_, route)| route);
        self.exact.values().chain(patterns)
    }

    /// Every name that is no pattern, sorted.
    pub(super) fn models(&self) -> Vec<String> {
        let mut names: Vec<_> = self.exact.keys().map(|name| name.to_string()).collect();
        names.sort_unstable();
        names
    }

    pub(super) fn accounts(&self) -> impl Iterator<Item = &Arc<AccountState>> {
        self.accounts.values()
    }

    pub(super) fn account(&self, provider: &str, account: &str) -> Option<&Arc<AccountState>> {
        self.accounts()
            .find(|state| &*state.provider == provider && &*state.account == account)
    }

    /// The pools an account is in.
    pub(super) fn routes_of<'a>(
        &'a self,
        state: &'a Arc<AccountState>,
    ) -> impl Iterator<Item = &'a Route> {
        self.routes().map(|route| &**route).filter(move |route| {
            route
                .lines
                .iter()
                .any(|line| Arc::ptr_eq(&line.state, state))
        })
    }
}

impl Route {
    fn new(pool: Pool, accounts: &mut BTreeMap<(Arc<str>, Arc<str>), Arc<AccountState>>) -> Self {
        let mut lines = Vec::new();
        // Those that are off now may be on again before the conversation is over.
        let groups = pool.vendors.iter().flat_map(|vendor| {
            let name = vendor.provider.name();
            let members = vendor.accounts.iter();
            members.map(move |member| (name, member.account.group()))
        });
        let mixed = groups.collect::<HashSet<_>>().len() > 1;
        for (index, vendor) in pool.vendors.iter().enumerate() {
            let provider: Arc<str> = vendor.provider.name().into();
            for (place, member) in vendor.accounts.iter().enumerate() {
                let key = (provider.clone(), member.account.name.clone());
                let state = accounts
                    .entry(key)
                    .or_insert_with_key(|(provider, account)| {
                        Arc::new(AccountState::new(provider.clone(), account.clone()))
                    })
                    .clone();
                if vendor.enabled && member.enabled && !member.is_closed(&vendor.model) {
                    lines.push(Line::new(
                        vendor,
                        index,
                        member,
                        place,
                        state,
                        pool.fidelity,
                    ));
                }
            }
        }
        Self { pool, lines, mixed }
    }
}

impl Member {
    /// A limit of nothing means: do not call.
    fn is_closed(&self, model: &str) -> bool {
        let limits = &self.account.limits;
        let windows = &limits.windows;
        limits.rpm == Some(0)
            || limits.tpm == Some(0)
            || limits.concurrency == Some(0)
            || windows.iter().any(|w| w.amount == 0 && w.counts(model))
    }
}

impl Line {
    fn new(
        vendor: &Vendor,
        index: usize,
        member: &Member,
        place: usize,
        state: Arc<AccountState>,
        fidelity: FidelityMode,
    ) -> Self {
        let mut deployment = Deployment::new(
            vendor.provider.clone(),
            member.account.clone(),
            vendor.model.clone(),
        )
        .with_timeouts(vendor.timeouts);
        deployment.context_window = vendor.context_window;
        deployment.max_output = vendor.max_output;
        deployment.price = vendor.price;
        deployment.fidelity = fidelity;
        Self {
            vendor: index,
            place,
            vendor_weight: vendor.weight,
            weight: member.weight,
            state,
            deployment: Arc::new(deployment),
            template: match &*vendor.model {
                Vendor::SAME => Template::Asked,
                model if model.contains('*') => Template::Star,
                _ => Template::Fixed,
            },
        }
    }

    /// Is it a spare, for when there is nobody else?
    pub(super) const fn is_spare(&self) -> bool {
        self.vendor_weight == 0 || self.weight == 0
    }

    /// Is it a vendor of this dialect?
    pub(super) fn speaks(&self, dialect: &str) -> bool {
        let spoken = self.deployment.provider.dialect(&Operation::Chat);
        spoken.is_some_and(|spoken| spoken.name() == dialect)
    }

    pub(super) fn context_window(&self) -> Option<u64> {
        self.deployment.context_window
    }

    /// The same line for calls that name no model.
    pub(super) fn without_model(&self) -> Self {
        let mut deployment = Deployment::clone(&self.deployment);
        deployment.model = "".into();
        deployment.context_window = None;
        Self {
            deployment: Arc::new(deployment),
            template: Template::Fixed,
            ..self.clone()
        }
    }

    /// The deployment for this call.
    pub(super) fn deployment(&self, found: &Found<'_>) -> Arc<Deployment> {
        let model = match self.template {
            Template::Fixed => return self.deployment.clone(),
            Template::Asked => found.asked.into(),
            Template::Star => self.deployment.model.replacen('*', found.matched, 1).into(),
        };
        let mut deployment = Deployment::clone(&self.deployment);
        deployment.model = model;
        Arc::new(deployment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Secret, provider::Compatible, upstream::Account};

    fn vendor(model: &str) -> Vendor {
        let provider = Compatible::openai("acme", "https://acme.example/v1").unwrap();
        let account = Account::new("a", Secret::new("k"));
        Vendor::new(Arc::new(provider), model).account(Arc::new(account), 1)
    }

    fn table(pools: &[(&str, &str)]) -> Table {
        pools.iter().fold(Table::default(), |table, (name, model)| {
            table.with((*name).into(), Pool::new().vendor(vendor(model)))
        })
    }

    fn upstream(table: &Table, asked: &str) -> Option<String> {
        let found = table.find(asked)?;
        Some(found.route.lines[0].deployment(&found).model.to_string())
    }

    #[test]
    fn the_exact_name_wins_then_the_longest_pattern() {
        let table = table(&[
            ("*", "any"),
            ("claude-*", "claude"),
            ("claude-*-mini", "mini"),
            ("claude-sonnet", "exact"),
        ]);
        for (asked, model) in [
            ("claude-sonnet", "exact"),
            ("claude-opus", "claude"),
            ("claude-opus-mini", "mini"),
            ("claude-", "any"),
            ("claude-mini", "claude"),
            ("gpt", "any"),
        ] {
            assert_eq!(upstream(&table, asked).as_deref(), Some(model), "{asked}");
        }
        assert_eq!(upstream(&table, ""), None);
        assert_eq!(table.models(), ["claude-sonnet"]);
    }

    #[test]
    fn a_template_takes_what_the_wildcard_matched() {
        let table = table(&[
            ("openai/*", "*"),
            ("eu-*", "europe/*-v2"),
            ("plain", "x-*"),
            ("same-*", Vendor::SAME),
            ("fixed-*", "one"),
        ]);
        for (asked, model) in [
            ("openai/gpt-4o", "gpt-4o"),
            ("openai/ft:a/b", "ft:a/b"),
            ("eu-large", "europe/large-v2"),
            ("plain", "x-plain"),
            ("same-name", "same-name"),
            ("fixed-name", "one"),
        ] {
            assert_eq!(upstream(&table, asked).as_deref(), Some(model), "{asked}");
        }
        assert_eq!(upstream(&table, "openai/"), None);
    }

    #[test]
    fn a_name_given_twice_means_the_later_pool() {
        let table = table(&[("m", "one"), ("m", "two"), ("p*", "one"), ("p*", "two")]);
        assert_eq!(upstream(&table, "m").as_deref(), Some("two"));
        assert_eq!(upstream(&table, "px").as_deref(), Some("two"));
    }
}
