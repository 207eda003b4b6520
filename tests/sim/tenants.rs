//! Two tenants at one account that cannot serve both.

use std::time::Duration;

use trunkline::{pool::Pool, request::Caller, upstream::Timeouts};

use crate::{
    load::{self, Load},
    page::{self, seconds},
    stack,
    vendor::{Plan, Vendors},
};

/// About 160 calls a minute.
const ACCOUNT: [Plan; 1] = [Plan {
    concurrency: 4,
    ..Plan::new("one")
}];

const fn load(tenant: &'static str, per_minute: f64, seed: u64) -> Load {
    Load {
        per_minute,
        minutes: 60.0,
        timeout: Duration::from_secs(20),
        tenant,
        streams: false,
        seed,
    }
}

#[tokio::test(start_paused = true)]
async fn tenants_are_served_by_their_weights() {
    let timeouts = Timeouts::default();
    let heavy = Caller::from_key("heavy");
    let pool = || Pool::new().wait(Duration::from_secs(15));
    // Both want more than their shares; one wants ten times as much as the other, who wants less than half.
    let both = [load("heavy", 200.0, 3), load("light", 40.0, 4)];
    let greedy = [load("heavy", 400.0, 3), load("light", 40.0, 4)];
    let mut rows = Vec::new();
    for (who, loads) in [
        ("weights 10 to 1", &both),
        ("equal weights", &greedy),
        ("round robin", &both),
        ("round robin, 10 times as many calls", &greedy),
    ] {
        let vendors = Vendors::new(&ACCOUNT, 9);
        let stack = match who {
            "weights 10 to 1" => {
                let heavy = heavy.clone();
                let pool = pool().weigh(move |caller| if *caller == heavy { 10 } else { 1 });
                stack::ours(&ACCOUNT, true, pool, timeouts, &vendors)
            }
            "equal weights" => stack::ours(&ACCOUNT, true, pool(), timeouts, &vendors),
            _ => stack::round_robin(&ACCOUNT, timeouts, &vendors),
        };
        let score = load::run(loads, &stack, &vendors).await;
        let (heavy, light) = (score.served_of("heavy"), score.served_of("light"));
        let longest = score.longest();
        rows.push(vec![
            who.to_owned(),
            format!("{} of {}", heavy, score.calls_of("heavy")),
            format!("{} of {}", light, score.calls_of("light")),
            format!("{:.1}", heavy as f64 / light as f64),
            seconds(longest),
        ]);
        if who.starts_with("round robin") {
            continue;
        }
        assert!(
            longest <= Duration::from_secs(20),
            "past the deadline: {longest:?}"
        );
        if who == "weights 10 to 1" {
            let ratio = heavy as f64 / light as f64;
            assert!((9.5..=10.5).contains(&ratio), "{ratio}");
        } else {
            assert_eq!(
                light,
                score.calls_of("light"),
                "who wants less than his share gets it"
            );
        }
    }
    let head = [
        "who",
        "the heavy one was served",
        "the light one",
        "ratio",
        "longest",
    ];
    page::check("tenants", &head, &rows);
}
