//! Which model follows which.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, OnceLock},
};

use crate::{
    pattern::{Pattern, Patterns},
    request::ModelRequest,
    split::{Arm, Split, Splits},
};

/// Chains of models, and names that stand for a split between models. Cloning shares them.
#[derive(Clone, Debug)]
#[must_use]
pub struct Chains {
    fallbacks: Arc<HashMap<Arc<str>, Vec<Arc<str>>>>,
    /// The same for names with a `*`.
    patterns: Arc<Patterns<Vec<Arc<str>>>>,
    splits: Splits,
    content_filter: bool,
    /// What follows each name, found out with the first call.
    ways: Arc<OnceLock<Ways>>,
}

/// The models after each.
type Ways = HashMap<Arc<str>, Vec<Arc<str>>>;

/// The models after the first.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// So many, the same for every call.
    Settled(usize),
    /// Those that this call has drawn.
    Drawn(Vec<Arc<str>>),
}

impl Others {
    pub(super) const fn count(&self) -> usize {
        match self {
            Self::Settled(count) => *count,
            Self::Drawn(others) => others.len(),
        }
    }
}

impl Chains {
    /// No chains: every model stands alone.
    pub fn new() -> Self {
        Self {
            fallbacks: Arc::default(),
            patterns: Arc::default(),
            splits: Splits::new(),
            content_filter: false,
            ways: Arc::default(),
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
                Arc::make_mut(&mut self.patterns).set(pattern, fallbacks);
            }
            None => {
                Arc::make_mut(&mut self.fallbacks).insert(model, fallbacks);
            }
        }
        self.ways = Arc::default();
        self
    }

    /// `name` stands for these models, by weight. A caller always gets the same one; callers without a key are spread at random. To see
    /// how each does, put a [`SplitLayer`](crate::SplitLayer) above.
    pub fn split<M: Into<Arc<str>>>(
        mut self,
        name: impl Into<Arc<str>>,
        shares: impl IntoIterator<Item = (M, u32)>,
    ) -> Self {
        let arms = shares.into_iter().map(|(model, weight)| {
            let model = model.into();
            Arm::new(model.clone(), model, weight)
        });
        self.splits = self.splits.split(name, arms.fold(Split::new(), Split::arm));
        self
    }

    /// Names that stand for arms, wherever a chain leads to them; in place of all that were set before.
    pub fn splits(mut self, splits: Splits) -> Self {
        self.splits = splits;
        self
    }

    /// Asks the next model also when a content policy refused the request. Off by default.
    pub const fn on_content_filter(mut self, yes: bool) -> Self {
        self.content_filter = yes;
        self
    }

    /// Makes the spread of callers without a key repeatable.
    pub fn seed(mut self, seed: u64) -> Self {
        self.splits = self.splits.seed(seed);
        self
    }

    pub(super) const fn covers_content_filter(&self) -> bool {
        self.content_filter
    }

    /// The models that a call would ask, in order, each once; a draw that it would take stays to be drawn.
    pub fn explain(&self, request: &ModelRequest) -> Vec<Arc<str>> {
        self.explain_by(self.splits.forked(), request)
    }

    /// The same by these splits, whose draws are nobody's.
    pub(crate) fn explain_by(&self, splits: Splits, request: &ModelRequest) -> Vec<Arc<str>> {
        let same = Self {
            splits,
            ..self.clone()
        };
        let (first, others) = same.walk(request);
        let others = same.after_first(request, others);
        std::iter::once(first).chain(others).collect()
    }

    /// The model to ask first, and those to ask after it, in order, each once.
    pub(super) fn walk(&self, request: &ModelRequest) -> (Arc<str>, Others) {
        if self.splits.is_empty() {
            let first = request.model.clone();
            let count = match self.ways().get(&first) {
                Some(others) => others.len(),
                None if self.patterns.is_empty() => 0,
                None => self.others(&first, Arc::clone).len(),
            };
            return (first, Others::Settled(count));
        }
        let resolve = |name: &Arc<str>| self.splits.resolve(name, request).0;
        let first = resolve(&request.model);
        let others = self.others(&first, resolve);
        (first, Others::Drawn(others))
    }

    /// Those to ask after the first, as [`walk`](Self::walk) has found.
    pub(super) fn after_first(&self, request: &ModelRequest, others: Others) -> Vec<Arc<str>> {
        match others {
            Others::Settled(0) => Vec::new(),
            Others::Settled(_) => match self.ways().get(&request.model) {
                Some(others) => others.clone(),
                None => self.others(&request.model, Arc::clone),
            },
            Others::Drawn(others) => others,
        }
    }

    /// Those after each name without a `*`: as long as no name stands for a split they are the same for every call.
    fn ways(&self) -> &Ways {
        self.ways.get_or_init(|| {
            let names = self.fallbacks.keys();
            let ways = names.map(|name| (name.clone(), self.others(name, Arc::clone)));
            ways.collect()
        })
    }

    fn others(&self, first: &Arc<str>, resolve: impl Fn(&Arc<str>) -> Arc<str>) -> Vec<Arc<str>> {
        let mut others: Vec<Arc<str>> = Vec::new();
        // Allocates nothing for the many models that have no chain.
        let mut ahead: VecDeque<_> = self.after(first).iter().collect();
        while let Some(name) = ahead.pop_front() {
            let name = resolve(name);
            if name == *first || others.contains(&name) {
                continue;
            }
            ahead.extend(self.after(&name));
            others.push(name);
        }
        others
    }

    fn after(&self, model: &str) -> &[Arc<str>] {
        let by_pattern = || Some(self.patterns.find(model)?.0);
        let found = self.fallbacks.get(model).or_else(by_pattern);
        found.map_or(&[], Vec::as_slice)
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
    use crate::{
        chat::{ChatRequest, Message},
        request::Caller,
    };

    fn request(model: &str) -> ModelRequest {
        ModelRequest::chat(ChatRequest::new(model, vec![Message::user("hi")]))
    }

    fn walk(chains: &Chains, model: &str) -> Vec<String> {
        let (first, others) = chains.walk(&request(model));
        let count = others.count();
        let others = chains.after_first(&request(model), others);
        assert_eq!(others.len(), count);
        let all = std::iter::once(&first).chain(&others);
        all.map(|m| m.to_string()).collect()
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
            let mut request = request("next");
            request.caller = Caller::from_key(&n.to_string());
            let first = chains.walk(&request);
            assert_eq!(first, chains.walk(&request));
            b += usize::from(&*first.0 == "b");
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
