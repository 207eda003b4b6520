//! The layer.

use tower_layer::Layer;

use super::{Hedge, Hedges};

/// Asks a second account when the first is silent. See the [module docs](crate::hedge) for an example.
#[derive(Clone, Debug)]
pub struct HedgeLayer {
    hedges: Hedges,
}

impl HedgeLayer {
    /// For the calls of these models.
    pub const fn new(hedges: Hedges) -> Self {
        Self { hedges }
    }
}

impl<S> Layer<S> for HedgeLayer {
    type Service = Hedge<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Hedge::new(inner, self.hedges.clone())
    }
}
