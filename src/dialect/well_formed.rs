//! Is an event that nobody reads here at least JSON?

use serde::de::IgnoredAny;

use super::FrameError;
use crate::wire::Frame;

/// Checks an event that is passed on unread. Its caller will read it, and a client that meets broken JSON in a stream throws: better
/// that it is told of a broken answer. No data at all is fine.
pub(super) fn well_formed(frame: &Frame) -> Result<(), FrameError> {
    if frame.data().is_empty() {
        return Ok(());
    }
    match serde_json::from_slice::<IgnoredAny>(frame.data()) {
        Ok(_) => Ok(()),
        Err(error) => Err(FrameError::Malformed(error.to_string())),
    }
}
