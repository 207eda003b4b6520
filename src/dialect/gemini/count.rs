//! `:countTokens`.
//!
//! The question is a list of `contents`, or a whole request in `generateContentRequest`, which alone may hold a system prompt and
//! tools at Google AI Studio.

use bytes::Bytes;

use super::{Gemini, request};
use crate::{
    chat::ChatRequest,
    dialect::{Counter, counter},
    error::Error,
    json::{self, ObjectWriter, Value},
};

/// The member that holds a whole request.
const WHOLE: &str = "generateContentRequest";

impl Counter for Gemini {
    fn question(&self, body: &Bytes, model: &str) -> Result<Bytes, Error> {
        self.own_question(body.clone(), model)
    }

    fn own_question(&self, body: Bytes, model: &str) -> Result<Bytes, Error> {
        let root = Value::root(&body)?;
        let mut members = root.object()?.into_extra();
        if let Some(whole) = members.remove(WHOLE) {
            let root = Value::root(whole.as_str().as_bytes())?;
            members = root.object()?.into_extra();
        } else if members.iter().all(|(name, _)| name == "contents") {
            return Ok(body);
        }
        members.remove("model");
        let model = match model.starts_with("models/") || model.starts_with("tunedModels/") {
            true => model.to_owned(),
            false => format!("models/{model}"),
        };
        let whole = json::object(|o| {
            o.field("model", &model).extra(&members);
        });
        let mut out = ObjectWriter::new();
        out.field(WHOLE, &whole);
        Ok(out.finish().into())
    }

    fn conversation(&self, body: &[u8]) -> Result<ChatRequest, Error> {
        let root = Value::root(body)?;
        match root.object()?.take_raw(WHOLE) {
            Some(whole) => request::decode(whole.get().as_bytes()),
            None => request::decode(body),
        }
    }

    fn read(&self, body: &[u8]) -> Option<u64> {
        counter::number(body, "totalTokens")
    }

    fn write(&self, tokens: u64) -> Bytes {
        format!("{{\"totalTokens\":{tokens}}}").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_with_more_than_contents_is_a_whole_request_of_this_model() {
        let plain = r#"{ "contents":[] }"#;
        assert_eq!(Gemini.own_question(plain.into(), "m").unwrap(), plain);
        let want = r#"{"generateContentRequest":{"model":"models/m","contents":[],"tools":[]}}"#;
        for body in [
            r#"{"contents":[],"tools":[]}"#,
            r#"{"generateContentRequest":{"model":"models/x","contents":[],"tools":[]}}"#,
        ] {
            assert_eq!(Gemini.own_question(body.into(), "m").unwrap(), want);
        }
        let asked = r#"{"generateContentRequest":{"contents":[{"parts":[{"text":"hi"}]}]}}"#;
        let chat = Gemini.conversation(asked.as_bytes()).unwrap();
        assert_eq!(chat.messages.len(), 1);
    }
}
