//! Amazon's Titan on Bedrock: one text a call.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::{EmbeddingDialect, EmbeddingRequest, EmbeddingResponse, unreadable};
use crate::{
    chat::Fidelity,
    error::{Error, ErrorKind},
    json::object,
};

/// Amazon's Titan embeddings, by Bedrock's `InvokeModel`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TitanEmbeddings;

/// All but what AWS leaves as it is.
pub(in crate::dialect) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

impl EmbeddingDialect for TitanEmbeddings {
    fn name(&self) -> &'static str {
        "titan"
    }

    fn path(&self, model: &str) -> Cow<'static, str> {
        format!("/model/{}/invoke", utf8_percent_encode(model, SEGMENT)).into()
    }

    fn most_texts(&self) -> usize {
        1
    }

    fn encode(
        &self,
        request: &EmbeddingRequest,
        _: &str,
        report: &mut Fidelity,
    ) -> Result<Bytes, Error> {
        for (name, there) in [
            ("user", request.user.is_some()),
            ("input_type", request.task.is_some()),
            ("title", request.title.is_some()),
        ] {
            if there {
                report.dropped(name, "this vendor has no place for it");
            }
        }
        let texts = request.only_texts()?;
        let [text] = texts.as_slice() else {
            let message = "this vendor embeds one text a call";
            return Err(Error::new(ErrorKind::Unsupported, message).with_param("input"));
        };
        let body = object(|o| {
            o.field("inputText", text)
                .optional("dimensions", request.dimensions);
        });
        Ok(Bytes::copy_from_slice(body.as_str().as_bytes()))
    }

    fn decode(&self, body: &[u8]) -> Result<EmbeddingResponse, Error> {
        #[derive(Deserialize)]
        struct Answer {
            embedding: Vec<f32>,
            #[serde(default, rename = "inputTextTokenCount")]
            tokens: Option<u64>,
        }
        let answer: Answer = serde_json::from_slice(body).map_err(unreadable)?;
        Ok(EmbeddingResponse::new(
            vec![answer.embedding],
            answer.tokens,
        ))
    }
}
