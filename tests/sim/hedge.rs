//! Accounts that have their moments, and a second attempt for those who meet them.

use std::{sync::Arc, time::Duration};

use tower::{ServiceBuilder, ServiceExt};
use trunkline::{
    HedgeLayer, PoolLayer, Pools, RetryBackoffLayer, Secret, Upstream,
    hedge::{HedgePolicy, Hedges},
    pool::{Fastest, Pool, Vendor},
    provider::Compatible,
    retry::RetryPolicy,
    upstream::{Account, Timeouts},
};

use crate::{
    load::{self, Load},
    page::{self, percent, seconds},
    stack::{MODEL, Stack},
    vendor::{Mood, Plan, Vendors},
};

/// Twenty times as slow for three seconds of each hundred, one account after the other.
const fn moments(key: &'static str, mood: fn(f64) -> Mood) -> Plan {
    Plan {
        mood,
        ..Plan::new(key)
    }
}

fn slow_from(begin: f64, at: f64) -> Mood {
    match at % 100.0 - begin {
        0.0..3.0 => Mood::Slow(20.0),
        _ => Mood::Well,
    }
}

const ACCOUNTS: [Plan; 5] = [
    moments("a", |at| slow_from(10.0, at)),
    moments("b", |at| slow_from(30.0, at)),
    moments("c", |at| slow_from(50.0, at)),
    moments("d", |at| slow_from(70.0, at)),
    moments("e", |at| slow_from(90.0, at)),
];

const LOAD: Load = Load {
    per_minute: 240.0,
    minutes: 20.0,
    timeout: Duration::from_secs(120),
    tenant: "t",
    streams: true,
    seed: 8,
};

fn stack(pool: Pool, policy: Option<HedgePolicy>, vendors: &Vendors) -> (Stack, Hedges) {
    const SEED: u64 = 12;
    let provider = Compatible::openai("sim", "http://sim.example/v1").unwrap();
    let mut vendor = Vendor::new(Arc::new(provider), MODEL).timeouts(Timeouts::default());
    for plan in &ACCOUNTS {
        let account = Account::new(plan.key, Secret::new(plan.key));
        vendor = vendor.account(Arc::new(account), 1);
    }
    let pools = Pools::with_seed(SEED).pool(MODEL, pool.vendor(vendor));
    let hedges = Hedges::new().model(MODEL, policy);
    let stack = ServiceBuilder::new()
        .layer(RetryBackoffLayer::new(RetryPolicy::new().seed(SEED)))
        .layer(HedgeLayer::new(hedges.clone()))
        .layer(PoolLayer::new(pools))
        .service(Upstream::new(vendors.clone()))
        .boxed_clone();
    (stack, hedges)
}

#[tokio::test(start_paused = true)]
async fn the_slow_tail_is_cut() {
    let mut rows = Vec::new();
    let mut tails = Vec::new();
    for (who, fastest, hedged) in [
        ("weighted", false, false),
        ("weighted, hedged after p95", false, true),
        ("fastest", true, false),
        ("fastest, hedged after p95", true, true),
    ] {
        let vendors = Vendors::new(&ACCOUNTS, 9);
        let pool = match fastest {
            true => Pool::new().balance(Fastest::new()),
            false => Pool::new(),
        };
        let (stack, hedges) = stack(pool, hedged.then(HedgePolicy::new), &vendors);
        let score = load::run(&[LOAD], &stack, &vendors).await;
        assert_eq!(score.failed(), 0, "{who}");
        assert!(score.extra() <= 0.05, "{who}: {}", score.extra());
        tails.push(score.took(99));
        let told = hedges.snapshot();
        let of = |value: fn(&trunkline::hedge::HedgeStatus) -> u64| told.first().map_or(0, value);
        rows.push(vec![
            who.to_owned(),
            score.calls.len().to_string(),
            percent(score.extra()),
            of(|told| told.won).to_string(),
            seconds(score.took(50)),
            seconds(score.took(95)),
            seconds(score.took(99)),
        ]);
    }
    assert!(tails[1] * 2 < tails[0], "{tails:?}");
    assert!(tails[3] <= tails[2], "{tails:?}");
    page::check(
        "hedge",
        &[
            "who",
            "calls",
            "extra calls",
            "hedges that won",
            "half took",
            "95 % took",
            "99 % took",
        ],
        &rows,
    );
}
