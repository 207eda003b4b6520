//! A vendor of one's own: it speaks a known dialect, but lives and authenticates in its own way.
//!
//! `cargo run --example custom_provider` needs no network: the vendor is a function in this file.

use std::sync::Arc;

use http::{Request, Response, Uri, request::Parts};
use tower::{Service, ServiceExt, service_fn};
use trunkline::{
    Body, BoxError, Error, ModelRequest, Provider, Secret, Upstream,
    chat::{ChatRequest, Message},
    provider::secret_header,
    upstream::{Account, Attempt, Deployment},
};

/// The vendor. What is not said here (the dialect, its paths, its errors) is OpenAI's.
#[derive(Debug)]
struct Acme(Uri);

impl Provider for Acme {
    fn name(&self) -> &str {
        "acme"
    }
    fn base_url(&self) -> &Uri {
        &self.0
    }
    fn authorize(&self, secret: &Secret, parts: &mut Parts, _body: &[u8]) -> Result<(), Error> {
        let key = secret_header(secret.expose())?;
        parts.headers.insert("x-acme-key", key);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let acme = Acme(Uri::from_static("https://llm.acme.example/v1"));
    let account = Account::new("team-a", Secret::new("acme-secret"));
    let deployment = Deployment::new(Arc::new(acme), Arc::new(account), "acme-large");

    // Any tower service from an HTTP request to a response is a client. A real one: `ReqwestClient`.
    let mut upstream = Upstream::new(service_fn(vendor));

    let question = ChatRequest::new("acme-large", vec![Message::user("Who are you?")]);
    let attempt = Attempt::new(ModelRequest::chat(question), Arc::new(deployment));
    let answer = upstream.ready().await?.call(attempt).await?;

    println!("served by {}", answer.served.provider);
    println!("{}", answer.into_chat().await?.text());
    Ok(())
}

/// The other end of the wire.
async fn vendor(request: Request<Body>) -> Result<Response<Body>, BoxError> {
    println!("{} {}", request.method(), request.uri());
    if request.headers().get("x-acme-key").is_none() {
        return Ok(Response::builder().status(401).body(Body::empty())?);
    }
    let answer = r#"{
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1767225600, "model": "acme-large",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": "I am Acme's large model."}}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 8, "total_tokens": 19}
    }"#;
    Ok(Response::builder()
        .header("content-type", "application/json")
        .body(Body::from(answer))?)
}
