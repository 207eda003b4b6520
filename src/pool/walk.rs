//! One call's way from account to account.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Candidate,
    account::{Ask, Standing},
    balance::{Past, Sampling, Share, least},
    few::Few,
    hall::Room,
    lease::Lease,
    pools::Shared,
    session::{Session, session},
    silence::Silence,
    table::{Found, Line, Route},
};
use crate::{
    chat::Content,
    error::{Error, ErrorKind, NextAccount},
    hedge::Race,
    issued::AccountTag,
    origin::{self, Origin},
    request::{Caller, ModelRequest, Payload, Priority},
    tokens,
    upstream::Deployment,
};

/// One call's way: who is left to try.
pub(super) struct Walk<'a> {
    pub(super) shared: &'a Shared,
    pub(super) found: Found<'a>,
    /// Everybody; of a large pool only those that were looked at.
    pub(super) stops: Few<Stop, 4>,
    /// The least window that will do, of those that are known.
    pub(super) least: u64,
    pub(super) origin: Option<Origin>,
    /// The call's input, estimated.
    tokens: u64,
    priority: Priority,
    /// Only deployments with a larger window than this.
    pub(super) above: Option<u64>,
    /// The call's session, if the balance keeps them.
    pub(super) session: Option<u64>,
    /// An account with a soft cooldown was tried: one is enough.
    forced: bool,
    /// Accounts that are not asked, because the other attempt of a hedged call asks them.
    avoided: Vec<AccountTag>,
    /// Are there several accounts, in whatever pools?
    pub(super) crowded: bool,
}

/// A line of the pool that this call may use.
#[derive(Default)]
pub(super) struct Stop {
    /// Its place in the route.
    pub(super) line: usize,
    /// Where the call makes it of a template.
    made: Option<Arc<Deployment>>,
    pub(super) tried: bool,
    /// How near it is to where the conversation comes from.
    nearness: u8,
}

/// Nobody is left.
pub(super) struct Outage {
    /// When somebody may be back; none if nobody can say, because a call has to end first, or if there is nobody at all.
    pub(super) soonest: Option<Instant>,
    /// The first moment to come at which somebody may be back.
    pub(super) next: Option<Instant>,
    /// Somebody is back as soon as a call ends.
    pub(super) busy: bool,
    /// How many accounts are out.
    accounts: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(shared: &'a Shared, found: Found<'a>, request: &ModelRequest) -> Self {
        let tokens = estimate(&request.payload);
        let route = &*found.route;
        let mut stops = Few::default();
        let (mut smallest, mut largest) = (u64::MAX, 0);
        let mut unbounded = route.lines.is_empty();
        if route.large.is_none() {
            for (index, line) in route.lines.iter().enumerate() {
                let stop = Stop::new(index, line.made(&found));
                match line.or_made(stop.made.as_ref()).context_window {
                    Some(window) => {
                        smallest = smallest.min(window);
                        largest = largest.max(window);
                    }
                    None => unbounded = true,
                }
                stops.push(stop);
            }
        }
        let largest = match &route.large {
            Some(large) => large.largest,
            None => (!unbounded).then_some(largest),
        };
        // If all windows are too small, the largest may still do: it is only an estimate.
        let least = largest.map_or(tokens, |largest| largest.min(tokens));
        // Only they can make use of the reasoning in it.
        let origin = origin::latest(request);
        let keeps_sessions = route.pool.balance.keeps_sessions();
        if smallest < least {
            stops.retain(|stop| {
                let window = stop.on(route).and_then(|(_, on)| on.context_window);
                window.is_none_or(|window| window >= least)
            });
        }
        if let Some(origin) = origin {
            for stop in stops.iter_mut() {
                stop.nearness = stop.on(route).map_or(0, |(_, on)| origin.nearness(on));
            }
        }
        Self {
            shared,
            stops,
            least,
            origin,
            tokens,
            priority: request.priority,
            session: keeps_sessions.then(|| session(request)).flatten(),
            found,
            above: None,
            forced: false,
            avoided: Vec::new(),
            crowded: false,
        }
    }

    /// The stop at a line, if its window is large enough.
    pub(super) fn stop(&self, index: usize) -> Option<Stop> {
        let route = &self.found.route;
        let line = route.lines.get(index)?;
        let mut stop = Stop::new(index, line.made(&self.found));
        let (_, on) = stop.on(route)?;
        let window = match &route.large {
            // Windows that are known only once a call names the model are not in the lists that are drawn from.
            Some(_) => line.context_window(),
            None => on.context_window,
        };
        if window.is_some_and(|window| window < self.least) {
            return None;
        }
        stop.nearness = self.origin.map_or(0, |origin| origin.nearness(on));
        Some(stop)
    }

    /// Somebody who might be asked, in whatever state.
    pub(super) fn anybody(&self) -> Option<Arc<Deployment>> {
        let on = |stop: &Stop| Some(stop.on(&self.found.route)?.1.clone());
        let first = self.stops.first().and_then(on);
        first.or_else(|| on(&self.far()?))
    }

    /// How long this call may wait for somebody.
    pub(super) fn wait(&self) -> Duration {
        self.found.route.pool.wait
    }

    /// When an account is given up that says nothing.
    pub(super) fn silence(&self) -> Option<Silence> {
        self.found.route.pool.silence
    }

    /// How many may wait with it.
    pub(super) fn room(&self) -> Room {
        self.found.route.pool.room
    }

    /// The caller's share of the places among those who wait.
    pub(super) fn weigh(&self, caller: &Caller) -> u32 {
        let weigh = self.found.route.pool.weigh.as_ref();
        weigh.map_or(1, |weigh| weigh(caller)).max(1)
    }

    /// How many deployments it may use. The larger it is, the fewer are left, so it tells which.
    pub(super) fn deployments(&self) -> usize {
        match &self.found.route.large {
            None => self.stops.len(),
            // The stops are those that were looked at.
            Some(large) => large.holding(self.least),
        }
    }

    /// About how many tokens the call's input has.
    pub(super) const fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Whose places it may use.
    pub(super) fn accounts(&self) -> impl Iterator<Item = AccountTag> {
        let is_large = self.found.route.large.is_some();
        let all = is_large.then_some(&self.found.route.lines);
        let large_enough = |line: &&Line| {
            let window = line.context_window();
            window.is_none_or(|window| window >= self.least)
        };
        let all = all.into_iter().flatten().filter(large_enough);
        let few = self.stops.iter().filter(move |_| !is_large);
        let few = few.filter_map(|stop| self.open(stop));
        few.chain(all).map(|line| line.state.tag)
    }

    /// Not before this can it be served if `ahead` others are before. How long calls take is not considered: nobody knows.
    pub(super) fn earliest(&self, ahead: u64) -> Instant {
        let now = Instant::now();
        // It would take too long to ask everybody, and somebody who was not asked may always be back.
        if self.found.route.large.is_some() {
            return now;
        }
        let open = || {
            let stops = self.stops.iter();
            stops.filter_map(|stop| Some((self.open(stop)?, stop)))
        };
        // However they share them out: somebody has at least so many to serve until then.
        let nth = ahead / (open().count() as u64).max(1) + 1;
        let turns = open().map(|(line, stop)| line.state.turn_at(&self.ask(line, stop), nth, now));
        turns.min().unwrap_or(now)
    }

    /// Takes a place at the next account. As long as waiting until `patience` may bring a healthy one, those with a soft cooldown
    /// are left alone.
    pub(super) fn next(&mut self, patience: Option<Instant>) -> Result<Lease, Outage> {
        self.next_at(patience, Instant::now())
    }

    /// The same, by a clock that was read just now.
    pub(super) fn next_at(
        &mut self,
        patience: Option<Instant>,
        mut now: Instant,
    ) -> Result<Lease, Outage> {
        loop {
            let mut survey = self.survey(now);
            let (index, forced) = if let Some(index) = self.choose(&mut survey, now) {
                (index, false)
            } else if !survey.worth_waiting(patience)
                && !self.forced
                && let Some(index) = self.last_standing(&survey)
            {
                (index, true)
            } else {
                return Err(self.outage(&survey));
            };
            // Somebody else may have been faster: then look again.
            if let Some(picked) = self.take(index, forced, now) {
                return Ok(picked);
            }
            now = Instant::now();
        }
    }

    /// From now on nobody is asked whom the other attempt of the call has asked.
    pub(super) fn avoid(&mut self, race: &Race) {
        self.avoided = race.others();
    }

    /// This is a second attempt: it does without those who are in a cooldown, and moves no session.
    pub(super) fn hedge(&mut self, race: &Race) {
        self.avoid(race);
        self.forced = true;
        self.session = None;
    }

    /// Can nobody make more of the conversation than this account, or those that are avoided?
    pub(super) fn is_nearest(&self, picked: &Lease) -> bool {
        let nearness = |deployment: &Deployment| {
            let origin = self.origin.as_ref();
            origin.map_or(0, |origin| origin.nearness(deployment))
        };
        let best = self.stops.iter().map(|stop| stop.nearness).max();
        best.is_none_or(|best| nearness(&picked.deployment) >= best)
    }

    /// How everybody stands; of a large pool, some of those that are free.
    fn survey(&mut self, now: Instant) -> Survey {
        if self.found.route.large.is_some() {
            return self.search(now);
        }
        let mut survey = Survey::default();
        for (index, stop) in self.stops.iter().enumerate() {
            if let Some(line) = self.open(stop) {
                let standing = line.state.standing(&self.ask(line, stop), now);
                survey.add(index, standing);
                if self.session.is_some() && standing.is_busy() {
                    survey.full.push(index);
                }
            } else if self.session.is_some()
                && let Some(line) = self.tried(stop)
            {
                let standing = line.state.standing(&self.ask(line, stop), now);
                if standing.is_busy() || standing == Standing::Free {
                    survey.full.push(index);
                }
            }
        }
        survey
    }

    /// Are there accounts of several groups, so that the conversation may go on at another?
    pub(super) fn is_mixed(&self) -> bool {
        self.found.route.mixed
    }

    /// A failure narrows the way. False if it ends here.
    pub(super) fn failed(&mut self, error: &Error, on: &Deployment) -> bool {
        match error.policy().next_account {
            NextAccount::No => false,
            NextAccount::Yes => true,
            NextAccount::LargerWindow => match on.context_window {
                // Nobody can be known to be larger.
                None => false,
                Some(window) => {
                    self.above = Some(self.above.unwrap_or(0).max(window));
                    true
                }
            },
        }
    }

    /// Does the balance look at the call's session?
    pub(super) const fn by_session(&self) -> bool {
        self.session.is_some()
    }

    /// Where a line of the pool would lead this call, for how many tokens it is asked, and how near it is to where the conversation
    /// comes from; none if its window is too small.
    pub(super) fn asked(&self, line: usize) -> Option<(Arc<Deployment>, u64, u8)> {
        let stop = self.stop(line)?;
        let (line, on) = stop.on(&self.found.route)?;
        Some((on.clone(), self.ask(line, &stop).tokens, stop.nearness))
    }

    /// Is anybody left who was not tried?
    pub(super) fn goes_on(&self) -> bool {
        self.stops.iter().any(|stop| self.open(stop).is_some()) || self.far().is_some()
    }

    /// Is there anybody left who is not in a firm cooldown?
    pub(super) fn has_another(&self, now: Instant) -> bool {
        self.stops.iter().any(|stop| {
            self.open(stop).is_some_and(|line| {
                let standing = line.state.standing(&self.ask(line, stop), now);
                matches!(standing, Standing::Free | Standing::Soft { .. }) || standing.is_busy()
            })
        }) || self.far().is_some()
    }

    /// The line of a stop, if this call may still use it.
    pub(super) fn open(&self, stop: &Stop) -> Option<&Line> {
        let line = self.found.route.lines.get(stop.line)?;
        let window = line.or_made(stop.made.as_ref()).context_window;
        let larger = self
            .above
            .is_none_or(|above| window.is_some_and(|window| window > above));
        let avoided = !self.avoided.is_empty() && self.avoided.contains(&line.state.tag);
        (!stop.tried && larger && !avoided).then_some(line)
    }

    /// The line of a stop that this call has tried.
    fn tried(&self, stop: &Stop) -> Option<&Line> {
        stop.tried
            .then(|| self.found.route.lines.get(stop.line))
            .flatten()
    }

    pub(super) fn ask<'s>(&self, line: &'s Line, stop: &'s Stop) -> Ask<'s> {
        let on = line.or_made(stop.made.as_ref());
        Ask {
            model: &on.model,
            limits: &on.account.limits,
            // What does not fit is not served.
            tokens: match on.context_window {
                None => self.tokens,
                Some(window) => window.min(self.tokens),
            },
            priority: self.priority,
            price: on.price,
        }
    }

    /// The balance's choice among the free that are nearest to the conversation's origin; spares only if there is nobody else.
    fn choose(&self, survey: &mut Survey, now: Instant) -> Option<usize> {
        let (stops, lines) = (&*self.stops, &self.found.route.lines);
        let stop = |index: usize| stops.get(index);
        let free = &mut survey.free;
        if self.origin.is_some() {
            let nearness = |index: usize| stop(index).map_or(0, |stop| stop.nearness);
            let nearest = free.iter().map(|index| nearness(*index)).max();
            free.retain(|index| Some(nearness(*index)) == nearest);
        }
        let line = |index: usize| lines.get(stop(index)?.line);
        let is_spare = |index: &usize| line(*index).is_none_or(Line::is_spare);
        if self.session.is_none() && free.iter().any(is_spare) && !free.iter().all(is_spare) {
            free.retain(|index| !is_spare(index));
        }
        let (free, balance) = (&*survey.free, &self.found.route.pool.balance);
        let first = free.first()?;
        // Of a large pool the draw was its choice.
        if free.len() == 1 && self.is_drawn() {
            return Some(*first);
        }
        // The balance is asked nevertheless: it may count.
        let rng = &self.shared.rng;
        let shares = balance.shares().filter(|_| self.session.is_none());
        let picked = if let Some(shares) = shares {
            let share = |nth: usize| line(*free.get(nth)?).map(Share::of);
            shares.pick_nth(free.len(), share, rng)
        } else {
            let reads_minute = balance.reads_minute();
            let shown = |index: &usize| {
                let (stop, line) = (stop(*index)?, line(*index)?);
                let minute = match reads_minute {
                    true => line.state.minute(now),
                    false => (0, 0),
                };
                Some(candidate(stop, line, minute, self.tokens))
            };
            let candidates: Vec<_> = free.iter().filter_map(shown).collect();
            match self.session {
                None => balance.pick(&candidates, rng),
                Some(key) => {
                    let busy: Vec<_> = survey.full.iter().filter_map(shown).collect();
                    let session = Session { key, busy: &busy };
                    balance.pick_for(&session, &candidates, rng)
                }
            }
        };
        Some(*free.get(picked).unwrap_or(first))
    }

    /// Was what is to be picked decided by the draw?
    fn is_drawn(&self) -> bool {
        let route = &self.found.route;
        route.large.is_some()
            && self.session.is_none()
            && matches!(
                route.pool.balance.sampling(),
                Sampling::Weighted | Sampling::InTurn
            )
    }

    /// The one whose soft cooldown ends first.
    fn last_standing(&self, survey: &Survey) -> Option<usize> {
        let ends = survey.soft.iter().map(|(_, until)| until);
        let (index, _) = survey.soft.get(least(ends, &self.shared.rng))?;
        Some(*index)
    }

    fn take(&mut self, index: usize, forced: bool, now: Instant) -> Option<Lease> {
        let stop = self.stops.get(index)?;
        let route = &self.found.route;
        let (line, on) = stop.on(route)?;
        let start = line.state.start(&self.ask(line, stop), forced, now)?;
        let lease = Lease {
            state: line.state.clone(),
            deployment: on.clone(),
            rules: route.pool.rules,
            start: Some(start),
            forced,
            common: self.shared.common.clone(),
        };
        self.forced |= forced;
        for stop in self.stops.iter_mut() {
            // The same account may stand in the pool twice: it would say the same.
            let is_it = |(line, on): (&Line, &Arc<Deployment>)| {
                Arc::ptr_eq(&line.state, &lease.state) && on.model == *lease.model()
            };
            stop.tried |= stop.on(route).is_some_and(is_it);
        }
        Some(lease)
    }

    fn outage(&self, survey: &Survey) -> Outage {
        let soft = survey.soft.iter().map(|(_, until)| *until);
        let known: HashSet<_> = self
            .stops
            .iter()
            .filter_map(|stop| self.open(stop))
            .map(|line| Arc::as_ptr(&line.state))
            .collect();
        let (now, all) = (Instant::now(), survey.out.iter().copied().chain(soft));
        Outage {
            soonest: all.clone().min(),
            next: all.filter(|until| *until > now).min(),
            busy: survey.busy,
            accounts: match &self.found.route.large {
                None => known.len(),
                Some(large) => large.accounts.len(),
            },
        }
    }
}

impl Outage {
    /// May somebody be back by `end`?
    pub(super) fn is_worth(&self, end: Instant) -> bool {
        self.busy || self.soonest.is_some_and(|soonest| soonest <= end)
    }

    /// What the caller is told.
    pub(super) fn into_error(self, model: &str) -> Error {
        let model = shown(model);
        let who = match self.accounts {
            0 => {
                let message = format!("no account for `{model}` is enabled");
                return Error::new(ErrorKind::Exhausted, message);
            }
            1 => format!("the only account for `{model}` is out; it"),
            n => format!("all {n} accounts for `{model}` are out; the first"),
        };
        // A busy account may be back at any moment; a second is the least that can be said in a header.
        let left = match self.soonest {
            Some(soonest) if !self.busy => soonest.saturating_duration_since(Instant::now()),
            _ => Duration::ZERO,
        };
        let seconds = (left.as_secs() + u64::from(left.subsec_nanos() > 0)).max(1);
        Error::new(
            ErrorKind::Exhausted,
            format!("{who} returns in {seconds} s"),
        )
        .with_retry_after(Duration::from_secs(seconds))
    }
}

/// How the stops of a call stand at one moment.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) free: Few<usize, 8>,
    pub(super) soft: Vec<(usize, Instant)>,
    pub(super) out: Vec<Instant>,
    pub(super) busy: bool,
    /// Those that are well but cannot take this call. Only known if the balance keeps sessions.
    pub(super) full: Vec<usize>,
}

impl Survey {
    pub(super) fn add(&mut self, index: usize, standing: Standing) {
        match standing {
            Standing::Free => self.free.push(index),
            Standing::Soft { until } => self.soft.push((index, until)),
            Standing::Out {
                until: Some(until), ..
            } => self.out.push(until),
            Standing::Out { until: None, .. } => self.busy = true,
        }
    }

    /// May a healthy account be back in time?
    fn worth_waiting(&self, patience: Option<Instant>) -> bool {
        patience.is_some_and(|end| self.busy || self.out.iter().any(|until| *until <= end))
    }
}

impl Stop {
    const fn new(line: usize, made: Option<Arc<Deployment>>) -> Self {
        Self {
            line,
            made,
            tried: false,
            nearness: 0,
        }
    }

    /// Its line, and where that leads.
    pub(super) fn on<'s>(&'s self, route: &'s Route) -> Option<(&'s Line, &'s Arc<Deployment>)> {
        let line = route.lines.get(self.line)?;
        Some((line, line.or_made(self.made.as_ref())))
    }
}

fn candidate<'a>(
    stop: &'a Stop,
    line: &'a Line,
    (requests, tokens): (u64, u64),
    input: u64,
) -> Candidate<'a> {
    let on = line.or_made(stop.made.as_ref());
    Candidate {
        provider: &line.state.provider,
        account: &line.state.account,
        model: &on.model,
        vendor: line.vendor,
        place: line.place,
        vendor_weight: line.vendor_weight,
        weight: line.weight,
        in_flight: line.state.in_flight(),
        context_window: on.context_window,
        requests_last_minute: requests,
        tokens_last_minute: tokens,
        price: on.price,
        input_tokens: input,
        past: Past(Some((&line.state, &on.account.limits))),
    }
}

/// About how many tokens the input has.
fn estimate(payload: &Payload) -> u64 {
    // Sounds, pictures and files are no tokens by their bytes.
    if payload.is_form() {
        return 0;
    }
    if !payload.bytes().is_empty() {
        return tokens::of_body(payload.bytes(), || payload.seen().medium);
    }
    // A typed conversation has no bytes yet; it is decoded already.
    let bytes = payload.chat().map_or(0, |chat| {
        let parts = chat.messages.iter().flat_map(|message| &message.content);
        parts.filter_map(Content::as_text).map(str::len).sum()
    });
    bytes as u64 / 4
}

/// A name as callers may send it, cut to what a message can bear.
pub(super) fn shown(model: &str) -> &str {
    const MOST: usize = 100;
    model
        .char_indices()
        .nth(MOST)
        .and_then(|(end, _)| model.get(..end))
        .unwrap_or(model)
}
