//! The index beside this file holds.
