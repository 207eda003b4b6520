//! What an operator is told: what would become of a call, and what became of the latest ones.

mod support;

use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use support::{
    Running, chat, post,
    process::{Dir, Process},
    served,
};
use trunkline::testing::{Answer, Script, Server, Vendor};

const TEXT: &str = r#"
providers:
  acme:
    kind: openai-compatible
    base_url: ${VENDOR}
    accounts:
      - { name: a, api_key: ka, weight: 0 }
      - { name: b, api_key: kb }
  other:
    kind: openai-compatible
    base_url: ${VENDOR}
    accounts: [{ name: default, api_key: kc }]
models:
  m: { deployments: [acme/m], fallbacks: [n] }
  n: [other/n]
"#;

async fn bed() -> (Vendor, Running, Server) {
    let vendor = Vendor::echo();
    let server = served(&vendor).await;
    let gateway = Running::start(TEXT, &[("VENDOR", server.url("/v1"))]).await;
    (vendor, gateway, server)
}

async fn admin(gateway: &Running, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .body(Full::new(body.to_string().into()))
        .unwrap();
    let answer = gateway.gateway.admin(request).await;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_call_goes_the_way_that_was_explained_and_its_way_is_kept() {
    let (vendor, gateway, _server) = bed().await;
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let (status, told) = admin(&gateway, "POST", "/admin/api/explain", body).await;
    assert_eq!(status, 200, "{told}");
    let way = |model: &Value| -> Vec<String> {
        let all = model["candidates"].as_array().unwrap().iter();
        let tried = all.filter(|candidate| candidate["turn"].is_u64());
        tried
            .map(|c| {
                format!(
                    "{}/{}",
                    c["provider"].as_str().unwrap(),
                    c["account"].as_str().unwrap()
                )
            })
            .collect()
    };
    assert_eq!(way(&told["models"][0]), ["acme/b", "acme/a"]);
    assert_eq!(told["models"][1]["model"], "n");
    assert_eq!(way(&told["models"][1]), ["other/default"]);
    assert!(vendor.requests().is_empty(), "nobody was called");

    // Limited, broken, and then well.
    vendor.push(Answer::status(429).header("retry-after", "60"));
    vendor.push(Answer::status(500));
    vendor.always(Script::new().text("Hello.").openai("m", false, false));
    let url = gateway.url("/v1/chat/completions");
    let (status, _, answer) = post(&url, chat("m", false)).await;
    assert_eq!(status, 200, "{answer}");
    let (_, calls) = admin(&gateway, "GET", "/admin/api/calls", json!(null)).await;
    let call = &calls[0];
    assert_eq!(call["way"], "acme/b:429 → acme/a:500 → other/default:ok");
    assert_eq!(
        (&call["model"], &call["ending"]),
        (&json!("m"), &json!("completed"))
    );
    assert_eq!(call["trail"][0]["kind"], "rate_limited");
    assert_eq!(calls.as_array().unwrap().len(), 1);

    let (_, told) = admin(
        &gateway,
        "POST",
        "/admin/api/explain",
        json!({"model": "m"}),
    )
    .await;
    assert_eq!(way(&told["models"][0]), ["acme/a"], "{told}");
    assert_eq!(told["models"][0]["candidates"][1]["state"]["is"], "cooling");
    for (method, path, status) in [
        ("GET", "/admin/api/explain", 405),
        ("POST", "/admin/api/explain", 400),
        ("GET", "/admin/api/x", 404),
    ] {
        let (was, told) = admin(&gateway, method, path, json!({})).await;
        assert_eq!(was, status, "{told}");
        assert!(told["error"]["message"].is_string());
    }
}

#[tokio::test]
async fn only_clients_on_the_same_machine_are_told() {
    let gateway = Process::start(Dir::new().gateway(&["--listen", "127.0.0.1:0"])).await;
    let url = gateway.url("/admin/api/calls");
    for (name, value, status) in [
        ("accept", "*/*", 200),
        ("x-forwarded-for", "10.0.0.1", 403),
        ("origin", "https://evil.example", 403),
        ("host", "evil.example", 403),
        ("host", "localhost:80", 200),
    ] {
        let request = support::client().get(&url).header(name, value);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{name}: {value}");
    }
    let url = gateway.url("/admin/api/explain");
    let request = support::client().post(&url).body(r#"{"model":"demo"}"#);
    let told: Value =
        serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(told["models"][0]["candidates"][0]["turn"], 1, "{told}");
}
