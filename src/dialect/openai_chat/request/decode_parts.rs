//! Parts of messages, read.

use super::{
    decode::{cache_marker, read},
    decode_messages::close,
};
use crate::{
    chat::{CacheMarker, Content, Media, Source, Thinking},
    dialect::openai_chat::NAME,
    error::Error,
    json::Value,
};

/// A text or a list of parts.
pub(super) fn parts(value: &Value<'_, '_>) -> Result<Vec<Content>, Error> {
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
                    let mut item = item.object()?;
                    item.take("type");
                    text += &item
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
        "video_url" | "input_video" => {
            o.forget();
            Content::Other {
                dialect: NAME,
                json: value.json(),
            }
        }
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
pub(in crate::dialect) fn mark(part: &mut Content, marker: CacheMarker) {
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
pub(in crate::dialect) fn source(value: &Value<'_, '_>) -> Result<Source, Error> {
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
