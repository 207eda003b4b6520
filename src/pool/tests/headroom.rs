//! What vendors tell of their limits.

use super::*;
use crate::error::Scope;

fn left(resource: Resource, remaining: u64, limit: u64, seconds: u64) -> RateWindows {
    let reset = Instant::now() + secs(seconds);
    let window = RateWindow::new(remaining, Some(limit), Some(reset));
    RateWindows::new().with(resource, window)
}

fn times(vendors: &Vendors, account: &str) -> usize {
    vendors.accounts().iter().filter(|a| *a == account).count()
}

#[tokio::test(start_paused = true)]
async fn a_window_that_is_known_to_be_empty_is_not_sent_into_whatever_the_balance() {
    // Pain P94.
    for balance in [false, true] {
        let pool = pool(&["a"]);
        let pools = pools(match balance {
            false => pool,
            true => pool.balance(Headroom::new()),
        });
        let last = Vendors::all(|| Act::Tell(left(Resource::Tokens, 0, 1_000, 40)));
        call(&pools, &last).await.unwrap();
        tokio::time::advance(secs(39)).await;
        let told = call(&pools, &last).await.unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Exhausted);
        assert_eq!(told.retry_after(), Some(secs(1)));
        let cooldown = &status(&pools, "a").cooldowns[0];
        assert!(cooldown.firm && cooldown.reason == ErrorKind::RateLimited);
        tokio::time::advance(secs(1)).await;
        call(&pools, &last).await.unwrap();
        assert_eq!(last.seen().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_tells_as_well_but_its_own_word_counts_first() {
    let spent = || left(Resource::Requests, 0, 10, 50);
    for (error, out) in [
        (error(ErrorKind::Server).with_windows(spent()), Some(50)),
        (
            error(ErrorKind::InvalidRequest).with_windows(spent()),
            Some(50),
        ),
        (rate_limited(3).with_windows(spent()), Some(3)),
        (
            rate_limited(3)
                .with_scope(Scope::Account)
                .with_windows(spent()),
            Some(3),
        ),
        (error(ErrorKind::Server), None),
    ] {
        let pools = pools(pool(&["a"]));
        let vendors = Vendors::all(move || Act::Fail(error.clone()));
        call(&pools, &vendors).await.unwrap_err();
        let remaining = status(&pools, "a")
            .cooldowns
            .iter()
            .map(|c| c.remaining)
            .max();
        assert_eq!(remaining, out.map(secs));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_has_most_left_is_called_until_its_window_begins_anew() {
    let pools = pools(pool(&["a", "b"]).balance(Headroom::new()));
    let vendors = Vendors::new(|attempt| {
        Act::Tell(match &*attempt.deployment.account.name {
            "a" => left(Resource::InputTokens, 900, 1_000, 30),
            _ => left(Resource::Requests, 20, 100, 30),
        })
    });
    for _ in 0..10 {
        call(&pools, &vendors).await.unwrap();
    }
    assert_eq!((times(&vendors, "a"), times(&vendors, "b")), (9, 1));
    tokio::time::advance(secs(31)).await;
    for _ in 0..10 {
        call(&pools, &vendors).await.unwrap();
    }
    assert_eq!(
        times(&vendors, "b"),
        2,
        "it was full again, for all that was known"
    );
}

#[tokio::test(start_paused = true)]
async fn our_own_limits_count_where_vendors_tell_nothing() {
    let vendor = Vendor::new(provider("acme"), "large")
        .account(limited("small", Limits::default().rpm(10)), 1)
        .account(limited("large", Limits::default().rpm(100)), 1);
    let pools = pools(Pool::new().vendor(vendor).balance(Headroom::new()));
    let vendors = Vendors::all(|| Act::Serve);
    for _ in 0..55 {
        call(&pools, &vendors).await.unwrap();
    }
    let small = times(&vendors, "small");
    assert!((4..=6).contains(&small), "{small}");
}

#[tokio::test(start_paused = true)]
async fn nothing_known_is_everything_left_and_calls_in_flight_break_the_tie() {
    let pools = pools(pool(&["a", "b"]).balance(Headroom::new()));
    let vendors = Vendors::all(|| Act::Serve);
    let first = begin(&pools, &vendors, request()).await.unwrap();
    let second = begin(&pools, &vendors, request()).await.unwrap();
    assert_ne!(first.served.account, second.served.account);
}
