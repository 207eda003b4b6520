//! The layer.

use tower_layer::Layer;

use super::{PoolService, Pools};

/// Chooses who serves a call. See the [module docs](crate::pool).
#[derive(Clone, Debug)]
pub struct PoolLayer {
    pools: Pools,
}

impl PoolLayer {
    /// Calls are served by these pools. Keep a clone to change them and to look at them.
    pub const fn new(pools: Pools) -> Self {
        Self { pools }
    }
}

impl<S> Layer<S> for PoolLayer {
    type Service = PoolService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        PoolService::new(inner, self.pools.clone())
    }
}
