//! A body that is passed through unread, with the clocks of a stream.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::clock::{Limit, Rest};
use crate::{Body, BoxError, error::ErrorKind};

/// Breaks off when nothing comes for too long, or when the call's time is over: whoever waits holds a place at the account.
pub(super) struct Watched {
    body: Body,
    rest: Rest,
    /// Set while there is something to wait for. It may ring early: then it is set anew.
    clock: Option<Pin<Box<Sleep>>>,
    /// When the present wait is too long.
    until: Option<(Instant, Limit)>,
    over: bool,
}

impl Watched {
    pub(super) fn new(body: Body, rest: Rest) -> Self {
        Self {
            body,
            rest,
            clock: None,
            until: None,
            over: false,
        }
    }

    /// What ran out.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<Limit> {
        let (until, limit) = match self.until {
            Some(until) => until,
            None => {
                let Some(until) = self.rest.next(Instant::now()) else {
                    return Poll::Pending;
                };
                *self.until.insert(until)
            }
        };
        let clock = self
            .clock
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        loop {
            if clock.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if clock.deadline() >= until {
                return Poll::Ready(limit);
            }
            clock.as_mut().reset(until);
        }
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if this.over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(next) = Pin::new(&mut this.body).poll_frame(cx) {
            this.until = None;
            this.over = !matches!(next, Some(Ok(_)));
            return Poll::Ready(next);
        }
        let limit = ready!(this.poll_clock(cx));
        this.over = true;
        // The vendor is let go at once.
        this.body = Body::empty();
        let error = limit.error().with_kind(ErrorKind::StreamBroken);
        Poll::Ready(Some(Err(error.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt;

    use super::*;
    use crate::testing::{Answer, Vendor};

    async fn body(answer: Answer) -> Body {
        use tower::ServiceExt;
        let vendor = Vendor::new();
        vendor.push(answer);
        let request = http::Request::get("http://vendor.test/").body(Body::empty());
        vendor.oneshot(request.unwrap()).await.unwrap().into_body()
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_take_long_but_not_be_silent_for_long() {
        let second = Duration::from_secs(1);
        let slow = || {
            Answer::status(200)
                .stream(["a", "b", "c", "d"])
                .between(second)
        };
        let idle = Rest {
            idle: Some(second * 2),
            ..Rest::default()
        };
        let watched = Watched::new(body(slow()).await, idle);
        assert_eq!(watched.collect().await.unwrap().to_bytes(), "abcd");

        let stalls = slow().stall_after(2);
        let start = Instant::now();
        let mut watched = Watched::new(body(stalls).await, idle);
        for want in ["a", "b"] {
            let frame = watched.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), want);
        }
        assert!(watched.frame().await.unwrap().is_err());
        assert!(watched.frame().await.is_none());
        assert_eq!(start.elapsed(), second * 3);

        let start = Instant::now();
        let call = Rest {
            call: Some(start + second * 2 + second / 2),
            ..Rest::default()
        };
        let watched = Watched::new(body(slow()).await, call);
        assert!(watched.collect().await.is_err());
        assert_eq!(start.elapsed(), second * 2 + second / 2);
    }
}
