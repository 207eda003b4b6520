//! Who is left alone, and for how long.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::error::Scope;

/// Everybody fails like this.
fn failing(error: Error) -> Vendors {
    Vendors::all(move || Act::Fail(error.clone()))
}

/// Everybody takes that long to fail.
fn late(after: Duration, error: Error) -> Vendors {
    Vendors::all(move || Act::Late(after, error.clone()))
}

fn serving() -> Vendors {
    Vendors::all(|| Act::Serve)
}

fn cooldowns(pools: &Pools, account: &str) -> Vec<(Option<String>, u64, ErrorKind, bool)> {
    let all = status(pools, account).cooldowns;
    all.into_iter()
        .map(|c| {
            let model = c.model.map(|model| model.to_string());
            (model, c.remaining.as_secs(), c.reason, c.firm)
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_calls_over_a_limited_a_dying_and_a_healthy_account() {
    let free_at = Arc::new(Mutex::new(None::<Instant>));
    let calls = AtomicU64::new(0);
    let vendors = Vendors::new({
        let free_at = free_at.clone();
        move |attempt| match &*attempt.deployment.account.name {
            "limited" => {
                let now = Instant::now();
                let mut free_at = free_at.lock().unwrap();
                assert!(free_at.is_none_or(|at| now >= at), "called before its time");
                // Every other call hits the limit.
                match calls.fetch_add(1, Ordering::Relaxed) % 2 {
                    0 => {
                        *free_at = Some(now + secs(17));
                        Act::Fail(rate_limited(17))
                    }
                    _ => Act::Serve,
                }
            }
            "dying" => Act::Fail(error(ErrorKind::Connection)),
            _ => Act::Serve,
        }
    });
    let pools = pools(pool(&["limited", "dying", "healthy"]));
    for _ in 0..1_000 {
        call(&pools, &vendors).await.unwrap();
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    let times = |name| vendors.accounts().iter().filter(|a| *a == name).count();
    assert!((6..=14).contains(&times("limited")), "{}", times("limited"));
    // Three to open the breaker, then one after each 30 s.
    assert!((4..=7).contains(&times("dying")), "{}", times("dying"));
    assert!(nobody_in_flight(&pools));
}

#[tokio::test(start_paused = true)]
async fn a_named_reset_is_kept_to_the_second_even_by_the_last_account() {
    // Pains P91, P94.
    let pools = pools(pool(&["a"]).cooldown(secs(1)));
    call(&pools, &failing(rate_limited(300))).await.unwrap_err();
    let vendors = serving();
    tokio::time::advance(Duration::from_millis(299_500)).await;
    let told = call(&pools, &vendors).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Exhausted);
    assert_eq!(told.retry_after(), Some(secs(1)), "rounded up");
    assert!(vendors.seen().is_empty());
    tokio::time::advance(Duration::from_millis(500)).await;
    call(&pools, &vendors).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn exhausted_says_how_many_are_out_and_until_when() {
    let pools = pools(pool(&["a", "b", "c"]));
    let retry_after = AtomicU64::new(10);
    let vendors =
        Vendors::all(move || Act::Fail(rate_limited(retry_after.fetch_add(2, Ordering::Relaxed))));
    call(&pools, &vendors).await.unwrap_err();
    let told = call(&pools, &serving()).await.unwrap_err();
    assert_eq!(
        told.message(),
        "all 3 accounts for `m` are out; the first returns in 10 s"
    );
    assert_eq!(told.retry_after(), Some(secs(10)));
    assert_eq!(told.status().as_u16(), 429);
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_blame_has_its_own_cooldown() {
    let model = || Some("large".to_owned());
    for (error, expected) in [
        (rate_limited(5), (model(), 5, ErrorKind::RateLimited, true)),
        (
            rate_limited(5).with_scope(Scope::Account),
            (None, 5, ErrorKind::RateLimited, true),
        ),
        (
            error(ErrorKind::RateLimited),
            (model(), 30, ErrorKind::RateLimited, false),
        ),
        (
            error(ErrorKind::Authentication),
            (None, 600, ErrorKind::Authentication, false),
        ),
        (
            error(ErrorKind::QuotaExhausted),
            (None, 600, ErrorKind::QuotaExhausted, false),
        ),
        (
            error(ErrorKind::QuotaExhausted).with_retry_after(secs(7_200)),
            (None, 7_200, ErrorKind::QuotaExhausted, true),
        ),
    ] {
        let pools = pools(pool(&["a"]));
        call(&pools, &failing(error)).await.unwrap_err();
        assert_eq!(cooldowns(&pools, "a"), [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_one_model_leaves_the_others_alone_and_one_of_the_account_does_not() {
    // Pain P93.
    let acme = provider("acme");
    let a = account("a");
    let of = |model| Pool::new().vendor(Vendor::new(acme.clone(), model).account(a.clone(), 1));
    let pools = Pools::with_seed(1)
        .pool("m", of("large"))
        .pool("n", of("small"));
    call(&pools, &failing(rate_limited(60))).await.unwrap_err();
    let other = || request().with_model("n");
    call_with(&pools, &serving(), other()).await.unwrap();
    let whole = rate_limited(60).with_scope(Scope::Account);
    call_with(&pools, &failing(whole), other())
        .await
        .unwrap_err();
    let told = call_with(&pools, &serving(), other()).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Exhausted);
}

#[tokio::test(start_paused = true)]
async fn the_breaker_opens_after_failures_in_a_row_and_a_success_starts_anew() {
    // Pain P96.
    let pools = pools(pool(&["a"]));
    let broken = failing(error(ErrorKind::Timeout));
    for _ in 0..2 {
        call(&pools, &broken).await.unwrap_err();
    }
    call(&pools, &serving()).await.unwrap();
    for _ in 0..2 {
        call(&pools, &broken).await.unwrap_err();
    }
    assert_eq!(cooldowns(&pools, "a"), []);
    call(&pools, &broken).await.unwrap_err();
    let open = [(Some("large".to_owned()), 30, ErrorKind::Timeout, false)];
    assert_eq!(cooldowns(&pools, "a"), open);
    tokio::time::advance(secs(30)).await;
    assert_eq!(cooldowns(&pools, "a"), []);
}

#[tokio::test(start_paused = true)]
async fn streams_that_break_count_although_each_began_well() {
    let pools = pools(pool(&["a"]));
    let breaking = Vendors::all(|| Act::Break);
    for _ in 0..2 {
        call(&pools, &breaking).await.unwrap();
    }
    call(&pools, &serving()).await.unwrap();
    for _ in 0..2 {
        call(&pools, &breaking).await.unwrap();
    }
    assert_eq!(
        cooldowns(&pools, "a"),
        [],
        "a whole answer started the count anew"
    );
    call(&pools, &breaking).await.unwrap();
    let open = (Some("large".to_owned()), 30, ErrorKind::StreamBroken, false);
    assert_eq!(cooldowns(&pools, "a"), [open]);
}

#[tokio::test(start_paused = true)]
async fn the_last_one_standing_is_still_called_and_comes_back_with_a_success() {
    let pools = pools(pool(&["a", "b"]).failures(1));
    let dead = failing(error(ErrorKind::Server));
    call(&pools, &dead).await.unwrap_err();
    assert_eq!(dead.seen().len(), 2);
    let first = dead.accounts().remove(0);
    tokio::time::advance(secs(1)).await;
    // Both have a soft cooldown now. One probe per call, not a walk over the dead.
    let told = call(&pools, &dead).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Server);
    assert_eq!(dead.seen().len(), 3);
    let probed = dead.accounts().remove(2);
    // It has the later return now, so the other one is next.
    let other = if probed == "a" { "b" } else { "a" };
    assert_eq!(call(&pools, &serving()).await.unwrap(), other, "{first}");
    assert_eq!(cooldowns(&pools, other), []);
    assert_eq!(cooldowns(&pools, &probed).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_soft_cooldown_yields_where_a_firm_one_does_not() {
    let pools = pools(pool(&["firm", "soft"]));
    let vendors = Vendors::by_account(|account| {
        Some(match account {
            "firm" => rate_limited(60),
            _ => error(ErrorKind::RateLimited),
        })
    });
    call(&pools, &vendors).await.unwrap_err();
    for _ in 0..5 {
        assert_eq!(call(&pools, &serving()).await.unwrap(), "soft");
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_that_was_under_way_does_not_end_a_cooldown() {
    let pools = pools(pool(&["a"]));
    let slow = Vendors::all(|| Act::Slow(secs(5)));
    let (told, under_way) = tokio::join!(
        async {
            tokio::time::sleep(secs(1)).await;
            call(&pools, &failing(error(ErrorKind::RateLimited))).await
        },
        call(&pools, &slow),
    );
    assert!(told.is_err() && under_way.is_ok());
    assert_eq!(cooldowns(&pools, "a").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_later_end_is_kept() {
    // Pain P89.
    let pools = pools(pool(&["a"]));
    // Both calls are under way when the first limit is told.
    let long = late(secs(1), rate_limited(100));
    let short = late(secs(2), rate_limited(10));
    let (long, short) = tokio::join!(call(&pools, &long), call(&pools, &short));
    assert!(long.is_err() && short.is_err());
    assert_eq!(status(&pools, "a").cooldowns[0].remaining, secs(99));
    let report = |seconds| {
        assert!(pools.report_health("acme", "a", Err(&rate_limited(seconds))));
        status(&pools, "a").cooldowns[0].remaining
    };
    assert_eq!(
        (report(20), report(5), report(40)),
        (secs(20), secs(20), secs(40))
    );
}

#[tokio::test(start_paused = true)]
async fn no_cooldown_means_none_but_the_vendors_word_counts() {
    // Pain P90.
    let pools = pools(pool(&["a"]).cooldown(Duration::ZERO).failures(1));
    for kind in [
        ErrorKind::Server,
        ErrorKind::RateLimited,
        ErrorKind::Authentication,
        ErrorKind::QuotaExhausted,
    ] {
        call(&pools, &failing(error(kind))).await.unwrap_err();
        assert_eq!(cooldowns(&pools, "a"), [], "{kind}");
    }
    call(&pools, &failing(rate_limited(9))).await.unwrap_err();
    assert_eq!(cooldowns(&pools, "a").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn absurd_resets_do_not_overflow() {
    let pools = pools(pool(&["a"]));
    let forever = error(ErrorKind::RateLimited).with_retry_after(Duration::MAX);
    call(&pools, &failing(forever)).await.unwrap_err();
    assert_eq!(
        call(&pools, &serving()).await.unwrap_err().kind(),
        ErrorKind::Exhausted
    );
    // Pain P92: an operator can end it.
    assert!(pools.reset("acme", "a"));
    assert!(!pools.reset("acme", "z"));
    call(&pools, &serving()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn checks_from_outside_feed_the_same_state() {
    let pools = pools(pool(&["a", "b"]));
    let report = |found: Result<(), &Error>| assert!(pools.report_health("acme", "a", found));
    report(Err(&error(ErrorKind::Authentication)));
    for _ in 0..4 {
        assert_eq!(call(&pools, &serving()).await.unwrap(), "b");
    }
    report(Ok(()));
    assert_eq!(cooldowns(&pools, "a"), []);
    for _ in 0..3 {
        report(Err(&error(ErrorKind::Connection)));
    }
    assert_eq!(
        cooldowns(&pools, "a"),
        [(None, 30, ErrorKind::Connection, false)]
    );
    report(Err(&rate_limited(50)));
    report(Ok(()));
    let named = (None, 50, ErrorKind::RateLimited, true);
    assert_eq!(cooldowns(&pools, "a"), [named], "the vendor's word stands");
    assert!(!pools.report_health("acme", "z", Ok(())));
}

#[tokio::test(start_paused = true)]
async fn new_pools_keep_what_is_known_of_their_accounts() {
    let pools = pools(pool(&["a", "b"]));
    let open = begin(&pools, &serving(), request()).await.unwrap();
    let busy = open.served.account.to_string();
    assert!(pools.report_health("acme", "a", Err(&rate_limited(50))));
    let next = Pools::new().pool("n", pool(&["a", busy.as_str(), "c"]));
    pools.replace(&next);
    assert!(!pools.contains("m") && pools.contains("n"));
    assert_eq!(cooldowns(&pools, "a").len(), 1);
    assert_eq!(status(&pools, &busy).in_flight, 1);
    drop(open);
    assert!(nobody_in_flight(&pools));
    let names: Vec<_> = pools.snapshot().into_iter().map(|s| s.account).collect();
    assert!(names.contains(&"c".into()) && names.len() <= 3, "{names:?}");
    assert!(
        next.snapshot().iter().all(|s| s.cooldowns.is_empty()),
        "the others' own"
    );
}
