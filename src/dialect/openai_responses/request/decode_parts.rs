//! Parts of messages and results, read.

use serde_json::value::RawValue;

use crate::{
    chat::{Content, Media, Source},
    dialect::{
        openai_chat::request::{cache_marker, mark, read, source},
        openai_responses::{NAME, stream::citation},
    },
    error::Error,
    json::{Object, Value},
};

/// A text or a list of parts.
pub(super) fn parts(value: &Value<'_, '_>) -> Result<Vec<Content>, Error> {
    if value.is_string() {
        return Ok(vec![Content::text(value.string()?)]);
    }
    if !value.is_array() {
        return Err(value.error("must be a string or an array of parts"));
    }
    value.items()?.map(|item| part(&item)).collect()
}

fn part(value: &Value<'_, '_>) -> Result<Content, Error> {
    if value.is_string() {
        return Ok(Content::text(value.string()?));
    }
    let mut o = value.object()?;
    let kind = o.require("type")?;
    let marker = read(o.take("prompt_cache_breakpoint"), |v| cache_marker(&v))?;
    let mut found = match &*kind.str()? {
        "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text" => {
            Content::Text {
                text: o.require("text")?.string()?,
                citations: annotations(&mut o)?,
                cache: None,
            }
        }
        "refusal" => Content::Refusal(o.require("refusal")?.string()?),
        "input_image" => Content::Image(image(value, &mut o)?),
        "input_file" => Content::Document(file(value, &mut o)?),
        "input_audio" => Content::Audio(audio(&o.require("input_audio")?)?),
        // Parts that vendors of this dialect may know.
        _ => {
            o.forget();
            Content::Other {
                dialect: NAME,
                json: value.json(),
            }
        }
    };
    if let Some(marker) = marker {
        mark(&mut found, marker);
    }
    Ok(found)
}

fn annotations(o: &mut Object<'_, '_>) -> Result<Vec<crate::chat::Citation>, Error> {
    let Some(list) = o.take("annotations") else {
        return Ok(Vec::new());
    };
    let items = list.items()?;
    Ok(items
        .filter_map(|item| serde_json::from_str::<&RawValue>(item.text()).ok())
        .map(citation)
        .collect())
}

fn image(value: &Value<'_, '_>, o: &mut Object<'_, '_>) -> Result<Media, Error> {
    let found = match (o.take("image_url"), o.take("file_id")) {
        // Some clients nest it, as in Chat Completions.
        (Some(url), _) if url.is_object() => source(&url.object()?.require("url")?)?,
        (Some(url), _) => source(&url)?,
        (None, Some(id)) => Source::File(id.string()?),
        (None, None) => return Err(value.error("must have `image_url` or `file_id`")),
    };
    let mut media = Media::new(found);
    media.detail = read(o.take("detail"), |v| v.string())?;
    Ok(media)
}

fn file(value: &Value<'_, '_>, o: &mut Object<'_, '_>) -> Result<Media, Error> {
    let found = match (o.take("file_data"), o.take("file_url"), o.take("file_id")) {
        (Some(data), ..) if data.str()?.starts_with("data:") => source(&data)?,
        (Some(data), ..) => Source::Base64 {
            media_type: "application/pdf".to_owned(),
            data: data.string()?,
        },
        (None, Some(url), _) => Source::Url(url.string()?),
        (None, None, Some(id)) => Source::File(id.string()?),
        (None, None, None) => {
            return Err(value.error("must have `file_data`, `file_url` or `file_id`"));
        }
    };
    let mut media = Media::new(found);
    media.title = read(o.take("filename"), |v| v.string())?;
    Ok(media)
}

fn audio(value: &Value<'_, '_>) -> Result<Media, Error> {
    let mut o = value.object()?;
    let format = read(o.take("format"), |v| v.string())?;
    let media_type = match format.as_deref() {
        Some("mp3") | None => "audio/mpeg".to_owned(),
        Some(format) => format!("audio/{format}"),
    };
    let data = o.require("data")?.string()?;
    Ok(Media::new(Source::Base64 { media_type, data }))
}
