//! What an answer cost, in tokens.

/// Tokens in disjoint buckets. `None` is unknown, `Some(0)` is zero.
///
/// Vendors disagree on what includes what (OpenAI's prompt includes the cached part, Anthropic's does not); here nothing is
/// counted twice: the whole input is `input + cache_read + cache_write`, and `output` includes `reasoning`'s tokens only in
/// [`total_output`](Self::total_output).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Input that was neither read from nor written to a cache.
    pub input: Option<u64>,
    /// Input read from a cache.
    pub cache_read: Option<u64>,
    /// Input written to a cache.
    pub cache_write: Option<u64>,
    /// The part of `cache_write` that is kept for an hour or more. A breakdown, not a further bucket.
    pub cache_write_long: Option<u64>,
    /// Output other than reasoning.
    pub output: Option<u64>,
    /// Output spent on reasoning, where the vendor tells.
    pub reasoning: Option<u64>,
    /// The part of the input that is sound. A breakdown, not a further bucket.
    pub audio_input: Option<u64>,
    /// The part of the output that is sound. A breakdown, not a further bucket.
    pub audio_output: Option<u64>,
}

impl Usage {
    /// All input; none if nothing is known of it.
    pub fn total_input(&self) -> Option<u64> {
        sum([self.input, self.cache_read, self.cache_write])
    }

    /// All output; none if nothing is known of it.
    pub fn total_output(&self) -> Option<u64> {
        sum([self.output, self.reasoning])
    }

    /// Input and output.
    pub fn total(&self) -> Option<u64> {
        sum([self.total_input(), self.total_output()])
    }

    /// Takes over what `later` knows: usage in streams is cumulative, and a member that is absent later keeps its value.
    pub fn revise(&mut self, later: &Self) {
        fn keep(slot: &mut Option<u64>, later: Option<u64>) {
            *slot = later.or(*slot);
        }
        keep(&mut self.input, later.input);
        keep(&mut self.cache_read, later.cache_read);
        keep(&mut self.cache_write, later.cache_write);
        keep(&mut self.cache_write_long, later.cache_write_long);
        keep(&mut self.output, later.output);
        keep(&mut self.reasoning, later.reasoning);
        keep(&mut self.audio_input, later.audio_input);
        keep(&mut self.audio_output, later.audio_output);
    }
}

fn sum<const N: usize>(parts: [Option<u64>; N]) -> Option<u64> {
    let mut sum: Option<u64> = None;
    for part in parts.into_iter().flatten() {
        sum = Some(sum.map_or(part, |sum| sum.saturating_add(part)));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_not_unknown() {
        assert_eq!(Usage::default().total(), None);
        let zero = Usage {
            input: Some(0),
            ..Usage::default()
        };
        assert_eq!(zero.total(), Some(0));
        assert_eq!(zero.total_output(), None);
    }

    #[test]
    fn later_figures_win_and_gaps_do_not_erase() {
        let mut usage = Usage {
            input: Some(43),
            cache_read: Some(7),
            output: Some(1),
            ..Usage::default()
        };
        usage.revise(&Usage {
            input: Some(61),
            output: Some(9),
            ..Usage::default()
        });
        assert_eq!(usage.total_input(), Some(68));
        assert_eq!(usage.total_output(), Some(9));
    }
}
