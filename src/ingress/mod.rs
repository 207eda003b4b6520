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
//! | `POST /embeddings`, `/models/{model}:embedContent`, `/models/{model}:batchEmbedContents` | vectors, asked for as at OpenAI or as at Google, from vendors of either and of others |
//! | `POST /rerank` (also below `/v2`) | documents in order, asked for as at Cohere and Jina |
//! | `POST /moderations`, `/images/generations`, `/images/edits`, `/images/variations`, `/audio/speech`, `/audio/transcriptions`, `/audio/translations` | passed through to a vendor of OpenAI's kind; forms keep every byte but the model's name |
//! | any method, `/files…`, `/uploads…`, `/batches…`, `/videos…`, `/fine_tuning…`, `/vector_stores…`, `/conversations…`, `/containers…`, `/tasks…`, `/messages/batches…`, `/responses/{id}…`, `/chat/completions/{id}…` | what an account keeps, see below |
//! | `GET /models`, `GET /models/{model}` | the models of [`IngressLayer::models`], in the dialect of the asker |
//! | `GET /capabilities` | what each vendor dialect can be told of each front dialect, see [`capabilities`](crate::capabilities) |
//! | `HEAD /`, `HEAD /api/hello` | nothing: some clients ask whether anybody is there |
//! | any method, `/{model}/{*path}` | any other endpoint of the chosen account, passed through; a `/` in the model's name is written `%2F` |
//!
//! What an account keeps has an id that [carries the account](crate::issued): a call that names one goes there, whichever member,
//! path or query names it. A call that names none, such as an upload or a list, goes to the pool of the model it names (in the body,
//! as `?model=` or in the header `x-trunkline-model`), else to the pools' [home](crate::pool::Pools::home). A list therefore holds
//! what that one account keeps. Stored answers of OpenAI's Responses carry their account if the
//! gateway has more than one; all else of an answer in the vendor's own dialect is untouched.
//!
//! Errors come in the dialect of the route, with a message that names the field. A body that is too large, malformed or without a
//! model never goes further. A caller's key tells callers apart ([`Caller`](crate::request::Caller)) and is never passed on.
//!
//! A caller may ask for all or nothing with `x-trunkline-fidelity: strict`: a request that the vendor cannot be told all of is then
//! refused, naming the field. Otherwise the answer's `x-trunkline-lossy` tells what was lost. `x-trunkline-priority` says how urgent
//! a call is: `low`, `normal` or `high` ([`Priority`](crate::request::Priority)).
//!
//! While a vendor is silent, a streaming caller hears heartbeats; should the first be due before the vendor has begun, the
//! response headers go out then, and a failure is told in the stream. Until then a failure is a real HTTP status.
//!
//! Whoever waits for a whole answer may hear spaces before it ([`IngressLayer::json_heartbeat`], off unless set): the headers go out
//! with the first, the status is then 200 whatever follows, there is no `content-length` and no header that tells who served it, and
//! a failure is the dialect's error object as the body.
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

mod arriving;
mod bell;
mod body;
mod callers;
mod closing;
mod desk;
#[cfg(feature = "config")]
mod explained;
mod issued;
mod layer;
mod log;
mod operations;
mod piece;
mod read;
mod reply;
mod route;
mod said;
mod service;
mod shape;
mod spaced;

#[cfg(feature = "config")]
pub(crate) use self::explained::explained;
pub use self::{closing::Closing, layer::IngressLayer, service::Ingress, shape::BodyShape};
