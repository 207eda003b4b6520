//! From a model's name to those who may serve it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use super::{
    Pool, Vendor, Weighted,
    account::{AccountState, Seat},
    balance::{Sampling, identity},
    roster::{Entry, Roster, SMALL},
    vendor::Member,
};
use crate::{
    catalog::{self, Task},
    chat::FidelityMode,
    operation::Operation,
    origin::Origin,
    pattern::{Pattern, Patterns},
    upstream::{Deployment, Price},
};

/// All pools as of some moment, and the state of all their accounts.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    exact: HashMap<Arc<str>, Arc<Route>>,
    patterns: Patterns<Arc<Route>>,
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
    /// Set if there are too many lines to look through for each call.
    pub(super) large: Option<Large>,
}

/// What is kept of a large pool.
#[derive(Debug)]
pub(super) struct Large {
    pub(super) roster: Arc<Roster>,
    /// The largest window that is known, if none is unknown.
    pub(super) largest: Option<u64>,
    /// The windows of its lines, ascending; unknown is the largest.
    windows: Arc<[u64]>,
    /// The addresses of its accounts.
    pub(super) accounts: Arc<HashSet<usize>>,
    /// Lines by identity, where that is known before a call comes.
    pub(super) identities: Arc<HashMap<u64, usize>>,
    /// One line of each class of lines that cost the same; only where the balance goes by that.
    pub(super) price_classes: Arc<[usize]>,
    /// Lines by the fingerprint of their account's group; made when a call first asks for it.
    groups: OnceLock<HashMap<[u8; 4], Vec<usize>>>,
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
    /// What the catalogue calls the vendor.
    catalogue: Option<Arc<str>>,
}

/// What lines have in common that cost the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum PriceClass {
    Known(Price),
    /// The catalogue knows, once a call names the model; by the vendor's place in the pool.
    Named(usize),
    Unknown,
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
        for (pattern, route) in other.patterns.iter() {
            table.add(pattern.name().into(), route.pool.clone());
        }
        table
            .accounts
            .retain(|key, _| other.accounts.contains_key(key));
        table
    }

    pub(super) fn add(&mut self, name: Arc<str>, pool: Pool) {
        let route = Arc::new(Route::new(pool, &mut self.accounts));
        match Pattern::of(&name) {
            Some(pattern) => self.patterns.set(pattern, route),
            None => drop(self.exact.insert(name, route)),
        }
    }

    /// The pool of exactly that name, or that of the most specific pattern that matches.
    pub(super) fn find<'a>(&self, model: &'a str) -> Option<Found<'a>> {
        if let Some(route) = self.exact.get(model) {
            return Some(Found {
                route: route.clone(),
                asked: model,
                matched: model,
            });
        }
        let (route, matched) = self.patterns.find(model)?;
        Some(Found {
            route: route.clone(),
            asked: model,
            matched,
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
        self.accounts.get(&(provider.into(), account.into()))
    }

    /// The pools an account is in.
    pub(super) fn routes_of<'a>(
        &'a self,
        state: &'a Arc<AccountState>,
    ) -> impl Iterator<Item = &'a Route> {
        let is_in = |route: &&Route| match &route.large {
            Some(large) => large.accounts.contains(&address(state)),
            None => route
                .lines
                .iter()
                .any(|line| Arc::ptr_eq(&line.state, state)),
        };
        self.routes().map(|route| &**route).filter(is_in)
    }
}

impl Route {
    /// The same pool with copies of its accounts, for a dry run. False if its balance could not be copied: another takes its place.
    pub(super) fn copied(&self) -> (Self, bool) {
        let mut copies: HashMap<*const AccountState, Arc<AccountState>> = HashMap::new();
        let lines = self.lines.iter().map(|line| Line {
            state: copies
                .entry(Arc::as_ptr(&line.state))
                .or_insert_with(|| Arc::new(line.state.copied()))
                .clone(),
            ..line.clone()
        });
        let lines: Vec<Line> = lines.collect();
        let large = self.large.as_ref().map(|large| large.copied(&lines));
        let fork = self.pool.balance.fork();
        let exact = fork.is_some();
        let pool = Pool {
            balance: fork.unwrap_or_else(|| Arc::new(Weighted::new())),
            ..self.pool.clone()
        };
        let mixed = self.mixed;
        let route = Self {
            pool,
            lines,
            mixed,
            large,
        };
        (route, exact)
    }

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
                if member.is_open(vendor) {
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
        let keeps_sessions = pool.balance.keeps_sessions();
        let by_price = matches!(pool.balance.sampling(), Sampling::Cheapest { .. });
        Self {
            large: (lines.len() > SMALL).then(|| Large::new(&lines, keeps_sessions, by_price)),
            pool,
            lines,
            mixed,
        }
    }
}

impl Large {
    fn new(lines: &[Line], keeps_sessions: bool, by_price: bool) -> Self {
        let mut entries: Vec<Entry> = lines.iter().map(Line::entry).collect();
        let price_classes = match by_price {
            true => classify(lines, &mut entries),
            false => Vec::new(),
        };
        let fixed = lines.iter().enumerate().filter(|(_, line)| line.is_fixed());
        let identities = fixed.map(|(index, line)| (line.entry().identity, index));
        let unbounded = lines.iter().any(|line| line.context_window().is_none());
        let largest = lines.iter().filter_map(Line::context_window).max();
        let windows = lines.iter().map(|l| l.context_window().unwrap_or(u64::MAX));
        let mut windows: Vec<u64> = windows.collect();
        windows.sort_unstable();
        let accounts = lines.iter().map(|line| address(&line.state)).collect();
        Self {
            roster: Arc::new(Roster::new(&entries, keeps_sessions, price_classes.len())),
            price_classes: price_classes.into(),
            largest: largest.filter(|_| !unbounded),
            windows: windows.into(),
            accounts: Arc::new(accounts),
            identities: Arc::new(match keeps_sessions {
                true => identities.collect(),
                false => HashMap::new(),
            }),
            groups: OnceLock::new(),
        }
    }

    fn copied(&self, lines: &[Line]) -> Self {
        let (roster, parked) = self.roster.copied();
        let roster = Arc::new(roster);
        for index in parked {
            if let Some(line) = lines.get(index) {
                line.state.park(Seat {
                    roster: Arc::downgrade(&roster),
                    line: index,
                });
            }
        }
        Self {
            roster,
            largest: self.largest,
            windows: self.windows.clone(),
            accounts: self.accounts.clone(),
            identities: self.identities.clone(),
            price_classes: self.price_classes.clone(),
            groups: OnceLock::new(),
        }
    }

    /// How many of its lines have a window of at least so many tokens, or an unknown one.
    pub(super) fn holding(&self, tokens: u64) -> usize {
        let small = self.windows.partition_point(|window| *window < tokens);
        self.windows.len() - small
    }

    /// The lines of the group that a conversation comes from.
    pub(super) fn group(&self, lines: &[Line], origin: Origin) -> &[usize] {
        let groups = self.groups.get_or_init(|| {
            let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
            for (index, line) in lines.iter().enumerate() {
                let group = Origin::of("", &line.deployment).group();
                groups.entry(group).or_default().push(index);
            }
            groups
        });
        groups.get(&origin.group()).map_or(&[], Vec::as_slice)
    }
}

/// Numbers the classes of lines that cost the same, the cheapest first, and tells the entries theirs. One line of each.
fn classify(lines: &[Line], entries: &mut [Entry]) -> Vec<usize> {
    let mut classes: BTreeMap<(u128, PriceClass), Vec<usize>> = BTreeMap::new();
    for (index, line) in lines.iter().enumerate() {
        classes.entry(line.price_class()).or_default().push(index);
    }
    let each = classes
        .into_values()
        .enumerate()
        .filter_map(|(class, all)| {
            for line in &all {
                if let Some(entry) = entries.get_mut(*line) {
                    entry.price_class = class;
                }
            }
            all.first().copied()
        });
    each.collect()
}

impl Pool {
    /// The accounts that are never picked.
    pub(super) fn closed(&self) -> impl Iterator<Item = (&Vendor, &Member)> {
        self.vendors.iter().flat_map(|vendor| {
            let members = vendor.accounts.iter();
            members
                .filter(|member| !member.is_open(vendor))
                .map(move |member| (vendor, member))
        })
    }
}

/// Tells accounts of one table apart.
fn address(state: &Arc<AccountState>) -> usize {
    Arc::as_ptr(state).addr()
}

impl Member {
    fn is_open(&self, vendor: &Vendor) -> bool {
        vendor.enabled && self.enabled && !self.is_closed(&vendor.model)
    }

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
        let template = match &*vendor.model {
            Vendor::SAME => Template::Asked,
            model if model.contains('*') => Template::Star,
            _ => Template::Fixed,
        };
        if template == Template::Fixed {
            complete(&mut deployment, vendor.catalogue.as_deref());
        }
        Self {
            vendor: index,
            place,
            vendor_weight: vendor.weight,
            weight: member.weight,
            state,
            deployment: Arc::new(deployment),
            template,
            catalogue: vendor.catalogue.clone(),
        }
    }

    fn entry(&self) -> Entry {
        Entry {
            vendor: self.vendor,
            vendor_weight: self.vendor_weight,
            weight: self.weight,
            spare: self.is_spare(),
            context_window: self.context_window(),
            identity: identity(&self.state.provider, self.model(), &self.state.account),
            price_class: 0,
        }
    }

    /// Is its model's name the same for every call?
    pub(super) fn is_fixed(&self) -> bool {
        self.template == Template::Fixed
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

    /// The model's name at the vendor, or the template of it.
    pub(super) fn model(&self) -> &Arc<str> {
        &self.deployment.model
    }

    /// How many tokens its model can hold, as far as that is known before a call names it.
    pub(super) fn context_window(&self) -> Option<u64> {
        self.deployment.context_window
    }

    /// What the model costs that a call asks for.
    pub(super) fn price(&self, found: &Found<'_>) -> Option<Price> {
        match (self.deployment.price, &self.catalogue, self.template) {
            (Some(price), _, _) => Some(price),
            (None, None, _) | (None, _, Template::Fixed) => None,
            (None, Some(vendor), _) => catalog::model(vendor, &self.name(found))?.price,
        }
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
        if self.is_fixed() {
            return self.deployment.clone();
        }
        let mut deployment = Deployment::clone(&self.deployment);
        deployment.model = self.name(found);
        complete(&mut deployment, self.catalogue.as_deref());
        Arc::new(deployment)
    }

    /// The model's name at the vendor.
    fn name(&self, found: &Found<'_>) -> Arc<str> {
        match self.template {
            Template::Fixed => self.deployment.model.clone(),
            Template::Asked => found.asked.into(),
            Template::Star => self.deployment.model.replacen('*', found.matched, 1).into(),
        }
    }

    /// Lines of one class cost the same, whatever the call; and what that is for most calls, to begin with the cheapest.
    fn price_class(&self) -> (u128, PriceClass) {
        match (self.deployment.price, self.is_fixed()) {
            // Three tokens in for one out.
            (Some(price), _) => (price.exact(3, 1), PriceClass::Known(price)),
            (None, false) if self.catalogue.is_some() => (0, PriceClass::Named(self.vendor)),
            (None, _) => (u128::MAX, PriceClass::Unknown),
        }
    }
}

/// What the catalogue knows of a model and nobody has set.
fn complete(deployment: &mut Deployment, catalogue: Option<&str>) {
    if deployment.price.is_some() && deployment.context_window.is_some() {
        return;
    }
    if let Some(known) = catalogue.and_then(|vendor| catalog::model(vendor, &deployment.model)) {
        deployment.price = deployment.price.or(known.price);
        // What vectors are made of has the window for each text, not for the call.
        if matches!(known.task, Task::Chat | Task::Completion) {
            deployment.context_window = deployment.context_window.or(known.context_window);
        }
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
