//! Names with one `*`, as pools, chains and configurations use them.

use std::sync::Arc;

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
    pub(crate) fn filled(&self, star: &str) -> String {
        format!("{}{star}{}", self.head, self.tail)
    }

    /// Of several patterns that match, the one of the highest rank counts: the most specific.
    pub(crate) fn rank(&self) -> (usize, usize) {
        (self.head.len() + self.tail.len(), self.head.len())
    }

    /// What the `*` stands for in `text`, if it matches.
    pub(crate) fn matched<'a>(&self, text: &'a str) -> Option<&'a str> {
        text.strip_prefix(&*self.head)?
            .strip_suffix(&*self.tail)
            .filter(|matched| !matched.is_empty())
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
        assert!(Pattern::of("a*").unwrap().rank() > Pattern::of("*b").unwrap().rank());
    }
}
