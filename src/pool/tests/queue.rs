//! Who goes next when many wait. Pains P91, P92.

use futures_util::future::join_all;
use tokio::task::JoinSet;

use super::*;
use crate::{
    request::{Caller, Priority},
    rng::Rng as Lot,
};

type Log = Arc<Mutex<Vec<&'static str>>>;

fn one_place() -> Limits {
    Limits::none().concurrency(1)
}

/// One account with these limits.
fn patient(limits: Limits, wait: Duration) -> Pool {
    let vendor = Vendor::new(provider("acme"), "large").account(limited("a", limits), 1);
    Pool::new().vendor(vendor).wait(wait).queue(20_000, 20_000)
}

fn from(caller: &str) -> ModelRequest {
    let mut request = request();
    request.caller = Caller::from_key(caller);
    request
}

/// A call of `caller`'s in the background, noted when it is served.
fn asked(
    tasks: &mut JoinSet<Result<(), Error>>,
    (pools, vendors, log): (&Pools, &Vendors, &Log),
    name: &'static str,
    request: ModelRequest,
) {
    let (pools, vendors, log) = (pools.clone(), vendors.clone(), log.clone());
    tasks.spawn(async move {
        let response = begin(&pools, &vendors, request).await?;
        log.lock().unwrap().push(name);
        finish(response).await;
        Ok(())
    });
}

/// All who can run have run.
async fn settled() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn left_clean(pools: &Pools) -> bool {
    nobody_in_flight(pools) && pools.waiting() == 0 && pools.shared().hall.is_clean()
}

#[tokio::test(start_paused = true)]
async fn two_tenants_are_served_by_weight_and_nobody_after_its_deadline() {
    let heavy = Caller::from_key("heavy");
    let pools = pools(
        patient(one_place(), secs(600)).weigh(move |caller| if *caller == heavy { 10 } else { 1 }),
    );
    let vendors = Vendors::all(|| Act::Slow(secs(1)));
    let log = Log::default();
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..300 {
        for name in ["heavy", "light"] {
            let request = from(name).with_timeout(secs(110));
            asked(&mut tasks, (&pools, &vendors, &log), name, request);
        }
    }
    let ends = tasks.join_all().await;
    let refused = ends.iter().filter_map(|end| end.as_ref().err());
    for error in refused {
        assert!(matches!(
            error.kind(),
            ErrorKind::Exhausted | ErrorKind::Timeout
        ));
        assert!(error.kind() == ErrorKind::Timeout || error.retry_after() >= Some(secs(1)));
    }
    assert_eq!(begun.elapsed(), secs(110));
    let served = log.lock().unwrap().clone();
    let of = |name| served.iter().filter(|served| **served == name).count();
    assert!((108..=110).contains(&served.len()), "{}", served.len());
    assert!((9..=11).contains(&of("light")), "{}", of("light"));
    assert!(
        vendors
            .seen()
            .iter()
            .all(|seen| seen.at <= begun + secs(110))
    );
    assert!(left_clean(&pools));
}

#[tokio::test(start_paused = true)]
async fn equals_are_served_alike_and_each_in_order() {
    const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let pools = pools(patient(Limits::none().concurrency(2), secs(600)));
    let vendors = Vendors::all(|| Act::Slow(secs(1)));
    let log = Log::default();
    let mut tasks = JoinSet::new();
    // The first caller asks for as much as all the others together.
    for (index, name) in NAMES.iter().enumerate() {
        for _ in 0..if index == 0 { 140 } else { 20 } {
            asked(&mut tasks, (&pools, &vendors, &log), name, from(name));
        }
    }
    while log.lock().unwrap().len() < 120 {
        tokio::time::sleep(secs(1)).await;
    }
    let shares: Vec<f64> = NAMES
        .iter()
        .map(|name| log.lock().unwrap().iter().filter(|n| n == &name).count() as f64)
        .collect();
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    let index = sum * sum / (8.0 * squares);
    assert!(index > 0.98, "Jain's index {index} of {shares:?}");
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
    assert!(left_clean(&pools));
}

#[tokio::test(start_paused = true)]
async fn a_place_that_comes_back_wakes_a_few_of_ten_thousand() {
    let pools = pools(patient(one_place(), secs(600)));
    let vendors = Vendors::all(|| Act::Hang);
    let served = Vendors::all(|| Act::Serve);
    let held = begin(&pools, &served, request()).await.unwrap();
    let (log, mut tasks) = (Log::default(), JoinSet::new());
    for _ in 0..10_000 {
        asked(&mut tasks, (&pools, &vendors, &log), "w", request());
    }
    tokio::time::sleep(secs(1)).await;
    assert_eq!(pools.waiting(), 10_000);
    let before = pools.shared().hall.calls();
    finish(held).await;
    tokio::time::sleep(secs(1)).await;
    assert_eq!(pools.waiting(), 9_999);
    let calls = pools.shared().hall.calls() - before;
    assert!(calls <= 4, "{calls}");
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
    assert!(left_clean(&pools));
}

#[tokio::test(start_paused = true)]
async fn those_who_leave_at_any_moment_leave_nothing_behind() {
    for seed in 0..5 {
        let lot = Lot::seeded(seed);
        let pools = pools(patient(Limits::none().concurrency(3), secs(30)));
        let vendors = Vendors::all(|| Act::Slow(Duration::from_millis(40)));
        let calls = (0..1_000_u64).map(|n| {
            let (pools, vendors) = (pools.clone(), vendors.clone());
            let patience = Duration::from_millis(lot.below(9_000) as u64);
            let request = from(["a", "b", "c"][lot.below(3)]);
            async move {
                tokio::time::sleep(Duration::from_millis(n % 50)).await;
                let call = call_with(&pools, &vendors, request);
                tokio::time::timeout(patience, call).await
            }
        });
        let ends = join_all(calls).await;
        let served = ends.iter().filter(|end| matches!(end, Ok(Ok(_)))).count();
        // 9 s for three at a time of 40 ms each; few of those who left had a place already.
        assert!((400..=690).contains(&served), "{served}");
        assert!(left_clean(&pools), "seed {seed}");
        let begun = Instant::now();
        call(&pools, &vendors).await.unwrap();
        assert_eq!(begun.elapsed().as_millis(), 40);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_overtakes_but_the_more_urgent_and_the_less_urgent_are_not_forgotten() {
    let pools = pools(patient(one_place(), secs(600)));
    let vendors = Vendors::all(|| Act::Slow(secs(1)));
    let (log, mut tasks) = (Log::default(), JoinSet::new());
    let world = (&pools, &vendors, &log);
    asked(&mut tasks, world, "first", request());
    settled().await;
    let low = request().with_priority(Priority::Low);
    asked(&mut tasks, world, "low", low);
    settled().await;
    asked(&mut tasks, world, "second", request());
    settled().await;
    let high = || request().with_priority(Priority::High);
    asked(&mut tasks, world, "high", high());
    settled().await;
    // It comes at the very moment at which the place does.
    tokio::time::sleep(secs(1)).await;
    asked(&mut tasks, world, "late", request());
    for _ in 0..40 {
        asked(&mut tasks, world, "high", high());
        tokio::time::sleep(secs(1)).await;
    }
    tasks.join_all().await;
    let order = log.lock().unwrap().clone();
    let place = |name| order.iter().position(|served| *served == name).unwrap();
    assert_eq!(order[..2], ["first", "high"]);
    assert!(place("second") < place("late"));
    assert!(place("low") < 20, "{order:?}");
    assert!(left_clean(&pools));
}

#[tokio::test(start_paused = true)]
async fn a_window_that_refills_serves_in_order_and_refuses_whom_it_cannot_serve() {
    let pools = pools(patient(Limits::none().rpm(2), secs(100)));
    let vendors = Vendors::all(|| Act::Serve);
    let begun = Instant::now();
    let ends = join_all((0..7).map(|_| call(&pools, &vendors))).await;
    // Two at once, two after a minute, two after two: too late.
    let ok = ends.iter().filter(|end| end.is_ok()).count();
    assert_eq!(ok, 4);
    let waits: Vec<_> = ends[4..]
        .iter()
        .map(|end| end.as_ref().unwrap_err().retry_after().unwrap())
        .collect();
    assert_eq!(waits, [secs(120); 3]);
    let told = ends[4].as_ref().unwrap_err();
    assert_eq!(told.code(), Some("queue_too_slow"));
    assert_eq!(begun.elapsed(), secs(60));
    let at: Vec<_> = vendors.seen().iter().map(|s| s.at - begun).collect();
    assert_eq!(at, [secs(0), secs(0), secs(60), secs(60)]);
    assert!(left_clean(&pools));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_says_so_at_once() {
    let pools = pools(patient(one_place(), secs(100)).queue(3, 2));
    let vendors = Vendors::all(|| Act::Slow(secs(10)));
    let (log, mut tasks) = (Log::default(), JoinSet::new());
    for name in ["a", "a", "a"] {
        asked(&mut tasks, (&pools, &vendors, &log), name, from(name));
        settled().await;
    }
    let told = call_with(&pools, &vendors, from("a")).await.unwrap_err();
    assert_eq!(
        (told.code(), told.status().as_u16()),
        (Some("queue_full"), 429)
    );
    assert!(
        told.message().contains("2 calls of this caller wait"),
        "{}",
        told.message()
    );
    assert!(told.retry_after().is_some());
    asked(&mut tasks, (&pools, &vendors, &log), "b", from("b"));
    settled().await;
    let told = call_with(&pools, &vendors, from("c")).await.unwrap_err();
    assert!(
        told.message().starts_with("3 calls wait for `m` already"),
        "{}",
        told.message()
    );
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    assert!(left_clean(&pools));
}

#[tokio::test(start_paused = true)]
async fn one_call_waits_once_however_often_it_is_tried() {
    let pools = pools(patient(one_place(), secs(10)));
    let vendors = Vendors::all(|| Act::Serve);
    let held = begin(&pools, &vendors, request()).await.unwrap();
    let request = request();
    let begun = Instant::now();
    for _ in 0..3 {
        let told = call_with(&pools, &vendors, request.clone())
            .await
            .unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Exhausted);
    }
    assert_eq!(begun.elapsed(), secs(10));
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn models_with_an_account_in_common_both_hear_of_its_places() {
    let shared = limited("a", one_place());
    let of = |model: &str| {
        let vendor = Vendor::new(provider("acme"), model).account(shared.clone(), 1);
        Pool::new().vendor(vendor).wait(secs(100))
    };
    let pools = Pools::with_seed(1)
        .pool("m", of("one"))
        .pool("n", of("two"));
    let vendors = Vendors::all(|| Act::Slow(secs(1)));
    let begun = Instant::now();
    let calls = (0..20).map(|n| {
        let request = request().with_model(if n % 2 == 0 { "m" } else { "n" });
        call_with(&pools, &vendors, request)
    });
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    assert_eq!(begun.elapsed(), secs(20));
    let models: Vec<_> = vendors.seen().into_iter().map(|seen| seen.model).collect();
    let ones = models[..10].iter().filter(|model| *model == "one").count();
    assert!((4..=6).contains(&ones), "{models:?}");
    assert!(left_clean(&pools));
}

#[tokio::test(start_paused = true)]
async fn whoever_watched_the_clock_and_left_is_stood_in_for() {
    let pools = pools(patient(Limits::none(), secs(100)));
    assert!(pools.report_health("acme", "a", Err(&rate_limited(50))));
    let vendors = Vendors::all(|| Act::Serve);
    let begun = Instant::now();
    let watcher = tokio::time::timeout(secs(20), call(&pools, &vendors));
    let (left, served) = tokio::join!(watcher, call(&pools, &vendors));
    assert!(left.is_err());
    served.unwrap();
    assert_eq!(begun.elapsed(), secs(50));
    assert!(left_clean(&pools));
}

#[tokio::test(start_paused = true)]
async fn nobody_spins_while_a_call_is_finding_out() {
    let (a, b) = (limited("a", one_place()), account("b"));
    let pool = |accounts: &[&Arc<Account>]| {
        let vendor = Vendor::new(provider("acme"), "large");
        let vendor = accounts
            .iter()
            .fold(vendor, |v, a| v.account((*a).clone(), 1));
        Pool::new().vendor(vendor).failures(1).wait(secs(60))
    };
    let pools = pools(pool(&[&a, &b]))
        .pool("a", pool(&[&a]))
        .pool("b", pool(&[&b]));
    let failing = Vendors::all(|| Act::Fail(error(ErrorKind::Server)));
    let _ = call_with(&pools, &failing, request().with_model("b")).await;
    tokio::time::advance(secs(100)).await;
    let serving = Vendors::all(|| Act::Serve);
    let _open = begin(&pools, &serving, request().with_model("a"))
        .await
        .unwrap();
    // The breaker is half-open: one call finds out, and the next has to wait for that.
    let slow = Vendors::all(|| Act::Slow(secs(30)));
    let (begun, calls) = (Instant::now(), pools.shared().hall.calls());
    let (probe, next) = tokio::join!(call(&pools, &slow), call(&pools, &serving));
    assert_eq!(
        (probe.unwrap(), next.unwrap()),
        ("b".to_owned(), "b".to_owned())
    );
    assert_eq!(begun.elapsed(), secs(30));
    let calls = pools.shared().hall.calls() - calls;
    assert!(calls < 2_000, "{calls}");
}
