//! The clocks of a call: each has its own code, noise does not wind them, and one deadline leaves room for the next target.

mod support;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use trunkline::{
    Body, FailoverLayer, IngressLayer, PoolLayer, Pools, Provider, RetryBackoffLayer, Secret,
    SseNormalizeLayer, Upstream,
    failover::Chains,
    pool::{Pool, Vendor as Member},
    provider::Compatible,
    retry::RetryPolicy,
    testing::{Answer, Script, Vendor},
    upstream::{Account, FirstByte, Timeouts},
};

type Gateway = BoxCloneSyncService<Request<Body>, Response<Body>, std::convert::Infallible>;

const SECOND: Duration = Duration::from_secs(1);

/// Models `a`, `b`, … of one account each, in a chain; the first is also there as `solo`.
struct Bed {
    timeouts: Timeouts,
    total: Duration,
    room: Duration,
}

impl Bed {
    fn gateway(&self, vendors: &[(&str, &Vendor)]) -> Gateway {
        let mut upstream = Upstream::new(Vendor::new());
        let mut pools = Pools::new();
        let mut names = Vec::new();
        for (index, (dialect, vendor)) in vendors.iter().enumerate() {
            let name = format!("v{index}");
            upstream = upstream.with_egress(name.as_str(), (*vendor).clone());
            let account =
                Account::new(name.as_str(), Secret::new("key")).with_egress(name.as_str());
            let member = || {
                Member::new(provider(dialect, &name), "m")
                    .timeouts(self.timeouts)
                    .account(Arc::new(account.clone()), 1)
            };
            pools = pools.pool(format!("m{index}"), Pool::new().vendor(member()));
            if index == 0 {
                pools = pools.pool("solo", Pool::new().vendor(member()));
            }
            names.push(format!("m{index}"));
        }
        let chains = Chains::new().chain("m0", names.into_iter().skip(1));
        let ingress = IngressLayer::new().heartbeat(None).timeout(self.total);
        let policy = RetryPolicy::new().min_remaining(self.room);
        let service = ServiceBuilder::new()
            .layer(ingress)
            .layer(SseNormalizeLayer::new())
            .layer(FailoverLayer::new(chains))
            .layer(RetryBackoffLayer::new(policy))
            .layer(PoolLayer::new(pools))
            .service(upstream);
        BoxCloneSyncService::new(service)
    }
}

fn provider(dialect: &str, name: &str) -> Arc<dyn Provider> {
    let (name, base) = (name.to_owned(), "https://vendor.test/v1");
    Arc::new(
        match dialect {
            "anthropic" => Compatible::anthropic(name, base),
            "gemini" => Compatible::gemini(name, base),
            "responses" => Compatible::responses(name, base),
            "cohere" => Compatible::cohere(name, base),
            _ => Compatible::openai(name, base),
        }
        .unwrap(),
    )
}

/// The path and the body of a call in a front dialect.
fn asked(front: &str, model: &str, stream: bool) -> (String, String) {
    let turns = r#"[{"role":"user","content":"hi"}]"#;
    match front {
        "chat" => (
            "/v1/chat/completions".into(),
            format!(r#"{{"model":"{model}","stream":{stream},"messages":{turns}}}"#),
        ),
        "anthropic" => (
            "/v1/messages".into(),
            format!(r#"{{"model":"{model}","max_tokens":9,"stream":{stream},"messages":{turns}}}"#),
        ),
        "responses" => (
            "/v1/responses".into(),
            format!(r#"{{"model":"{model}","stream":{stream},"input":"hi"}}"#),
        ),
        "completions" => (
            "/v1/completions".into(),
            format!(r#"{{"model":"{model}","stream":{stream},"prompt":"hi"}}"#),
        ),
        _ => {
            let verb = if stream {
                "streamGenerateContent?alt=sse"
            } else {
                "generateContent"
            };
            let body = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
            (format!("/v1beta/models/{model}:{verb}"), body.into())
        }
    }
}

/// The status, all that came of the body, and how long it took.
async fn ask(gateway: &Gateway, front: &str, model: &str, stream: bool) -> (u16, String, Duration) {
    let (path, body) = asked(front, model, stream);
    let request = Request::post(format!("http://gateway.test{path}"))
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap();
    let begun = Instant::now();
    let response = gateway.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let (mut body, mut all) = (response.into_body(), Vec::new());
    while let Some(Ok(frame)) = body.frame().await {
        all.extend_from_slice(&frame.into_data().unwrap_or_else(|_| Bytes::new()));
    }
    (status, String::from_utf8(all).unwrap(), begun.elapsed())
}

fn hello() -> Script {
    Script::new().text("Hello there.").usage(3, 2)
}

#[tokio::test(start_paused = true)]
async fn each_clock_has_its_own_code_in_each_dialect() {
    let silent = Vendor::new();
    silent.always(Answer::silence());
    let usual = Timeouts::new(Some(60 * SECOND), Some(60 * SECOND));
    let whole = |wait| usual.with_first_byte(FirstByte::Within(wait));
    // (timeouts, the call's time, streamed, what is told, after how long)
    let cases = [
        (
            Timeouts::new(Some(3 * SECOND), None),
            90,
            true,
            "first_token_timeout",
            "first-token",
            3,
        ),
        (
            whole(4 * SECOND),
            90,
            false,
            "first_byte_timeout",
            "first-byte",
            4,
        ),
        (
            usual.with_total(Some(5 * SECOND)),
            90,
            true,
            "attempt_timeout",
            "one attempt",
            5,
        ),
        (
            usual.with_total(Some(5 * SECOND)),
            90,
            false,
            "attempt_timeout",
            "one attempt",
            5,
        ),
        (usual, 6, true, "total_timeout", "total timeout", 6),
        (usual, 6, false, "total_timeout", "total timeout", 6),
    ];
    for (timeouts, total, stream, code, words, after) in cases {
        let bed = Bed {
            timeouts,
            total: total * SECOND,
            room: SECOND,
        };
        let gateway = bed.gateway(&[("openai", &silent)]);
        for front in ["chat", "completions", "responses", "anthropic", "gemini"] {
            let (status, body, took) = ask(&gateway, front, "solo", stream).await;
            assert_eq!(
                (status, took.as_secs()),
                (504, after),
                "{front} {code}: {body}"
            );
            let told: Value = serde_json::from_str(&body).unwrap();
            let error = &told["error"];
            assert!(
                error["message"].as_str().unwrap().contains(words),
                "{front}: {body}"
            );
            match front {
                "anthropic" => assert_eq!(error["type"], "timeout_error", "{body}"),
                "gemini" => assert_eq!(error["status"], "DEADLINE_EXCEEDED", "{body}"),
                _ => assert_eq!(error["code"], code, "{front}: {body}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn comments_and_pings_do_not_wind_the_idle_clock() {
    let stalls = |answer: Answer| answer.content();
    // The whole stream of a vendor but its last words, and what it says to show that it is there.
    let script = hello();
    let vendors = [
        (
            "openai",
            stalls(script.openai("m", true, true)),
            ": ping\n\n",
        ),
        ("openai", stalls(script.openai("m", true, true)), ":\n"),
        (
            "anthropic",
            stalls(script.anthropic("m", true)),
            "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        ),
        (
            "anthropic",
            stalls(script.anthropic("m", true)),
            "data: {\"type\":\"ping\"}\n\n",
        ),
        (
            "anthropic",
            stalls(script.anthropic("m", true)),
            ": comment\n\n",
        ),
        (
            "responses",
            stalls(script.responses("m", true)),
            "event: keepalive\ndata: {\"type\":\"keepalive\",\"sequence_number\":9}\n\n",
        ),
        ("gemini", stalls(script.gemini("m", true)), ": ping\n\n"),
        ("cohere", stalls(script.cohere(true)), ": ping\n\n"),
    ];
    for (dialect, stream, noise) in vendors {
        let text = String::from_utf8(stream.to_vec()).unwrap();
        let at = text.find("Hello").unwrap();
        let end = if text.contains("\r\n") {
            "\r\n\r\n"
        } else {
            "\n\n"
        };
        let begun = text[at..].find(end).unwrap() + at + end.len();
        let chunks = std::iter::once(text[..begun].to_owned())
            .chain(std::iter::repeat_n(noise.to_owned(), 50));
        let vendor = Vendor::new();
        vendor.push(
            Answer::status(200)
                .header("content-type", "text/event-stream")
                .stream(chunks)
                .between(4 * SECOND),
        );
        let bed = Bed {
            timeouts: Timeouts::new(Some(60 * SECOND), Some(10 * SECOND)),
            total: 600 * SECOND,
            room: SECOND,
        };
        let gateway = bed.gateway(&[(dialect, &vendor)]);
        let (status, body, took) = ask(&gateway, "chat", "solo", true).await;
        assert_eq!(status, 200, "{dialect}: {body}");
        assert!(body.contains("idle_timeout"), "{dialect} {noise}: {body}");
        assert_eq!(took.as_secs(), 10, "{dialect} {noise}");
        assert_eq!(vendor.open_streams(), 0, "the vendor is let go");
    }
    // Words do wind it.
    let vendor = Vendor::new();
    vendor.push(hello().openai("m", true, true).between(4 * SECOND));
    let bed = Bed {
        timeouts: Timeouts::new(Some(60 * SECOND), Some(5 * SECOND)),
        total: 600 * SECOND,
        room: SECOND,
    };
    let (_, body, took) = ask(&bed.gateway(&[("openai", &vendor)]), "chat", "solo", true).await;
    assert!(body.contains("[DONE]") && took > 10 * SECOND, "{body}");
}

#[tokio::test(start_paused = true)]
async fn the_clocks_of_a_stream_end_it_with_their_code() {
    for (timeouts, total, code, after) in [
        (
            Timeouts::new(None, None).with_total(Some(7 * SECOND)),
            90,
            "attempt_timeout",
            7,
        ),
        (Timeouts::new(None, None), 9, "total_timeout", 9),
        (Timeouts::new(None, Some(3 * SECOND)), 90, "idle_timeout", 3),
    ] {
        let vendor = Vendor::new();
        vendor.push(hello().openai("m", true, true).stall_after(2));
        let bed = Bed {
            timeouts,
            total: total * SECOND,
            room: SECOND,
        };
        let (status, body, took) =
            ask(&bed.gateway(&[("openai", &vendor)]), "chat", "solo", true).await;
        assert_eq!((status, took.as_secs()), (200, after), "{code}");
        assert!(body.contains(code), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_account_does_not_use_up_a_whole_answers_time() {
    let silent = Vendor::new();
    silent.always(Answer::silence());
    let spaces = Vendor::new();
    spaces.always(Answer::json(200, "").stream(vec![" "; 500]).between(SECOND));
    let stops = Vendor::new();
    stops.always(
        Answer::json(200, "")
            .stream(["{\"id\":", "1}"])
            .stall_after(1),
    );
    let well = Vendor::new();
    well.always(hello().openai("m", false, false));
    let usual = Timeouts::new(Some(60 * SECOND), Some(8 * SECOND));
    let within = usual.with_first_byte(FirstByte::Within(5 * SECOND));
    let never = usual.with_first_byte(FirstByte::Unlimited);
    for (first, timeouts, model, status, after) in [
        // Half of the time, as long as somebody else is there; white space is no answer.
        (&silent, usual, "m0", 200, 30),
        (&spaces, usual, "m0", 200, 30),
        (&silent, usual, "solo", 504, 60),
        // What has begun must go on.
        (&stops, usual, "m0", 200, 8),
        (&silent, within, "m0", 200, 5),
        (&silent, within, "solo", 504, 5),
        // All but what the next one needs.
        (&silent, never, "m0", 200, 50),
    ] {
        let bed = Bed {
            timeouts,
            total: 60 * SECOND,
            room: 10 * SECOND,
        };
        let gateway = bed.gateway(&[("openai", first), ("openai", &well)]);
        let (seen, body, took) = ask(&gateway, "chat", model, false).await;
        assert_eq!((seen, took.as_secs()), (status, after), "{model}: {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_leaves_room_for_the_next_target_or_the_cause_is_told_at_once() {
    let usual = Timeouts::new(Some(60 * SECOND), None);
    let bed = |room| Bed {
        timeouts: usual,
        total: 20 * SECOND,
        room,
    };
    let (silent, well) = (Vendor::new(), Vendor::new());
    silent.always(Answer::silence());
    well.always(hello().openai("m", true, false));
    let gateway = bed(5 * SECOND).gateway(&[("openai", &silent), ("openai", &well)]);
    let (status, body, took) = ask(&gateway, "chat", "m0", true).await;
    assert_eq!((status, took.as_secs()), (200, 15), "{body}");

    for (late, failed, model, told) in [(14, 401, "m0", 200), (16, 500, "solo", 500)] {
        let (slow, well) = (Vendor::new(), Vendor::new());
        let failure = Answer::openai_error(failed, "server_error", "boom", "Out of luck.");
        slow.always(failure.delay(late * SECOND));
        well.always(hello().openai("m", true, false));
        let gateway = bed(5 * SECOND).gateway(&[("openai", &slow), ("openai", &well)]);
        let (status, body, took) = ask(&gateway, "chat", model, true).await;
        assert_eq!((status, took.as_secs()), (told, u64::from(late)), "{body}");
        assert_eq!(slow.requests().len(), 1, "no doomed retry");
        assert!(told == 200 || body.contains("Out of luck."), "{body}");
    }
}

/// A proxy that takes every connection and says nothing: the tunnel is part of connecting.
#[tokio::test]
async fn connecting_has_a_limit_per_provider_and_per_model() {
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", mute.local_addr().unwrap());
    let _holds = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = mute.accept().await {
            held.push(stream);
        }
    });
    let text = r#"
timeouts: { connect: 10m, first_token: 0s, total: 0s }
retry: { max_attempts: 1 }
providers:
  hasty: { kind: openai-compatible, base_url: "https://vendor.test/v1", proxy: "${P}", accounts: [k], timeouts: { connect: 20ms } }
  calm: { kind: openai-compatible, base_url: "https://vendor.test/v1", proxy: "${P}", accounts: [k], timeouts: { connect: 10m } }
models:
  provider: hasty/m
  model: { deployments: [calm/m], timeouts: { connect: 20ms } }
"#;
    let gateway = support::Running::start(text, &[("P", proxy)]).await;
    for model in ["provider", "model"] {
        for (path, body) in [
            ("/v1/chat/completions", support::chat(model, true)),
            ("/v1/messages", support::messages(model, false)),
        ] {
            let (status, _, body) = support::post(&gateway.url(path), body).await;
            assert_eq!(status, 504, "{model}: {body}");
            assert!(
                body.contains("connecting to the vendor took too long"),
                "{body}"
            );
            assert!(
                path == "/v1/messages" || body.contains("connect_timeout"),
                "{body}"
            );
        }
    }
}
