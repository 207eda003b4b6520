//! How many calls at once: a vendor that takes so many and refuses the others.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tokio::task::JoinSet;

use super::*;

/// A vendor that serves `takes` calls at a time, a second each, and answers the others 429 without a word about when to come back.
struct Crowded {
    takes: Arc<AtomicU32>,
    running: Arc<AtomicU32>,
    served: Arc<AtomicU32>,
    refused: Arc<AtomicU32>,
}

#[derive(Clone)]
struct Door(Arc<Crowded>);

impl Service<Attempt> for Door {
    type Response = ModelResponse;
    type Error = crate::BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<ModelResponse, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, attempt: Attempt) -> Self::Future {
        let it = self.0.clone();
        Box::pin(async move {
            if it.running.load(Relaxed) >= it.takes.load(Relaxed) {
                it.refused.fetch_add(1, Relaxed);
                return Err(error(ErrorKind::RateLimited).into());
            }
            it.running.fetch_add(1, Relaxed);
            tokio::time::sleep(secs(1)).await;
            it.running.fetch_sub(1, Relaxed);
            it.served.fetch_add(1, Relaxed);
            let frames = VecDeque::from([Ok(Frame::new(None, "{}"))]);
            let script = Script {
                frames,
                tokens: None,
            };
            let stream = EventStream::new(&OpenAiChat, script);
            let served = attempt.deployment.served(attempt.number);
            Ok(ModelResponse::new(served, Reply::Stream(stream)))
        })
    }
}

struct World {
    pools: Pools,
    vendor: Arc<Crowded>,
    clients: JoinSet<()>,
}

impl World {
    /// Sixty clients who always want something.
    fn new(limits: Limits, takes: u32) -> Self {
        let vendor = Vendor::new(provider("acme"), "large").account(limited("a", limits), 1);
        let pools = pools(Pool::new().vendor(vendor).wait(secs(600)));
        let vendor = Arc::new(Crowded {
            takes: Arc::new(takes.into()),
            running: Arc::default(),
            served: Arc::default(),
            refused: Arc::default(),
        });
        let mut clients = JoinSet::new();
        for _ in 0..60 {
            let (pools, door) = (pools.clone(), Door(vendor.clone()));
            clients.spawn(async move {
                loop {
                    let service = PoolLayer::new(pools.clone()).layer(door.clone());
                    match service.oneshot(request()).await {
                        Ok(response) => finish(response).await,
                        Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                    }
                }
            });
        }
        Self {
            pools,
            vendor,
            clients,
        }
    }

    /// What the vendor served and refused in so many seconds, and the limit after them.
    async fn run(&self, seconds: u64) -> (u32, u32, u32) {
        let read = || {
            (
                self.vendor.served.load(Relaxed),
                self.vendor.refused.load(Relaxed),
            )
        };
        let before = read();
        tokio::time::sleep(secs(seconds)).await;
        let after = read();
        let limit = status(&self.pools, "a").concurrency.unwrap();
        (after.0 - before.0, after.1 - before.1, limit)
    }
}

#[tokio::test(start_paused = true)]
async fn it_finds_what_the_vendor_takes_and_follows_it() {
    let mut world = World::new(Limits::none().adaptive(), 20);
    let (_, overshot, _) = world.run(10).await;
    assert!(overshot <= 25, "{overshot}");
    let (served, refused, limit) = world.run(200).await;
    assert!((17..=21).contains(&limit), "{limit}");
    assert!(served >= 200 * 18, "{served} of 4000");
    assert!(refused * 100 <= served, "{refused} refused of {served}");
    assert!(status(&world.pools, "a").cooldowns.is_empty());

    world.vendor.takes.store(10, Relaxed);
    world.run(20).await;
    let (served, refused, limit) = world.run(100).await;
    assert!((8..=11).contains(&limit), "{limit}");
    assert!(
        served >= 100 * 9 - 50 && refused * 40 <= served,
        "{served} {refused}"
    );

    world.vendor.takes.store(20, Relaxed);
    world.run(60).await;
    let (served, _, limit) = world.run(100).await;
    assert!((17..=21).contains(&limit), "{limit}");
    assert!(served >= 100 * 18, "{served}");
    world.clients.shutdown().await;
    assert!(nobody_in_flight(&world.pools) && world.pools.shared().hall.is_clean());
}

#[tokio::test(start_paused = true)]
async fn it_stays_under_the_ceiling() {
    let world = World::new(Limits::none().adaptive().concurrency(12), 20);
    let (served, refused, limit) = world.run(100).await;
    assert_eq!((refused, limit), (0, 12));
    assert!(served >= 12 * 95, "{served}");
}

#[tokio::test(start_paused = true)]
async fn a_window_that_is_named_is_no_matter_of_how_many_at_once() {
    let limits = Limits::none().adaptive();
    let vendor = Vendor::new(provider("acme"), "large").account(limited("a", limits), 1);
    let pools = pools(Pool::new().vendor(vendor));
    let vendors = Vendors::all(|| Act::Fail(rate_limited(20)));
    call(&pools, &vendors).await.unwrap_err();
    let after = status(&pools, "a");
    assert_eq!(after.concurrency, Some(8));
    assert!(after.cooldowns[0].firm);
}
