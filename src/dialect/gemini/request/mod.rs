//! Requests: read from callers, written for vendors.

mod config;
mod decode;
mod decode_config;
mod decode_parts;
mod encode;
mod media;
mod tools;
mod turns;

pub(super) use self::{decode::decode, encode::encode, media::is_googles};

#[cfg(test)]
mod tests;
