//! Tower middleware for multi-model LLM gateways.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod body;
mod budget;
pub mod chat;
#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub mod client;
#[cfg(feature = "config")]
#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
pub mod config;
pub mod credential;
pub mod dialect;
pub mod error;
mod json;
pub mod provider;
pub mod request;
pub mod response;
mod stream;
pub mod upstream;
pub mod wire;

pub use self::{
    body::Body,
    budget::{CallBudget, RetryBudget},
    credential::{Credentials, Secret},
    error::{Error, ErrorKind},
    json::{Extra, Json},
    provider::Provider,
    request::{ModelRequest, Operation, Payload},
    response::{EventStream, Events, ModelResponse, Reply},
    upstream::Upstream,
};

/// Any error, boxed: what tower's own layers pass along. Ours is found in it by downcast.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
