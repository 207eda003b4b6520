//! The whole stack over two scripted vendors: the one of the pair, and the one that is asked when it fails.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};
use trunkline::{
    Body, BoxError, Calls, FailoverLayer, IngressLayer, PoolLayer, Pools, RetryBackoffLayer,
    Secret, SseNormalizeLayer, Upstream,
    failover::Chains,
    pool::{self, Pool},
    retry::RetryPolicy,
    testing::{Script, Vendor},
    upstream::{Account, Timeouts},
};

use crate::{
    pairs::{Front, Kind, Pair, count_call},
    told::Got,
};

/// What the vendor that is asked second says.
pub const SPARE: &str = "The spare one speaks.";

/// How long a stream may be silent here.
pub const IDLE: Duration = Duration::from_secs(20);

/// How long the first content may take here.
pub const FIRST_TOKEN: Duration = Duration::from_secs(60);

pub struct Bed {
    pub pair: Pair,
    pub vendor: Vendor,
    pub spare: Vendor,
    pub pools: Pools,
    pub calls: Calls,
    stack: Stack,
}

type Stack = BoxCloneSyncService<Request<Body>, Response<Body>, std::convert::Infallible>;

/// What differs from one test's stack to another's.
pub struct Settings {
    pub heartbeat: Option<Duration>,
    pub total: Option<Duration>,
    pub idle: Duration,
    pub first_token: Duration,
    /// The largest event.
    pub most: usize,
    pub attempts: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            heartbeat: None,
            total: None,
            idle: IDLE,
            first_token: FIRST_TOKEN,
            most: 1 << 20,
            attempts: 4,
        }
    }
}

impl Bed {
    pub fn new(pair: Pair) -> Self {
        Self::with(pair, Settings::default())
    }

    pub fn with(pair: Pair, settings: Settings) -> Self {
        let (vendor, spare) = (Vendor::new(), Vendor::new());
        let second = Script::new().text(SPARE).usage(5, 4);
        let kind = pair.spare;
        spare.always((kind.answer)(&second, kind.model, true));
        let pools = Pools::with_seed(7)
            .pool("m", pool(pair.kind, "first", &settings))
            .pool("n", pool(pair.spare, "spare", &settings));
        let calls = Calls::new();
        let both = (vendor.clone(), spare.clone());
        let client = service_fn(move |request: Request<Body>| {
            let vendor = match request.uri().host() {
                Some("first.test") => both.0.clone(),
                _ => both.1.clone(),
            };
            let future: BoxFuture<'static, Result<Response<Body>, BoxError>> =
                Box::pin(vendor.oneshot(request));
            future
        });
        let policy = RetryPolicy::new()
            .max_attempts(settings.attempts)
            .backoff(Duration::from_millis(100), Duration::from_secs(1))
            .seed(7);
        let ingress = IngressLayer::new()
            .heartbeat(settings.heartbeat)
            .timeout(settings.total)
            .calls(calls.clone());
        let stack = ServiceBuilder::new()
            .layer(ingress)
            .layer(SseNormalizeLayer::new())
            .layer(FailoverLayer::new(Chains::new().chain("m", ["n"])))
            .layer(RetryBackoffLayer::new(policy))
            .layer(PoolLayer::new(pools.clone()))
            .service(Upstream::new(client).with_max_body(settings.most));
        Self {
            pair,
            vendor,
            spare,
            pools,
            calls,
            stack: BoxCloneSyncService::new(stack),
        }
    }

    /// Asks for a stream, and reads all of it.
    pub async fn stream(&self) -> Got {
        self.send(request(self.pair.front, "m", true)).await
    }

    /// Asks for a whole answer.
    pub async fn whole(&self) -> Got {
        self.send(request(self.pair.front, "m", false)).await
    }

    pub async fn send(&self, request: Request<Body>) -> Got {
        let stream = is_stream(&request);
        let (response, front) = (self.open(request).await, self.pair.front);
        let (parts, mut body) = response.into_parts();
        let (mut raw, mut cut) = (Vec::new(), false);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => raw.extend(frame.into_data().unwrap_or_default()),
                Err(_) => {
                    cut = true;
                    break;
                }
            }
        }
        Got {
            front,
            status: parts.status.as_u16(),
            headers: parts.headers,
            raw,
            cut,
            stream,
        }
    }

    /// Sends it, and reads nothing yet.
    pub async fn open(&self, request: Request<Body>) -> Response<Body> {
        count_call();
        let mut stack = self.stack.clone();
        let ready = stack.ready().await.unwrap_or_else(|never| match never {});
        let called = ready.call(request).await;
        called.unwrap_or_else(|never| match never {})
    }

    /// The accounts' calls in flight, in sum.
    pub fn in_flight(&self) -> u32 {
        let accounts = self.pools.snapshot();
        accounts.iter().map(|account| account.in_flight).sum()
    }

    /// How the latest call ended.
    pub fn ending(&self) -> &'static str {
        let calls = self.calls.latest();
        calls.first().map_or("none", |call| call.ending)
    }
}

fn pool(kind: &'static Kind, name: &'static str, settings: &Settings) -> Pool {
    let provider = (kind.provider)(name, &format!("http://{name}.test/v1"));
    let account = Account::new(name, Secret::new("the-key"));
    let times = Timeouts::new(Some(settings.first_token), Some(settings.idle));
    let vendor = pool::Vendor::new(provider.expect("a provider"), kind.model)
        .timeouts(times)
        .account(Arc::new(account), 1);
    Pool::new().vendor(vendor)
}

/// A question in the words of a front: with two tools, where it has tools, and with usage in the stream.
pub fn request(front: &Front, model: &str, stream: bool) -> Request<Body> {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tool = |name: &str| json!({"name": name, "description": "…", "parameters": schema});
    let names = ["weather", "clock"];
    let body = match front.name {
        "chat" => {
            let tools = names.map(|name| json!({"type": "function", "function": tool(name)}));
            let mut body = json!({"model": model, "stream": stream, "tools": tools,
                "messages": [{"role": "user", "content": "Hello"}]});
            if stream {
                body["stream_options"] = json!({"include_usage": true});
            }
            body
        }
        "completions" => {
            let mut body =
                json!({"model": model, "stream": stream, "prompt": "Hello", "max_tokens": 500});
            if stream {
                body["stream_options"] = json!({"include_usage": true});
            }
            body
        }
        "responses" => {
            let tools = names.map(|name| {
                let mut tool = tool(name);
                tool["type"] = json!("function");
                tool["strict"] = json!(false);
                tool
            });
            json!({"model": model, "stream": stream, "input": "Hello", "tools": tools, "store": false})
        }
        "messages" => {
            let tools = names.map(|name| json!({"name": name, "input_schema": schema}));
            json!({"model": model, "stream": stream, "max_tokens": 5000, "tools": tools,
                "thinking": {"type": "enabled", "budget_tokens": 1024},
                "messages": [{"role": "user", "content": "Hello"}]})
        }
        _ => json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
            "tools": [{"functionDeclarations": names.map(tool)}]}),
    };
    ask(front, model, stream, &body)
}

/// Any body of a front.
pub fn ask(front: &Front, model: &str, stream: bool, body: &Value) -> Request<Body> {
    let path = match front.name {
        "chat" => "/v1/chat/completions".to_owned(),
        "completions" => "/v1/completions".to_owned(),
        "responses" => "/v1/responses".to_owned(),
        "messages" => "/v1/messages".to_owned(),
        _ if stream => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
        _ => format!("/v1beta/models/{model}:generateContent"),
    };
    let request = Request::post(path).header("content-type", "application/json");
    let request = match stream {
        true => request.header("accept", "text/event-stream"),
        false => request.header("accept", "application/json"),
    };
    request
        .body(Body::from(body.to_string()))
        .expect("a legal request")
}

fn is_stream(request: &Request<Body>) -> bool {
    request.headers()["accept"] == "text/event-stream"
}
