//! How the gateway's process ends.
#![cfg(unix)]

mod support;

use std::time::Duration;

use axum::{Router, body::Body, routing::post};
use futures_util::StreamExt;
use support::{
    call, chat,
    process::{Dir, Process},
};
use tokio::{net::TcpStream, sync::mpsc, task::JoinHandle};
use trunkline::testing::Script;

/// A vendor whose stream goes on when the test says so.
struct Held {
    url: String,
    /// Each one lets one more event of the stream pass.
    pass: mpsc::UnboundedSender<()>,
    task: JoinHandle<()>,
}

impl Held {
    async fn start() -> Self {
        let (pass, passes) = mpsc::unbounded_channel();
        let passes = std::sync::Arc::new(tokio::sync::Mutex::new(passes));
        let answer = move || {
            let passes = passes.clone();
            async move {
                let content = Script::new()
                    .text("one two three four")
                    .openai("m", true, true)
                    .content();
                let text = String::from_utf8(content.to_vec()).unwrap();
                let events: Vec<String> = text.split_inclusive("\n\n").map(str::to_owned).collect();
                let events = futures_util::stream::iter(events).then(move |event| {
                    let passes = passes.clone();
                    async move {
                        passes.lock().await.recv().await;
                        Ok::<_, std::io::Error>(event)
                    }
                });
                (
                    [("content-type", "text/event-stream")],
                    Body::from_stream(events),
                )
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let app = Router::new().route("/v1/chat/completions", post(answer));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Self { url, pass, task }
    }

    fn let_pass(&self, events: usize) {
        for _ in 0..events {
            self.pass.send(()).unwrap();
        }
    }

    /// A gateway before this vendor, with a stream whose first content has arrived.
    async fn gateway(&self, drain: &str) -> (Process, reqwest::Response) {
        let text = format!(
            "server: {{ drain: {drain} }}\nproviders:\n  held: {{ kind: openai-compatible, base_url: \"{}\", accounts: [k] }}\nmodels: {{ m: [held/m] }}\n",
            self.url
        );
        let dir = Dir::with(&text);
        let gateway = Process::start(dir.gateway(&["--listen", "127.0.0.1:0"])).await;
        self.let_pass(2);
        let url = gateway.url("/v1/chat/completions");
        let mut stream = call(&url, chat("m", true)).send().await.unwrap();
        assert_eq!(stream.status(), 200);
        assert!(stream.chunk().await.unwrap().is_some());
        (gateway, stream)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn refused(gateway: &Process) {
    let knocking = async {
        while TcpStream::connect(gateway.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), knocking)
        .await
        .expect("new connections are refused");
}

#[tokio::test]
async fn a_running_stream_ends_whole_and_nobody_new_is_let_in() {
    let vendor = Held::start().await;
    let (gateway, stream) = vendor.gateway("30s").await;
    // A connection that waits for its next request does not hold up the end.
    let idle = TcpStream::connect(gateway.address).await.unwrap();
    gateway.terminate().await;
    let line = gateway.logged("draining").await;
    assert!(line.contains("calls=1"), "{line}");
    refused(&gateway).await;
    vendor.let_pass(100);
    let rest = stream.text().await.expect("a whole answer");
    assert!(
        rest.contains("four") && rest.ends_with("data: [DONE]\n\n"),
        "{rest}"
    );
    let (code, log) = gateway.ended().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("drained") && log.contains(r#"ending="completed""#),
        "{log}"
    );
    drop(idle);
}

#[tokio::test]
async fn a_stream_that_goes_on_beyond_the_limit_is_cut() {
    let vendor = Held::start().await;
    let (gateway, mut stream) = vendor.gateway("300ms").await;
    gateway.terminate().await;
    let mut told = String::new();
    let end = loop {
        match stream.chunk().await {
            Ok(Some(chunk)) => told += &String::from_utf8_lossy(&chunk),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    // The dialect's own error, and then no clean end, which would pass for success.
    assert!(
        told.contains(r#"data: {"error":"#) && told.contains("shutting down"),
        "{told}"
    );
    assert!(!told.contains("[DONE]") && end.is_err(), "{told}");
    let (code, log) = gateway.ended().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("the drain limit was reached"), "{log}");
    // One line for it, though the end was not its own.
    assert_eq!(log.matches(r#"ending="cancelled""#).count(), 1, "{log}");
}

#[tokio::test]
async fn asked_again_it_does_not_wait() {
    let vendor = Held::start().await;
    let (gateway, stream) = vendor.gateway("10m").await;
    gateway.terminate().await;
    gateway.logged("draining").await;
    gateway.terminate().await;
    assert!(stream.text().await.is_err());
    let (code, log) = gateway.ended().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("asked to stop again"), "{log}");
}

#[tokio::test]
async fn without_calls_it_ends_at_once() {
    let gateway = Process::start(Dir::new().gateway(&["--listen", "127.0.0.1:0"])).await;
    gateway.terminate().await;
    let (code, log) = gateway.ended().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("drained"), "{log}");
}
