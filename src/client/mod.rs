//! HTTP clients that the leaf can call. Any tower service from `http::Request<Body>` to a response will do.
//!
//! [`Client`] is the one a gateway uses. It speaks HTTP/1.1, as vendors' own SDKs do, and each call drives a connection of its own: that
//! is the least work, a lost packet delays one answer only, and no limit of streams on one connection makes calls wait for each other.
//! A call that is broken off costs its connection. Over HTTP/2 ([`ClientOptions::http2`]) it does not, and many calls at once need one
//! handshake; but each piece of an answer passes through the task of the shared connection. Whatever goes through a proxy goes by
//! reqwest as well.

mod direct;
mod driven;
mod options;
mod reqwest;

pub use self::{direct::Client, options::ClientOptions, reqwest::ReqwestClient};
