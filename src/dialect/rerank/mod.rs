//! Documents ordered by how well they answer a question: how each vendor spells it.
//!
//! Callers ask as at Cohere and Jina: `model`, `query`, `documents`, `top_n`, `return_documents`. Most vendors take just that, and
//! are handed the caller's bytes.

mod vendors;

use std::{borrow::Cow, fmt::Debug};

use bytes::Bytes;

pub use self::vendors::{BedrockRerank, CohereRerank, JinaRerank, VoyageRerank};
use crate::{
    chat::Fidelity,
    error::{Error, ErrorKind},
    json::{Json, Value, object},
};

/// One vendor's way to order documents.
pub trait RerankDialect: Debug + Send + Sync + 'static {
    /// A stable name, e.g. `voyage`.
    fn name(&self) -> &'static str;

    /// The path below the vendor's base URL.
    fn path(&self, model: &str) -> Cow<'static, str> {
        let _ = model;
        "/rerank".into()
    }

    /// Is it asked and answered in the callers' own words, so that bytes pass?
    fn passes(&self) -> bool {
        false
    }

    /// Writes a request.
    fn encode(&self, request: &RerankRequest, model: &str, report: &mut Fidelity) -> Bytes;

    /// Reads an answer.
    ///
    /// # Errors
    /// If it is none.
    fn decode(&self, body: &[u8]) -> Result<RerankResponse, Error>;
}

/// What is to be ordered.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RerankRequest {
    /// The question.
    pub query: String,
    /// The documents' texts.
    pub documents: Vec<String>,
    /// How many of the best are wanted; none is all.
    pub top_n: Option<u64>,
    /// Are the documents wanted with their places?
    pub return_documents: bool,
    /// How much of each document is looked at, in tokens.
    pub max_tokens_per_doc: Option<u64>,
}

/// The documents' places, the best one first.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RerankResponse {
    /// The vendor's id of the answer.
    pub id: Option<String>,
    /// The best one first.
    pub results: Vec<Ranked>,
    /// What it cost in tokens, if the vendor says.
    pub tokens: Option<u64>,
    /// What it cost in searches, if the vendor says.
    pub searches: Option<u64>,
}

/// One document's place.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Ranked {
    /// Which of the request's documents, from 0.
    pub index: u64,
    /// How well it answers, higher is better.
    pub score: f64,
}

impl RerankRequest {
    /// Reads a caller's request.
    ///
    /// # Errors
    /// If it is none, naming the field.
    pub(crate) fn decode(body: &[u8], report: &mut Fidelity) -> Result<Self, Error> {
        let root = Value::root(body)?;
        let mut object = root.object()?;
        let _ = object.take("model");
        let query = object.require("query")?.string()?;
        let listed = object.require("documents")?;
        let mut documents = Vec::new();
        for item in listed.items()? {
            documents.push(if item.is_object() {
                item.object()?.require("text")?.string()?
            } else {
                item.string()?
            });
        }
        if documents.is_empty() {
            return Err(listed.error("must not be empty"));
        }
        let mut whole = |name| object.take(name).map(|value| value.u64()).transpose();
        let (top_n, top_k) = (whole("top_n")?, whole("top_k")?);
        let max_tokens_per_doc = whole("max_tokens_per_doc")?;
        let return_documents = match object.take("return_documents") {
            Some(wanted) => wanted.bool()?,
            None => false,
        };
        for (name, _) in object.into_extra().iter() {
            report.dropped(name, "the vendor of another dialect has no place for it");
        }
        Ok(Self {
            query,
            documents,
            top_n: top_n.or(top_k),
            return_documents,
            max_tokens_per_doc,
        })
    }
}

impl RerankResponse {
    /// Writes the answer to a caller's request.
    pub(crate) fn encode(&self, asked: &RerankRequest, model: &str) -> Bytes {
        let results = self.results.iter().map(|ranked| {
            let text = usize::try_from(ranked.index)
                .ok()
                .and_then(|index| asked.documents.get(index))
                .filter(|_| asked.return_documents);
            object(|o| {
                o.field("index", &ranked.index)
                    .field("relevance_score", &ranked.score)
                    .optional("document", text.map(|text| document(text)));
            })
        });
        let usage = self.tokens.map(|tokens| {
            object(|o| {
                o.field("total_tokens", &tokens);
            })
        });
        let meta = self.searches.map(|searches| {
            let units = object(|o| {
                o.field("search_units", &searches);
            });
            object(|o| {
                o.field("billed_units", &units);
            })
        });
        let body = object(|o| {
            o.optional("id", self.id.as_deref())
                .field("model", model)
                .array("results", results)
                .optional("usage", usage)
                .optional("meta", meta);
        });
        Bytes::copy_from_slice(body.as_str().as_bytes())
    }
}

fn document(text: &str) -> Json {
    object(|o| {
        o.field("text", text);
    })
}

/// An answer that cannot be read.
fn unreadable(why: impl std::fmt::Display) -> Error {
    let message = format!("the vendor's answer holds no order of documents: {why}");
    Error::new(ErrorKind::Server, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked() -> RerankRequest {
        let body = json!({"model":"m","query":"q","documents":["a",{"text":"b"}],"top_n":2,"return_documents":true,"x":1});
        let mut report = Fidelity::new();
        let asked = RerankRequest::decode(body.to_string().as_bytes(), &mut report).unwrap();
        assert_eq!(report.notes().len(), 1);
        asked
    }

    #[test]
    fn a_request_is_said_to_every_vendor() {
        let say = |dialect: &dyn RerankDialect| -> serde_json::Value {
            let body = dialect.encode(&asked(), "up", &mut Fidelity::new());
            serde_json::from_slice(&body).unwrap()
        };
        assert_eq!(
            say(&CohereRerank),
            json!({"model":"up","query":"q","documents":["a","b"],"top_n":2})
        );
        assert_eq!(
            say(&VoyageRerank),
            json!({"model":"up","query":"q","documents":["a","b"],"top_k":2})
        );
        assert_eq!(
            say(&JinaRerank),
            json!({"model":"up","query":"q","documents":["a","b"],"top_n":2,"return_documents":true})
        );
    }

    #[test]
    fn answers_come_in_the_callers_shape() {
        let cohere = br#"{"id":"i","results":[{"index":1,"relevance_score":0.75},{"index":0,"relevance_score":0.5}],"meta":{"billed_units":{"search_units":1}}}"#;
        let voyage = br#"{"object":"list","data":[{"relevance_score":0.75,"index":1},{"relevance_score":0.5,"index":0}],"usage":{"total_tokens":43}}"#;
        let results = json!([
            {"index":1,"relevance_score":0.75,"document":{"text":"b"}},
            {"index":0,"relevance_score":0.5,"document":{"text":"a"}}
        ]);
        let told = |dialect: &dyn RerankDialect, body: &[u8]| -> serde_json::Value {
            let answer = dialect.decode(body).unwrap();
            serde_json::from_slice(&answer.encode(&asked(), "m")).unwrap()
        };
        assert_eq!(
            told(&CohereRerank, cohere),
            json!({"id":"i","model":"m","results":results,"meta":{"billed_units":{"search_units":1}}})
        );
        assert_eq!(
            told(&VoyageRerank, voyage),
            json!({"model":"m","results":results,"usage":{"total_tokens":43}})
        );
        assert!(CohereRerank.decode(b"{}").is_err());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, param) in [
            (json!({"documents":["a"]}), "query"),
            (json!({"query":"q"}), "documents"),
            (json!({"query":"q","documents":[]}), "documents"),
            (json!({"query":"q","documents":["a",7]}), "documents[1]"),
            (json!({"query":"q","documents":["a"],"top_n":"x"}), "top_n"),
        ] {
            let body = body.to_string();
            let error = RerankRequest::decode(body.as_bytes(), &mut Fidelity::new()).unwrap_err();
            assert_eq!(error.param(), Some(param), "{body}");
        }
    }
}
