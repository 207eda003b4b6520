//! HTTP clients that the leaf can call. Any tower service from `http::Request<Body>` to a response will do.

mod direct;
mod plain;
mod reqwest;

pub use self::{
    direct::Client,
    reqwest::{ClientOptions, ReqwestClient},
};
