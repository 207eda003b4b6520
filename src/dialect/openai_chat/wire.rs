//! Members as vendors really send them: a value of the wrong type is no reason to lose an answer.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// A text. Numbers are taken as texts, everything else as none.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Text<'a>(Option<Cow<'a, str>>);

impl<'a> Text<'a> {
    pub(in crate::dialect) fn into_cow(self) -> Cow<'a, str> {
        self.0.unwrap_or_default()
    }

    pub(in crate::dialect) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    pub(in crate::dialect) fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }
}

/// A count. Texts and fractions are read, everything else is none.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::dialect) struct Count(pub(in crate::dialect) Option<u64>);

/// The content of a message: a text, or a list of parts.
#[derive(Debug, Default)]
pub(super) enum Content<'a> {
    #[default]
    None,
    Text(Cow<'a, str>),
    Parts(Vec<&'a RawValue>),
}

/// A chunk of a stream, or a whole answer: they differ in `delta` and `message` only.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) model: Text<'a>,
    #[serde(borrow, default)]
    pub(super) object: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(default)]
    pub(super) created: Count,
    #[serde(borrow, default)]
    pub(super) choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) x_groq: Option<Groq<'a>>,
    #[serde(borrow, default)]
    pub(super) service_tier: Text<'a>,
    #[serde(borrow, default)]
    pub(super) citations: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) search_results: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    detail: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(default)]
    base_resp: Option<BaseResp>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default)]
    pub(super) index: Count,
    #[serde(borrow, default)]
    pub(super) delta: Option<Message<'a>>,
    #[serde(borrow, default)]
    pub(super) message: Option<Message<'a>>,
    /// Completions say their text here.
    #[serde(borrow, default)]
    pub(super) text: Text<'a>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Text<'a>,
    #[serde(borrow, default)]
    pub(super) stop_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) logprobs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// A whole message, or what is added to one.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) content: Content<'a>,
    #[serde(borrow, default)]
    pub(super) refusal: Text<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning_content: Text<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning: Text<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) thinking_blocks: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) tool_calls: Option<Vec<Call<'a>>>,
    #[serde(borrow, default)]
    pub(super) function_call: Option<Function<'a>>,
    #[serde(borrow, default)]
    pub(super) annotations: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) audio: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) images: Option<Vec<&'a RawValue>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Call<'a> {
    #[serde(default)]
    pub(super) index: Count,
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) function: Option<Function<'a>>,
    #[serde(borrow, default)]
    pub(super) custom: Option<Custom<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Custom<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) input: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Groq<'a> {
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct BaseResp {
    #[serde(default)]
    status_code: Count,
}

impl Chunk<'_> {
    /// Is this a report of a failure?
    pub(super) fn is_error(&self) -> bool {
        let says = |raw: Option<&RawValue>| {
            raw.is_some_and(|raw| !matches!(raw.get(), "null" | "\"\"" | "{}" | "false"))
        };
        let mut choices = self.choices.iter().flatten();
        says(self.error)
            || self.object.as_str() == "error"
            || self.kind.as_str() == "error"
            || self
                .base_resp
                .as_ref()
                .is_some_and(|resp| resp.status_code.0.is_some_and(|code| code != 0))
            || choices.any(|choice| says(choice.error))
            || self.is_bare() && (self.detail.is_some() || self.message.is_some())
    }

    /// Has it nothing that an answer has?
    pub(super) fn is_bare(&self) -> bool {
        self.choices.is_none() && self.usage.is_none() && self.x_groq.is_none()
    }
}

impl<'a> Function<'a> {
    /// The arguments as text: some vendors send the object itself, or null.
    pub(super) fn arguments(&self) -> Cow<'a, str> {
        match self.arguments.map(RawValue::get) {
            None | Some("null") => Cow::Borrowed(""),
            Some(text) if text.starts_with('"') => string(text),
            Some(object) => Cow::Borrowed(object),
        }
    }
}

/// A JSON string's text.
pub(in crate::dialect) fn string(json: &str) -> Cow<'_, str> {
    match serde_json::from_str::<Text<'_>>(json) {
        Ok(Text(Some(text))) => text,
        _ => Cow::Borrowed(""),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(Any)? {
            Scalar::Text(text) => Ok(Self(Some(text))),
            Scalar::Count(count) => Ok(Self(Some(count.to_string().into()))),
            Scalar::Parts(_) | Scalar::None => Ok(Self(None)),
        }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match deserializer.deserialize_any(Any)? {
            Scalar::Count(count) => Some(count),
            Scalar::Text(text) => text.trim().parse().ok(),
            Scalar::Parts(_) | Scalar::None => None,
        }))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match deserializer.deserialize_any(Any)? {
            Scalar::Text(text) => Self::Text(text),
            Scalar::Parts(parts) => Self::Parts(parts),
            Scalar::Count(count) => Self::Text(count.to_string().into()),
            Scalar::None => Self::None,
        })
    }
}

enum Scalar<'a> {
    None,
    Text(Cow<'a, str>),
    Count(u64),
    Parts(Vec<&'a RawValue>),
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(v)))
    }

    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(v.to_owned())))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Count(v))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        // Only negative numbers come this way: −1 is how some say "unknown".
        Ok(Scalar::None)
    }

    fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
        Ok(if v >= 0.0 {
            // The cast saturates.
            Scalar::Count(v.round() as u64)
        } else {
            Scalar::None
        })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Scalar::None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = seq.next_element()? {
            parts.push(part);
        }
        Ok(Scalar::Parts(parts))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_wrong_type_are_read_as_far_as_they_go() {
        let chunk: Chunk<'_> = serde_json::from_str(
            r#"{"id":7,"model":null,"created":"12","choices":[{"index":0.0,"delta":{"content":["a"],"refusal":{"x":[1]}}}]}"#,
        )
        .unwrap();
        assert_eq!(chunk.id.as_str(), "7");
        assert!(chunk.model.is_empty());
        assert_eq!(chunk.created.0, Some(12));
        let choice = &chunk.choices.unwrap()[0];
        assert_eq!(choice.index.0, Some(0));
        assert!(
            matches!(&choice.delta.as_ref().unwrap().content, Content::Parts(p) if p.len() == 1)
        );
    }

    #[test]
    fn arguments_are_text_whatever_they_came_as() {
        let of = |json: &str| {
            let function: Function<'_> = serde_json::from_str(json).unwrap();
            function.arguments().into_owned()
        };
        assert_eq!(of(r#"{"arguments":"{\"a\":1}"}"#), r#"{"a":1}"#);
        assert_eq!(of(r#"{"arguments":{"a":1.0}}"#), r#"{"a":1.0}"#);
        assert_eq!(of(r#"{"arguments":null}"#), "");
        assert_eq!(of("{}"), "");
    }
}
