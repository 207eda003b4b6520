//! Everything that goes wrong at a vendor: all that the test kit has a name for, and some more.

use std::time::Duration;

use trunkline::testing::{Answer, Effect, Fault as Named};

use crate::{dice::Dice, vendors::Wire};

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// One of the test kit's.
    Named(Named),
    /// The request is at fault.
    Refused,
    /// Our key is.
    Key,
    /// There is no such model.
    Missing,
    /// Too much for now, and when to come back in several spellings.
    Limited,
    /// Any other status of servers in trouble.
    Failing,
    Delayed,
    Paused,
    Pieces,
    /// The connection is closed some time after the answer, whether it is in use again or not.
    Closed,
}

/// What a vendor will do.
pub struct Plan {
    pub answer: Answer,
    pub may_succeed: bool,
    pub in_full: bool,
    /// Close the connection so long after the answer.
    pub close_after: Option<Duration>,
}

impl Fault {
    const OWN: [Self; 9] = [
        Self::Refused,
        Self::Key,
        Self::Missing,
        Self::Limited,
        Self::Failing,
        Self::Delayed,
        Self::Paused,
        Self::Pieces,
        Self::Closed,
    ];

    /// All but none, each with how many of a thousand calls it happens to.
    pub fn all() -> impl Iterator<Item = (Self, usize)> {
        let named = Named::ALL.into_iter().map(|fault| {
            let permille = match fault.effect() {
                // Each costs the whole of a clock.
                _ if fault.stalls() => 10,
                Effect::Harmless | Effect::Unanswered => 11,
                _ => 15,
            };
            (Self::Named(fault), permille)
        });
        named.chain(Self::OWN.map(|fault| (fault, 12)))
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "(none)",
            Self::Named(fault) => fault.name(),
            Self::Refused => "status 400, 413, 422",
            Self::Key => "status 401, 402, 403",
            Self::Missing => "status 404",
            Self::Limited => "status 429, retry-after",
            Self::Failing => "status 500, 502, 504, 520",
            Self::Delayed => "delayed headers",
            Self::Paused => "pauses between pieces",
            Self::Pieces => "pieces of few bytes",
            Self::Closed => "closed while idle, or not",
        }
    }

    pub fn draw(dice: &mut Dice) -> Self {
        let mut at = dice.below(1_000);
        for (fault, permille) in Self::all() {
            match at.checked_sub(permille) {
                Some(rest) => at = rest,
                None => return fault,
            }
        }
        Self::None
    }

    /// Is the answer good in spite of it?
    fn is_harmless(self) -> bool {
        match self {
            Self::None | Self::Delayed | Self::Paused | Self::Pieces | Self::Closed => true,
            Self::Named(fault) => fault.effect() == Effect::Harmless,
            Self::Refused | Self::Key | Self::Missing | Self::Limited | Self::Failing => false,
        }
    }

    /// Spoils an answer.
    pub fn spoil(
        self,
        good: Answer,
        wire: Wire,
        stream: bool,
        marker: &str,
        dice: &mut Dice,
    ) -> Plan {
        let content = good.content();
        let length = content.len();
        let place = dice.below(1_001) as f64 / 1_000.0;
        let error = |status: u16| wire.error(status, &format!("refused for {marker}"));
        let answer = match self {
            Self::None | Self::Closed => good,
            Self::Named(fault) => good.in_dialect(wire.dialect()).fault_at(fault, place),
            Self::Refused => error(dice.one(&[400, 413, 422])),
            Self::Key => error(dice.one(&[401, 402, 403])),
            Self::Missing => error(404),
            Self::Limited => {
                let (name, value) = dice.one(&[
                    ("retry-after", "1"),
                    ("retry-after-ms", "20"),
                    ("retry-after", "0"),
                    ("x-nothing", "none"),
                ]);
                error(429).header(name, value)
            }
            Self::Failing => error(dice.one(&[500, 502, 504, 520])),
            Self::Delayed => good.delay(dice.millis(5, 80)),
            Self::Paused => good
                .chunks_of((length / 12).max(1))
                .first_chunk_after(dice.millis(1, 20))
                .between(dice.millis(1, 8)),
            Self::Pieces => good.chunks_of(dice.between(2, 40)),
        };
        // Whoever breaks off after a stream's last word has said everything, if not what it costs.
        let ends_late = match self {
            Self::Named(fault) if stream && fault.effect() == Effect::Midway => {
                wire.is_told(&content, said_before(fault, &content, wire, place))
            }
            _ => false,
        };
        // A sign of life that cannot be read does not pass, and does no harm.
        let only_a_ping = self == Self::Named(Named::MalformedJson)
            && String::from_utf8_lossy(&answer.content()).contains("event: ping\ndata: {{");
        let is_harmless = self.is_harmless() || only_a_ping;
        Plan {
            answer,
            may_succeed: is_harmless || ends_late,
            in_full: is_harmless,
            close_after: (self == Self::Closed).then(|| dice.millis(0, 6)),
        }
    }
}

/// How many bytes of a stream are good when the fault is at this place.
fn said_before(fault: Named, content: &[u8], wire: Wire, place: f64) -> usize {
    let at = |length: usize| (length.saturating_sub(1) as f64 * place) as usize;
    match fault {
        Named::ErrorMidway | Named::MalformedJson => {
            let ends = wire.frame_ends(content);
            let frames = at(ends.len()) + 1;
            ends.get(frames - 1).copied().unwrap_or(0)
        }
        // How much of it can be read depends on the compression.
        Named::TruncatedGzip | Named::TruncatedBrotli | Named::TruncatedZstd => content.len(),
        Named::ShortBody => content.len(),
        _ => at(content.len()),
    }
}
