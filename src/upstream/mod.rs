//! The leaf of the stack: one attempt, at one account, as HTTP.
//!
//! [`Upstream`] takes an [`Attempt`], spells it in the vendor's dialect (or passes the caller's bytes if it is the same one),
//! calls any HTTP client service, and answers only when the vendor has really begun: pings, role chunks, lifecycle events, an
//! `error` event under a 200, an empty or an HTML 200 all count as "not begun", so that the layers above can still choose
//! somebody else.
//!
//! Nobody is asked to compress. An answer that comes as gzip, brotli or zstandard nevertheless is read (feature `decompress`); any
//! other encoding, or one that is none, is a failed attempt whose code is `content_encoding`.
//!
//! ```
//! use std::sync::Arc;
//! use tower::{Service, ServiceExt};
//! use trunkline::{
//!     Body, ModelRequest, Secret, Upstream,
//!     chat::{ChatRequest, Message},
//!     provider::Compatible,
//!     upstream::{Account, Attempt, Deployment},
//! };
//!
//! # async fn example<C>(client: C) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
//! # where
//! #     C: Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + 'static,
//! #     C::Error: Into<trunkline::BoxError>,
//! #     C::Future: Send,
//! # {
//! let provider = Compatible::openai("acme", "https://llm.acme.example/v1")?;
//! let account = Account::new("team-a", Secret::new("sk-…"));
//! let deployment = Deployment::new(Arc::new(provider), Arc::new(account), "large");
//! let request = ModelRequest::chat(ChatRequest::new("large", vec![Message::user("Hello")]));
//!
//! let mut upstream = Upstream::new(client);
//! let attempt = Attempt::new(request, Arc::new(deployment));
//! let answer = upstream.ready().await?.call(attempt).await?.into_chat().await?;
//! println!("{}", answer.text());
//! # Ok(())
//! # }
//! ```

mod alive;
mod clock;
mod deployment;
mod encoding;
mod exchange;
mod limits;
mod media;
mod prepare;
mod price;
mod service;
mod translated;
mod vendor_stream;
mod watched;

pub(crate) use self::clock::call_is_over;
pub use self::{
    deployment::{Account, Attempt, Deployment, FirstByte, Timeouts},
    limits::{Counted, LimitWindow, Limits, Period},
    price::Price,
    service::Upstream,
};
