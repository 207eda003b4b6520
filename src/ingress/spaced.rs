//! A whole answer that is waited for, as an HTTP body: a space now and then, and the JSON when it is there.
//!
//! White space before a JSON text is legal, and shows whoever counts the seconds of silence on the way (proxies, load balancers,
//! clients) that somebody is still there. The head has gone out by then, with status 200 and without a length: what fails afterwards
//! can only be told in the body.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::BoxError;

/// The JSON to come: an answer, or the error in its place.
pub(super) type Late = Pin<Box<dyn Future<Output = Bytes> + Send>>;

pub(super) struct SpacedBody {
    /// None once it was told.
    late: Option<Late>,
    clock: Interval,
}

impl SpacedBody {
    /// The first space goes out with the head.
    pub(super) fn new(late: Late, every: Duration) -> Self {
        let mut clock = interval_at(Instant::now(), every);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            late: Some(late),
            clock,
        }
    }
}

impl HttpBody for SpacedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Some(late) = &mut this.late else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(json) = late.as_mut().poll(cx) {
            this.late = None;
            return Poll::Ready(Some(Ok(Frame::data(json))));
        }
        this.clock
            .poll_tick(cx)
            .map(|_| Some(Ok(Frame::data(Bytes::from_static(b" ")))))
    }

    fn is_end_stream(&self) -> bool {
        self.late.is_none()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn spaces_come_before_the_json_and_nothing_after_it() {
        let second = Duration::from_secs(1);
        let late = async move {
            tokio::time::sleep(second * 7).await;
            Bytes::from_static(b"{}")
        };
        let body = SpacedBody::new(Box::pin(late), second * 3);
        assert_eq!(body.size_hint().exact(), None);
        let begun = Instant::now();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "   {}");
        assert_eq!(begun.elapsed(), second * 7);
    }
}
