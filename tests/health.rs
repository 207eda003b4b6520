//! Accounts that are asked in the background how they are.

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use support::{Running, chat, post, served, until};
use trunkline::{
    pool::AccountStatus,
    testing::{Answer, Recorded, Script, Server, Vendor},
};

/// Two vendors, the first of which is checked.
struct Bed {
    checked: Vendor,
    other: Vendor,
    gateway: Running,
    _servers: [Server; 2],
}

const CONFIG: &str = r#"
retry: { base: 1ms, max: 10ms }
providers:
  checked:
    kind: ${KIND}
    base_url: ${CHECKED}
    health: { interval: 50ms }
    accounts:
      - { name: a, api_key: key-checked }
      - { name: off, api_key: key-off, enabled: false }
  other:
    kind: openai-compatible
    base_url: ${OTHER}
    accounts: [{ name: b, api_key: key-other }]
models:
  m:
    deployments: [checked/m, other/m]
    balance: round-robin
"#;

async fn bed(kind: &str, models: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Bed {
    let (checked, other) = (Vendor::new(), Vendor::new());
    let count = AtomicUsize::new(0);
    checked.on(move |request| {
        let next = || count.fetch_add(1, Ordering::Relaxed);
        is_check(request).then(|| models(next()))
    });
    for vendor in [&checked, &other] {
        vendor.on(|request| {
            let script = Script::new().text("Hello.").usage(1, 1);
            match request.path() {
                "/v1/chat/completions" => Some(script.openai("m", false, false)),
                "/v1/messages" => Some(script.anthropic("m", false)),
                _ => None,
            }
        });
    }
    let servers = [served(&checked).await, served(&other).await];
    let env = [
        ("KIND", kind.to_owned()),
        ("CHECKED", servers[0].url("/v1")),
        ("OTHER", servers[1].url("/v1")),
    ];
    Bed {
        gateway: Running::start(CONFIG, &env).await,
        checked,
        other,
        _servers: servers,
    }
}

fn is_check(request: &Recorded) -> bool {
    request.path() == "/v1/models"
}

fn list() -> Answer {
    Answer::json(200, r#"{"object":"list","data":[]}"#)
}

impl Bed {
    fn checks(&self) -> usize {
        let all = self.checked.requests();
        all.iter().filter(|request| is_check(request)).count()
    }

    /// Waits for so many checks from now on, the last but one of which has surely been judged.
    async fn more_checks(&self, count: usize) {
        let target = self.checks() + count;
        until("more checks", || self.checks() >= target).await;
    }

    /// Are calls kept from the account as a whole?
    fn is_out(&self) -> bool {
        let whole = |status: &AccountStatus| status.cooldowns.iter().any(|c| c.model.is_none());
        let all = self.gateway.gateway.pools().snapshot();
        all.iter()
            .any(|status| &*status.account == "a" && whole(status))
    }

    /// Makes calls that must all be served at once; tells how many of them the checked vendor saw.
    async fn calls(&self) -> usize {
        let seen = |vendor: &Vendor| {
            let all = vendor.requests();
            all.iter().filter(|request| !is_check(request)).count()
        };
        let before = (seen(&self.checked), seen(&self.other));
        for _ in 0..6 {
            let (status, headers, body) =
                post(&self.gateway.url("/v1/chat/completions"), chat("m", false)).await;
            assert_eq!(status, 200, "{body}");
            assert_eq!(headers["x-trunkline-attempts"], "1");
        }
        let after = (seen(&self.checked), seen(&self.other));
        assert_eq!(after.0 + after.1 - before.0 - before.1, 6);
        after.0 - before.0
    }
}

#[tokio::test]
async fn every_account_in_use_is_asked_for_its_models_with_its_key() {
    let bed = bed("openai-compatible", |_| list()).await;
    bed.more_checks(3).await;
    for request in bed.checked.requests() {
        assert_eq!(
            (request.method.as_str(), request.path()),
            ("GET", "/v1/models")
        );
        assert_eq!(request.header("authorization"), Some("Bearer key-checked"));
        assert!(request.body.is_empty());
    }
    assert!(bed.other.requests().is_empty());
    assert_eq!(
        bed._servers[0].connections(),
        1,
        "answers are read to their end"
    );
    assert_eq!(bed.calls().await, 3);
}

#[tokio::test]
async fn anthropics_list_is_asked_for_as_anthropic_wants_it() {
    let bed = bed("anthropic-compatible", |_| list()).await;
    bed.more_checks(2).await;
    let asked = &bed.checked.requests()[0];
    assert_eq!(asked.path(), "/v1/models");
    assert_eq!(asked.header("x-api-key"), Some("key-checked"));
    assert_eq!(asked.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(asked.header("content-type"), None);
}

#[tokio::test]
async fn a_failing_account_is_left_alone_unnoticed_and_comes_back() {
    let broken = || Answer::openai_error(500, "server_error", "", "oops");
    let refused = || Answer::openai_error(401, "", "invalid_api_key", "no: key-checked");
    for failure in [broken, refused, Answer::hang_up, Answer::reset] {
        let well = Arc::new(AtomicBool::new(false));
        let answer = well.clone();
        let bed = bed("openai-compatible", move |_| {
            match answer.load(Ordering::Relaxed) {
                true => list(),
                false => failure(),
            }
        })
        .await;
        until("it is out", || bed.is_out()).await;
        assert_eq!(bed.calls().await, 0);
        assert!(bed.gateway.gateway.pools().any_in_service());
        well.store(true, Ordering::Relaxed);
        until("it is back", || !bed.is_out()).await;
        assert_eq!(bed.calls().await, 3);
    }
}

#[tokio::test]
async fn a_vendor_without_a_list_is_not_taken_out() {
    for (status, code) in [
        (404, ""),
        (405, ""),
        (501, ""),
        (400, ""),
        (403, "permission_error"),
    ] {
        let bed = bed("openai-compatible", move |_| {
            Answer::openai_error(status, "invalid_request_error", code, "not here")
        })
        .await;
        bed.more_checks(5).await;
        assert!(!bed.is_out(), "{status}");
        assert_eq!(bed.calls().await, 3, "{status}");
    }
}

#[tokio::test]
async fn coheres_list_of_models_is_in_the_first_version() {
    let vendor = Vendor::new();
    vendor.on(|request| (request.path() == "/v1/models").then(list));
    let server = served(&vendor).await;
    let config = "providers:\n  c: { kind: cohere, base_url: \"${C}\", health: { interval: 50ms }, accounts: [k] }\nmodels: { m: [c/command-a] }\n";
    let _gateway = Running::start(config, &[("C", server.url("/v2"))]).await;
    until("a check", || !vendor.requests().is_empty()).await;
    for request in vendor.requests() {
        let seen = (request.method.as_str(), request.path());
        assert_eq!(seen, ("GET", "/v1/models"));
        assert_eq!(request.header("authorization"), Some("Bearer k"));
    }
}
