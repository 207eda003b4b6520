//! A list that is mostly short.

use std::ops::{Deref, DerefMut};

/// A list whose first `N` items need no memory of their own.
#[derive(Clone, Debug)]
pub(super) struct Few<T, const N: usize> {
    first: [T; N],
    /// How many of those are in use.
    len: usize,
    /// All of them, once there are more.
    all: Vec<T>,
}

impl<T: Default, const N: usize> Few<T, N> {
    #[inline]
    pub(super) fn push(&mut self, item: T) {
        if self.all.is_empty() {
            if let Some(slot) = self.first.get_mut(self.len) {
                *slot = item;
                self.len += 1;
                return;
            }
            self.all.extend(self.first.iter_mut().map(std::mem::take));
        }
        self.all.push(item);
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.all.truncate(len);
        for slot in self.first.iter_mut().take(self.len).skip(len) {
            *slot = T::default();
        }
        self.len = self.len.min(len);
    }

    /// Drops all that `keep` says no of.
    pub(super) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        if !self.all.is_empty() {
            self.all.retain(keep);
            self.len = self.len.min(self.all.len());
            return;
        }
        let mut kept = 0;
        for index in 0..self.len {
            if self.first.get(index).is_some_and(&keep) {
                self.first.swap(kept, index);
                kept += 1;
            }
        }
        self.truncate(kept);
    }
}

impl<T: Default, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Self {
            first: std::array::from_fn(|_| T::default()),
            len: 0,
            all: Vec::new(),
        }
    }
}

impl<T: Default, const N: usize> Deref for Few<T, N> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match self.all.is_empty() {
            true => self.first.get(..self.len).unwrap_or_default(),
            false => &self.all,
        }
    }
}

impl<T: Default, const N: usize> DerefMut for Few<T, N> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        match self.all.is_empty() {
            true => self.first.get_mut(..self.len).unwrap_or_default(),
            false => &mut self.all,
        }
    }
}

impl<T: Default, const N: usize> Extend<T> for Few<T, N> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            self.push(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_however_long_it_is() {
        let rng = crate::rng::Rng::seeded(3);
        let (mut few, mut plain) = (Few::<usize, 4>::default(), Vec::new());
        for step in 0..5_000 {
            match rng.below(8) {
                0 => {
                    let len = rng.below(8);
                    few.truncate(len);
                    plain.truncate(len);
                }
                1 => {
                    let part = 2 + rng.below(3);
                    few.retain(|item| item % part > 0);
                    plain.retain(|item| item % part > 0);
                }
                _ => {
                    few.push(step);
                    plain.push(step);
                }
            }
            if let (Some(one), Some(other)) = (few.first_mut(), plain.first_mut()) {
                (*one, *other) = (*one + 1, *other + 1);
            }
            assert_eq!(*few, *plain);
        }
    }
}
