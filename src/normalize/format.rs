//! The answer out of the tool that stood for its shape.
//!
//! Where a vendor enforces no schema, the request held one more tool, and the answer is its call. The caller asked for text and gets
//! text, piece by piece where it is streamed. See [`structured`].

use crate::{
    chat::{Block, ChatEvent, ChatRequest, ChatResponse, Content, Delta, Stop, StopReason},
    dialect::{Dialect, structured},
};

/// The tool, and what was seen of its call.
#[derive(Debug)]
pub(super) struct FormatCall {
    /// As the vendor was told.
    name: String,
    wrapped: bool,
    /// The call that is open.
    open: Option<Unwrap>,
    seen: bool,
    /// A second call is open: one answer is enough.
    excess: bool,
    /// Blocks that were left out.
    left_out: usize,
    /// The caller's own tools were called.
    others: bool,
}

impl FormatCall {
    /// The tool that a vendor of dialect `to` was perhaps given for this request.
    pub(super) fn of(chat: &ChatRequest, to: &'static dyn Dialect) -> Option<Self> {
        let stands = structured::stand_in(chat)?;
        Some(Self::new(
            to.tool_name(&stands.name).into_owned(),
            stands.wrapped,
        ))
    }

    const fn new(name: String, wrapped: bool) -> Self {
        Self {
            name,
            wrapped,
            open: None,
            seen: false,
            excess: false,
            left_out: 0,
            others: false,
        }
    }

    pub(super) fn restore(&self, chat: &mut ChatResponse) {
        let is_ours =
            |part: &Content| matches!(part, Content::ToolCall(call) if call.name == self.name);
        if !chat.content.iter().any(is_ours) {
            return;
        }
        let mut seen = false;
        let parts = std::mem::take(&mut chat.content);
        for part in parts {
            match part {
                Content::ToolCall(call) if call.name == self.name => {
                    if !std::mem::replace(&mut seen, true) {
                        let mut unwrap = Unwrap::new(self.wrapped);
                        let mut text = unwrap.push(&call.arguments);
                        text.push_str(&unwrap.finish());
                        chat.content.push(Content::text(text));
                    }
                }
                // What is said around the call would spoil the JSON.
                Content::Text { .. } => {}
                other => chat.content.push(other),
            }
        }
        if !chat.calls_tools() {
            end(&mut chat.stop);
        }
    }

    /// Passes the event on to `out`, or what has become of it.
    pub(super) fn restore_event(&mut self, mut event: ChatEvent, out: &mut dyn FnMut(ChatEvent)) {
        match &mut event {
            ChatEvent::BlockStart { index, block } => {
                if let Block::ToolCall { name, .. } = block {
                    if *name != self.name {
                        self.others = true;
                    } else if std::mem::replace(&mut self.seen, true) {
                        self.excess = true;
                        self.left_out += 1;
                        return;
                    } else {
                        self.open = Some(Unwrap::new(self.wrapped));
                        *block = Block::Text;
                    }
                }
                *index = index.saturating_sub(self.left_out);
            }
            ChatEvent::Delta { .. } | ChatEvent::BlockStop { .. } if self.excess => {
                self.excess = !matches!(event, ChatEvent::BlockStop { .. });
                return;
            }
            ChatEvent::Delta { index, delta } => {
                *index = index.saturating_sub(self.left_out);
                if let (Some(open), Delta::Arguments(more)) = (&mut self.open, &mut *delta) {
                    let text = open.push(more);
                    if text.is_empty() {
                        return;
                    }
                    *delta = Delta::Text(text);
                }
            }
            ChatEvent::BlockStop { index } => {
                *index = index.saturating_sub(self.left_out);
                let rest = self.open.take().map(Unwrap::finish).unwrap_or_default();
                if !rest.is_empty() {
                    out(ChatEvent::Delta {
                        index: *index,
                        delta: Delta::Text(rest),
                    });
                }
            }
            ChatEvent::Stop(stop) if self.seen && !self.others => end(stop),
            _ => {}
        }
        out(event);
    }
}

/// The model waits for nobody.
fn end(stop: &mut Stop) {
    if stop.reason == StopReason::ToolUse {
        *stop = Stop::new(StopReason::EndTurn);
    }
}

/// The value out of `{"value": …}`, as it comes.
#[derive(Debug)]
struct Unwrap {
    /// The text so far, until it is known how it begins; none once it is.
    head: Option<String>,
    /// Is there a bracket at the end that is not the answer's?
    wrapped: bool,
    /// What may be the end.
    held: String,
}

/// How a text begins.
enum Beginning<'a> {
    /// Too short to tell.
    Open,
    /// As it should; this follows.
    Member(&'a str),
    Other,
}

impl Unwrap {
    fn new(wrapped: bool) -> Self {
        Self {
            head: wrapped.then(String::new),
            wrapped,
            held: String::new(),
        }
    }

    fn push(&mut self, more: &str) -> String {
        let Some(mut head) = self.head.take() else {
            return self.pass(more);
        };
        head.push_str(more);
        match beginning(&head) {
            Beginning::Open => {
                self.head = Some(head);
                String::new()
            }
            Beginning::Member(rest) => self.pass(rest),
            Beginning::Other => {
                // The model has not kept to the schema: its words are passed on as they are.
                self.wrapped = false;
                head
            }
        }
    }

    fn pass(&mut self, more: &str) -> String {
        if !self.wrapped {
            return more.to_owned();
        }
        let mut text = std::mem::take(&mut self.held);
        text.push_str(more);
        let end = text
            .trim_end_matches(|c: char| c == '}' || c.is_ascii_whitespace())
            .len();
        self.held = text.split_off(end);
        text
    }

    fn finish(self) -> String {
        if let Some(head) = self.head {
            return head;
        }
        let held = self.held.trim_end();
        held.strip_suffix('}').unwrap_or(held).trim_end().to_owned()
    }
}

fn beginning(text: &str) -> Beginning<'_> {
    let mut rest = text;
    for token in ["{", structured::MEMBER_KEY, ":"] {
        rest = rest.trim_start();
        match rest.strip_prefix(token) {
            Some(after) => rest = after,
            None if token.starts_with(rest) => return Beginning::Open,
            None => return Beginning::Other,
        }
    }
    match rest.trim_start() {
        "" => Beginning::Open,
        rest => Beginning::Member(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{CallKind, ToolCall};

    fn streamed(call: &mut FormatCall, events: Vec<ChatEvent>) -> Vec<ChatEvent> {
        let mut out = Vec::new();
        for event in events {
            call.restore_event(event, &mut |event| out.push(event));
        }
        out
    }

    fn block(index: usize, name: &str) -> ChatEvent {
        ChatEvent::BlockStart {
            index,
            block: Block::ToolCall {
                id: "1".into(),
                name: name.into(),
                kind: CallKind::Function,
            },
        }
    }

    fn arguments(index: usize, text: &str) -> ChatEvent {
        ChatEvent::Delta {
            index,
            delta: Delta::Arguments(text.into()),
        }
    }

    fn text_of(events: &[ChatEvent]) -> String {
        let texts = events.iter().filter_map(|event| match event {
            ChatEvent::Delta {
                delta: Delta::Text(text),
                ..
            } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    #[test]
    fn the_call_becomes_text_and_the_turn_ends() {
        let mut call = FormatCall::new("out".into(), false);
        let out = streamed(
            &mut call,
            vec![
                block(0, "out"),
                arguments(0, r#"{"a":"#),
                arguments(0, "1}"),
                ChatEvent::BlockStop { index: 0 },
                block(1, "out"),
                arguments(1, "{}"),
                ChatEvent::BlockStop { index: 1 },
                ChatEvent::Stop(Stop::new(StopReason::ToolUse)),
            ],
        );
        assert_eq!(text_of(&out), r#"{"a":1}"#);
        assert!(matches!(
            out[0],
            ChatEvent::BlockStart {
                index: 0,
                block: Block::Text
            }
        ));
        assert_eq!(out.len(), 5, "a second answer is none: {out:?}");
        assert_eq!(out[4], ChatEvent::Stop(Stop::new(StopReason::EndTurn)));
    }

    #[test]
    fn a_callers_own_tool_is_still_called() {
        let stop = ChatEvent::Stop(Stop::new(StopReason::ToolUse));
        let events = vec![
            block(0, "out"),
            ChatEvent::BlockStop { index: 0 },
            block(1, "out"),
            ChatEvent::BlockStop { index: 1 },
            block(2, "mine"),
            arguments(2, "{}"),
            ChatEvent::BlockStop { index: 2 },
            stop.clone(),
        ];
        let out = streamed(&mut FormatCall::new("out".into(), false), events);
        assert_eq!(out[2], block(1, "mine"), "numbers have no gap");
        assert_eq!(out.last(), Some(&stop));
    }

    #[test]
    fn a_value_comes_out_of_its_object_wherever_it_is_cut() {
        for (sent, want) in [
            (r#"{"value":[{"a":1},{"b":"}"}]}"#, r#"[{"a":1},{"b":"}"}]"#),
            (" { \"value\" : \"x } \" } \n", "\"x } \""),
            (r#"{"value":{"a":{}}}"#, r#"{"a":{}}"#),
            (r#"{"value":7}"#, "7"),
            (r#"{"other":7}"#, r#"{"other":7}"#),
            (r#"[1]"#, "[1]"),
            (r#"{"value":[1,"#, "[1,"),
            (r#"{"val"#, r#"{"val"#),
        ] {
            for size in [1, 3, 100] {
                let mut call = FormatCall::new("out".into(), true);
                let mut events = vec![block(0, "out")];
                let chars: Vec<char> = sent.chars().collect();
                events.extend(
                    chars
                        .chunks(size)
                        .map(|piece| arguments(0, &piece.iter().collect::<String>())),
                );
                events.push(ChatEvent::BlockStop { index: 0 });
                assert_eq!(text_of(&streamed(&mut call, events)), want, "{sent} {size}");
            }
        }
    }

    #[test]
    fn a_whole_answer_holds_nothing_but_the_value() {
        let mut chat = ChatResponse {
            content: vec![
                Content::text("Here you are:"),
                Content::ToolCall(ToolCall::new("1", "out", r#"{"value": [1]}"#)),
            ],
            stop: Stop::new(StopReason::ToolUse),
            ..ChatResponse::default()
        };
        FormatCall::new("out".into(), true).restore(&mut chat);
        assert_eq!(chat.content, [Content::text("[1]")]);
        assert_eq!(chat.stop.reason, StopReason::EndTurn);

        let prose = ChatResponse {
            content: vec![Content::text("I will not.")],
            ..ChatResponse::default()
        };
        let mut chat = prose.clone();
        FormatCall::new("out".into(), true).restore(&mut chat);
        assert_eq!(chat, prose);
    }
}
