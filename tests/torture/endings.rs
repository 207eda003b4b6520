//! How a stream ends: early, twice, not at all.
