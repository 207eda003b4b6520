//! A hedged call over real sockets: what its caller, the vendors and the operator see of it.

mod support;

use std::time::Duration;

use support::{Running, chat, messages, post, served, until};
use trunkline::{
    config::Config,
    testing::{Answer, Script, Vendor},
};

/// The spare is asked only if the first is silent.
const CONFIG: &str = r#"
timeouts: { connect: 1s, first_token: 5s, idle: 5s, total: 20s }
providers:
  slow: { kind: openai-compatible, base_url: "${SLOW}", accounts: [{ name: one, api_key: k }] }
  spare: { kind: openai-compatible, base_url: "${SPARE}", accounts: [{ name: two, api_key: k }] }
models:
  m: { deployments: [slow/m, { provider: spare, model: m, weight: 0 }], hedge: { after: 20ms, share: 100% } }
  plain: { deployments: [slow/m, { provider: spare, model: m, weight: 0 }] }
  "pl*": { deployments: [slow/m], hedge: p95 }
"#;

#[tokio::test]
async fn the_second_account_answers_and_everybody_is_told() {
    let (slow, spare) = (Vendor::new(), Vendor::new());
    let servers = [served(&slow).await, served(&spare).await];
    let env = [
        ("SLOW", servers[0].url("/v1")),
        ("SPARE", servers[1].url("/v1")),
    ];
    let gateway = Running::start(CONFIG, &env).await;
    slow.always(Answer::silence());
    let hello = Script::new().text("Hello there.").usage(10, 3);
    spare.on(move |request| {
        let stream = String::from_utf8_lossy(&request.body).contains(r#""stream":true"#);
        Some(hello.openai("m", stream, true))
    });
    let whole = post(&gateway.url("/v1/chat/completions"), chat("m", false)).await;
    let stream = post(&gateway.url("/v1/chat/completions"), chat("m", true)).await;
    let other = post(&gateway.url("/v1/messages"), messages("m", true)).await;
    for (status, headers, text) in [whole, stream, other] {
        assert_eq!(status, 200, "{text}");
        assert!(text.contains("Hello"), "{text}");
        assert_eq!(headers["x-trunkline-hedge"], "won");
        assert_eq!(headers["x-trunkline-account"], "two");
        assert_eq!(headers["x-trunkline-attempts"], "2");
    }
    slow.wait_for_aborted(3).await;
    until("all places are back", || gateway.in_flight() == 0).await;
    let calls = gateway.gateway.calls().latest();
    for call in &calls {
        assert_eq!(call.way, "slow/one:outrun + spare/two:ok");
        assert_eq!((call.hedge, call.ending), (Some("won"), "completed"));
    }
    assert_eq!(calls.len(), 3);
    let told = gateway.gateway.hedges().snapshot();
    let names: Vec<_> = told.iter().map(|told| &*told.model).collect();
    assert_eq!(names, ["m", "pl*"], "the others are not hedged");
    assert_eq!((told[0].calls, told[0].hedged, told[0].won), (3, 3, 3));

    // A model that says nothing of it is not hedged, though a pattern that it fits is.
    slow.always(
        Script::new()
            .text("Hello.")
            .openai("m", false, false)
            .delay(Duration::from_millis(60)),
    );
    let url = gateway.url("/v1/chat/completions");
    let (status, headers, _) = post(&url, chat("plain", false)).await;
    assert_eq!((status, headers.get("x-trunkline-hedge")), (200, None));
    assert_eq!(spare.requests().len(), 3);

    // What is known outlives a new configuration.
    let text = CONFIG.replace("20ms", "p90");
    let env = |name: &str| {
        env.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, url)| url.clone())
    };
    let config = Config::from_yaml(&text, &env).unwrap();
    assert!(
        config
            .plan()
            .contains("hedged after p90 (100ms to 30s, of 50 calls or more), 100% at most")
    );
    gateway.gateway.reload(&config).unwrap();
    let told = gateway.gateway.hedges().snapshot();
    assert_eq!(told[0].calls, 3);
    let (status, headers, _) = post(&url, chat("m", false)).await;
    assert_eq!(
        (status, headers.get("x-trunkline-hedge")),
        (200, None),
        "too few are known"
    );
    assert_eq!(gateway.gateway.hedges().snapshot()[0].calls, 4);
}

#[cfg(unix)]
#[tokio::test]
async fn an_operator_reads_of_it_among_the_metrics() {
    use support::process::{Dir, Process};
    let text = "providers:\n  v: { kind: openai-compatible, base_url: \"http://127.0.0.1:9/v1\", accounts: [a, b] }\n\
                models: { m: { deployments: [v/m], hedge: p95 }, plain: [v/m] }\n";
    let dir = Dir::with(text);
    let gateway = Process::start(dir.gateway(&["--listen", "127.0.0.1:0"])).await;
    let page = support::client().get(gateway.url("/metrics"));
    let page = page.send().await.unwrap().text().await.unwrap();
    for name in [
        "hedgeable_calls",
        "hedges",
        "hedges_won",
        "hedges_refused",
        "hedges_alone",
    ] {
        let line = format!("trunkline_{name}_total{{model=\"m\"}} 0\n");
        assert!(page.contains(&line), "no {line} in\n{page}");
    }
    assert!(page.contains("# TYPE trunkline_hedge_delay_milliseconds gauge"));
    assert!(!page.contains("plain"), "{page}");
}
