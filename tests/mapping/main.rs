//! The numbered cases of the mapping between OpenAI's Chat Completions and Anthropic's Messages, through both halves together.
//!
//! `tests/README.md` says which test holds which case. Where a case is a body in and a body out, it is a folder of
//! `tests/golden`; `UPDATE_GOLDEN=1 cargo test --test mapping` writes what comes out anew, for a reader to judge.

mod converse;
mod front_door;
mod index;
mod requests;
mod responses;
mod round_trip;
mod streams;
mod support;

#[path = "../support/mod.rs"]
mod running;
