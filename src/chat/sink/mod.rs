//! Where decoders write: verbs in, well-formed [`ChatEvent`]s out.
//!
//! Vendors interleave parallel calls, repeat names, send arguments before the name, or whole, or never; callers' dialects
//! want one block after another. The sink does that once for all decoders: it numbers and closes blocks, holds back a call
//! while another one is unfinished, and settles whether the turn ended in a tool call.

mod progress;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use self::progress::Progress;
use super::{
    Block, CallKind, ChatEvent, Citation, Delta, Stop, StopReason, Usage, response::another_id,
};
use crate::Json;

/// Collects what a decoder says of one answer. See the [module of events](super::ChatEvent) for the grammar it keeps.
#[derive(Debug, Default)]
pub struct EventSink {
    events: VecDeque<ChatEvent>,
    started: bool,
    next_index: usize,
    open: Option<Open>,
    calls: Vec<Call>,
    /// Text that came while an unfinished call was open.
    held_text: String,
    usage: Option<Usage>,
    stop: Option<Stop>,
    content: bool,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Refusal,
    /// The position in `calls`.
    Call(usize),
}

#[derive(Debug)]
struct Call {
    key: usize,
    id: String,
    name: String,
    kind: CallKind,
    state: State,
    /// Arguments not yet passed on.
    held: String,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Open,
    Closed,
}

impl EventSink {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The answer begins. Repeated starts count once.
    pub fn start(&mut self, id: &str, model: &str) {
        if !self.started {
            self.started = true;
            self.tell(ChatEvent::Start {
                id: id.to_owned(),
                model: model.to_owned(),
            });
        }
    }

    /// More text. Nothing happens if it is empty.
    pub fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.call_is_unfinished() {
            self.content = true;
            self.held_text.push_str(text);
            return;
        }
        self.words(Open::Text, text);
    }

    /// More words of a refusal.
    pub fn refusal(&mut self, text: &str) {
        if !text.is_empty() {
            self.words(Open::Refusal, text);
        }
    }

    /// More reasoning.
    pub fn thinking(&mut self, text: &str) {
        if !text.is_empty() {
            self.words(Open::Thinking, text);
        }
    }

    /// The signature of the thinking block that is open; of a block without text if none is.
    pub fn signature(&mut self, signature: &str) {
        if signature.is_empty() {
            return;
        }
        let index = self.block(Open::Thinking);
        self.tell(ChatEvent::Delta {
            index,
            delta: Delta::Signature(signature.to_owned()),
        });
    }

    /// A block of encrypted reasoning.
    pub fn redacted_thinking(&mut self, data: &str) {
        self.whole(Block::RedactedThinking {
            data: data.to_owned(),
        });
    }

    /// A block that only `dialect` knows.
    pub fn other(&mut self, dialect: &'static str, json: Json) {
        self.whole(Block::Other { dialect, json });
    }

    /// A source of the latest text.
    pub fn citation(&mut self, citation: Citation) {
        let index = self.block(Open::Text);
        self.tell(ChatEvent::Delta {
            index,
            delta: Delta::Citation(citation),
        });
    }

    /// Ends the open text, thinking or refusal block: what follows is a new one.
    pub fn close_block(&mut self) {
        if !matches!(self.open, Some(Open::Call(_))) {
            self.close();
        }
    }

    /// A call of a tool begins, or says more of its id or name. `key` is the vendor's own number for it.
    ///
    /// A call whose name is still empty is held back until it has one.
    pub fn tool_call(&mut self, key: usize, id: &str, name: &str, kind: CallKind) {
        self.content = true;
        let at = match self.calls.iter().position(|call| call.key == key) {
            Some(at) => at,
            None => {
                self.calls.push(Call {
                    key,
                    id: String::new(),
                    name: String::new(),
                    kind,
                    state: State::Waiting,
                    held: String::new(),
                    progress: Progress::default(),
                });
                self.calls.len() - 1
            }
        };
        if let Some(call) = self.calls.get_mut(at)
            && call.state == State::Waiting
        {
            if call.id.is_empty() {
                call.id.push_str(id);
            }
            if call.name.is_empty() {
                call.name.push_str(name);
            }
        }
        self.advance(false);
    }

    /// More arguments of the call `key`.
    pub fn tool_arguments(&mut self, key: usize, fragment: &str) {
        if fragment.is_empty() {
            return;
        }
        self.content = true;
        let Some(call) = self.calls.iter_mut().find(|call| call.key == key) else {
            return;
        };
        call.progress.feed(fragment);
        match call.state {
            State::Open => self.tell(ChatEvent::Delta {
                index: self.next_index.saturating_sub(1),
                delta: Delta::Arguments(fragment.to_owned()),
            }),
            State::Waiting => call.held.push_str(fragment),
            State::Closed => return,
        }
        self.advance(false);
    }

    /// The call `key` is whole.
    pub fn tool_end(&mut self, key: usize) {
        if let Some(call) = self.calls.iter_mut().find(|call| call.key == key) {
            call.progress.whole = true;
        }
        self.advance(false);
    }

    /// Log probabilities of the latest text, in OpenAI's shape.
    pub fn logprobs(&mut self, logprobs: Json) {
        self.tell(ChatEvent::Logprobs(logprobs));
    }

    /// Usage so far. What is absent keeps its earlier value.
    pub fn usage(&mut self, usage: &Usage) {
        let known = self.usage.get_or_insert_with(Usage::default);
        known.revise(usage);
        let known = *known;
        self.tell(ChatEvent::Usage(known));
    }

    /// Why the answer ends. It is passed on at [`end`](Self::end), so that late usage still comes before it.
    pub fn stop(&mut self, stop: Stop) {
        self.stop = Some(stop);
    }

    /// Nothing follows. Closes what is open. Counts once, and whatever is said afterwards is not told; usage is still known.
    pub fn end(&mut self) {
        if self.ended {
            return;
        }
        self.advance(true);
        self.flush_text();
        self.close();
        let mut stop = self.stop.clone().unwrap_or_default();
        let called = self.calls.iter().any(|call| call.state == State::Closed);
        stop.reason = match stop.reason {
            // Callers who are told of anything else leave the call alone.
            StopReason::EndTurn | StopReason::StopSequence | StopReason::Pause if called => {
                stop.sequence = None;
                StopReason::ToolUse
            }
            StopReason::ToolUse if !called => StopReason::EndTurn,
            reason => reason,
        };
        self.start("", "");
        self.tell(ChatEvent::Stop(stop));
        self.tell(ChatEvent::End);
        self.ended = true;
    }

    /// The next event.
    pub fn next_event(&mut self) -> Option<ChatEvent> {
        self.events.pop_front()
    }

    /// Was there any content: text, thinking, a tool call?
    pub fn has_content(&self) -> bool {
        self.content
    }

    /// Has the vendor said why the answer ends?
    pub fn has_stopped(&self) -> bool {
        self.stop.is_some()
    }

    /// Was [`end`](Self::end) called?
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// All usage known so far.
    pub fn known_usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }

    /// A vendor may talk on behind its own end: for callers the end is the end.
    fn tell(&mut self, event: ChatEvent) {
        if !self.ended {
            self.events.push_back(event);
        }
    }

    fn words(&mut self, kind: Open, text: &str) {
        let index = self.block(kind);
        self.tell(ChatEvent::Delta {
            index,
            delta: Delta::Text(text.to_owned()),
        });
    }

    /// The number of the open block of this kind; opens one if another kind, or none, is open.
    fn block(&mut self, kind: Open) -> usize {
        self.content = true;
        if self.open != Some(kind) {
            let block = match kind {
                Open::Thinking => Block::Thinking,
                Open::Refusal => Block::Refusal,
                Open::Text | Open::Call(_) => Block::Text,
            };
            self.open_block(kind, block);
        }
        self.next_index.saturating_sub(1)
    }

    fn open_block(&mut self, kind: Open, block: Block) {
        self.close();
        self.start("", "");
        self.tell(ChatEvent::BlockStart {
            index: self.next_index,
            block,
        });
        self.next_index += 1;
        self.open = Some(kind);
    }

    fn whole(&mut self, block: Block) {
        self.content = true;
        self.open_block(Open::Text, block);
        self.close();
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let index = self.next_index.saturating_sub(1);
        if let Open::Call(at) = open
            && let Some(call) = self.calls.get_mut(at)
        {
            call.state = State::Closed;
            // Callers parse the arguments: a function without any has an empty object, not an empty text.
            if call.kind == CallKind::Function && call.progress.is_blank() {
                self.tell(ChatEvent::Delta {
                    index,
                    delta: Delta::Arguments("{}".to_owned()),
                });
            }
        }
        self.tell(ChatEvent::BlockStop { index });
    }

    fn call_is_unfinished(&self) -> bool {
        match self.open {
            Some(Open::Call(at)) => self
                .calls
                .get(at)
                .is_some_and(|call| !call.progress.is_whole()),
            _ => false,
        }
    }

    /// Closes the open call if it is whole and somebody waits, and opens whoever waits first.
    fn advance(&mut self, last: bool) {
        loop {
            let waiting = self
                .calls
                .iter()
                .position(|call| call.state == State::Waiting && (!call.name.is_empty() || last));
            let Some(at) = waiting else {
                break;
            };
            if self.call_is_unfinished() && !last {
                break;
            }
            self.flush_text();
            self.open_call(at);
        }
        if !self.held_text.is_empty() && !self.call_is_unfinished() {
            self.flush_text();
        }
    }

    fn open_call(&mut self, at: usize) {
        let id = self.calls.get(at).and_then(|call| {
            let begun = self
                .calls
                .iter()
                .filter(|call| call.state != State::Waiting);
            another_id(&call.id, |id| begun.clone().any(|other| other.id == id))
        });
        let Some(call) = self.calls.get_mut(at) else {
            return;
        };
        call.state = State::Open;
        call.id = id.unwrap_or(std::mem::take(&mut call.id));
        let block = Block::ToolCall {
            id: call.id.clone(),
            name: call.name.clone(),
            kind: call.kind,
        };
        let held = std::mem::take(&mut call.held);
        self.open_block(Open::Call(at), block);
        if !held.is_empty() {
            self.tell(ChatEvent::Delta {
                index: self.next_index.saturating_sub(1),
                delta: Delta::Arguments(held),
            });
        }
    }

    fn flush_text(&mut self) {
        if !self.held_text.is_empty() {
            let text = std::mem::take(&mut self.held_text);
            self.words(Open::Text, &text);
        }
    }
}
