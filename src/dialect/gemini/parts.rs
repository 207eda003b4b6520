//! The parts of a model's turn, written: each signature on the part it belongs to.

use crate::{
    Json,
    chat::{CallKind, ToolCall},
    json::{self, ObjectWriter},
};

/// One turn being written.
#[derive(Debug, Default)]
pub(super) struct Parts {
    out: Vec<Json>,
    /// A signature that waits for its part.
    proof: Option<String>,
}

impl Parts {
    /// The next part is signed so.
    pub(super) fn sign(&mut self, proof: &str) {
        self.flush();
        self.proof = Some(proof.to_owned()).filter(|proof| !proof.is_empty());
    }

    pub(super) fn is_signed(&self) -> bool {
        self.proof.is_some()
    }

    /// A part that may be signed.
    pub(super) fn push(&mut self, build: impl FnOnce(&mut ObjectWriter)) {
        let proof = self.proof.take();
        self.out.push(json::object(|o| {
            build(o);
            o.optional("thoughtSignature", proof);
        }));
    }

    /// A part that says itself whether it is signed, or never is.
    pub(super) fn push_plain(&mut self, part: Json) {
        self.out.push(part);
    }

    /// The parts. A signature that is left stands on an empty text, as the vendor itself writes it.
    pub(super) fn finish(mut self) -> Vec<Json> {
        self.flush();
        self.out
    }

    pub(super) fn flush(&mut self) {
        if self.proof.is_some() {
            self.push(|o| {
                o.field("text", "");
            });
        }
    }
}

/// Text, or a thought.
pub(super) fn text(text: &str, thought: bool) -> Json {
    json::object(|o| {
        o.field("text", text);
        if thought {
            o.field("thought", &true);
        }
    })
}

/// A call's arguments as the object the dialect insists on; none if they are no object.
pub(super) fn arguments(call: &ToolCall) -> Option<Json> {
    if call.kind == CallKind::Custom {
        return Some(json::object(|o| {
            o.field("content", &call.arguments);
        }));
    }
    let text = call.arguments.trim();
    if text.is_empty() {
        return Some(Json::empty_object());
    }
    Json::parse(text).ok().filter(Json::is_object)
}

/// The first object of several that a model wrote one after another.
pub(super) fn first_object(text: &str) -> Option<Json> {
    let mut values =
        serde_json::Deserializer::from_str(text).into_iter::<&serde_json::value::RawValue>();
    let first = Json::from(values.next()?.ok()?);
    first.is_object().then_some(first)
}

/// An image that OpenAI-like callers and vendors have in an answer, as this dialect has it.
pub(super) fn inline_image(part: &Json) -> Option<Json> {
    #[derive(serde::Deserialize)]
    struct Image {
        image_url: Url,
    }
    #[derive(serde::Deserialize)]
    struct Url {
        url: String,
    }
    let image: Image = part.deserialize().ok()?;
    let rest = image.image_url.url.strip_prefix("data:")?;
    let (mime, data) = rest.split_once(";base64,")?;
    let blob = json::object(|o| {
        o.field("mimeType", mime).field("data", data);
    });
    Some(json::object(|o| {
        o.field("inlineData", &blob);
    }))
}
