//! Running the cases: bare, gateway, bare, gateway …, and the medians.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use crate::{
    Child, Plan,
    case::{CASES, Case, Per, Vendor},
    load::{self, Shot, Tally},
    report::{Figure, Row},
};

const ROUNDS: usize = 3;
const KEY: &str = "Bearer caller-key";

pub async fn all(plan: &Plan) -> Vec<Row> {
    let vendor = Child::start(&["vendor"]);
    let upstream = vendor.address.to_string();
    let bed = Bed {
        bare: Child::start(&["bare", &upstream]),
        own: Child::start(&["own", &upstream]),
        gateway: Child::start(&["gateway", &upstream]),
        quiet: Child::start(&["gateway", &upstream, "quiet"]),
        limited: Child::start(&["gateway", &upstream, "limited"]),
        window: Duration::from_millis(if plan.quick { 1_000 } else { 3_000 }),
    };
    let wanted = |name: &str| plan.only.as_ref().is_none_or(|only| name.contains(&**only));
    let mut rows = Vec::new();
    let mut saturated = None;
    for case in CASES.iter().filter(|case| wanted(case.name)) {
        eprintln!("{} …", case.title);
        let runs = bed.closed(case).await;
        if case.name == "c64" {
            saturated = Some(runs.gateway.rate);
        }
        rows.extend(runs.rows(case));
    }
    if wanted("half") {
        eprintln!("half load …");
        let rate = saturated.unwrap_or(4_000.0) / 2.0;
        rows.extend(bed.half_load(rate).await);
    }
    if wanted("memory") {
        eprintln!("memory …");
        rows.extend(memory(&upstream).await);
    }
    rows
}

struct Bed {
    bare: Child,
    own: Child,
    gateway: Child,
    quiet: Child,
    limited: Child,
    window: Duration,
}

/// The medians of one case.
struct Runs {
    bare: Run,
    own: Option<Run>,
    gateway: Run,
}

/// What one run found, or the medians of several.
#[derive(Clone, Copy, Default)]
struct Run {
    /// Microseconds of CPU per unit.
    cpu: f64,
    /// Units a second.
    rate: f64,
    p50: f64,
    p99: f64,
    first_p50: f64,
    gap_p99: f64,
}

impl Bed {
    async fn closed(&self, case: &Case) -> Runs {
        let gateway = match case {
            Case { quiet: true, .. } => &self.quiet,
            Case { limited: true, .. } => &self.limited,
            _ => &self.gateway,
        };
        let (mut bare, mut own, mut ours) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let shot = bare_shot(case, self.bare.address);
            bare.push(self.run(&self.bare, &shot, case).await);
            if case.own {
                let shot = bare_shot(case, self.own.address);
                own.push(self.run(&self.own, &shot, case).await);
            }
            let shot = gateway_shot(case, gateway.address);
            ours.push(self.run(gateway, &shot, case).await);
        }
        Runs {
            bare: medians(&bare),
            own: case.own.then(|| medians(&own)),
            gateway: medians(&ours),
        }
    }

    async fn run(&self, proxy: &Child, shot: &Shot, case: &Case) -> Run {
        let tally = Arc::new(Tally::default());
        let callers = load::closed(shot, case.callers, &tally);
        sleep((self.window / 4).max(case.apart() * case.callers as u32)).await;
        tally.recording.store(true, Relaxed);
        let units = || match case.per {
            Per::Request => tally.requests.load(Relaxed),
            Per::Stream(events) => tally.requests.load(Relaxed) * events,
            Per::Event => tally.events.load(Relaxed),
        };
        let (start, cpu, before) = (Instant::now(), proxy.cpu(), units());
        sleep(self.window).await;
        let (cpu, done, elapsed) = (proxy.cpu() - cpu, units() - before, start.elapsed());
        tally.recording.store(false, Relaxed);
        drop(callers);
        let failures = tally.failures.load(Relaxed);
        assert_eq!(failures, 0, "calls failed in {}", case.title);
        check(case, &tally);
        let mut samples = tally.samples();
        Run {
            cpu: cpu.as_secs_f64() * 1e6 / done.max(1) as f64,
            rate: done as f64 / elapsed.as_secs_f64(),
            p50: percentile(&mut samples.total, 0.5),
            p99: percentile(&mut samples.total, 0.99),
            first_p50: percentile(&mut samples.first, 0.5),
            gap_p99: percentile(&mut samples.gaps, 0.99),
        }
    }

    /// Half of what the gateway can do, at a fixed rate, to both.
    async fn half_load(&self, rate: f64) -> Vec<Row> {
        let case = &CASES[1];
        let mut p50 = (Vec::new(), Vec::new());
        let mut p99 = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            for (proxy, shot, p50, p99) in [
                (
                    &self.bare,
                    bare_shot(case, self.bare.address),
                    &mut p50.0,
                    &mut p99.0,
                ),
                (
                    &self.gateway,
                    gateway_shot(case, self.gateway.address),
                    &mut p50.1,
                    &mut p99.1,
                ),
            ] {
                let _ = proxy;
                let warm = Arc::new(Tally::default());
                load::open(&shot, rate, self.window / 4, &warm).await;
                let tally = Arc::new(Tally::default());
                tally.recording.store(true, Relaxed);
                load::open(&shot, rate, self.window, &tally).await;
                let mut samples = tally.samples();
                p50.push(percentile(&mut samples.total, 0.5));
                p99.push(percentile(&mut samples.total, 0.99));
            }
        }
        let title = format!("open loop, {rate:.0} requests/s");
        vec![
            Row::new(&title, Figure::P50, median(&p50.0), median(&p50.1)),
            Row::new(&title, Figure::P99Added, median(&p99.0), median(&p99.1)).target(1_000.0),
        ]
    }
}

impl Runs {
    fn rows(&self, case: &Case) -> Vec<Row> {
        let Self { bare, own, gateway } = self;
        let row = |figure, of: fn(&Run) -> f64| {
            Row::new(case.title, figure, of(bare), of(gateway)).own(own.as_ref().map(of))
        };
        let mut cpu = row(Figure::Cpu(case.unit()), |run| run.cpu);
        if let Some(most) = case.cpu {
            cpu = cpu.target(most);
        }
        let mut rows = vec![cpu];
        let paced = matches!(case.per, Per::Event);
        if !paced {
            let mut rate = row(Figure::Rate(case.unit()), |run| run.rate);
            if let Some(least) = case.rate {
                rate = rate.target(least);
            }
            rows.push(rate);
            rows.push(row(Figure::P50, |run| run.p50));
            rows.push(row(Figure::P99, |run| run.p99));
        }
        if !matches!(case.per, Per::Request) {
            rows.push(row(Figure::FirstP50, |run| run.first_p50));
        }
        if paced {
            rows.push(row(Figure::GapP99, |run| run.gap_p99));
        }
        rows
    }
}

/// Each proxy new: after one request, and with a thousand streams of an event a second.
async fn memory(upstream: &str) -> Vec<Row> {
    const STREAMS: usize = 1_000;
    let slow = Case {
        way: "1000/1000",
        callers: STREAMS,
        per: Per::Event,
        ..CASES[0]
    };
    let mut found = Vec::new();
    for role in ["bare", "gateway"] {
        let proxy = Child::start(&[role, upstream]);
        let (first, shot) = match role {
            "bare" => (
                bare_shot(&CASES[0], proxy.address),
                bare_shot(&slow, proxy.address),
            ),
            _ => (
                gateway_shot(&CASES[0], proxy.address),
                gateway_shot(&slow, proxy.address),
            ),
        };
        let tally = Arc::new(Tally::default());
        load::open(&first, 10.0, Duration::from_millis(100), &tally).await;
        let idle = proxy.memory("VmRSS");
        let tally = Arc::new(Tally::default());
        let callers = load::closed(&shot, STREAMS, &tally);
        let deadline = Instant::now() + Duration::from_secs(20);
        // The first chunk and three events of each.
        while tally.events.load(Relaxed) < 4 * STREAMS as u64 {
            assert!(Instant::now() < deadline, "the slow streams did not start");
            sleep(Duration::from_millis(50)).await;
        }
        let (busy, peak) = (proxy.memory("VmRSS"), proxy.memory("VmHWM"));
        drop(callers);
        found.push([idle, busy, peak]);
    }
    let row = |at: usize, title, figure| Row::new(title, figure, found[0][at], found[1][at]);
    vec![
        row(0, "idle, after one request", Figure::Rss).target(25.0),
        row(1, "1,000 slow streams", Figure::Rss).target(70.0),
        row(2, "1,000 slow streams", Figure::RssPeak),
    ]
}

/// The path tells the vendor what to do.
fn bare_shot(case: &Case, address: SocketAddr) -> Shot {
    let path = match case.vendor {
        Vendor::OpenAi => "chat/completions",
        Vendor::Anthropic => "messages",
    };
    Shot {
        address,
        path: format!("/{}/v1/{path}", case.way),
        body: body(case, "upstream-model"),
        key: KEY.to_owned(),
        keys: case.limited,
        apart: case.apart(),
    }
}

/// The model tells the gateway which vendor to call.
fn gateway_shot(case: &Case, address: SocketAddr) -> Shot {
    let dialect = match case.vendor {
        Vendor::OpenAi => "openai",
        Vendor::Anthropic => "anthropic",
    };
    let model = format!("{dialect}-{}", case.way.replace('/', "-"));
    Shot {
        address,
        path: "/v1/chat/completions".to_owned(),
        body: body(case, &model),
        key: KEY.to_owned(),
        keys: case.limited,
        apart: case.apart(),
    }
}

fn body(case: &Case, model: &str) -> Bytes {
    let stream = case.way != "0/0";
    let head = format!(
        r#"{{"model":"{model}","stream":{stream},"max_tokens":512,"temperature":0.2,"messages":[{{"role":"system","content":"You are the operator of a telephone exchange."}},{{"role":"user","content":""#
    );
    let tail = r#""}]}"#;
    let text = "lorem ipsum ".repeat(case.request.saturating_sub(head.len() + tail.len()) / 12);
    format!("{head}{text}{tail}").into()
}

/// Did every stream come whole? Streams that were cut at the end are not counted as requests, but their events are.
fn check(case: &Case, tally: &Tally) {
    if let Per::Stream(events) = case.per {
        let (streams, seen) = (tally.requests.load(Relaxed), tally.events.load(Relaxed));
        assert!(
            seen > streams * events,
            "events were lost in {}",
            case.title
        );
    }
}

fn medians(runs: &[Run]) -> Run {
    let of = |field: fn(&Run) -> f64| median(&runs.iter().map(field).collect::<Vec<_>>());
    Run {
        cpu: of(|run| run.cpu),
        rate: of(|run| run.rate),
        p50: of(|run| run.p50),
        p99: of(|run| run.p99),
        first_p50: of(|run| run.first_p50),
        gap_p99: of(|run| run.gap_p99),
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn percentile(values: &mut [u64], share: f64) -> f64 {
    values.sort_unstable();
    let at = (values.len() as f64 * share) as usize;
    let value = values.get(at.min(values.len().saturating_sub(1)));
    value.copied().unwrap_or_default() as f64
}
