//! Tower middleware for multi-model LLM gateways.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod body;
#[cfg(feature = "testing")]
pub mod testing;
pub mod wire;

pub use body::Body;

/// Any error, boxed: what tower's own layers pass along. Ours is found in it by downcast.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
