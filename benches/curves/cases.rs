//! What is counted by valgrind.

use crate::{
    curve::{Curve, Line},
    play::MEASURED,
    support::valgrind,
};

/// One curve of instructions.
pub struct Case {
    /// For `--only`.
    pub name: &'static str,
    title: &'static str,
    about: &'static str,
    x: &'static str,
    sizes: &'static [usize],
    /// What is played, and what it is called in the table.
    lines: &'static [(&'static str, &'static str)],
}

const BODIES: &[usize] = &[
    1 << 10,
    4 << 10,
    16 << 10,
    64 << 10,
    256 << 10,
    1 << 20,
    4 << 20,
    10 << 20,
];
const MANY: &[usize] = &[1, 10, 100, 1_000, 10_000];

pub const CURVES: &[Case] = &[
    Case {
        name: "request",
        title: "request's size",
        about: "Instructions of a call by the size of its request: a conversation of messages of 480 bytes. The vendor's answer has 360 bytes.",
        x: "byte",
        sizes: BODIES,
        lines: &[
            ("request-bare", "bare client"),
            ("request", "whole stack"),
            ("request-translated", "translated"),
        ],
    },
    Case {
        name: "answer",
        title: "answer's size",
        about: "Instructions of a call by the size of its whole answer: one text.",
        x: "byte",
        sizes: BODIES,
        lines: &[
            ("answer-bare", "bare client"),
            ("answer", "whole stack"),
            ("answer-translated", "translated"),
        ],
    },
    Case {
        name: "events",
        title: "events of a stream",
        about: "Instructions of a stream by its events.",
        x: "event",
        sizes: &[10, 100, 1_000, 10_000],
        lines: &[
            ("events-bare", "bare client"),
            ("events", "whole stack"),
            ("events-translated", "translated"),
        ],
    },
    Case {
        name: "accounts",
        title: "accounts of a pool",
        about: "Instructions of a call by the accounts in its pool, all of them free; the bare client has none.",
        x: "account",
        sizes: &[1, 3, 10, 30, 100, 1_000, 10_000],
        lines: &[
            ("accounts-bare", "bare client"),
            ("accounts", "weighted"),
            ("accounts-least-busy", "least_busy"),
            ("accounts-headroom", "headroom"),
        ],
    },
    Case {
        name: "models",
        title: "models",
        about: "Instructions of a call by the models there are, each with a pool and a fallback of its own. Patterns are names like `m17-*`; the one \
                that is asked for stands in the middle.",
        x: "model",
        sizes: MANY,
        lines: &[
            ("models-bare", "bare client"),
            ("models", "names"),
            ("models-patterns", "patterns"),
        ],
    },
    Case {
        name: "start",
        title: "models at the start",
        about: "Instructions of reading a configuration with so many models, an account each, and making a gateway of it: at the start, and at every \
                change of the file. A file may say some 5,000 of them in this way.",
        x: "model",
        sizes: &[1, 10, 100, 1_000, 3_000],
        lines: &[("start", "names"), ("start-patterns", "patterns")],
    },
    Case {
        name: "keys",
        title: "callers' keys",
        about: "Instructions of a call by the callers' keys that are in use, each call by the next one, at accounts with limits of every kind. There is no \
                table of keys: a caller is known by the digest of its key, and nothing is kept of it once its call has a place at an account.",
        x: "key",
        sizes: &[1, 10, 100, 1_000, 10_000, 100_000],
        lines: &[("keys-bare", "bare client"), ("keys", "whole stack")],
    },
];

impl Case {
    pub fn measured(&self) -> Curve {
        let points =
            |what| -> Vec<_> { self.sizes.iter().map(|size| point(what, *size)).collect() };
        // Side by side: counts do not mind.
        let lines = std::thread::scope(|scope| {
            let running = self.lines.iter().map(|(what, name)| {
                let thread = scope.spawn(move || points(what));
                (name, thread)
            });
            let running: Vec<_> = running.collect();
            let over = running.into_iter().map(|(name, thread)| Line {
                name,
                points: thread.join().expect("a line that was counted"),
            });
            over.collect()
        });
        Curve {
            title: self.title,
            about: self.about,
            x: self.x,
            y: "instructions",
            lines,
        }
    }
}

fn point(what: &str, size: usize) -> (f64, f64) {
    let (warm, calls) = calls(what, size);
    let args = [
        what,
        &size.to_string(),
        &warm.to_string(),
        &calls.to_string(),
    ];
    let [what, text, warm, times] = args;
    let count = valgrind::counted(Some(MEASURED), &["play", what, text, warm, times]);
    let each = count / calls as u64;
    eprintln!("{what} {size}: {each}");
    (size as f64, each as f64)
}

/// How often it is played before and while it is counted. Of a model's first 128 calls a pool reads some more closely, to learn; of later
/// ones one in 256.
fn calls(what: &str, size: usize) -> (usize, usize) {
    let long = matches!(what.split('-').next(), Some("request" | "answer")) && size > 64 << 10
        || what.starts_with("events") && size >= 1_000;
    match what {
        _ if what.starts_with("start") => (0, 1),
        _ if long => (2, 1),
        _ => (160, 256),
    }
}
