//! The gateway under test: a configuration as an operator writes it, served by hyper over HTTP/1.1 and HTTP/2.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tower::Service;
use trunkline::{
    Body,
    config::{Config, Gateway},
};

use crate::{
    guard::{Count, holding},
    server::Server,
    vendors::VENDORS,
};

pub struct Door {
    pub gateway: Arc<Gateway>,
    pub address: SocketAddr,
    /// The ids of all calls that came in.
    pub entered: Arc<Mutex<HashSet<String>>>,
    /// Calls whose answer is not over.
    pub answering: Count,
    accepting: JoinHandle<()>,
}

impl Door {
    pub async fn open(config: &Config) -> Self {
        let gateway = Arc::new(Gateway::new(config).expect("a stack"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (entered, answering) = (Arc::default(), Count::default());
        let inside = Inside {
            service: gateway.service(),
            entered: Arc::clone(&entered),
            answering: answering.clone(),
        };
        let accepting = tokio::spawn(accept(listener, inside));
        Self {
            gateway,
            address,
            entered,
            answering,
            accepting,
        }
    }

    /// No more connections, and none of those that are open.
    pub async fn close(self) {
        self.accepting.abort();
        let _ = self.accepting.await;
    }
}

#[derive(Clone)]
struct Inside {
    service: trunkline::config::GatewayService,
    entered: Arc<Mutex<HashSet<String>>>,
    answering: Count,
}

async fn accept(listener: TcpListener, inside: Inside) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            Some(_) = connections.join_next() => continue,
        };
        let _ = stream.set_nodelay(true);
        let inside = inside.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| call(inside.clone(), request));
            let http = auto::Builder::new(TokioExecutor::new());
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn call(
    mut inside: Inside,
    request: Request<Incoming>,
) -> Result<Response<Body>, std::convert::Infallible> {
    let under_way = inside.answering.enter();
    if let Some(id) = request.headers().get("x-request-id") {
        let id = id.to_str().unwrap_or_default().to_owned();
        inside.entered.lock().unwrap().insert(id);
    }
    let response = inside.service.call(request).await?;
    Ok(response.map(|body| holding(body, under_way)))
}

/// The share of second attempts that configurations allow.
pub const RETRIES: f64 = 0.5;

/// How long a call may take in all, in milliseconds.
pub const TOTAL_MS: u64 = 3_500;

/// The configuration of this turn; each is a little different.
pub fn config(servers: &[Server], turn: usize) -> Config {
    let mut text = String::new();
    let heartbeat = ["0s", "30ms", "5s"][turn % 3];
    text.push_str(&format!("server: {{ heartbeat: {heartbeat} }}\n"));
    text.push_str(&format!(
        "timeouts: {{ connect: 1s, first_token: 700ms, idle: 700ms, total: {TOTAL_MS}ms }}\n"
    ));
    let share = (RETRIES * 100.0) as u32;
    text.push_str(&format!(
        "retry: {{ max_attempts: 4, base: 4ms, max: 40ms, budget: {share}% }}\nproviders:\n"
    ));
    for (kind, server) in VENDORS.iter().zip(servers) {
        let limits = format!("limits: {{ concurrency: {} }}", 24 + turn % 3);
        text.push_str(&format!(
            "  {name}: {{ {kind}, base_url: \"http://{address}{base}\", accounts: [{{ name: one, api_key: k1, {limits} }}, {{ name: two, api_key: k2 }}] }}\n",
            name = kind.name,
            kind = kind.kind,
            address = server.address,
            base = kind.base,
        ));
    }
    text.push_str("models:\n");
    let balance = ["weighted", "round-robin", "least-busy", "fastest"][turn % 4];
    let mut pool = |name: &str, vendors: &[usize], more: &str| {
        let deployments: Vec<String> = vendors
            .iter()
            .map(|at| {
                let kind = &VENDORS[at % VENDORS.len()];
                format!("{{ provider: {}, model: \"{}\" }}", kind.name, kind.model)
            })
            .collect();
        text.push_str(&format!(
            "  {name}: {{ deployments: [{}], balance: {balance}, cooldown: 40ms, wait: 300ms{more} }}\n",
            deployments.join(", ")
        ));
    };
    let hedge = match turn % 2 {
        0 => "",
        _ => ", hedge: { after: 90ms, share: 20% }",
    };
    pool("any", &[0, 1, 2, 3, 4, 5], hedge);
    for (at, kind) in VENDORS.iter().enumerate() {
        pool(&format!("pair-{}", kind.name), &[at, at + 2], "");
        pool(&format!("only-{}", kind.name), &[at], ", fallbacks: [any]");
    }
    Config::from_yaml(&text, &|_| None).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}
