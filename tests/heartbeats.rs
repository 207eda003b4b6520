//! Signs of life while a vendor is silent, for each front dialect: before the first byte, and what a failure looks like then.

mod support;

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{Request, Response, header};
use http_body_util::BodyExt;
use serde_json::Value;
use support::{Running, served};
use tower::{ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use trunkline::{
    Body, IngressLayer, PoolLayer, Pools, RetryBackoffLayer, Secret, SseNormalizeLayer, Upstream,
    pool::{Pool, Vendor as Member},
    provider::Compatible,
    retry::RetryPolicy,
    testing::{Answer, Script, Vendor, grammar},
    upstream::Account,
};

type Gateway = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

const SECOND: Duration = Duration::from_secs(1);

fn gateway(ingress: IngressLayer, vendor: &Vendor) -> Gateway {
    let provider = Compatible::openai("v", "https://vendor.test/v1").unwrap();
    let account = Account::new("a", Secret::new("key"));
    let member = Member::new(Arc::new(provider), "m").account(Arc::new(account), 1);
    let service = ServiceBuilder::new()
        .layer(ingress)
        .layer(SseNormalizeLayer::new())
        .layer(RetryBackoffLayer::new(RetryPolicy::new().max_attempts(1)))
        .layer(PoolLayer::new(
            Pools::new().pool("m", Pool::new().vendor(member)),
        ))
        .service(Upstream::new(vendor.clone()));
    BoxCloneSyncService::new(service)
}

fn asked(front: &str, stream: bool) -> (String, String) {
    let turns = r#"[{"role":"user","content":"hi"}]"#;
    let said = match front {
        "openai-chat" => format!(r#""messages":{turns}"#),
        "anthropic" => format!(r#""max_tokens":9,"messages":{turns}"#),
        "openai-responses" => r#""input":"hi""#.to_owned(),
        "openai-completions" => r#""prompt":"hi""#.to_owned(),
        _ => {
            let verb = if stream {
                "streamGenerateContent?alt=sse"
            } else {
                "generateContent"
            };
            let body = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
            return (format!("/v1beta/models/m:{verb}"), body.to_owned());
        }
    };
    let path = match front {
        "openai-chat" => "/v1/chat/completions",
        "anthropic" => "/v1/messages",
        "openai-responses" => "/v1/responses",
        _ => "/v1/completions",
    };
    (
        path.to_owned(),
        format!(r#"{{"model":"m","stream":{stream},{said}}}"#),
    )
}

/// The head, what came of the body, and whether it ended well.
async fn ask(gateway: &Gateway, front: &str, stream: bool) -> (Response<()>, String, bool) {
    let (path, body) = asked(front, stream);
    let request = Request::post(format!("http://gateway.test{path}"))
        .body(Body::from(body))
        .unwrap();
    let response = gateway.clone().oneshot(request).await.unwrap();
    let (parts, mut body) = response.into_parts();
    let mut all = Vec::new();
    let well = loop {
        match body.frame().await {
            None => break true,
            Some(Err(_)) => break false,
            Some(Ok(frame)) => all.extend_from_slice(&frame.into_data().unwrap()),
        }
    };
    (
        Response::from_parts(parts, ()),
        String::from_utf8(all).unwrap(),
        well,
    )
}

fn failure(after: u32) -> Answer {
    Answer::openai_error(500, "server_error", "boom", "Out of luck.").delay(after * SECOND)
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_a_status_until_a_heartbeat_is_due_and_in_band_from_then_on() {
    let vendor = Vendor::new();
    let beating = gateway(IngressLayer::new().heartbeat(10 * SECOND), &vendor);
    let quiet = gateway(IngressLayer::new().heartbeat(None), &vendor);
    // (front, what is heard, how the error begins)
    for (front, beat, told) in [
        ("openai-chat", Some(":"), "data: {\"error\":{"),
        ("openai-completions", Some(":"), "data: {\"error\":{"),
        (
            "openai-responses",
            Some(": keep-alive\n"),
            "event: response.failed\n",
        ),
        (
            "anthropic",
            Some("event: ping\ndata: {\"type\": \"ping\"}\n\n"),
            "event: error\n",
        ),
        ("gemini", None, ""),
    ] {
        for (service, after) in [(&beating, 9), (&quiet, 25)] {
            vendor.push(failure(after));
            let (head, body, well) = ask(service, front, true).await;
            assert_eq!(head.status(), 500, "{front}: {body}");
            assert!(well && body.contains("Out of luck."), "{front}: {body}");
        }
        vendor.push(failure(25));
        let (head, body, well) = ask(&beating, front, true).await;
        let Some(beat) = beat else {
            assert_eq!(
                (head.status().as_u16(), well),
                (500, true),
                "{front}: comments break its clients"
            );
            continue;
        };
        assert_eq!(
            (head.status().as_u16(), well),
            (200, false),
            "{front}: the connection is cut"
        );
        assert!(body.starts_with(beat), "{front}: {body}");
        assert!(
            body.contains(told) && body.contains("Out of luck."),
            "{front}: {body}"
        );
        let silent = body.split(told).next().unwrap();
        assert_eq!(
            silent.matches(beat.trim_end()).count(),
            2,
            "at 10 s and 20 s: {body}"
        );

        vendor.push(
            Script::new()
                .text("Hello there.")
                .usage(3, 2)
                .openai("m", true, true)
                .delay(25 * SECOND),
        );
        let (head, body, well) = ask(&beating, front, true).await;
        assert_eq!((head.status().as_u16(), well), (200, true), "{front}");
        assert!(body.starts_with(beat), "{front}: {body}");
        assert_eq!(
            grammar::check_stream(front, body.as_bytes()),
            Some(vec![]),
            "{front}: {body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn spaces_before_a_whole_answer_are_legal_and_off_unless_asked_for() {
    let vendor = Vendor::new();
    let spaced = gateway(IngressLayer::new().json_heartbeat(10 * SECOND), &vendor);
    let plain = gateway(IngressLayer::new(), &vendor);
    let answer = |after: u32| {
        let hello = Script::new().text("Hello there.").usage(3, 2);
        hello.openai("m", false, false).delay(after * SECOND)
    };
    for front in [
        "openai-chat",
        "openai-completions",
        "openai-responses",
        "anthropic",
        "gemini",
    ] {
        for (service, after) in [(&spaced, 9), (&plain, 25)] {
            vendor.push(failure(after));
            let (head, body, _) = ask(service, front, false).await;
            assert_eq!(head.status(), 500, "{front}: {body}");
            vendor.push(answer(after));
            let (head, body, _) = ask(service, front, false).await;
            assert!(body.starts_with('{'), "{front}: {body}");
            assert_eq!(head.headers()["x-trunkline-account"], "a");
        }
        vendor.push(answer(25));
        let (head, body, well) = ask(&spaced, front, false).await;
        assert_eq!((head.status().as_u16(), well), (200, true), "{front}");
        assert_eq!(head.headers()[header::CONTENT_TYPE], "application/json");
        assert!(!head.headers().contains_key(header::CONTENT_LENGTH));
        assert!(body.starts_with("  {"), "{front}: {body}");
        assert_eq!(
            grammar::check_reply(front, body.as_bytes()),
            Some(vec![]),
            "{front}: {body}"
        );

        vendor.push(failure(25));
        let (head, body, well) = ask(&spaced, front, false).await;
        assert_eq!((head.status().as_u16(), well), (200, true), "{front}");
        let told: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(told["error"]["message"], "Out of luck.", "{front}: {body}");
    }
    // Whoever leaves meanwhile takes the vendor's call along.
    vendor.push(answer(60));
    let leaves = tokio::time::timeout(15 * SECOND, ask(&spaced, "anthropic", false));
    assert!(leaves.await.is_err());
    tokio::time::sleep(SECOND).await;
    assert_eq!(vendor.in_flight(), 0);
}

#[tokio::test]
async fn spaces_go_out_over_both_versions_of_http() {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    let text = "server: { json_heartbeat: 10ms }\nproviders:\n  v: { kind: openai-compatible, base_url: \"${V}\", accounts: [k] }\nmodels: { m: v/m }";
    let gateway = Running::start(text, &[("V", server.url("/v1"))]).await;
    let old = support::client().clone();
    let new = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    for (client, version) in [(old, http::Version::HTTP_11), (new, http::Version::HTTP_2)] {
        let hello = Script::new().text("Hello there.").usage(3, 2);
        vendor.push(
            hello
                .openai("m", false, false)
                .delay(Duration::from_millis(60)),
        );
        let sent = client
            .post(gateway.url("/v1/chat/completions"))
            .body(support::chat("m", false))
            .send();
        let response = sent.await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.version()),
            (200, version)
        );
        assert_eq!(response.content_length(), None);
        let body = response.text().await.unwrap();
        assert!(
            body.starts_with("  ") && body.contains("Hello there."),
            "{body}"
        );
        serde_json::from_str::<Value>(&body).unwrap();
    }
}
