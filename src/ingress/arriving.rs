//! A request's body on its way in.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout};

use super::layer::Settings;
use crate::error::{Error, ErrorKind};

/// How long a body may pause on its way in.
const BODY_PAUSE: Duration = Duration::from_secs(30);

/// How long a body may take on its way in, however large it is.
const BODY_TIME: Duration = Duration::from_secs(300);

/// A body up to this size is copied.
const SMALL: usize = 4 << 10;

/// The whole body, which was announced to be so long.
pub(super) async fn collect<B>(
    announced: Option<u64>,
    body: B,
    settings: &Settings,
) -> Result<Bytes, Error>
where
    B: HttpBody<Data = Bytes>,
{
    let limit = settings.body_limit;
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    let announced = announced.map_or(0, |length| length as usize);
    let mut hold = settings.buffers.hold();
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut begun = None;
    // Most bodies have come with their heads, and end with their first piece.
    while !body.is_end_stream() {
        let come = poll_fn(|cx| Poll::Ready(body.as_mut().poll_frame(cx).map(known))).await;
        let frame = match come {
            Poll::Ready(frame) => frame,
            // Apart: what has come needs no clock, nor the room for one.
            Poll::Pending => {
                let begun = *begun.get_or_insert_with(Instant::now);
                Box::pin(next_in_time(body.as_mut(), begun)).await?
            }
        };
        let Some(frame) = frame else {
            break;
        };
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if first.len() + all.len() + data.len() > limit {
            return Err(too_large(limit));
        }
        hold.grow(data.len())?;
        if all.is_empty() {
            // A body that comes in one piece need not be copied, if it is large. If more is to come, the connection gets its buffer back at once.
            if first.is_empty() && data.len() >= announced {
                first = match data.len() {
                    // It stands in the connection's buffer, which need not be made anew if nobody holds it.
                    ..=SMALL => Bytes::copy_from_slice(&data),
                    _ => data,
                };
                continue;
            }
            // The announced length saves the copies of growing; it is already known to be within the limit.
            all.reserve(announced);
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    let bytes = if all.is_empty() { first } else { all.freeze() };
    Ok(hold.on(bytes))
}

/// A frame, the end, or what is told if there is neither.
fn known<E>(frame: Option<Result<Frame<Bytes>, E>>) -> Option<Result<Frame<Bytes>, Error>> {
    let broken = |_| Error::invalid("", "the request body broke off before its end");
    frame.map(|frame| frame.map_err(broken))
}

/// What comes next. A client that dribbles holds a connection and memory for nothing.
async fn next_in_time<B>(
    mut body: Pin<&mut B>,
    begun: Instant,
) -> Result<Option<Result<Frame<Bytes>, Error>>, Error>
where
    B: HttpBody<Data = Bytes>,
{
    let left = BODY_TIME.saturating_sub(begun.elapsed()).min(BODY_PAUSE);
    let frame = timeout(left, body.frame()).await;
    frame.map(known).map_err(|_| {
        let message = format!(
            "the request body did not arrive: nothing came for {} s, or not all of it within {} s",
            BODY_PAUSE.as_secs(),
            BODY_TIME.as_secs()
        );
        Error::invalid("", message)
            .with_status(http::StatusCode::REQUEST_TIMEOUT)
            .with_code("request_timeout")
    })
}

fn too_large(limit: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        format!(
            "the request body is over this gateway's limit of {limit} bytes (server.body_limit)"
        ),
    )
    .with_code("request_too_large")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_dribbles_is_not_waited_for() {
        let dribble = |pause: u64| {
            let bytes = futures_util::stream::unfold((), move |()| async move {
                tokio::time::sleep(Duration::from_secs(pause)).await;
                let frame = Frame::data(Bytes::from_static(b" "));
                Some((Ok::<_, std::convert::Infallible>(frame), ()))
            });
            http_body_util::StreamBody::new(bytes)
        };
        for (pause, seconds) in [(1, 300), (31, 30)] {
            let begun = Instant::now();
            let layer = crate::IngressLayer::new();
            let error = collect(None, dribble(pause), &layer.settings).await;
            assert_eq!(error.unwrap_err().status(), 408);
            assert_eq!(begun.elapsed().as_secs(), seconds);
        }
    }
}
