//! `CountTokens`, asked about a conversation as Converse takes it.

use bytes::Bytes;

use super::Converse;
use crate::{
    chat::ChatRequest,
    dialect::{Counter, counter},
    error::{Error, ErrorKind},
    json::{self, ObjectWriter},
};

/// What is counted. Settings of the answer would be refused.
const COUNTED: &[&str] = &[
    "messages",
    "system",
    "toolConfig",
    "additionalModelRequestFields",
];

impl Counter for Converse {
    fn question(&self, body: &Bytes, _model: &str) -> Result<Bytes, Error> {
        let request = counter::only(body, COUNTED)?.into_json();
        let input = json::object(|o| {
            o.field("converse", &request);
        });
        let mut out = ObjectWriter::new();
        out.field("input", &input);
        Ok(out.finish().into())
    }

    fn conversation(&self, _body: &[u8]) -> Result<ChatRequest, Error> {
        let message = "nobody is served in this dialect";
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    fn read(&self, body: &[u8]) -> Option<u64> {
        counter::number(body, "inputTokens")
    }

    fn write(&self, tokens: u64) -> Bytes {
        format!("{{\"inputTokens\":{tokens}}}").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_holds_what_is_counted_and_nothing_else() {
        let body =
            r#"{"messages":[ 1.0 ],"inferenceConfig":{"maxTokens":9},"system":[],"toolConfig":{}}"#;
        assert_eq!(
            Converse.question(&body.into(), "m").unwrap(),
            r#"{"input":{"converse":{"messages":[ 1.0 ],"system":[],"toolConfig":{}}}}"#
        );
        assert_eq!(Converse.read(br#"{"inputTokens":16}"#), Some(16));
        assert_eq!(Converse.read(br#"{"message":"no"}"#), None);
    }
}
