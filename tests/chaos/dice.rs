//! Chance that can be thrown again: every draw follows from the seed, the request and its purpose, not from the order of events.

use std::time::Duration;

/// What a draw is for. Each purpose has dice of its own, so that one more draw here changes nothing there.
#[derive(Clone, Copy)]
pub enum Purpose {
    Ask = 1,
    Marker = 2,
    Fault = 3,
    Script = 4,
}

pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64, purpose: Purpose, request: usize, serial: usize) -> Self {
        let mut dice = Self(seed);
        for part in [purpose as u64, request as u64, serial as u64] {
            dice.0 ^= part.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            dice.0 = dice.draw();
        }
        dice
    }

    /// SplitMix64.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `end - 1`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.draw() % end.max(1) as u64) as usize
    }

    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    pub fn millis(&mut self, least: usize, most: usize) -> Duration {
        Duration::from_millis(self.between(least, most) as u64)
    }
}
