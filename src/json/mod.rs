//! JSON text kept as it came.
//!
//! Translation must not change what it does not understand: number texts, key order and unknown members survive because
//! they are carried as [`Json`], never as a parsed tree.

mod check;
mod glance;
mod read;
mod skim;
mod twin;
mod write;

use std::{collections::HashMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

pub(crate) use self::{
    check::is_object,
    glance::{Glance, glance, member},
    read::{Object, Path, Value},
    skim::{Limits, Unlimited, places, skim},
    twin::Twin,
    write::{ObjectWriter, object, put_text},
};
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

impl FromIterator<(String, Json)> for Extra {
    /// Of a name that comes twice the last value counts, at the first one's place. Takes linear time: a body may have any number of
    /// members.
    fn from_iter<I: IntoIterator<Item = (String, Json)>>(members: I) -> Self {
        /// Fewer are searched faster than hashed.
        const FEW: usize = 16;
        let members = members.into_iter();
        let mut all: Vec<(String, Json)> = Vec::with_capacity(members.size_hint().0);
        let mut places: HashMap<String, usize> = HashMap::new();
        for (name, value) in members {
            let known = match all.len() {
                0..FEW => all.iter().position(|(other, _)| *other == name),
                len => {
                    if places.is_empty() {
                        let known = all.iter().enumerate();
                        places.extend(known.map(|(place, (name, _))| (name.clone(), place)));
                    }
                    let place = *places.entry(name.clone()).or_insert(len);
                    (place < len).then_some(place)
                }
            };
            match known.and_then(|place| all.get_mut(place)) {
                Some((_, slot)) => *slot = value,
                None => all.push((name, value)),
            }
        }
        Self(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_members_are_kept_once_each_and_in_their_order() {
        let json = |n: usize| Json::from_serialize(&n).unwrap();
        for most in [3, 15, 16, 17, 40, 200_000] {
            let names = (0..most).chain([0, most - 1, 1]);
            let all: Extra = names
                .enumerate()
                .map(|(value, name)| (name.to_string(), json(value)))
                .collect();
            assert_eq!(all.iter().count(), most);
            assert_eq!(all.iter().next().unwrap().0, "0");
            for (name, value) in [(0, most), (most - 1, most + 1), (1, most + 2), (2, 2)] {
                // Of three, the last is two.
                let value = if (most, name) == (3, 2) {
                    most + 1
                } else {
                    value
                };
                assert_eq!(
                    all.iter().nth(name),
                    Some((&*name.to_string(), &json(value)))
                );
            }
        }
    }

    #[test]
    fn what_is_nested_without_end_is_refused_at_its_place() {
        fn down(value: &Value<'_, '_>) -> Result<(), Error> {
            for item in value.items()? {
                down(&item)?;
            }
            Ok(())
        }
        let body = "[".repeat(100_000) + &"]".repeat(100_000);
        let error = down(&Value::root(body.as_bytes()).unwrap()).unwrap_err();
        assert_eq!(error.param(), Some(&*"[0]".repeat(33)));
        assert!(error.message().contains("nested too deeply"), "{error}");
        let body = "[".repeat(33) + &"]".repeat(33);
        down(&Value::root(body.as_bytes()).unwrap()).unwrap();
    }

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

    #[test]
    fn what_nobody_takes_is_told() {
        let unread = std::cell::RefCell::default();
        let body = br#"{"a":{"x":1,"y":null,"z":[]},"b":[{"c":1,"d":2},{"e":{"f":3}}],"g":{"h":4},"i":{"j":5}}"#;
        let root = Value::accounted(body, &unread).unwrap();
        let mut object = root.object().unwrap();
        drop(object.take("a").unwrap().object().unwrap());
        for item in object.take("b").unwrap().items().unwrap() {
            item.object().unwrap().take("c");
        }
        object.take("g").unwrap().object().unwrap().forget();
        object.take("i").unwrap().lost_member("j");
        let extra = object.into_extra();
        assert!(extra.is_empty());
        assert_eq!(*unread.borrow(), ["a.x", "b[0].d", "b[1].e", "i.j"]);
        let many: String = (0..1000).map(|i| format!(r#""{i}":1,"#)).collect();
        let body = format!("{{{many}\"z\":1}}");
        let unread = std::cell::RefCell::default();
        let root = Value::accounted(body.as_bytes(), &unread).unwrap();
        drop(root.object().unwrap());
        assert_eq!(unread.borrow().len(), 256);
    }
}
