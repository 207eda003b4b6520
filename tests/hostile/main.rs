//! Input that is meant to do harm: from callers, from vendors, from files.
#![allow(clippy::unwrap_used, reason = "a test")]

mod cancel;
mod deep;
mod memory;
mod passing;
mod preface;
mod raw;
mod targets;

#[path = "../support/mod.rs"]
mod support;
