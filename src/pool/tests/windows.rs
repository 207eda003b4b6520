//! Windows: those that are declared, and those that vendors tell of.

use proptest::prelude::*;

use super::{
    account::{AccountState, Ask, Cost, Standing, Start},
    calendar::Wall,
    ledger::{Amounts, Ledger},
    *,
};
use crate::{
    dialect::rfc3339,
    error::Scope,
    request::Priority,
    upstream::{Counted, LimitWindow, Period, Price},
};

const HOUR: u64 = 3_600;

fn window(what: Counted, amount: u64, per: Period) -> Limits {
    Limits::none().window(LimitWindow::new(what, amount, per))
}

fn one(limits: Limits) -> Pools {
    pools(Pool::new().vendor(vendor("large", limits)))
}

fn vendor(model: &str, limits: Limits) -> Vendor {
    Vendor::new(provider("acme"), model).account(limited("a", limits), 1)
}

/// When the next call would be served, in seconds; zero if this one was.
async fn next(pools: &Pools, vendors: &Vendors, request: ModelRequest) -> u64 {
    match call_with(pools, vendors, request).await {
        Ok(_) => 0,
        Err(told) => told.retry_after().unwrap().as_secs(),
    }
}

fn high() -> ModelRequest {
    request().with_priority(Priority::High)
}

#[tokio::test(start_paused = true)]
async fn a_sliding_window_returns_piece_by_piece_and_a_fixed_one_at_once() {
    let two = |per| one(window(Counted::Requests, 2, per));
    let vendors = Vendors::all(|| Act::Serve);
    let sliding = two(Period::Sliding(secs(HOUR)));
    let fixed = two(Period::Fixed(secs(HOUR)));
    for pools in [&sliding, &fixed] {
        assert_eq!(next(pools, &vendors, request()).await, 0);
    }
    tokio::time::advance(secs(1_000)).await;
    for pools in [&sliding, &fixed] {
        assert_eq!(next(pools, &vendors, request()).await, 0);
        assert_eq!(next(pools, &vendors, request()).await, 2_600);
    }
    tokio::time::advance(secs(2_600)).await;
    assert_eq!(next(&sliding, &vendors, request()).await, 0);
    assert_eq!(next(&sliding, &vendors, request()).await, 1_000);
    tokio::time::advance(secs(500)).await;
    // It begins with a call, not with the end of the one before.
    for expected in [0, 0, HOUR] {
        assert_eq!(next(&fixed, &vendors, request()).await, expected);
    }
    let shown = &status(&fixed, "a").windows;
    assert_eq!(
        shown,
        &[WindowStatus {
            what: "requests",
            model: None,
            used: 2,
            limit: Some(2),
            resets_in: Some(secs(HOUR)),
            told: false,
        }]
    );
}

#[tokio::test(start_paused = true)]
async fn a_day_of_the_calendar_ends_at_its_midnight() {
    let begun = Instant::now();
    let at = |hours| begun + secs(hours * HOUR);
    for (shown, per, ends) in [
        ("2024-02-28T20:00:00Z", Period::DAY, [4, 28, 52]),
        ("2024-02-28T20:00:00Z", Period::MONTH, [28, 772, 1_492]),
        (
            "2023-12-31T20:00:00Z",
            Period::Day { offset: -480 },
            [12, 36, 60],
        ),
    ] {
        let limits = window(Counted::Requests, 3, per);
        let call = Amounts {
            requests: 1,
            ..Amounts::default()
        };
        let mut ledger = Ledger::new(begun);
        ledger.set_wall(Wall::set(begun, rfc3339(shown).unwrap()));
        let mut room = |now| {
            let room = ledger.room_at(&limits, "m", &call, Priority::Normal, now);
            if room.is_none() {
                ledger.add("m", &call, now);
            }
            room
        };
        let mut now = begun;
        for end in ends {
            for _ in 0..3 {
                assert_eq!(room(now), None, "{shown} {per:?}");
            }
            assert_eq!(room(now), Some(at(end)), "{shown} {per:?}");
            let just_before = at(end) - Duration::from_nanos(1);
            assert_eq!(room(just_before), Some(at(end)), "{shown} {per:?}");
            now = at(end);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn windows_of_a_family_leave_the_others_alone() {
    let limits = Limits::none()
        .window(
            LimitWindow::new(Counted::Requests, 1, Period::Sliding(secs(HOUR)))
                .for_models("large*"),
        )
        .rpd(4);
    let of = |model| Pool::new().vendor(vendor(model, limits.clone()));
    let pools = Pools::with_seed(1)
        .pool("m", of("large-1"))
        .pool("n", of("large-2"))
        .pool("o", of("small"));
    let vendors = Vendors::all(|| Act::Serve);
    let ask = |model| next(&pools, &vendors, request().with_model(model));
    assert_eq!(ask("m").await, 0);
    assert_eq!(ask("n").await, HOUR, "one family");
    for _ in 0..3 {
        assert_eq!(ask("o").await, 0);
    }
    assert_eq!(ask("o").await, 24 * HOUR, "and a day for all together");
    let shown = status(&pools, "a").windows;
    let shown: Vec<_> = shown
        .iter()
        .map(|window| (window.model.as_deref(), window.used))
        .collect();
    assert_eq!(shown, [(Some("large*"), 1), (None, 4)]);
}

#[tokio::test(start_paused = true)]
async fn money_is_reserved_and_settled() {
    let limits = window(Counted::Money, 10_000, Period::Fixed(secs(HOUR)));
    let vendor = vendor("large", limits).price(Price::new(10_000_000, 0));
    let pools = pools(Pool::new().vendor(vendor));
    let spent = || status(&pools, "a").windows[0].used;
    let cheap = Vendors::all(|| Act::Usage(100));
    let running = begin(&pools, &cheap, sized(800)).await.unwrap();
    assert!((8_000..8_200).contains(&spent()), "{}", spent());
    assert_eq!(next(&pools, &cheap, sized(300)).await, HOUR, "reserved");
    finish(running).await;
    assert_eq!(spent(), 1_000, "it was less");
    assert_eq!(next(&pools, &cheap, sized(300)).await, 0);
    assert_eq!(spent(), 2_000);
    let refused = Vendors::all(|| Act::Fail(error(ErrorKind::InvalidRequest)));
    call(&pools, &refused).await.unwrap_err();
    assert_eq!(spent(), 2_000, "a refusal costs nothing");
    drop(begin(&pools, &cheap, sized(700)).await.unwrap());
    assert!(spent() >= 3_000, "a call that was left is not free");
    tokio::time::advance(secs(HOUR)).await;
    assert_eq!(spent(), 0);
}

#[tokio::test(start_paused = true)]
async fn answers_are_taken_to_be_as_long_as_those_before() {
    let state = AccountState::new("p".into(), "a".into());
    let model: Arc<str> = "m".into();
    let limits = window(Counted::OutputTokens, 1_000, Period::Sliding(secs(HOUR)));
    let ask = ask(&model, &limits, 5);
    let now = Instant::now();
    let start = state.start(&ask, false, now).unwrap();
    let usage = Usage {
        output: Some(400),
        ..Usage::default()
    };
    state.completed(&model, &start, false, Some(&usage), None);
    // 400 + 400; another 400 is too much, until it is known that they were less.
    let second = state.start(&ask, false, now).unwrap();
    assert!(state.start(&ask, false, now).is_none());
    state.finish(&model, &second, output(150));
    assert!(state.start(&ask, false, now).is_some());
}

#[tokio::test(start_paused = true)]
async fn what_a_cache_is_taken_to_hold_is_not_counted_where_vendors_do_not() {
    let state = AccountState::new("p".into(), "a".into());
    let model: Arc<str> = "m".into();
    let hour = Period::Sliding(secs(HOUR));
    let limits = window(Counted::InputTokens, 1_000, hour).window(LimitWindow::new(
        Counted::Tokens,
        10_000,
        hour,
    ));
    let ask = ask(&model, &limits, 900);
    let now = Instant::now();
    let first = state.start(&ask, false, now).unwrap();
    let usage = Usage {
        input: Some(90),
        cache_read: Some(810),
        output: Some(0),
        ..Usage::default()
    };
    let left = RateWindow::new(500, Some(1_000), Some(now + secs(60)));
    let told = RateWindows::new().with(Resource::InputTokens, left);
    state.succeeded(&model, &first, &told, false, now);
    state.completed(&model, &first, false, Some(&usage), None);
    // 90 of each: the vendor has room for five, and our own window for ten.
    let starts = (0..20).filter(|_| state.start(&ask, false, now).is_some());
    assert_eq!(starts.count(), 5);
    let used: Vec<_> = state.status().windows.iter().map(|w| w.used).collect();
    assert_eq!(used, [540, 5_400, 950]);
}

#[tokio::test(start_paused = true)]
async fn a_reserve_is_kept_for_high_priority() {
    let hour = Period::Sliding(secs(HOUR));
    for limits in [
        Limits::none().rpm(10),
        Limits::none().concurrency(10),
        window(Counted::Requests, 10, hour),
        Limits::none().tpm(10 * 6),
    ] {
        let pools = one(limits.clone().reserve(0.2));
        let vendors = Vendors::all(|| Act::Serve);
        let mut open = Vec::new();
        while let Ok(response) = begin(&pools, &vendors, request()).await {
            open.push(response);
        }
        let normal = open.len();
        while let Ok(response) = begin(&pools, &vendors, high()).await {
            open.push(response);
        }
        if limits.tpm.is_none() {
            assert_eq!((normal, open.len()), (8, 10), "{limits:?}");
        } else {
            assert!(normal < open.len(), "{limits:?}: {normal}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_the_vendors_windows_too() {
    let pools = one(Limits::none().reserve(0.2));
    let reset = Instant::now() + secs(100);
    let told = RateWindow::new(3, Some(10), Some(reset));
    let told = RateWindows::new().with(Resource::Requests, told);
    let first = Vendors::all(move || Act::Tell(told.clone()));
    let silent = Vendors::all(|| Act::Serve);
    assert_eq!(next(&pools, &first, request()).await, 0);
    // Three are left, two of them for others.
    assert_eq!(next(&pools, &silent, request()).await, 0);
    assert_eq!(next(&pools, &silent, request()).await, 100);
    for expected in [0, 0, 100] {
        assert_eq!(next(&pools, &silent, high()).await, expected);
    }
    tokio::time::advance(secs(100)).await;
    assert_eq!(next(&pools, &silent, request()).await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_counted_down_between_answers() {
    // Pain P105: what the vendor told is soon old.
    let told = |left| {
        let reset = Instant::now() + secs(60);
        let window = RateWindow::new(left, Some(100), Some(reset));
        RateWindows::new().with(Resource::Requests, window)
    };
    let pools = one(Limits::none());
    let silent = Vendors::all(|| Act::Serve);
    let five = Vendors::all(move || Act::Tell(told(5)));
    assert_eq!(next(&pools, &five, request()).await, 0);
    let mut served = 0;
    while next(&pools, &silent, request()).await == 0 {
        served += 1;
    }
    assert_eq!(served, 5);
    let shown = &status(&pools, "a").windows[0];
    assert_eq!(
        (shown.used, shown.limit, shown.told),
        (100, Some(100), true)
    );
    assert!(pools.reset("acme", "a"));
    assert_eq!(next(&pools, &silent, request()).await, 0, "an operator");
}

#[tokio::test(start_paused = true)]
async fn an_older_answer_does_not_bring_back_what_is_gone() {
    let state = AccountState::new("p".into(), "a".into());
    let model: Arc<str> = "m".into();
    let limits = Limits::none();
    let ask = ask(&model, &limits, 0);
    let now = Instant::now();
    let told = |left| {
        let window = RateWindow::new(left, Some(100), Some(now + secs(60)));
        RateWindows::new().with(Resource::Requests, window)
    };
    let starts: Vec<_> = (0..4)
        .map(|_| state.start(&ask, false, now).unwrap())
        .collect();
    // The third call's answer comes first; the fourth is not counted there yet.
    state.succeeded(&model, &starts[2], &told(2), false, now);
    state.succeeded(&model, &starts[0], &told(4), false, now);
    assert!(state.start(&ask, false, now).is_some());
    assert!(state.start(&ask, false, now).is_none());
    // One that was never sent gives its place back.
    state.undo(&model, &starts[3]);
    assert!(state.start(&ask, false, now).is_some());
    assert!(state.start(&ask, false, now).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_fills_is_used_as_it_fills() {
    let told = RateWindow::new(0, Some(3), Some(Instant::now() + secs(60)));
    let told = RateWindows::new().with(Resource::Requests, told.with_refill(secs(60)));
    let pools = one(Limits::none());
    let first = Vendors::all(move || Act::Tell(told.clone()));
    let silent = Vendors::all(|| Act::Serve);
    next(&pools, &first, request()).await;
    // A third of a minute for each of three; a wait is never told too short.
    assert_eq!(next(&pools, &silent, request()).await, 21);
    assert!(status(&pools, "a").cooldowns.is_empty());
    tokio::time::advance(secs(20)).await;
    assert_eq!(next(&pools, &silent, request()).await, 0);
    assert_eq!(next(&pools, &silent, request()).await, 21);
    tokio::time::advance(secs(45)).await;
    for expected in [0, 0, 16] {
        assert_eq!(next(&pools, &silent, request()).await, expected);
    }
    tokio::time::advance(secs(600)).await;
    assert_eq!(next(&pools, &silent, request()).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_larger_than_what_is_left_waits_and_a_small_one_goes() {
    let reset = Instant::now() + secs(50);
    let told = RateWindow::new(200, Some(1_000), Some(reset));
    let told = RateWindows::new().with(Resource::Tokens, told);
    let pools = one(Limits::none());
    let first = Vendors::all(move || Act::Tell(told.clone()));
    let silent = Vendors::all(|| Act::Serve);
    next(&pools, &first, request()).await;
    assert_eq!(next(&pools, &silent, sized(500)).await, 50);
    assert_eq!(next(&pools, &silent, sized(50)).await, 0);
    tokio::time::advance(secs(50)).await;
    assert_eq!(next(&pools, &silent, sized(5_000)).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_used_up_is_so_for_all_models_but_a_familys_only_for_it() {
    for (scope, family, others) in [
        (Scope::Account, None, 100),
        (Scope::Model, Some("large"), 0),
        (Scope::Model, Some("huge"), 0),
    ] {
        let mut window = RateWindow::new(0, Some(10_000), Some(Instant::now() + secs(100)));
        window.family = family;
        let told = RateWindows::new().with(Resource::Subscription, window.with_scope(scope));
        let of = |model| Pool::new().vendor(vendor(model, Limits::none()));
        let pools = Pools::with_seed(1)
            .pool("m", of("large"))
            .pool("n", of("small"));
        let first = Vendors::all(move || Act::Tell(told.clone()));
        let silent = Vendors::all(|| Act::Serve);
        next(&pools, &first, request()).await;
        let own = if family == Some("huge") { 0 } else { 100 };
        assert_eq!(next(&pools, &silent, high()).await, own, "{family:?}");
        let other = request().with_model("n");
        assert_eq!(next(&pools, &silent, other).await, others, "{family:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_expires_first_is_used_first() {
    let hours = |n| secs(n * HOUR);
    // A week that has most left, five hours that end soon, and no window at all.
    let vendor = Vendor::new(provider("acme"), "large")
        .account(
            limited(
                "week",
                window(Counted::Requests, 1_000, Period::Fixed(hours(168))),
            ),
            1,
        )
        .account(
            limited(
                "hours",
                window(Counted::Requests, 10, Period::Fixed(hours(5))),
            ),
            1,
        )
        .account(account("paid"), 1);
    let pools = pools(Pool::new().vendor(vendor).balance(UseBeforeReset::new()));
    let vendors = Vendors::all(|| Act::Serve);
    let mut served = Vec::new();
    for _ in 0..12 {
        let mut open = Vec::new();
        for _ in 0..3 {
            open.push(begin(&pools, &vendors, request()).await.unwrap());
        }
        for response in open {
            served.push(response.served.account.to_string());
            finish(response).await;
        }
    }
    let count = |served: &[String], name: &str| served.iter().filter(|n| *n == name).count();
    assert_eq!(count(&served, "hours"), 10, "all of it: {served:?}");
    let first = &served[..10];
    assert_eq!(count(first, "hours"), 10, "and before all else: {first:?}");
    assert_eq!(count(&served, "week"), 26, "then the week: {served:?}");
    tokio::time::advance(hours(5)).await;
    assert_eq!(call(&pools, &vendors).await.unwrap(), "hours");
}

fn ask<'a>(model: &'a Arc<str>, limits: &'a Limits, tokens: u64) -> Ask<'a> {
    Ask {
        model,
        limits,
        tokens,
        priority: Priority::Normal,
        price: None,
    }
}

fn output(tokens: u64) -> Cost {
    Cost::Known(Amounts {
        requests: 1,
        output: tokens,
        ..Amounts::default()
    })
}

/// A call arrives, one of those that run ends, or time goes by.
#[derive(Clone, Debug)]
enum Step {
    Arrive(u64),
    /// Which one, and how much of what was foreseen it took, in per cent.
    End(usize, u64),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..120_u64).prop_map(Step::Arrive),
        3 => (0..64_usize, 0..=100_u64).prop_map(|(which, share)| Step::End(which, share)),
        2 => (0..20_000_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #[test]
    fn no_window_ever_holds_more_than_its_limit(
        steps in proptest::collection::vec(step(), 1..300),
        requests in 1..30_u64,
        tokens in 120..1_000_u64,
        length in 1..40_u64,
        fixed in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let length = secs(length);
            let per = match fixed {
                true => Period::Fixed(length),
                false => Period::Sliding(length),
            };
            let limits = window(Counted::Requests, requests, per)
                .window(LimitWindow::new(Counted::Tokens, tokens, per));
            let state = AccountState::new("p".into(), "a".into());
            let model: Arc<str> = "m".into();
            // When each call began, and what it took or was foreseen to take.
            let mut calls: Vec<(Instant, u64)> = Vec::new();
            let mut running: Vec<(usize, Start)> = Vec::new();
            // When the fixed windows began.
            let mut begun: Option<Instant> = None;
            for step in steps {
                let now = Instant::now();
                match step {
                    Step::Arrive(tokens) => {
                        let ask = ask(&model, &limits, tokens);
                        let free = state.standing(&ask, now) == Standing::Free;
                        let start = state.start(&ask, false, now);
                        assert_eq!(free, start.is_some(), "it does what it says");
                        if let Some(start) = start {
                            if begun.is_none_or(|begun| now >= begun + length) {
                                begun = Some(now);
                            }
                            running.push((calls.len(), start));
                            calls.push((now, tokens));
                        }
                    }
                    Step::End(which, share) if !running.is_empty() => {
                        let (call, start) = running.swap_remove(which % running.len());
                        let real = calls[call].1 * share / 100;
                        calls[call].1 = real;
                        let cost = Amounts { requests: 1, input: real, ..Amounts::default() };
                        state.finish(&model, &start, Cost::Known(cost));
                    }
                    Step::End(..) => {}
                    Step::Pass(ms) => tokio::time::advance(Duration::from_millis(ms)).await,
                }
                let now = Instant::now();
                let inside = calls.iter().filter(|(at, _)| match (fixed, begun) {
                    (true, Some(begun)) => *at >= begun,
                    _ => now < *at + length,
                });
                let (count, sum) = inside.fold((0, 0), |(n, sum), (_, t)| (n + 1, sum + t));
                assert!(count <= requests, "{count} of {requests} requests");
                assert!(sum <= tokens, "{sum} of {tokens} tokens");
            }
        });
    }
}
