//! HTTP clients that the leaf can call. Any tower service from `http::Request<Body>` to a response will do.

mod reqwest;

pub use self::reqwest::{ClientOptions, ReqwestClient};
