//! What all calls together may hold in memory.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;

use crate::error::{Error, ErrorKind};

/// The memory for bodies: one number of bytes for all calls together. Clones share it.
///
/// Request bodies count from their first byte until the call is over, whole answers until their callers have read them, and of a
/// stream what is held of an unfinished event. A call that finds no room is refused with 503 and told to come back: that is better
/// than a process that is killed with all its calls. The crate counts the bytes as they came; what is made of them, while a body is
/// translated, comes on top.
///
/// ```
/// use trunkline::{Buffers, IngressLayer, Upstream, client::Client};
/// # use trunkline::client::ClientOptions;
///
/// let buffers = Buffers::new(512 << 20);
/// let layer = IngressLayer::new().buffers(buffers.clone());
/// let upstream = Upstream::new(Client::new(&ClientOptions::new())?).with_buffers(buffers.clone());
/// assert_eq!(buffers.held(), 0);
/// # let _ = (layer, upstream);
/// # Ok::<_, trunkline::Error>(())
/// ```
#[derive(Clone)]
pub struct Buffers(Arc<Inner>);

struct Inner {
    limit: AtomicUsize,
    held: AtomicUsize,
    refused: AtomicU64,
}

impl Buffers {
    /// So many bytes for all calls together.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Inner {
            limit: AtomicUsize::new(limit),
            held: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
        }))
    }

    /// As many as there are.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(usize::MAX)
    }

    /// The most bytes.
    pub fn limit(&self) -> usize {
        self.0.limit.load(Ordering::Relaxed)
    }

    /// Another limit from now on. What is held already stays.
    pub fn set_limit(&self, limit: usize) {
        self.0.limit.store(limit, Ordering::Relaxed);
    }

    /// The bytes held now.
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// How often there was no room.
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Room for nothing yet.
    pub(crate) fn hold(&self) -> Hold {
        Hold {
            buffers: self.clone(),
            bytes: 0,
        }
    }

    fn take(&self, bytes: usize) -> Result<(), Error> {
        let limit = self.limit();
        let taken = self
            .0
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
                held.checked_add(bytes).filter(|all| *all <= limit)
            });
        if taken.is_ok() {
            return Ok(());
        }
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        let message = format!(
            "the gateway has no memory left for this call: all calls together may hold {limit} bytes (server.limits.memory); try again"
        );
        // It is nobody's fault but ours: no vendor is asked instead, and none is blamed.
        Err(Error::new(ErrorKind::Denied, message)
            .with_status(StatusCode::SERVICE_UNAVAILABLE)
            .with_code("gateway_out_of_memory")
            .with_retry_after(Duration::from_secs(1)))
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Self::unlimited()
    }
}

impl fmt::Debug for Buffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffers")
            .field("limit", &self.limit())
            .field("held", &self.held())
            .field("refused", &self.refused())
            .finish()
    }
}

/// Bytes that somebody holds, given back when this is dropped.
pub(crate) struct Hold {
    buffers: Buffers,
    bytes: usize,
}

impl Hold {
    /// So many bytes more.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Error> {
        self.buffers.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// So many bytes in all from now on.
    pub(crate) fn set(&mut self, bytes: usize) -> Result<(), Error> {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.grow(more),
            None => {
                let less = self.bytes - bytes;
                self.buffers.0.held.fetch_sub(less, Ordering::Relaxed);
                self.bytes = bytes;
                Ok(())
            }
        }
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The same bytes, which give the room back when the last part of them is let go of.
    pub(crate) fn on(self, bytes: Bytes) -> Bytes {
        match bytes.is_empty() {
            true => bytes,
            false => Bytes::from_owner(Held { bytes, _hold: self }),
        }
    }
}

/// Bytes and the room they take.
struct Held {
    bytes: Bytes,
    _hold: Hold,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.buffers.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hold({})", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together_hold_no_more_than_the_limit() {
        let buffers = Buffers::new(10);
        let (mut one, mut other) = (buffers.hold(), buffers.hold());
        one.grow(6).unwrap();
        let error = other.grow(5).unwrap_err();
        assert_eq!(
            (error.status().as_u16(), error.kind()),
            (503, ErrorKind::Denied)
        );
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
        other.grow(4).unwrap();
        assert!(one.grow(usize::MAX).is_err());
        assert_eq!((buffers.held(), buffers.refused()), (10, 2));
        one.set(2).unwrap();
        other.set(8).unwrap();
        assert!(other.set(9).is_err());
        assert_eq!((buffers.held(), other.bytes()), (10, 8));
        // A smaller limit lets go of nothing, and takes nothing in.
        buffers.set_limit(4);
        assert!(one.grow(1).is_err());
        drop(other);
        one.grow(2).unwrap();
        drop(one);
        assert_eq!(buffers.held(), 0);
        // Every part of the bytes holds all of them.
        let mut hold = buffers.hold();
        hold.grow(4).unwrap();
        let bytes = hold.on(Bytes::from_static(b"abcd"));
        let part = bytes.slice(1..2);
        drop(bytes);
        assert_eq!((&*part, buffers.held()), (&b"b"[..], 4));
        drop(part);
        assert_eq!(buffers.held(), 0);
    }
}
