//! Waiting for the soonest account instead of failing. Pain P91.

use super::*;

fn patient(limits: Limits, wait: Duration) -> Pools {
    let vendor = Vendor::new(provider("acme"), "large").account(limited("a", limits), 1);
    pools(Pool::new().vendor(vendor).wait(wait))
}

fn one_at_a_time() -> Limits {
    Limits {
        concurrency: Some(1),
        ..Limits::default()
    }
}

fn out_for(pools: &Pools, seconds: u64) {
    assert!(pools.report_health("acme", "a", Err(&rate_limited(seconds))));
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_the_first_return() {
    let pools = patient(Limits::default(), secs(10));
    out_for(&pools, 8);
    let vendors = Vendors::all(|| Act::Serve);
    let begun = Instant::now();
    call(&pools, &vendors).await.unwrap();
    assert_eq!(
        begun.elapsed(),
        secs(8),
        "neither before its time nor after"
    );
}

#[tokio::test(start_paused = true)]
async fn it_does_not_wait_in_vain() {
    let pools = patient(Limits::default(), secs(10));
    out_for(&pools, 11);
    let vendors = Vendors::all(|| Act::Serve);
    let begun = Instant::now();
    let told = call(&pools, &vendors).await.unwrap_err();
    assert_eq!(told.retry_after(), Some(secs(11)));
    let hurried = request().with_timeout(secs(5));
    pools.reset("acme", "a");
    out_for(&pools, 6);
    let told = call_with(&pools, &vendors, hurried).await.unwrap_err();
    assert_eq!(told.retry_after(), Some(secs(6)), "its deadline is before");
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_given_back_wakes_a_waiter() {
    let pools = patient(one_at_a_time(), secs(10));
    let vendors = Vendors::all(|| Act::Serve);
    let open = begin(&pools, &vendors, request()).await.unwrap();
    let begun = Instant::now();
    let (served, ()) = tokio::join!(call(&pools, &vendors), async {
        tokio::time::sleep(secs(4)).await;
        drop(open);
    });
    served.unwrap();
    assert_eq!(begun.elapsed(), secs(4));
}

#[tokio::test(start_paused = true)]
async fn patience_ends() {
    let pools = patient(one_at_a_time(), secs(10));
    let vendors = Vendors::all(|| Act::Serve);
    let open = begin(&pools, &vendors, request()).await.unwrap();
    let begun = Instant::now();
    let told = call(&pools, &vendors).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Exhausted);
    assert_eq!(
        told.retry_after(),
        Some(secs(1)),
        "it may be back at any moment"
    );
    assert_eq!(begun.elapsed(), secs(10));
    drop(open);
    assert!(nobody_in_flight(&pools));
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_are_served_in_the_end() {
    let pools = patient(one_at_a_time(), secs(60));
    let vendors = Vendors::all(|| Act::Slow(secs(1)));
    let begun = Instant::now();
    let calls = (0..20).map(|_| call(&pools, &vendors));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(
        begun.elapsed(),
        secs(20),
        "one after the other, without a gap"
    );
}

#[tokio::test(start_paused = true)]
async fn an_operator_and_new_pools_wake_waiters_too() {
    let vendors = Vendors::all(|| Act::Serve);
    for replaced in [false, true] {
        let pools = patient(Limits::default(), secs(100));
        out_for(&pools, 90);
        let begun = Instant::now();
        let (served, ()) = tokio::join!(call(&pools, &vendors), async {
            tokio::time::sleep(secs(2)).await;
            match replaced {
                true => pools.replace(&Pools::new().pool("m", pool(&["b"]))),
                false => assert!(pools.reset("acme", "a")),
            }
        });
        assert_eq!(served.unwrap(), if replaced { "b" } else { "a" });
        assert_eq!(begun.elapsed(), secs(2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_return_in_time_is_better_than_one_under_suspicion() {
    let suspects = || {
        let pools = pools(pool(&["a", "b"]).wait(secs(10)));
        let report = |account, error| assert!(pools.report_health("acme", account, Err(&error)));
        report("b", error(ErrorKind::Authentication));
        (pools.clone(), move |seconds| {
            assert!(pools.report_health("acme", "a", Err(&rate_limited(seconds))));
        })
    };
    let vendors = Vendors::all(|| Act::Serve);
    let (pools, out_for) = suspects();
    out_for(5);
    assert_eq!(call(&pools, &vendors).await.unwrap(), "a");
    let (pools, out_for) = suspects();
    out_for(50);
    let begun = Instant::now();
    assert_eq!(
        call(&pools, &vendors).await.unwrap(),
        "b",
        "not worth the wait"
    );
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_hangs_is_given_up_for_another() {
    let pools = pools(
        pool(&["a", "b"])
            .balance(RoundRobin::new())
            .give_up(4, secs(10)),
    );
    let well = Vendors::all(|| Act::Slow(secs(1)));
    for _ in 0..4 {
        call(&pools, &well).await.unwrap();
    }
    let hangs = Vendors::new(|attempt| match &*attempt.deployment.account.name {
        "a" => Act::Hang,
        _ => Act::Slow(secs(1)),
    });
    let begun = Instant::now();
    for _ in 0..2 {
        assert_eq!(call(&pools, &hangs).await.unwrap(), "b");
    }
    assert!(begun.elapsed() <= secs(22), "{:?}", begun.elapsed());
    let before = status(&pools, "a").breakers[0].failures;
    assert!((1..=2).contains(&before), "{before}");
    // The last one left is waited for; who leaves it tells that it hangs.
    let all = Vendors::all(|| Act::Hang);
    let left = tokio::time::timeout(secs(100), call(&pools, &all)).await;
    assert!(left.is_err());
    let breakers = |name| status(&pools, name).breakers;
    let failures = |name| breakers(name).iter().map(|b| b.failures).sum::<u32>();
    assert_eq!(failures("a") + failures("b"), before + 2);
    assert!(nobody_in_flight(&pools));
}
