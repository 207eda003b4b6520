//! The vendor, tried in both forms.

mod demo;
mod dialects;
mod knobs;
mod server;
mod service;

use std::io;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::Vendor;
use crate::{Body, BoxError};

async fn send(
    vendor: &Vendor,
    method: Method,
    path: &str,
    body: &str,
) -> Result<Response<Body>, BoxError> {
    let request = Request::builder()
        .method(method)
        .uri(format!("https://vendor.test{path}"))
        .header("authorization", "Bearer sk-secret")
        .body(Body::from(body.to_owned()))?;
    vendor.clone().oneshot(request).await
}

async fn post(vendor: &Vendor, path: &str, body: &str) -> Result<Response<Body>, BoxError> {
    send(vendor, Method::POST, path, body).await
}

async fn bytes_of(response: Response<Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

async fn json_of(response: Response<Body>) -> Value {
    serde_json::from_slice(&bytes_of(response).await).unwrap()
}

fn io_kind(error: &BoxError) -> io::ErrorKind {
    error.downcast_ref::<io::Error>().unwrap().kind()
}

/// The `(event, data)` pairs of a stream, each framed as it has to be.
fn frames(body: &[u8]) -> Vec<(Option<String>, String)> {
    let text = std::str::from_utf8(body).unwrap();
    assert!(text.ends_with("\n\n"));
    text.trim_end_matches('\n')
        .split("\n\n")
        .map(|frame| match frame.split_once('\n') {
            Some((event, data)) => (
                Some(event.strip_prefix("event: ").unwrap().to_owned()),
                data.strip_prefix("data: ").unwrap().to_owned(),
            ),
            None => (None, frame.strip_prefix("data: ").unwrap().to_owned()),
        })
        .collect()
}
