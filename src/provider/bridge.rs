//! Which calls of a vendor of Chat Completions go over its Responses instead.

use crate::{
    chat::ChatRequest,
    dialect::{Bridge, openai_chat},
    request::Payload,
};

/// Does this call have to take the bridge? A conversation is read only for models of whom it depends on what is asked.
pub(super) fn takes(bridge: &Bridge, model: &str, payload: &Payload) -> bool {
    if is_only(bridge, model) {
        return true;
    }
    bridge.thinking_with_tools
        && openai_chat::may_refuse_tools(model)
        && mentions_tools(payload)
        && payload.chat().is_ok_and(|chat| {
            openai_chat::refuses_tools(model, chat) && !needs_chat_completions(chat)
        })
}

/// Is there a word in the model's name that tells? Of OpenAI's models only: a vendor may offer those of others, too.
fn is_only(bridge: &Bridge, model: &str) -> bool {
    if !openai_chat::is_openais(model) {
        return false;
    }
    let name = model.rsplit('/').next().unwrap_or(model);
    name.split('-').any(|word| {
        bridge
            .only
            .iter()
            .any(|only| word.eq_ignore_ascii_case(only))
    })
}

/// A look at the bytes, to save reading most bodies.
fn mentions_tools(payload: &Payload) -> bool {
    let bytes = payload.bytes();
    let has = |name: &[u8]| memchr::memmem::find(bytes, name).is_some();
    bytes.is_empty() || has(b"\"tools\"") || has(b"\"functions\"")
}

/// Does it ask for something that only Chat Completions have? Then it goes there, without reasoning.
fn needs_chat_completions(chat: &ChatRequest) -> bool {
    chat.n.is_some_and(|n| n > 1) || chat.extra.get("audio").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::openai_chat::OpenAiChat;

    #[test]
    fn exactly_those_calls_take_the_bridge() {
        let f = r#""tools":[{"type":"function","function":{"name":"f"}}]"#;
        let custom = r#""tools":[{"type":"custom","custom":{"name":"f"}}]"#;
        for (model, members, want) in [
            ("gpt-5.4", format!(r#"{f},"reasoning_effort":"low""#), true),
            ("gpt-5.4", f.to_owned(), false),
            (
                "gpt-5.4",
                format!(r#"{f},"reasoning_effort":"none""#),
                false,
            ),
            ("gpt-5.4", r#""reasoning_effort":"high""#.to_owned(), false),
            (
                "gpt-5.4",
                format!(r#"{custom},"reasoning_effort":"high""#),
                false,
            ),
            ("gpt-5.6", f.to_owned(), true),
            (
                "gpt-5.6",
                format!(r#"{f},"reasoning_effort":"none""#),
                false,
            ),
            ("gpt-5.6", format!(r#"{f},"n":2"#), false),
            ("openai/gpt-5.6-mini", f.to_owned(), true),
            (
                "gpt-5.1",
                format!(r#"{f},"reasoning_effort":"high""#),
                false,
            ),
            ("gpt-4o", f.to_owned(), false),
            ("gpt-5.3-codex", String::new(), true),
            ("codex-mini-latest", String::new(), true),
            ("o1-pro", String::new(), true),
            ("gpt-5.2-pro-2026-01-01", String::new(), true),
            ("o4-mini-deep-research", String::new(), true),
            ("computer-use-preview", String::new(), true),
            ("o4-mini", String::new(), false),
            ("google/gemini-2.5-pro", String::new(), false),
        ] {
            let comma = if members.is_empty() { "" } else { "," };
            let body = format!(
                r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{comma}{members}}}"#
            );
            let payload = Payload::json(&OpenAiChat, body.into()).unwrap();
            assert_eq!(
                takes(&Bridge::OPENAI, model, &payload),
                want,
                "{model} {members}"
            );
        }
    }
}
