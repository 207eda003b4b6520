//! Requests, read and written.

mod decode;
mod decode_items;
mod decode_parts;
mod decode_tools;
mod encode;
mod encode_items;
mod encode_parts;
mod encode_tools;

#[cfg(test)]
mod tests;

pub(super) use self::{decode::decode, encode::encode};
