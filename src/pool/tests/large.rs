//! Pools too large to look at everybody.

use std::collections::HashMap;

use super::*;
use crate::request::Priority;

/// Two vendors of weights 1 and 3, with so many accounts each, `a…` and `b…`; every third account has weight 2.
fn two(accounts: usize, limits: Limits, balance: impl Balance) -> Pools {
    let vendor = |name: &'static str, prefix: &str, weight| {
        (0..accounts).fold(
            Vendor::new(provider(name), "large").weight(weight),
            |vendor, n| {
                let weight = if n % 3 == 0 { 2 } else { 1 };
                vendor.account(limited(&format!("{prefix}{n}"), limits.clone()), weight)
            },
        )
    };
    let pool = Pool::new()
        .balance(balance)
        .vendor(vendor("light", "a", 1))
        .vendor(vendor("heavy", "b", 3));
    pools(pool)
}

fn serving() -> Vendors {
    Vendors::all(|| Act::Serve)
}

async fn counts(pools: &Pools, calls: usize) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for _ in 0..calls {
        *counts
            .entry(call(pools, &serving()).await.unwrap())
            .or_default() += 1;
    }
    counts
}

fn out(pools: &Pools, accounts: impl IntoIterator<Item = String>, seconds: u64) {
    for account in accounts {
        let vendor = if account.starts_with('a') {
            "light"
        } else {
            "heavy"
        };
        assert!(pools.report_health(vendor, &account, Err(&rate_limited(seconds))));
    }
}

#[tokio::test(start_paused = true)]
async fn shares_are_by_vendor_then_by_account() {
    let pools = two(30, Limits::none(), Weighted::new());
    let counts = counts(&pools, 12_000).await;
    let sum = |prefix: char| -> usize {
        let all = counts.iter().filter(|(name, _)| name.starts_with(prefix));
        all.map(|(_, count)| count).sum()
    };
    assert!((8_800..9_200).contains(&sum('b')), "{}", sum('b'));
    // 40 shares of 9,000.
    assert!((370..530).contains(&counts["b0"]), "{}", counts["b0"]);
    assert!((170..280).contains(&counts["b1"]), "{}", counts["b1"]);
}

#[tokio::test(start_paused = true)]
async fn turns_are_exact() {
    let pools = two(30, Limits::none(), RoundRobin::new());
    let counts = counts(&pools, 600).await;
    assert!(
        counts.len() == 60 && counts.values().all(|count| *count == 10),
        "{counts:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_is_out_is_left_alone_and_drawn_again_when_it_is_back() {
    for balance in 0..4 {
        let pools = match balance {
            0 => two(100, Limits::none(), Weighted::new()),
            1 => two(100, Limits::none(), RoundRobin::new()),
            2 => two(100, Limits::none(), LeastBusy::new()),
            _ => two(100, Limits::none(), Sticky::new()),
        };
        out(&pools, (1..100).map(|n| format!("a{n}")), 60);
        out(&pools, (0..100).map(|n| format!("b{n}")), 30);
        let only = counts(&pools, 50).await;
        assert_eq!(
            only.into_iter().collect::<Vec<_>>(),
            [("a0".to_owned(), 50)]
        );
        out(&pools, ["a0".to_owned()], 90);
        let told = call(&pools, &serving()).await.unwrap_err();
        assert_eq!(told.retry_after(), Some(secs(30)));
        assert!(told.message().starts_with("all 200 accounts"), "{told}");
        assert!(pools.reset("light", "a7"));
        assert_eq!(call(&pools, &serving()).await.unwrap(), "a7");
        out(&pools, ["a7".to_owned()], 90);
        tokio::time::advance(secs(31)).await;
        let back = counts(&pools, 2_000).await;
        assert!(back.keys().all(|name| name.starts_with('b')));
        // One call at a time: those of weight 2 are the least busy.
        let least = [95, 100, 34, 1];
        assert!(back.len() >= least[balance], "{}", back.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_pool_takes_a_call_as_soon_as_one_has_ended() {
    let pools = two(20, Limits::none().concurrency(1), Weighted::new());
    let mut open = Vec::new();
    for _ in 0..40 {
        open.push(begin(&pools, &serving(), request()).await.unwrap());
    }
    let told = call(&pools, &serving()).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Exhausted);
    for _ in 0..40 {
        let ended = open.pop().unwrap();
        let account = ended.served.account.to_string();
        finish(ended).await;
        assert_eq!(call(&pools, &serving()).await.unwrap(), account);
        open.insert(0, begin(&pools, &serving(), request()).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_a_place_in_a_large_pool() {
    let account = |n| limited(&format!("a{n}"), Limits::none().concurrency(1));
    let vendor = Vendor::new(provider("acme"), "large");
    let vendor = (0..40).fold(vendor, |vendor, n| vendor.account(account(n), 1));
    let pools = pools(Pool::new().vendor(vendor).wait(secs(30)));
    let mut open = Vec::new();
    for _ in 0..40 {
        open.push(begin(&pools, &serving(), request()).await.unwrap());
    }
    let waiting: Vec<_> = (0..60)
        .map(|_| {
            let pools = pools.clone();
            tokio::spawn(async move { call(&pools, &serving()).await })
        })
        .collect();
    tokio::time::advance(secs(1)).await;
    tokio::task::yield_now().await;
    assert_eq!(pools.waiting(), 60);
    let before = Instant::now();
    for ended in open {
        finish(ended).await;
    }
    for call in waiting {
        call.await.unwrap().unwrap();
    }
    assert_eq!(before.elapsed(), Duration::ZERO, "nobody watched the clock");
    assert_eq!(pools.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_for_the_urgent_does_not_park_an_account() {
    let limits = Limits::none().rpd(2).reserve(0.5);
    let pools = two(20, limits, UseBeforeReset::new());
    for _ in 0..40 {
        call(&pools, &serving()).await.unwrap();
    }
    let told = call(&pools, &serving()).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Exhausted);
    for _ in 0..40 {
        let urgent = request().with_priority(Priority::High);
        call_with(&pools, &serving(), urgent).await.unwrap();
    }
    let urgent = request().with_priority(Priority::High);
    call_with(&pools, &serving(), urgent).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn guesses_yield_when_there_is_nobody_else() {
    let pools = two(30, Limits::none(), Weighted::new());
    for n in 0..30 {
        for (vendor, prefix) in [("light", 'a'), ("heavy", 'b')] {
            let told = error(ErrorKind::Authentication);
            assert!(pools.report_health(vendor, &format!("{prefix}{n}"), Err(&told)));
        }
        tokio::time::advance(secs(1)).await;
    }
    let vendors = Vendors::all(|| Act::Fail(error(ErrorKind::Server)));
    call(&pools, &vendors).await.unwrap_err();
    assert_eq!(vendors.accounts().len(), 1, "one of them per call");
    assert!(
        ["a0", "b0"].contains(&&*vendors.accounts()[0]),
        "the first to return"
    );
    let well = call(&pools, &serving()).await.unwrap();
    assert_eq!(
        call(&pools, &serving()).await.unwrap(),
        well,
        "a success ends it"
    );
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_each_is_asked_once() {
    for balance in 0..2 {
        let pools = match balance {
            0 => two(20, Limits::none(), Weighted::new()),
            _ => two(20, Limits::none(), LeastBusy::new()),
        };
        let vendors = Vendors::all(|| Act::Fail(error(ErrorKind::Server)));
        call(&pools, &vendors).await.unwrap_err();
        let mut asked = vendors.accounts();
        asked.sort();
        asked.dedup();
        assert_eq!((asked.len(), vendors.accounts().len()), (40, 40));
    }
}

#[tokio::test(start_paused = true)]
async fn windows_and_spares_count_as_in_small_pools() {
    let vendor = |name: &'static str, window: Option<u64>, weight, prefix: &str| {
        let mut vendor = Vendor::new(provider(name), "large").weight(weight);
        if let Some(window) = window {
            vendor = vendor.context_window(window);
        }
        (0..20).fold(vendor, |vendor, n| {
            vendor.account(account(&format!("{prefix}{n}")), 1)
        })
    };
    let pools = pools(
        Pool::new()
            .vendor(vendor("small", Some(1_000), 9, "s"))
            .vendor(vendor("large", Some(9_000), 1, "l"))
            .vendor(vendor("spare", None, 0, "x")),
    );
    for _ in 0..50 {
        let middle = call_with(&pools, &serving(), sized(3_000)).await.unwrap();
        let huge = call_with(&pools, &serving(), sized(30_000)).await.unwrap();
        assert!(
            middle.starts_with('l') && huge.starts_with('x'),
            "{middle} {huge}"
        );
    }
    let vendors = Vendors::all(|| Act::Fail(error(ErrorKind::ContextLength)));
    call_with(&pools, &vendors, sized(10)).await.unwrap_err();
    let first = vendors.accounts().remove(0);
    assert!(!first.starts_with('x'));
    assert!(
        vendors.accounts()[1..]
            .iter()
            .all(|name| name.starts_with('l')),
        "larger only"
    );
}

#[tokio::test(start_paused = true)]
async fn room_for_small_calls_is_no_room_for_large_ones() {
    let pools = two(30, Limits::none().tpm(1_000), Weighted::new());
    for _ in 0..60 {
        call_with(&pools, &Vendors::all(|| Act::Usage(600)), sized(500))
            .await
            .unwrap();
    }
    // Some were asked twice, others not at all: a small call finds room, a large one those that are untouched.
    for _ in 0..60 {
        let _ = call_with(&pools, &Vendors::all(|| Act::Usage(600)), sized(500)).await;
    }
    let told = call_with(&pools, &serving(), sized(900)).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Exhausted);
    call_with(&pools, &serving(), sized(1)).await.unwrap();
}

fn of(session: usize) -> ModelRequest {
    let mut request = request();
    request.affinity = Some(session.to_string().into());
    request
}

#[tokio::test(start_paused = true)]
async fn sessions_stay_and_are_shared_out_by_weight() {
    let owner =
        async |pools: &Pools, session| call_with(pools, &serving(), of(session)).await.unwrap();
    let pools = two(30, Limits::none(), Sticky::new());
    let mut owners = Vec::new();
    for session in 0..4_000 {
        owners.push(owner(&pools, session).await);
    }
    let heavy = owners.iter().filter(|name| name.starts_with('b')).count();
    assert!((2_880..3_120).contains(&heavy), "{heavy}");
    let again = two(30, Limits::none(), Sticky::new());
    for (session, first) in owners.iter().enumerate() {
        assert_eq!(owner(&pools, session).await, *first, "it stays");
        assert_eq!(owner(&again, session).await, *first, "and after a restart");
    }
    // One leaves, and takes its own sessions along for good; whoever knows the others leaves them where they are.
    out(&pools, ["b0".to_owned()], 60);
    for (session, first) in owners.iter().enumerate() {
        let now = owner(&pools, session).await;
        assert_eq!(now == *first, first != "b0", "{session}");
    }
    tokio::time::advance(secs(61)).await;
    let moved = owners.iter().position(|name| name == "b0").unwrap();
    assert_ne!(owner(&pools, moved).await, "b0", "it does not flap back");
    // A gateway that remembers nothing disagrees about few.
    let fresh = two(30, Limits::none(), Sticky::new());
    out(&fresh, ["b0".to_owned()], 60);
    let mut others = 0;
    for (session, first) in owners.iter().enumerate().filter(|(_, name)| *name != "b0") {
        others += usize::from(owner(&fresh, session).await != *first);
    }
    assert!(others < 400, "{others}");
    // A busy owner lends its session for a call.
    let limits = Limits::none().concurrency(1);
    let pools = two(30, limits, Sticky::new());
    let mine = owner(&pools, 5).await;
    let open = begin(&pools, &serving(), of(5)).await.unwrap();
    assert_ne!(owner(&pools, 5).await, mine);
    drop(open);
    assert_eq!(owner(&pools, 5).await, mine);
}
