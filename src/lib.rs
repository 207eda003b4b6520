//! Tower middleware for multi-model LLM gateways.
//!
//! Many model vendors, many accounts at each, different wire formats, limits and failures: one door. Each concern is a layer, and
//! any axum, hyper or tonic application assembles the gateway it needs from them.
//!
//! ```text
//! http::Request<B>  ─▶ IngressLayer        any front dialect → ModelRequest; errors → that dialect's error body
//!    ModelRequest   ─▶ SseNormalizeLayer   any vendor's reply → one well-formed reply in the caller's dialect
//!    ModelRequest   ─▶ FailoverLayer       model → the next model in its chain
//!    ModelRequest   ─▶ RetryBackoffLayer   again, after an honest wait
//!    ModelRequest   ─▶ HedgeLayer          a second account, while the first is silent (if wanted)
//!    ModelRequest   ─▶ PoolLayer           model → one account of one vendor   (ModelRequest → Attempt)
//!    Attempt        ─▶ Upstream<C>         Provider + Dialect → HTTP → reply, committed at the first content
//! http::Request     ─▶ C                   any HTTP client service (connections of our own by default)
//! ```
//!
//! The request types differ from layer to layer, so the compiler checks the order. Between two layers any generic tower layer fits
//! (timeout, concurrency limit, load shed): the layers here take `S::Error: Into<BoxError>` and find their own [`Error`] in it.
//!
//! - To mount a gateway in a service of yours, see [`ingress`].
//! - To call models in process, with no HTTP in front, make a [`ModelRequest::chat`] and leave [`IngressLayer`] out.
//! - To add a vendor, see [`provider`]; to add a wire format, [`dialect`].
//! - To try a model on a part of the traffic, or on copies of it, see [`split`].
//! - What happens after which failure is one table: [`error::Policy`].
//!
//! # Features
//!
//! | feature | default | what |
//! | --- | --- | --- |
//! | `reqwest` | yes | the HTTP clients, one over connections of our own and reqwest, over rustls ([`client`]) |
//! | `decompress` | yes | reads answers that were compressed without being asked for ([`upstream`]) |
//! | `config` | | a YAML file or the environment, read into a stack (`trunkline::config`) |
//! | `oauth` | | keys of Google's service accounts, which sign ([`credential::google`]) |
//! | `testing` | | scripted vendors for tests and demos (`trunkline::testing`) |
#![warn(unreachable_pub)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[macro_use]
mod macros;

mod alarm;
mod body;
mod budget;
mod buffers;
pub mod capabilities;
pub mod catalog;
pub mod chat;
#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub mod client;
#[cfg(feature = "config")]
#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
pub mod config;
pub mod continuation;
pub mod credential;
pub mod dialect;
pub mod error;
pub mod failover;
pub mod hedge;
pub mod ingress;
pub mod issued;
mod json;
mod marks;
pub mod media;
pub mod normalize;
mod operation;
mod origin;
mod pattern;
pub mod pool;
pub mod provider;
pub mod request;
pub mod response;
mod response_future;
pub mod retry;
mod rng;
mod served;
mod spare;
pub mod split;
mod stream;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod tokens;
mod trail;
pub mod upstream;
pub mod wire;

pub use self::{
    body::Body,
    budget::{CallBudget, RetryBudget},
    buffers::Buffers,
    credential::{Credentials, Secret},
    error::{Error, ErrorKind},
    failover::FailoverLayer,
    hedge::HedgeLayer,
    ingress::IngressLayer,
    json::{Extra, Json},
    normalize::SseNormalizeLayer,
    pool::{PoolLayer, Pools},
    provider::Provider,
    request::ModelRequest,
    response::ModelResponse,
    retry::RetryBackoffLayer,
    split::SplitLayer,
    trail::{CallRecord, Calls, Step, Trail},
    upstream::Upstream,
};

/// Any error, boxed: what tower's own layers pass along. Ours is found in it by downcast.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

// The README's example is a test.
#[cfg(all(doctest, feature = "reqwest"))]
#[doc = include_str!("../README.md")]
struct Readme;
