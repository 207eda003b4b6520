//! What valgrind looks at: calls through the whole stack, in memory.

use std::{convert::Infallible, fmt::Write, hint::black_box, sync::Arc};

use bytes::Bytes;
use futures_util::stream;
use http::Request;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::runtime::Runtime;
use trunkline::{
    Body, Pools, Secret,
    config::{Config, Gateway},
    failover::Chains,
    pool::{Balance, Headroom, LeastBusy, Pool, Weighted},
    upstream::{Account, Counted, LimitWindow, Limits, Period},
};

use crate::support::{self, Http, Speaks};

/// The name of the function whose instructions count.
pub const MEASURED: &str = "only_this_is_counted";

/// Bodies come in pieces of at most this many bytes, as from a socket.
const PIECE: usize = 64 << 10;

/// `WHAT SIZE WARM CALLS`: that many calls that do not count, and that many that do.
pub fn play(args: &[String]) {
    let [what, numbers @ ..] = args else {
        panic!("WHAT SIZE WARM CALLS");
    };
    let numbers: Vec<usize> = numbers.iter().filter_map(|n| n.parse().ok()).collect();
    let [size, warm, calls] = numbers[..] else {
        panic!("WHAT SIZE WARM CALLS");
    };
    if let Some(names) = what.strip_prefix("start") {
        let yaml = yaml(size, if names == "-patterns" { "-*" } else { "" });
        return only_this_is_counted_of_start(&yaml);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let case = Case::of(what, size);
    for number in 0..warm {
        runtime.block_on(case.call(number));
    }
    only_this_is_counted(&runtime, &case, warm, calls);
}

#[inline(never)]
fn only_this_is_counted(runtime: &Runtime, case: &Case, warm: usize, calls: usize) {
    for number in warm..warm + calls {
        runtime.block_on(case.call(number));
    }
}

#[inline(never)]
fn only_this_is_counted_of_start(yaml: &str) {
    let config = Config::from_yaml(yaml, &|_| None).expect("a right configuration");
    black_box(Gateway::new(&config).expect("a client"));
}

/// What is called, and how.
struct Case {
    service: Http,
    body: Bytes,
    /// So many callers take turns.
    keys: usize,
}

impl Case {
    fn of(what: &str, size: usize) -> Self {
        let (kind, variant) = what.split_once('-').unwrap_or((what, ""));
        let speaks = match variant {
            "translated" => Speaks::Anthropic,
            _ => Speaks::OpenAi,
        };
        let client = match kind {
            "answer" => client("application/json", answer(speaks, size)),
            "events" => {
                let events = match speaks {
                    Speaks::OpenAi => support::openai_stream(size),
                    Speaks::Anthropic => support::anthropic_stream(size),
                };
                client("text/event-stream", events)
            }
            _ => client("application/json", answer(speaks, 360)),
        };
        let service = match (kind, variant) {
            (_, "bare") => client,
            ("accounts", "least-busy") => accounts(size, LeastBusy::new(), client),
            ("accounts", "headroom") => accounts(size, Headroom::new(), client),
            ("accounts", _) => accounts(size, Weighted::new(), client),
            ("models", "patterns") => models(size, "-*", client),
            ("models", _) => models(size, "", client),
            ("keys", _) => limited(client),
            _ => support::stack(speaks, client),
        };
        let model = match (kind, variant) {
            ("models", "patterns") => format!("m{}-x", size / 2),
            ("models", _) => format!("m{}", size / 2),
            _ => "bench".to_owned(),
        };
        let bytes = if kind == "request" { size } else { 500 };
        Self {
            service,
            body: conversation(&model, kind == "events", bytes),
            keys: if kind == "keys" { size } else { 1 },
        }
    }

    async fn call(&self, number: usize) {
        // A step that leads through all of them, and far from the last one.
        let key = number * 7_919 % self.keys;
        let request = Request::post("http://gateway.example/v1/chat/completions")
            .header("content-type", "application/json")
            .header("content-length", self.body.len())
            .header("authorization", format!("Bearer caller-{key}"))
            .body(in_pieces(self.body.clone()))
            .expect("a legal request");
        support::drain(&self.service, request).await;
    }
}

fn in_pieces(bytes: Bytes) -> Body {
    if bytes.len() <= PIECE {
        return Body::from(bytes);
    }
    let pieces = stream::unfold(bytes, |mut rest| async {
        if rest.is_empty() {
            return None;
        }
        let piece = rest.split_to(rest.len().min(PIECE));
        Some((Ok::<_, Infallible>(Frame::data(piece)), rest))
    });
    Body::new(StreamBody::new(pieces))
}

/// A vendor that always gives the same answer, in pieces.
fn client(kind: &'static str, answer: Bytes) -> Http {
    let whole = support::client(kind, answer.clone());
    if answer.len() <= PIECE {
        return whole;
    }
    let empty = support::client(kind, Bytes::new());
    Http::new(tower::service_fn(move |request: Request<Body>| {
        let (mut empty, answer) = (empty.clone(), answer.clone());
        async move {
            let head = tower::Service::call(&mut empty, request).await?;
            Ok(head.map(|_| in_pieces(answer)))
        }
    }))
}

fn account(name: String) -> Account {
    Account::new(name, Secret::new("bench-key"))
}

fn accounts(count: usize, balance: impl Balance, client: Http) -> Http {
    let mut vendor = support::vendor(Speaks::OpenAi);
    for number in 0..count {
        vendor = vendor.account(Arc::new(account(format!("a{number}"))), 1);
    }
    let pool = Pool::new().balance(balance).vendor(vendor);
    let pools = Pools::with_seed(1).pool("bench", pool);
    support::stack_of(pools, Chains::new().chain("bench", ["other"]), client)
}

/// Each with three accounts of its own, which all have.
fn models(count: usize, tail: &str, client: Http) -> Http {
    let accounts = ["a", "b", "c"].map(|name| Arc::new(account(name.to_owned())));
    let (mut pools, mut chains) = (Pools::with_seed(1), Chains::new());
    for number in 0..count {
        let name = format!("m{number}{tail}");
        let vendor = accounts
            .iter()
            .fold(support::vendor(Speaks::OpenAi), |vendor, account| {
                vendor.account(account.clone(), 1)
            });
        pools = pools.pool(&*name, Pool::new().vendor(vendor));
        chains = chains.chain(&*name, ["other"]);
    }
    support::stack_of(pools, chains, client)
}

/// Three accounts with limits of every kind, none of which is ever reached.
fn limited(client: Http) -> Http {
    const MANY: u64 = 1 << 40;
    let limits = Limits::none()
        .rpm(MANY)
        .tpm(MANY)
        .rpd(MANY)
        .tpd(MANY)
        .concurrency(10_000)
        .reserve(0.1)
        .window(LimitWindow::new(
            Counted::OutputTokens,
            MANY,
            Period::Month { offset: 0 },
        ));
    let mut vendor = support::vendor(Speaks::OpenAi);
    for name in ["a", "b", "c"] {
        let account = account(name.to_owned()).with_limits(limits.clone());
        vendor = vendor.account(Arc::new(account), 1);
    }
    let pool = Pool::new().queue(1_000, 100).vendor(vendor);
    let pools = Pools::with_seed(1).pool("bench", pool);
    support::stack_of(pools, Chains::new().chain("bench", ["other"]), client)
}

/// A request of about `bytes` bytes in OpenAI's dialect.
fn conversation(model: &str, stream: bool, bytes: usize) -> Bytes {
    let mut body = format!(
        r#"{{"model":"{model}","stream":{stream},"max_tokens":512,"messages":[{{"role":"system","content":"Be brief."}}"#
    );
    let text = text(420);
    let mut turn = 0;
    while body.len() + 480 < bytes.max(481) {
        let role = ["user", "assistant"][turn % 2];
        let _ = write!(body, r#",{{"role":"{role}","content":"{text}"}}"#);
        turn += 1;
    }
    let rest = bytes.saturating_sub(body.len() + 40);
    let _ = write!(
        body,
        r#",{{"role":"user","content":"{}"}}]}}"#,
        self::text(rest)
    );
    body.into()
}

/// A whole answer of about `bytes` bytes.
fn answer(speaks: Speaks, bytes: usize) -> Bytes {
    let (head, tail) = match speaks {
        Speaks::OpenAi => (
            r#"{"id":"chatcmpl-1","object":"chat.completion","created":1741569952,"model":"gpt-4.1","choices":[{"index":0,"message":{"role":"assistant","content":""#,
            r#"","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":190,"completion_tokens":13,"total_tokens":203}}"#,
        ),
        Speaks::Anthropic => (
            r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{"type":"text","text":""#,
            r#""}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":190,"output_tokens":13}}"#,
        ),
    };
    let text = text(bytes.saturating_sub(head.len() + tail.len()));
    format!("{head}{text}{tail}").into()
}

/// Prose within JSON, with a line's end now and then.
fn text(bytes: usize) -> String {
    const LINE: &str = r#"A trunk line is a group of circuits that many callers share; \"busy\" is heard if none is free.\n"#;
    LINE.repeat(bytes / LINE.len())
}

/// A gateway with that many models.
fn yaml(count: usize, tail: &str) -> String {
    let mut text = String::from(
        "providers:\n  acme:\n    kind: openai-compatible\n    base_url: http://127.0.0.1:1/v1\n    accounts:\n",
    );
    for number in 0..count {
        let _ = writeln!(
            text,
            "      - {{ name: a{number}, api_key: bench-key-{number} }}"
        );
    }
    text.push_str("models:\n  spare: [acme/spare-model]\n");
    for number in 0..count {
        let _ = writeln!(
            text,
            "  \"m{number}{tail}\": {{ deployments: [{{ provider: acme, model: upstream-model, accounts: [a{number}] }}], fallbacks: [spare] }}"
        );
    }
    text
}
