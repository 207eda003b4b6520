//! One connection: HTTP/1.1 or HTTP/2, and how long it may take to say which.

use std::{convert::Infallible, time::Duration};

use http::{Request, Response};
use hyper::{body::Incoming, service::Service};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::Watcher},
};
use tokio::io::{AsyncRead, AsyncWrite};
use trunkline::{Body, config::ServerLimits};

use super::{hurried::Hurried, patience::Patience, steady::steadily};

/// How long a client may take for its handshake, and for the head of each request: longer is no client but an attack.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// As many headers as hyper reads without being told.
const USUAL_HEADERS: usize = 100;

/// Calls at the same time over one HTTP/2 connection.
const MAX_STREAMS: u32 = 250;

/// Serves it to its end.
pub async fn serve<S, D>(stream: S, door: D, limits: ServerLimits, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    D: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
    D: Send + 'static,
    D::Future: Send + 'static,
{
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(Patience::default())
        .header_read_timeout(PATIENCE)
        .max_buf_size(limits.header_bytes);
    // Where it is told a number, it moves the room for so many headers about with each request.
    if limits.headers != USUAL_HEADERS {
        http.http1().max_headers(limits.headers);
    }
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PATIENCE)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS);
    let connection = http
        .serve_connection(TokioIo::new(Hurried::new(stream, PATIENCE)), door)
        .into_owned();
    if let Err(error) = steadily(watcher.watch(connection)).await {
        tracing::debug!(%error, "a connection ended badly");
    }
}
