//! Plays an answer: waits, opens, and hands out the body step by step.

use std::{
    collections::VecDeque,
    future, io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::{
    answer::{Answer, Opening, Played},
    recorded::Progress,
    score::Step,
    tally::Exchange,
};
use crate::{Body, BoxError};

/// Gives `answer` to one exchange. `headless` leaves the body out (HEAD).
pub(super) async fn play(
    answer: Answer,
    exchange: Exchange,
    headless: bool,
) -> Result<Response<Body>, BoxError> {
    let Played {
        opening,
        delay,
        score,
        closes_idle,
    } = answer.into_parts();
    if !delay.is_zero() {
        sleep(delay).await;
    }
    let (status, headers) = match opening {
        Opening::Head(status, headers) => (status, headers),
        Opening::Fault(kind) => {
            exchange.enter(Progress::Faulted);
            return Err(fault(kind));
        }
        Opening::Silence => future::pending().await,
        Opening::Mistake(what) => {
            exchange.enter(Progress::Finished);
            let mut response = Response::new(format!("mistake in the script: {what}").into());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            return Ok(response);
        }
    };

    exchange.enter(Progress::Streaming);
    let plan = score.plan();
    let body = if headless || plan.steps.is_empty() {
        exchange.enter(Progress::Finished);
        Body::empty()
    } else {
        Body::new(Playback {
            steps: plan.steps,
            left: plan.length,
            sleep: None,
            exchange,
        })
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if let Some(pause) = closes_idle {
        response.extensions_mut().insert(ClosesIdle(pause));
    }
    Ok(response)
}

/// To the server: close the kept connection so long after this answer.
#[derive(Clone, Copy)]
pub(super) struct ClosesIdle(pub(super) std::time::Duration);

/// The body of an answer. Dropped before its last step, it counts as aborted.
struct Playback {
    steps: VecDeque<Step>,
    /// What remains of the announced length.
    left: Option<u64>,
    sleep: Option<Pin<Box<Sleep>>>,
    exchange: Exchange,
}

impl HttpBody for Playback {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            if let Some(sleep) = &mut this.sleep {
                std::task::ready!(sleep.as_mut().poll(cx));
                this.sleep = None;
            }
            match this.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Wait(pause)) => this.sleep = Some(Box::pin(sleep(pause))),
                Some(Step::Send(chunk)) => {
                    this.left = this
                        .left
                        .map(|left| left.saturating_sub(chunk.len() as u64));
                    this.exchange.sent(chunk.len());
                    if this.steps.is_empty() {
                        // Now, and not at the `None`: with a known length nobody asks for that.
                        this.exchange.enter(Progress::Finished);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(chunk))));
                }
                Some(Step::Flush) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Step::Fail(kind)) => {
                    this.exchange.enter(Progress::Faulted);
                    this.steps.clear();
                    return Poll::Ready(Some(Err(fault(kind))));
                }
                Some(Step::Stall) => {
                    this.steps.push_front(Step::Stall);
                    return Poll::Pending;
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() && self.sleep.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

fn fault(kind: io::ErrorKind) -> BoxError {
    io::Error::new(kind, "the scripted vendor broke the connection").into()
}
