//! A whole gateway on a port of its own, built from a configuration as an operator would write it.
#![allow(dead_code, reason = "each test uses its part")]

pub mod process;
pub mod proxy;

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use trunkline::{
    config::{Config, Gateway},
    testing::{Server, Vendor},
};

/// A gateway that serves until it is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub gateway: Arc<Gateway>,
    task: tokio::task::JoinHandle<()>,
    checks: tokio::task::JoinHandle<()>,
}

impl Running {
    /// Starts it. `${NAME}` in the text is filled in from `env`.
    pub async fn start(text: &str, env: &[(&str, String)]) -> Self {
        let env = |name: &str| {
            let found = env.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone())
        };
        let config = Config::from_yaml(text, &env).unwrap_or_else(|problems| panic!("{problems}"));
        let gateway = Arc::new(Gateway::new(&config).expect("a stack"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let app = axum::Router::new().fallback_service(gateway.service());
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        let checked = gateway.clone();
        let checks = tokio::spawn(async move { checked.watch_health().await });
        Self {
            address,
            gateway,
            task,
            checks,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The accounts' calls in flight, in sum.
    pub fn in_flight(&self) -> u32 {
        let accounts = self.gateway.pools().snapshot();
        accounts.iter().map(|account| account.in_flight).sum()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
        self.checks.abort();
    }
}

/// A scripted vendor behind a real socket.
pub async fn served(vendor: &Vendor) -> Server {
    vendor.serve().await.expect("a free port")
}

/// A chat request in OpenAI's dialect.
pub fn chat(model: &str, stream: bool) -> String {
    format!(
        r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"Hello"}}]}}"#
    )
}

/// A chat request in Anthropic's dialect.
pub fn messages(model: &str, stream: bool) -> String {
    format!(
        r#"{{"model":"{model}","max_tokens":100,"stream":{stream},"messages":[{{"role":"user","content":"Hello"}}]}}"#
    )
}

/// A client for all tests of a process. It keeps no connections, which belong to the runtime of one test.
pub fn client() -> &'static reqwest::Client {
    static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
        let builder = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0);
        builder.build().expect("a client")
    });
    &CLIENT
}

/// A call that is ready to be sent.
pub fn call(url: &str, body: impl Into<String>) -> reqwest::RequestBuilder {
    client()
        .post(url)
        .header("content-type", "application/json")
        .body(body.into())
}

/// Posts JSON and reads everything.
pub async fn post(url: &str, body: impl Into<String>) -> (u16, http::HeaderMap, String) {
    whole(call(url, body)).await
}

/// Sends it and reads everything.
pub async fn whole(call: reqwest::RequestBuilder) -> (u16, http::HeaderMap, String) {
    let response = call.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (
        status,
        headers,
        response.text().await.expect("a whole body"),
    )
}

/// Waits until it is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}
