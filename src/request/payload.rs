//! The body of a call.

use std::{
    borrow::Cow,
    fmt,
    ops::Range,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use super::{
    multipart,
    peek::{Known, Peek, insert_model, members, peek, peek_any, text},
};
use crate::{
    Body,
    chat::ChatRequest,
    dialect::{Conversation, Dialect, Front},
    error::{Error, ErrorKind},
    marks::Seen,
    media::Shelf,
};

/// Smaller bodies are copied sooner than taken to pieces.
const LARGE: usize = 4 << 10;

/// The body of a call: bytes in a named dialect, or a typed conversation. Parsed at most once, and only if somebody asks.
#[derive(Clone)]
pub struct Payload(Arc<Inner>);

struct Inner {
    dialect: Option<&'static dyn Dialect>,
    bytes: Bytes,
    content_type: Option<http::HeaderValue>,
    /// Where the body does not say it.
    model: Option<String>,
    peek: Peek,
    /// Is it a question for a count?
    counted: bool,
    /// What may be in it.
    seen: OnceLock<Seen>,
    /// What was fetched for it.
    shelf: OnceLock<Box<Shelf>>,
    /// A form or other bytes: whatever is in them stands there without quotes.
    form: bool,
    chat: OnceLock<Result<ChatRequest, Error>>,
}

impl Payload {
    /// A JSON body in a dialect. Reads the model's name and whether it wants a stream, and skips the rest.
    ///
    /// # Errors
    /// If the body is not a JSON object, `model` is not a non-empty string, or `stream` is not a boolean.
    pub fn json(dialect: &'static dyn Dialect, bytes: Bytes) -> Result<Self, Error> {
        Self::json_known(dialect, bytes, None)
    }

    /// The same of a body that was looked at already.
    pub(crate) fn json_known(
        dialect: &'static dyn Dialect,
        bytes: Bytes,
        known: Option<Known>,
    ) -> Result<Self, Error> {
        let conversation = dialect
            .front()
            .map_or(Conversation::Unchecked, Front::conversation);
        let peek = peek(&bytes, known, conversation)?;
        Ok(Self::with_parts(Some(dialect), bytes, peek))
    }

    /// The same for a body whose model is named elsewhere, e.g. in the path: `model` is put in place of whatever the body says.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub fn json_for_model(
        dialect: &'static dyn Dialect,
        bytes: Bytes,
        model: &str,
    ) -> Result<Self, Error> {
        let bytes = match members(&bytes, None)?.model {
            Some(_) => bytes,
            None => insert_model(&bytes, model),
        };
        let this = Self::json(dialect, bytes)?;
        Self::json(dialect, this.renamed(model))
    }

    /// A JSON body that says neither the model nor whether a stream is wanted: the path does. Renaming the model changes nothing
    /// in it.
    ///
    /// # Errors
    /// If the body is not a JSON object.
    pub fn json_in_path(
        dialect: &'static dyn Dialect,
        bytes: Bytes,
        model: impl Into<String>,
        stream: bool,
    ) -> Result<Self, Error> {
        members(&bytes, None)?;
        Ok(Self::known_in_path(dialect, bytes, model, stream))
    }

    /// The same of a body that is known to be a JSON object.
    pub(crate) fn known_in_path(
        dialect: &'static dyn Dialect,
        bytes: Bytes,
        model: impl Into<String>,
        stream: bool,
    ) -> Self {
        let peek = Peek {
            model: None,
            stream,
            include_usage: true,
        };
        let mut this = Self::with_parts(Some(dialect), bytes, peek);
        if let Some(inner) = Arc::get_mut(&mut this.0) {
            inner.model = Some(model.into());
        }
        this
    }

    /// A typed conversation, in no dialect.
    pub fn from_chat(request: ChatRequest) -> Self {
        let peek = Peek {
            model: None,
            stream: request.stream,
            include_usage: true,
        };
        let this = Self::with_parts(None, Bytes::new(), peek);
        // The cell is new: it takes the value.
        let _ = this.0.chat.set(Ok(request));
        this
    }

    /// Bytes that are passed through. If they are a JSON object, their `model` is known and can be renamed.
    pub fn opaque(bytes: Bytes, content_type: Option<http::HeaderValue>) -> Self {
        let peek = peek_any(&bytes).unwrap_or_default();
        let mut this = Self::with_parts(None, bytes, peek);
        if let Some(inner) = Arc::get_mut(&mut this.0) {
            inner.content_type = content_type;
        }
        this
    }

    /// A form, passed through as it is. Its `model` is known and can be renamed; nothing else in it is ever touched.
    ///
    /// # Errors
    /// If the body is not put together as its content type says.
    pub fn form(bytes: Bytes, content_type: http::HeaderValue) -> Result<Self, Error> {
        let text = content_type.to_str().unwrap_or_default();
        let boundary = multipart::boundary(text).ok_or_else(|| {
            let message = "a form needs a content-type of `multipart/form-data` with a boundary";
            Error::invalid("content-type", message)
        })?;
        let parts = multipart::parts(&bytes, &boundary)?;
        let model = parts
            .into_iter()
            .find(|part| part.name == "model" && !part.file);
        let peek = Peek {
            model: model.map(|part| part.value),
            ..Peek::default()
        };
        let mut this = Self::with_parts(None, bytes, peek);
        if let Some(inner) = Arc::get_mut(&mut this.0) {
            inner.content_type = Some(content_type);
            inner.form = true;
        }
        Ok(this)
    }

    /// Where the file stands in a form whose `purpose` is this one.
    pub(crate) fn file_of(&self, purpose: &str) -> Option<Range<usize>> {
        let text = self.0.content_type.as_ref()?.to_str().ok()?;
        let parts = multipart::parts(&self.0.bytes, &multipart::boundary(text)?).ok()?;
        let is_it = |part: &multipart::Part| {
            part.name == "purpose"
                && !part.file
                && self.0.bytes.get(part.value.clone()) == Some(purpose.as_bytes())
        };
        if !parts.iter().any(is_it) {
            return None;
        }
        let file = parts
            .into_iter()
            .find(|part| part.name == "file" && part.file)?;
        Some(file.value)
    }

    /// Is it something other than JSON?
    pub(crate) fn is_form(&self) -> bool {
        self.0.form
    }

    fn with_parts(dialect: Option<&'static dyn Dialect>, bytes: Bytes, peek: Peek) -> Self {
        Self(Arc::new(Inner {
            dialect,
            bytes,
            content_type: None,
            model: None,
            peek,
            counted: false,
            seen: OnceLock::new(),
            shelf: OnceLock::new(),
            form: false,
            chat: OnceLock::new(),
        }))
    }

    /// The same as a question for a count of its tokens: fields that only an answer needs may be absent. Call it before the
    /// payload is cloned.
    #[must_use]
    pub fn for_count(mut self) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.counted = true;
        }
        self
    }

    /// May the body hold any of this crate's [marks](crate::marks)?
    pub(crate) fn may_hold_marks(&self) -> bool {
        self.seen().marked
    }

    /// What may be in the body. It is searched at the first call.
    pub(crate) fn seen(&self) -> Seen {
        *self
            .0
            .seen
            .get_or_init(|| crate::marks::look(&self.0.bytes))
    }

    /// The same where it is known: the bytes need not be searched again.
    pub(crate) fn with_seen(self, seen: Seen) -> Self {
        let _ = self.0.seen.set(seen);
        self
    }

    /// What was fetched for the call, shared by all its attempts.
    pub(crate) fn shelf(&self) -> &Shelf {
        self.0.shelf.get_or_init(Box::default)
    }

    /// Was the conversation read already?
    pub(crate) fn is_decoded(&self) -> bool {
        self.0.chat.get().is_some()
    }

    /// The dialect of the bytes; none for a typed conversation or opaque bytes.
    pub fn dialect(&self) -> Option<&'static dyn Dialect> {
        self.0.dialect
    }

    /// The body as received; empty for a typed conversation.
    pub fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    /// What the bytes are, where that is not JSON.
    pub fn content_type(&self) -> Option<&http::HeaderValue> {
        self.0.content_type.as_ref()
    }

    /// The model the caller named, in the body or in the path.
    pub fn model(&self) -> Option<String> {
        self.named().map(Cow::into_owned)
    }

    /// The same, as it stands there.
    pub(crate) fn named(&self) -> Option<Cow<'_, str>> {
        if let Some(model) = &self.0.model {
            return Some(model.into());
        }
        let value = self.0.bytes.get(self.0.peek.model.clone()?)?;
        match self.0.form {
            true => str::from_utf8(value).ok().map(Cow::Borrowed),
            false => text(value),
        }
    }

    /// Does the caller want a stream?
    pub fn wants_stream(&self) -> bool {
        self.0.peek.stream
    }

    /// Does the caller ask for usage in the stream (`stream_options.include_usage`)?
    pub fn wants_usage(&self) -> bool {
        self.0.peek.include_usage
    }

    /// The conversation. Decoded at the first call.
    ///
    /// # Errors
    /// If the body does not say a conversation, naming the field; or if it is opaque.
    pub fn chat(&self) -> Result<&ChatRequest, Error> {
        self.0
            .chat
            .get_or_init(|| {
                let front = self.0.dialect.and_then(|dialect| dialect.front());
                let counter = self.0.dialect.and_then(|dialect| dialect.counter());
                match front {
                    Some(front) => {
                        let bytes = &self.0.bytes;
                        let mut chat = match counter.filter(|_| self.0.counted) {
                            Some(counter) => counter.conversation(bytes)?,
                            None => front.decode_request(bytes)?,
                        };
                        if let Some(model) = &self.0.model {
                            chat.model.clone_from(model);
                            chat.stream = self.0.peek.stream;
                        }
                        Ok(chat)
                    }
                    None => Err(Error::new(
                        ErrorKind::Unsupported,
                        "this body can only be passed through to a vendor of the same dialect",
                    )),
                }
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    /// The bytes with another model's name in place of the one there; all other bytes are the same.
    pub fn renamed(&self, model: &str) -> Bytes {
        match self.name(model) {
            None => self.0.bytes.clone(),
            Some((at, name)) => {
                let (head, tail) = self.around(&at);
                [head, &name, tail].concat().into()
            }
        }
    }

    /// The same in pieces, if it is worth while: what stands before the name, the name, and what stands behind it. Nothing is copied but the
    /// name.
    pub(crate) fn renamed_body(&self, model: &str) -> Body {
        let bytes = &self.0.bytes;
        if bytes.len() < LARGE {
            return self.renamed(model).into();
        }
        match self.name(model) {
            None => bytes.clone().into(),
            Some((at, name)) => {
                let (head, tail) = self.around(&at);
                Body::pieces([bytes.slice_ref(head), name.into(), bytes.slice_ref(tail)])
            }
        }
    }

    /// How this name is spelled in the body, and where. None if nothing has to be changed for it.
    fn name(&self, model: &str) -> Option<(Range<usize>, Vec<u8>)> {
        let at = self.0.peek.model.clone()?;
        // A call that is for no model leaves it to the vendor.
        if model.is_empty() {
            return None;
        }
        let name = match self.0.form {
            true => model.as_bytes().to_vec(),
            false => serde_json::to_vec(model).ok()?,
        };
        let old = self.0.bytes.get(at.clone())?;
        (old != name).then_some((at, name))
    }

    /// What stands before and behind this place.
    fn around(&self, at: &Range<usize>) -> (&[u8], &[u8]) {
        let bytes = &self.0.bytes;
        let head = bytes.get(..at.start).unwrap_or_default();
        (head, bytes.get(at.end..).unwrap_or_default())
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Prompts are the caller's business: only the size is shown.
        f.debug_struct("Payload")
            .field("dialect", &self.0.dialect.map(Dialect::name))
            .field("bytes", &self.0.bytes.len())
            .field("stream", &self.0.peek.stream)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{openai_chat::OpenAiChat, openai_responses::OpenAiResponses};

    fn payload(body: &str) -> Result<Payload, Error> {
        Payload::json(&OpenAiChat, Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn renaming_touches_nothing_else() {
        let body =
            r#" { "x" : "\u00e9", "model":"a\"b" ,"messages":[{"model":"no"}], "stream": true}"#;
        let payload = payload(body).unwrap();
        assert_eq!(payload.model().unwrap(), "a\"b");
        assert!(payload.wants_stream());
        assert_eq!(
            payload.renamed("gpt-4o"),
            body.replace(r#""a\"b""#, r#""gpt-4o""#).as_bytes()
        );
        assert_eq!(payload.renamed("a\"b").as_ptr(), payload.bytes().as_ptr());
        let [all, none, _] = payload.renamed_body("gpt-4o").into_pieces().unwrap();
        assert_eq!(all, payload.renamed("gpt-4o"));
        assert!(none.is_empty());
        let payload = self::payload(&(body.to_owned() + &" ".repeat(LARGE))).unwrap();
        let [head, name, tail] = payload.renamed_body("gpt-4o").into_pieces().unwrap();
        assert_eq!(head.as_ptr(), payload.bytes().as_ptr());
        assert_eq!([head, name, tail].concat(), payload.renamed("gpt-4o"));
        let [same, none, _] = payload.renamed_body("a\"b").into_pieces().unwrap();
        assert_eq!(same.as_ptr(), payload.bytes().as_ptr());
        assert!(none.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, param) in [
            ("", ""),
            ("[]", ""),
            ("{", ""),
            (r#"{"messages":[]}"#, "model"),
            (r#"{"model":7}"#, "model"),
            (r#"{"model":null}"#, "model"),
            (r#"{"model":""}"#, "model"),
            (r#"{"model":"m","messages":[{}],"stream":"yes"}"#, "stream"),
            (r#"{"model":"m"}"#, "messages"),
            (r#"{"model":"m","messages":{}}"#, "messages"),
            (r#"{"model":"m","messages":[ ]}"#, "messages"),
        ] {
            let error = payload(body).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{body}");
            assert_eq!(error.param(), Some(param), "{body}");
        }
    }

    #[test]
    fn an_input_is_a_text_or_a_list_or_with_the_vendor() {
        let payload = |body: &'static str| Payload::json(&OpenAiResponses, body.into());
        for body in [
            r#"{"model":"m","input":"hi"}"#,
            r#"{"model":"m","input":[{}],"messages":[]}"#,
            r#"{"model":"m","prompt":{"id":"p"}}"#,
        ] {
            assert!(payload(body).is_ok(), "{body}");
        }
        for body in [
            r#"{"model":"m","input":[ ]}"#,
            r#"{"model":"m","input":{}}"#,
        ] {
            assert_eq!(payload(body).unwrap_err().param(), Some("input"), "{body}");
        }
    }

    #[test]
    fn a_model_in_the_path_wins() {
        for (body, want) in [
            (r#"{"messages":[1]}"#, r#"{"model":"a/b","messages":[1]}"#),
            (
                r#"{"model":"x","messages":[1]}"#,
                r#"{"model":"a/b","messages":[1]}"#,
            ),
        ] {
            let payload = Payload::json_for_model(&OpenAiChat, body.into(), "a/b").unwrap();
            assert_eq!(payload.bytes(), want);
            assert_eq!(payload.model().unwrap(), "a/b");
        }
    }

    #[test]
    fn what_the_path_says_is_no_part_of_the_body() {
        let body = r#"{"contents":[{"parts":[{"text":"hi"}]}], "model":"models/other"}"#;
        let dialect = &crate::dialect::gemini::Gemini;
        let payload = Payload::json_in_path(dialect, body.into(), "m", true).unwrap();
        assert_eq!(payload.model().as_deref(), Some("m"));
        assert_eq!(payload.renamed("n"), body);
        let chat = payload.chat().unwrap();
        assert_eq!((chat.model.as_str(), chat.stream), ("m", true));
        assert!(payload.wants_stream() && payload.wants_usage());
        assert!(Payload::json_in_path(dialect, "[]".into(), "m", true).is_err());
    }

    #[test]
    fn a_form_keeps_every_byte_but_the_models() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\n\r\nmodel\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nasked\r\n--b--\r\n";
        let kind = http::HeaderValue::from_static("multipart/form-data; boundary=b");
        let payload = Payload::form(body.into(), kind.clone()).unwrap();
        assert_eq!(payload.model().as_deref(), Some("asked"));
        assert_eq!(
            payload.renamed("a-longer-name"),
            body.replace("asked", "a-longer-name")
        );
        assert_eq!(payload.renamed(""), body);
        assert_eq!(payload.content_type(), Some(&kind));
        let json = http::HeaderValue::from_static("application/json");
        assert!(Payload::form(body.into(), json).is_err());
    }

    #[test]
    fn debug_shows_no_prompt() {
        let text = format!(
            "{:?}",
            payload(r#"{"model":"m","messages":["private"]}"#).unwrap()
        );
        assert!(!text.contains("private"), "{text}");
    }
}
