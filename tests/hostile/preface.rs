//! Clients that open a connection and do not say what they speak, against the connections of the gateway example, with its own clocks:
//! time stands still but for what is waited for.

#[path = "../../examples/gateway/connection.rs"]
mod connection;
#[path = "../../examples/gateway/hurried.rs"]
mod hurried;
#[path = "../../examples/gateway/patience.rs"]
mod patience;
#[path = "../../examples/gateway/steady.rs"]
mod steady;

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::graceful::GracefulShutdown,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, sleep, timeout},
};
use trunkline::{Body, config::ServerLimits};

use self::connection::PATIENCE;

const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What hyper waits for the answer to a ping.
const PONG: Duration = Duration::from_secs(20);

/// Far longer than a client may wait before it speaks.
const WORK: Duration = Duration::from_secs(300);

/// A connection that is served; every answer takes `WORK`.
fn connect() -> DuplexStream {
    let (client, server) = duplex(64 << 10);
    let door = service_fn(|_: Request<Incoming>| async {
        sleep(WORK).await;
        Ok::<_, Infallible>(Response::new(Body::from("done")))
    });
    tokio::spawn(async move {
        let graceful = GracefulShutdown::new();
        let watcher = graceful.watcher();
        connection::serve(server, door, ServerLimits::default(), watcher).await;
    });
    client
}

/// Reads until the gateway hangs up.
async fn rest(client: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    let read = timeout(10 * WORK, client.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "it is never let go");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(start_paused = true)]
async fn who_does_not_say_what_it_speaks_is_let_go() {
    let second = Duration::from_secs(1);
    let letters: Vec<&str> = PREFACE.split_inclusive(|_| true).collect();
    for (what, pieces, pause, end) in [
        ("nothing", &[][..], second, PATIENCE),
        ("a letter", &["P"], second, PATIENCE),
        ("half a preface", &["PRI * HTTP/2"], second, PATIENCE),
        // Every piece but the first begins in the middle.
        (
            "half a preface in pieces",
            &["P", "RI * HT", "TP/2.0\r\n"],
            second,
            PATIENCE,
        ),
        ("a preface, slowly", &letters, 2 * second, PATIENCE),
        (
            "all but its last byte",
            &["PRI * HTTP/2.0\r\n\r\nSM\r\n\r"],
            second,
            PATIENCE,
        ),
        // From here on hyper's own clocks run: from the moment it knows what is spoken.
        ("a preface and no more", &[PREFACE], second, PATIENCE + PONG),
        ("half a head", &["GET / HTT"], second, PATIENCE),
        (
            "half a head that begins like a preface",
            &["P", "OST / HTT"],
            second,
            PATIENCE + second,
        ),
        (
            "a head without an end",
            &["GET / HTTP/1.1\r\n", "host: a\r\n"],
            second,
            PATIENCE,
        ),
    ] {
        let ((mut read, mut write), start) = (tokio::io::split(connect()), Instant::now());
        let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| (*piece).into()).collect();
        let writing = tokio::spawn(async move {
            for piece in pieces {
                // The gateway may be gone by now.
                let _ = write.write_all(&piece).await;
                sleep(pause).await;
            }
            // It stays open to the end.
            write
        });
        let answer = rest(&mut read).await;
        let took = start.elapsed();
        writing.await.unwrap();
        // Timers count in milliseconds.
        let late = took.saturating_sub(end);
        assert!(took >= end && late < second, "{what}: {took:?}, {answer}");
        assert!(!answer.contains("200 OK"), "{what}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_said_it_in_time_may_wait_as_long_as_it_likes() {
    for pieces in [
        &["GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"][..],
        &[
            "P",
            "OST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        ],
        &[
            "PR",
            "OPFIND / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        ],
    ] {
        let mut client = connect();
        for piece in pieces {
            sleep(PATIENCE / 3).await;
            client.write_all(piece.as_bytes()).await.unwrap();
        }
        let answer = rest(&mut client).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK"),
            "{pieces:?}: {answer}"
        );
        assert!(answer.ends_with("done"), "{answer}");
    }

    let io = TokioIo::new(connect());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Empty<bytes::Bytes>>(
            TokioExecutor::new(),
            io,
        )
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://a/").body(Empty::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "done");
}

/// Counts how often a task is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_connection_that_wakes_itself_is_polled_again_but_lets_others_run() {
    for (rings, polls, wakes) in [(0, 1, 0), (1, 2, 0), (2, 2, 1), (100, 2, 1)] {
        let (polled, bell) = (Cell::new(0), RefCell::new(None));
        let connection = poll_fn(|cx| {
            polled.set(polled.get() + 1);
            if polled.get() <= rings {
                cx.waker().wake_by_ref();
            }
            bell.replace(Some(cx.waker().clone()));
            Poll::<()>::Pending
        });
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut cx = Context::from_waker(&waker);
        let mut steady = pin!(steady::steadily(connection));
        assert!(steady.as_mut().poll(&mut cx).is_pending());
        let count = || woken.0.load(Ordering::Relaxed);
        assert_eq!((polled.get(), count()), (polls, wakes), "{rings}");
        // Whoever rings while nobody polls is heard.
        bell.take().unwrap().wake();
        assert_eq!(count(), wakes + 1, "{rings}");
    }
}
