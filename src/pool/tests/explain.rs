//! What is explained is what then happens.

use std::pin::pin;

use futures_util::FutureExt;
use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use tokio::task::JoinSet;

use super::*;
use crate::{
    request::{Caller, Priority},
    upstream::{Counted, LimitWindow, Limits, Period, Price},
};

/// One account of a random pool.
#[derive(Clone, Debug)]
struct Seat {
    vendor: usize,
    /// Two seats may have the same account.
    account: usize,
    weight: u32,
    limits: Limits,
    enabled: bool,
}

/// Something that happened before.
#[derive(Clone, Debug)]
enum Past {
    Calls(usize),
    Open,
    /// A call in the background, which waits if it must: its session and tokens, and how many seconds it is served for.
    Waits(u32, usize, u64),
    Fails(usize, ErrorKind, Option<u64>),
    Health(usize, bool),
    Passes(u64),
    Breaks,
}

fn limits() -> impl Strategy<Value = Limits> {
    let some =
        |range: std::ops::Range<u64>| prop_oneof![3 => Just(None), 1 => range.prop_map(Some)];
    let plain = (some(0..6), some(50..4_000), some(0..4), some(0..9));
    let plain = plain.prop_map(|(rpm, tpm, calls, interval)| {
        let mut limits = Limits::none().min_interval(secs(interval.unwrap_or(0)));
        limits.rpm = rpm;
        limits.tpm = tpm;
        limits.concurrency = calls.map(|n| n as u32);
        limits
    });
    let more = (prop::option::of(window()), some(1..900), 0..4_u32);
    (plain, more).prop_map(|(mut limits, (window, reserve, adaptive))| {
        limits.windows.extend(window);
        limits.reserve = reserve.unwrap_or(0) as u16;
        limits.adaptive = adaptive == 0;
        limits
    })
}

fn window() -> impl Strategy<Value = LimitWindow> {
    let what = prop_oneof![
        (0..6_u64).prop_map(|n| (Counted::Requests, n)),
        (50..4_000_u64).prop_map(|n| (Counted::Tokens, n)),
        (50..4_000_u64).prop_map(|n| (Counted::OutputTokens, n)),
    ];
    let per = prop_oneof![
        (10..400_u64).prop_map(|n| Period::Sliding(secs(n))),
        (10..400_u64).prop_map(|n| Period::Fixed(secs(n))),
    ];
    (what, per).prop_map(|((what, amount), per)| LimitWindow::new(what, amount, per))
}

fn seat() -> impl Strategy<Value = Seat> {
    (0..4_usize, 0..8_usize, 0..4_u32, limits(), 0..8_u32).prop_map(
        |(vendor, account, weight, limits, enabled)| Seat {
            vendor,
            account,
            weight,
            limits,
            enabled: enabled > 0,
        },
    )
}

fn past() -> impl Strategy<Value = Past> {
    let kind = prop::sample::select(vec![
        ErrorKind::RateLimited,
        ErrorKind::QuotaExhausted,
        ErrorKind::Authentication,
        ErrorKind::Server,
        ErrorKind::Connection,
    ]);
    prop_oneof![
        (1..6_usize).prop_map(Past::Calls),
        Just(Past::Open),
        waits(),
        (1..5_usize, kind, prop::option::of(1..90_u64)).prop_map(|(n, k, s)| Past::Fails(n, k, s)),
        (0..8_usize, any::<bool>()).prop_map(|(a, well)| Past::Health(a, well)),
        (1..70_u64).prop_map(Past::Passes),
        Just(Past::Breaks),
    ]
}

fn waits() -> impl Strategy<Value = Past> {
    (0..6_u32, 0..900_usize, 1..40_u64)
        .prop_map(|(who, tokens, busy)| Past::Waits(who, tokens, busy))
}

/// What happens where more come than can be served.
fn rush() -> impl Strategy<Value = Vec<Past>> {
    let passes = (0..9_u64).prop_map(Past::Passes);
    prop::collection::vec(prop_oneof![6 => waits(), 1 => past(), 1 => passes], 1..24)
}

/// Seats, and the vendors: weight, window and price.
type World = (
    Vec<Seat>,
    [(u32, Option<u64>, Option<u64>); 4],
    usize,
    u64,
    u64,
);

fn world() -> impl Strategy<Value = World> {
    let vendor = || {
        (
            0..4_u32,
            prop::option::of(prop::sample::select(vec![100, 1_000, 9_000_u64])),
            prop::option::of(1..3_u64),
        )
    };
    (
        // Some pools are large.
        prop_oneof![3 => prop::collection::vec(seat(), 1..9), 1 => prop::collection::vec(seat(), 36..80)],
        [vendor(), vendor(), vendor(), vendor()],
        0..8_usize,
        0..20_u64,
        any::<u64>(),
    )
}

/// Few accounts, each with few places or few tokens, where one may wait for long.
fn crowded() -> impl Strategy<Value = World> {
    let seats = prop::collection::vec((seat(), 0..3_u32), 1..4);
    (world(), seats, 11..100_u64).prop_map(|(world, seats, wait)| {
        let seats = seats.into_iter().map(|(mut seat, calls)| {
            match calls {
                0 => seat.limits = Limits::none().tpm(2_000).reserve(0.3),
                _ => seat.limits.concurrency = Some(calls),
            }
            seat.enabled = true;
            seat
        });
        (seats.collect(), world.1, world.2, wait, world.4)
    })
}

fn build((seats, vendors, balance, wait, seed): &World) -> Pools {
    let weigh = |caller: &Caller| caller.id.as_ref().map_or(1, |id| id.len() as u32);
    let mut pool = Pool::new()
        .wait(secs(wait.saturating_sub(10)))
        .queue(7, 4)
        .weigh(weigh)
        .failures(2);
    pool = match balance {
        0 => pool.balance(Weighted::new()),
        1 => pool.balance(RoundRobin::new()),
        2 => pool.balance(LeastBusy::new()),
        3 => pool.balance(Fastest::new()),
        4 => pool.balance(Headroom::new()),
        5 => pool.balance(UseBeforeReset::new()),
        6 => pool.balance(Cheapest::new()),
        _ => pool.balance(Sticky::new()),
    };
    for (index, (weight, window, price)) in vendors.iter().enumerate() {
        let name = ["v0", "v1", "v2", "v3"][index];
        let mut vendor = Vendor::new(provider(name), "large").weight(*weight);
        if let Some(window) = window {
            vendor = vendor.context_window(*window);
        }
        if let Some(price) = price {
            vendor = vendor.price(Price::new(*price, *price));
        }
        for (place, seat) in seats.iter().enumerate().filter(|(_, s)| s.vendor == index) {
            // Small pools have accounts twice.
            let number = if seats.len() > 20 {
                place
            } else {
                seat.account
            };
            let account = limited(&format!("a{number}"), seat.limits.clone());
            vendor = match seat.enabled {
                true => vendor.account(account, seat.weight),
                false => vendor.disabled_account(account),
            };
        }
        pool = pool.vendor(vendor);
    }
    Pools::with_seed(*seed).pool("m", pool)
}

fn asked(session: u32, tokens: usize) -> ModelRequest {
    let mut request = sized(tokens);
    request.affinity = Some(session.to_string().into());
    // Some have more than one session, and the longer the name the more weight.
    request.caller = Caller {
        id: Some("c".repeat(1 + session as usize % 4).into()),
    };
    request.with_priority(match session % 3 {
        0 => Priority::High,
        1 => Priority::Normal,
        _ => Priority::Low,
    })
}

/// What came of a call where others waited.
type Place = Option<(QueuePlace, bool)>;

/// All who can run have run.
async fn settled() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

async fn live(world: World, history: Vec<Past>, session: u32, tokens: usize) -> Place {
    let pools = build(&world);
    let mut open = Vec::new();
    let mut background = JoinSet::new();
    for event in history {
        let n = |n: usize| u32::try_from(n).unwrap();
        match event {
            Past::Calls(times) => {
                let vendors = Vendors::all(|| Act::Usage(40));
                for time in 0..times {
                    let _ = call_with(&pools, &vendors, asked(n(time), 20)).await;
                }
            }
            Past::Open => {
                open.extend(begin(&pools, &Vendors::all(|| Act::Serve), asked(1, 9)).await)
            }
            Past::Waits(session, tokens, busy) => {
                let pools = pools.clone();
                background.spawn(async move {
                    let vendors = Vendors::all(move || Act::Slow(secs(busy)));
                    let _ = call_with(&pools, &vendors, asked(session, tokens)).await;
                });
            }
            Past::Fails(times, kind, after) => {
                let failure = move || match after {
                    Some(after) => error(kind).with_retry_after(secs(after)),
                    None => error(kind),
                };
                let vendors = Vendors::new(move |attempt| match attempt.number {
                    1 => Act::Fail(failure()),
                    _ => Act::Serve,
                });
                for time in 0..times {
                    let _ = call_with(&pools, &vendors, asked(n(time), 20)).await;
                }
            }
            Past::Health(account, well) => {
                let told = error(ErrorKind::Connection);
                let found = if well { Ok(()) } else { Err(&told) };
                for vendor in ["v0", "v1", "v2", "v3"] {
                    pools.report_health(vendor, &format!("a{account}"), found);
                }
            }
            Past::Passes(seconds) => tokio::time::advance(secs(seconds)).await,
            Past::Breaks => {
                let _ = call_with(&pools, &Vendors::all(|| Act::Break), asked(2, 20)).await;
            }
        }
    }
    settled().await;
    let (status, waiting) = (pools.snapshot(), pools.waiting());
    let explained = pools.explain(&asked(session, tokens));
    assert_eq!(
        explained,
        pools.explain(&asked(session, tokens)),
        "it changes nothing"
    );
    assert_eq!((status, waiting), (pools.snapshot(), pools.waiting()));
    assert!(explained.exact);
    let order: Vec<_> = explained
        .candidates
        .iter()
        .filter(|candidate| candidate.turn.is_some())
        .map(|candidate| candidate.account.clone())
        .collect();
    let turns: Vec<_> = explained.candidates.iter().filter_map(|c| c.turn).collect();
    assert!(
        turns.iter().copied().eq(1..=turns.len() as u32),
        "{turns:?}"
    );
    assert!(explained.candidates.iter().all(|c| !c.why.is_empty()));

    let vendors = Vendors::all(|| Act::Fail(error(ErrorKind::Server)));
    let before = Instant::now();
    let mut call = pin!(begin(&pools, &vendors, asked(session, tokens)));
    let place = explained.queue.as_ref().map(|queue| queue.place);
    let overtakes = place.is_some() && !order.is_empty();
    let place = place.map(|place| (place, overtakes));
    while background.try_join_next().is_some() {}
    // Whoever is served in the background may end at any time.
    if explained.waits_ms.is_some() && !background.is_empty() {
        for _ in 0..50 {
            let polled = call.as_mut().now_or_never();
            assert!(polled.is_none(), "{explained:#?}");
            tokio::task::yield_now().await;
        }
        assert!(order.is_empty() && vendors.seen().is_empty());
        assert_eq!(pools.waiting(), waiting + 1);
        return place;
    }
    let told = call.await.unwrap_err();
    let seen = vendors.seen();
    if let Some(ms) = explained.waits_ms {
        assert!(order.is_empty() && before.elapsed() >= Duration::from_millis(ms));
        return place;
    }
    assert_eq!(before.elapsed(), Duration::ZERO, "{explained:#?}");
    assert_eq!(vendors.accounts(), order, "{explained:#?}");
    match explained.refused {
        None => assert!(!seen.is_empty()),
        Some(refused) => {
            assert!(seen.is_empty());
            assert_eq!(refused.kind, told.kind().as_str());
            assert_eq!(refused.message, told.message());
            assert_eq!(
                refused.retry_after_ms.map(Duration::from_millis),
                told.retry_after()
            );
        }
    }
    place
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_is_explained_then_happens(
        world in world(),
        history in prop::collection::vec(past(), 0..10),
        session in 0..5_u32,
        tokens in prop::sample::select(vec![0_usize, 60, 500, 5_000, 50_000]),
    ) {
        run(live(world, history, session, tokens));
    }
}

fn run<T>(story: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(story)
}

/// The same where others wait; and everything that can come of that does.
#[test]
fn what_is_explained_of_a_queue_then_happens() {
    let found = std::cell::RefCell::new(std::collections::BTreeMap::<String, u32>::new());
    let config = ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    // The same every time, for all that can come of it is to be seen.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let story = (crowded(), rush(), 0..6_u32, 0..2_000_usize);
    let told = runner.run(&story, |(world, history, session, tokens)| {
        let place = run(live(world, history, session, tokens));
        *found.borrow_mut().entry(format!("{place:?}")).or_default() += 1;
        Ok(())
    });
    told.unwrap_or_else(|failure| panic!("{failure}"));
    let found = found.into_inner();
    assert_eq!(found.len(), 5, "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn every_reason_is_told() {
    let busy = limited("busy", Limits::none().concurrency(1));
    let spent = limited("spent", Limits::none().rpm(1));
    let vendor = Vendor::new(provider("acme"), "large")
        .account(account("free"), 2)
        .account(account("spare"), 0)
        .account(account("firm"), 1)
        .account(account("soft"), 1)
        .account(account("key"), 1)
        .account(busy.clone(), 1)
        .account(spent.clone(), 1)
        .disabled_account(account("off"));
    let small = Vendor::new(provider("tiny"), "small")
        .context_window(10)
        .account(account("small"), 1);
    // The same accounts, alone, to give them a past.
    let alone = |account: &Arc<Account>| {
        Pool::new().vendor(Vendor::new(provider("acme"), "large").account(account.clone(), 1))
    };
    let pools = pools(Pool::new().vendor(vendor).vendor(small))
        .pool("busy", alone(&busy))
        .pool("spent", alone(&spent));
    let vendors = Vendors::all(|| Act::Serve);
    let open = begin(&pools, &vendors, request().with_model("busy"))
        .await
        .unwrap();
    call_with(&pools, &vendors, request().with_model("spent"))
        .await
        .unwrap();
    assert!(pools.report_health("acme", "firm", Err(&rate_limited(30))));
    assert!(pools.report_health("acme", "key", Err(&error(ErrorKind::Authentication))));
    assert!(pools.report_health("acme", "soft", Err(&error(ErrorKind::RateLimited))));

    let told = serde_json::to_value(pools.explain(&sized(100))).unwrap();
    let line = |account: &str| {
        let all = told["candidates"].as_array().unwrap();
        let found = all.iter().find(|c| c["account"] == account).unwrap();
        let why = found["why"].as_str().unwrap();
        let why = why.split([',', ';']).next().unwrap().to_owned();
        (found["state"].clone(), found["turn"].as_u64(), why)
    };
    let cooling = |reason: &str, firm: bool, ms: u64| {
        serde_json::json!({"is": "cooling", "reason": reason, "firm": firm, "breaker": false,
            "whole_account": true, "remaining_ms": ms})
    };
    let free = serde_json::json!({"is": "free"});
    for (account, state, turn, why) in [
        ("free", free.clone(), Some(1), "turn 1: free"),
        ("spare", free, Some(2), "turn 2: a spare (weight 0)"),
        (
            "soft",
            cooling("rate_limited", false, 30_000),
            Some(3),
            "turn 3: nobody else is left",
        ),
        (
            "key",
            cooling("authentication", false, 600_000),
            None,
            "passed over: left alone for 600000 ms more",
        ),
        (
            "firm",
            cooling("rate_limited", true, 30_000),
            None,
            "passed over: the vendor said not to come back for 30000 ms more",
        ),
        (
            "busy",
            serde_json::json!({"is": "busy", "limit": "concurrency", "free_in_ms": null}),
            None,
            "passed over: as many calls as it may serve",
        ),
        (
            "spent",
            serde_json::json!({"is": "busy", "limit": "rpm", "free_in_ms": 60_000}),
            None,
            "passed over: at a limit of its own for 60000 ms more",
        ),
        (
            "small",
            serde_json::json!({"is": "window_too_small"}),
            None,
            "passed over: about 109 input tokens do not fit its context window",
        ),
        (
            "off",
            serde_json::json!({"is": "disabled"}),
            None,
            "passed over: it is switched off",
        ),
    ] {
        assert_eq!(line(account), (state, turn, why.to_owned()), "{account}");
    }
    drop(open);
    let unknown = pools.explain(&request().with_model("x"));
    assert_eq!(unknown.refused.unwrap().kind, "not_found");
}

#[tokio::test(start_paused = true)]
async fn a_balance_that_cannot_be_copied_is_said_to_be_a_guess() {
    #[derive(Debug)]
    struct Counting;
    impl Balance for Counting {
        fn pick(&self, _: &[Candidate<'_>], _: &crate::rng::Rng) -> usize {
            unreachable!("an explanation must not count")
        }
    }
    let explained = pools(pool(&["a", "b"]).balance(Counting)).explain(&request());
    assert!(!explained.exact && explained.first().is_some());
}

#[tokio::test(start_paused = true)]
async fn whoever_is_free_is_not_free_for_those_who_would_overtake() {
    let vendor = Vendor::new(provider("acme"), "large");
    let vendor = vendor.account(limited("a", Limits::none().tpm(1_000)), 1);
    let pools = pools(Pool::new().vendor(vendor).wait(secs(60)).queue(2, 2));
    let vendors = Vendors::all(|| Act::Serve);
    call_with(&pools, &vendors, sized(600)).await.unwrap();
    let mut waits = pin!(call_with(&pools, &vendors, sized(600)));
    assert!(waits.as_mut().now_or_never().is_none());

    let told = pools.explain(&request());
    assert_eq!(told.candidates[0].state, CandidateState::Free);
    let why = "free, but those who wait already go first";
    assert_eq!(
        (told.candidates[0].turn, &*told.candidates[0].why),
        (None, why)
    );
    assert_eq!((told.waits_ms, &told.refused), (Some(0), &None));
    let queue = told.queue.unwrap();
    assert_eq!(
        (queue.waiting, queue.ahead, queue.place),
        (1, 1, QueuePlace::Behind)
    );

    // There are two places in the queue.
    let mut too = pin!(call(&pools, &vendors));
    assert!(too.as_mut().now_or_never().is_none());
    let told = pools.explain(&request());
    let refused = told.refused.unwrap();
    assert!(refused.message.contains("no more may"), "{refused:?}");
    assert_eq!(told.queue.unwrap().place, QueuePlace::TurnedAway);
    let urgent = pools.explain(&request().with_priority(Priority::High));
    assert_eq!(urgent.first().unwrap().account, "a");
    let queue = serde_json::to_value(urgent.queue).unwrap();
    let expected = serde_json::json!({"waiting": 2, "ahead": 0, "place": "at_once",
        "why": "it is more urgent than the 2 calls that wait"});
    assert_eq!(queue, expected);
}
