//! Open, half-open, closed.

use super::*;

fn dead() -> Vendors {
    Vendors::all(|| Act::Fail(error(ErrorKind::Server)))
}

fn serving() -> Vendors {
    Vendors::all(|| Act::Serve)
}

/// Where the breaker of `large` at the account stands, and its failures.
fn breaker(pools: &Pools, account: &str) -> (BreakerState, u32) {
    let all = status(pools, account).breakers;
    all.into_iter()
        .find(|breaker| breaker.model.as_deref() == Some("large"))
        .map_or((BreakerState::Closed, 0), |b| (b.state, b.failures))
}

fn remaining(pools: &Pools, account: &str) -> Duration {
    let all = status(pools, account).cooldowns;
    all.iter().map(|c| c.remaining).max().unwrap_or_default()
}

/// Fails `a` until its breaker is open; `b` serves meanwhile.
async fn open_a(pools: &Pools) {
    let vendors = a_is_dead();
    while breaker(pools, "a").0 != BreakerState::Open {
        call(pools, &vendors).await.unwrap();
    }
}

fn a_is_dead() -> Vendors {
    Vendors::by_account(|account| (account == "a").then(|| error(ErrorKind::Server)))
}

#[tokio::test(start_paused = true)]
async fn it_opens_after_three_failures_for_longer_each_time_and_closes_with_a_success() {
    let pools = pools(pool(&["a", "b"]));
    call(&pools, &a_is_dead()).await.unwrap();
    call(&pools, &a_is_dead()).await.unwrap();
    assert!(
        breaker(&pools, "a").1 > 0,
        "failures are seen before it opens"
    );
    assert_eq!(breaker(&pools, "a").0, BreakerState::Closed);
    open_a(&pools).await;
    assert_eq!(breaker(&pools, "a"), (BreakerState::Open, 3));
    let mut last = remaining(&pools, "a");
    assert_eq!(last, secs(30));
    for full in [60, 120, 240, 480, 600, 600] {
        tokio::time::advance(last).await;
        assert_eq!(breaker(&pools, "a").0, BreakerState::HalfOpen);
        let vendors = a_is_dead();
        for _ in 0..4 {
            assert_eq!(call(&pools, &vendors).await.unwrap(), "b");
        }
        let probes = vendors.accounts().iter().filter(|a| *a == "a").count();
        assert_eq!(probes, 1, "one call found out");
        last = remaining(&pools, "a");
        let full = secs(full);
        assert!(
            last > full.mul_f64(0.75) && last <= full,
            "{last:?} of {full:?}"
        );
    }
    tokio::time::advance(last).await;
    let vendors = serving();
    for _ in 0..4 {
        call(&pools, &vendors).await.unwrap();
    }
    assert_eq!(breaker(&pools, "a"), (BreakerState::Closed, 0));
    assert!(status(&pools, "a").breakers.is_empty());
    // From the start again.
    open_a(&pools).await;
    assert_eq!(remaining(&pools, "a"), secs(30));
}

#[tokio::test(start_paused = true)]
async fn while_one_call_finds_out_all_others_go_elsewhere() {
    let pools = pools(pool(&["a", "b"]));
    open_a(&pools).await;
    tokio::time::advance(secs(30)).await;
    let slow = Vendors::new(|attempt| match &*attempt.deployment.account.name {
        "a" => Act::Slow(secs(5)),
        _ => Act::Serve,
    });
    let calls = (0..20).map(|_| call(&pools, &slow));
    let served = futures_util::future::join_all(calls).await;
    let by_a = |served: &[Result<String, Error>]| {
        served
            .iter()
            .filter(|who| *who.as_ref().unwrap() == "a")
            .count()
    };
    assert_eq!(by_a(&served), 1);
    let calls = (0..20).map(|_| call(&pools, &slow));
    let served = futures_util::future::join_all(calls).await;
    assert_eq!(by_a(&served), 10, "it closed");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_learned_nothing_leaves_the_next_one_to_find_out() {
    let pools = pools(pool(&["a", "b"]));
    open_a(&pools).await;
    tokio::time::advance(secs(30)).await;
    // The caller leaves; the caller's own fault.
    let hanging = Vendors::new(|attempt| match &*attempt.deployment.account.name {
        "a" => Act::Hang,
        _ => Act::Serve,
    });
    for _ in 0..4 {
        let _ = tokio::time::timeout(secs(1), call(&pools, &hanging)).await;
    }
    assert!(hanging.accounts().contains(&"a".to_owned()));
    assert_eq!(breaker(&pools, "a").0, BreakerState::HalfOpen);
    let picky =
        Vendors::by_account(|account| (account == "a").then(|| error(ErrorKind::InvalidRequest)));
    for _ in 0..4 {
        let _ = call(&pools, &picky).await;
    }
    assert!(picky.accounts().contains(&"a".to_owned()));
    assert_eq!(breaker(&pools, "a").0, BreakerState::HalfOpen);
    for _ in 0..4 {
        call(&pools, &serving()).await.unwrap();
    }
    assert_eq!(breaker(&pools, "a").0, BreakerState::Closed);
    assert!(nobody_in_flight(&pools));
}

#[tokio::test(start_paused = true)]
async fn calls_that_were_under_way_are_one_outage() {
    let pools = pools(pool(&["a"]));
    let vendors = Vendors::all(|| Act::Late(secs(1), error(ErrorKind::Connection)));
    let calls = (0..50).map(|_| call(&pools, &vendors));
    futures_util::future::join_all(calls).await;
    assert_eq!(breaker(&pools, "a"), (BreakerState::Open, 50));
    assert_eq!(remaining(&pools, "a"), secs(30));
}

#[tokio::test(start_paused = true)]
async fn the_last_one_standing_is_called_whatever_its_breaker_says() {
    // Pain P88.
    let pools = pools(pool(&["a"]));
    let vendors = dead();
    for _ in 0..10 {
        let told = call(&pools, &vendors).await.unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Server, "the vendor's own words");
    }
    assert_eq!(vendors.seen().len(), 10);
    // Half-open, with somebody finding out.
    tokio::time::advance(secs(30)).await;
    let slow = Vendors::all(|| Act::Slow(secs(5)));
    let calls = (0..3).map(|_| call(&pools, &slow));
    for served in futures_util::future::join_all(calls).await {
        assert_eq!(served.unwrap(), "a");
    }
    assert_eq!(breaker(&pools, "a"), (BreakerState::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn where_streams_break_a_good_beginning_is_not_enough() {
    let pools = pools(pool(&["a", "b"]));
    let breaking = Vendors::new(|attempt| match &*attempt.deployment.account.name {
        "a" => Act::Break,
        _ => Act::Serve,
    });
    while breaker(&pools, "a").0 != BreakerState::Open {
        call(&pools, &breaking).await.unwrap();
    }
    tokio::time::advance(secs(30)).await;
    for _ in 0..4 {
        call(&pools, &breaking).await.unwrap();
    }
    assert_eq!(breaker(&pools, "a").0, BreakerState::Open);
    assert!(
        remaining(&pools, "a") > secs(30),
        "longer than the first time"
    );
    tokio::time::advance(secs(60)).await;
    for _ in 0..2 {
        call(&pools, &serving()).await.unwrap();
    }
    assert_eq!(breaker(&pools, "a").0, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn operators_and_checks_close_it() {
    let pools = pools(pool(&["a", "b"]));
    open_a(&pools).await;
    assert!(pools.reset("acme", "a"));
    assert!(status(&pools, "a").breakers.is_empty());
    // The account's own, by its checks.
    let down = error(ErrorKind::Connection);
    for _ in 0..3 {
        pools.report_health("acme", "a", Err(&down));
    }
    let state = || status(&pools, "a").breakers.first().map(|b| b.state);
    assert_eq!(state(), Some(BreakerState::Open));
    tokio::time::advance(secs(30)).await;
    assert_eq!(state(), Some(BreakerState::HalfOpen));
    pools.report_health("acme", "a", Err(&down));
    assert_eq!(state(), Some(BreakerState::Open));
    pools.report_health("acme", "a", Ok(()));
    assert_eq!(state(), None);
    // A check says that a model can be reached, not that it answers: one call finds out.
    let unreachable = Vendors::by_account(|a| (a == "a").then(|| error(ErrorKind::Connection)));
    while breaker(&pools, "a").0 != BreakerState::Open {
        call(&pools, &unreachable).await.unwrap();
    }
    pools.report_health("acme", "a", Ok(()));
    assert_eq!(breaker(&pools, "a").0, BreakerState::HalfOpen);
}
