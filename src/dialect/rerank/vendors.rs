//! The vendors' ways.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;

use super::{Ranked, RerankDialect, RerankRequest, RerankResponse, unreadable};
use crate::{chat::Fidelity, dialect::embeddings::SEGMENT, error::Error, json::object};

/// Jina's way, which most have taken over: Together, vLLM, llama.cpp, OpenRouter. Bytes pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct JinaRerank;

/// Cohere's, version 2. The base URL ends with the version: `https://api.cohere.com/v2`. It gives no documents back: that is done
/// here.
#[derive(Clone, Copy, Debug, Default)]
pub struct CohereRerank;

/// Cohere's and Amazon's models on Bedrock, by `InvokeModel`: the model stands in the path.
#[derive(Clone, Copy, Debug, Default)]
pub struct BedrockRerank;

/// Voyage's.
#[derive(Clone, Copy, Debug, Default)]
pub struct VoyageRerank;

impl RerankDialect for JinaRerank {
    fn name(&self) -> &'static str {
        "jina"
    }

    fn passes(&self) -> bool {
        true
    }

    fn encode(&self, request: &RerankRequest, model: &str, _: &mut Fidelity) -> Bytes {
        written(request, model, "top_n", true)
    }

    fn decode(&self, body: &[u8]) -> Result<RerankResponse, Error> {
        read(body)
    }
}

impl RerankDialect for CohereRerank {
    fn name(&self) -> &'static str {
        "cohere"
    }

    fn encode(&self, request: &RerankRequest, model: &str, _: &mut Fidelity) -> Bytes {
        written(request, model, "top_n", false)
    }

    fn decode(&self, body: &[u8]) -> Result<RerankResponse, Error> {
        read(body)
    }
}

impl RerankDialect for BedrockRerank {
    fn name(&self) -> &'static str {
        "bedrock"
    }

    fn path(&self, model: &str) -> Cow<'static, str> {
        format!("/model/{}/invoke", utf8_percent_encode(model, SEGMENT)).into()
    }

    fn encode(&self, request: &RerankRequest, model: &str, report: &mut Fidelity) -> Bytes {
        let cohere = model.contains("cohere.");
        if !cohere && request.max_tokens_per_doc.is_some() {
            report.dropped("max_tokens_per_doc", "this vendor has no place for it");
        }
        let body = object(|o| {
            o.field("query", &request.query)
                .field("documents", &request.documents)
                .optional("top_n", request.top_n)
                .optional(
                    "max_tokens_per_doc",
                    request.max_tokens_per_doc.filter(|_| cohere),
                )
                // The first version would want documents of another shape.
                .optional("api_version", cohere.then_some(2));
        });
        Bytes::copy_from_slice(body.as_str().as_bytes())
    }

    fn decode(&self, body: &[u8]) -> Result<RerankResponse, Error> {
        read(body)
    }
}

impl RerankDialect for VoyageRerank {
    fn name(&self) -> &'static str {
        "voyage"
    }

    fn encode(&self, request: &RerankRequest, model: &str, report: &mut Fidelity) -> Bytes {
        let mut request = request.clone();
        if request.max_tokens_per_doc.take().is_some() {
            report.dropped("max_tokens_per_doc", "this vendor has no place for it");
        }
        written(&request, model, "top_k", false)
    }

    fn decode(&self, body: &[u8]) -> Result<RerankResponse, Error> {
        read(body)
    }
}

fn written(request: &RerankRequest, model: &str, top: &str, with_documents: bool) -> Bytes {
    let documents = (with_documents && request.return_documents).then_some(true);
    let body = object(|o| {
        o.field("model", model)
            .field("query", &request.query)
            .field("documents", &request.documents)
            .optional(top, request.top_n)
            .optional("max_tokens_per_doc", request.max_tokens_per_doc)
            .optional("return_documents", documents);
    });
    Bytes::copy_from_slice(body.as_str().as_bytes())
}

/// They differ in where the list is and in what they count.
fn read(body: &[u8]) -> Result<RerankResponse, Error> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow, default)]
        id: Option<Cow<'a, str>>,
        #[serde(alias = "data")]
        results: Vec<Place>,
        #[serde(default)]
        usage: Option<Usage>,
        #[serde(default)]
        meta: Option<Meta>,
    }
    #[derive(Deserialize)]
    struct Place {
        index: u64,
        relevance_score: f64,
    }
    #[derive(Deserialize)]
    struct Usage {
        #[serde(default)]
        total_tokens: Option<u64>,
    }
    #[derive(Deserialize)]
    struct Meta {
        #[serde(default)]
        billed_units: Option<Units>,
    }
    #[derive(Deserialize)]
    struct Units {
        #[serde(default)]
        search_units: Option<f64>,
    }
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    let results = answer.results.into_iter().map(|place| Ranked {
        index: place.index,
        score: place.relevance_score,
    });
    let units = answer.meta.and_then(|meta| meta.billed_units);
    Ok(RerankResponse {
        id: answer.id.map(Cow::into_owned),
        results: results.collect(),
        tokens: answer.usage.and_then(|usage| usage.total_tokens),
        searches: units
            .and_then(|units| units.search_units)
            .map(|units| units as u64),
    })
}
