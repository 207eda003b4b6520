//! The door: HTTP in any front dialect, turned into [`ModelRequest`](crate::ModelRequest)s, and answers turned back.
//!
//! What it serves, each with or without a leading `/v1` (or `/v1beta`, `/v1alpha`, `/v1beta1`):
//!
//! | request | what |
//! | --- | --- |
//! | `POST /chat/completions` | OpenAI's Chat Completions |
//! | `POST /messages` | Anthropic's Messages |
//! | `POST /responses` | OpenAI's Responses; nothing is stored, so whatever refers to a stored answer needs a vendor of the dialect |
//! | `POST /models/{model}:generateContent`, `…:streamGenerateContent` | Google's Gemini; the stream is one JSON list unless `?alt=sse` is there |
//! | `POST /models/{model}/chat/completions`, `…/messages`, `…/responses` | the same, the model named in the path |
//! | `GET /models`, `GET /models/{model}` | the models of [`IngressLayer::models`], in the dialect of the asker |
//! | `HEAD /`, `HEAD /api/hello` | nothing: some clients ask whether anybody is there |
//! | any method, `/{model}/{*path}` | any other endpoint of the chosen account, passed through; a `/` in the model's name is written `%2F` |
//!
//! Errors come in the dialect of the route, with a message that names the field. A body that is too large, malformed or without a
//! model never goes further. A caller's key tells callers apart ([`Caller`](crate::request::Caller)) and is never passed on.
//!
//! While a vendor is silent, a streaming caller hears heartbeats; should the first be due before the vendor has begun, the
//! response headers go out then, and a failure is told in the stream.
//!
//! ```
//! use std::time::Duration;
//! use tower::{Layer, service_fn};
//! use trunkline::{BoxError, ModelRequest, ModelResponse, ingress::IngressLayer};
//!
//! let layer = IngressLayer::new()
//!     .body_limit(8 << 20)
//!     .timeout(Duration::from_secs(300))
//!     .models(|| vec!["gpt-4o".into()]);
//! let inner = service_fn(|_: ModelRequest| async { Err::<ModelResponse, BoxError>("no vendor".into()) });
//! let service = layer.layer(inner);
//! # let _ = service;
//! ```

mod body;
mod closing;
mod layer;
mod piece;
mod read;
mod reply;
mod route;
mod service;

pub use self::{closing::Closing, layer::IngressLayer, service::Ingress};
