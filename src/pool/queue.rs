//! Who goes next, of those who wait for the same thing. No clocks, no locks, no waking: only the order.
//!
//! ```text
//!   high     a1                    first of all
//!   normal   a2 a3 │ b1 │ c1 c2    callers in turn, by weight; each caller's calls in the order they came
//!   low      b2                    when nobody else waits, and once for every 16 that went before
//! ```
//!
//! Callers of one lane go by start-time fair queueing. Each has a *mark*: where it stands on a scale of what was served. Whoever has
//! the lowest goes next, and its mark moves on by what the call costs, divided by the caller's weight. A caller who comes (back) after a
//! while starts where the lane is now: nobody saves up turns. One who has just been served and comes back keeps its mark: nobody gains
//! by waiting with one call at a time. A call that leaves unserved costs nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use crate::request::{Caller, Priority};

/// Waiting calls. `T` is how one is told that it is its turn.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// The most urgent first.
    lanes: [Lane<T>; 3],
    /// How many calls of whom wait.
    callers: HashMap<Who, usize>,
    len: usize,
}

/// A caller, as a key.
type Who = Option<Arc<str>>;

/// A call that waits, or wants to.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) priority: Priority,
    pub(super) caller: Caller,
    /// The caller's share, from 1.
    pub(super) weight: u32,
    /// The input, estimated.
    pub(super) tokens: u64,
}

/// Where a call stands. Later ones have larger numbers.
pub(super) type Number = u64;

#[derive(Debug)]
struct Lane<T> {
    flows: HashMap<Who, Flow<T>>,
    /// Flows that wait, by their marks; among equals whoever has waited longest.
    order: BTreeSet<(Mark, Number, Who)>,
    /// Flows that do not wait and whose marks are ahead of the lane's.
    idle: BTreeSet<(Mark, Who)>,
    /// Where somebody who comes now starts.
    mark: Mark,
    /// The sum of the weights of those that wait.
    weight: u64,
    len: usize,
    /// How many went before since one of this lane did.
    passed: u32,
}

/// On a scale of what was served, in thousandths of a call, with 32 binary places.
type Mark = u128;

#[derive(Debug)]
struct Flow<T> {
    mark: Mark,
    weight: u32,
    /// What all that waits costs.
    cost: u128,
    waiting: BTreeMap<Number, (u64, T)>,
}

impl Entry {
    pub(super) const fn new(priority: Priority, caller: Caller, weight: u32, tokens: u64) -> Self {
        Self {
            priority,
            caller,
            weight,
            tokens,
        }
    }

    /// In thousandths of a call. A thousand tokens weigh as much as a call, so that neither many small calls nor few large ones win.
    fn cost(&self) -> u64 {
        1000_u64.saturating_add(self.tokens)
    }

    const fn lane(&self) -> usize {
        match self.priority {
            Priority::High => 0,
            Priority::Normal => 1,
            Priority::Low => 2,
        }
    }
}

impl<T> Queue<T> {
    /// After so many that went before, the less urgent have a turn.
    pub(super) const PASSES: u32 = 16;

    pub(super) fn new() -> Self {
        Self {
            lanes: std::array::from_fn(|_| Lane::new()),
            callers: HashMap::new(),
            len: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// How many calls of this caller wait.
    pub(super) fn of(&self, caller: &Caller) -> usize {
        self.callers.get(&caller.id).copied().unwrap_or(0)
    }

    pub(super) fn push(&mut self, number: Number, entry: &Entry, bell: T) {
        let Some(lane) = self.lanes.get_mut(entry.lane()) else {
            return;
        };
        lane.push(number, entry, bell);
        *self.callers.entry(entry.caller.id.clone()).or_default() += 1;
        self.len += 1;
    }

    /// A call leaves, served or not. False if it had left.
    pub(super) fn remove(&mut self, number: Number, entry: &Entry, served: bool) -> bool {
        let index = entry.lane();
        let removed = self
            .lanes
            .get_mut(index)
            .is_some_and(|lane| lane.remove(number, entry, served));
        if !removed {
            return false;
        }
        if served {
            for (place, lane) in self.lanes.iter_mut().enumerate() {
                match lane.len {
                    0 => lane.passed = 0,
                    _ if place == index => lane.passed = 0,
                    _ if place > index => lane.passed = lane.passed.saturating_add(1),
                    _ => {}
                }
            }
        }
        self.len -= 1;
        if let Some(calls) = self.callers.get_mut(&entry.caller.id) {
            *calls -= 1;
            if *calls == 0 {
                self.callers.remove(&entry.caller.id);
            }
        }
        true
    }

    /// Who goes next.
    pub(super) fn head(&self) -> Option<(Number, &T)> {
        self.next_lane(|lane| lane.len > 0)?.1.head()
    }

    /// Would `entry` go next if it came now?
    pub(super) fn leads(&self, entry: &Entry) -> bool {
        let place = entry.lane();
        let own = self.lanes.get(place);
        let with_it =
            |lane: &Lane<T>| lane.len > 0 || own.is_some_and(|own| std::ptr::eq(own, lane));
        let next = self.next_lane(with_it);
        next.is_some_and(|(next, lane)| next == place && lane.leads(entry))
    }

    /// The lane that goes next, of those in which somebody waits.
    fn next_lane(&self, waits: impl Fn(&Lane<T>) -> bool) -> Option<(usize, &Lane<T>)> {
        let lanes = self.lanes.iter().enumerate();
        let mut waiting = lanes.filter(|(_, lane)| waits(lane));
        let top = waiting.next()?;
        let aged = waiting
            .filter(|(_, lane)| lane.passed >= Self::PASSES)
            .max_by_key(|(_, lane)| lane.passed);
        Some(aged.unwrap_or(top))
    }

    /// Who goes next of the most urgent, if they are more urgent than `entry`.
    pub(super) fn head_above(&self, entry: &Entry) -> Option<(Number, &T)> {
        let above = self.lanes.iter().take(entry.lane());
        above.filter_map(Lane::head).next()
    }

    /// Everybody.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        let flows = self.lanes.iter().flat_map(|lane| lane.flows.values());
        flows.flat_map(|flow| flow.waiting.values().map(|(_, bell)| bell))
    }

    /// Is everybody who waits less urgent than this?
    pub(super) fn yields_to(&self, priority: Priority) -> bool {
        let waiting = [Priority::High, Priority::Normal, Priority::Low]
            .into_iter()
            .zip(&self.lanes)
            .find(|(_, lane)| lane.len > 0);
        waiting.is_none_or(|(most, _)| most < priority)
    }

    /// At least how many go before `entry` if it comes now and nobody else comes or leaves.
    pub(super) fn ahead(&self, entry: &Entry) -> u64 {
        let index = entry.lane();
        let Some(lane) = self.lanes.get(index) else {
            return 0;
        };
        let own = lane.ahead(entry);
        let above = self.lanes.iter().take(index).map(|lane| lane.len as u64);
        let most = (own + 1).saturating_mul(Self::PASSES.into());
        own + above.sum::<u64>().min(most)
    }
}

impl<T> Lane<T> {
    /// More idle callers than this are not remembered.
    const IDLE: usize = 4096;

    fn new() -> Self {
        Self {
            flows: HashMap::new(),
            order: BTreeSet::new(),
            idle: BTreeSet::new(),
            mark: 0,
            weight: 0,
            len: 0,
            passed: 0,
        }
    }

    fn head(&self) -> Option<(Number, &T)> {
        let (_, number, who) = self.order.first()?;
        let (_, bell) = self.flows.get(who)?.waiting.get(number)?;
        Some((*number, bell))
    }

    /// Would `entry` be the first if it came now?
    fn leads(&self, entry: &Entry) -> bool {
        let mark = match self.flows.get(&entry.caller.id) {
            // Its caller's earlier calls go first.
            Some(own) if !own.waiting.is_empty() => return false,
            Some(own) => own.mark.max(self.mark),
            None => self.mark,
        };
        // Among equals whoever came first goes first.
        let first = self.order.first();
        first.is_none_or(|(lowest, ..)| mark < *lowest)
    }

    fn push(&mut self, number: Number, entry: &Entry, bell: T) {
        let who = &entry.caller.id;
        let flow = self.flows.entry(who.clone()).or_insert_with(|| Flow {
            mark: self.mark,
            weight: 1,
            cost: 0,
            waiting: BTreeMap::new(),
        });
        match flow.waiting.first_key_value() {
            Some(_) => self.weight -= u64::from(flow.weight),
            None => {
                self.idle.remove(&(flow.mark, who.clone()));
                flow.mark = flow.mark.max(self.mark);
                self.order.insert((flow.mark, number, who.clone()));
            }
        }
        flow.weight = entry.weight.max(1);
        self.weight += u64::from(flow.weight);
        flow.cost += u128::from(entry.cost());
        flow.waiting.insert(number, (entry.cost(), bell));
        self.len += 1;
    }

    fn remove(&mut self, number: Number, entry: &Entry, served: bool) -> bool {
        let who = &entry.caller.id;
        let Some(flow) = self.flows.get_mut(who) else {
            return false;
        };
        let first = flow.waiting.first_key_value().map(|(first, _)| *first);
        let Some((cost, _)) = flow.waiting.remove(&number) else {
            return false;
        };
        self.len -= 1;
        flow.cost -= u128::from(cost);
        if let Some(first) = first {
            self.order.remove(&(flow.mark, first, who.clone()));
        }
        if served {
            let cost = u128::from(cost) << 32;
            flow.mark += cost / u128::from(flow.weight);
            // All who wait move on by this together.
            self.mark += cost / u128::from(self.weight.max(1));
        }
        match flow.waiting.first_key_value() {
            Some((first, _)) => {
                self.order.insert((flow.mark, *first, who.clone()));
            }
            None => {
                self.weight -= u64::from(flow.weight);
                self.idle.insert((flow.mark, who.clone()));
            }
        }
        if let Some((lowest, ..)) = self.order.first() {
            self.mark = self.mark.max(*lowest);
        }
        self.forget();
        true
    }

    /// An idle caller whom the lane has overtaken starts like anybody else.
    fn forget(&mut self) {
        while let Some((mark, _)) = self.idle.first() {
            if *mark > self.mark && self.idle.len() <= Self::IDLE {
                return;
            }
            if let Some((_, who)) = self.idle.pop_first() {
                self.flows.remove(&who);
            }
        }
    }

    fn ahead(&self, entry: &Entry) -> u64 {
        let own = self.flows.get(&entry.caller.id);
        let (calls, cost, mark) = own.map_or((0, 0, self.mark), |flow| {
            (flow.waiting.len(), flow.cost, flow.mark.max(self.mark))
        });
        let turn = mark + (cost << 32) / u128::from(entry.weight.max(1));
        let others = self
            .order
            .iter()
            .take_while(|(mark, ..)| *mark < turn)
            .filter(|(_, _, who)| *who != entry.caller.id)
            .filter_map(|(mark, _, who)| {
                let flow = self.flows.get(who)?;
                let all = flow.waiting.len() as u128;
                let each = (flow.cost << 32) / all.max(1) / u128::from(flow.weight);
                Some(((turn - mark) / each.max(1)).min(all) as u64)
            });
        calls as u64 + others.sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(caller: &str, weight: u32, priority: Priority) -> Entry {
        let caller = Caller::from_key(caller);
        Entry {
            priority,
            caller,
            weight,
            tokens: 0,
        }
    }

    fn normal(caller: &str, weight: u32) -> Entry {
        entry(caller, weight, Priority::Normal)
    }

    /// Fills a queue; each call's number is its place in the list.
    fn filled(entries: &[Entry]) -> Queue<usize> {
        let mut queue = Queue::new();
        for (number, entry) in entries.iter().enumerate() {
            queue.push(number as u64, entry, number);
        }
        queue
    }

    fn serve(queue: &mut Queue<usize>, entries: &[Entry]) -> Option<usize> {
        let (number, index) = queue.head()?;
        let index = *index;
        assert!(queue.remove(number, &entries[index], true));
        Some(index)
    }

    #[test]
    fn callers_are_served_by_weight_and_each_in_order() {
        let entries: Vec<_> = (0..400)
            .map(|n| match n % 2 {
                0 => normal("a", 10),
                _ => normal("b", 1),
            })
            .collect();
        let mut queue = filled(&entries);
        let served: Vec<_> = std::iter::from_fn(|| serve(&mut queue, &entries))
            .take(110)
            .collect();
        let of = |rest| served.iter().copied().filter(move |n| n % 2 == rest);
        assert_eq!((of(0).count(), of(1).count()), (100, 10));
        assert!(of(0).is_sorted() && of(1).is_sorted());
        // At no time was anybody ahead by more than a round.
        for end in 11..110 {
            let heavy = served[..end].iter().filter(|n| *n % 2 == 0).count();
            assert!(heavy.abs_diff(end * 10 / 11) <= 10, "{end}: {heavy}");
        }
    }

    #[test]
    fn a_call_that_leaves_unserved_costs_nothing_and_what_is_empty_holds_nothing() {
        let entries = [normal("a", 1), normal("a", 1), normal("b", 1)];
        let mut queue = filled(&entries);
        assert!(queue.remove(0, &entries[0], false));
        assert!(!queue.remove(0, &entries[0], false));
        assert_eq!(queue.head().unwrap().0, 1, "a's next is still the eldest");
        assert!(queue.remove(1, &entries[1], false) && queue.remove(2, &entries[2], false));
        assert_eq!((queue.len(), queue.of(&entries[0].caller)), (0, 0));
        let lane = &queue.lanes[1];
        assert!(lane.flows.is_empty() && lane.order.is_empty() && lane.idle.is_empty());
        assert_eq!(lane.weight, 0);
    }

    #[test]
    fn nobody_saves_up_turns_and_nobody_gains_by_leaving() {
        // b comes one call at a time, a and c have plenty; all the same weight but a.
        let mut queue = Queue::new();
        let (a, b) = (normal("a", 4), normal("b", 1));
        for number in 0..200 {
            queue.push(number, &a, 'a');
        }
        let mut number = 200;
        let mut served = Vec::new();
        for _ in 0..100 {
            if queue.of(&b.caller) == 0 {
                queue.push(number, &b, 'b');
                number += 1;
            }
            let (next, who) = queue.head().map(|(n, who)| (n, *who)).unwrap();
            queue.remove(next, if who == 'a' { &a } else { &b }, true);
            served.push(who);
        }
        let of_b = served.iter().filter(|who| **who == 'b').count();
        assert!((19..=21).contains(&of_b), "one in five: {of_b}");
    }

    #[test]
    fn a_stream_of_new_callers_does_not_starve_the_old() {
        let mut queue = Queue::new();
        let old = normal("old", 1);
        for number in 0..10 {
            queue.push(number, &old, old.clone());
        }
        let mut of_old = 0;
        for number in 10..1_000_u64 {
            let new = normal(&number.to_string(), 1);
            queue.push(number, &new, new.clone());
            let (next, entry) = queue.head().map(|(n, e)| (n, e.clone())).unwrap();
            of_old += u32::from(entry.caller == old.caller);
            queue.remove(next, &entry, true);
        }
        assert_eq!(of_old, 10);
        assert!(queue.lanes[1].idle.len() < 1_000);
    }

    #[test]
    fn the_urgent_go_first_and_the_others_in_the_end() {
        let mut entries = vec![entry("a", 1, Priority::Low), normal("b", 1)];
        entries.extend((0..60).map(|_| entry("c", 1, Priority::High)));
        let mut queue = filled(&entries);
        assert!(!queue.yields_to(Priority::High));
        let order: Vec<_> = std::iter::from_fn(|| serve(&mut queue, &entries)).collect();
        let place = |n| order.iter().position(|served| *served == n).unwrap();
        assert_eq!(order[..16], (2..18).collect::<Vec<_>>());
        let (low, normal) = (place(0), place(1));
        assert_eq!(low.min(normal), 16);
        assert_eq!(low.max(normal), 17);
        let queue = filled(&[entries[0].clone()]);
        assert!(queue.yields_to(Priority::Normal) && !queue.yields_to(Priority::Low));
    }

    #[test]
    fn it_knows_how_many_go_before() {
        let mut entries: Vec<_> = (0..50).map(|_| normal("a", 1)).collect();
        entries.extend((0..4).map(|_| normal("b", 1)));
        entries.extend((0..3).map(|_| entry("c", 1, Priority::High)));
        let queue = filled(&entries);
        assert_eq!(
            queue.ahead(&entry("d", 1, Priority::High)),
            0,
            "c has mark 0 too"
        );
        assert_eq!(queue.ahead(&normal("d", 1)), 3);
        assert_eq!(queue.ahead(&normal("b", 1)), 3 + 4 + 4);
        assert_eq!(queue.ahead(&normal("a", 1)), 3 + 50 + 4);
    }

    #[test]
    fn who_would_lead_is_known_before() {
        let lot = crate::rng::Rng::seeded(9);
        let draw = |most: usize| lot.below(most);
        let mut queue: Queue<Entry> = Queue::new();
        let (mut led, mut followed) = (0, 0);
        for number in 0..3_000 {
            let priority = [Priority::High, Priority::Normal, Priority::Low][draw(3)];
            let entry = Entry {
                tokens: draw(3_000) as u64,
                ..entry(["a", "b", "c", "d"][draw(4)], 1 + draw(3) as u32, priority)
            };
            let told = queue.leads(&entry);
            queue.push(number, &entry, entry.clone());
            let leads = queue.head().is_some_and(|(head, _)| head == number);
            assert_eq!(told, leads, "{number}: {entry:?}");
            led += u32::from(leads);
            followed += u32::from(!leads);
            for _ in 0..draw(3) + usize::from(queue.len() > 6) {
                let next = queue.head().map(|(number, entry)| (number, entry.clone()));
                if let Some((number, entry)) = next {
                    assert!(queue.remove(number, &entry, draw(5) > 0));
                }
            }
        }
        assert!(led > 300 && followed > 300, "{led} {followed}");
    }
}
