//! One part of a message, written.

use std::{borrow::Cow, fmt};

use super::super::{
    NAME, thinking,
    wire::{Block, Cache, Enabled, Source as WireSource},
};
use crate::{
    Json,
    chat::{CacheMarker, CallKind, Content, Fidelity, Media, Role, Source, ToolCall, ToolResult},
    error::{Error, ErrorKind},
    json,
};

/// The images the vendor takes.
const IMAGES: &[&str] = &["image/jpeg", "image/png", "image/gif", "image/webp"];

/// Where a part stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) message: usize,
    pub(super) part: usize,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "messages[{}].content[{}]", self.message, self.part)
    }
}

/// Writes any part but tool calls and results; none if nothing of it can be said.
pub(super) fn block<'a>(
    part: &'a Content,
    role: Role,
    at: At,
    report: &mut Fidelity,
) -> Result<Option<Block<'a>>, Error> {
    Ok(match part {
        Content::Text {
            text,
            citations,
            cache,
        } => {
            if text.trim().is_empty() {
                if !text.is_empty() {
                    report.dropped(at, "the vendor refuses a text of nothing but white space");
                }
                return Ok(None);
            }
            let own: Vec<_> = citations
                .iter()
                .filter(|_| role == Role::Assistant)
                .filter_map(|c| c.raw.as_ref().filter(|(dialect, _)| *dialect == NAME))
                .map(|(_, json)| Cow::Borrowed(json))
                .collect();
            if own.len() < citations.len() {
                report.dropped(
                    format_args!("{at}.citations"),
                    "the vendor takes back only its own citations",
                );
            }
            Some(Block::Text {
                text: text.as_str().into(),
                citations: own,
                cache_control: breakpoint(cache.as_ref(), at, report),
            })
        }
        Content::Refusal(text) if text.trim().is_empty() => None,
        Content::Refusal(text) => Some(Block::text(text.as_str())),
        Content::Thinking(thinking) => {
            if role != Role::Assistant || !thinking::is_ours(thinking) {
                report.dropped(at, "only its maker can make use of this reasoning");
                return Ok(None);
            }
            Some(match &thinking.redacted {
                Some(data) => Block::RedactedThinking { data },
                None => Block::Thinking {
                    thinking: &thinking.text,
                    signature: thinking.signature.as_deref().unwrap_or_default().into(),
                },
            })
        }
        Content::Image(_) | Content::Document(_) | Content::Audio(_)
            if matches!(role, Role::Assistant | Role::System) =>
        {
            report.dropped(at, "the vendor takes media only from the user");
            None
        }
        Content::Image(media) => Some(Block::Image {
            source: image(media, at)?,
            cache_control: {
                if media.detail.is_some() {
                    report.dropped(
                        format_args!("{at}.detail"),
                        "the vendor has no levels of detail",
                    );
                }
                if media.title.is_some() {
                    report.dropped(
                        format_args!("{at}.title"),
                        "the vendor has no titles of images",
                    );
                }
                breakpoint(media.cache.as_ref(), at, report)
            },
        }),
        Content::Document(media) => Some(Block::Document {
            source: document(media, role, at, report)?,
            title: media.title.as_deref(),
            context: media.context.as_deref(),
            citations: media.citations.then_some(Enabled { enabled: true }),
            cache_control: breakpoint(media.cache.as_ref(), at, report),
        }),
        Content::Audio(_) => return Err(unsupported(at, "this vendor's models take no audio")),
        Content::Other { dialect, json } if *dialect == NAME => Some(Block::Raw(json)),
        Content::Other { .. } | Content::ToolCall(_) | Content::ToolResult(_) => {
            report.dropped(at, "the vendor has no such part");
            None
        }
    })
}

/// The answer of a tool under the id its call has on the wire.
pub(super) fn result<'a>(
    result: &'a ToolResult,
    id: Cow<'a, str>,
    at: At,
    report: &mut Fidelity,
) -> Result<Block<'a>, Error> {
    let mut content = Vec::new();
    for part in &result.content {
        content.extend(block(part, Role::Tool, at, report)?);
    }
    if result.is_error && content.is_empty() {
        // The vendor refuses an error that says nothing.
        content.push(Block::text("The tool failed and said nothing."));
    }
    Ok(Block::ToolResult {
        tool_use_id: id,
        content,
        is_error: result.is_error,
        cache_control: breakpoint(result.cache.as_ref(), at, report),
    })
}

/// A call's arguments as the object the vendor insists on; none if they are no object.
pub(in crate::dialect) fn input(call: &ToolCall) -> Option<Json> {
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

/// Arguments that are no object, in one.
pub(in crate::dialect) fn wrapped(arguments: &str) -> Json {
    json::object(|o| {
        o.field("_raw", arguments);
    })
}

/// A cache breakpoint as the vendor knows them.
pub(super) fn breakpoint(
    marker: Option<&CacheMarker>,
    at: impl fmt::Display,
    report: &mut Fidelity,
) -> Option<Cache> {
    let (cache, changed) = Cache::of(marker?);
    if changed {
        report.changed(
            format_args!("{at}.cache_control"),
            "the vendor caches for 5m or 1h",
        );
    }
    Some(cache)
}

fn image(media: &Media, at: At) -> Result<WireSource<'_>, Error> {
    match &media.source {
        Source::Base64 { media_type, data } => {
            let media_type = match media_type.as_str() {
                "image/jpg" => "image/jpeg",
                other => other,
            };
            if !IMAGES.contains(&media_type) {
                return Err(unsupported(
                    at,
                    &format!(
                        "an image must be JPEG, PNG, GIF or WebP for this vendor, not `{media_type}`"
                    ),
                ));
            }
            Ok(WireSource::Base64 { media_type, data })
        }
        Source::Url(url) => Ok(WireSource::Url { url }),
        Source::File(file_id) => Ok(WireSource::File { file_id }),
        Source::Text(_) | Source::Parts(_) => Err(unsupported(at, "an image cannot be text")),
    }
}

fn document<'a>(
    media: &'a Media,
    role: Role,
    at: At,
    report: &mut Fidelity,
) -> Result<WireSource<'a>, Error> {
    const PLAIN: &str = "text/plain";
    Ok(match &media.source {
        Source::Base64 { media_type, data } if media_type == "application/pdf" => {
            WireSource::Base64 { media_type, data }
        }
        Source::Base64 { media_type, data } if media_type.starts_with("text/") => {
            let text = base64(data)
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| {
                    Error::invalid(
                        at.to_string(),
                        format!("`{at}` is not base64 of UTF-8 text"),
                    )
                })?;
            WireSource::Text {
                media_type: PLAIN,
                data: text.into(),
            }
        }
        Source::Base64 { media_type, .. } => {
            return Err(unsupported(
                at,
                &format!("a document must be a PDF or text for this vendor, not `{media_type}`"),
            ));
        }
        Source::Url(url) => WireSource::Url { url },
        Source::File(file_id) => WireSource::File { file_id },
        Source::Text(text) => WireSource::Text {
            media_type: PLAIN,
            data: text.as_str().into(),
        },
        Source::Parts(parts) => {
            let mut content = Vec::new();
            for part in parts {
                content.extend(block(part, role, at, report)?);
            }
            WireSource::Content { content }
        }
    })
}

pub(super) fn unsupported(at: impl fmt::Display, message: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("`{at}`: {message}")).with_param(at.to_string())
}

/// Reads standard base64, padded or not; white space is passed over.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in text.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' | b'\n' | b'\r' | b' ' => continue,
            _ => return None,
        };
        held = (held << 6) | u32::from(digit);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits).to_le_bytes().first().copied()?);
            held &= (1 << bits) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        assert_eq!(base64("aMOpbGxv").unwrap(), "héllo".as_bytes());
        assert_eq!(base64("aGk=").unwrap(), b"hi");
        assert_eq!(base64("aGk\n").unwrap(), b"hi");
        assert_eq!(base64("a*k="), None);
    }
}
