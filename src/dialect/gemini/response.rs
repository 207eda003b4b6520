//! Whole answers: read from vendors, written for callers.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::{
    NAME,
    answer::{IMAGES_DIALECT, Reader},
    finish,
    parts::{self, Parts},
    signature, usage,
    wire::Chunk,
};
use crate::{
    Json,
    chat::{
        ChatResponse, Citation, Collector, Content, EventSink, Stop, StopReason, ToolCall, Usage,
    },
    dialect::Asked,
    error::{Error, ErrorKind},
    json::{self, ObjectWriter},
};

/// Reads a vendor's answer.
pub(super) fn decode(body: &[u8]) -> Result<ChatResponse, Error> {
    let strange = |why: String| {
        let message = format!("the vendor's answer cannot be read: {why}");
        Error::new(ErrorKind::Server, message)
    };
    let chunk: Chunk<'_> = serde_json::from_slice(body).map_err(|e| strange(e.to_string()))?;
    let mut sink = EventSink::new();
    Reader::default().chunk(&chunk, &mut sink)?;
    if !sink.has_stopped() && chunk.candidates.is_none_or(|list| list.is_empty()) {
        return Err(strange("it has no candidates".into()));
    }
    sink.end();
    let mut collector = Collector::new();
    while let Some(event) = sink.next_event() {
        collector.push(event);
    }
    let mut response = collector.finish();
    for part in &mut response.content {
        if let Content::Thinking(thinking) = part {
            signature::settle(thinking);
        }
    }
    Ok(response)
}

/// Writes an answer for a caller.
pub(super) fn encode(response: &ChatResponse, asked: &Asked<'_>) -> Bytes {
    let mut out = Parts::default();
    let mut sources = Vec::new();
    for part in &response.content {
        match part {
            Content::Text {
                text, citations, ..
            } => {
                sources.extend(citations.iter().cloned());
                if !text.is_empty() {
                    out.push(|o| {
                        o.field("text", text);
                    });
                }
            }
            Content::Refusal(text) => out.push(|o| {
                o.field("text", text);
            }),
            Content::Thinking(thinking) => match signature::own(thinking) {
                Some(proof) => {
                    if !thinking.text.is_empty() {
                        out.flush();
                        out.push_plain(parts::text(&thinking.text, true));
                    }
                    out.sign(proof);
                }
                None => {
                    out.flush();
                    out.push_plain(foreign_thought(
                        &thinking.text,
                        &signature::carried(thinking),
                    ));
                }
            },
            Content::ToolCall(call) => {
                if let Some(arguments) = written_arguments(call, &response.stop) {
                    out.push(|o| {
                        o.field(
                            "functionCall",
                            &function_call(&call.id, &call.name, &arguments),
                        );
                    });
                }
            }
            Content::Other { dialect, json } if *dialect == NAME => out.push_plain(json.clone()),
            Content::Other { dialect, json } if *dialect == IMAGES_DIALECT => {
                if let Some(image) = parts::inline_image(json) {
                    out.push_plain(image);
                }
            }
            _ => {}
        }
    }
    let head = Head::new(&response.id, asked, &response.model);
    head.chunk(
        out.finish(),
        Some((&response.stop, &sources)),
        response.usage.as_ref(),
    )
    .to_string()
    .into()
}

/// What is the same in every frame of an answer.
#[derive(Debug)]
pub(super) struct Head {
    id: String,
    model: String,
}

impl Head {
    pub(super) fn new(id: &str, asked: &Asked<'_>, model: &str) -> Self {
        static ANSWERS: AtomicU64 = AtomicU64::new(0);
        let id = match id {
            "" => {
                let n = ANSWERS.fetch_add(1, Ordering::Relaxed);
                format!("tl{:x}-{n:x}", asked.created)
            }
            id => id.to_owned(),
        };
        let model = match asked.model {
            "" => model,
            asked => asked,
        };
        Self {
            id,
            model: model.to_owned(),
        }
    }

    /// An answer, or what is added to it.
    pub(super) fn chunk(
        &self,
        parts: Vec<Json>,
        end: Option<(&Stop, &[Citation])>,
        usage: Option<&Usage>,
    ) -> Json {
        let content = json::object(|o| {
            // The vendor leaves an empty list out, too.
            if !parts.is_empty() {
                o.array("parts", parts);
            }
            o.field("role", "model");
        });
        let candidate = json::object(|o| {
            o.field("content", &content);
            if let Some((stop, _)) = end {
                o.field("finishReason", finish::word(stop));
            }
            o.field("index", &0);
            if let Some((_, sources)) = end
                && !sources.is_empty()
            {
                o.field("groundingMetadata", &grounding(sources));
            }
        });
        json::object(|o| {
            o.array("candidates", [candidate]);
            o.optional("usageMetadata", usage.map(usage::write))
                .field("modelVersion", &self.model)
                .field("responseId", &self.id);
        })
    }
}

/// A thought of another vendor's.
pub(super) fn foreign_thought(text: &str, proof: &str) -> Json {
    json::object(|o| {
        o.field("text", text)
            .field("thought", &true)
            .field("thoughtSignature", proof);
    })
}

pub(super) fn function_call(id: &str, name: &str, arguments: &Json) -> Json {
    json::object(|o| {
        if !id.is_empty() {
            o.field("id", id);
        }
        o.field("name", name).field("args", arguments);
    })
}

/// The arguments for a caller; none if they were cut off in the middle: half a call must not be run.
pub(super) fn written_arguments(call: &ToolCall, stop: &Stop) -> Option<Json> {
    match parts::arguments(call) {
        Some(arguments) => Some(arguments),
        None if matches!(
            stop.reason,
            StopReason::MaxTokens | StopReason::ContextWindow
        ) =>
        {
            None
        }
        None => Some(json::object(|o| {
            o.field("_raw", &call.arguments);
        })),
    }
}

/// The pages an answer cites.
fn grounding(sources: &[Citation]) -> Json {
    let cited: Vec<(&str, &Citation)> = sources
        .iter()
        .filter_map(|source| Some((source.url.as_deref()?, source)))
        .collect();
    let chunks = cited.iter().map(|(url, source)| {
        let page = json::object(|o| {
            o.field("uri", url)
                .optional("title", source.title.as_deref());
        });
        json::object(|o| {
            o.field("web", &page);
        })
    });
    let supports = cited.iter().enumerate().filter_map(|(i, (_, source))| {
        let words = source.cited_text.as_deref()?;
        let segment = json::object(|o| {
            o.field("text", words);
        });
        Some(json::object(|o| {
            o.field("segment", &segment)
                .array("groundingChunkIndices", [i]);
        }))
    });
    json::object(|o: &mut ObjectWriter| {
        o.array("groundingChunks", chunks)
            .array("groundingSupports", supports);
    })
}

/// The list of models.
pub(super) fn models(models: &[&str]) -> Bytes {
    let list = models.iter().map(|name| model(name));
    json::object(|o| {
        o.array("models", list);
    })
    .to_string()
    .into()
}

/// One model.
pub(super) fn model(name: &str) -> Json {
    json::object(|o| {
        o.field("name", &format!("models/{name}"))
            .field("baseModelId", name)
            .field("version", "")
            .field("displayName", name)
            .array(
                "supportedGenerationMethods",
                ["generateContent", "streamGenerateContent"],
            );
    })
}
