//! The models' names: exact ones and wildcards.

use std::collections::HashMap;

/// Finds the model that serves a name.
#[derive(Debug)]
pub(super) struct Names<'n> {
    exact: HashMap<&'n str, usize>,
    /// `(before the star, behind it, index)`.
    wildcards: Vec<(&'n str, &'n str, usize)>,
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
        let mut wildcards = Vec::new();
        for (index, name) in names.enumerate() {
            match name.split_once('*') {
                Some((before, behind)) => wildcards.push((before, behind, index)),
                None => {
                    exact.insert(name, index);
                }
            }
        }
        // The most specific first.
        wildcards.sort_by_key(|(before, behind, _)| {
            std::cmp::Reverse((before.len() + behind.len(), before.len()))
        });
        Self { exact, wildcards }
    }

    /// The model that serves `name`: the one of that name, else the longest wildcard.
    pub(super) fn find(&self, name: &str) -> Option<Found> {
        if let Some(&index) = self.exact.get(name) {
            return Some(Found { index, exact: true });
        }
        self.wildcards
            .iter()
            .find(|(before, behind, _)| {
                name.len() >= before.len() + behind.len()
                    && name.starts_with(before)
                    && name.ends_with(behind)
            })
            .map(|&(_, _, index)| Found {
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
        assert_eq!(index("aaaa"), Some((4, false)));
    }
}
