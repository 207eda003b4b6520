//! The vendor: its script, its log, and its form as a tower service.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use tower_service::Service;

use super::{
    answer::Answer,
    demo::Demo,
    openai,
    playback::play,
    rate_limit::{RateLimit, Verdict, told},
    recorded::Recorded,
    server::Server,
    tally::Tally,
};
use crate::{Body, BoxError};

/// A scripted model vendor. A clone is the same vendor.
///
/// See the [module](super) for its two forms and the order in which answers are found. When nothing has an answer, it gives a 404
/// that says so.
#[derive(Clone, Default)]
pub struct Vendor {
    state: Arc<Mutex<State>>,
    tally: Tally,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Answer>,
    early: Vec<Rule>,
    rules: Vec<Rule>,
    reading: Option<Duration>,
    limit: Option<RateLimit>,
    fallback: Option<Rule>,
    requests: Vec<Recorded>,
}

type Rule = Arc<dyn Fn(&Recorded) -> Option<Answer> + Send + Sync>;

impl Vendor {
    /// A vendor with an empty script.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A vendor that answers by itself, without delays: [`Demo::new`].
    #[must_use]
    pub fn echo() -> Self {
        Demo::new().into()
    }

    /// A vendor that answers by itself, at a pace pleasant to watch: 15 ms between the events of a stream.
    #[must_use]
    pub fn demo() -> Self {
        Demo::new().pace(Duration::from_millis(15)).into()
    }

    /// Queues an answer for one request. Queued answers are used first, in order.
    pub fn push(&self, answer: Answer) {
        self.state().queue.push_back(answer);
    }

    /// Adds a rule, asked after the earlier ones; `None` passes the request on.
    ///
    /// The rule is called without a lock, so it may use a vendor itself; it may be called by several requests at once.
    pub fn on<F>(&self, rule: F)
    where
        F: Fn(&Recorded) -> Option<Answer> + Send + Sync + 'static,
    {
        self.state().rules.push(Arc::new(rule));
    }

    /// Adds a rule that is asked before the body is read, the queue used, or any other rule asked: for vendors that refuse by the
    /// head alone. The request it sees has no body, and the body is left unread.
    pub fn on_head<F>(&self, rule: F)
    where
        F: Fn(&Recorded) -> Option<Answer> + Send + Sync + 'static,
    {
        self.state().early.push(Arc::new(rule));
    }

    /// Plays limits: what is beyond them is refused, whatever the script says. The last call counts.
    pub fn limit(&self, limit: RateLimit) {
        self.state().limit = Some(limit);
    }

    /// Reads requests slowly from now on: waits before each piece of a body, so that the caller has to wait too once what lies
    /// between is full.
    pub fn read_slowly(&self, pause: Duration) {
        self.state().reading = Some(pause).filter(|pause| !pause.is_zero());
    }

    /// Sets the answer for every request that neither the queue nor a rule answers. The last call counts.
    pub fn always(&self, answer: Answer) {
        self.state().fallback = Some(Arc::new(move |_| Some(answer.clone())));
    }

    /// Everything received so far, in the order in which the bodies were complete.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.state().requests.clone()
    }

    /// How many requests were received.
    #[must_use]
    pub fn received(&self) -> usize {
        self.tally.counts().received
    }

    /// Answers that the script itself broke off.
    #[must_use]
    pub fn faulted(&self) -> usize {
        self.tally.counts().faulted
    }

    /// Answers whose status is out and whose body is neither at its end nor dropped.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.tally.counts().streaming
    }

    /// Requests that are not over: still without a status, or streaming.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        let counts = self.tally.counts();
        counts.waiting + counts.streaming
    }

    /// Answers that the caller dropped before their end, with or without a status.
    #[must_use]
    pub fn aborted(&self) -> usize {
        self.tally.counts().aborted
    }

    /// Answers that were played to their end.
    #[must_use]
    pub fn finished(&self) -> usize {
        self.tally.counts().finished
    }

    /// Waits until at least `count` requests were received.
    pub async fn wait_for_requests(&self, count: usize) {
        self.tally
            .wait_until(|counts| counts.received >= count)
            .await;
    }

    /// Waits until at least `count` answers were aborted.
    pub async fn wait_for_aborted(&self, count: usize) {
        self.tally
            .wait_until(|counts| counts.aborted >= count)
            .await;
    }

    /// Waits until no request is in flight; at once if there was none yet.
    pub async fn wait_for_idle(&self) {
        self.tally
            .wait_until(|counts| counts.waiting + counts.streaming == 0)
            .await;
    }

    /// Serves this vendor on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn serve(&self) -> io::Result<Server> {
        self.serve_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
    }

    /// Serves this vendor at an address: the one of a server that was shut down, to come back there.
    ///
    /// # Errors
    /// If it cannot be bound.
    pub async fn serve_on(&self, addr: SocketAddr) -> io::Result<Server> {
        Server::bind(self.clone(), addr).await
    }

    fn choose(&self, request: &Recorded) -> Answer {
        let limit = self.state().limit.clone();
        match limit.map(|limit| limit.judge(request)) {
            Some(Verdict::Refused(answer)) => *answer,
            Some(Verdict::Admitted(headers)) => told(self.scripted(request), headers),
            None => self.scripted(request),
        }
    }

    fn scripted(&self, request: &Recorded) -> Answer {
        let (rules, fallback) = {
            let mut state = self.state();
            if let Some(answer) = state.queue.pop_front() {
                return answer;
            }
            (state.rules.clone(), state.fallback.clone())
        };
        let answer = rules.iter().chain(&fallback).find_map(|rule| rule(request));
        answer.unwrap_or_else(|| {
            openai::error(
                404,
                "invalid_request_error",
                "script_empty",
                &format!(
                    "The script has no answer for {} {}.",
                    request.method,
                    request.path()
                ),
            )
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Demo> for Vendor {
    fn from(demo: Demo) -> Self {
        let vendor = Self::new();
        vendor.state().fallback = Some(Arc::new(move |request| Some(demo.answer(request))));
        vendor
    }
}

impl Service<Request<Body>> for Vendor {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let vendor = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let (early, pause) = {
                let state = vendor.state();
                (state.early.clone(), state.reading)
            };
            let head = Recorded::new(parts, Bytes::new());
            let (request, early) = match early.iter().find_map(|rule| rule(&head)) {
                Some(answer) => (head, Some(answer)),
                None => (head.with_body(read(body, pause).await?), None),
            };
            let exchange = vendor.tally.open(request.fate(), || {
                vendor.state().requests.push(request.clone());
            });
            let answer = early.unwrap_or_else(|| vendor.choose(&request));
            let headless = request.method == Method::HEAD;
            // A delayed answer must not keep the vendor's state alive, nor the request.
            drop((vendor, request));
            play(answer, exchange, headless).await
        })
    }
}

async fn read(mut body: Body, pause: Option<Duration>) -> Result<Bytes, BoxError> {
    let Some(pause) = pause else {
        return Ok(body.collect().await?.to_bytes());
    };
    let mut all = BytesMut::new();
    loop {
        tokio::time::sleep(pause).await;
        let Some(frame) = body.frame().await else {
            return Ok(all.freeze());
        };
        if let Ok(data) = frame?.into_data() {
            all.extend_from_slice(&data);
        }
    }
}

impl fmt::Debug for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Vendor")
            .field("queued", &state.queue.len())
            .field("rules", &state.rules.len())
            .field("requests", &state.requests.len())
            .finish_non_exhaustive()
    }
}
