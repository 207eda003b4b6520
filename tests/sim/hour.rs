//! An hour of half as much again as five unequal accounts can take.

use std::time::Duration;

use trunkline::{pool::Pool, upstream::Timeouts};

use crate::{
    load::{self, Load},
    meter::Shape,
    page::{self, percent, seconds},
    stack,
    vendor::{Plan, Tells, Vendors},
};

const fn plan(key: &'static str, rpm: u64, tpm: u64, shape: Shape, tells: Tells) -> Plan {
    Plan {
        rpm,
        tpm,
        shape,
        tells,
        ..Plan::new(key)
    }
}

/// Some are short of requests, some of tokens. Together about 174 calls a minute.
const UNEQUAL: [Plan; 5] = [
    plan("a", 20, 100_000, Shape::Bucket, Tells::All),
    plan("b", 100, 10_000, Shape::Fixed, Tells::All),
    plan("c", 40, 100_000, Shape::Sliding, Tells::All),
    plan("d", 60, 200_000, Shape::Fixed, Tells::All),
    plan("e", 100, 15_000, Shape::Bucket, Tells::All),
];

/// What is declared is meant for any minute: a bucket that is full at first would give more.
const DECLARED: [Plan; 5] = {
    let mut plans = UNEQUAL;
    plans[0].shape = Shape::Sliding;
    plans[4].shape = Shape::Sliding;
    plans
};

/// Nobody says what is left.
const TERSE: [Plan; 5] = {
    let mut plans = UNEQUAL;
    let mut index = 0;
    while index < plans.len() {
        plans[index].tells = Tells::RetryAfter;
        index += 1;
    }
    plans
};

const LOAD: Load = Load {
    per_minute: 262.0,
    minutes: 60.0,
    timeout: Duration::from_secs(60),
    tenant: "t",
    streams: false,
    seed: 1,
};

#[tokio::test(start_paused = true)]
async fn what_the_windows_allow_is_used() {
    let timeouts = Timeouts::default();
    let pool = || Pool::new().wait(Duration::from_secs(5));
    let (mut rows, mut short) = (Vec::new(), Vec::new());
    for (who, plans) in [
        ("limits declared", &DECLARED),
        ("limits learned", &UNEQUAL),
        ("only refusals to learn from", &TERSE),
        ("round robin", &UNEQUAL),
        ("random", &UNEQUAL),
    ] {
        let vendors = Vendors::new(plans, 5);
        let ours = |declared, pool| stack::ours(plans, declared, pool, timeouts, &vendors);
        let stack = match who {
            "limits declared" => ours(true, pool()),
            "round robin" => stack::round_robin(plans, timeouts, &vendors),
            "random" => stack::random(plans, timeouts, &vendors),
            _ => ours(false, pool()),
        };
        let score = load::run(&[LOAD], &stack, &vendors).await;
        let used = vendors.used(score.tokens());
        let turned_away = score.turned_away();
        // Of the windows, turned away while one was open, and extra calls.
        let aims = match who {
            "limits declared" => Some((0.99, 0, 0.01)),
            // A bucket whose vendor tells of it when an answer is whole may be seen a little late.
            "limits learned" => Some((0.99, score.calls.len() / 1_000, 0.01)),
            // Who tells nothing cannot be seen to be open.
            "only refusals to learn from" => Some((0.99, usize::MAX, 0.05)),
            _ => None,
        };
        if let Some((least, most, extra)) = aims
            && (used < least || turned_away > most || score.extra() > extra)
        {
            let (extra, shares) = (score.extra(), vendors.shares());
            short.push(format!(
                "{who}: {used:.4} used, {turned_away} turned away, {extra:.3} extra, {shares:?}"
            ));
        }
        rows.push(vec![
            who.to_owned(),
            score.served().to_string(),
            percent(used),
            turned_away.to_string(),
            percent(score.extra()),
            seconds(score.took(50)),
            seconds(score.took(99)),
        ]);
    }
    page::check(
        "hour",
        &[
            "who",
            "served",
            "of what the windows allow",
            "turned away while one was open",
            "extra calls",
            "half took",
            "99 % took",
        ],
        &rows,
    );
    assert!(short.is_empty(), "{short:#?}");
}
