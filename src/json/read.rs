//! A reader that knows where it is, so that errors can name the place.

use std::{borrow::Cow, cell::RefCell, fmt, mem};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Extra, Json};
use crate::error::Error;

/// Where a value stands in the caller's body, e.g. `messages[2].content`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
    /// How many steps lead here.
    depth: u16,
}

/// Deeper nobody reads. Blocks can hold blocks in some dialects: whoever nests them without end is not to overflow the stack, nor to
/// have the innermost bytes looked at once for every level.
const DEEPEST: u16 = 32;

#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    /// The body itself, and who is told of members that nobody took.
    Root(Option<&'p RefCell<Vec<String>>>),
    Member(&'p str),
    Item(usize),
}

impl Path<'static> {
    pub(crate) const ROOT: Self = Self {
        parent: None,
        step: Step::Root(None),
        depth: 0,
    };
}

impl<'p> Path<'p> {
    pub(crate) const fn member(&'p self, name: &'p str) -> Self {
        Self {
            parent: Some(self),
            step: Step::Member(name),
            depth: self.depth.saturating_add(1),
        }
    }

    pub(crate) const fn item(&'p self, index: usize) -> Self {
        Self {
            parent: Some(self),
            step: Step::Item(index),
            depth: self.depth.saturating_add(1),
        }
    }

    /// Who is told of members that nobody took.
    fn unread(&self) -> Option<&'p RefCell<Vec<String>>> {
        match (self.parent, self.step) {
            (Some(parent), _) => parent.unread(),
            (None, Step::Root(unread)) => unread,
            (None, _) => None,
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
            Step::Root(_) => Ok(()),
            Step::Member(name) => {
                if self
                    .parent
                    .is_some_and(|p| !matches!(p.step, Step::Root(_)))
                {
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

impl<'a, 'u> Value<'a, 'u> {
    /// The whole body. Of every object in it, the members that nobody takes are noted in `unread`.
    pub(crate) fn accounted(
        body: &'a [u8],
        unread: &'u RefCell<Vec<String>>,
    ) -> Result<Self, Error> {
        let root = Value::root(body)?;
        Ok(Self {
            raw: root.raw,
            path: Path {
                parent: None,
                step: Step::Root(Some(unread)),
                depth: 0,
            },
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

    /// Tells that this value is not read, or not as it was meant.
    pub(crate) fn lost(&self) {
        self.lost_member("");
    }

    /// The same of a member of it that stands deeper in.
    pub(crate) fn lost_member(&self, name: &str) {
        if let Some(Ok(mut unread)) = self.path.unread().map(RefCell::try_borrow_mut) {
            let dot = if name.is_empty() { "" } else { "." };
            unread.push(format!("{}{dot}{name}", self.path));
        }
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
        self.check_depth()?;
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
        self.check_depth()?;
        let items: Vec<&'a RawValue> = self.read("an array")?;
        Ok(items
            .into_iter()
            .enumerate()
            .map(|(i, raw)| Value::new(raw, self.path.item(i))))
    }
}

impl Value<'_, '_> {
    fn check_depth(&self) -> Result<(), Error> {
        if self.path.depth > DEEPEST {
            return Err(self.error("is nested too deeply to be read"));
        }
        Ok(())
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

    /// All that is left is kept elsewhere, or says nothing: nobody is told of it.
    pub(crate) fn forget(&mut self) {
        self.members.clear();
    }

    /// What is left.
    pub(crate) fn into_extra(mut self) -> Extra {
        mem::take(&mut self.members)
            .into_iter()
            .map(|(name, raw)| (name.into_owned(), raw.into()))
            .collect()
    }
}

/// How many members that nobody took are told: a body of nothing else is not worth a list of them all.
const MOST_UNREAD: usize = 256;

impl Drop for Object<'_, '_> {
    /// What nobody took is lost here: it is told.
    fn drop(&mut self) {
        if self.members.is_empty() {
            return;
        }
        let Some(unread) = self.path.unread() else {
            return;
        };
        // Nobody reads and notes at the same time.
        let Ok(mut unread) = unread.try_borrow_mut() else {
            return;
        };
        for (name, raw) in &self.members {
            if unread.len() >= MOST_UNREAD {
                return;
            }
            if !matches!(raw.get(), "null" | "[]" | "{}" | "\"\"") {
                unread.push(self.path.member(name).to_string());
            }
        }
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
