//! A stream that broke after content, continued by somebody else: opt-in, text only, and never silently.
//!
//! By the time a stream breaks, the caller has read half an answer, and nothing can be tried again. But some models go on with a last
//! message of the assistant's ("prefill"): whoever is asked next gets the conversation and the text so far, and what comes is
//! appended to the stream the caller is reading. It stays one legal stream of the caller's dialect: one beginning, one id, one
//! ending. Who can be asked so is the vendor's business, see [`Provider::prefills`](crate::Provider::prefills); others are passed
//! over. Until the break a stream passes as it would without this layer.
//!
//! It goes between [`IngressLayer`](crate::IngressLayer) and [`SseNormalizeLayer`](crate::SseNormalizeLayer): the rest is asked for
//! like a call of its own, with failover, retries and all. The call's deadline, its attempts and the shared
//! [`RetryBudget`](crate::RetryBudget) bound both together.
//!
//! Only what a reader could join is continued. Not: a stream with a tool call, a refusal, citations, signed or unfinished reasoning
//! or log probabilities in it; one of several answers; JSON; a call that has to use a tool; a text whose end the caller was told; a break that
//! is the caller's own fault, or the deadline's. Then the caller is told of the break, as ever.
//!
//! - White space at the end of the text so far is kept from the vendor, some of whom refuse it, and dropped where it is said again.
//! - Reasoning of whoever goes on is dropped: it belongs before the answer.
//! - Usage is the sum of all attempts: each was paid for.
//! - The last frame that says anything has one more member, which clients pass over:
//!   `"trunkline":{"continued":1,"attempts":[{"provider":…,"account":…,"model":…,"input_tokens":…,"output_tokens":…},…]}`.
//! - The call's [`Trail`](crate::Trail) shows the break and who went on, as do the log and [`CallRecord`](crate::CallRecord);
//!   [`Continuations`] counts.
//!
//! ```
//! use tower::{Layer, service_fn};
//! use trunkline::{
//!     BoxError, ModelRequest, ModelResponse, SseNormalizeLayer,
//!     continuation::{ContinueLayer, Continuations},
//! };
//!
//! let counts = Continuations::new();
//! let layer = ContinueLayer::new(2).counts(counts.clone());
//! let inner = service_fn(|_: ModelRequest| async { Err::<ModelResponse, BoxError>("no vendor".into()) });
//! let service = layer.layer(SseNormalizeLayer::new().layer(inner));
//! assert_eq!((counts.tried(), counts.succeeded()), (0, 0));
//! # let _ = service;
//! ```

mod layer;
mod mark;
mod pen;
mod request;
mod resumed;
mod seam;
mod story;

pub use self::layer::{Continuations, Continue, ContinueLayer};
