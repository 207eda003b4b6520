//! Streams that are open at the same time: what each holds in memory, and what an event costs among so many.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{
    child::{self, Child},
    curve::{Curve, Line},
    gateway::Ways,
    load::{self, Shot, Tally},
};

/// A stream has two sockets in a proxy, and now and then a third: hyper-util's client connects while it looks for an idle connection.
pub const FILES: u64 = 10_000 * 5 / 2 + SPARE;

/// Of those, what is there besides streams.
const SPARE: u64 = 200;

/// The curves that are measured here.
pub const CURVES: usize = 2;

/// So many streams, and what the vendor does on each: all together some 2,000 events a second, however many there are. One alone cannot: a
/// clock ticks a thousand times a second.
const STEPS: [(usize, &str); 5] = [
    (1, "1000000/1"),
    (10, "1000000/5"),
    (100, "1000000/50"),
    (1_000, "1000000/500"),
    (10_000, "1000000/5000"),
];

/// What the gateway's models are.
pub const WAYS: Ways = &[(
    "openai",
    &[
        "0/0",
        "1000000/1",
        "1000000/5",
        "1000000/50",
        "1000000/500",
        "1000000/5000",
    ],
)];

const PROMPT: usize = 100_000;
const WINDOW: Duration = Duration::from_secs(5);

pub async fn measured() -> Vec<Curve> {
    let vendor = Child::start(&["vendor"]);
    let upstream = vendor.address.to_string();
    let mut cpu = [Vec::new(), Vec::new()];
    let mut memory = [const { Vec::new() }; 4];
    // What this machine allows.
    let most = (child::files()[0].saturating_sub(SPARE) * 2 / 5) as usize;
    for (count, way) in STEPS {
        let count = count.min(most);
        for (at, role) in ["bare", "gateway"].into_iter().enumerate() {
            let small = one(&upstream, role, count, way, 500).await;
            cpu[at].push((count as f64, small.cpu));
            // A few streams are lost in what the first call takes anyway.
            if count >= 100 {
                memory[at].push((count as f64, small.memory));
                let large = one(&upstream, role, count, way, PROMPT).await;
                memory[2 + at].push((count as f64, large.memory));
            }
            eprintln!(
                "{role}, {count} streams: {:.1} µs, {:.1} KiB",
                small.cpu, small.memory
            );
        }
    }
    let line = |name, points: &Vec<(f64, f64)>| Line {
        name,
        points: points.clone(),
    };
    vec![
        Curve {
            title: "open streams: CPU",
            about: "Microseconds of CPU for an event by the streams that are open, all of them together with some 2,000 events a second (one alone \
                    with 1,000). Over sockets, and noisy where other programs are at work; as many streams as this machine's limit of open files allows.",
            x: "stream",
            y: "µs for an event",
            lines: vec![line("bare proxy", &cpu[0]), line("gateway", &cpu[1])],
        },
        Curve {
            title: "open streams: memory",
            about: "KiB of resident memory for each open stream, with prompts of 500 bytes and of 100 KB.",
            x: "stream",
            y: "KiB for a stream",
            lines: vec![
                line("bare proxy", &memory[0]),
                line("gateway", &memory[1]),
                line("bare proxy, 100 KB", &memory[2]),
                line("gateway, 100 KB", &memory[3]),
            ],
        },
    ]
}

struct Found {
    /// Microseconds for an event.
    cpu: f64,
    /// KiB for a stream.
    memory: f64,
}

/// A new proxy with so many streams.
async fn one(upstream: &str, role: &str, count: usize, way: &str, prompt: usize) -> Found {
    let proxy = Child::start(&[role, upstream, "quiet"]);
    let shot = |way: &str, apart| {
        let model = format!("openai-{}", way.replace('/', "-"));
        let path = match role {
            "bare" => format!("/{way}/v1/chat/completions"),
            _ => "/v1/chat/completions".to_owned(),
        };
        let stream = way != "0/0";
        let text = "lorem ipsum ".repeat(prompt / 12);
        let body = format!(
            r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"{text}"}}]}}"#
        );
        Shot {
            address: proxy.address,
            path,
            body: body.into(),
            key: "Bearer caller-key".to_owned(),
            keys: false,
            apart,
        }
    };
    // What is there after the first calls, whoever calls.
    let tally = Arc::new(Tally::default());
    let first = load::closed(&shot("0/0", Duration::ZERO), 4, &tally);
    while tally.requests.load(Relaxed) < 100 {
        sleep(Duration::from_millis(10)).await;
    }
    drop(first);
    sleep(Duration::from_millis(100)).await;
    let before = proxy.memory("VmRSS");
    let pace = way.split('/').nth(1).and_then(|pace| pace.parse().ok());
    let pace = Duration::from_millis(pace.unwrap_or(1));
    let tally = Arc::new(Tally::default());
    let callers = load::closed(&shot(way, pace / count as u32), count, &tally);
    let deadline = Instant::now() + Duration::from_secs(60);
    // The first chunk and an event of each.
    while tally.events.load(Relaxed) < 2 * count as u64 {
        assert!(Instant::now() < deadline, "the streams did not start");
        sleep(Duration::from_millis(50)).await;
    }
    sleep(pace.max(Duration::from_secs(1))).await;
    let memory = (proxy.memory("VmRSS") - before) * 1024.0 / count as f64;
    let (cpu, events) = (proxy.cpu(), tally.events.load(Relaxed));
    if prompt == 500 {
        sleep(WINDOW).await;
    }
    let (cpu, events) = (proxy.cpu() - cpu, tally.events.load(Relaxed) - events);
    assert_eq!(tally.failures.load(Relaxed), 0, "calls failed");
    drop(callers);
    Found {
        cpu: cpu.as_secs_f64() * 1e6 / events.max(1) as f64,
        memory,
    }
}
