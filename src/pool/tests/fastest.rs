//! Whoever answers soonest.

use super::*;

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn fastest(accounts: &[&str]) -> Pools {
    pools(pool(accounts).balance(Fastest::new()))
}

fn share(vendors: &Vendors, account: &str) -> usize {
    vendors.accounts().iter().filter(|a| *a == account).count()
}

/// `quick` takes 400 ms, everybody else 4 s.
fn vendors() -> Vendors {
    Vendors::new(|attempt| match &*attempt.deployment.account.name {
        "quick" => Act::Slow(millis(400)),
        _ => Act::Slow(secs(4)),
    })
}

#[tokio::test(start_paused = true)]
async fn everybody_is_tried_then_the_quick_one_is_called() {
    let pools = fastest(&["quick", "slow", "lame"]);
    let vendors = vendors();
    for _ in 0..100 {
        call(&pools, &vendors).await.unwrap();
    }
    assert!(
        share(&vendors, "quick") >= 96,
        "{}",
        share(&vendors, "quick")
    );
    assert!(share(&vendors, "slow") >= 1 && share(&vendors, "lame") >= 1);
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_weigh() {
    let pools = fastest(&["quick", "slow"]);
    let vendors = vendors();
    for _ in 0..4 {
        call(&pools, &vendors).await.unwrap();
    }
    let before = share(&vendors, "slow");
    let calls = (0..22).map(|_| call(&pools, &vendors));
    futures_util::future::join_all(calls).await;
    // 400 ms times eleven is more than 4 s once.
    let slow = share(&vendors, "slow") - before;
    assert!((1..=3).contains(&slow), "{slow}");
}

#[tokio::test(start_paused = true)]
async fn one_slow_answer_is_noticed_at_once_and_forgotten_in_time() {
    let pools = fastest(&["a", "b"]);
    let quick = Vendors::all(|| Act::Slow(millis(400)));
    for _ in 0..10 {
        call(&pools, &quick).await.unwrap();
    }
    let stuck = Vendors::all(|| Act::Slow(secs(20)));
    let who = call(&pools, &stuck).await.unwrap();
    let after = Vendors::all(|| Act::Slow(millis(400)));
    for _ in 0..20 {
        call(&pools, &after).await.unwrap();
    }
    assert_eq!(share(&after, &who), 0);
    for _ in 0..200 {
        tokio::time::advance(secs(5)).await;
        call(&pools, &after).await.unwrap();
    }
    assert!(share(&after, &who) > 20, "{}", share(&after, &who));
}

#[tokio::test(start_paused = true)]
async fn content_that_never_came_was_slow() {
    let pools = fastest(&["a", "b"]);
    let vendors = Vendors::new(|attempt| match &*attempt.deployment.account.name {
        "a" => Act::Late(secs(30), error(ErrorKind::Timeout)),
        _ => Act::Slow(secs(1)),
    });
    for _ in 0..20 {
        call(&pools, &vendors).await.unwrap();
    }
    assert_eq!(share(&vendors, "a"), 1);
}
