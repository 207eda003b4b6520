//! A row of numbers whose sums are known.

/// A row of numbers. To change one, to sum a stretch and to find where a sum is reached take as many steps as the row's length has
/// binary digits.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    /// The numbers' place in `tree`: a power of two.
    leaves: usize,
    /// The root is at 1; the children of `n` are `2n` and `2n + 1`.
    tree: Vec<u64>,
}

impl Sums {
    /// So many zeros.
    pub(super) fn new(len: usize) -> Self {
        let leaves = len.next_power_of_two();
        Self {
            leaves,
            tree: vec![0; 2 * leaves],
        }
    }

    pub(super) fn set(&mut self, index: usize, value: u64) {
        let mut node = self.leaves + index;
        let Some(leaf) = self.tree.get_mut(node) else {
            return;
        };
        *leaf = value;
        while node > 1 {
            node /= 2;
            let sum = self.node(2 * node).saturating_add(self.node(2 * node + 1));
            if let Some(parent) = self.tree.get_mut(node) {
                *parent = sum;
            }
        }
    }

    /// The sum of all numbers before `index`.
    pub(super) fn before(&self, index: usize) -> u64 {
        let mut node = self.leaves + index.min(self.leaves);
        let mut sum = match index {
            // One past the last leaf has no node of its own.
            _ if index >= self.leaves => return self.node(1),
            _ => 0_u64,
        };
        while node > 1 {
            if node % 2 == 1 {
                sum = sum.saturating_add(self.node(node - 1));
            }
            node /= 2;
        }
        sum
    }

    /// The sum of the numbers from `start` to before `end`.
    pub(super) fn between(&self, start: usize, end: usize) -> u64 {
        self.before(end).saturating_sub(self.before(start))
    }

    /// Where the sum first exceeds `amount`; none if it never does.
    pub(super) fn find(&self, mut amount: u64) -> Option<usize> {
        if amount >= self.node(1) {
            return None;
        }
        let mut node = 1;
        while node < self.leaves {
            node *= 2;
            let left = self.node(node);
            if amount >= left {
                amount -= left;
                node += 1;
            }
        }
        node.checked_sub(self.leaves)
    }

    /// Goes down from the root, to the left with the chance of the left side's share of the sum, as `toss` says for each fork: it gets
    /// the number of the fork, the same whatever the sums are. None if all numbers are zero.
    pub(super) fn descend(&self, toss: impl Fn(usize) -> u64) -> Option<usize> {
        if self.node(1) == 0 {
            return None;
        }
        let mut node = 1;
        while node < self.leaves {
            let (left, right) = (self.node(2 * node), self.node(2 * node + 1));
            let sum = u128::from(left) + u128::from(right);
            let point = (u128::from(toss(node)) * sum) >> 64;
            node = 2 * node + usize::from(point >= u128::from(left));
        }
        node.checked_sub(self.leaves)
    }

    fn node(&self, node: usize) -> u64 {
        self.tree.get(node).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_a_plain_row() {
        for len in [1, 2, 5, 8, 33] {
            let mut sums = Sums::new(len);
            let mut plain = vec![0_u64; len];
            for step in 0..200_usize {
                let (index, value) = (step * 7 % len, (step * 31 % 5) as u64);
                sums.set(index, value);
                plain[index] = value;
                let (start, end) = (step % len, len - step % 3 % len);
                let sum: u64 = plain.get(start..end).unwrap_or_default().iter().sum();
                assert_eq!(sums.between(start, end), sum);
                let total: u64 = plain.iter().sum();
                assert_eq!(sums.find(total), None);
                let mut reached = 0;
                for (index, value) in plain.iter().enumerate() {
                    for amount in reached..reached + value {
                        assert_eq!(sums.find(amount), Some(index));
                    }
                    reached += value;
                }
            }
        }
    }

    #[test]
    fn a_descent_ends_where_something_is_and_by_its_share() {
        let mut sums = Sums::new(5);
        assert_eq!(sums.descend(|_| 0), None);
        sums.set(1, 1);
        sums.set(4, 3);
        let rng = crate::rng::Rng::seeded(1);
        let fours = (0..4_000)
            .filter(|_| sums.descend(|_| rng.next()) == Some(4))
            .count();
        assert!((2_900..3_100).contains(&fours), "{fours}");
        sums.set(4, 0);
        assert!((0..100).all(|_| sums.descend(|_| rng.next()) == Some(1)));
    }
}
