//! One account turns slow, one flaps, one dies.

use std::time::Duration;

use trunkline::{
    pool::{Fastest, LeastBusy, Pool},
    upstream::Timeouts,
};

use crate::{
    load::{self, Load},
    page::{self, percent, seconds},
    stack,
    vendor::{Mood, Plan, Vendors},
};

const ACCOUNTS: [Plan; 5] = [
    Plan::new("a"),
    Plan::new("b"),
    Plan {
        mood: |at| match at {
            600.0..1_800.0 => Mood::Slow(10.0),
            _ => Mood::Well,
        },
        ..Plan::new("slow")
    },
    Plan {
        mood: |at| {
            if at % 60.0 < 45.0 {
                Mood::Well
            } else {
                Mood::Failing
            }
        },
        ..Plan::new("flaps")
    },
    Plan {
        mood: |at| {
            if at < 1_200.0 {
                Mood::Well
            } else {
                Mood::Silent
            }
        },
        ..Plan::new("dies")
    },
];

const LOAD: Load = Load {
    per_minute: 120.0,
    minutes: 60.0,
    timeout: Duration::from_secs(120),
    tenant: "t",
    streams: true,
    seed: 2,
};

#[tokio::test(start_paused = true)]
async fn callers_see_no_trouble() {
    let wait = Some(Duration::from_secs(30));
    let timeouts = Timeouts::new(wait, wait);
    let mut rows = Vec::new();
    for (who, streams) in [
        ("weighted", true),
        ("least busy", true),
        ("fastest", true),
        ("round robin", true),
        ("random", true),
        ("weighted, whole answers", false),
        ("fastest, whole answers", false),
    ] {
        let vendors = Vendors::new(&ACCOUNTS, 6);
        let ours = |pool| stack::ours(&ACCOUNTS, false, pool, timeouts, &vendors);
        let stack = match who {
            "weighted" => ours(Pool::new()),
            "least busy" => ours(Pool::new().balance(LeastBusy)),
            "fastest" => ours(Pool::new().balance(Fastest::new())),
            "weighted, whole answers" => ours(Pool::new()),
            "fastest, whole answers" => ours(Pool::new().balance(Fastest::new())),
            "round robin" => stack::round_robin(&ACCOUNTS, timeouts, &vendors),
            _ => stack::random(&ACCOUNTS, timeouts, &vendors),
        };
        let load = Load { streams, ..LOAD };
        let score = load::run(&[load], &stack, &vendors).await;
        if !matches!(who, "round robin" | "random") {
            assert_eq!(score.failed(), 0, "{who}");
            assert!(score.extra() <= 0.05, "{who}: {}", score.extra());
        }
        rows.push(vec![
            who.to_owned(),
            score.calls.len().to_string(),
            score.failed().to_string(),
            percent(score.extra()),
            seconds(score.took(50)),
            seconds(score.took(99)),
        ]);
    }
    page::check(
        "trouble",
        &[
            "who",
            "calls",
            "failures seen",
            "extra calls",
            "half took",
            "99 % took",
        ],
        &rows,
    );
}

const BROKEN: [Plan; 5] = {
    const fn broken(key: &'static str) -> Plan {
        Plan {
            mood: |_| Mood::Failing,
            ..Plan::new(key)
        }
    }
    [
        broken("a"),
        broken("b"),
        broken("c"),
        broken("d"),
        broken("e"),
    ]
};

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_made_worse() {
    let timeouts = Timeouts::default();
    let load = Load {
        per_minute: 3_000.0,
        minutes: 10.0 / 3.0,
        ..LOAD
    };
    let mut rows = Vec::new();
    for who in ["weighted", "round robin", "random"] {
        let vendors = Vendors::new(&BROKEN, 7);
        let stack = match who {
            "weighted" => stack::ours(&BROKEN, false, Pool::new(), timeouts, &vendors),
            "round robin" => stack::round_robin(&BROKEN, timeouts, &vendors),
            _ => stack::random(&BROKEN, timeouts, &vendors),
        };
        let score = load::run(&[load], &stack, &vendors).await;
        assert_eq!(score.served(), 0);
        let times = score.tally.calls as f64 / score.calls.len() as f64;
        assert!(who != "weighted" || times <= 1.2, "{times}");
        rows.push(vec![
            who.to_owned(),
            score.calls.len().to_string(),
            score.tally.calls.to_string(),
            format!("{times:.2}"),
        ]);
    }
    page::check(
        "outage",
        &["who", "calls", "vendors' calls", "times as many"],
        &rows,
    );
}
