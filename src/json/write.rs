//! A writer without a tree in between.

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use super::{Extra, Json, check::plain_len};

/// Writes one JSON object, member by member, without a tree in between.
#[derive(Debug, Default)]
pub(crate) struct ObjectWriter {
    out: Vec<u8>,
}

impl ObjectWriter {
    pub(crate) fn new() -> Self {
        Self { out: vec![b'{'] }
    }

    fn key(&mut self, name: &str) {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        self.value(name);
        self.out.push(b':');
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        let start = self.out.len();
        // Everything written here is a string, a number, a struct of such or checked text: this cannot fail. Should it, null.
        if serde_json::to_writer(&mut self.out, value).is_err() {
            self.out.truncate(start);
            self.out.extend_from_slice(b"null");
        }
    }

    /// `name: value`.
    pub(crate) fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> &mut Self {
        self.key(name);
        self.value(value);
        self
    }

    /// `name: value`, if there is one.
    pub(crate) fn optional<T: Serialize>(&mut self, name: &str, value: Option<T>) -> &mut Self {
        if let Some(value) = value {
            self.field(name, &value);
        }
        self
    }

    /// All members of `extra`.
    pub(crate) fn extra(&mut self, extra: &Extra) -> &mut Self {
        for (name, value) in extra.iter() {
            self.field(name, value);
        }
        self
    }

    /// `name: [items]`.
    pub(crate) fn array<T: Serialize>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
    ) -> &mut Self {
        self.key(name);
        self.out.push(b'[');
        for (i, item) in items.into_iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            self.value(&item);
        }
        self.out.push(b']');
        self
    }

    /// The finished text.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }

    /// The finished text, to be nested in another object.
    pub(crate) fn into_json(self) -> Json {
        let text = String::from_utf8(self.finish()).unwrap_or_else(|_| "null".to_owned());
        Json(text.into())
    }
}

/// A text as JSON, as the writer above has it.
#[inline]
pub(crate) fn put_text(out: &mut BytesMut, text: &str) {
    if plain_len(text.as_bytes()) == text.len() {
        out.put_u8(b'"');
        out.put_slice(text.as_bytes());
        out.put_u8(b'"');
    } else {
        // A text that is written to memory cannot fail.
        let _ = serde_json::to_writer(out.writer(), text);
    }
}

/// One JSON object built in an expression.
pub(crate) fn object(build: impl FnOnce(&mut ObjectWriter)) -> Json {
    let mut out = ObjectWriter::new();
    build(&mut out);
    out.into_json()
}
