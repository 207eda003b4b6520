//! Who of a large pool may be free, so that a pick need not look at everybody.
//!
//! A pool of few accounts is looked through at every pick, and its balance is exact. A pool of more than [`SMALL`] keeps this: sums of
//! the weights of those that may be free, from which one is drawn in as many steps as the pool's size has binary digits. Who is drawn
//! and turns out not to be free is *parked*: it is drawn no more until the time that its account named, or until something happens at
//! the account that may have freed it, which the account then tells. So an outage of most accounts costs one look at each, not one
//! at each pick.
//!
//! Locks: the roster's may be held while an account's is taken, never the other way round.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    account::Standing,
    prices::{Cheap, Prices},
    sums::Sums,
};
use crate::rng::Rng;

/// Pools up to this size are looked through at every pick.
pub(super) const SMALL: usize = 32;

/// The index of a large pool's lines.
#[derive(Debug)]
pub(super) struct Roster(Mutex<Lists>);

/// What the roster has to know of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) vendor: usize,
    pub(super) vendor_weight: u32,
    pub(super) weight: u32,
    pub(super) spare: bool,
    pub(super) context_window: Option<u64>,
    /// The line's account and model, the same in every process.
    pub(super) identity: u64,
    /// Which lines cost as much as this one; the cheapest are 0.
    pub(super) price_class: usize,
}

/// Which windows a call can use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// At least so many tokens; unknown ones will do.
    pub(super) least: u64,
    /// And known to be more than this.
    pub(super) above: Option<u64>,
}

/// How one is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Draw {
    /// The vendor by weight, then its account by weight.
    Weighted,
    /// Who comes next.
    InTurn,
    /// Anybody, whatever the weights.
    Any,
    /// The session's own.
    Session(u64),
}

/// The lists themselves. Clones stand on their own.
#[derive(Clone, Debug)]
pub(super) struct Lists {
    /// Those that count, and the spares.
    tiers: [Tier; 2],
    places: Vec<Place>,
    parked: Vec<Option<Parked>>,
    /// Those that can be drawn.
    live: Vec<bool>,
    /// When to look at a parked line again.
    due: BTreeSet<(Instant, usize)>,
    /// Ends of soft cooldowns.
    soft: BTreeSet<(Instant, usize)>,
    /// Ends of everything else.
    out: BTreeSet<(Instant, usize)>,
    /// Lines that wait for a call to end.
    full: usize,
    /// Not to be drawn for the call at hand.
    hidden: Vec<usize>,
    sessions: Option<Sessions>,
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    tier: usize,
    vendor: usize,
    position: usize,
    weight: u64,
    bucket: usize,
    share: u64,
    identity: u64,
    pub(super) price_class: usize,
    /// In the order of prices.
    pub(super) rank: usize,
}

#[derive(Clone, Copy, Debug)]
struct Parked {
    due: Instant,
    standing: Standing,
}

/// Lines in the order of their vendors, these in the order of their windows: what a call can use is one stretch.
#[derive(Clone, Debug, Default)]
struct Tier {
    lines: Vec<usize>,
    vendors: Vec<Stretch>,
    vendor_weights: Sums,
    weights: Sums,
    counts: Sums,
    prices: Option<Prices>,
    /// Where the next turn begins.
    turn: usize,
}

/// A vendor's lines in a tier.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    start: usize,
    end: usize,
    weight: u64,
    /// Unknown is the largest.
    window: u64,
}

/// Lines in buckets by their identity. Forks are the identity's digits, so the same ones lead to the same line whatever the others
/// are: who comes or goes moves few sessions but his own.
#[derive(Clone, Debug)]
struct Sessions {
    shift: u32,
    buckets: Vec<Vec<usize>>,
    shares: Sums,
}

impl Roster {
    /// `sessions`: does the pool's balance keep them? `price_classes`: how many there are, if it goes by prices.
    pub(super) fn new(entries: &[Entry], sessions: bool, price_classes: usize) -> Self {
        Self(Mutex::new(Lists::new(entries, sessions, price_classes)))
    }

    /// The same as of now, for a dry run; and who is parked.
    pub(super) fn copied(&self) -> (Self, Vec<usize>) {
        let lists = self.lock().clone();
        let parked = lists.parked.iter().enumerate();
        let parked = parked.filter_map(|(line, parked)| parked.map(|_| line));
        let parked = parked.collect();
        (Self(Mutex::new(lists)), parked)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lists {
    /// A line whose return nobody can name is looked at again after this, though its account will tell.
    const AGAIN: Duration = Duration::from_secs(1);

    fn new(entries: &[Entry], sessions: bool, price_classes: usize) -> Self {
        let mut places = vec![Place::default(); entries.len()];
        let mut tiers = [Tier::default(), Tier::default()];
        for (number, tier) in tiers.iter_mut().enumerate() {
            *tier = Tier::new(entries, number == 1);
            for (vendor, stretch) in tier.vendors.iter().enumerate() {
                for position in stretch.start..stretch.end {
                    let line = tier.lines.get(position).copied().unwrap_or(0);
                    let (Some(place), Some(entry)) = (places.get_mut(line), entries.get(line))
                    else {
                        continue;
                    };
                    *place = Place {
                        tier: number,
                        vendor,
                        position,
                        weight: u64::from(entry.weight.max(1)),
                        identity: entry.identity,
                        price_class: entry.price_class,
                        ..Place::default()
                    };
                }
            }
            if price_classes > 0 {
                let prices = Prices::new(entries, &tier.lines, price_classes);
                for (rank, line) in prices.lines.iter().enumerate() {
                    if let Some(place) = places.get_mut(*line) {
                        place.rank = rank;
                    }
                }
                tier.prices = Some(prices);
            }
        }
        let sessions = sessions.then(|| Sessions::new(&tiers, &mut places));
        let mut lists = Self {
            tiers,
            parked: vec![None; places.len()],
            live: vec![false; places.len()],
            due: BTreeSet::new(),
            soft: BTreeSet::new(),
            out: BTreeSet::new(),
            full: 0,
            hidden: Vec::new(),
            sessions,
            places,
        };
        for line in 0..entries.len() {
            lists.set(line, true);
        }
        lists
    }

    /// Lets those be drawn again whose time has come.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some((due, line)) = self.due.first().copied() {
            if due > now {
                break;
            }
            self.unpark(line);
        }
    }

    /// Draws one of those that are neither parked nor hidden; spares only if there is nobody else.
    pub(super) fn draw(&mut self, draw: Draw, reach: Reach, rng: &Rng) -> Option<usize> {
        if let (Draw::Session(key), Some(sessions)) = (draw, &self.sessions)
            && let Some(line) = sessions.home(key, &self.places, &self.live)
            && self.is_reached(line, reach)
        {
            return Some(line);
        }
        let tiers = self.tiers.iter_mut();
        tiers
            .into_iter()
            .find_map(|tier| tier.draw(draw, reach, rng))
    }

    /// Draws one of the cheapest that are neither parked nor hidden; spares only if there is nobody else. `cost` is what the call at
    /// hand costs in a class; what is unknown is dearest.
    pub(super) fn draw_cheapest(
        &self,
        search: &mut Cheap,
        cost: &dyn Fn(usize) -> Option<u128>,
        reach: Reach,
        rng: &Rng,
    ) -> Option<usize> {
        while let Some(tier) = self.tiers.get(search.tier) {
            let Some(prices) = &tier.prices else {
                return None;
            };
            while let Some(class) = search.order.front() {
                if let Some(line) = prices.draw(*class, reach, rng) {
                    return Some(line);
                }
                search.order.pop_front();
            }
            let mut classes = prices.live_from(search.next);
            match classes.last() {
                Some(last) => search.next = last + 1,
                None => (search.tier, search.next) = (search.tier + 1, 0),
            }
            classes.sort_by_cached_key(|class| cost(*class).map_or((true, 0), |c| (false, c)));
            search.order = classes.into();
        }
        None
    }

    /// This line is not to be drawn before [`show`](Self::show).
    pub(super) fn hide(&mut self, line: usize) {
        if self.live.get(line) == Some(&true) {
            self.set(line, false);
            self.hidden.push(line);
        }
    }

    /// Nobody is hidden any more.
    pub(super) fn show(&mut self) {
        for line in std::mem::take(&mut self.hidden) {
            if self.parked.get(line).is_some_and(Option::is_none) {
                self.set(line, true);
            }
        }
    }

    /// This line is not to be drawn before it can be free.
    pub(super) fn park(&mut self, line: usize, standing: Standing, now: Instant) {
        self.unpark(line);
        let due = match standing {
            Standing::Free => return,
            Standing::Soft { until } => {
                self.soft.insert((until, line));
                until
            }
            Standing::Out {
                until: Some(until), ..
            } => {
                self.out.insert((until, line));
                until
            }
            Standing::Out { until: None, .. } => {
                self.full += 1;
                now
            }
        };
        let due = if due > now { due } else { now + Self::AGAIN };
        self.due.insert((due, line));
        if let Some(parked) = self.parked.get_mut(line) {
            *parked = Some(Parked { due, standing });
        }
        self.set(line, false);
    }

    /// This line may be free.
    pub(super) fn unpark(&mut self, line: usize) {
        let Some(parked) = self.parked.get_mut(line).and_then(Option::take) else {
            return;
        };
        self.due.remove(&(parked.due, line));
        match parked.standing {
            Standing::Free => {}
            Standing::Soft { until } => {
                self.soft.remove(&(until, line));
            }
            Standing::Out {
                until: Some(until), ..
            } => {
                self.out.remove(&(until, line));
            }
            Standing::Out { until: None, .. } => self.full = self.full.saturating_sub(1),
        }
        if !self.hidden.contains(&line) {
            self.set(line, true);
        }
    }

    /// Lines in soft cooldowns, the one that ends first first.
    pub(super) fn soft(&self) -> impl Iterator<Item = (Instant, usize)> {
        self.soft.iter().copied()
    }

    /// The first end of something that is no soft cooldown.
    pub(super) fn soonest(&self) -> Option<Instant> {
        self.out.first().map(|(until, _)| *until)
    }

    /// Is there nobody whose window is too small?
    pub(super) fn reaches_all(&self, reach: Reach) -> bool {
        let all = |tier: &Tier| tier.reached(reach) == (0, tier.vendors.len());
        self.tiers.iter().all(all)
    }

    /// Does anybody wait for a call to end?
    pub(super) const fn is_full(&self) -> bool {
        self.full > 0
    }

    fn is_reached(&self, line: usize, reach: Reach) -> bool {
        let Some(place) = self.places.get(line) else {
            return false;
        };
        let tier = self.tiers.get(place.tier);
        tier.is_some_and(|tier| {
            let (low, high) = tier.reached(reach);
            (low..high).contains(&place.vendor)
        })
    }

    fn set(&mut self, line: usize, live: bool) {
        let (Some(place), Some(was)) = (self.places.get(line), self.live.get_mut(line)) else {
            return;
        };
        if std::mem::replace(was, live) == live {
            return;
        }
        if let Some(tier) = self.tiers.get_mut(place.tier) {
            tier.set(place, live);
        }
        if let Some(sessions) = &mut self.sessions
            && place.share > 0
        {
            sessions.set(place, live);
        }
    }
}

impl Tier {
    fn new(entries: &[Entry], spares: bool) -> Self {
        let mine = |line: &usize| {
            entries
                .get(*line)
                .is_some_and(|entry| entry.spare == spares)
        };
        let mut lines: Vec<usize> = (0..entries.len()).filter(mine).collect();
        let key = |line: &usize| {
            let entry = entries.get(*line);
            entry.map(|entry| {
                (
                    entry.context_window.unwrap_or(u64::MAX),
                    entry.vendor,
                    *line,
                )
            })
        };
        lines.sort_by_key(key);
        let mut vendors: Vec<Stretch> = Vec::new();
        let mut last = None;
        for (position, entry) in lines
            .iter()
            .filter_map(|line| entries.get(*line))
            .enumerate()
        {
            match vendors.last_mut() {
                Some(stretch) if last == Some(entry.vendor) => stretch.end = position + 1,
                _ => vendors.push(Stretch {
                    start: position,
                    end: position + 1,
                    weight: u64::from(entry.vendor_weight.max(1)),
                    window: entry.context_window.unwrap_or(u64::MAX),
                }),
            }
            last = Some(entry.vendor);
        }
        Self {
            vendor_weights: Sums::new(vendors.len()),
            weights: Sums::new(lines.len()),
            counts: Sums::new(lines.len()),
            prices: None,
            lines,
            vendors,
            turn: 0,
        }
    }

    fn set(&mut self, place: &Place, live: bool) {
        let weight = if live { place.weight } else { 0 };
        self.weights.set(place.position, weight);
        self.counts.set(place.position, u64::from(live));
        if let Some(prices) = &mut self.prices {
            prices.set(place, live);
        }
        if let Some(stretch) = self.vendors.get(place.vendor) {
            let any = self.counts.between(stretch.start, stretch.end) > 0;
            let weight = if any { stretch.weight } else { 0 };
            self.vendor_weights.set(place.vendor, weight);
        }
    }

    /// The vendors whose windows are large enough.
    fn reached(&self, reach: Reach) -> (usize, usize) {
        let below = |limit: u64| self.vendors.partition_point(|v| v.window < limit);
        let low = below(reach.least);
        match reach.above {
            None => (low, self.vendors.len()),
            Some(above) => (low.max(below(above.saturating_add(1))), below(u64::MAX)),
        }
    }

    fn draw(&mut self, draw: Draw, reach: Reach, rng: &Rng) -> Option<usize> {
        let (low, high) = self.reached(reach);
        let (first, last) = (
            self.vendors.get(low)?,
            self.vendors.get(high.checked_sub(1)?)?,
        );
        let (start, end) = (first.start, last.end);
        let position = match draw {
            Draw::Weighted => {
                let vendor = one_of(&self.vendor_weights, low, high, rng)?;
                let stretch = self.vendors.get(vendor)?;
                one_of(&self.weights, stretch.start, stretch.end, rng)?
            }
            Draw::InTurn => {
                let next = self.counts.before(self.turn.clamp(start, end));
                let past = next >= self.counts.before(end);
                let next = if past {
                    self.counts.before(start)
                } else {
                    next
                };
                let position = self.counts.find(next).filter(|at| *at < end)?;
                self.turn = position + 1;
                position
            }
            // A session whose home is out of reach gets another, the same every time.
            Draw::Session(key) => {
                let (before, sum) = (self.counts.before(start), self.counts.between(start, end));
                let at = (u128::from(mix(key)) * u128::from(sum)) >> 64;
                let find = |at| self.counts.find(before + at);
                (sum > 0).then(|| find(at as u64)).flatten()?
            }
            Draw::Any => one_of(&self.counts, start, end, rng)?,
        };
        self.lines.get(position).copied()
    }
}

/// A place between `start` and `end`, by its share of the sum there.
pub(super) fn one_of(sums: &Sums, start: usize, end: usize, rng: &Rng) -> Option<usize> {
    let sum = usize::try_from(sums.between(start, end)).ok()?;
    if sum == 0 {
        return None;
    }
    sums.find(sums.before(start) + rng.below(sum) as u64)
}

impl Sessions {
    /// Shares are whole numbers: this is the whole of a vendor of weight 1.
    const WHOLE: u64 = 1 << 32;

    fn new(tiers: &[Tier; 2], places: &mut [Place]) -> Self {
        let buckets = (places.len() * 2).next_power_of_two().max(2);
        let mut sessions = Self {
            shift: u64::BITS - buckets.trailing_zeros(),
            buckets: vec![Vec::new(); buckets],
            shares: Sums::new(buckets),
        };
        // Spares have no sessions.
        let [tier, _] = tiers;
        for stretch in &tier.vendors {
            let lines = tier
                .lines
                .get(stretch.start..stretch.end)
                .unwrap_or_default();
            let weight = |line: &usize| places.get(*line).map_or(1, |place| place.weight);
            let sum: u64 = lines.iter().map(weight).sum::<u64>().max(1);
            for line in lines {
                if let Some(place) = places.get_mut(*line) {
                    // As often as the weights say: first the vendor's, then the account's among its own.
                    let share = u128::from(stretch.weight * place.weight) * u128::from(Self::WHOLE)
                        / u128::from(sum);
                    place.share = u64::try_from(share)
                        .unwrap_or(u64::MAX >> 20)
                        .clamp(1, u64::MAX >> 20);
                    place.bucket = (place.identity >> sessions.shift) as usize;
                    if let Some(bucket) = sessions.buckets.get_mut(place.bucket) {
                        bucket.push(*line);
                    }
                }
            }
        }
        sessions
    }

    fn set(&mut self, place: &Place, live: bool) {
        let had = self.shares.between(place.bucket, place.bucket + 1);
        let has = match live {
            true => had.saturating_add(place.share),
            false => had.saturating_sub(place.share),
        };
        self.shares.set(place.bucket, has);
    }

    /// Where a session belongs, of those that may be free.
    fn home(&self, key: u64, places: &[Place], live: &[bool]) -> Option<usize> {
        let bucket = self.shares.descend(|fork| mix(key ^ mix(fork as u64)))?;
        let lines = self.buckets.get(bucket)?.iter().copied();
        let lines = lines.filter(|line| live.get(*line) == Some(&true));
        // Highest random weight.
        let score = |line: usize| {
            let place = places.get(line).copied().unwrap_or_default();
            let share = ((mix(key ^ place.identity) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
            -(place.share as f64) / share.ln()
        };
        lines.max_by(|a, b| score(*a).total_cmp(&score(*b)))
    }
}

const fn mix(key: u64) -> u64 {
    let z = key.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
