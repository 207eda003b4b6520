//! A vendor behind a real socket, which can die and come back at the same address.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{JoinHandle, JoinSet},
    time::Instant,
};
use tower::ServiceExt;
use trunkline::{
    Body, BoxError,
    testing::{Vendor, grammar},
};

use crate::{
    ask::{Ask, CALLER_KEY, markers},
    dice::{Dice, Purpose},
    fault::Fault,
    guard::{Count, holding},
    log::{Entry, Log},
    problems::Problems,
    said::Said,
    vendors::Kind,
};

/// What all vendors share.
pub struct World {
    pub seed: u64,
    pub log: Log,
    pub problems: Problems,
    /// Calls that vendors are answering.
    pub answering: Count,
    /// Connections to vendors.
    pub connections: Count,
    /// Who died, and when.
    pub deaths: Mutex<Vec<(&'static str, Instant)>>,
}

impl World {
    /// Has this vendor died since, and broken off whatever it was saying?
    pub fn broke_off(&self, vendor: &str, since: Instant) -> bool {
        let deaths = self.deaths.lock().unwrap();
        deaths
            .iter()
            .any(|(name, at)| *name == vendor && *at >= since)
    }
}

pub struct Server {
    kind: &'static Kind,
    world: Arc<World>,
    pub address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    pub async fn start(kind: &'static Kind, world: Arc<World>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut server = Self {
            kind,
            world,
            address: listener.local_addr().expect("an address"),
            accepting: None,
        };
        server.listen(listener);
        server
    }

    fn listen(&mut self, listener: TcpListener) {
        self.accepting = Some(tokio::spawn(accept(
            listener,
            self.kind,
            self.world.clone(),
        )));
    }

    /// The listener closes, and so does every connection.
    pub async fn die(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            let death = (self.kind.name, Instant::now());
            self.world.deaths.lock().unwrap().push(death);
            accepting.abort();
            let _ = accepting.await;
        }
    }

    /// It is back where it was.
    pub async fn come_back(&mut self) {
        for _ in 0..500 {
            if let Ok(listener) = TcpListener::bind(self.address).await {
                return self.listen(listener);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the address {} was taken", self.address);
    }
}

async fn accept(listener: TcpListener, kind: &'static Kind, world: Arc<World>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, kind, world.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, kind: &'static Kind, world: Arc<World>) {
    let _open = world.connections.enter();
    let _ = stream.set_nodelay(true);
    let close = Arc::new(Close::default());
    let answering = {
        let (world, close) = (world.clone(), close.clone());
        service_fn(move |request| answer(request, kind, world.clone(), close.clone()))
    };
    let mut http = http1::Builder::new().serve_connection(TokioIo::new(stream), answering);
    let ended = tokio::select! {
        ended = &mut http => ended,
        () = close.now.notified() => return,
    };
    if ended.is_err_and(|error| is_reset(&error)) {
        let stream = http.into_parts().io.into_inner();
        #[allow(deprecated, reason = "a zero linger never blocks")]
        let _ = stream.set_linger(Some(Duration::ZERO));
    }
}

async fn answer(
    request: Request<Incoming>,
    kind: &'static Kind,
    world: Arc<World>,
    close: Arc<Close>,
) -> Result<Response<Body>, BoxError> {
    let inside = world.answering.enter();
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let Some(chosen) = choose(&parts, &body, kind, &world, &close) else {
        return Err("nobody asked for this".into());
    };
    let over = Over {
        world,
        request: chosen.request,
        serial: chosen.serial,
    };
    // It keeps a log of its own, and goes with its one answer.
    let request = Request::from_parts(parts, Body::from(body));
    let response = chosen.vendor.oneshot(request).await?;
    let closing = Closing {
        close,
        after: chosen.close_after,
    };
    Ok(response.map(|body| holding(body, (inside, over, closing))))
}

/// What to answer, and to whom.
struct Chosen {
    request: usize,
    serial: usize,
    /// Has that one answer.
    vendor: Vendor,
    close_after: Option<Duration>,
}

/// Tells the log when a call is over.
struct Over {
    world: Arc<World>,
    request: usize,
    serial: usize,
}

impl Drop for Over {
    fn drop(&mut self) {
        self.world.log.ended(self.request, self.serial);
    }
}

/// What to answer; none if nobody can have asked.
fn choose(
    parts: &http::request::Parts,
    body: &Bytes,
    kind: &'static Kind,
    world: &World,
    close: &Close,
) -> Option<Chosen> {
    let path = parts.uri.path();
    let number = match markers(world.seed, body).as_deref() {
        Ok([number]) => *number,
        found => {
            let why = format!(
                "{} was asked {path} for {found:?}: whose call is that?",
                kind.name
            );
            world.problems.add(None, why);
            return None;
        }
    };
    let ask = Ask::new(world.seed, number);
    let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
    for violation in grammar::check_request(kind.wire.dialect(), body)
        .into_iter()
        .flatten()
    {
        let why = format!(
            "{} was asked what it does not understand: {violation}",
            kind.name
        );
        world.problems.add(Some(&ask), why);
    }
    let told =
        |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).contains(CALLER_KEY);
    if parts.headers.values().any(told) || parts.uri.to_string().contains(CALLER_KEY) {
        world.problems.add(
            Some(&ask),
            format!("{} was told the caller's key", kind.name),
        );
    }
    let (stream, usage) = kind.wire.asked(path, &parsed);
    let noted = world.log.add(number, |serial| {
        let mut dice = Dice::new(world.seed, Purpose::Fault, number, serial);
        let fault = Fault::draw(&mut dice);
        let said = Said::new(world.seed, &ask, kind.name, serial);
        let script = said.script(world.seed, &ask, kind.wire, serial);
        let good = kind.answer(&script, stream, usage);
        let plan = fault.spoil(good, kind.wire, stream, &ask.marker, &mut dice);
        let entry = Entry {
            vendor: kind.name,
            fault,
            at: Instant::now(),
            ended: None,
            may_succeed: plan.may_succeed,
            in_full: plan.in_full && !close.soon.load(Ordering::SeqCst),
        };
        (entry, (serial, plan))
    });
    let Some((serial, plan)) = noted else {
        world.problems.add(
            Some(&ask),
            "a vendor was asked for a call that does not exist",
        );
        return None;
    };
    let vendor = Vendor::new();
    vendor.push(plan.answer);
    Some(Chosen {
        request: number,
        serial,
        vendor,
        close_after: plan.close_after,
    })
}

/// A connection's end.
#[derive(Default)]
struct Close {
    /// It is to be: what is answered on it may be cut.
    soon: AtomicBool,
    now: Notify,
}

/// Closes the connection some time after the answer.
struct Closing {
    close: Arc<Close>,
    after: Option<Duration>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        let Some(after) = self.after else {
            return;
        };
        let close = self.close.clone();
        close.soon.store(true, Ordering::SeqCst);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(after).await;
                close.now.notify_one();
            });
        }
    }
}

fn is_reset(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.kind() == std::io::ErrorKind::ConnectionReset;
        }
        cause = error.source();
    }
    false
}
