//! Messages of a caller, read.

use std::collections::VecDeque;

use super::decode::{cache_marker, read};
use crate::{
    chat::{
        CacheMarker, CallKind, Content, Media, Message, Role, Source, Thinking, ToolCall,
        ToolResult,
    },
    dialect::{
        FOREIGN_SIGNATURE_PREFIX,
        openai_chat::{
            NAME,
            reasoning::{Thought, of_parts},
        },
    },
    error::Error,
    json::{self, Object, Value},
};

/// Reads the conversation.
pub(super) fn messages(value: &Value<'_, '_>) -> Result<Vec<Message>, Error> {
    if !value.is_array() {
        return Err(value.error("must be an array of messages"));
    }
    let mut reader = Reader::default();
    let messages = value
        .items()?
        .map(|item| reader.message(&item))
        .collect::<Result<Vec<_>, _>>()?;
    if messages.is_empty() {
        return Err(value.error("must not be empty"));
    }
    Ok(messages)
}

/// Pairs the calls and results of the time before calls had ids.
#[derive(Default)]
struct Reader {
    legacy: usize,
    /// Name and id of the calls that have no result yet.
    open: VecDeque<(String, String)>,
}

impl Reader {
    fn message(&mut self, value: &Value<'_, '_>) -> Result<Message, Error> {
        if !value.is_object() {
            return Err(value.error("must be a message object"));
        }
        let mut o = value.object()?;
        let role = o.require("role")?;
        let name = read(o.take("name"), |v| v.string())?;
        let marker = read(o.take("cache_control"), |v| cache_marker(&v))?;
        let (role, mut content) = match &*role.str()? {
            "system" | "developer" => (Role::System, parts(&o.require("content")?)?),
            "user" => (Role::User, parts(&o.require("content")?)?),
            "assistant" => (Role::Assistant, self.assistant(&mut o)?),
            "tool" => {
                let id = o.require("tool_call_id")?.string()?;
                let content = read(o.take("content"), |v| parts(&v))?.unwrap_or_default();
                let result = ToolResult::new(id, content);
                (Role::Tool, vec![Content::ToolResult(result)])
            }
            "function" => {
                let called = name
                    .clone()
                    .ok_or_else(|| o.path().member("name").error("is required"))?;
                let content = read(o.take("content"), |v| parts(&v))?.unwrap_or_default();
                let result = ToolResult::new(self.result_id(&called), content);
                (Role::Tool, vec![Content::ToolResult(result)])
            }
            other => {
                return Err(role.error(format_args!(
                    "must be one of system, developer, user, assistant, tool, function, not {other:?}"
                )));
            }
        };
        if let (Some(marker), Some(last)) = (marker, content.last_mut()) {
            mark(last, marker);
        }
        let name = name.filter(|_| role != Role::Tool);
        Ok(Message {
            name,
            ..Message::new(role, content)
        })
    }

    fn assistant(&mut self, o: &mut Object<'_, '_>) -> Result<Vec<Content>, Error> {
        let mut content = thinking(o)?;
        if let Some(said) = o.take("content") {
            content.extend(parts(&said)?);
        }
        if let Some(refusal) = read(o.take("refusal"), |v| v.string())? {
            content.push(Content::Refusal(refusal));
        }
        if let Some(audio) = o.take("audio") {
            content.push(Content::Other {
                dialect: NAME,
                json: json::object(|o| {
                    o.field("type", "audio").field("audio", &audio.json());
                }),
            });
        }
        if let Some(calls) = o.take("tool_calls") {
            for call in calls.items()? {
                content.push(Content::ToolCall(tool_call(&call)?));
            }
        }
        if let Some(call) = o.take("function_call") {
            let mut call = call.object()?;
            let name = call.require("name")?.string()?;
            let arguments = read(call.take("arguments"), |v| arguments(&v))?.unwrap_or_default();
            let id = self.next_id();
            self.open.push_back((name.clone(), id.clone()));
            content.push(Content::ToolCall(ToolCall::new(id, name, arguments)));
        }
        Ok(content)
    }

    fn next_id(&mut self) -> String {
        self.legacy += 1;
        format!("call_fn_{}", self.legacy)
    }

    /// The id of the oldest open call of that function.
    fn result_id(&mut self, name: &str) -> String {
        let at = self.open.iter().position(|(called, _)| called == name);
        match at.and_then(|at| self.open.remove(at)) {
            Some((_, id)) => id,
            None => self.next_id(),
        }
    }
}

/// The reasoning in an assistant's message, whoever made it.
fn thinking(o: &mut Object<'_, '_>) -> Result<Vec<Content>, Error> {
    let detailed = o.take("reasoning_details").filter(Value::is_array);
    let blocks = o.take("thinking_blocks").filter(Value::is_array);
    let text = |value: Option<Value<'_, '_>>| {
        read(value.filter(Value::is_string), |v| v.string()).map(Option::unwrap_or_default)
    };
    let (content, other) = (
        text(o.take("reasoning_content"))?,
        text(o.take("reasoning"))?,
    );
    let plain = if content.is_empty() { other } else { content };
    let details = detailed.or(blocks).map(|value| value.json());
    let raw = match &details {
        Some(json) => serde_json::from_str(json.as_str()).ok(),
        None => None,
    };
    let mut found: Vec<Content> = Vec::new();
    let mut open = Thinking::default();
    for thought in of_parts(raw, &plain) {
        match thought {
            Thought::Text(text) => {
                // A text without a signature goes on in the next one: streams are kept as they came.
                open.text.push_str(&text);
                continue;
            }
            Thought::Signature(signature) => open.signature = Some(signature.into_owned()),
            Thought::Redacted(data) => {
                close(&mut open, &mut found);
                open.redacted = Some(data.into_owned());
            }
            Thought::Other(json) => {
                close(&mut open, &mut found);
                found.push(Content::Other {
                    dialect: NAME,
                    json,
                });
            }
        }
        close(&mut open, &mut found);
    }
    close(&mut open, &mut found);
    Ok(found)
}

fn close(open: &mut Thinking, found: &mut Vec<Content>) {
    let mut thinking = std::mem::take(open);
    if thinking == Thinking::default() {
        return;
    }
    thinking.signature = thinking
        .signature
        .filter(|signature| !signature.starts_with(FOREIGN_SIGNATURE_PREFIX));
    thinking.origin = Some(match (&thinking.signature, &thinking.redacted) {
        (None, None) => NAME,
        _ => "anthropic",
    });
    found.push(Content::Thinking(thinking));
}

fn tool_call(value: &Value<'_, '_>) -> Result<ToolCall, Error> {
    let mut o = value.object()?;
    let id = o.require("id")?.string()?;
    let mut call = if let Some(custom) = o.take("custom") {
        let mut custom = custom.object()?;
        let name = custom.require("name")?.string()?;
        let input = read(custom.take("input"), |v| v.string())?.unwrap_or_default();
        let mut call = ToolCall::new(id, name, input);
        call.kind = CallKind::Custom;
        call
    } else {
        let function = o.require("function")?;
        let mut function = function.object()?;
        let name = function.require("name")?.string()?;
        let arguments = read(function.take("arguments"), |v| arguments(&v))?.unwrap_or_default();
        ToolCall::new(id, name, arguments)
    };
    call.cache = read(o.take("cache_control"), |v| cache_marker(&v))?;
    Ok(call)
}

/// A text; some clients send the object itself.
fn arguments(value: &Value<'_, '_>) -> Result<String, Error> {
    if value.is_object() {
        Ok(value.text().to_owned())
    } else {
        value.string()
    }
}

/// A text or a list of parts.
fn parts(value: &Value<'_, '_>) -> Result<Vec<Content>, Error> {
    if value.is_string() {
        return Ok(vec![Content::text(value.string()?)]);
    }
    if !value.is_array() {
        return Err(value.error("must be a string or an array of parts"));
    }
    let mut content = Vec::new();
    for item in value.items()? {
        part(&item, &mut content)?;
    }
    Ok(content)
}

fn part(value: &Value<'_, '_>, content: &mut Vec<Content>) -> Result<(), Error> {
    if value.is_string() {
        content.push(Content::text(value.string()?));
        return Ok(());
    }
    let mut o = value.object()?;
    let kind = o.require("type")?;
    let mut marker = read(o.take("prompt_cache_breakpoint"), |v| cache_marker(&v))?;
    marker = read(o.take("cache_control"), |v| cache_marker(&v))?.or(marker);
    let mut found = match &*kind.str()? {
        "text" | "input_text" | "output_text" => Content::text(o.require("text")?.string()?),
        "image_url" | "input_image" => {
            Content::Image(image(&o.require("image_url")?, o.take("detail"))?)
        }
        "input_audio" => Content::Audio(audio(&o.require("input_audio")?)?),
        "file" => Content::Document(file(&o.require("file")?)?),
        "document_url" => {
            let mut media = Media::new(Source::Url(o.require("document_url")?.string()?));
            media.title = read(o.take("document_name"), |v| v.string())?;
            Content::Document(media)
        }
        "refusal" => Content::Refusal(o.require("refusal")?.string()?),
        "thinking" => {
            let thinking = o.require("thinking")?;
            let mut text = String::new();
            if thinking.is_array() {
                for item in thinking.items()? {
                    text += &item
                        .object()?
                        .take("text")
                        .map_or_else(|| Ok("".into()), |v| v.str())?;
                }
            } else {
                text = thinking.string()?;
            }
            let signature = read(o.take("signature"), |v| v.string())?.filter(|s| !s.is_empty());
            let mut open = Thinking {
                text,
                signature,
                ..Thinking::default()
            };
            close(&mut open, content);
            return Ok(());
        }
        // Parts that single vendors know.
        "video_url" | "input_video" => Content::Other {
            dialect: NAME,
            json: value.json(),
        },
        other => {
            return Err(kind.error(format_args!(
                "must be one of text, image_url, input_audio, file, refusal, not {other:?}"
            )));
        }
    };
    if let Some(marker) = marker {
        mark(&mut found, marker);
    }
    content.push(found);
    Ok(())
}

/// Puts a cache breakpoint after a part.
fn mark(part: &mut Content, marker: CacheMarker) {
    match part {
        Content::Text { cache, .. } => *cache = Some(marker),
        Content::Image(media) | Content::Document(media) | Content::Audio(media) => {
            media.cache = Some(marker);
        }
        Content::ToolCall(call) => call.cache = Some(marker),
        Content::ToolResult(result) => result.cache = Some(marker),
        _ => {}
    }
}

fn image(value: &Value<'_, '_>, outer: Option<Value<'_, '_>>) -> Result<Media, Error> {
    // Mistral takes the address itself.
    if value.is_string() {
        let mut media = Media::new(source(value)?);
        media.detail = read(outer, |v| v.string())?;
        return Ok(media);
    }
    let mut o = value.object()?;
    let mut media = Media::new(source(&o.require("url")?)?);
    media.detail = read(o.take("detail"), |v| v.string())?;
    Ok(media)
}

fn audio(value: &Value<'_, '_>) -> Result<Media, Error> {
    let (data, format) = if value.is_string() {
        // Mistral's spelling: the data, or an address.
        if value.str()?.starts_with("http") {
            return Ok(Media::new(Source::Url(value.string()?)));
        }
        (value.string()?, None)
    } else {
        let mut o = value.object()?;
        let format = read(o.take("format"), |v| v.string())?;
        (o.require("data")?.string()?, format)
    };
    let media_type = match format.as_deref() {
        Some("mp3") | None => "audio/mpeg".to_owned(),
        Some(format) => format!("audio/{format}"),
    };
    Ok(Media::new(Source::Base64 { media_type, data }))
}

fn file(value: &Value<'_, '_>) -> Result<Media, Error> {
    let mut o = value.object()?;
    let found = match (o.take("file_data"), o.take("file_id")) {
        (Some(data), _) if data.str()?.starts_with("data:") || data.str()?.starts_with("http") => {
            source(&data)?
        }
        (Some(data), _) => Source::Base64 {
            media_type: "application/pdf".to_owned(),
            data: data.string()?,
        },
        (None, Some(id)) => Source::File(id.string()?),
        (None, None) => return Err(value.error("must have `file_data` or `file_id`")),
    };
    let mut media = Media::new(found);
    media.title = read(o.take("filename"), |v| v.string())?;
    Ok(media)
}

/// An address, or a data URI taken apart.
fn source(value: &Value<'_, '_>) -> Result<Source, Error> {
    let url = value.string()?;
    let Some(rest) = url.strip_prefix("data:") else {
        return Ok(Source::Url(url));
    };
    let taken = rest
        .split_once(',')
        .and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data)));
    let Some((media_type, data)) = taken else {
        return Err(
            value.error("must be an address or a data URI in base64 (data:image/png;base64,…)")
        );
    };
    let media_type = media_type.split(';').next().unwrap_or_default();
    Ok(Source::Base64 {
        media_type: media_type.to_ascii_lowercase(),
        data: data.to_owned(),
    })
}
