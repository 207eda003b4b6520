//! Tools under the caller's names.
//!
//! A name that the vendor would not take was written as an alias, and a tool of free text as one with a JSON object
//! around it, where the vendor has none. The answer speaks of both as the vendor was told: here the caller's words come back. What was
//! done follows from the request alone, so there is no table to keep.

use serde::Deserialize;

use super::format::FormatCall;
use crate::{
    chat::{Block, CallKind, ChatEvent, ChatResponse, Content, Delta, ToolKind},
    dialect::Dialect,
    request::Payload,
};

#[derive(Debug, Default)]
pub(crate) struct ToolNames {
    /// `(vendor's name, caller's name)`, where they differ.
    aliases: Vec<(String, String)>,
    /// Caller's names of tools of free text.
    custom: Vec<String>,
    /// Arguments of the open call, while they are still wrapped.
    wrapped: Option<String>,
    /// The tool that stood for the answer's shape.
    format: Option<FormatCall>,
}

impl ToolNames {
    /// What was done to the tools of this request for a vendor of dialect `to`.
    pub(crate) fn of(payload: &Payload, to: &'static dyn Dialect, same: bool) -> Self {
        let mut this = Self::default();
        if same {
            return this;
        }
        let Ok(chat) = payload.chat() else {
            return this;
        };
        this.format = FormatCall::of(chat, to);
        for tool in &chat.tools {
            let there = to.tool_name(&tool.name);
            if there != tool.name {
                this.aliases.push((there.into_owned(), tool.name.clone()));
            }
            if matches!(tool.kind, ToolKind::Custom { .. }) {
                this.custom.push(tool.name.clone());
            }
        }
        this
    }

    pub(super) fn restore(&self, chat: &mut ChatResponse) {
        if let Some(format) = &self.format {
            format.restore(chat);
        }
        for part in &mut chat.content {
            let Content::ToolCall(call) = part else {
                continue;
            };
            self.restore_name(&mut call.name);
            if self.is_wrapped(&call.name, call.kind) {
                call.kind = CallKind::Custom;
                call.arguments = unwrap(&call.arguments);
            }
        }
    }

    /// Passes the event on to `out`, or what has become of it.
    pub(crate) fn restore_event(&mut self, event: ChatEvent, out: &mut dyn FnMut(ChatEvent)) {
        match self.format.take() {
            None => self.restore_call(event, out),
            Some(mut format) => {
                format.restore_event(event, &mut |event| self.restore_call(event, out));
                self.format = Some(format);
            }
        }
    }

    fn restore_call(&mut self, mut event: ChatEvent, out: &mut dyn FnMut(ChatEvent)) {
        match &mut event {
            ChatEvent::BlockStart {
                block: Block::ToolCall { name, kind, .. },
                ..
            } => {
                self.restore_name(name);
                if self.is_wrapped(name, *kind) {
                    *kind = CallKind::Custom;
                    self.wrapped = Some(String::new());
                }
            }
            ChatEvent::Delta {
                delta: Delta::Arguments(more),
                ..
            } => {
                // The text inside cannot be told from its wrapping before it is whole.
                if let Some(held) = &mut self.wrapped {
                    held.push_str(more);
                    return;
                }
            }
            ChatEvent::BlockStop { index } => {
                if let Some(held) = self.wrapped.take() {
                    out(ChatEvent::Delta {
                        index: *index,
                        delta: Delta::Arguments(unwrap(&held)),
                    });
                }
            }
            _ => {}
        }
        out(event);
    }

    fn restore_name(&self, name: &mut String) {
        if let Some((_, ours)) = self.aliases.iter().find(|(there, _)| there == name) {
            name.clone_from(ours);
        }
    }

    fn is_wrapped(&self, name: &str, kind: CallKind) -> bool {
        kind == CallKind::Function && self.custom.iter().any(|custom| custom == name)
    }
}

/// The text out of `{"content": "…"}`; the whole if it is something else.
fn unwrap(arguments: &str) -> String {
    #[derive(Deserialize)]
    struct Wrapped {
        content: String,
    }
    match serde_json::from_str::<Wrapped>(arguments) {
        Ok(wrapped) => wrapped.content,
        Err(_) => arguments.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> ToolNames {
        ToolNames {
            aliases: vec![("short".into(), "a very long name".into())],
            custom: vec!["patch".into()],
            wrapped: None,
            format: None,
        }
    }

    fn call(name: &str) -> ChatEvent {
        ChatEvent::BlockStart {
            index: 0,
            block: Block::ToolCall {
                id: "1".into(),
                name: name.into(),
                kind: CallKind::Function,
            },
        }
    }

    fn arguments(text: &str) -> ChatEvent {
        ChatEvent::Delta {
            index: 0,
            delta: Delta::Arguments(text.into()),
        }
    }

    #[test]
    fn names_come_back() {
        let mut out = Vec::new();
        names().restore_event(call("short"), &mut |event| out.push(event));
        assert_eq!(out, [call("a very long name")]);
    }

    #[test]
    fn free_text_comes_out_of_its_wrapping_whole() {
        let mut names = names();
        let mut out = Vec::new();
        for event in [
            call("patch"),
            arguments(r#"{"content":"*** Be"#),
            arguments(r#"gin"}"#),
            ChatEvent::BlockStop { index: 0 },
            call("other"),
            arguments("{"),
        ] {
            names.restore_event(event, &mut |event| out.push(event));
        }
        assert_eq!(out[1], arguments("*** Begin"));
        assert_eq!(out[2], ChatEvent::BlockStop { index: 0 });
        assert_eq!(out[4], arguments("{"));
    }
}
