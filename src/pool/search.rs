//! Looking for somebody in a large pool without looking at everybody.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    account::{Ask, Seat, Standing},
    balance::Sampling,
    prices::Cheap,
    roster::{Draw, Lists, Reach, Roster},
    walk::{Stop, Survey, Walk},
};
use crate::request::Priority;

/// So many draws may come to nothing, because the account is free for a smaller call only, before everybody is looked at.
const MISSES: usize = 32;

/// So many accounts of the group that a conversation comes from are looked at.
const NEAR: usize = 64;

impl Walk<'_> {
    /// A few of those that are free; if there is nobody, who is left in spite of a soft cooldown, and when somebody is back.
    pub(super) fn search(&mut self, now: Instant) -> Survey {
        let mut survey = Survey::default();
        let route = self.found.route.clone();
        let Some(large) = &route.large else {
            return survey;
        };
        if let Some(origin) = self.origin {
            for line in large.group(&route.lines, origin).iter().take(NEAR) {
                self.look(*line, &mut survey, now);
            }
            if !survey.free.is_empty() {
                return survey;
            }
            survey = Survey::default();
        }
        let owner = self.session.and_then(|key| route.pool.balance.owner(key));
        if let Some(line) = owner.and_then(|owner| large.identities.get(&owner)) {
            self.look(*line, &mut survey, now);
            if !survey.free.is_empty() {
                return survey;
            }
        }
        let mut lists = large.roster.lock();
        lists.wake(now);
        let done = self.draw(&mut lists, &large.roster, &mut survey, now);
        lists.show();
        let soft: Vec<usize> = lists.soft().map(|(_, line)| line).take(MISSES).collect();
        let (soonest, full) = (lists.soonest(), lists.is_full());
        drop(lists);
        if !survey.free.is_empty() {
            return survey;
        }
        if !done {
            let full = std::mem::take(&mut survey.full);
            survey = self.scan(now);
            survey.full.extend(full);
            return survey;
        }
        survey.out.extend(soonest);
        survey.busy |= full;
        let all = soft.len() < MISSES;
        for line in soft {
            self.look(line, &mut survey, now);
            if !survey.soft.is_empty() || !survey.free.is_empty() {
                return survey;
            }
        }
        match all {
            true => survey,
            false => self.scan(now),
        }
    }

    /// Draws as many as the balance wants to see. False if there may be others that would do.
    fn draw(
        &mut self,
        lists: &mut Lists,
        roster: &Arc<Roster>,
        survey: &mut Survey,
        now: Instant,
    ) -> bool {
        let reach = Reach {
            least: self.least,
            above: self.above,
        };
        for stop in self.stops.iter().filter(|stop| stop.tried) {
            lists.hide(stop.line);
        }
        let (draw, wanted) = match (self.session, self.found.route.pool.balance.sampling()) {
            (Some(key), Sampling::Weighted) => (Draw::Session(key), 1),
            (_, Sampling::Weighted) => (Draw::Weighted, 1),
            (_, Sampling::InTurn) => (Draw::InTurn, 1),
            (_, Sampling::Some | Sampling::Cheapest { .. }) => (Draw::Any, Sampling::SOME),
        };
        let mut cheap = Cheap::default();
        let mut misses = 0;
        while survey.free.len() < wanted {
            let rng = &self.shared.rng;
            let drawn = match self.found.route.pool.balance.sampling() {
                Sampling::Cheapest { answer } => {
                    let cost = |class: usize| self.class_cost(class, answer);
                    lists.draw_cheapest(&mut cheap, &cost, reach, rng)
                }
                _ => lists.draw(draw, reach, rng),
            };
            let Some(index) = drawn else {
                return misses == 0 && lists.reaches_all(reach);
            };
            let before = self.stops.len();
            let Some(stop) = self.meet(index).filter(|stop| self.is_open(*stop)) else {
                // The same account as one that was tried.
                lists.hide(index);
                continue;
            };
            let seat = || Seat {
                roster: Arc::downgrade(roster),
                line: index,
            };
            let Some((standing, park)) = self.judge(stop, seat, now) else {
                lists.hide(index);
                continue;
            };
            match park {
                _ if standing == Standing::Free => {
                    survey.free.push(stop);
                    lists.hide(index);
                }
                Some(least) => {
                    lists.park(index, least, now);
                    // Nobody asks for it again soon.
                    self.stops.truncate(before);
                }
                None => {
                    survey.add(stop, standing);
                    lists.hide(index);
                    misses += 1;
                    if misses >= MISSES {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// What this call costs in a class of lines.
    fn class_cost(&self, class: usize, answer: u64) -> Option<u128> {
        let route = &self.found.route;
        let line = route.large.as_ref()?.price_classes.get(class)?;
        let price = route.lines.get(*line)?.price(&self.found)?;
        Some(price.exact(self.tokens(), answer))
    }

    /// Looks at everybody, from anywhere on, until enough are found.
    fn scan(&mut self, now: Instant) -> Survey {
        let mut survey = Survey::default();
        let mut first: Option<(Instant, usize)> = None;
        let count = self.found.route.lines.len();
        let start = self.shared.rng.below(count);
        for line in (start..count).chain(0..start) {
            let before = self.stops.len();
            let mut one = Survey::default();
            self.look(line, &mut one, now);
            survey.busy |= one.busy;
            let soonest = survey.out.pop().into_iter().chain(one.out).min();
            survey.out.extend(soonest);
            let kept = !one.free.is_empty();
            survey.free.extend(one.free.iter().copied());
            if let Some((_, until)) = one.soft.first()
                && first.is_none_or(|(sooner, _)| *until < sooner)
            {
                first = Some((*until, line));
            }
            if survey.free.len() >= Sampling::SOME {
                return survey;
            }
            if !kept {
                self.stops.truncate(before);
            }
        }
        if let Some((_, line)) = first {
            self.look(line, &mut survey, now);
        }
        survey
    }

    /// Notes how a line stands, if this call may use it.
    fn look(&mut self, line: usize, survey: &mut Survey, now: Instant) {
        let Some(stop) = self.meet(line) else {
            return;
        };
        let (Some(at), open) = (self.stops.get(stop), self.is_open(stop)) else {
            return;
        };
        let Some(line) = self.found.route.lines.get(line) else {
            return;
        };
        let standing = line.state.standing(&self.ask(line, at), now);
        if open {
            survey.add(stop, standing);
        }
        let well = standing.is_busy() || (!open && standing == Standing::Free);
        if self.session.is_some() && well {
            survey.full.push(stop);
        }
    }

    fn judge(
        &self,
        stop: usize,
        seat: impl FnOnce() -> Seat,
        now: Instant,
    ) -> Option<(Standing, Option<Standing>)> {
        let stop = self.stops.get(stop)?;
        let line = self.found.route.lines.get(stop.line)?;
        let ask = self.ask(line, stop);
        // What is said of one model says nothing of another.
        let any = (!line.is_fixed()).then(|| Arc::from(""));
        let least = Ask {
            model: any.as_ref().unwrap_or(ask.model),
            tokens: ask.tokens.min(1),
            // Nothing is kept from the urgent.
            priority: Priority::High,
            ..ask
        };
        Some(line.state.judge(&ask, &least, seat, now))
    }

    /// The place of a line among the stops; none if its window is too small.
    fn meet(&mut self, line: usize) -> Option<usize> {
        if let Some(known) = self.stops.iter().position(|stop| stop.line == line) {
            return Some(known);
        }
        let mut stop = self.stop(line)?;
        stop.tried = self.was_tried(&stop);
        self.stops.push(stop);
        self.stops.len().checked_sub(1)
    }

    /// The same account may stand in the pool twice: it would say the same.
    fn was_tried(&self, stop: &Stop) -> bool {
        let is_it = |other: &Stop| {
            let route = &self.found.route;
            let (Some((line, on)), Some((its, its_on))) = (stop.on(route), other.on(route)) else {
                return false;
            };
            Arc::ptr_eq(&line.state, &its.state) && on.model == its_on.model
        };
        let mut tried = self.stops.iter().filter(|other| other.tried);
        tried.any(is_it)
    }

    fn is_open(&self, stop: usize) -> bool {
        let stop = self.stops.get(stop);
        stop.is_some_and(|stop| self.open(stop).is_some())
    }

    /// Somebody of a large pool who was not looked at yet.
    pub(super) fn far(&self) -> Option<Stop> {
        self.found.route.large.as_ref()?;
        let met = |line: &usize| self.stops.iter().any(|stop| stop.line == *line);
        let lines = 0..self.found.route.lines.len();
        let mut far = lines
            .filter(|line| !met(line))
            .filter_map(|line| self.stop(line));
        far.find(|stop| self.open(stop).is_some() && !self.was_tried(stop))
    }
}
