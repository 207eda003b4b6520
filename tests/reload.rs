//! A running gateway's files change: its configuration, its certificate.
#![cfg(unix)]

mod support;

use std::{sync::Arc, time::Duration};

use support::{
    Running, call, chat, client, post,
    process::{Dir, Process},
    served,
};
use trunkline::{
    RetryBudget,
    config::Config,
    testing::{Answer, Script, Vendor},
};

fn config(url: &str, model: &str) -> String {
    format!(
        "providers:\n  v: {{ kind: openai-compatible, base_url: \"{url}\", accounts: [{{ name: one, api_key: k }}] }}\nmodels: {{ {model}: [v/up] }}\n"
    )
}

async fn speaking() -> (Vendor, trunkline::testing::Server) {
    let vendor = Vendor::new();
    vendor.on(|request| {
        let stream = request.field("/stream").as_deref() == Some("true");
        let script = Script::new().text("one two three four");
        let answer = script.openai("up", stream, true);
        Some(match stream {
            true => answer.between(Duration::from_millis(200)),
            false => answer,
        })
    });
    let server = served(&vendor).await;
    (vendor, server)
}

async fn start(dir: &Dir) -> Process {
    Process::start(dir.gateway(&["--listen", "127.0.0.1:0"])).await
}

#[tokio::test]
async fn a_changed_file_is_put_in_force_and_a_broken_one_is_not() {
    let (_vendor, server) = speaking().await;
    let dir = Dir::with(&config(&server.url("/v1"), "old"));
    let gateway = start(&dir).await;
    let url = gateway.url("/v1/chat/completions");
    let mut running = call(&url, chat("old", true)).send().await.unwrap();
    assert!(running.chunk().await.unwrap().is_some());

    dir.write("gateway.yaml", &config(&server.url("/v1"), "new"));
    gateway.logged("is in force").await;
    assert_eq!(post(&url, chat("new", false)).await.0, 200);
    assert_eq!(post(&url, chat("old", false)).await.0, 404);
    // The stream that was running ends on what it began with.
    let rest = running.text().await.expect("a whole answer");
    assert!(rest.ends_with("data: [DONE]\n\n"), "{rest}");

    dir.write("gateway.yaml", "models: { new: [nobody/up] }\n");
    let line = gateway.logged("is refused").await;
    assert!(line.contains("nobody"), "{line}");
    assert_eq!(post(&url, chat("new", false)).await.0, 200);
    let page = client().get(gateway.url("/metrics")).send().await.unwrap();
    let page = page.text().await.unwrap();
    for line in [
        r#"trunkline_config_reloads_total{result="ok"} 1"#,
        r#"trunkline_config_reloads_total{result="refused"} 1"#,
        r#"trunkline_account_requests_last_minute{provider="v",account="one"} 3"#,
    ] {
        assert!(page.contains(line), "no {line} in\n{page}");
    }
}

#[tokio::test]
async fn sighup_reads_the_file_and_the_pool_remembers() {
    let vendor = Vendor::new();
    vendor.on(|_| {
        let answer = trunkline::testing::Answer::openai_error(429, "rate", "rate_limit", "slow");
        Some(answer.header("retry-after", "3600"))
    });
    let server = served(&vendor).await;
    let dir = Dir::with(&config(&server.url("/v1"), "m"));
    let gateway = start(&dir).await;
    let url = gateway.url("/v1/chat/completions");
    assert_eq!(post(&url, chat("m", false)).await.0, 429);
    gateway.hang_up().await;
    gateway.logged("is in force").await;
    // The account's cooldown outlives the reload: the vendor is not asked again before its time.
    assert_eq!(post(&url, chat("m", false)).await.0, 429);
    assert_eq!(vendor.requests().len(), 1);
}

/// A certificate for 127.0.0.1, and the same as a root to trust.
fn certificate(dir: &Dir) -> reqwest::Certificate {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    dir.write("cert.pem", &made.cert.pem());
    dir.write("key.pem", &made.signing_key.serialize_pem());
    reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
}

fn trusting(root: reqwest::Certificate) -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .build()
        .unwrap()
}

#[tokio::test]
async fn tls_and_http_2_with_a_certificate_that_is_renewed() {
    let (_vendor, server) = speaking().await;
    let dir = Dir::new();
    let old = trusting(certificate(&dir));
    let text = format!(
        "server: {{ tls: {{ cert: cert.pem, key: key.pem }} }}\n{}",
        config(&server.url("/v1"), "m")
    );
    dir.write("gateway.yaml", &text);
    let gateway = start(&dir).await;
    let url = format!("https://{}/v1/chat/completions", gateway.address);
    let ask = async |client: &reqwest::Client| {
        let call = client.post(&url).body(chat("m", true));
        let answer = call
            .header("content-type", "application/json")
            .send()
            .await?;
        Ok::<_, reqwest::Error>((answer.version(), answer.text().await?))
    };
    let (version, text) = ask(&old).await.expect("an answer over TLS");
    assert_eq!(version, http::Version::HTTP_2);
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");

    let new = trusting(certificate(&dir));
    gateway.logged("is in force").await;
    ask(&new).await.expect("the renewed certificate is shown");
    let again = Arc::new(old);
    // The connection that is open lives on.
    ask(&again)
        .await
        .expect("an answer over the old connection");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_is_named() {
    let dir = Dir::with(
        "server: { tls: { cert: nowhere.pem, key: key.pem } }\nproviders: { ollama: {} }\n",
    );
    let (code, _, error) = support::process::finish(dir.gateway(&["--check"])).await;
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("server.tls.cert: nowhere.pem"), "{error}");
}

#[tokio::test]
async fn a_reload_lets_no_more_second_attempts_pass() {
    let vendor = Vendor::new();
    vendor.always(Answer::status(503));
    let server = served(&vendor).await;
    let text = |budget: &str| {
        format!(
            "retry: {{ max_attempts: 2, base: 0ms, max: 0ms, budget: {budget} }}\n\
             providers: {{ v: {{ kind: openai-compatible, base_url: \"{}\", accounts: [{{ name: a, api_key: k }}, {{ name: b, api_key: l }}] }} }}\n\
             models: {{ m: {{ deployments: [v/m], cooldown: 0s }} }}\n",
            server.url("/v1")
        )
    };
    let gateway = Running::start(&text("0%"), &[]).await;
    let url = gateway.url("/v1/chat/completions");
    let calls = async |calls: u64| {
        for _ in 0..calls {
            assert_eq!(post(&url, chat("m", false)).await.0, 503);
        }
        vendor.requests().len() as u64
    };
    let spent = RetryBudget::RESERVE;
    assert_eq!(calls(spent + 5).await, spent + 5 + spent);
    let reload = |budget| {
        let config = Config::from_yaml(&text(budget), &|_| None).unwrap();
        gateway.gateway.reload(&config).unwrap();
    };
    reload("0%");
    assert_eq!(calls(5).await, spent + 10 + spent, "what is spent is spent");
    // As many second attempts as first ones may be made now.
    reload("100%");
    assert_eq!(
        calls(5).await,
        spent + 15 + spent + 5,
        "another share counts at once"
    );
}
