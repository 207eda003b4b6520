//! The service form, under a paused clock.

use std::{task::Poll, time::Duration};

use http::{Method, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::time::Instant;
use tokio_test::task::spawn;
use tower::ServiceExt;

use super::{bytes_of, io_kind, json_of, post, send};
use crate::{
    Body,
    testing::{Answer, Progress, Vendor},
};

const SECOND: Duration = Duration::from_secs(1);

async fn chunk(body: &mut Body) -> Option<bytes::Bytes> {
    body.frame()
        .await
        .map(|frame| frame.unwrap().into_data().unwrap())
}

#[tokio::test]
async fn the_queue_comes_first_then_rules_in_order_then_the_fallback() {
    let vendor = Vendor::new();
    vendor.always(Answer::status(500));
    vendor.always(Answer::status(503));
    vendor.on(|request| (request.path() == "/a").then(|| Answer::status(201)));
    vendor.on(|request| {
        request
            .path()
            .starts_with("/a")
            .then(|| Answer::status(202))
    });
    vendor.push(Answer::status(429));
    vendor.push(Answer::status(529));

    let mut statuses = Vec::new();
    for path in ["/a", "/a", "/a", "/ab", "/b"] {
        statuses.push(post(&vendor, path, "").await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [429, 529, 201, 202, 503]);
}

#[tokio::test]
async fn an_empty_script_says_so() {
    let response = post(&Vendor::new(), "/v1/x", "").await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let error = json_of(response).await;
    assert_eq!(error["error"]["code"], "script_empty");
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("POST /v1/x")
    );
}

#[tokio::test]
async fn mistakes_in_a_script_are_answered_not_panicked() {
    for answer in [
        Answer::status(7).body("x"),
        Answer::status(200).header("no good", "x").body("x"),
        Answer::status(200).header("x", "a\nb").header("y", "z"),
    ] {
        let vendor = Vendor::new();
        vendor.push(answer);
        let response = post(&vendor, "/", "").await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(
            bytes_of(response)
                .await
                .starts_with(b"mistake in the script: ")
        );
        assert_eq!(vendor.in_flight(), 0);
    }
}

#[tokio::test]
async fn a_request_is_recorded_whole_and_debug_keeps_its_secrets() {
    let vendor = Vendor::new();
    vendor.always(Answer::status(204));
    post(
        &vendor,
        "/v1/chat?key=k-secret",
        r#"{"model":"m","messages":[{"content":"hi"}]}"#,
    )
    .await
    .unwrap();
    let requests = vendor.requests();
    let [request] = requests.as_slice() else {
        panic!("{requests:?}")
    };
    assert_eq!(request.method, Method::POST);
    assert_eq!(request.path(), "/v1/chat");
    assert_eq!(request.path_and_query(), "/v1/chat?key=k-secret");
    assert_eq!(request.header("authorization"), Some("Bearer sk-secret"));
    assert_eq!(request.string("/model").as_deref(), Some("m"));
    assert_eq!(
        request.field("/messages/0/content").as_deref(),
        Some("\"hi\"")
    );
    assert_eq!(request.field("/nope"), None);
    assert!(request.text().contains("messages"));
    assert_eq!(request.progress(), Progress::Finished);
    assert!(!format!("{request:?}").contains("secret"));
}

#[tokio::test(start_paused = true)]
async fn delays_are_kept_to_the_millisecond() {
    let vendor = Vendor::new();
    vendor.push(
        Answer::data(["a", "b", "c"])
            .delay(3 * SECOND)
            .first_chunk_after(5 * SECOND)
            .between(SECOND),
    );
    let start = Instant::now();
    let mut body = post(&vendor, "/", "").await.unwrap().into_body();
    assert_eq!(start.elapsed(), 3 * SECOND);

    for (expected, at) in [("data: a\n\n", 8), ("data: b\n\n", 9), ("data: c\n\n", 10)] {
        assert_eq!(chunk(&mut body).await.unwrap(), expected);
        assert_eq!(start.elapsed(), at * SECOND);
    }
    assert!(body.is_end_stream());
    assert!(chunk(&mut body).await.is_none());
    assert_eq!(start.elapsed(), 10 * SECOND);
}

#[tokio::test]
async fn any_split_gives_the_same_bytes() {
    let answer = Answer::data(["zwölf", "Boxkämpfer", "🥊"]);
    let content = answer.content();
    for size in [0, 1, 2, 3, 7, 1000] {
        let vendor = Vendor::new();
        vendor.push(answer.clone().chunks_of(size));
        let mut body = post(&vendor, "/", "").await.unwrap().into_body();
        let mut all = Vec::new();
        while let Some(chunk) = chunk(&mut body).await {
            assert!(chunk.len() <= size.max(1));
            all.extend_from_slice(&chunk);
        }
        assert_eq!(all, content);
    }
}

#[tokio::test]
async fn a_whole_body_announces_its_length_and_a_stream_does_not() {
    let vendor = Vendor::new();
    vendor.push(Answer::json(200, "{}"));
    vendor.push(Answer::json(200, "{...}").cut_after(2));
    vendor.push(Answer::json(200, "{...}").chunks_of(1).end_early_after(3));
    vendor.push(Answer::data(["x"]));
    let mut lengths = Vec::new();
    for _ in 0..4 {
        lengths.push(
            post(&vendor, "/", "")
                .await
                .unwrap()
                .body()
                .size_hint()
                .exact(),
        );
    }
    assert_eq!(lengths, [Some(2), Some(5), Some(3), None]);
}

#[tokio::test]
async fn a_cut_comes_after_exactly_that_many_bytes() {
    let content = Answer::data(["one", "two"]).content();
    for (cut, kind) in [
        (
            Answer::cut_after as fn(Answer, usize) -> Answer,
            std::io::ErrorKind::UnexpectedEof,
        ),
        (Answer::reset_after, std::io::ErrorKind::ConnectionReset),
    ] {
        for at in 0..=content.len() + 1 {
            let vendor = Vendor::new();
            vendor.push(cut(Answer::data(["one", "two"]), at));
            let mut body = post(&vendor, "/", "").await.unwrap().into_body();
            let mut all = Vec::new();
            let error = loop {
                match body.frame().await.unwrap() {
                    Ok(frame) => all.extend_from_slice(&frame.into_data().unwrap()),
                    Err(error) => break error,
                }
            };
            assert_eq!(io_kind(&error), kind);
            assert_eq!(all, content[..at.min(content.len())]);
            assert!(body.frame().await.is_none());
            drop(body);
            assert_eq!(vendor.requests()[0].progress(), Progress::Faulted);
            assert_eq!((vendor.open_streams(), vendor.aborted()), (0, 0));
        }
    }
}

#[tokio::test]
async fn an_early_end_is_a_clean_end() {
    let vendor = Vendor::new();
    vendor.push(Answer::data(["one", "two", "three"]).end_early_after(2));
    let body = bytes_of(post(&vendor, "/", "").await.unwrap()).await;
    assert_eq!(body, "data: one\n\ndata: two\n\n");
    assert_eq!((vendor.finished(), vendor.aborted()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stall_lasts_until_the_caller_goes_and_counts_as_aborted() {
    let vendor = Vendor::new();
    vendor.push(Answer::data(["one", "two"]).stall_after(1));
    let mut body = post(&vendor, "/", "").await.unwrap().into_body();
    assert_eq!(chunk(&mut body).await.unwrap(), "data: one\n\n");
    assert!(
        tokio::time::timeout(3600 * SECOND, body.frame())
            .await
            .is_err()
    );
    assert_eq!((vendor.open_streams(), vendor.aborted()), (1, 0));
    assert_eq!(vendor.requests()[0].progress(), Progress::Streaming);

    let mut gone = spawn(vendor.wait_for_aborted(1));
    assert!(gone.poll().is_pending());
    drop(body);
    gone.await;
    assert_eq!((vendor.open_streams(), vendor.aborted()), (0, 1));
    assert_eq!(vendor.requests()[0].progress(), Progress::Aborted);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_before_the_status_counts_as_aborted() {
    let vendor = Vendor::new();
    vendor.push(Answer::silence());
    vendor.push(Answer::status(200).delay(3 * SECOND));
    for aborted in 1..=2 {
        let call = post(&vendor, "/", "");
        assert!(tokio::time::timeout(2 * SECOND, call).await.is_err());
        assert_eq!((vendor.in_flight(), vendor.aborted()), (0, aborted));
    }
}

#[tokio::test(start_paused = true)]
async fn faults_come_as_io_errors_and_after_the_delay() {
    use std::io::ErrorKind::{ConnectionRefused, ConnectionReset, UnexpectedEof};
    for (answer, kind) in [
        (Answer::hang_up(), UnexpectedEof),
        (Answer::reset(), ConnectionReset),
        (Answer::refuse(), ConnectionRefused),
    ] {
        let vendor = Vendor::new();
        vendor.push(answer.delay(SECOND).header("x", "ignored"));
        let start = Instant::now();
        let error = post(&vendor, "/", "").await.unwrap_err();
        assert_eq!(io_kind(&error), kind);
        assert_eq!(start.elapsed(), SECOND);
        assert_eq!(vendor.requests()[0].progress(), Progress::Faulted);
    }
}

#[tokio::test]
async fn waiting_for_requests_and_for_idle_wakes_up() {
    let vendor = Vendor::new();
    vendor.wait_for_idle().await;
    vendor.push(Answer::data(["one"]));
    let mut received = spawn(vendor.wait_for_requests(1));
    assert!(received.poll().is_pending());
    let response = post(&vendor, "/", "").await.unwrap();
    received.await;

    let mut idle = spawn(vendor.wait_for_idle());
    assert!(idle.poll().is_pending());
    assert_eq!(bytes_of(response).await, "data: one\n\n");
    idle.await;
    assert_eq!(vendor.finished(), 1);
}

#[tokio::test]
async fn head_and_empty_bodies_are_finished_at_once() {
    let vendor = Vendor::new();
    vendor.push(Answer::json(200, "{}"));
    vendor.push(Answer::status(204));
    let head = send(&vendor, Method::HEAD, "/", "").await.unwrap();
    let empty = post(&vendor, "/", "").await.unwrap();
    assert!(head.body().is_end_stream() && empty.body().is_end_stream());
    assert_eq!((vendor.finished(), vendor.open_streams()), (2, 0));
}

#[tokio::test]
async fn a_request_body_that_fails_is_an_error_and_no_request() {
    let vendor = Vendor::new();
    let mut polled = false;
    let body = http_body_util::StreamBody::new(futures_util::stream::poll_fn(move |_| {
        let item = (!polled)
            .then(|| Err::<http_body::Frame<bytes::Bytes>, _>(std::io::Error::other("gone")));
        polled = true;
        Poll::Ready(item)
    }));
    let request = http::Request::post("/").body(Body::new(body)).unwrap();
    let error = vendor.clone().oneshot(request).await.unwrap_err();
    assert_eq!(error.to_string(), "gone");
    assert!(vendor.requests().is_empty());
}
