//! The callers.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::Instant};

/// One request, sent again and again.
#[derive(Clone)]
pub struct Shot {
    pub address: SocketAddr,
    pub path: String,
    pub body: Bytes,
    /// The caller's key.
    pub key: String,
    /// Is that only its beginning, and each caller has one of its own?
    pub keys: bool,
    /// Between the starts of two callers: paced streams that all began at once would end and begin again at once.
    pub apart: Duration,
}

/// What has been seen so far; samples only while `recording`.
#[derive(Default)]
pub struct Tally {
    pub recording: AtomicBool,
    pub requests: AtomicU64,
    pub events: AtomicU64,
    pub failures: AtomicU64,
    samples: Mutex<Samples>,
}

/// Times in microseconds.
#[derive(Default)]
pub struct Samples {
    /// From the request (open loop: from when it was due) to the last byte.
    pub total: Vec<u64>,
    /// To the first byte of the body.
    pub first: Vec<u64>,
    /// Between pieces of a stream.
    pub gaps: Vec<u64>,
}

impl Tally {
    pub fn samples(&self) -> std::sync::MutexGuard<'_, Samples> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `callers` that each send their next request when the last is answered. They stop when the set is dropped.
pub fn closed(shot: &Shot, callers: usize, tally: &Arc<Tally>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for number in 0..callers {
        let (mut shot, tally) = (shot.clone(), tally.clone());
        if shot.keys {
            shot.key.push_str(&number.to_string());
        }
        tasks.spawn(async move {
            tokio::time::sleep(shot.apart * number as u32).await;
            let mut sender = None;
            loop {
                if fire(&shot, &mut sender, Instant::now(), &tally)
                    .await
                    .is_none()
                {
                    tally.failures.fetch_add(1, Relaxed);
                    sender = None;
                }
            }
        });
    }
    tasks
}

/// Requests at a fixed rate, however long the answers take; times count from when a request was due.
pub async fn open(shot: &Shot, rate: f64, duration: Duration, tally: &Arc<Tally>) {
    let idle: Arc<Mutex<Vec<SendRequest<Full<Bytes>>>>> = Arc::default();
    let runtime = tokio::runtime::Handle::current();
    let (shot, tally) = (shot.clone(), tally.clone());
    // tokio's clock ticks in milliseconds, which is too coarse here.
    #[allow(clippy::disallowed_methods, reason = "a thread of its own")]
    let clock = move || {
        let start = Instant::now();
        let count = (rate * duration.as_secs_f64()) as u64;
        let mut tasks = JoinSet::new();
        for number in 0..count {
            let due = start + Duration::from_secs_f64(number as f64 / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let (shot, tally, idle) = (shot.clone(), tally.clone(), idle.clone());
            let lock = move |idle: &Mutex<Vec<_>>, put: Option<_>| {
                let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
                match put {
                    Some(sender) => {
                        idle.push(sender);
                        None
                    }
                    None => idle.pop(),
                }
            };
            let task = async move {
                let mut sender = lock(&idle, None);
                match fire(&shot, &mut sender, due, &tally).await {
                    Some(()) => drop(lock(&idle, sender)),
                    None => drop(tally.failures.fetch_add(1, Relaxed)),
                }
            };
            tasks.spawn_on(task, &runtime);
        }
        tasks
    };
    let mut tasks = tokio::task::spawn_blocking(clock).await.expect("the clock");
    let rest = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_secs(5), rest).await;
}

/// One call; `None` if it failed in any way.
async fn fire(
    shot: &Shot,
    sender: &mut Option<SendRequest<Full<Bytes>>>,
    due: Instant,
    tally: &Tally,
) -> Option<()> {
    if sender.is_none() {
        *sender = Some(connect(shot.address).await?);
    }
    let sender = sender.as_mut()?;
    sender.ready().await.ok()?;
    let request = Request::post(&shot.path)
        .header("host", "bench.example")
        .header("content-type", "application/json")
        .header("authorization", &shot.key)
        .body(Full::new(shot.body.clone()))
        .ok()?;
    let response = sender.send_request(request).await.ok()?;
    read(response, due, tally).await
}

async fn connect(address: SocketAddr) -> Option<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let io = TokioIo::new(stream);
    let (sender, connection) = hyper::client::conn::http1::handshake(io).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

async fn read(response: Response<Incoming>, due: Instant, tally: &Tally) -> Option<()> {
    if response.status() != StatusCode::OK {
        return None;
    }
    let mut body = response.into_body();
    let mut last: Option<Instant> = None;
    let mut first = None;
    let mut gaps = Vec::new();
    let mut line_end = false;
    while let Some(frame) = body.frame().await {
        let data = frame.ok()?.into_data().unwrap_or_default();
        let now = Instant::now();
        first.get_or_insert(now);
        if let Some(last) = last.replace(now) {
            gaps.push((now - last).as_micros() as u64);
        }
        tally
            .events
            .fetch_add(blank_lines(&data, &mut line_end), Relaxed);
    }
    tally.requests.fetch_add(1, Relaxed);
    if tally.recording.load(Relaxed) {
        let mut samples = tally.samples();
        samples.total.push(due.elapsed().as_micros() as u64);
        let first = first.unwrap_or_else(Instant::now);
        samples.first.push((first - due).as_micros() as u64);
        samples.gaps.append(&mut gaps);
    }
    Some(())
}

/// Blank lines in this piece of a stream: its events. `line_end` is whether the piece before ended in a newline.
fn blank_lines(data: &[u8], line_end: &mut bool) -> u64 {
    let mut count = 0;
    let mut expected = if *line_end { Some(0) } else { None };
    for at in memchr::memchr_iter(b'\n', data) {
        count += u64::from(expected == Some(at));
        expected = Some(at + 1);
    }
    if !data.is_empty() {
        *line_end = expected == Some(data.len());
    }
    count
}
