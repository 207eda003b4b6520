//! What may be asked of an account.

use futures_util::future::join_all;

use super::*;

fn one(limits: Limits) -> Pools {
    one_that_waits(limits, Duration::ZERO)
}

fn one_that_waits(limits: Limits, wait: Duration) -> Pools {
    let vendor = Vendor::new(provider("acme"), "large").account(limited("a", limits), 1);
    pools(Pool::new().vendor(vendor).wait(wait))
}

#[tokio::test(start_paused = true)]
async fn fifty_calls_at_once_do_not_overshoot() {
    // Pain P105.
    for limits in [
        Limits {
            concurrency: Some(7),
            ..Limits::default()
        },
        Limits {
            rpm: Some(7),
            ..Limits::default()
        },
        Limits {
            // Pain P108: each is estimated at 104 tokens.
            tpm: Some(104 * 7 + 50),
            ..Limits::default()
        },
    ] {
        let pools = one(limits.clone());
        let vendors = Vendors::all(|| Act::Slow(secs(1)));
        let calls = (0..50).map(|_| begin(&pools, &vendors, sized(100)));
        let answers = join_all(calls).await;
        assert_eq!(vendors.seen().len(), 7, "{limits:?}");
        let told = answers.iter().filter_map(|answer| answer.as_ref().err());
        assert_eq!(
            told.filter(|e| e.kind() == ErrorKind::Exhausted).count(),
            43
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nor_from_several_threads() {
    let pools = one(Limits {
        rpm: Some(20),
        ..Limits::default()
    });
    let vendors = Vendors::all(|| Act::Serve);
    let calls = (0..200).map(|_| {
        let (pools, vendors) = (pools.clone(), vendors.clone());
        tokio::spawn(async move { call(&pools, &vendors).await.is_ok() })
    });
    let served = join_all(calls).await;
    assert_eq!(
        served
            .into_iter()
            .filter(|ok| *ok.as_ref().unwrap())
            .count(),
        20
    );
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_minute_slide() {
    let pools = one(Limits {
        rpm: Some(2),
        ..Limits::default()
    });
    let vendors = Vendors::all(|| Act::Serve);
    call(&pools, &vendors).await.unwrap();
    tokio::time::advance(secs(20)).await;
    call(&pools, &vendors).await.unwrap();
    let told = call(&pools, &vendors).await.unwrap_err();
    assert_eq!(told.retry_after(), Some(secs(40)));
    assert_eq!(
        told.message(),
        "the only account for `m` is out; it returns in 40 s"
    );
    tokio::time::advance(secs(40)).await;
    call(&pools, &vendors).await.unwrap();
    assert_eq!(status(&pools, "a").requests_last_minute, 2);
}

#[tokio::test(start_paused = true)]
async fn what_the_vendor_refused_for_a_limit_takes_no_room() {
    let pools = one(Limits::none().rpm(1));
    let refuses = || Act::Fail(error(ErrorKind::RateLimited).with_retry_after(secs(5)));
    call(&pools, &Vendors::all(refuses)).await.unwrap_err();
    assert_eq!(status(&pools, "a").requests_last_minute, 0);
    tokio::time::advance(secs(5)).await;
    let serves = Vendors::all(|| Act::Serve);
    call(&pools, &serves).await.unwrap();
    call(&pools, &serves).await.unwrap_err();
    assert_eq!(status(&pools, "a").requests_last_minute, 1);
}

#[tokio::test(start_paused = true)]
async fn tokens_are_reserved_by_estimate_and_settled_by_usage() {
    let pools = one(Limits {
        tpm: Some(1_000),
        ..Limits::default()
    });
    let tokens = || status(&pools, "a").tokens_last_minute;
    let cheap = Vendors::all(|| Act::Usage(10));
    let running = begin(&pools, &cheap, sized(800)).await.unwrap();
    assert!((800..820).contains(&tokens()), "reserved: {}", tokens());
    let told = call_with(&pools, &cheap, sized(300)).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Exhausted);
    finish(running).await;
    assert_eq!(tokens(), 10, "it was much less");
    let dear = Vendors::all(|| Act::Usage(990));
    call_with(&pools, &dear, sized(300)).await.unwrap();
    assert_eq!(tokens(), 1_000, "it was more");
    call(&pools, &cheap).await.unwrap_err();
    tokio::time::advance(secs(60)).await;
    assert_eq!(tokens(), 0);
    let failing = Vendors::all(|| Act::Fail(error(ErrorKind::InvalidRequest)));
    call_with(&pools, &failing, sized(300)).await.unwrap_err();
    assert_eq!(tokens(), 0, "an error costs no tokens");
    drop(begin(&pools, &Vendors::all(|| Act::Serve), sized(300)).await);
    assert!(
        tokens() >= 300,
        "nobody knows what a call that was left has cost"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_larger_than_the_limit_goes_alone() {
    let pools = one(Limits {
        tpm: Some(100),
        ..Limits::default()
    });
    let vendors = Vendors::all(|| Act::Usage(500));
    call_with(&pools, &vendors, sized(500)).await.unwrap();
    let told = call(&pools, &vendors).await.unwrap_err();
    assert_eq!(told.retry_after(), Some(secs(60)));
}

#[tokio::test(start_paused = true)]
async fn starts_keep_their_distance() {
    let pools = one_that_waits(
        Limits {
            min_interval: secs(3),
            ..Limits::default()
        },
        secs(100),
    );
    let vendors = Vendors::all(|| Act::Serve);
    let begun = Instant::now();
    join_all((0..4).map(|_| call(&pools, &vendors))).await;
    let starts: Vec<_> = vendors
        .seen()
        .iter()
        .map(|s| (s.at - begun).as_secs())
        .collect();
    assert_eq!(starts, [0, 3, 6, 9]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_nothing_shuts_the_account() {
    let pools = one_that_waits(
        Limits {
            rpm: Some(0),
            ..Limits::default()
        },
        secs(100),
    );
    let begun = Instant::now();
    let told = call(&pools, &Vendors::all(|| Act::Serve))
        .await
        .unwrap_err();
    assert_eq!(
        (told.kind(), begun.elapsed()),
        (ErrorKind::Exhausted, Duration::ZERO)
    );
}

#[tokio::test(start_paused = true)]
async fn an_account_is_one_in_all_its_pools() {
    let limits = Limits {
        concurrency: Some(1),
        ..Limits::default()
    };
    let of = |model| {
        let vendor = Vendor::new(provider("acme"), model);
        Pool::new().vendor(vendor.account(limited("a", limits.clone()), 1))
    };
    let pools = Pools::with_seed(1)
        .pool("m", of("large"))
        .pool("n", of("small"));
    let vendors = Vendors::all(|| Act::Serve);
    let open = begin(&pools, &vendors, request()).await.unwrap();
    let other = || request().with_model("n");
    call_with(&pools, &vendors, other()).await.unwrap_err();
    drop(open);
    call_with(&pools, &vendors, other()).await.unwrap();
}
