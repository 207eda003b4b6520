//! Images, documents and sounds by address, for vendors that want bytes.
//!
//! Some vendors fetch an address themselves, others take bytes only. Where a conversation is translated for one of those, a
//! [`MediaSource`] given to [`Upstream::with_media`](crate::Upstream::with_media) fetches what stands at its addresses, once for
//! all attempts of a call, and the bytes take their place. Without one, addresses are handled as the vendor's dialect can.
//!
//! Whoever fetches for callers is asked to fetch from where only he can. [`MediaFetcher`] therefore reaches public addresses only.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use trunkline::media::{MediaFetcher, MediaOptions};
//!
//! let options = MediaOptions::new()
//!     .max_bytes(5 << 20)
//!     .timeout(Duration::from_secs(5))
//!     .allow_hosts(["media.internal.example"]);
//! let media = Arc::new(MediaFetcher::new(options)?);
//! // let upstream = Upstream::new(client).with_media(media);
//! # let _ = media;
//! # Ok::<_, trunkline::Error>(())
//! ```

#[cfg(feature = "reqwest")]
mod address;
#[cfg(feature = "reqwest")]
mod fetcher;
#[cfg(feature = "reqwest")]
mod kind;
#[cfg(feature = "reqwest")]
mod resolver;

use std::{collections::HashMap, fmt::Debug, sync::Arc};

use futures_util::future::BoxFuture;

#[cfg(feature = "reqwest")]
pub use self::fetcher::{MediaFetcher, MediaOptions};
use crate::error::Error;

/// What an address is expected to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A PDF or a text.
    Document,
    /// Sound.
    Audio,
}

/// An address whose bytes are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Wanted {
    /// What it is expected to hold.
    pub kind: MediaKind,
    /// The address as the caller wrote it.
    pub url: String,
}

impl Wanted {
    /// What stands at this address.
    pub fn new(kind: MediaKind, url: impl Into<String>) -> Self {
        Self {
            kind,
            url: url.into(),
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// What it is, e.g. `image/png`.
    pub media_type: String,
    /// Its bytes, in standard base64.
    pub data: String,
}

impl Fetched {
    /// These bytes, in standard base64.
    pub fn new(media_type: impl Into<String>, data: impl Into<String>) -> Self {
        Self {
            media_type: media_type.into(),
            data: data.into(),
        }
    }
}

/// Fetches media for callers.
pub trait MediaSource: Debug + Send + Sync + 'static {
    /// Fetches all that one request needs, each address once; the results are in the same order.
    ///
    /// Callers read the messages of errors: they must not tell what is inside the network.
    fn fetch<'a>(&'a self, wanted: &'a [Wanted]) -> BoxFuture<'a, Vec<Result<Fetched, Error>>>;
}

/// What was fetched for one call, and what could not be.
pub(crate) type Shelf = tokio::sync::Mutex<HashMap<Wanted, Result<Arc<Fetched>, Error>>>;
