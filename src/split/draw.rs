//! Weighted rendezvous hashing: who draws which arm.

use sha2::{Digest, Sha256};

use super::{Arm, Split, Sticky};
use crate::{pool::session, request::ModelRequest, rng::Rng};

/// Texts as a number, the same in every process; nobody can choose texts for a number.
pub(super) fn number(texts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.as_bytes());
        // No text in UTF-8 has that byte: `ab`, `c` is not `a`, `bc`.
        hash.update([0xFF]);
    }
    let digest = hash.finalize();
    let first = digest.iter().take(8);
    first.fold(0, |all, byte| all << 8 | u64::from(*byte))
}

/// What the call draws by. The split's name is part of it, lest the same callers be the guinea pigs of every split.
pub(super) fn key(name: &str, by: Sticky, request: &ModelRequest, rng: &Rng) -> u64 {
    let caller = || request.caller.id.as_deref();
    let session = || session(request).map(|key| format!("{key:016x}"));
    let told = match by {
        Sticky::Caller => caller().map(|id| number(&[name, "caller", id])),
        Sticky::Session => session()
            .map(|key| number(&[name, "session", &key]))
            .or_else(|| caller().map(|id| number(&[name, "caller", id]))),
        Sticky::Call => None,
    };
    told.unwrap_or_else(|| rng.next())
}

impl Split {
    /// The place of the arm that this key draws; none if there is none with a weight.
    pub(super) fn draw(&self, key: u64) -> Option<usize> {
        let arms = self.arms.iter().enumerate();
        let open = arms.filter(|(_, arm)| arm.weight > 0);
        let best = open.max_by(|(_, a), (_, b)| a.score(key).total_cmp(&b.score(key)));
        best.map(|(index, _)| index)
    }
}

impl Arm {
    /// The largest wins, and that as often as the weights say. It depends on no other arm: so who changes moves only his own.
    fn score(&self, key: u64) -> f64 {
        // Between 0 and 1, without either.
        let share = ((mix(key ^ mix(self.seed)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        -f64::from(self.weight) / share.ln()
    }
}

const fn mix(key: u64) -> u64 {
    let z = key.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
