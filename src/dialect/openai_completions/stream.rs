//! Events into chunks.

use std::collections::VecDeque;

use super::response::{choice, id, logprobs};
use crate::{
    chat::{Block, ChatEvent, Delta, Usage},
    dialect::{
        Asked, EventEncoder,
        openai_chat::{response::model_name, usage},
    },
    json::{self, Json},
    wire::Frame,
};

/// Writes the chunks of one stream.
#[derive(Debug)]
pub(super) struct Encoder {
    model: String,
    created: u64,
    include_usage: bool,
    id: String,
    /// Is the open block one whose words are part of the text?
    telling: bool,
    /// Characters so far.
    chars: u64,
    /// Where the latest piece of text began, in characters.
    piece: u64,
    usage: Option<Usage>,
}

impl Encoder {
    pub(super) fn new(asked: &Asked<'_>) -> Self {
        Self {
            model: asked.model.to_owned(),
            created: asked.created,
            include_usage: asked.include_usage,
            id: id("", asked.created).into_owned(),
            telling: false,
            chars: 0,
            piece: 0,
            usage: None,
        }
    }

    fn chunk(&self, choices: Option<Json>, usage: Option<&Usage>, out: &mut VecDeque<Frame>) {
        let chunk = json::object(|o| {
            o.field("id", &self.id)
                .field("object", "text_completion")
                .field("created", &self.created)
                .field("model", &self.model)
                .array("choices", choices);
            if self.include_usage {
                o.field("usage", &usage.map(usage::write));
            }
        });
        out.push_back(Frame::new(None, chunk.to_string()));
    }
}

impl EventEncoder for Encoder {
    fn encode(&mut self, event: ChatEvent, out: &mut VecDeque<Frame>) {
        match event {
            ChatEvent::Start { id: vendors, model } => {
                self.id = id(&vendors, self.created).into_owned();
                self.model = model_name(&self.model, &model).to_owned();
            }
            ChatEvent::BlockStart { block, .. } => {
                self.telling = matches!(block, Block::Text | Block::Refusal);
            }
            ChatEvent::Delta {
                delta: Delta::Text(text),
                ..
            } if self.telling => {
                self.piece = self.chars;
                self.chars = self.chars.saturating_add(text.chars().count() as u64);
                self.chunk(Some(choice(&text, None, None)), None, out);
            }
            // They come after the text they are about.
            ChatEvent::Logprobs(chat) => {
                if let Some(logprobs) = logprobs(&chat, self.piece) {
                    self.chunk(Some(choice("", Some(&logprobs), None)), None, out);
                }
            }
            ChatEvent::Usage(usage) => self.usage = Some(usage),
            ChatEvent::Stop(stop) => {
                self.chunk(Some(choice("", None, Some(stop.reason))), None, out);
            }
            ChatEvent::End => {
                if self.include_usage {
                    self.chunk(None, Some(&self.usage.unwrap_or_default()), out);
                }
                out.push_back(Frame::new(None, "[DONE]"));
            }
            ChatEvent::Delta { .. } | ChatEvent::BlockStop { .. } => {}
        }
    }
}
