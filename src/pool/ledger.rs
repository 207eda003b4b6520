//! What was used of the windows that an account's [limits](Limits) declare.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    account::WindowStatus,
    calendar::{Leaf, Wall},
    cooldown::later,
    window::Window,
};
use crate::{
    request::Priority,
    upstream::{Counted, LimitWindow, Limits, Period},
};

/// What a call takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    pub(super) requests: u64,
    /// Of the prompt.
    pub(super) input: u64,
    /// The part of the input that was read from a cache.
    pub(super) cached: u64,
    /// Of the answer.
    pub(super) output: u64,
    /// In millionths of a dollar.
    pub(super) money: u64,
}

/// One counter for each window.
#[derive(Debug)]
pub(super) struct Ledger {
    slots: Vec<Slot>,
    wall: Wall,
}

/// A window, as it was first declared, and what was used of it.
#[derive(Debug)]
struct Slot {
    window: LimitWindow,
    count: Count,
}

#[derive(Debug)]
enum Count {
    Sliding(Window),
    Spell(Spell),
}

/// One after the other, each from nothing.
#[derive(Debug, Default)]
struct Spell {
    total: u64,
    /// When this one began; none if the next call begins one.
    begun: Option<Instant>,
    /// Which one of the calendar it is.
    leaf: Option<Leaf>,
    ends: Option<Instant>,
}

/// How a window stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub(super) used: u64,
    pub(super) limit: u64,
    /// When all of it is there again, if it begins now or has begun; none if the window slides.
    pub(super) ends: Option<Instant>,
    /// How long the window is.
    pub(super) length: Duration,
}

impl Amounts {
    /// How much it is of what a window counts.
    pub(super) const fn of(&self, what: Counted) -> u64 {
        match what {
            Counted::Requests => self.requests,
            Counted::Tokens => self.tokens(),
            Counted::InputTokens => self.input.saturating_sub(self.cached),
            Counted::OutputTokens => self.output,
            Counted::Money => self.money,
        }
    }

    pub(super) const fn tokens(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

impl Ledger {
    /// Windows that are no longer declared are kept too, in case they come back; but not more than this.
    const MOST: usize = 64;

    pub(super) fn new(now: Instant) -> Self {
        Self {
            slots: Vec::new(),
            wall: Wall::new(now),
        }
    }

    /// When all windows that count `model` have room for a call; none if they have now.
    pub(super) fn room_at(
        &mut self,
        limits: &Limits,
        model: &str,
        amounts: &Amounts,
        priority: Priority,
        now: Instant,
    ) -> Option<Instant> {
        let mut until = None;
        for (index, window) in limits.windows.iter().enumerate() {
            if !window.counts(model) {
                continue;
            }
            let limit = limits.open(window.amount, priority);
            let amount = amounts.of(window.what);
            let slot = self.slot(index, window, limits, now);
            let room = slot.and_then(|(slot, wall)| slot.room_at(amount, limit, wall, now));
            until = until.max(room);
        }
        until
    }

    /// A call for `model` begins.
    pub(super) fn add(&mut self, model: &str, amounts: &Amounts, now: Instant) {
        let Self { slots, wall } = self;
        for slot in slots.iter_mut().filter(|slot| slot.window.counts(model)) {
            slot.add(amounts.of(slot.window.what), wall, now);
        }
    }

    /// A call for `model` that began at `at` and was taken to be `booked` turned out to be `real`.
    pub(super) fn settle(
        &mut self,
        model: &str,
        booked: &Amounts,
        real: &Amounts,
        at: Instant,
        now: Instant,
    ) {
        let Self { slots, wall } = self;
        for slot in slots.iter_mut().filter(|slot| slot.window.counts(model)) {
            let (booked, real) = (booked.of(slot.window.what), real.of(slot.window.what));
            match real.checked_sub(booked) {
                // What nobody foresaw was mostly written since: it counts from now.
                Some(more) => slot.more(more, wall, now),
                None => slot.take_back(booked - real, at, wall, now),
            }
        }
    }

    /// How the windows that count `model` stand.
    pub(super) fn levels<'a>(
        &'a mut self,
        limits: &'a Limits,
        model: &'a str,
        now: Instant,
    ) -> impl Iterator<Item = Level> + 'a {
        let windows = limits.windows.iter().enumerate();
        windows
            .filter(|(_, window)| window.counts(model))
            .filter_map(move |(index, window)| {
                let (slot, wall) = self.slot(index, window, limits, now)?;
                Some(slot.level(window.amount, wall, now))
            })
    }

    /// As an operator sees it: as of when each window was last declared.
    pub(super) fn status(&mut self, now: Instant) -> Vec<WindowStatus> {
        let Self { slots, wall } = self;
        let status = slots.iter_mut().map(|slot| {
            let level = slot.level(slot.window.amount, wall, now);
            let next = match &slot.count {
                Count::Sliding(window) => window.next(),
                Count::Spell(spell) => spell.ends,
            };
            WindowStatus {
                what: slot.window.what.as_str(),
                model: slot.window.models().map(Into::into),
                used: level.used,
                limit: Some(level.limit),
                resets_in: next.map(|at| at.saturating_duration_since(now)),
                told: false,
            }
        });
        status.collect()
    }

    /// A window's counter. It stands where the window stands among the limits, unless these were changed.
    fn slot(
        &mut self,
        index: usize,
        window: &LimitWindow,
        limits: &Limits,
        now: Instant,
    ) -> Option<(&mut Slot, &mut Wall)> {
        let is_it = |slot: &Slot| slot.window.is_same(window);
        let found = match self.slots.get(index) {
            Some(slot) if is_it(slot) => Some(index),
            _ => self.slots.iter().position(is_it),
        };
        let index = found.unwrap_or_else(|| {
            if self.slots.len() >= Self::MOST.max(limits.windows.len()) {
                let declared = |slot: &Slot| limits.windows.iter().any(|w| slot.window.is_same(w));
                self.slots.retain(declared);
            }
            let mut slot = Slot::new(window);
            slot.roll(&mut self.wall, now);
            self.slots.push(slot);
            self.slots.len() - 1
        });
        let Self { slots, wall } = self;
        let slot = slots.get_mut(index)?;
        slot.window.amount = window.amount;
        Some((slot, wall))
    }

    #[cfg(test)]
    pub(super) fn set_wall(&mut self, wall: Wall) {
        self.wall = wall;
    }
}

impl Slot {
    fn new(window: &LimitWindow) -> Self {
        Self {
            window: window.clone(),
            count: match window.per {
                Period::Sliding(length) => Count::Sliding(Window::new(length)),
                _ => Count::Spell(Spell::default()),
            },
        }
    }

    /// Lets go of what is over.
    fn roll(&mut self, wall: &mut Wall, now: Instant) {
        match &mut self.count {
            Count::Sliding(window) => {
                window.total(now);
            }
            Count::Spell(spell) => spell.roll(self.window.per, wall, now),
        }
    }

    fn add(&mut self, amount: u64, wall: &mut Wall, now: Instant) {
        self.roll(wall, now);
        match &mut self.count {
            Count::Sliding(window) => window.add(amount, now),
            Count::Spell(spell) => {
                if let (None, Period::Fixed(length)) = (spell.begun, self.window.per) {
                    spell.begun = Some(now);
                    spell.ends = Some(later(now, length));
                }
                spell.total = spell.total.saturating_add(amount);
            }
        }
    }

    /// A call took more than was foreseen.
    fn more(&mut self, amount: u64, wall: &mut Wall, now: Instant) {
        self.roll(wall, now);
        match &mut self.count {
            Count::Sliding(window) if amount > 0 => window.add(amount, now),
            // Only a call begins the next one.
            Count::Spell(spell) if spell.begun.is_some() => {
                spell.total = spell.total.saturating_add(amount);
            }
            _ => {}
        }
    }

    fn take_back(&mut self, amount: u64, at: Instant, wall: &mut Wall, now: Instant) {
        self.roll(wall, now);
        match &mut self.count {
            Count::Sliding(window) => window.take_back(amount, at),
            Count::Spell(spell) if spell.begun.is_some_and(|begun| begun <= at) => {
                spell.total = spell.total.saturating_sub(amount);
            }
            Count::Spell(_) => {}
        }
    }

    /// When there is room for `amount` more; none if there is now. What is not used at all takes any amount, as a
    /// [`Window`] does.
    fn room_at(
        &mut self,
        amount: u64,
        limit: u64,
        wall: &mut Wall,
        now: Instant,
    ) -> Option<Instant> {
        if limit == 0 {
            return Some(later(now, Duration::from_secs(86_400)));
        }
        self.roll(wall, now);
        match &mut self.count {
            Count::Sliding(window) => window.room_at(amount, limit, now),
            Count::Spell(spell) => {
                let full = spell.total > 0 && spell.total.saturating_add(amount) > limit;
                full.then_some(spell.ends).flatten()
            }
        }
    }

    fn level(&mut self, limit: u64, wall: &mut Wall, now: Instant) -> Level {
        const DAY: Duration = Duration::from_secs(86_400);
        self.roll(wall, now);
        let length = match self.window.per {
            Period::Sliding(length) | Period::Fixed(length) => length,
            Period::Day { .. } => DAY,
            Period::Month { .. } => DAY * 30,
        };
        let (used, ends) = match &mut self.count {
            Count::Sliding(window) => (window.total(now), None),
            Count::Spell(spell) => (spell.total, spell.ends.or(Some(later(now, length)))),
        };
        Level {
            used,
            limit,
            ends,
            length,
        }
    }
}

impl Spell {
    fn roll(&mut self, period: Period, wall: &mut Wall, now: Instant) {
        let Some((leaf, left)) = wall.leaf(period, now) else {
            if self.ends.is_some_and(|ends| ends <= now) {
                *self = Self::default();
            }
            return;
        };
        // A clock that was put back does not give again what was used.
        if self.leaf.is_none_or(|known| known < leaf) {
            *self = Self {
                begun: Some(now),
                leaf: Some(leaf),
                ..Self::default()
            };
        }
        self.ends = Some(later(now, left));
    }
}
