//! What the caller has read so far.

use crate::{
    chat::{Block, ChatEvent, Delta, EventSink},
    dialect::{Dialect, EventDecoder, FrameError},
    wire::Frame,
};

/// The most bytes that are remembered of an answer. A longer one is not continued.
const MOST: usize = 256 << 10;

/// An answer as far as it was told, without the usage.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) id: String,
    pub(super) model: String,
    /// Texts and thoughts; the last one may be open.
    blocks: Vec<(Block, String)>,
    open: bool,
    /// There is something in it that cannot be continued.
    sealed: bool,
    size: usize,
}

impl Story {
    pub(super) fn see(&mut self, event: &ChatEvent) {
        match event {
            ChatEvent::Start { id, model } => {
                self.id.clone_from(id);
                self.model.clone_from(model);
            }
            ChatEvent::BlockStart { block, .. } => {
                self.open = true;
                match block {
                    Block::Text | Block::Thinking => {
                        self.blocks.push((block.clone(), String::new()));
                    }
                    _ => self.seal(),
                }
            }
            ChatEvent::Delta {
                delta: Delta::Text(more),
                ..
            } if !self.sealed => {
                self.size += more.len();
                if let Some((_, text)) = self.blocks.last_mut() {
                    text.push_str(more);
                }
                if self.size > MOST {
                    self.seal();
                }
            }
            ChatEvent::BlockStop { .. } => self.open = false,
            ChatEvent::Usage(_) => {}
            // Signatures, sources, arguments, log probabilities; and what is over is over.
            _ => self.seal(),
        }
    }

    pub(super) fn seal(&mut self) {
        self.sealed = true;
        self.blocks = Vec::new();
    }

    /// How many blocks there are.
    pub(super) const fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Is any block open?
    pub(super) const fn is_open(&self) -> bool {
        self.open
    }

    /// Is a text open, so that more of it can come?
    pub(super) fn has_open_text(&self) -> bool {
        self.open && matches!(self.blocks.last(), Some((Block::Text, _)))
    }

    /// The whole text, if it can go on.
    pub(super) fn text(&self) -> Option<String> {
        let texts = self
            .blocks
            .iter()
            .filter(|(block, _)| *block == Block::Text);
        let text: String = texts.map(|(_, text)| text.as_str()).collect();
        (!self.sealed && self.has_open_text()).then_some(text)
    }

    /// The same once more, as events.
    pub(super) fn replay(&self) -> impl Iterator<Item = ChatEvent> {
        let start = ChatEvent::Start {
            id: self.id.clone(),
            model: self.model.clone(),
        };
        let last = self.blocks.len().saturating_sub(1);
        let blocks = self.blocks.iter().enumerate();
        let blocks = blocks.flat_map(move |(index, (block, text))| {
            let begun = ChatEvent::BlockStart {
                index,
                block: block.clone(),
            };
            let delta = ChatEvent::Delta {
                index,
                delta: Delta::Text(text.clone()),
            };
            let over = (index < last || !self.open).then_some(ChatEvent::BlockStop { index });
            [begun, delta].into_iter().chain(over)
        });
        std::iter::once(start).chain(blocks)
    }
}

/// Reads along.
pub(super) struct Listener {
    decoder: Box<dyn EventDecoder>,
    sink: EventSink,
    /// The first frame with data, the latest, and the latest with words of a text.
    pub(super) first: Option<Frame>,
    pub(super) latest: Option<Frame>,
    pub(super) words: Option<Frame>,
}

impl Listener {
    pub(super) fn new(dialect: &'static dyn Dialect) -> Self {
        Self {
            decoder: dialect.decoder(),
            sink: EventSink::new(),
            first: None,
            latest: None,
            words: None,
        }
    }

    pub(super) fn hear(&mut self, frame: &Frame, story: &mut Story) {
        if !frame.has_data() || story.sealed {
            return;
        }
        if self.first.is_none() {
            self.first = Some(frame.clone());
        }
        self.latest = Some(frame.clone());
        match self.decoder.decode(frame, &mut self.sink) {
            Ok(()) | Err(FrameError::Unknown) => {}
            Err(_) => story.seal(),
        }
        while let Some(event) = self.sink.next_event() {
            if matches!(
                &event,
                ChatEvent::Delta {
                    delta: Delta::Text(_),
                    ..
                }
            ) {
                self.words = Some(frame.clone());
            }
            story.see(&event);
        }
    }
}
