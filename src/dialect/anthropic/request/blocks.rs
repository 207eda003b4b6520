//! Content blocks, read.

use super::{
    super::{NAME, thinking},
    decode::cache,
};
use crate::{
    chat::{Citation, Content, Media, Source, ToolCall, ToolResult},
    error::Error,
    json::{Object, Value},
};

/// A text, or a list of blocks. An empty text is no block.
pub(in super::super) fn content(value: &Value<'_, '_>) -> Result<Vec<Content>, Error> {
    if value.is_string() {
        let text = value.string()?;
        return Ok(if text.is_empty() {
            Vec::new()
        } else {
            vec![Content::text(text)]
        });
    }
    if !value.is_array() {
        return Err(value.error("must be a string or an array of content blocks"));
    }
    value.items()?.map(|block| read(&block)).collect()
}

/// One block. What has no place in the canonical conversation is kept as it came.
pub(in super::super) fn read(block: &Value<'_, '_>) -> Result<Content, Error> {
    let mut members = block.object()?;
    let kind = members.require("type")?;
    Ok(match &*kind.str()? {
        "text" => Content::Text {
            text: members.require("text")?.string()?,
            citations: citations(&mut members)?,
            cache: cache(&mut members)?,
        },
        "image" => match source(&members.require("source")?)? {
            Some(source) => Content::Image(Media {
                cache: cache(&mut members)?,
                ..Media::new(source)
            }),
            None => {
                members.forget();
                other(block)
            }
        },
        "document" => match source(&members.require("source")?)? {
            Some(source) => Content::Document(document(source, &mut members)?),
            None => {
                members.forget();
                other(block)
            }
        },
        "tool_use" => {
            let input = members.take("input");
            if let Some(input) = input.filter(|input| !input.is_object()) {
                return Err(input.error("must be an object"));
            }
            Content::ToolCall(ToolCall {
                cache: cache(&mut members)?,
                ..ToolCall::new(
                    members.require("id")?.string()?,
                    members.require("name")?.string()?,
                    input.map_or("{}", |input| input.text()),
                )
            })
        }
        "tool_result" => Content::ToolResult(ToolResult {
            id: members.require("tool_use_id")?.string()?,
            content: match members.take("content") {
                Some(value) => content(&value)?,
                None => Vec::new(),
            },
            is_error: members
                .take("is_error")
                .map(|v| v.bool())
                .transpose()?
                .unwrap_or(false),
            cache: cache(&mut members)?,
        }),
        "thinking" => Content::Thinking(thinking::read(
            members.require("thinking")?.string()?,
            members.take("signature").map(|v| v.string()).transpose()?,
        )),
        "redacted_thinking" => {
            Content::Thinking(thinking::redacted(members.require("data")?.string()?))
        }
        _ => {
            members.forget();
            other(block)
        }
    })
}

/// Reads one citation. Ours for callers of this dialect have no `encrypted_index`: they are worth nothing to the vendor.
pub(in super::super) fn citation(value: &Value<'_, '_>) -> Result<Citation, Error> {
    let mut members = value.object()?;
    let mut text = |name| -> Result<Option<String>, Error> {
        members.take(name).map(|v| v.string()).transpose()
    };
    let url = text("url")?;
    let title = text("title")?.or(text("document_title")?);
    let cited_text = text("cited_text")?;
    let made_up = text("encrypted_index")?.is_some_and(|index| index.is_empty());
    members.forget();
    Ok(Citation {
        url,
        title,
        cited_text,
        range: None,
        raw: (!made_up).then(|| (NAME, value.json())),
    })
}

fn citations(members: &mut Object<'_, '_>) -> Result<Vec<Citation>, Error> {
    match members.take("citations") {
        Some(list) => list.items()?.map(|item| citation(&item)).collect(),
        None => Ok(Vec::new()),
    }
}

fn document<'p>(source: Source, members: &mut Object<'_, 'p>) -> Result<Media, Error> {
    let citations = match members.take("citations") {
        Some(citations) => citations
            .object()?
            .take_raw("enabled")
            .is_some_and(|raw| raw.get() == "true"),
        None => false,
    };
    Ok(Media {
        title: members.take("title").map(|v| v.string()).transpose()?,
        context: members.take("context").map(|v| v.string()).transpose()?,
        citations,
        cache: cache(members)?,
        ..Media::new(source)
    })
}

/// None if it is of a kind nobody knows.
fn source(value: &Value<'_, '_>) -> Result<Option<Source>, Error> {
    let mut members = value.object()?;
    let kind = members.require("type")?;
    Ok(Some(match &*kind.str()? {
        "base64" => Source::Base64 {
            media_type: members.require("media_type")?.string()?,
            data: members.require("data")?.string()?,
        },
        "url" => Source::Url(members.require("url")?.string()?),
        "file" => Source::File(members.require("file_id")?.string()?),
        "text" => {
            // There is no other than plain text.
            members.take("media_type");
            Source::Text(members.require("data")?.string()?)
        }
        "content" => Source::Parts(content(&members.require("content")?)?),
        _ => {
            members.forget();
            return Ok(None);
        }
    }))
}

fn other(block: &Value<'_, '_>) -> Content {
    Content::Other {
        dialect: NAME,
        json: block.json(),
    }
}
