//! Anthropic's Messages.

use std::borrow::Cow;

use bytes::Bytes;

use super::{Dialect, EventDecoder, Target};
use crate::{
    chat::{ChatRequest, ChatResponse, Fidelity},
    error::Error,
    provider::Call,
};

/// Anthropic's Messages, both halves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anthropic;

impl Dialect for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn path(&self, _call: &Call<'_>) -> Cow<'static, str> {
        Cow::Borrowed("/messages")
    }

    fn encode_request(
        &self,
        _request: &ChatRequest,
        _target: &Target<'_>,
        _report: &mut Fidelity,
    ) -> Result<Bytes, Error> {
        unimplemented!()
    }

    fn decode_response(&self, _body: &[u8]) -> Result<ChatResponse, Error> {
        unimplemented!()
    }

    fn decoder(&self) -> Box<dyn EventDecoder> {
        unimplemented!()
    }
}
