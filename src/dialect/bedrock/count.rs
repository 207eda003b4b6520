//! `POST /model/{model}/count-tokens`.
//!
//! Claude's models alone are counted, and only by their own ids: an id of a profile (`us.anthropic.…`) is refused.

use bytes::Bytes;

use super::{Converse, wire::member};
use crate::{
    chat::ChatRequest,
    dialect::{Counter, counter},
    error::{Error, ErrorKind},
};

/// What the vendor counts.
const COUNTED: &[&str] = &[
    "system",
    "messages",
    "toolConfig",
    "additionalModelRequestFields",
];

/// The first parts of the ids of profiles.
const REGIONS: &[&str] = &[
    "apac", "au", "ca", "eu", "global", "jp", "sa", "us", "us-gov",
];

impl Counter for Converse {
    fn question(&self, body: &Bytes, _model: &str) -> Result<Bytes, Error> {
        let counted = counter::only(body, COUNTED)?.into_json();
        let input = member("input", &member("converse", &counted));
        Ok(input.to_string().into())
    }

    fn conversation(&self, _body: &[u8]) -> Result<ChatRequest, Error> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "nobody is served in this dialect",
        ))
    }

    fn read(&self, body: &[u8]) -> Option<u64> {
        counter::number(body, "inputTokens")
    }

    fn write(&self, tokens: u64) -> Bytes {
        format!("{{\"inputTokens\":{tokens}}}").into()
    }
}

/// The model of a profile.
pub(super) fn base_model(id: &str) -> &str {
    match id.split_once('.') {
        Some((region, model)) if REGIONS.contains(&region) => model,
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dialect::{Call, Dialect},
        operation::Operation,
    };

    #[test]
    fn what_is_counted_is_asked_of_the_model_itself() {
        let body = r#"{"system":[{"text":"s"}],"messages":[],"inferenceConfig":{"maxTokens":1},"toolConfig":{"tools":[]}}"#;
        let question = Converse.question(&body.into(), "m").unwrap();
        assert_eq!(
            question,
            r#"{"input":{"converse":{"system":[{"text":"s"}],"messages":[],"toolConfig":{"tools":[]}}}}"#
        );
        assert_eq!(Converse.read(&Converse.write(7)), Some(7));
        for (id, path) in [
            (
                "us.anthropic.claude-x",
                "/model/anthropic.claude-x/count-tokens",
            ),
            (
                "anthropic.claude-x",
                "/model/anthropic.claude-x/count-tokens",
            ),
        ] {
            let call = Call::new(&Operation::CountTokens, id, false);
            assert_eq!(Converse.path(&call), path);
        }
    }
}
