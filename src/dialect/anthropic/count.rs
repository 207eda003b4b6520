//! `POST /messages/count_tokens`.

use bytes::Bytes;

use super::{Anthropic, request};
use crate::{
    chat::ChatRequest,
    dialect::{Counter, counter},
    error::Error,
};

/// What the vendor counts. It refuses what steers nothing but the answer.
const COUNTED: &[&str] = &[
    "model",
    "system",
    "messages",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
    "mcp_servers",
    "context_management",
];

impl Counter for Anthropic {
    fn question(&self, body: &Bytes, _model: &str) -> Result<Bytes, Error> {
        Ok(counter::only(body, COUNTED)?.finish().into())
    }

    fn conversation(&self, body: &[u8]) -> Result<ChatRequest, Error> {
        request::decode_counted(body)
    }

    fn read(&self, body: &[u8]) -> Option<u64> {
        counter::number(body, "input_tokens")
    }

    fn write(&self, tokens: u64) -> Bytes {
        format!("{{\"input_tokens\":{tokens}}}").into()
    }
}
