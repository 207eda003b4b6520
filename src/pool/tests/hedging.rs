//! A second attempt while the first account is silent.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;

use super::*;
use crate::{
    HedgeLayer, RetryBackoffLayer, RetryBudget,
    dialect::openai_responses::OpenAiResponses,
    hedge::{Hedge, HedgePolicy, HedgeStatus, Hedges},
    issued::{AccountTag, Pin as Pinned},
    request::{EmbeddingForm, ImageTask},
    retry::RetryPolicy,
    testing::{Script, Vendor as Scripted},
    upstream::Upstream,
};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Hedges after a second, as often as it may.
fn always() -> HedgePolicy {
    HedgePolicy::new().fixed(secs(1)).share(1.0)
}

/// `a` is asked first; the others are spares.
fn spared(others: &[&str]) -> Pool {
    let vendor = Vendor::new(provider("acme"), "large").account(account("a"), 1);
    let vendor = others
        .iter()
        .fold(vendor, |vendor, name| vendor.account(account(name), 0));
    Pool::new().vendor(vendor)
}

/// The vendors do what their accounts are told here.
fn by_name(act: impl Fn(&str) -> Act + Send + Sync + 'static) -> Vendors {
    Vendors::new(move |attempt| act(&attempt.deployment.account.name))
}

struct Bed {
    service: Hedge<PoolService<Vendors>>,
    hedges: Hedges,
    pools: Pools,
}

impl Bed {
    fn new(pool: Pool, vendors: &Vendors, policy: HedgePolicy) -> Self {
        let pools = pools(pool);
        let hedges = Hedges::new().model("m", policy);
        let inner = PoolLayer::new(pools.clone()).layer(vendors.clone());
        Self {
            service: HedgeLayer::new(hedges.clone()).layer(inner),
            hedges,
            pools,
        }
    }

    async fn begin(&self, request: ModelRequest) -> Result<ModelResponse, Error> {
        self.service.clone().oneshot(request).await
    }

    fn told(&self) -> HedgeStatus {
        self.hedges.snapshot().remove(0)
    }

    fn counts(&self) -> [u64; 5] {
        let told = self.told();
        [told.calls, told.hedged, told.won, told.refused, told.alone]
    }

    fn is_idle(&self) -> bool {
        nobody_in_flight(&self.pools)
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_content_wins_and_every_end_is_told() {
    use ErrorKind::{InvalidRequest, RateLimited, Server};
    let late = |after, kind| Some((after, Some(kind)));
    let serves = |after| Some((after, None));
    // What `a` and `b` do, each from when it is asked; what the caller sees, and after how long; the way.
    for (a, b, seen, took, way, hedge) in [
        (serves(500), None, Ok("a"), 500, "acme/a:ok", None),
        (
            None,
            serves(200),
            Ok("b"),
            1_200,
            "acme/a:outrun + acme/b:ok",
            Some("won"),
        ),
        (
            serves(1_500),
            None,
            Ok("a"),
            1_500,
            "acme/a:ok + acme/b:outrun",
            Some("lost"),
        ),
        (
            serves(1_200),
            serves(200),
            Ok("a"),
            1_200,
            "acme/a:ok + acme/b:outrun",
            Some("lost"),
        ),
        (
            late(1_100, Server),
            serves(500),
            Ok("b"),
            1_500,
            "acme/a:server + acme/b:ok",
            Some("won"),
        ),
        (
            serves(3_000),
            late(100, Server),
            Ok("a"),
            3_000,
            "acme/a:ok + acme/b:server",
            Some("lost"),
        ),
        // The second may not know what the first does.
        (
            serves(3_000),
            late(100, InvalidRequest),
            Ok("a"),
            3_000,
            "acme/a:ok + acme/b:invalid_request",
            Some("lost"),
        ),
        // What is wrong with the call is wrong everywhere.
        (
            late(1_500, InvalidRequest),
            None,
            Err(InvalidRequest),
            1_500,
            "acme/a:invalid_request + acme/b:outrun",
            Some("lost"),
        ),
        (
            late(2_000, Server),
            late(100, RateLimited),
            Err(RateLimited),
            2_000,
            "acme/a:server + acme/b:rate_limited",
            Some("lost"),
        ),
        (
            late(1_100, RateLimited),
            late(500, Server),
            Err(RateLimited),
            1_500,
            "acme/a:rate_limited + acme/b:server",
            Some("lost"),
        ),
        // The pool has asked `b` by then, and there is nobody else.
        (
            late(500, Server),
            serves(2_000),
            Ok("b"),
            2_500,
            "acme/a:server → acme/b:ok",
            None,
        ),
    ] {
        let vendors = by_name(move |name| match if name == "a" { a } else { b } {
            None => Act::Hang,
            Some((after, None)) => Act::Slow(ms(after)),
            Some((after, Some(kind))) => Act::Late(ms(after), error(kind)),
        });
        let bed = Bed::new(spared(&["b"]), &vendors, always());
        let begun = Instant::now();
        let request = request();
        let trail = request.trail.clone();
        let mut call = Box::pin(bed.begin(request));
        let result = (&mut call).await;
        assert_eq!(begun.elapsed(), ms(took), "{way}");
        // Within the very poll that gave the answer.
        let running = u32::from(result.is_ok());
        let in_flight = |name| status(&bed.pools, name).in_flight;
        assert_eq!(in_flight("a") + in_flight("b"), running, "{way}");
        assert_eq!((trail.to_string(), trail.hedge()), (way.to_owned(), hedge));
        let [calls, hedged, won, refused, _] = bed.counts();
        assert_eq!((calls, refused), (1, 0));
        assert_eq!(hedged, u64::from(hedge.is_some()), "{way}");
        assert_eq!(won, u64::from(hedge == Some("won")), "{way}");
        match (result, seen) {
            (Ok(response), Ok(who)) => {
                assert_eq!(&*response.served.account, who);
                assert_eq!(response.trail.to_string(), way);
                finish(response).await;
            }
            (Err(error), Err(kind)) => assert_eq!(error.kind(), kind, "{way}"),
            (result, _) => panic!("{way}: {result:?}"),
        }
        assert!(bed.is_idle(), "{way}");
        // Who was only outrun has failed nobody.
        for name in ["a", "b"] {
            let status = status(&bed.pools, name);
            let outrun = way.contains(&format!("{name}:outrun"));
            assert!(!outrun || (status.breakers.is_empty() && status.cooldowns.is_empty()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_losers_request_is_dropped_and_its_place_given_back_once() {
    let slow = Script::new().text("late").openai("large", true, false);
    let fast = Script::new().text("soon").openai("large", true, false);
    let scripted = Scripted::new();
    scripted.on(move |request| {
        let is_a = request.headers["authorization"] == "Bearer key-a";
        Some(match is_a {
            true => slow.clone().delay(secs(60)),
            false => fast.clone(),
        })
    });
    let one = Limits::none().concurrency(1);
    let account = |name: &str| {
        let key = Secret::new(format!("key-{name}"));
        Arc::new(Account::new(name, key).with_limits(one.clone()))
    };
    let vendor = Vendor::new(provider("acme"), "large")
        .account(account("a"), 1)
        .account(account("b"), 0);
    let pools = pools(Pool::new().vendor(vendor));
    let hedges = Hedges::new().model("m", always());
    let service = HedgeLayer::new(hedges)
        .layer(PoolLayer::new(pools.clone()).layer(Upstream::new(scripted.clone())));
    for round in 1..=3 {
        let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true}"#;
        let payload = Payload::json(&OpenAiChat, Bytes::from(body)).unwrap();
        let request = ModelRequest::new("m", Operation::Chat, payload);
        let mut call = Box::pin(service.clone().oneshot(request));
        let response = (&mut call).await.unwrap();
        assert_eq!(scripted.aborted(), round, "at once");
        assert_eq!(&*response.served.account, "b");
        assert_eq!(status(&pools, "a").in_flight, 0);
        assert_eq!(status(&pools, "b").in_flight, 1);
        let text = response.into_chat().await.unwrap();
        assert!(format!("{text:?}").contains("soon"));
        assert!(nobody_in_flight(&pools));
        assert_eq!((scripted.finished(), scripted.in_flight()), (round, 0));
    }
    assert_eq!(status(&pools, "a").requests_last_minute, 3, "it was asked");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_takes_both_along() {
    let vendors = Vendors::all(|| Act::Hang);
    let bed = Bed::new(spared(&["b"]), &vendors, always());
    let request = request();
    let trail = request.trail.clone();
    let left = tokio::time::timeout(ms(1_500), bed.begin(request));
    let mut left = tokio_test::task::spawn(left);
    assert!(left.poll().is_pending());
    assert_eq!(status(&bed.pools, "a").in_flight, 1);
    tokio::time::advance(ms(1_100)).await;
    assert!(left.poll().is_pending());
    assert_eq!(status(&bed.pools, "b").in_flight, 1);
    drop(left);
    assert!(bed.is_idle());
    assert_eq!(trail.to_string(), "", "nobody was outrun");
    assert_eq!(bed.counts(), [1, 1, 0, 0, 0]);
    let now = pools_expect(&bed.pools, "a");
    assert_eq!(now, None, "it says nothing of the account either");
}

/// After how long the account's first content is expected.
fn pools_expect(pools: &Pools, name: &str) -> Option<Duration> {
    let table = pools.shared().table();
    let mut all = table.accounts();
    all.find(|state| &*state.account == name)?.expected("large")
}

#[tokio::test(start_paused = true)]
async fn to_be_outrun_counts_as_slow_only_if_it_was() {
    let hang = Arc::new(AtomicUsize::new(0));
    let turn = hang.clone();
    let vendors = by_name(move |name| match (turn.load(Ordering::Relaxed), name) {
        (1, "a") | (2, "b") => Act::Hang,
        (2, "a") => Act::Slow(ms(1_001)),
        _ => Act::Slow(ms(100)),
    });
    let bed = Bed::new(spared(&["b"]), &vendors, always());
    let expected = |name| pools_expect(&bed.pools, name);
    finish(bed.begin(request()).await.unwrap()).await;
    assert_eq!(expected("a"), Some(ms(100)));
    hang.store(1, Ordering::Relaxed);
    finish(bed.begin(request()).await.unwrap()).await;
    assert_eq!(expected("a"), Some(ms(1_100)), "none even then");
    assert_eq!(expected("b"), Some(ms(100)));
    hang.store(2, Ordering::Relaxed);
    finish(bed.begin(request()).await.unwrap()).await;
    assert!(expected("b") > Some(ms(90)), "it had no time to be fast");
}

#[tokio::test(start_paused = true)]
async fn the_delay_is_learned_of_each_kind_of_call() {
    let served = Arc::new(AtomicUsize::new(0));
    let count = served.clone();
    let vendors = by_name(move |name| match name {
        "b" => Act::Slow(ms(10)),
        _ => match count.fetch_add(1, Ordering::Relaxed) {
            // Nobody knows yet what is usual.
            5 => Act::Slow(secs(9)),
            n if n < 100 => Act::Slow(ms(200 + n as u64)),
            _ => Act::Hang,
        },
    });
    let policy = HedgePolicy::new().min_samples(60).share(1.0);
    let bed = Bed::new(spared(&["b"]), &vendors, policy);
    for n in 0..100 {
        let response = bed.begin(request()).await.unwrap();
        if n < 60 {
            assert_eq!(&*response.served.account, "a", "{n}");
        }
        finish(response).await;
    }
    let told = bed.told();
    let delay = told.delays[0].delay.unwrap();
    assert!(delay >= ms(290) && delay <= ms(330), "{delay:?}");
    assert_eq!(told.delays.len(), 1);
    let begun = Instant::now();
    finish(bed.begin(request()).await.unwrap()).await;
    assert_eq!(begun.elapsed(), delay + ms(10));
    // The times of chats say nothing of embeddings.
    let mut other = request();
    other.operation = Operation::Embeddings(EmbeddingForm::OpenAi);
    let silent = tokio::time::timeout(secs(30), bed.begin(other)).await;
    assert!(silent.is_err());
    // That the slow ones are hedged does not make them look fast: the delay stays where it is.
    for n in 0..3_000 {
        served.store(if n % 20 == 0 { 100 } else { 50 }, Ordering::Relaxed);
        finish(bed.begin(request()).await.unwrap()).await;
    }
    let told = bed.told();
    let delay = told.delays.iter().find_map(|known| known.delay).unwrap();
    assert!(delay >= ms(240) && delay <= ms(400), "{delay:?}");
}

#[tokio::test(start_paused = true)]
async fn some_calls_are_never_hedged() {
    let vendors = by_name(|name| match name {
        "a" => Act::Slow(secs(5)),
        _ => Act::Serve,
    });
    let bed = Bed::new(spared(&["b"]), &vendors, always());
    let of = |operation: Operation| {
        let mut request = request();
        request.operation = operation;
        request
    };
    let (pinned, mut named) = (AccountTag::of("acme", "a"), request());
    named.pin = Some(Pinned {
        account: pinned,
        id: "resp_1".into(),
    });
    let body = r#"{"model":"m","input":"hi","background": true}"#;
    let body = Payload::json(&OpenAiResponses, Bytes::from(body)).unwrap();
    let background = ModelRequest::new("m", Operation::Chat, body);
    let calls = [
        (of(Operation::Images(ImageTask::Generate)), "an image"),
        (of(Operation::Moderations), "a moderation"),
        (
            of(Operation::Resource {
                method: http::Method::POST,
                path: "/files".into(),
            }),
            "an upload",
        ),
        (background, "in the background"),
        (named, "of one account"),
        (request().with_model("n"), "another model"),
    ];
    for (request, what) in calls {
        let response = match bed.begin(request).await {
            Ok(response) => response,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotFound, "{what}");
                continue;
            }
        };
        assert_eq!(&*response.served.account, "a", "{what}");
        finish(response).await;
    }
    assert_eq!(bed.counts(), [0; 5]);
    for (operation, who) in [
        (Operation::Rerank, "b"),
        (Operation::Embeddings(EmbeddingForm::OpenAi), "b"),
        (Operation::Chat, "b"),
    ] {
        let response = bed.begin(of(operation)).await.unwrap();
        assert_eq!(&*response.served.account, who);
        finish(response).await;
    }
    assert_eq!(bed.counts(), [3, 3, 3, 0, 0]);
    // The second would come too late: half of them take longer than a second by now.
    let hurried = request().with_timeout(ms(1_500));
    let _ = tokio::time::timeout(ms(1_400), bed.begin(hurried)).await;
    assert_eq!(bed.counts(), [4, 3, 3, 0, 0]);
    let leisurely = request().with_timeout(secs(9));
    finish(bed.begin(leisurely).await.unwrap()).await;
    assert_eq!(bed.counts(), [5, 4, 4, 0, 0]);
    // The call has one attempt.
    let single = request();
    single.budget.limit(1, &RetryBudget::default());
    finish(bed.begin(single).await.unwrap()).await;
    assert_eq!(bed.counts(), [6, 4, 4, 0, 1]);
    // All calls together have none.
    let broke = request();
    broke.budget.limit(4, &RetryBudget::with_reserve(0.0, 0));
    let trail = broke.trail.clone();
    finish(bed.begin(broke).await.unwrap()).await;
    assert_eq!(bed.counts(), [7, 4, 4, 0, 2]);
    assert_eq!(trail.to_string(), "acme/a:ok", "nobody else was asked");
    assert!(bed.is_idle());
}

#[tokio::test(start_paused = true)]
async fn only_who_has_room_is_asked_for_a_second_attempt() {
    let vendors = || {
        by_name(|name| match name {
            "a" => Act::Slow(secs(5)),
            "ill" => Act::Fail(error(ErrorKind::Authentication)),
            _ => Act::Serve,
        })
    };
    // Nobody else.
    let alone = vendors();
    let bed = Bed::new(spared(&[]), &alone, always());
    finish(bed.begin(request()).await.unwrap()).await;
    assert_eq!((bed.counts(), alone.accounts().len()), ([1, 0, 0, 0, 1], 1));
    // The same account under another name of the model is no other one.
    let twice = vendors();
    let small = Vendor::new(provider("acme"), "small").account(account("a"), 0);
    let bed = Bed::new(spared(&[]).vendor(small), &twice, always());
    finish(bed.begin(request()).await.unwrap()).await;
    assert_eq!((bed.counts(), twice.accounts().len()), ([1, 0, 0, 0, 1], 1));
    // In a cooldown: the last one standing is asked by a first attempt only.
    let ill = vendors();
    let bed = Bed::new(spared(&["ill"]), &ill, always());
    finish(bed.begin(request()).await.unwrap()).await;
    assert_eq!(bed.counts(), [1, 1, 0, 0, 0]);
    finish(bed.begin(request()).await.unwrap()).await;
    assert_eq!(bed.counts(), [2, 1, 0, 0, 1]);
    assert_eq!(ill.accounts(), ["a", "ill", "a"]);
    // Others wait: those have nobody yet. And a call that waits is not slow.
    let crowd = vendors();
    let one = |name: &str| limited(name, Limits::none().concurrency(1));
    let vendor = Vendor::new(provider("acme"), "large").account(one("a"), 1);
    let pool = Pool::new().vendor(vendor).wait(secs(60));
    let bed = Bed::new(pool, &crowd, always());
    let calls = (0..3).map(|_| async { finish(bed.begin(request()).await.unwrap()).await });
    join_all(calls).await;
    assert_eq!(bed.counts(), [3, 0, 0, 0, 3]);
    let delays = bed.told().delays;
    assert_eq!(delays[0].samples, 3);
    let hedges = bed
        .hedges
        .clone()
        .model("m", HedgePolicy::new().min_samples(1).percentile(99.0));
    let delay = hedges.snapshot()[0]
        .delays
        .first()
        .and_then(|known| known.delay);
    assert_eq!(delay, None, "a new policy, and nothing known yet");
}

#[tokio::test(start_paused = true)]
async fn the_first_attempt_walks_on_without_the_second_ones_account() {
    let vendors = by_name(|name| match name {
        "a" => Act::Late(secs(2), error(ErrorKind::Server)),
        "b" => Act::Hang,
        _ => Act::Slow(ms(100)),
    });
    let pool = {
        let vendor = Vendor::new(provider("acme"), "large")
            .account(account("a"), 1)
            .account(account("b"), 0);
        let other = Vendor::new(provider("other"), "large")
            .weight(0)
            .account(account("c"), 1);
        Pool::new().vendor(vendor).vendor(other)
    };
    for _ in 0..20 {
        let bed = Bed::new(pool.clone(), &vendors, always());
        let response = bed.begin(request()).await.unwrap();
        let way = response.trail.to_string();
        assert!(
            [
                "acme/a:server + acme/b:outrun → other/c:ok",
                "acme/a:outrun + other/c:ok"
            ]
            .contains(&&*way),
            "{way}"
        );
        finish(response).await;
        assert!(bed.is_idle());
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_pool_finds_another_account_too() {
    let names: Vec<String> = (0..200).map(|n| format!("n{n}")).collect();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let vendors = by_name(move |name| {
        let mut asked = seen.lock().unwrap();
        asked.push(name.to_owned());
        match asked.len() % 2 {
            1 => Act::Hang,
            _ => Act::Serve,
        }
    });
    let bed = Bed::new(
        pool(&names.iter().map(|name| &**name).collect::<Vec<_>>()),
        &vendors,
        always(),
    );
    for _ in 0..200 {
        finish(bed.begin(request()).await.unwrap()).await;
    }
    assert!(asked.lock().unwrap().chunks(2).all(|two| two[0] != two[1]));
    assert_eq!(bed.counts(), [200, 200, 200, 0, 0]);
    assert!(bed.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_session_stays_where_it_is() {
    let slow = Arc::new(AtomicUsize::new(0));
    let is_slow = slow.clone();
    let owner = Arc::new(Mutex::new(String::new()));
    let whose = owner.clone();
    let vendors = by_name(move |name| match is_slow.load(Ordering::Relaxed) {
        1 if *whose.lock().unwrap() == name => Act::Hang,
        _ => Act::Serve,
    });
    let pool = pool(&["a", "b", "c"]).balance(Sticky::new());
    let bed = Bed::new(pool, &vendors, always());
    let session = || {
        let mut request = request();
        request.affinity = Some("session".into());
        request
    };
    let first = bed.begin(session()).await.unwrap();
    let home = first.served.account.to_string();
    *owner.lock().unwrap() = home.clone();
    finish(first).await;
    slow.store(1, Ordering::Relaxed);
    for _ in 0..10 {
        let response = bed.begin(session()).await.unwrap();
        assert_ne!(&*response.served.account, &*home);
        finish(response).await;
    }
    slow.store(0, Ordering::Relaxed);
    let back = bed.begin(session()).await.unwrap();
    assert_eq!(&*back.served.account, &*home);
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_are_hedged_than_the_share() {
    let vendors = by_name(|name| match name {
        "a" => Act::Slow(secs(2)),
        _ => Act::Slow(ms(100)),
    });
    let bed = Bed::new(spared(&["b"]), &vendors, always().share(0.05));
    for _ in 0..100 {
        let calls = (0..100).map(|_| async { finish(bed.begin(request()).await.unwrap()).await });
        join_all(calls).await;
    }
    let [calls, hedged, won, refused, alone] = bed.counts();
    assert_eq!((calls, hedged + refused, alone), (10_000, 10_000, 0));
    assert_eq!((hedged, won), (500, 500));
    assert_eq!(vendors.seen().len(), 10_500);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_amplified_by_hedges_either() {
    let vendors = Vendors::all(|| Act::Late(secs(2), error(ErrorKind::Server)));
    let pools = pools(pool(&["a", "b", "c", "d", "e"]).failures(0));
    let service = RetryBackoffLayer::new(RetryPolicy::new().seed(1)).layer(
        HedgeLayer::new(Hedges::new().model("m", always()))
            .layer(PoolLayer::new(pools.clone()).layer(vendors.clone())),
    );
    for _ in 0..10 {
        let calls = (0..1_000).map(|_| service.clone().oneshot(request()));
        for result in join_all(calls).await {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Server);
        }
    }
    let asked = vendors.seen().len();
    assert!(asked <= 12_000, "{asked}");
    assert!(vendors.seen().iter().all(|seen| seen.number <= 4));
    assert!(nobody_in_flight(&pools));
}
