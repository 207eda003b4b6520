//! What is measured, and what is to be reached.

use std::time::Duration;

/// One kind of load.
pub struct Case {
    /// Short, for `--only`.
    pub name: &'static str,
    /// For readers.
    pub title: &'static str,
    /// Which dialect the vendor speaks. Callers of the gateway always speak OpenAI's.
    pub vendor: Vendor,
    /// What the vendor does: `<events>/<pace in ms>`.
    pub way: &'static str,
    pub callers: usize,
    /// Bytes of the request, about.
    pub request: usize,
    pub per: Per,
    /// The gateway without its log.
    pub quiet: bool,
    /// The gateway with limits of every kind, and callers who each have a key of their own.
    pub limited: bool,
    /// The bare proxy with the crate's own transport, too.
    pub own: bool,
    /// The most CPU time, as a multiple of the bare proxy's.
    pub cpu: Option<f64>,
    /// The least throughput, as a share of the bare proxy's.
    pub rate: Option<f64>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Vendor {
    OpenAi,
    Anthropic,
}

/// What CPU time is divided by.
#[derive(Clone, Copy)]
pub enum Per {
    Request,
    /// The events of whole streams with this many.
    Stream(u64),
    /// Events as they come.
    Event,
}

const PLAIN: Case = Case {
    name: "",
    title: "",
    vendor: Vendor::OpenAi,
    way: "0/0",
    callers: 64,
    request: 500,
    per: Per::Request,
    quiet: false,
    limited: false,
    own: false,
    cpu: None,
    rate: None,
};

pub const CASES: [Case; 11] = [
    Case {
        name: "c1",
        title: "request, 1 caller",
        own: true,
        callers: 1,
        cpu: Some(1.5),
        ..PLAIN
    },
    Case {
        name: "c64",
        title: "request, 64 callers",
        own: true,
        cpu: Some(1.5),
        rate: Some(0.7),
        ..PLAIN
    },
    Case {
        name: "c64-quiet",
        title: "the same without the log",
        quiet: true,
        cpu: Some(1.5),
        ..PLAIN
    },
    Case {
        name: "40k",
        title: "request of 40 KB, 16 callers",
        own: true,
        callers: 16,
        request: 40_000,
        cpu: Some(1.5),
        ..PLAIN
    },
    Case {
        name: "event",
        title: "event at full speed, 16 callers",
        own: true,
        way: "50/0",
        callers: 16,
        per: Per::Stream(50),
        cpu: Some(0.35),
        ..PLAIN
    },
    Case {
        name: "paced",
        title: "event every 20 ms, 200 streams",
        own: true,
        way: "100/20",
        callers: 200,
        per: Per::Event,
        cpu: Some(1.1),
        ..PLAIN
    },
    Case {
        name: "translated",
        title: "request translated, 64 callers",
        vendor: Vendor::Anthropic,
        ..PLAIN
    },
    Case {
        name: "translated-event",
        title: "event translated, 16 callers",
        vendor: Vendor::Anthropic,
        way: "50/0",
        callers: 16,
        per: Per::Stream(50),
        cpu: Some(1.0),
        ..PLAIN
    },
    Case {
        name: "c64-limited",
        title: "request, keys and limits on, 64 callers",
        limited: true,
        cpu: Some(1.5),
        rate: Some(0.7),
        ..PLAIN
    },
    Case {
        name: "40k-limited",
        title: "request of 40 KB, keys and limits on, 16 callers",
        callers: 16,
        request: 40_000,
        limited: true,
        cpu: Some(1.5),
        ..PLAIN
    },
    Case {
        name: "event-limited",
        title: "event at full speed, keys and limits on, 16 callers",
        way: "50/0",
        callers: 16,
        per: Per::Stream(50),
        limited: true,
        cpu: Some(0.35),
        ..PLAIN
    },
];

impl Case {
    /// Between the starts of two callers.
    pub fn apart(&self) -> Duration {
        match self.way {
            // All of them within the two seconds that a stream takes.
            "100/20" => Duration::from_millis(10),
            _ => Duration::from_micros(100),
        }
    }

    pub fn unit(&self) -> &'static str {
        match self.per {
            Per::Request => "request",
            Per::Stream(_) | Per::Event => "event",
        }
    }
}
