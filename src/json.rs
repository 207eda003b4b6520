//! JSON text kept as it came, and a reader that knows where it is.
//!
//! Translation must not change what it does not understand: number texts, key order and unknown members survive because
//! they are carried as [`Json`], never as a parsed tree.

use std::{borrow::Cow, fmt, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::error::Error;

/// One JSON value as text: validated, otherwise untouched. Cloning shares the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(Arc<str>);

impl Json {
    /// Checks that `text` is one JSON value and keeps it.
    ///
    /// # Errors
    /// If it is not; the message says where.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let raw: &RawValue =
            serde_json::from_str(text).map_err(|e| Error::invalid("", format!("not JSON: {e}")))?;
        Ok(Self(raw.get().into()))
    }

    /// Serialises a value.
    ///
    /// # Errors
    /// If its `Serialize` fails, e.g. for a map whose keys are not strings.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        serde_json::to_string(value)
            .map(|text| Self(text.into()))
            .map_err(|e| Error::invalid("", format!("cannot be written as JSON: {e}")))
    }

    /// `null`.
    pub fn null() -> Self {
        Self("null".into())
    }

    /// `{}`.
    pub fn empty_object() -> Self {
        Self("{}".into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is it an object?
    pub fn is_object(&self) -> bool {
        self.0.starts_with('{')
    }

    /// Reads it into any type.
    ///
    /// # Errors
    /// If it has another shape.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.0).map_err(|e| Error::invalid("", e.to_string()))
    }
}

impl From<&RawValue> for Json {
    fn from(raw: &RawValue) -> Self {
        Self(raw.get().into())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        <&RawValue>::deserialize(&mut serde_json::Deserializer::from_str(&self.0))
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

/// Named members that nobody has a field for, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra(Vec<(String, Json)>);

impl Extra {
    /// None.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds or replaces a member.
    pub fn insert(&mut self, name: impl Into<String>, value: Json) {
        let name = name.into();
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some((_, slot)) => *slot = value,
            None => self.0.push((name, value)),
        }
    }

    /// The member of that name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// Removes and returns the member of that name.
    pub fn remove(&mut self, name: &str) -> Option<Json> {
        let at = self.0.iter().position(|(n, _)| n == name)?;
        Some(self.0.remove(at).1)
    }

    /// All members, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v))
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where a value stands in the caller's body, e.g. `messages[2].content`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    Root,
    Member(&'p str),
    Item(usize),
}

impl Path<'static> {
    pub(crate) const ROOT: Self = Self {
        parent: None,
        step: Step::Root,
    };
}

impl<'p> Path<'p> {
    pub(crate) const fn member(&'p self, name: &'p str) -> Self {
        Self {
            parent: Some(self),
            step: Step::Member(name),
        }
    }

    pub(crate) const fn item(&'p self, index: usize) -> Self {
        Self {
            parent: Some(self),
            step: Step::Item(index),
        }
    }

    /// An error at this place. `message` reads on from the path: "must be a string".
    pub(crate) fn error(&self, message: impl fmt::Display) -> Error {
        let path = self.to_string();
        let text = if path.is_empty() {
            format!("the request body {message}")
        } else {
            format!("`{path}` {message}")
        };
        Error::invalid(path, text)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Member(name) => {
                if self.parent.is_some_and(|p| !matches!(p.step, Step::Root)) {
                    f.write_str(".")?;
                }
                f.write_str(name)
            }
            Step::Item(index) => write!(f, "[{index}]"),
        }
    }
}

/// A value not yet read, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a, 'p> {
    raw: &'a RawValue,
    path: Path<'p>,
}

impl<'a> Value<'a, 'static> {
    /// The whole body.
    pub(crate) fn root(body: &'a [u8]) -> Result<Self, Error> {
        let raw = serde_json::from_slice(body)
            .map_err(|e| Path::ROOT.error(format_args!("is not valid JSON: {e}")))?;
        Ok(Self {
            raw,
            path: Path::ROOT,
        })
    }
}

impl<'a, 'p> Value<'a, 'p> {
    pub(crate) const fn new(raw: &'a RawValue, path: Path<'p>) -> Self {
        Self { raw, path }
    }

    pub(crate) fn text(&self) -> &'a str {
        self.raw.get()
    }

    pub(crate) fn json(&self) -> Json {
        self.raw.into()
    }

    pub(crate) fn path(&self) -> &Path<'p> {
        &self.path
    }

    pub(crate) fn is_null(&self) -> bool {
        self.text() == "null"
    }

    pub(crate) fn is_string(&self) -> bool {
        self.text().starts_with('"')
    }

    pub(crate) fn is_array(&self) -> bool {
        self.text().starts_with('[')
    }

    pub(crate) fn is_object(&self) -> bool {
        self.text().starts_with('{')
    }

    fn read<T: Deserialize<'a>>(&self, what: &str) -> Result<T, Error> {
        serde_json::from_str(self.raw.get())
            .map_err(|_| self.error(format_args!("must be {what}, not {}", short(self.text()))))
    }

    /// An error at this value.
    pub(crate) fn error(&self, message: impl fmt::Display) -> Error {
        self.path.error(message)
    }

    pub(crate) fn string(&self) -> Result<String, Error> {
        self.read("a string")
    }

    pub(crate) fn str(&self) -> Result<Cow<'a, str>, Error> {
        // serde only borrows into `&str`; a string with escapes needs an owned copy.
        if !self.text().contains('\\')
            && let Ok(text) = serde_json::from_str::<&'a str>(self.raw.get())
        {
            return Ok(Cow::Borrowed(text));
        }
        self.string().map(Cow::Owned)
    }

    pub(crate) fn bool(&self) -> Result<bool, Error> {
        self.read("true or false")
    }

    pub(crate) fn u64(&self) -> Result<u64, Error> {
        self.read("a whole number of 0 or more")
    }

    pub(crate) fn i64(&self) -> Result<i64, Error> {
        self.read("a whole number")
    }

    pub(crate) fn f64(&self) -> Result<f64, Error> {
        self.read("a number")
    }

    /// Its members. The value must outlive them: their paths lead through it.
    pub(crate) fn object<'v>(&'v self) -> Result<Object<'a, 'v>, Error> {
        let Members(members) = self.read("an object")?;
        Ok(Object {
            members,
            path: &self.path,
        })
    }

    /// The items of an array, each with its path.
    pub(crate) fn items<'v>(
        &'v self,
    ) -> Result<impl ExactSizeIterator<Item = Value<'a, 'v>>, Error> {
        let items: Vec<&'a RawValue> = self.read("an array")?;
        Ok(items
            .into_iter()
            .enumerate()
            .map(|(i, raw)| Value::new(raw, self.path.item(i))))
    }
}

fn short(text: &str) -> Cow<'_, str> {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

/// The members of an object, in order. What is not taken is [`Extra`].
#[derive(Debug)]
pub(crate) struct Object<'a, 'p> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
    path: &'p Path<'p>,
}

impl<'a, 'p> Object<'a, 'p> {
    pub(crate) fn path(&self) -> &'p Path<'p> {
        self.path
    }

    /// Takes a member out. `null` counts as absent: vendors and SDKs use them alike. Of a name given twice the last wins.
    pub(crate) fn take(&mut self, name: &'p str) -> Option<Value<'a, 'p>> {
        self.take_raw(name)
            .map(|raw| Value::new(raw, self.path.member(name)))
            .filter(|value| !value.is_null())
    }

    /// Like [`take`](Self::take), for a member that must be there.
    pub(crate) fn require(&mut self, name: &'p str) -> Result<Value<'a, 'p>, Error> {
        self.take(name)
            .ok_or_else(|| self.path.member(name).error("is required"))
    }

    /// Looks at a member without taking it.
    pub(crate) fn peek(&self, name: &str) -> Option<&'a RawValue> {
        self.members
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, raw)| *raw)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn take_raw(&mut self, name: &str) -> Option<&'a RawValue> {
        let mut found = None;
        self.members.retain(|(n, raw)| {
            let hit = n == name;
            if hit {
                found = Some(*raw);
            }
            !hit
        });
        found
    }

    /// What is left.
    pub(crate) fn into_extra(self) -> Extra {
        let mut extra = Extra::new();
        for (name, raw) in self.members {
            extra.insert(name.into_owned(), raw.into());
        }
        extra
    }
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Key(name), raw)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    members.push((name, raw));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(v)))
            }

            fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(v.to_owned())))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

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

/// One JSON object built in an expression.
pub(crate) fn object(build: impl FnOnce(&mut ObjectWriter)) -> Json {
    let mut out = ObjectWriter::new();
    build(&mut out);
    out.into_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_untouched() {
        let body = br#"{"a":1.0,"b":12345678901234567890, "z" : {"y":1e2,"x":[ ]}}"#;
        let root = Value::root(body).unwrap();
        let mut object = root.object().unwrap();
        assert_eq!(object.take_raw("b").unwrap().get(), "12345678901234567890");
        let extra = object.into_extra();
        assert_eq!(extra.get("z").unwrap().as_str(), r#"{"y":1e2,"x":[ ]}"#);
        let written = crate::json::object(|o| {
            o.field("n", "é\"")
                .extra(&extra)
                .array("l", [1, 2])
                .optional("no", None::<u8>);
        });
        assert_eq!(
            written.as_str(),
            r#"{"n":"é\"","a":1.0,"z":{"y":1e2,"x":[ ]},"l":[1,2]}"#
        );
        assert_eq!(crate::json::object(|_| {}).as_str(), "{}");
    }

    #[test]
    fn errors_name_the_place() {
        let root = Value::root(br#"{"messages":[{"content":7}]}"#).unwrap();
        let mut object = root.object().unwrap();
        let messages = object.require("messages").unwrap();
        let first = messages.items().unwrap().next().unwrap();
        let mut message = first.object().unwrap();
        let error = message.require("content").unwrap().string().unwrap_err();
        assert_eq!(error.param(), Some("messages[0].content"));
        assert!(
            error.message().contains("must be a string, not 7"),
            "{error}"
        );
        let error = message.require("role").unwrap_err();
        assert_eq!(error.param(), Some("messages[0].role"));
        assert!(Value::root(b"{").is_err());
    }

    #[test]
    fn escaped_keys_and_duplicates() {
        let root = Value::root(br#"{"m\u006fdel":"a","model":"b"}"#).unwrap();
        let mut object = root.object().unwrap();
        assert_eq!(object.take("model").unwrap().str().unwrap(), "b");
        assert!(object.into_extra().is_empty());
    }
}
