//! Requests, read and written.

mod ask;
mod decode;
mod decode_messages;
mod decode_parts;
mod decode_tools;
mod encode;
mod encode_messages;
mod encode_parts;
mod encode_tools;

#[cfg(test)]
mod tests;

pub(super) use self::{ask::ask_for_usage, decode::decode, encode::encode};
pub(in crate::dialect) use self::{
    decode::{cache_marker, effort, one_of, read, texts},
    decode_parts::{mark, source},
    encode::{fingerprint, level, session},
    encode_messages::ATTRIBUTION,
    encode_parts::{data_uri, document_text},
    encode_tools::{can_be_strict, of_object},
};
