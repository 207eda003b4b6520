//! Who is asked, and who next.

use super::*;
use crate::{CallBudget, RetryBudget};

#[tokio::test(start_paused = true)]
async fn an_unknown_model_is_said_to_be_unknown() {
    let pools = pools(pool(&["a"]));
    let vendors = Vendors::all(|| Act::Serve);
    let error = begin(&pools, &vendors, request().with_model("gpt-5"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.code(), Some("model_not_found"));
    assert_eq!(error.param(), Some("model"));
    assert!(
        error.message().starts_with("no model `gpt-5` here;"),
        "{error}"
    );
    let error = begin(&pools, &vendors, request().with_model("ü".repeat(9_999)))
        .await
        .unwrap_err();
    assert!(error.message().len() < 300);
    assert!(vendors.seen().is_empty());
    assert!(pools.contains("m") && !pools.contains("gpt-5"));
}

#[tokio::test(start_paused = true)]
async fn calls_are_split_two_to_one() {
    let vendor = Vendor::new(provider("acme"), "large")
        .account(account("heavy"), 2)
        .account(account("light"), 1);
    let pools = pools(Pool::new().vendor(vendor));
    let vendors = Vendors::all(|| Act::Serve);
    for _ in 0..3_000 {
        call(&pools, &vendors).await.unwrap();
    }
    let heavy = vendors.accounts().iter().filter(|a| *a == "heavy").count();
    assert!((1_960..=2_040).contains(&heavy), "{heavy}");
}

#[tokio::test(start_paused = true)]
async fn the_next_account_is_asked_with_the_next_number() {
    let pools = pools(pool(&["a", "b", "c"]).balance(First));
    let vendors = Vendors::by_account(|account| match account {
        "a" => Some(error(ErrorKind::Server)),
        "b" => Some(error(ErrorKind::Unsupported)),
        _ => None,
    });
    let response = begin(&pools, &vendors, request()).await.unwrap();
    assert_eq!(
        (&*response.served.account, response.served.attempts),
        ("c", 3)
    );
    let numbers: Vec<_> = vendors.seen().iter().map(|seen| seen.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

/// The first of the candidates.
#[derive(Debug)]
struct First;

impl Balance for First {
    fn pick(&self, _: &[Candidate<'_>], _: &Rng) -> usize {
        0
    }
}

#[tokio::test(start_paused = true)]
async fn a_balance_that_points_nowhere_means_the_first() {
    #[derive(Debug)]
    struct Wild;
    impl Balance for Wild {
        fn pick(&self, candidates: &[Candidate<'_>], _: &Rng) -> usize {
            assert_eq!(
                (candidates[0].provider, candidates[0].model),
                ("acme", "large")
            );
            usize::MAX
        }
    }
    let pools = pools(pool(&["a", "b"]).balance(Wild));
    let vendors = Vendors::all(|| Act::Serve);
    assert_eq!(call(&pools, &vendors).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn the_callers_fault_is_told_at_once_and_punishes_nobody() {
    // Pain P95.
    let pools = pools(pool(&["a", "b"]).failures(1));
    for kind in [
        ErrorKind::InvalidRequest,
        ErrorKind::ContentFilter,
        ErrorKind::Denied,
        ErrorKind::Cancelled,
    ] {
        let vendors = Vendors::all(move || Act::Fail(error(kind)));
        assert_eq!(call(&pools, &vendors).await.unwrap_err().kind(), kind);
        assert_eq!(vendors.seen().len(), 1, "{kind}");
    }
    assert!(
        pools
            .snapshot()
            .iter()
            .all(|status| status.cooldowns.is_empty())
    );
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_the_most_informative_error_is_told() {
    let pools = pools(pool(&["a", "b", "c"]).balance(First));
    let vendors = Vendors::by_account(|account| {
        Some(match account {
            "a" => error(ErrorKind::Authentication),
            "b" => rate_limited(7),
            _ => error(ErrorKind::Server),
        })
    });
    let told = call(&pools, &vendors).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::RateLimited);
    assert_eq!(told.retry_after(), Some(secs(7)));
    assert_eq!(&*told.served().unwrap().account, "b");
    assert_eq!(vendors.seen().len(), 3, "each once");
}

#[tokio::test(start_paused = true)]
async fn the_same_account_and_model_is_not_asked_twice_though_listed_twice() {
    let twice = pool(&["a", "a"]);
    let vendors = Vendors::all(|| Act::Fail(error(ErrorKind::Server)));
    call(&pools(twice), &vendors).await.unwrap_err();
    assert_eq!(vendors.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_prompt_too_long_only_moves_to_larger_windows() {
    let vendor = |name, window: Option<u64>| {
        let vendor = Vendor::new(provider("acme"), name).account(account(name), 1);
        match window {
            Some(tokens) => vendor.context_window(tokens),
            None => vendor,
        }
    };
    let windows = Pool::new()
        .balance(First)
        .vendor(vendor("middle", Some(2_000)))
        .vendor(vendor("small", Some(1_000)))
        .vendor(vendor("same", Some(2_000)))
        .vendor(vendor("unknown", None))
        .vendor(vendor("large", Some(9_000)));
    let vendors = Vendors::all(|| Act::Fail(error(ErrorKind::ContextLength)));
    let told = call(&pools(windows), &vendors).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::ContextLength);
    assert_eq!(vendors.accounts(), ["middle", "large"]);
}

#[tokio::test(start_paused = true)]
async fn windows_that_are_clearly_too_small_are_not_tried_unless_all_are() {
    let vendor = |name, window| {
        Vendor::new(provider("acme"), name)
            .account(account(name), 1)
            .context_window(window)
    };
    let pools = pools(
        Pool::new()
            .balance(First)
            .vendor(vendor("small", 1_000))
            .vendor(vendor("large", 5_000)),
    );
    let vendors = Vendors::all(|| Act::Serve);
    for tokens in [10, 2_000, 80_000] {
        call_with(&pools, &vendors, sized(tokens)).await.unwrap();
    }
    assert_eq!(vendors.accounts(), ["small", "large", "large"]);
}

#[tokio::test(start_paused = true)]
async fn weight_zero_is_a_spare_and_disabled_is_never() {
    let vendor = |name, weight| {
        Vendor::new(provider("acme"), "large")
            .weight(weight)
            .account(account(name), 1)
    };
    let pools = pools(
        Pool::new()
            .balance(First)
            .vendor(vendor("off", 5).enabled(false))
            .vendor(vendor("spare", 0))
            .vendor(vendor("main", 1).disabled_account(account("shut"))),
    );
    let healthy = Vendors::all(|| Act::Serve);
    for _ in 0..10 {
        assert_eq!(call(&pools, &healthy).await.unwrap(), "main");
    }
    let failing = Vendors::all(|| Act::Fail(error(ErrorKind::Server)));
    call(&pools, &failing).await.unwrap_err();
    assert_eq!(failing.accounts(), ["main", "spare"]);
    assert_eq!(pools.snapshot().len(), 4, "all are shown");
}

#[tokio::test(start_paused = true)]
async fn a_pool_without_anybody_is_out_for_good() {
    let pools = pools(Pool::new().wait(secs(60)));
    let told = call(&pools, &Vendors::all(|| Act::Serve))
        .await
        .unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Exhausted);
    assert_eq!(told.retry_after(), None);
}

#[tokio::test(start_paused = true)]
async fn the_calls_budget_ends_the_walk_with_the_error_so_far() {
    let pools = pools(pool(&["a", "b", "c"]));
    let vendors = Vendors::all(|| Act::Fail(error(ErrorKind::Server)));
    let request = request();
    request.budget.limit(2, &RetryBudget::default());
    let told = call_with(&pools, &vendors, request.clone())
        .await
        .unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Server);
    assert_eq!(vendors.seen().len(), 2);
    let told = call_with(&pools, &vendors, request).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Exhausted, "nothing was tried");
    assert_eq!(vendors.seen().len(), 2);
    let requests: u64 = pools
        .snapshot()
        .iter()
        .map(|s| s.requests_last_minute)
        .sum();
    assert_eq!(requests, 2, "what was not sent does not count");
    assert!(nobody_in_flight(&pools));
}

#[tokio::test(start_paused = true)]
async fn after_the_deadline_nobody_is_asked() {
    let pools = pools(pool(&["a"]));
    let vendors = Vendors::all(|| Act::Serve);
    let mut late = request();
    late.budget = CallBudget::new().with_timeout(secs(1));
    tokio::time::advance(secs(1)).await;
    let told = call_with(&pools, &vendors, late).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Timeout);
    assert!(vendors.seen().is_empty() && nobody_in_flight(&pools));
}

#[tokio::test(start_paused = true)]
async fn a_wildcard_passes_the_name_through() {
    let pools = Pools::with_seed(1)
        .pool(
            "acme/*",
            Pool::new().vendor(Vendor::new(provider("acme"), "*").account(account("a"), 1)),
        )
        .pool(
            "large",
            Pool::new().vendor(Vendor::same_model(provider("acme")).account(account("a"), 1)),
        );
    let vendors = Vendors::all(|| Act::Serve);
    for model in ["acme/tiny", "large"] {
        begin(&pools, &vendors, request().with_model(model))
            .await
            .unwrap();
    }
    let models: Vec<_> = vendors.seen().into_iter().map(|seen| seen.model).collect();
    assert_eq!(models, ["tiny", "large"]);
    assert_eq!(pools.models(), ["large"]);
    assert_eq!(pools.snapshot().len(), 1, "one account in two pools");
}

#[tokio::test(start_paused = true)]
async fn a_service_is_called_as_the_one_that_was_ready() {
    // The vendors assert it in every test; here the same service serves call after call, each over two attempts.
    let pools = pools(pool(&["a", "b"]).failures(0));
    let vendors = Vendors::new(|attempt| match attempt.number {
        1 => Act::Fail(error(ErrorKind::Connection)),
        _ => Act::Serve,
    });
    let mut service = PoolLayer::new(pools).layer(vendors.clone());
    for _ in 0..3 {
        service
            .ready()
            .await
            .unwrap()
            .call(request())
            .await
            .unwrap();
    }
    assert_eq!(vendors.seen().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn readiness_is_that_of_the_service_below() {
    let (mock, mut handle) = tower_test::mock::pair::<Attempt, ModelResponse>();
    handle.allow(0);
    let mut service = tokio_test::task::spawn(PoolLayer::new(pools(pool(&["a"]))).layer(mock));
    let ready = service.enter(|cx, mut service| service.poll_ready(cx).is_ready());
    assert!(!ready);
    handle.allow(1);
    let ready = service.enter(|cx, mut service| service.poll_ready(cx).is_ready());
    assert!(ready);
}
