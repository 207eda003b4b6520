//! Any vendor's reply, as one well-formed reply in the caller's dialect.
//!
//! A reply in the caller's own dialect passes byte for byte; all that happens to it is that usage nobody asked for is kept back and
//! that an ending the vendor left out is added. Any other reply is read into [`ChatEvent`](crate::chat::ChatEvent)s and written anew.
//! A vendor that streams though it was not asked to, or answers whole though it was, is set right here too. Calls made in process,
//! without a dialect, get the vendor's reply as it is.
//!
//! ```
//! use tower::{Layer, service_fn};
//! use trunkline::{BoxError, ModelRequest, ModelResponse, normalize::SseNormalizeLayer};
//!
//! let inner = service_fn(|_: ModelRequest| async { Err::<ModelResponse, BoxError>("no vendor".into()) });
//! let service = SseNormalizeLayer::new().layer(inner);
//! # let _ = service;
//! ```

mod format;
mod losses;
mod pass;
mod service;
mod tools;
mod translate;

pub use self::service::{SseNormalize, SseNormalizeLayer};
pub(crate) use self::tools::ToolNames;
