//! What a pick costs in pools of ten, a thousand and a hundred thousand deployments, while all are free, while half are out, and while 99
//! in 100 are.
//!
//! A call goes through the pool to a vendor that answers at once, so each figure has the same cost of making and ending a call in it:
//! that of a pool with a single deployment is shown for comparison.

use std::{
    future::{Ready, ready},
    hint::black_box,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tower::{Layer, Service};
use trunkline::{
    Body, BoxError, Error, ErrorKind, ModelRequest, ModelResponse, PoolLayer, Pools, Provider,
    Secret,
    pool::{
        Balance, Cheapest, Fastest, Headroom, LeastBusy, Pool, RoundRobin, Sticky, Vendor, Weighted,
    },
    provider::Compatible,
    request::{Operation, Payload},
    response::{Reply, Served},
    upstream::{Account, Attempt, Price},
};

/// Answers at once.
#[derive(Clone)]
struct Instant(Arc<Served>);

impl Service<Attempt> for Instant {
    type Response = ModelResponse;
    type Error = BoxError;
    type Future = Ready<Result<ModelResponse, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Attempt) -> Self::Future {
        ready(Ok(ModelResponse::new(
            self.0.clone(),
            Reply::Opaque(Body::empty()),
        )))
    }
}

/// Ten vendors, and the deployments as their accounts.
fn pool(deployments: usize, balance: impl Balance) -> Pools {
    let vendors = deployments.min(10);
    let mut pool = Pool::new().balance(balance);
    for number in 0..vendors {
        let name = format!("v{number}");
        let provider: Arc<dyn Provider> =
            Arc::new(Compatible::openai(name, "https://vendor.example/v1").expect("an address"));
        let price = Price::new(1_000_000 + number as u64 % 7, 5_000_000);
        let mut vendor = Vendor::new(provider, "large").weight(1 + number as u32 % 3);
        vendor = vendor.price(price);
        for account in (number..deployments).step_by(vendors) {
            let account = Account::new(format!("a{account}"), Secret::new("k"));
            vendor = vendor.account(Arc::new(account), 1 + number as u32 % 2);
        }
        pool = pool.vendor(vendor);
    }
    Pools::with_seed(1).pool("m", pool)
}

/// Those are out for ten hours.
fn take_out(pools: &Pools, deployments: usize, out: impl Fn(usize) -> bool) {
    let limited =
        Error::new(ErrorKind::RateLimited, "slow").with_retry_after(Duration::from_secs(36_000));
    for account in (0..deployments).filter(|account| out(*account)) {
        let provider = format!("v{}", account % deployments.min(10));
        assert!(pools.report_health(&provider, &format!("a{account}"), Err(&limited)));
    }
}

fn calls(c: &mut Criterion, group: &str, make: impl Fn(usize) -> Pools, sessions: bool) {
    calls_for(c, group, "m", make, sessions);
}

fn calls_for(
    c: &mut Criterion,
    group: &str,
    model: &str,
    make: impl Fn(usize) -> Pools,
    sessions: bool,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let mut group = c.benchmark_group(group);
    for deployments in [1, 10, 1_000, 100_000] {
        type Out = fn(usize) -> bool;
        let outages: [(&str, Out); 3] = [
            ("all free", |_| false),
            ("half out", |n| n / 10 % 2 == 1 || n % 20 == 1),
            // Of ten, one is left.
            ("99 % out", |n| n % 100 != 7),
        ];
        for (name, out) in outages {
            if deployments == 1 && name != "all free" {
                continue;
            }
            let pools = make(deployments);
            take_out(&pools, deployments, out);
            let served = Served::new("v".into(), "a".into(), "m".into(), 1);
            let mut service = PoolLayer::new(pools).layer(Instant(Arc::new(served)));
            let mut session = 0_u64;
            let mut call = || {
                let payload = Payload::opaque(bytes::Bytes::new(), None);
                let mut request = ModelRequest::new(model, Operation::Chat, payload);
                if sessions {
                    session += 1;
                    request.affinity = Some(format!("{}", session % 10_000).into());
                }
                let answer = runtime.block_on(service.call(request));
                black_box(answer.expect("somebody is free"))
            };
            // Who is out is found out once.
            for _ in 0..1_000 {
                call();
            }
            group.bench_function(BenchmarkId::new(deployments.to_string(), name), |b| {
                b.iter(&mut call)
            });
        }
    }
    group.finish();
}

fn picking(c: &mut Criterion) {
    calls(c, "weighted", |n| pool(n, Weighted::new()), false);
    calls(c, "round_robin", |n| pool(n, RoundRobin::new()), false);
    calls(c, "least_busy", |n| pool(n, LeastBusy::new()), false);
    calls(c, "fastest", |n| pool(n, Fastest::new()), false);
    calls(c, "headroom", |n| pool(n, Headroom::new()), false);
    calls(c, "cheapest", |n| pool(n, Cheapest::new()), false);
    calls(c, "sticky", |n| pool(n, Sticky::new()), true);
    // Nobody named a model: any account of a provider will do.
    let home = |n| pool(n, Weighted::new()).home(["v7", "v0"]);
    calls_for(c, "no_model", "", home, false);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .without_plots();
    targets = picking
}
criterion_main!(benches);
