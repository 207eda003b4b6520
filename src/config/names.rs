//! The models' names: exact ones and wildcards.

use std::collections::HashMap;

use crate::pattern::{Pattern, Patterns};

/// Finds the model that serves a name.
#[derive(Debug)]
pub(super) struct Names<'n> {
    exact: HashMap<&'n str, usize>,
    wildcards: Patterns<usize>,
}

/// How a name was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Which of the models it is.
    pub(super) index: usize,
    /// By its own name, not by a wildcard?
    pub(super) exact: bool,
}

impl<'n> Names<'n> {
    pub(super) fn new(names: impl Iterator<Item = &'n str>) -> Self {
        let mut exact = HashMap::new();
        let mut wildcards = Patterns::default();
        for (index, name) in names.enumerate() {
            match Pattern::of(name) {
                Some(pattern) => wildcards.set(pattern, index),
                None => {
                    exact.insert(name, index);
                }
            }
        }
        Self { exact, wildcards }
    }

    /// The model that serves `name`: the one of that name, else the most specific wildcard.
    pub(super) fn find(&self, name: &str) -> Option<Found> {
        if let Some(&index) = self.exact.get(name) {
            return Some(Found { index, exact: true });
        }
        let (&index, _) = self.wildcards.find(name)?;
        Some(Found {
            index,
            exact: false,
        })
    }

    /// The exact names.
    pub(super) fn exact(&self) -> impl Iterator<Item = &'n str> {
        let mut names: Vec<_> = self.exact.iter().map(|(name, at)| (*at, *name)).collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_names_go_before_long_wildcards_before_short_ones() {
        let names = Names::new(["*", "claude-*", "claude-x", "claude-*-mini", "aa*aa"].into_iter());
        let index = |name| names.find(name).map(|found| (found.index, found.exact));
        assert_eq!(index("claude-x"), Some((2, true)));
        assert_eq!(index("claude-y"), Some((1, false)));
        assert_eq!(index("claude-y-mini"), Some((3, false)));
        assert_eq!(index("gpt"), Some((0, false)));
        assert_eq!(index("aaa"), Some((0, false)), "the ends do not overlap");
        assert_eq!(index("aaxaa"), Some((4, false)));
    }
}
