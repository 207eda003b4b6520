//! Each rule as a short story, with a stack below that does as it is told and a stopped clock.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;
use crate::{
    ErrorKind, FailoverLayer,
    chat::{ChatRequest, Message, Usage},
    dialect::openai_chat::OpenAiChat,
    error::Error,
    failover::Chains,
    request::{Caller, ModelRequest, Operation, Payload, Priority},
    response::{Complete, EventStream, ModelResponse, Reply, Served},
    stream::FrameSource,
    upstream::Price,
    wire::Frame,
};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn request(model: &str) -> ModelRequest {
    ModelRequest::chat(ChatRequest::new(model, vec![Message::user("hi")]))
}

fn by_caller(key: usize) -> ModelRequest {
    let mut request = request("next");
    request.caller = Caller::from_key(&key.to_string());
    request
}

fn split(weights: &[u32]) -> Splits {
    let arms = weights.iter().enumerate();
    let split = arms.fold(Split::new(), |split, (index, weight)| {
        split.arm(Arm::new(
            format!("arm{index}"),
            format!("m{index}"),
            *weight,
        ))
    });
    Splits::new().split("next", split).seed(1)
}

fn drawn(splits: &Splits, request: &ModelRequest) -> String {
    let drawn = splits.explain(request);
    drawn
        .last()
        .map_or("none".to_owned(), |arm| arm.arm.to_string())
}

/// Splits of two to four arms, one of which gets another weight.
fn changes() -> impl Strategy<Value = (Vec<u32>, usize, u32)> {
    let weights = prop::collection::vec(1_u32..100, 2..5);
    (weights, any::<prop::sample::Index>(), 0_u32..100)
        .prop_map(|(weights, index, weight)| (weights.clone(), index.index(weights.len()), weight))
}

#[test]
fn shares_are_by_weight_and_only_those_move_who_must() {
    const CALLERS: usize = 2_000;
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let config = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    let property = |(weights, changed, weight): (Vec<u32>, usize, u32)| {
        let before = split(&weights);
        let mut other = weights.clone();
        other[changed] = weight;
        let after = split(&other);
        let name = format!("arm{changed}");
        let (mut counts, mut moved) = (HashMap::new(), 0);
        for caller in 0..CALLERS {
            let request = by_caller(caller);
            let (was, is) = (drawn(&before, &request), drawn(&after, &request));
            prop_assert_eq!(&was, &drawn(&before, &request), "always the same");
            if was != is {
                moved += 1;
                // To it if it grew, from it if it shrank.
                let gains = weight > weights[changed];
                prop_assert_eq!(if gains { &is } else { &was }, &name);
            }
            *counts.entry(was).or_insert(0) += 1;
        }
        let total = f64::from(weights.iter().sum::<u32>());
        let close = |count: usize, share: f64| {
            let n = CALLERS as f64;
            // Five times the spread of as many tosses.
            (count as f64 - n * share).abs() <= 5.0 * (n * share * (1.0 - share)).sqrt() + 1.0
        };
        for (index, weight) in weights.iter().enumerate() {
            let count = counts.get(&format!("arm{index}")).copied().unwrap_or(0);
            prop_assert!(close(count, f64::from(*weight) / total), "{:?}", counts);
        }
        let share = |weight: u32, total: u32| f64::from(weight) / f64::from(total);
        let change = share(weight, other.iter().sum()) - share(weights[changed], total as u32);
        prop_assert!(
            close(moved, change.abs()),
            "{} moved, not {}",
            moved,
            change
        );
        Ok(())
    };
    TestRunner::new_with_rng(config, rng)
        .run(&changes(), property)
        .unwrap();
}

#[test]
fn from_five_to_ten_percent_only_one_in_twenty_moves() {
    let (before, after) = (split(&[95, 5]), split(&[90, 10]));
    let mut moved = 0;
    for caller in 0..20_000 {
        let request = by_caller(caller);
        match (&*drawn(&before, &request), &*drawn(&after, &request)) {
            ("arm0", "arm1") => moved += 1,
            (was, is) => assert_eq!(was, is),
        }
    }
    assert!((900..1_100).contains(&moved), "{moved}");
}

#[test]
fn who_draws_the_same_is_configurable() {
    let by = |sticky| {
        let arms = |n| Arm::new(format!("arm{n}"), format!("m{n}"), 1);
        let split = Split::new().by(sticky).arm(arms(0)).arm(arms(1));
        Splits::new().split("next", split).seed(7)
    };
    let arms_of = |splits: &Splits, change: &dyn Fn(&mut ModelRequest, usize)| {
        let mut seen: Vec<String> = (0..64)
            .map(|n| {
                let mut request = by_caller(1);
                change(&mut request, n);
                splits.resolve(&request.model, &request).0.to_string()
            })
            .collect();
        seen.sort();
        seen.dedup();
        seen.len()
    };
    let session = |request: &mut ModelRequest, n: usize| {
        request.affinity = Some(n.to_string().into());
    };
    let said = |request: &mut ModelRequest, n: usize| {
        let chat = ChatRequest::new("next", vec![Message::user(n.to_string())]);
        request.payload = Payload::from_chat(chat);
    };
    let nothing = |_: &mut ModelRequest, _: usize| {};
    let nobody = |request: &mut ModelRequest, _: usize| request.caller = Caller::default();
    let caller = |request: &mut ModelRequest, n: usize| *request = by_caller(n);
    // Who it is; what changes from call to call; how many arms are drawn.
    for (sticky, change, arms) in [
        (
            Sticky::Caller,
            &session as &dyn Fn(&mut ModelRequest, usize),
            1,
        ),
        (Sticky::Caller, &caller, 2),
        (Sticky::Caller, &nobody, 2),
        (Sticky::Session, &nothing, 1),
        (Sticky::Session, &session, 2),
        (Sticky::Session, &said, 2),
        (Sticky::Call, &nothing, 2),
    ] {
        assert_eq!(arms_of(&by(sticky), change), arms, "{sticky:?}");
    }
}

#[test]
fn splits_lead_to_splits_and_loops_end() {
    let arm = |model: &str, weight| Split::new().arm(Arm::new("a", model, weight));
    let splits = Splits::new()
        .split("x", arm("y", 1))
        .split("y", arm("m", 1))
        .split("l", arm("k", 1))
        .split("k", arm("l", 1))
        .split("self", arm("self", 1))
        .split("off", arm("m", 0));
    let way = |model: &str| {
        let (model, drawn) = splits.resolve(&model.into(), &request(model));
        let drawn: Vec<String> = drawn.iter().map(ToString::to_string).collect();
        (model.to_string(), drawn.join(" "))
    };
    assert_eq!(way("x"), ("m".to_owned(), "x/a y/a".to_owned()));
    assert_eq!(way("self"), ("self".to_owned(), "self/a".to_owned()));
    assert_eq!(way("off"), ("off".to_owned(), String::new()));
    assert_eq!(way("m"), ("m".to_owned(), String::new()));
    assert!(!way("l").1.is_empty());
}

/// What the stack below does with a call.
#[derive(Clone)]
enum Act {
    Serve,
    Fail(ErrorKind),
    Hang,
    /// First content after a second, the end a second later; so many frames of 10 bytes.
    Stream(usize),
    /// The same, but it breaks.
    Break,
}

/// What the stack below was asked.
type Seen = Arc<Mutex<Vec<ModelRequest>>>;

fn usage() -> Usage {
    Usage {
        input: Some(100),
        cache_read: Some(1_000),
        output: Some(10),
        reasoning: Some(5),
        ..Usage::default()
    }
}

struct Slow {
    frames: usize,
    sleep: std::pin::Pin<Box<tokio::time::Sleep>>,
    breaks: bool,
}

impl FrameSource for Slow {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, Error>>> {
        if self.frames > 0 {
            self.frames -= 1;
            return Poll::Ready(Some(Ok(Frame::new(None, "0123456789"))));
        }
        std::task::ready!(self.sleep.as_mut().poll(cx));
        Poll::Ready(
            self.breaks
                .then(|| Err(Error::new(ErrorKind::StreamBroken, "broke"))),
        )
    }

    fn usage(&self) -> Option<Usage> {
        Some(usage())
    }
}

fn stream(frames: usize, breaks: bool) -> Reply {
    let sleep = Box::pin(tokio::time::sleep(secs(1)));
    let source = Slow {
        frames,
        sleep,
        breaks,
    };
    Reply::Stream(EventStream::new(&OpenAiChat, source))
}

/// A stack below, by model; whoever is not named serves.
fn below(
    acts: &[(&'static str, Act)],
) -> (
    impl Service<ModelRequest, Response = ModelResponse, Error = Error, Future: Send>
    + Clone
    + Send
    + use<>,
    Seen,
) {
    let acts: HashMap<_, _> = acts.iter().cloned().collect();
    let (acts, seen) = (Arc::new(acts), Seen::default());
    let log = seen.clone();
    let service = service_fn(move |request: ModelRequest| {
        log.lock().unwrap().push(request.clone());
        let act = acts.get(&*request.model).cloned().unwrap_or(Act::Serve);
        async move {
            assert!(request.budget.try_attempt());
            let reply = match act {
                Act::Fail(kind) => return Err(Error::new(kind, "no")),
                Act::Hang => std::future::pending().await,
                Act::Serve => {
                    let body = Complete::json(&OpenAiChat, Bytes::from_static(b"{}"));
                    Reply::Complete(body.with_usage(Some(usage())))
                }
                Act::Stream(frames) => {
                    tokio::time::sleep(secs(1)).await;
                    stream(frames, false)
                }
                Act::Break => stream(1, true),
            };
            let served = Served::new("v".into(), "a".into(), request.model.clone(), 2);
            let mut response = ModelResponse::new(served.into(), reply);
            response.price = Some(Price::new(1_000_000, 2_000_000).with_cache_read(100_000));
            Ok(response)
        }
    });
    (service, seen)
}

async fn read(response: ModelResponse) {
    if let Reply::Stream(mut stream) = response.reply {
        while let Some(Ok(_)) = stream.next_frame().await {}
    }
}

/// Lets tasks run until no copy is under way.
async fn settle(arms: &Arms) {
    tokio::task::yield_now().await;
    while arms.report().iter().any(|arm| arm.running > 0) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn named(arms: &Arms, name: &str) -> ArmReport {
    let found = arms.report().into_iter().find(|arm| arm.arm == name);
    found.unwrap_or_else(|| panic!("no arm {name}"))
}

#[tokio::test(start_paused = true)]
async fn each_arm_has_results_of_its_own() {
    let (inner, seen) = below(&[
        ("stream", Act::Stream(3)),
        ("fails", Act::Fail(ErrorKind::Overloaded)),
        ("breaks", Act::Break),
        ("hangs", Act::Hang),
    ]);
    let only = |model: &str| Split::new().arm(Arm::new(model, model, 1));
    let models = ["whole", "stream", "fails", "breaks", "hangs"];
    let splits = models.iter().fold(Splits::new(), |splits, model| {
        splits.split(format!("s-{model}"), only(model))
    });
    let arms = Arms::new();
    let layer = SplitLayer::new(splits.clone()).results(arms.clone());
    let service = layer.layer(inner);
    let call = |model: &'static str| service.clone().oneshot(request(model));
    for _ in 0..3 {
        read(call("s-whole").await.unwrap()).await;
        read(call("s-stream").await.unwrap()).await;
    }
    call("s-fails").await.unwrap_err();
    let broken = call("s-breaks").await.unwrap();
    assert_eq!(
        broken.trail.drawn().len(),
        0,
        "the answer has a trail of its own"
    );
    read(broken).await;
    // Who leaves before the answer, and who leaves in it.
    tokio::time::timeout(secs(5), call("s-hangs"))
        .await
        .unwrap_err();
    drop(call("s-stream").await.unwrap());
    // Neither a count nor a name of nobody is a result.
    let mut count = request("s-whole");
    count.operation = Operation::CountTokens;
    service.clone().oneshot(count).await.unwrap();
    call("plain").await.unwrap();
    let asked: Vec<_> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|r| r.model.to_string())
        .collect();
    assert_eq!(&asked[..2], ["whole", "stream"]);
    assert_eq!(&asked[asked.len() - 2..], ["whole", "plain"]);
    assert_eq!(
        seen.lock().unwrap()[0].trail.drawn()[0].to_string(),
        "s-whole/whole"
    );

    let whole = named(&arms, "whole");
    assert_eq!((whole.requests, whole.completed, whole.attempts), (3, 3, 6));
    assert_eq!(whole.first_content.count, 0, "only streams have one");
    let tokens = whole.tokens;
    assert_eq!((tokens.input, tokens.cache_read), (300, 3_000));
    assert_eq!((tokens.output, tokens.reasoning), (30, 15));
    assert_eq!(whole.cost_micros, 3 * (100 + 100 + 30));
    let stream = named(&arms, "stream");
    assert_eq!(
        (stream.requests, stream.completed, stream.cancelled),
        (4, 3, 1)
    );
    let first = &stream.first_content;
    assert_eq!(
        (first.count, first.mean_ms, first.p95_ms),
        (4, Some(1_000), Some(1_000))
    );
    let half = stream.whole.p50_ms.unwrap();
    assert!((1_500..=2_000).contains(&half), "within its bucket: {half}");
    let errors = |name| {
        let all = named(&arms, name).errors;
        all.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(errors("fails"), [("overloaded", 1)]);
    assert_eq!(errors("breaks"), [("stream_broken", 1)]);
    assert_eq!(named(&arms, "hangs").cancelled, 1);
    assert!(arms.report().iter().all(|arm| arm.running == 0));

    // A new configuration keeps the results of arms that are still there.
    let fewer = Splits::new().split("s-whole", only("whole"));
    arms.retain(&fewer);
    SplitLayer::new(fewer).results(arms.clone()).layer(service);
    assert_eq!(arms.report().len(), 1);
    assert_eq!(named(&arms, "whole").requests, 3);
    arms.reset();
    assert_eq!(named(&arms, "whole").requests, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_chain_leads_to_is_drawn_but_no_result() {
    let (inner, seen) = below(&[("first", Act::Fail(ErrorKind::Overloaded))]);
    let splits = split(&[0, 7]).split("top", Split::new().arm(Arm::new("only", "first", 1)));
    let chains = Chains::new()
        .splits(splits.clone())
        .chain("first", ["next"]);
    let arms = Arms::new();
    let layer = SplitLayer::new(splits).results(arms.clone());
    let service = layer.layer(FailoverLayer::new(chains).layer(inner));
    read(service.oneshot(request("top")).await.unwrap()).await;
    let asked: Vec<_> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|r| r.model.to_string())
        .collect();
    assert_eq!(asked, ["first", "m1"]);
    assert_eq!(named(&arms, "only").completed, 1);
    assert_eq!(named(&arms, "arm1").requests, 0);
}

/// A model `m` whose calls are copied to `o`.
fn shadowed(shadow: Shadow) -> Splits {
    let split = Split::new().arm(Arm::new("live", "m", 1)).shadow(shadow);
    Splits::new().split("next", split).seed(3)
}

#[tokio::test(start_paused = true)]
async fn a_copy_delays_nobody_and_its_failure_is_never_seen() {
    for (act, ended) in [
        (Act::Hang, "timeout"),
        (Act::Fail(ErrorKind::Server), "server"),
        (Act::Break, "stream_broken"),
        (Act::Stream(3), ""),
    ] {
        let (inner, seen) = below(&[("o", act)]);
        let arms = Arms::new();
        let layer = SplitLayer::new(shadowed(Shadow::new("copy", "o").timeout(secs(30))));
        let service = layer.results(arms.clone()).layer(inner);
        let mut asked = by_caller(1).with_timeout(secs(9));
        asked.extensions.insert("the user's own");
        asked.affinity = Some("s".into());
        asked.headers = Arc::new([("traceparent", "t"), ("openai-beta", "b")].iter().fold(
            http::HeaderMap::new(),
            |mut headers, (name, value)| {
                headers.insert(*name, http::HeaderValue::from_static(value));
                headers
            },
        ));
        let start = Instant::now();
        let budget = asked.budget.clone();
        let trail = asked.trail.clone();
        read(service.clone().oneshot(asked).await.unwrap()).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        settle(&arms).await;
        assert_eq!(start.elapsed() >= secs(30), ended == "timeout");

        // The copy is nobody's.
        let seen = seen.lock().unwrap();
        let copy = seen.iter().find(|request| &*request.model == "o").unwrap();
        assert_eq!(copy.caller, Caller::default());
        assert_eq!(copy.priority, Priority::Low);
        assert!(copy.extensions.is_empty() && copy.pin.is_none());
        assert!(copy.headers.contains_key("openai-beta") && copy.headers.len() == 1);
        assert_ne!(
            copy.affinity.as_deref(),
            Some("s"),
            "sessions of callers stay apart"
        );
        assert!(!copy.budget.has_attempt(), "one attempt");
        assert_eq!((budget.attempts(), trail.steps().len()), (1, 0));
        let live = named(&arms, "live");
        assert_eq!((live.requests, live.completed), (1, 1));
        let report = named(&arms, "copy");
        assert!(report.shadow && report.weight.is_none());
        let errors: Vec<_> = report.errors.keys().copied().collect();
        assert_eq!(errors.first().copied().unwrap_or_default(), ended);
        if ended.is_empty() {
            assert_eq!((report.completed, report.cost_micros), (1, 230));
            assert_eq!(report.first_content.p50_ms, Some(1_000));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn copies_are_bounded_in_number_size_and_money_and_end_when_told() {
    let play = async |shadow: Shadow, act: Act, calls: usize| {
        let (inner, _) = below(&[("o", act)]);
        let arms = Arms::new();
        let shadows = Shadows::new();
        let layer = SplitLayer::new(shadowed(shadow)).results(arms.clone());
        let service = layer.shadows(shadows.clone()).layer(inner);
        for _ in 0..calls {
            read(service.clone().oneshot(request("next")).await.unwrap()).await;
            tokio::task::yield_now().await;
        }
        (service, arms, shadows)
    };
    let skipped = |arms: &Arms, why| named(arms, "copy").skipped.get(why).copied();
    let copy = || Shadow::new("copy", "o");

    let (_, arms, shadows) = play(copy().concurrency(3), Act::Hang, 10).await;
    assert_eq!(named(&arms, "copy").running, 3);
    assert_eq!(skipped(&arms, "busy"), Some(7));
    shadows.stop();
    tokio::task::yield_now().await;
    let report = named(&arms, "copy");
    assert_eq!((report.running, report.cancelled), (0, 3));

    // 230 millionths each: the third finds 460 spent, and the next day has its own.
    let (service, arms, _shadows) = play(copy().budget(400), Act::Serve, 10).await;
    assert_eq!(named(&arms, "copy").completed, 2);
    assert_eq!(skipped(&arms, "budget"), Some(8));
    tokio::time::advance(secs(86_400)).await;
    service.oneshot(request("next")).await.unwrap();
    settle(&arms).await;
    assert_eq!(named(&arms, "copy").completed, 3);

    let (_, arms, _shadows) = play(copy().most_bytes(25), Act::Stream(1_000), 1).await;
    settle(&arms).await;
    assert_eq!(named(&arms, "copy").cancelled, 1);

    let (_, arms, _shadows) = play(copy().share(0.1).concurrency(9), Act::Serve, 2_000).await;
    let copied = named(&arms, "copy").requests;
    assert!((150..250).contains(&copied), "{copied}");

    let (service, arms, shadows) = play(copy(), Act::Serve, 0).await;
    shadows.stop();
    service.oneshot(request("next")).await.unwrap();
    assert_eq!(skipped(&arms, "stopped"), Some(1));
    // Whoever throws the layer away ends the copies.
    let (service, arms, shadows) = play(copy(), Act::Hang, 2).await;
    drop((service, shadows));
    tokio::task::yield_now().await;
    assert_eq!(named(&arms, "copy").cancelled, 2);
}

#[tokio::test(start_paused = true)]
async fn only_conversations_that_leave_nothing_behind_are_copied() {
    let (inner, seen) = below(&[]);
    let arms = Arms::new();
    let layer = SplitLayer::new(shadowed(Shadow::new("copy", "o")));
    let service = layer.results(arms.clone()).layer(inner);
    let body = |members: &str| {
        let body =
            format!(r#"{{"model":"next","messages":[{{"role":"user","content":"hi"}}]{members}}}"#);
        let payload = Payload::json(&OpenAiChat, Bytes::from(body)).unwrap();
        ModelRequest::new("next", Operation::Chat, payload)
    };
    let of = |operation: Operation| ModelRequest {
        operation,
        ..body("")
    };
    let files = || Operation::Resource {
        method: http::Method::POST,
        path: "/files".into(),
    };
    for unfit in [
        body(r#","store":true"#),
        of(files()),
        of(Operation::Moderations),
    ] {
        service.clone().oneshot(unfit).await.unwrap();
        settle(&arms).await;
    }
    let report = named(&arms, "copy");
    assert_eq!(
        (report.requests, report.skipped.get("unfit")),
        (0, Some(&3))
    );
    service
        .clone()
        .oneshot(body(r#","store":false"#))
        .await
        .unwrap();
    settle(&arms).await;
    let asked: Vec<_> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|r| r.model.to_string())
        .collect();
    assert_eq!(asked, ["m", "m", "m", "m", "o"]);
}
