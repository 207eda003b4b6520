use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::*;

/// Hands out `t1`, `t2` …, each once it is let through; fails while it is told to.
#[derive(Debug)]
struct Desk {
    asked: AtomicUsize,
    failing: AtomicUsize,
    open: Semaphore,
}

#[derive(Clone, Debug)]
struct Grant(Arc<Desk>);

impl TokenGrant for Grant {
    fn fetch(&self) -> BoxFuture<'_, Result<Token, Error>> {
        async {
            let number = self.0.asked.fetch_add(1, Ordering::SeqCst) + 1;
            let _ = self
                .0
                .open
                .acquire()
                .await
                .map(tokio::sync::SemaphorePermit::forget);
            if self.0.failing.load(Ordering::SeqCst) > 0 {
                self.0.failing.fetch_sub(1, Ordering::SeqCst);
                return Err(Error::new(ErrorKind::Server, "no"));
            }
            Ok(Token::new(Secret::token(format!("t{number}")), HOUR))
        }
        .boxed()
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn desk(open: usize) -> (Arc<Desk>, TokenSource) {
    let desk = Arc::new(Desk {
        asked: AtomicUsize::new(0),
        failing: AtomicUsize::new(0),
        open: Semaphore::new(open),
    });
    let source = TokenSource::new(Grant(desk.clone()));
    (desk, source)
}

impl Desk {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn token(source: &TokenSource) -> String {
    source.secret().await.unwrap().expose().to_owned()
}

/// Lets the tasks in the background run.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn many_callers_ask_once_and_one_who_leaves_stops_nobody() {
    let (desk, source) = desk(0);
    let first = tokio::spawn({
        let source = source.clone();
        async move { source.secret().await }
    });
    settle().await;
    assert_eq!(desk.asked(), 1);
    first.abort();
    let all = join_all((0..50).map(|_| token(&source)));
    desk.open.add_permits(100);
    assert!(all.await.iter().all(|token| token == "t1"));
    assert_eq!(desk.asked(), 1);
    assert!(source.secret().await.unwrap().is_token());
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_behind_the_scenes_while_it_is_good() {
    let (desk, source) = desk(1);
    assert_eq!(token(&source).await, "t1");
    tokio::time::advance(HOUR - AHEAD - Duration::from_secs(1)).await;
    assert_eq!((token(&source).await, desk.asked()), ("t1".into(), 1));
    tokio::time::advance(Duration::from_secs(2)).await;
    // Nobody waits for the new one, and it is asked for once.
    for _ in 0..20 {
        assert_eq!(token(&source).await, "t1");
        settle().await;
    }
    assert_eq!(desk.asked(), 2);
    desk.open.add_permits(1);
    settle().await;
    assert_eq!(token(&source).await, "t2");
    // Unused for long, it is gone: callers wait for the next.
    tokio::time::advance(HOUR).await;
    desk.open.add_permits(1);
    assert_eq!((token(&source).await, desk.asked()), ("t3".into(), 3));
}

#[tokio::test(start_paused = true)]
async fn a_failure_wakes_everybody_and_is_soon_forgotten() {
    let (desk, source) = desk(10);
    desk.failing.store(1, Ordering::SeqCst);
    let all = join_all((0..20).map(|_| source.secret())).await;
    assert!(all.iter().all(|outcome| outcome.is_err()));
    assert_eq!(desk.asked(), 1);
    // For a moment it is told again without asking.
    assert!(source.secret().await.is_err());
    assert_eq!(desk.asked(), 1);
    tokio::time::advance(PAUSE + Duration::from_millis(1)).await;
    assert_eq!(token(&source).await, "t2");
    // While the old one is good, failures are nobody's business.
    tokio::time::advance(HOUR - AHEAD + Duration::from_secs(1)).await;
    desk.failing.store(1, Ordering::SeqCst);
    assert_eq!(token(&source).await, "t2");
    settle().await;
    assert_eq!((token(&source).await, desk.asked()), ("t2".into(), 3));
    tokio::time::advance(PAUSE + Duration::from_millis(1)).await;
    assert_eq!(token(&source).await, "t2");
    settle().await;
    assert_eq!(token(&source).await, "t4");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_is_given_up() {
    let (desk, source) = desk(0);
    let error = source.secret().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.status().as_u16()),
        (ErrorKind::Timeout, 504)
    );
    assert_eq!(desk.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_given_up_once() {
    let (desk, source) = desk(100);
    let first = source.secret().await.unwrap();
    assert!(source.refused(&first));
    let second = source.secret().await.unwrap();
    assert_eq!(second.expose(), "t2");
    // Others were refused with the first as well: the second is there for them.
    assert!(source.refused(&first));
    assert_eq!(token(&source).await, "t2");
    // The second is refused too: it is the account.
    assert!(!source.refused(&second));
    assert_eq!((token(&source).await, desk.asked()), ("t2".into(), 2));
    tokio::time::advance(REFUSALS).await;
    assert!(source.refused(&second));
    assert_eq!(token(&source).await, "t3");
    // A key that does not change has no other.
    assert!(!Credentials::refused(&Secret::new("k"), &Secret::new("k")));
}

#[test]
fn a_request_that_died_with_its_runtime_is_made_anew() {
    let (desk, source) = desk(0);
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let one = runtime();
    one.block_on(async {
        let waiting = source.secret();
        let _ = timeout(Duration::from_millis(1), waiting).await;
    });
    drop(one);
    desk.open.add_permits(1);
    assert_eq!(runtime().block_on(token(&source)), "t2");
}
