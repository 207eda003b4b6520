//! Which model follows which.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use crate::{pattern::Pattern, request::Caller, rng::Rng};

/// Chains of models, and names that stand for a split between models. Cloning shares them.
#[derive(Clone, Debug)]
#[must_use]
pub struct Chains {
    fallbacks: Arc<HashMap<Arc<str>, Vec<Arc<str>>>>,
    /// The same for names with a `*`, the most specific first.
    patterns: Arc<Vec<(Pattern, Vec<Arc<str>>)>>,
    splits: Arc<HashMap<Arc<str>, Vec<Share>>>,
    content_filter: bool,
    rng: Arc<Rng>,
}

/// One model of a split.
#[derive(Clone, Debug)]
struct Share {
    model: Arc<str>,
    weight: u32,
}

impl Chains {
    /// No chains: every model stands alone.
    pub fn new() -> Self {
        Self {
            fallbacks: Arc::default(),
            patterns: Arc::default(),
            splits: Arc::default(),
            content_filter: false,
            rng: Arc::new(Rng::new()),
        }
    }

    /// When `model` cannot be had, these are asked, in this order; then theirs. One `*` in the name stands for one or more characters; a chain of
    /// the exact name goes before one of a pattern.
    pub fn chain<M: Into<Arc<str>>>(
        mut self,
        model: impl Into<Arc<str>>,
        fallbacks: impl IntoIterator<Item = M>,
    ) -> Self {
        let fallbacks = fallbacks.into_iter().map(Into::into).collect();
        let model = model.into();
        match Pattern::of(&model) {
            Some(pattern) => {
                let patterns = Arc::make_mut(&mut self.patterns);
                patterns.retain(|(known, _)| *known != pattern);
                patterns.push((pattern, fallbacks));
                patterns.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.rank()));
            }
            None => {
                Arc::make_mut(&mut self.fallbacks).insert(model, fallbacks);
            }
        }
        self
    }

    /// `name` stands for these models, by weight. A caller always gets the same one; callers without a key are spread at random.
    pub fn split<M: Into<Arc<str>>>(
        mut self,
        name: impl Into<Arc<str>>,
        shares: impl IntoIterator<Item = (M, u32)>,
    ) -> Self {
        let shares = shares.into_iter().map(|(model, weight)| Share {
            model: model.into(),
            weight,
        });
        Arc::make_mut(&mut self.splits).insert(name.into(), shares.collect());
        self
    }

    /// Asks the next model also when a content policy refused the request. Off by default.
    pub const fn on_content_filter(mut self, yes: bool) -> Self {
        self.content_filter = yes;
        self
    }

    /// Makes the spread of callers without a key repeatable.
    pub fn seed(mut self, seed: u64) -> Self {
        self.rng = Arc::new(Rng::seeded(seed));
        self
    }

    pub(super) const fn covers_content_filter(&self) -> bool {
        self.content_filter
    }

    /// The models that a call would ask, in order, each once; a draw that it would take stays to be drawn.
    pub fn explain(&self, model: &str, caller: &Caller) -> Vec<Arc<str>> {
        let same = Self {
            rng: Arc::new(self.rng.fork()),
            ..self.clone()
        };
        same.walk(&model.into(), caller)
    }

    /// The models to ask, in order, each once.
    pub(super) fn walk(&self, model: &Arc<str>, caller: &Caller) -> Vec<Arc<str>> {
        let mut walk: Vec<Arc<str>> = Vec::new();
        let mut ahead = VecDeque::from([model.clone()]);
        while let Some(name) = ahead.pop_front() {
            let name = self.resolve(name, caller);
            if walk.contains(&name) {
                continue;
            }
            ahead.extend(self.after(&name).iter().cloned());
            walk.push(name);
        }
        walk
    }

    fn after(&self, model: &str) -> &[Arc<str>] {
        let by_pattern = || {
            let found = self
                .patterns
                .iter()
                .find(|(p, _)| p.matched(model).is_some());
            found.map(|(_, fallbacks)| fallbacks)
        };
        let found = self.fallbacks.get(model).or_else(by_pattern);
        found.map_or(&[], Vec::as_slice)
    }

    /// The model a name stands for. Splits may lead to splits; as many steps as there are splits settle it, or it is a loop.
    fn resolve(&self, mut name: Arc<str>, caller: &Caller) -> Arc<str> {
        for _ in 0..self.splits.len() {
            let Some(shares) = self.splits.get(&name) else {
                break;
            };
            name = match self.share(&name, shares, caller) {
                Some(model) => model,
                None => break,
            };
        }
        name
    }

    fn share(&self, name: &str, shares: &[Share], caller: &Caller) -> Option<Arc<str>> {
        let total: u64 = shares.iter().map(|share| u64::from(share.weight)).sum();
        let draw = match &caller.id {
            // The name is part of it, lest the same callers be the guinea pigs of every split.
            Some(id) => {
                let digest = Sha256::new_with_prefix(name)
                    .chain_update(id.as_bytes())
                    .finalize();
                digest
                    .iter()
                    .take(8)
                    .fold(0, |all, byte| all << 8 | u64::from(*byte))
            }
            None => self.rng.next(),
        };
        let mut left = draw.checked_rem(total)?;
        shares.iter().find_map(|share| {
            let weight = u64::from(share.weight);
            if left < weight {
                return Some(share.model.clone());
            }
            left -= weight;
            None
        })
    }
}

impl Default for Chains {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(chains: &Chains, model: &str) -> Vec<String> {
        let walk = chains.walk(&model.into(), &Caller::default());
        walk.iter().map(|m| m.to_string()).collect()
    }

    #[test]
    fn chains_are_followed_without_repeats() {
        let chains = Chains::new()
            .chain("a", ["b", "d"])
            .chain("b", ["c", "a"])
            .chain("c", ["b"]);
        assert_eq!(walk(&chains, "a"), ["a", "b", "d", "c"]);
        assert_eq!(walk(&chains, "x"), ["x"]);
        let chains = chains.chain("x*", ["a"]).chain("xy", ["z"]);
        assert_eq!(walk(&chains, "xx"), ["xx", "a", "b", "d", "c"]);
        assert_eq!(walk(&chains, "xy"), ["xy", "z"]);
    }

    #[test]
    fn a_split_is_sticky_and_fair() {
        let chains = Chains::new().split("next", [("a", 75), ("b", 25)]).seed(3);
        let mut b = 0;
        for n in 0..4_000 {
            let caller = Caller::from_key(&n.to_string());
            let first = chains.walk(&"next".into(), &caller);
            assert_eq!(first, chains.walk(&"next".into(), &caller));
            b += usize::from(&*first[0] == "b");
        }
        assert!((900..1100).contains(&b), "{b}");
        let unnamed = (0..4_000)
            .filter(|_| walk(&chains, "next") == ["b"])
            .count();
        assert!((900..1100).contains(&unnamed), "{unnamed}");
    }

    #[test]
    fn splits_that_loop_or_weigh_nothing_end() {
        let chains = Chains::new()
            .split("x", [("y", 1)])
            .split("y", [("x", 1)])
            .split("z", [("a", 0)]);
        assert_eq!(walk(&chains, "x").len(), 1);
        assert_eq!(walk(&chains, "z"), ["z"]);
    }
}
