//! Names with one `*`, as pools, chains and configurations use them.

use std::{collections::HashMap, sync::Arc};

/// A name with one `*`, which stands for one or more characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    head: Arc<str>,
    tail: Arc<str>,
}

impl Pattern {
    /// The pattern of a name; none if it has no `*`.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let (head, tail) = name.split_once('*')?;
        Some(Self {
            head: head.into(),
            tail: tail.into(),
        })
    }

    /// The name.
    pub(crate) fn name(&self) -> String {
        format!("{}*{}", self.head, self.tail)
    }

    /// The name in which the `*` is this.
    #[cfg(feature = "config")]
    pub(crate) fn filled(&self, star: &str) -> String {
        format!("{}{star}{}", self.head, self.tail)
    }

    /// What the `*` stands for in `text`, if it matches.
    pub(crate) fn matched<'a>(&self, text: &'a str) -> Option<&'a str> {
        text.strip_prefix(&*self.head)?
            .strip_suffix(&*self.tail)
            .filter(|matched| !matched.is_empty())
    }
}

/// What patterns stand for. Of several that match the most specific counts: the longest, and of those the one with the longest head.
///
/// A name is looked up once for each pair of lengths that a head and a tail have, however many patterns there are.
#[derive(Clone, Debug)]
pub(crate) struct Patterns<T> {
    /// By head and tail.
    known: HashMap<Arc<str>, HashMap<Arc<str>, T>>,
    /// The lengths that occur, of both parts together and of the head; the most specific first.
    lengths: Vec<(usize, usize)>,
}

impl<T> Patterns<T> {
    /// In place of what the same pattern stood for before.
    pub(crate) fn set(&mut self, pattern: Pattern, value: T) {
        let Pattern { head, tail } = pattern;
        let lengths = (head.len() + tail.len(), head.len());
        let place = self.lengths.binary_search_by(|known| lengths.cmp(known));
        if let Err(place) = place {
            self.lengths.insert(place, lengths);
        }
        self.known.entry(head).or_default().insert(tail, value);
    }

    /// What this very pattern stands for.
    pub(crate) fn get(&self, pattern: &Pattern) -> Option<&T> {
        self.known.get(&pattern.head)?.get(&pattern.tail)
    }

    /// Are there none?
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// What stands for `text`, and what the `*` stands for in it.
    pub(crate) fn find<'a>(&self, text: &'a str) -> Option<(&T, &'a str)> {
        self.lengths.iter().find_map(|&(both, head)| {
            let end = text.len().checked_sub(both - head)?;
            // A `*` is at least one character.
            if end <= head {
                return None;
            }
            let tails = self.known.get(text.get(..head)?)?;
            Some((tails.get(text.get(end..)?)?, text.get(head..end)?))
        })
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Pattern, &T)> {
        self.known.iter().flat_map(|(head, tails)| {
            tails.iter().map(|(tail, value)| {
                let (head, tail) = (head.clone(), tail.clone());
                (Pattern { head, tail }, value)
            })
        })
    }
}

impl<T> Default for Patterns<T> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            lengths: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_or_more_characters() {
        let pattern = Pattern::of("aa*aa").unwrap();
        assert_eq!(pattern.matched("aaxaa"), Some("x"));
        assert_eq!(pattern.matched("aaaa"), None, "nothing is not enough");
        assert_eq!(pattern.matched("aaa"), None, "the ends do not overlap");
        assert_eq!(pattern.name(), "aa*aa");
        assert_eq!(Pattern::of("plain"), None);
    }

    #[test]
    fn the_most_specific_pattern_counts() {
        let mut patterns = Patterns::default();
        for name in [
            "*", "a*", "*b", "aa*", "a*b", "aa*aa", "\u{e9}*", "x*", "x*",
        ] {
            patterns.set(Pattern::of(name).unwrap(), name);
        }
        for (text, name, matched) in [
            ("a", "*", "a"),
            ("ab", "a*", "b"),
            ("cb", "*b", "c"),
            ("acb", "a*b", "c"),
            ("aacb", "aa*", "cb"),
            ("aaaa", "aa*", "aa"),
            ("aaxaa", "aa*aa", "x"),
            ("\u{e9}\u{e8}", "\u{e9}*", "\u{e8}"),
            // The middle of a character is no place for an end.
            ("\u{e8}\u{e9}", "*", "\u{e8}\u{e9}"),
        ] {
            assert_eq!(patterns.find(text), Some((&name, matched)), "{text}");
        }
        assert_eq!(patterns.find(""), None);
        assert_eq!(patterns.get(&Pattern::of("a*b").unwrap()), Some(&"a*b"));
        assert_eq!(patterns.get(&Pattern::of("b*a").unwrap()), None);
        let mut all: Vec<_> = patterns.iter().map(|(p, name)| (p.name(), *name)).collect();
        all.sort_unstable();
        assert_eq!(all.len(), 8);
        assert!(all.iter().all(|(pattern, name)| pattern == name));
    }
}
