//! What of an answer callers cannot be told: the rules that several fronts share.
//!
//! Paths begin with `response`, so that nobody takes them for places in the request.

use crate::chat::{Block, ChatEvent, Delta, Loss, Note};

/// A part that only another dialect knows.
pub(super) fn foreign_part(event: &ChatEvent, own: &str) -> Option<Note> {
    match event {
        ChatEvent::BlockStart {
            block: Block::Other { dialect, .. },
            ..
        } if *dialect != own => Some(note(
            "response.content",
            Loss::Dropped,
            format!("a part that only the dialect {dialect} knows"),
        )),
        _ => None,
    }
}

/// A source that has no address, or of which more is known than its address and title.
pub(super) fn citation(event: &ChatEvent, own: &str) -> Option<Note> {
    let ChatEvent::Delta {
        delta: Delta::Citation(citation),
        ..
    } = event
    else {
        return None;
    };
    match &citation.raw {
        Some((dialect, _)) if *dialect == own => None,
        _ if citation.url.is_none() => Some(note(
            "response.citations",
            Loss::Dropped,
            "only sources with an address can be told",
        )),
        Some(_) => Some(note(
            "response.citations",
            Loss::Changed,
            "of a source its address, its title and the words cited are told, as far as there is a place for them",
        )),
        None => None,
    }
}

/// Log probabilities, where there is no place for them.
pub(super) fn logprobs(event: &ChatEvent) -> Option<Note> {
    matches!(event, ChatEvent::Logprobs(_)).then(|| {
        note(
            "response.logprobs",
            Loss::Dropped,
            "this dialect does not tell them, or in another shape",
        )
    })
}

/// A deviation in an answer.
pub(super) fn note(path: &str, loss: Loss, why: impl Into<std::borrow::Cow<'static, str>>) -> Note {
    Note {
        path: path.to_owned(),
        loss,
        why: why.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use crate::{
        Json,
        chat::{Citation, EventSink},
        dialect::{
            Asked, Dialect, anthropic::Anthropic, gemini::Gemini, openai_chat::OpenAiChat,
            openai_completions::OpenAiCompletions, openai_responses::OpenAiResponses,
        },
        wire::Frame,
    };

    /// An answer with one thing in it that is called `sentinel`.
    type Answer = fn(&mut EventSink);

    /// Signatures and encrypted reasoning are not among them: they are carried wrapped.
    const ANSWERS: &[(&str, Answer)] = &[
        ("text", |out| out.text("sentinel")),
        ("thinking", |out| out.thinking("sentinel")),
        ("refusal", |out| out.refusal("sentinel")),
        ("logprobs", |out| {
            out.text("x");
            out.logprobs(json(
                r#"{"content":[{"token":"sentinel","logprob":0,"bytes":null,"top_logprobs":[]}]}"#,
            ));
        }),
        ("call", |out| {
            out.tool_call(0, "1", "sentinel", crate::chat::CallKind::Function);
            out.tool_arguments(0, "{}");
            out.tool_end(0);
        }),
        ("anthropic part", |out| {
            out.other(
                "anthropic",
                json(r#"{"type":"server_tool_use","id":"sentinel","name":"n","input":{}}"#),
            );
        }),
        ("gemini part", |out| {
            out.other("gemini", json(r#"{"executableCode":{"code":"sentinel"}}"#));
        }),
        ("responses part", |out| {
            out.other(
                "openai-responses",
                json(r#"{"type":"web_search_call","id":"sentinel"}"#),
            );
        }),
        ("chat part", |out| {
            out.other(
                "openai-chat",
                json(r#"{"type":"novel","novel":"sentinel"}"#),
            );
        }),
        ("citation", |out| {
            out.text("x");
            out.citation(Citation {
                url: Some("https://e.example/sentinel".into()),
                title: Some("t".into()),
                ..Citation::default()
            });
        }),
        ("citation without address", |out| {
            out.text("x");
            out.citation(Citation {
                raw: Some(("cohere", json(r#"{"document":"sentinel"}"#))),
                ..Citation::default()
            });
        }),
    ];

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    #[test]
    fn what_an_encoder_leaves_out_is_in_the_report_and_nothing_else() {
        for dialect in [
            &OpenAiChat as &dyn Dialect,
            &OpenAiResponses,
            &Anthropic,
            &Gemini,
            &OpenAiCompletions,
        ] {
            let front = dialect.front().unwrap();
            for (name, answer) in ANSWERS {
                let mut sink = EventSink::new();
                sink.start("id", "model");
                answer(&mut sink);
                sink.stop(crate::chat::Stop::default());
                sink.end();
                let mut encoder = front.encoder(&Asked::new("m", true, 1));
                let (mut frames, mut told): (VecDeque<Frame>, _) = (VecDeque::new(), true);
                while let Some(event) = sink.next_event() {
                    told &= front.unsaid(&event).is_none();
                    encoder.encode(event, &mut frames);
                }
                let text: String = frames
                    .iter()
                    .map(|f| String::from_utf8_lossy(f.raw()).into_owned())
                    .collect();
                let name = format!("{name} to {}: {text}", dialect.name());
                assert_eq!(text.contains("sentinel"), told, "{name}");
            }
        }
    }
}
