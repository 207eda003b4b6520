//! A client with a connection of its own, which may leave at any time.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::ask::{Ask, CALLER_KEY, Leave};

/// Longer than any call may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Client {
    gateway: SocketAddr,
    http2: bool,
    line: Option<Line>,
}

struct Line {
    sender: Sender,
    task: JoinHandle<()>,
}

enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// What a client got.
pub enum Got {
    /// It left before the end, by its own will.
    Left(Vec<u8>),
    Answer(Answer),
    /// No answer, or none in time.
    Nothing(String),
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Why the body broke off; none if it ended.
    pub broken: Option<String>,
    /// From the request to the end.
    pub took: Duration,
}

impl Client {
    pub const fn new(gateway: SocketAddr, http2: bool) -> Self {
        Self {
            gateway,
            http2,
            line: None,
        }
    }

    pub async fn ask(&mut self, ask: &Ask) -> Got {
        let mut line = match self.line.take().filter(Line::is_open) {
            Some(line) => line,
            None => match Line::connect(self.gateway, self.http2).await {
                Ok(line) => line,
                Err(why) => return Got::Nothing(format!("no connection: {why}")),
            },
        };
        let got = timeout(PATIENCE, exchange(&mut line, ask)).await;
        let got = got.unwrap_or_else(|_| Got::Nothing(format!("nothing within {PATIENCE:?}")));
        // Over HTTP/1.1 one leaves by closing the connection.
        let reusable = match &got {
            Got::Left(_) => self.http2,
            Got::Answer(answer) => answer.broken.is_none() || self.http2,
            Got::Nothing(_) => false,
        };
        if reusable {
            self.line = Some(line);
        }
        got
    }
}

impl Line {
    async fn connect(gateway: SocketAddr, http2: bool) -> Result<Self, String> {
        let stream = TcpStream::connect(gateway).await.map_err(text)?;
        stream.set_nodelay(true).map_err(text)?;
        let io = TokioIo::new(stream);
        Ok(if http2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io)
                .await
                .map_err(text)?;
            let task = tokio::spawn(async move {
                let _ = connection.await;
            });
            Self {
                sender: Sender::Two(sender),
                task,
            }
        } else {
            let (sender, connection) = http1::handshake(io).await.map_err(text)?;
            let task = tokio::spawn(async move {
                let _ = connection.await;
            });
            Self {
                sender: Sender::One(sender),
                task,
            }
        })
    }

    fn is_open(&self) -> bool {
        !self.task.is_finished()
            && match &self.sender {
                Sender::One(sender) => !sender.is_closed(),
                Sender::Two(sender) => !sender.is_closed(),
            }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
        match &mut self.sender {
            Sender::One(sender) => {
                sender.ready().await.map_err(text)?;
                sender.send_request(request).await.map_err(text)
            }
            Sender::Two(sender) => {
                sender.ready().await.map_err(text)?;
                sender.send_request(request).await.map_err(text)
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn exchange(line: &mut Line, ask: &Ask) -> Got {
    let began = Instant::now();
    let sent = line.send(request(ask));
    let response = match ask.leave {
        Leave::BeforeHeaders(after) => match timeout(after, sent).await {
            Ok(response) => response,
            Err(_) => return Got::Left(Vec::new()),
        },
        _ => sent.await,
    };
    let (parts, mut incoming) = match response {
        Ok(response) => response.into_parts(),
        Err(why) => return Got::Nothing(why),
    };
    let mut body = Vec::new();
    let mut pieces = 0;
    let broken = loop {
        if ask.leave == Leave::After(pieces) && !incoming_is_over(&incoming) {
            return Got::Left(body);
        }
        match incoming.frame().await {
            None => break None,
            Some(Err(error)) => break Some(text(error)),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    body.extend_from_slice(&data);
                    pieces += 1;
                }
            }
        }
    };
    Got::Answer(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
        broken,
        took: began.elapsed(),
    })
}

fn incoming_is_over(incoming: &Incoming) -> bool {
    http_body::Body::is_end_stream(incoming)
}

fn request(ask: &Ask) -> Request<Full<Bytes>> {
    let request = Request::post(format!("http://gateway.test{}", ask.path()))
        .header("host", "gateway.test")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {CALLER_KEY}"))
        .header("x-request-id", &ask.marker);
    request.body(Full::from(ask.body())).expect("a request")
}

fn text(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
