//! Who is under test: the crate's own layers, and two that know nothing.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tower::{ServiceBuilder, ServiceExt, service_fn, util::BoxCloneService};
use trunkline::{
    Error, FailoverLayer, ModelRequest, ModelResponse, PoolLayer, Pools, RetryBackoffLayer, Secret,
    Upstream,
    failover::Chains,
    pool::{Pool, Vendor},
    provider::Compatible,
    retry::RetryPolicy,
    upstream::{Account, Attempt, Deployment, Limits, Timeouts},
};

use crate::{
    chance::Chance,
    vendor::{Plan, Tells, Vendors},
};

pub type Stack = BoxCloneService<ModelRequest, ModelResponse, Error>;

/// The name that all accounts have the model under.
pub const MODEL: &str = "m";

const SEED: u64 = 11;

/// The whole stack over a pool of these accounts, which is made of their vendor by `pool`.
pub fn ours(
    plans: &[Plan],
    declared: bool,
    pool: Pool,
    timeouts: Timeouts,
    vendors: &Vendors,
) -> Stack {
    let mut vendor = Vendor::new(provider(), MODEL).timeouts(timeouts);
    for plan in plans {
        vendor = vendor.account(account(plan, declared), 1);
    }
    let pools = Pools::with_seed(SEED).pool(MODEL, pool.vendor(vendor));
    over(pools, vendors)
}

pub fn over(pools: Pools, vendors: &Vendors) -> Stack {
    ServiceBuilder::new()
        .layer(FailoverLayer::new(Chains::new()))
        .layer(RetryBackoffLayer::new(RetryPolicy::new().seed(SEED)))
        .layer(PoolLayer::new(pools))
        .service(Upstream::new(vendors.clone()))
        .boxed_clone()
}

/// Everybody in turn, whatever happened, and the next one once after a failure.
pub fn round_robin(plans: &[Plan], timeouts: Timeouts, vendors: &Vendors) -> Stack {
    let turn = AtomicUsize::new(0);
    naive(plans, timeouts, vendors, move |n| {
        turn.fetch_add(1, Ordering::Relaxed) % n
    })
}

/// Anybody, whatever happened, and anybody once after a failure.
pub fn random(plans: &[Plan], timeouts: Timeouts, vendors: &Vendors) -> Stack {
    let chance = Chance::new(SEED);
    naive(plans, timeouts, vendors, move |n| chance.below(n))
}

fn naive(
    plans: &[Plan],
    timeouts: Timeouts,
    vendors: &Vendors,
    pick: impl Fn(usize) -> usize + Send + Sync + 'static,
) -> Stack {
    let deployments: Arc<[_]> = plans
        .iter()
        .map(|plan| {
            let deployment = Deployment::new(provider(), account(plan, false), MODEL);
            Arc::new(deployment.with_timeouts(timeouts))
        })
        .collect();
    let upstream = Upstream::new(vendors.clone());
    let pick = Arc::new(pick);
    service_fn(move |request: ModelRequest| {
        let (deployments, upstream, pick) = (deployments.clone(), upstream.clone(), pick.clone());
        async move {
            let attempt = || {
                Attempt::new(
                    request.clone(),
                    deployments[pick(deployments.len())].clone(),
                )
            };
            match upstream.clone().oneshot(attempt()).await {
                Ok(response) => Ok(response),
                Err(_) => upstream.oneshot(attempt()).await,
            }
        }
    })
    .boxed_clone()
}

fn provider() -> Arc<Compatible> {
    Arc::new(Compatible::openai("sim", "http://sim.example/v1").unwrap())
}

fn account(plan: &Plan, declared: bool) -> Arc<Account> {
    let account = Account::new(plan.key, Secret::new(plan.key));
    let limits = match declared {
        true => Limits::none()
            .rpm(plan.rpm)
            .tpm(plan.tpm)
            .concurrency(plan.concurrency),
        // Where nothing is told, the pool has to find out.
        false if plan.tells != Tells::All => Limits::none().adaptive(),
        false => Limits::none(),
    };
    Arc::new(account.with_limits(limits))
}
