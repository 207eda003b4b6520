//! What an account seems to take in a minute, where its vendor tells nothing but refusals.
//!
//! At each refusal it is noted how many requests, and how many tokens, had been begun in the minute before. The limit is never more than
//! that, however the vendor counts its minute: so the least of these is it, and less and less is refused. Of requests and tokens the
//! one that is refused at the same height each time is the limit. If nothing is refused for a while a little more is tried.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{ledger::Amounts, window::Window};

#[derive(Clone, Debug)]
pub(super) struct Guess {
    since: Instant,
    requests: Window,
    tokens: Window,
    /// How many requests and tokens were refused of late: more than there was room for.
    refused: VecDeque<[u64; 2]>,
    limit: Option<(What, u64)>,
    /// When the limit was found, or raised.
    at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Requests,
    Tokens,
}

impl Guess {
    /// A minute, and what calls need on their way.
    const MINUTE: Duration = Duration::from_millis(60_050);
    /// What is refused for longer is no matter of a minute.
    const LONG: Duration = Duration::from_secs(65);
    /// So many refusals are remembered.
    const MOST: usize = 8;
    /// After so long without one a little more is tried.
    const QUIET: Duration = Duration::from_secs(60);

    pub(super) const fn new(now: Instant) -> Self {
        Self {
            since: now,
            requests: Window::new(Self::MINUTE),
            tokens: Window::new(Self::MINUTE),
            refused: VecDeque::new(),
            limit: None,
            at: now,
        }
    }

    pub(super) fn begin(&mut self, amounts: &Amounts, now: Instant) {
        self.requests.add(amounts.requests, now);
        self.tokens.add(amounts.tokens(), now);
    }

    /// A call turned out to take this.
    pub(super) fn settle(&mut self, booked: &Amounts, real: &Amounts, at: Instant) {
        let (booked, real) = (booked.tokens(), real.tokens());
        match real.checked_sub(booked) {
            Some(more) => self.tokens.add_at(more, at),
            None => self.tokens.take_back(booked - real, at),
        }
    }

    /// A call took nothing.
    pub(super) fn undo(&mut self, amounts: &Amounts, at: Instant) {
        self.requests.take_back(amounts.requests, at);
        self.tokens.take_back(amounts.tokens(), at);
    }

    /// A call was refused, and taken back: for so long, if the vendor said so.
    pub(super) fn refused(&mut self, amounts: &Amounts, after: Option<Duration>, now: Instant) {
        let known = now.saturating_duration_since(self.since) >= Self::MINUTE;
        if !known || after.is_some_and(|after| after > Self::LONG) {
            return;
        }
        let tokens = self.tokens.total(now).saturating_add(amounts.tokens());
        self.refused.push_back([self.requests.total(now), tokens]);
        if self.refused.len() > Self::MOST {
            self.refused.pop_front();
        }
        let (requests, even_requests) = self.least(0);
        let (tokens, even_tokens) = self.least(1);
        let what = match self.limit {
            Some((what, _)) if self.refused.len() < Self::MOST => what,
            _ if even_requests <= even_tokens => What::Requests,
            _ => What::Tokens,
        };
        let limit = match what {
            What::Requests => requests,
            What::Tokens => tokens,
        };
        self.limit = Some((what, limit.max(1)));
        self.at = now;
    }

    /// When there seems to be room for a call; none if there is now.
    pub(super) fn room_at(&mut self, amounts: &Amounts, now: Instant) -> Option<Instant> {
        let (what, limit) = self.limit.as_mut()?;
        if now.saturating_duration_since(self.at) >= Self::QUIET {
            *limit += (*limit / 100).max(1);
            self.at = now;
            self.refused.clear();
        }
        match what {
            What::Requests => self.requests.room_at(1, *limit, now),
            What::Tokens => self.tokens.room_at(amounts.tokens(), *limit, now),
        }
    }

    /// The least that was refused, and how far above it the others were.
    fn least(&self, which: usize) -> (u64, f64) {
        let all = self.refused.iter().filter_map(|both| both.get(which));
        let least = all.clone().min().copied().unwrap_or(0);
        let sum: u64 = all.sum();
        let mean = sum as f64 / self.refused.len().max(1) as f64;
        (least, mean / (least.max(1)) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vendor who takes so much in any minute; how many it refused in the last ten of thirty minutes, and how many it took then.
    async fn play(requests: u64, tokens: u64) -> (u32, u32) {
        let mut vendor = [Window::default(), Window::default()];
        let mut guess = Guess::new(Instant::now());
        let (mut refused, mut taken) = (0, 0);
        for step in 0..9_000_u64 {
            tokio::time::advance(Duration::from_millis(200)).await;
            let now = Instant::now();
            let amounts = Amounts {
                requests: 1,
                input: 100 + step * 7_919 % 300,
                ..Amounts::default()
            };
            if guess.room_at(&amounts, now).is_some() {
                continue;
            }
            let late = step >= 6_000;
            guess.begin(&amounts, now);
            let fits = vendor[0].total(now) < requests
                && vendor[1].total(now) + amounts.tokens() <= tokens;
            if fits {
                vendor[0].add(1, now);
                vendor[1].add(amounts.tokens(), now);
                taken += u32::from(late);
            } else {
                guess.undo(&amounts, now);
                guess.refused(&amounts, None, now);
                refused += u32::from(late);
            }
        }
        (refused, taken)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_becomes_little_and_what_is_taken_stays_all() {
        let (refused, taken) = play(20, 1_000_000).await;
        assert!(
            refused <= 20 && (197..=201).contains(&taken),
            "{refused} {taken}"
        );
        let (refused, taken) = play(1_000, 10_000).await;
        assert!(refused <= 40 && taken >= 370, "{refused} {taken}");
    }
}
