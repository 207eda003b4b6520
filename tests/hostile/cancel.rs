//! Callers who leave: on every route, at every stage. The vendor is let go within a second, every place is given back, and the call is
//! one record that says so.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use trunkline::testing::{Answer, Script, Server, Vendor};

use crate::support::{Running, chat, messages, served, until};

const CONFIG: &str = r#"
server: { heartbeat: HEARTBEAT, files: acme }
retry: { max_attempts: 3, base: 30s, max: 30s, budget: 100% }
providers:
  acme: { kind: openai-compatible, base_url: "${V}/v1", accounts: [{ name: a, api_key: k, limits: { concurrency: 1, rpm: 100000 } }] }
  cl: { kind: anthropic-compatible, base_url: "${V}/v1", accounts: [{ name: a, api_key: k, limits: { concurrency: 1 } }] }
  gm: { kind: gemini-compatible, base_url: "${V}/v1beta", accounts: [{ name: a, api_key: k, limits: { concurrency: 1 } }] }
  re: { kind: responses-compatible, base_url: "${V}/v1", accounts: [{ name: a, api_key: k, limits: { concurrency: 1 } }] }
models:
  m: { deployments: [acme/m], wait: 30s }
  c: { deployments: [cl/c], wait: 30s }
  g: { deployments: [gm/g], wait: 30s }
  r: { deployments: [re/r], wait: 30s }
"#;

/// A call, and an answer that breaks off in the middle for ever.
struct Row {
    route: &'static str,
    body: String,
    half: Answer,
    /// Is its account told apart from others by the limit of calls at the same time?
    queues: bool,
    /// Does the gateway try again?
    retried: bool,
}

impl Row {
    /// Counts leave no way behind: they cost nothing.
    fn counts(&self) -> bool {
        !self.queues
    }
}

fn rows() -> Vec<Row> {
    let hello = || Script::new().text("Hello there, how are you?").usage(10, 7);
    let row = |route, body: String, half| Row {
        route,
        body,
        half,
        queues: true,
        retried: true,
    };
    let json = || {
        Answer::status(200)
            .header("content-type", "application/json")
            .stream(["{\"object\":", "\"list\"}"])
            .stall_after(1)
    };
    let opaque = || {
        Answer::status(200)
            .header("content-type", "audio/mpeg")
            .stream(["half", "half"])
            .stall_after(1)
    };
    let gemini = r#"{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}"#;
    let input = |model: &str, stream: bool| {
        format!(r#"{{"model":"{model}","stream":{stream},"input":"Hello"}}"#)
    };
    let prompt = |stream: bool| format!(r#"{{"model":"m","stream":{stream},"prompt":"Hello"}}"#);
    let once = |row: Row| Row {
        retried: false,
        ..row
    };
    let count = |route, body| Row {
        queues: false,
        retried: false,
        ..row(route, body, json())
    };
    vec![
        row(
            "/v1/chat/completions",
            chat("m", true),
            hello().openai("m", true, true).stall_after(3),
        ),
        row("/v1/chat/completions", chat("m", false), json()),
        row(
            "/v1/chat/completions",
            chat("c", true),
            hello().anthropic("c", true).stall_after(4),
        ),
        row(
            "/v1/messages",
            messages("c", true),
            hello().anthropic("c", true).stall_after(4),
        ),
        row("/v1/messages", messages("c", false), json()),
        row(
            "/v1/messages",
            messages("m", true),
            hello().openai("m", true, true).stall_after(3),
        ),
        row(
            "/v1/responses",
            input("r", true),
            hello().responses("r", true).stall_after(5),
        ),
        row("/v1/responses", input("r", false), json()),
        row(
            "/v1/responses",
            input("m", true),
            hello().openai("m", true, true).stall_after(3),
        ),
        row(
            "/v1beta/models/g:streamGenerateContent?alt=sse",
            gemini.into(),
            hello().gemini("g", true).stall_after(2),
        ),
        row(
            "/v1beta/models/g:streamGenerateContent",
            gemini.into(),
            hello().gemini("g", true).stall_after(2),
        ),
        row("/v1beta/models/g:generateContent", gemini.into(), json()),
        row(
            "/v1/completions",
            prompt(true),
            hello().openai("m", true, true).stall_after(3),
        ),
        row("/v1/completions", prompt(false), json()),
        row(
            "/v1/embeddings",
            r#"{"model":"m","input":"a"}"#.into(),
            json(),
        ),
        row(
            "/v1/moderations",
            r#"{"model":"m","input":"a"}"#.into(),
            json(),
        ),
        row(
            "/v1/rerank",
            r#"{"model":"m","query":"q","documents":["a"]}"#.into(),
            json(),
        ),
        row(
            "/v1/images/generations",
            r#"{"model":"m","prompt":"a"}"#.into(),
            json(),
        ),
        row(
            "/v1/audio/speech",
            r#"{"model":"m","input":"a","voice":"v"}"#.into(),
            opaque(),
        ),
        once(row("/v1/files?model=m", "{}".into(), json())),
        once(row("/v1/batches?model=m", "{}".into(), json())),
        once(row("/v1/m/any/path", "{}".into(), opaque())),
        count("/v1/messages/count_tokens", messages("c", false)),
        count("/v1beta/models/g:countTokens", gemini.into()),
        count("/v1/responses/input_tokens", input("r", false)),
    ]
}

struct Bed {
    vendor: Vendor,
    gateway: Running,
    _server: Server,
}

async fn bed(heartbeat: &str) -> Bed {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    let text = CONFIG.replace("HEARTBEAT", heartbeat);
    Bed {
        gateway: Running::start(&text, &[("V", server.url(""))]).await,
        vendor,
        _server: server,
    }
}

/// A caller with a socket of its own, which it closes when it is dropped.
async fn call(gateway: &Running, route: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let request = format!(
        "POST {route} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer caller\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

impl Bed {
    fn records(&self) -> usize {
        self.gateway.gateway.calls().latest().len()
    }

    /// Nobody is asked, nobody waits, and there is one record more than `before`.
    async fn all_is_given_back(&self, what: &str, before: usize, way: &str) {
        let pools = self.gateway.gateway.pools();
        let all = async {
            until(what, || {
                self.vendor.in_flight() == 0
                    && self.gateway.in_flight() == 0
                    && pools.waiting() == 0
                    && self.gateway.gateway.buffers().held() == 0
                    && self.records() > before
            })
            .await;
        };
        tokio::time::timeout(Duration::from_secs(1), all)
            .await
            .unwrap_or_else(|_| {
                panic!(
                    "{what}: after a second {} at the vendor, {} in flight, {} waiting, {} bytes, {} new records",
                    self.vendor.in_flight(),
                    self.gateway.in_flight(),
                    pools.waiting(),
                    self.gateway.gateway.buffers().held(),
                    self.records() - before
                )
            });
        let records = self.gateway.gateway.calls().latest();
        assert_eq!(records.len(), before + 1, "{what}: {records:#?}");
        let record = &records[0];
        assert_eq!((record.ending, &*record.way), ("cancelled", way), "{what}");
        assert!(record.caller.is_some() && record.kind.is_none(), "{what}");
    }
}

fn vendor_of(row: &Row) -> &'static str {
    match &row.body {
        body if body.contains(r#""model":"c""#) => "cl/a",
        body if body.contains(r#""model":"r""#) => "re/a",
        body if body.contains("contents") => "gm/a",
        _ => "acme/a",
    }
}

#[tokio::test]
async fn gone_before_the_vendor_has_answered() {
    // With heartbeats the caller has its headers already.
    for heartbeat in ["0s", "5ms"] {
        let bed = bed(heartbeat).await;
        for row in rows() {
            let what = format!("{} {} heartbeat {heartbeat}", row.route, row.body);
            let (asked, records) = (bed.vendor.requests().len(), bed.records());
            bed.vendor.push(Answer::silence());
            let mut caller = call(&bed.gateway, row.route, &row.body).await;
            bed.vendor.wait_for_requests(asked + 1).await;
            // Google's callers hear no heartbeats.
            let beats = heartbeat != "0s" && row.body.contains(r#""stream":true"#);
            if beats && !row.route.contains("beta") {
                assert!(caller.read(&mut [0; 64]).await.unwrap() > 0);
            }
            drop(caller);
            let way = match row.counts() {
                true => String::new(),
                false => format!("{}:cancelled", vendor_of(&row)),
            };
            bed.all_is_given_back(&what, records, &way).await;
            assert_eq!(bed.vendor.requests().len(), asked + 1, "{what}");
        }
    }
}

#[tokio::test]
async fn gone_in_the_middle_of_the_answer() {
    let bed = bed("0s").await;
    for row in rows() {
        let what = format!("{} {}", row.route, row.body);
        let (asked, records) = (bed.vendor.requests().len(), bed.records());
        bed.vendor.push(row.half.clone());
        let caller = call(&bed.gateway, row.route, &row.body).await;
        bed.vendor.wait_for_requests(asked + 1).await;
        // Whoever gets a stream has seen content; whole answers begin only when they are whole.
        let passed = row.half.content().starts_with(b"half") || row.route.contains("moderations");
        let streams = row.body.contains(r#""stream":true"#) || row.route.contains("stream");
        // What an account keeps is read for its ids before it is passed on.
        let kept = row.route.contains("?model=");
        until("the vendor has begun", || bed.vendor.open_streams() == 1).await;
        if streams || passed {
            let (mut caller, mut head) = (caller, [0; 32]);
            caller.read_exact(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head);
            assert!(head.starts_with("HTTP/1.1 200"), "{what}: {head}");
        } else {
            drop(caller);
        }
        let way = match (row.counts(), streams || passed || kept) {
            (true, _) => String::new(),
            (_, true) => format!("{}:ok", vendor_of(&row)),
            (_, false) => format!("{}:cancelled", vendor_of(&row)),
        };
        bed.all_is_given_back(&what, records, &way).await;
        let record = &bed.gateway.gateway.calls().latest()[0];
        if vendor_of(&row) == "cl/a" && streams {
            // What the vendor has told by then is not lost.
            assert_eq!(record.input_tokens, Some(10), "{what}");
        }
    }
}

#[tokio::test]
async fn gone_while_it_waits_for_a_place() {
    let bed = bed("0s").await;
    for row in rows().into_iter().filter(|row| row.queues) {
        let what = format!("{} {}", row.route, row.body);
        // Somebody else has the only place.
        let model = match vendor_of(&row) {
            "cl/a" => "c",
            "gm/a" => "g",
            "re/a" => "r",
            _ => "m",
        };
        let asked = bed.vendor.requests().len();
        bed.vendor.push(Answer::silence());
        let other = call(&bed.gateway, "/v1/chat/completions", &chat(model, false)).await;
        bed.vendor.wait_for_requests(asked + 1).await;
        let records = bed.records();
        let caller = call(&bed.gateway, row.route, &row.body).await;
        let pools = bed.gateway.gateway.pools();
        until(&format!("{what} waits"), || pools.waiting() == 1).await;
        drop(caller);
        until(&format!("{what} has left"), || {
            pools.waiting() == 0 && bed.records() == records + 1
        })
        .await;
        let record = &bed.gateway.gateway.calls().latest()[0];
        assert_eq!((record.ending, &*record.way), ("cancelled", ""), "{what}");
        drop(other);
        let way = format!("{}:cancelled", vendor_of(&row));
        bed.all_is_given_back(&what, records + 1, &way).await;
        assert_eq!(bed.vendor.requests().len(), asked + 1, "{what}");
    }
}

#[tokio::test]
async fn gone_while_it_backs_off() {
    for row in rows().into_iter().filter(|row| row.retried) {
        // The breaker of one would be open for the next.
        let bed = bed("0s").await;
        let what = format!("{} {}", row.route, row.body);
        bed.vendor
            .push(Answer::openai_error(500, "server_error", "", "again"));
        let caller = call(&bed.gateway, row.route, &row.body).await;
        bed.vendor.wait_for_requests(1).await;
        until(&format!("{what}: the place is given back"), || {
            bed.vendor.in_flight() == 0 && bed.gateway.in_flight() == 0
        })
        .await;
        assert_eq!(bed.records(), 0, "{what}: it is over already");
        drop(caller);
        let way = format!("{}:500", vendor_of(&row));
        bed.all_is_given_back(&what, 0, &way).await;
        assert_eq!(bed.vendor.requests().len(), 1, "{what}");
    }
}

#[tokio::test]
async fn gone_before_it_has_asked() {
    let bed = bed("0s").await;
    for row in rows() {
        let mut caller = TcpStream::connect(bed.gateway.address).await.unwrap();
        let request = format!(
            "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{}",
            row.route,
            row.body.len() + 1,
            row.body
        );
        caller.write_all(request.as_bytes()).await.unwrap();
        let buffers = bed.gateway.gateway.buffers();
        until("the body is being read", || buffers.held() > 0).await;
        drop(caller);
        until("its memory is given back", || buffers.held() == 0).await;
    }
    // What was never a call is no record.
    assert_eq!((bed.records(), bed.vendor.requests().len()), (0, 0));
}
