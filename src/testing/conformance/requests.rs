//! What the vendor is sent.

use percent_encoding::percent_decode_str;

use super::bench::{Bench, Check, Outcome, excerpt, have, holds, must, wrong};
use crate::{
    ErrorKind, Json,
    chat::{ChatRequest, Content, Media, Message, Role, Source, Tool, ToolCall, ToolResult},
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "the request goes below the base url",
        fix: "Provider::path: it starts with `/` and is appended to the base URL",
        run: |b| Box::pin(below_the_base(b)),
    },
    Check {
        name: "the request carries the model",
        fix: "Dialect::encode_request: write Target::model, not ChatRequest::model; or Dialect::path, if it stands there",
        run: |b| Box::pin(model(b)),
    },
    Check {
        name: "the request carries the conversation",
        fix: "Dialect::encode_request: every message, in order, system messages too",
        run: |b| Box::pin(conversation(b)),
    },
    Check {
        name: "the limit on tokens is sent",
        fix: "Dialect::encode_request: ChatRequest::max_tokens",
        run: |b| Box::pin(max_tokens(b)),
    },
    Check {
        name: "a stream is asked for",
        fix: "Dialect::encode_request or Dialect::path: ChatRequest::stream has to make a difference",
        run: |b| Box::pin(stream(b)),
    },
    Check {
        name: "the same request gives the same bytes",
        fix: "Dialect::encode_request and Provider::finish: no random ids, no time, no maps of random order",
        run: |b| Box::pin(same_bytes(b)),
    },
    Check {
        name: "tools are offered",
        fix: "Dialect::encode_request: name, description and schema of every tool in ChatRequest::tools",
        run: |b| Box::pin(tools(b)),
    },
    Check {
        name: "tool calls round trip",
        fix: "Dialect::encode_request: Content::ToolCall and Content::ToolResult, each result by the id of its call",
        run: |b| Box::pin(tool_results(b)),
    },
    Check {
        name: "an image is sent, or refused, or reported",
        fix: "Dialect::encode_request: write Content::Image, return ErrorKind::Unsupported, or tell the Fidelity report",
        run: |b| Box::pin(image(b)),
    },
    Check {
        name: "thinking goes back with its signature",
        fix: "Dialect::encode_request: Content::Thinking of the assistant's turns, byte for byte",
        run: |b| Box::pin(thinking(b)),
    },
];

async fn below_the_base(b: &Bench) -> Outcome {
    let base = b.provider.base_url();
    let sent = b.sent(b.chat(false)).await?;
    let same = sent.uri.scheme() == base.scheme() && sent.uri.authority() == base.authority();
    let path = base.path().trim_end_matches('/');
    must(
        same && sent.path().starts_with(&format!("{path}/")),
        format!("something below {base}"),
        || sent.uri.to_string(),
    )
}

async fn model(b: &Bench) -> Outcome {
    let mut chat = b.chat(false);
    // What the caller calls it is the caller's business.
    chat.model = "alias-of-the-caller".to_owned();
    let sent = b.sent(chat).await?;
    let model = b.fixtures.model.as_str();
    let path = percent_decode_str(sent.path_and_query()).decode_utf8_lossy();
    let there = holds(&sent.body, model) || path.contains(model);
    must(
        there && !holds(&sent.body, "alias-of-the-caller"),
        format!("the vendor's name of the model, {model}"),
        || format!("{} {}", sent.path(), excerpt(&sent.body)),
    )
}

async fn conversation(b: &Bench) -> Outcome {
    let mut chat = b.chat(false);
    chat.messages = vec![
        Message::system("conformance-system"),
        Message::user("conformance-first"),
        Message::text(Role::Assistant, "conformance-reply"),
        Message::user("conformance-last with ünicode and \"quotes\""),
    ];
    let sent = b.sent(chat).await?;
    for text in [
        "conformance-system",
        "conformance-first",
        "conformance-reply",
        "conformance-last with ünicode and \"quotes\"",
    ] {
        must(
            holds(&sent.body, text),
            format!("{text:?} in the body"),
            || excerpt(&sent.body),
        )?;
    }
    let body = sent.text();
    let order = ["conformance-first", "conformance-reply", "conformance-last"];
    let places: Vec<_> = order.iter().map(|text| body.find(text)).collect();
    must(places.is_sorted(), "the turns in their order", || {
        excerpt(&sent.body)
    })
}

async fn max_tokens(b: &Bench) -> Outcome {
    let sent = b.sent(b.chat(false)).await?;
    must(
        holds(&sent.body, "4321"),
        "4321, the limit, in the body",
        || excerpt(&sent.body),
    )
}

async fn stream(b: &Bench) -> Outcome {
    have(b.text()?.stream.as_ref(), "stream")?;
    let whole = b.sent(b.chat(false)).await?;
    let streamed = b.sent(b.chat(true)).await?;
    must(
        whole.body != streamed.body || whole.path_and_query() != streamed.path_and_query(),
        "another body or another path when a stream is asked for",
        || format!("{} {}", streamed.path_and_query(), excerpt(&streamed.body)),
    )
}

async fn same_bytes(b: &Bench) -> Outcome {
    let chat = || {
        let mut chat = with_tools(b);
        chat.messages.extend(called());
        chat
    };
    let one = b.sent(chat()).await?;
    let two = b.sent(chat()).await?;
    must(
        one.body == two.body && one.path_and_query() == two.path_and_query(),
        format!("twice {}", excerpt(&one.body)),
        || excerpt(&two.body),
    )
}

fn with_tools(b: &Bench) -> ChatRequest {
    let schema = r#"{"type":"object","properties":{"conformance_city":{"type":"string"}},"required":["conformance_city"]}"#;
    let schema = Json::parse(schema).unwrap_or_else(|_| Json::empty_object());
    let mut chat = b.chat(false);
    chat.tools = vec![Tool::function(
        "conformance_find",
        "conformance-description",
        schema,
    )];
    chat
}

/// Two calls, and their results.
fn called() -> [Message; 2] {
    let call = |n: u32| {
        let arguments = format!(r#"{{"conformance_city":"argument-{n}"}}"#);
        Content::ToolCall(ToolCall::new(
            format!("call_{n}"),
            "conformance_find",
            arguments,
        ))
    };
    let result = |n: u32| {
        let text = vec![Content::text(format!("conformance-result-{n}"))];
        Content::ToolResult(ToolResult::new(format!("call_{n}"), text))
    };
    [
        Message::new(Role::Assistant, vec![call(1), call(2)]),
        Message::new(Role::Tool, vec![result(1), result(2)]),
    ]
}

async fn tools(b: &Bench) -> Outcome {
    have(b.fixtures.tools.as_ref(), "answer with tool calls")?;
    let sent = b.sent(with_tools(b)).await?;
    for text in [
        "conformance_find",
        "conformance-description",
        "conformance_city",
    ] {
        must(
            holds(&sent.body, text),
            format!("{text:?} in the body"),
            || excerpt(&sent.body),
        )?;
    }
    Ok(())
}

async fn tool_results(b: &Bench) -> Outcome {
    have(b.fixtures.tools.as_ref(), "answer with tool calls")?;
    let mut chat = with_tools(b);
    chat.messages.extend(called());
    let sent = b.sent(chat).await?;
    for text in [
        "argument-1",
        "argument-2",
        "conformance-result-1",
        "conformance-result-2",
    ] {
        must(
            holds(&sent.body, text),
            format!("{text:?} in the body"),
            || excerpt(&sent.body),
        )?;
    }
    Ok(())
}

async fn image(b: &Bench) -> Outcome {
    const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
    let source = Source::Base64 {
        media_type: "image/png".to_owned(),
        data: PIXEL.to_owned(),
    };
    let text = b.text()?;
    let answer = have(text.whole.as_ref(), "whole answer")?.clone();
    let mut chat = b.chat(false);
    let parts = vec![
        Content::text("What is this?"),
        Content::Image(Media::new(source)),
    ];
    chat.messages = vec![Message::new(Role::User, parts)];
    let asked = b.ask(chat, answer).await;
    let refused = matches!(&asked.result, Err(error)
        if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidRequest));
    let sent = asked.sent.last();
    let there = sent.is_some_and(|sent| sent.text().contains(PIXEL));
    must(
        refused || there || !asked.fidelity.is_exact(),
        "the image in the body, or a word about it",
        || sent.map_or_else(String::new, |sent| excerpt(&sent.body)),
    )
}

async fn thinking(b: &Bench) -> Outcome {
    let turn = have(b.fixtures.thinking.as_ref(), "answer with thinking")?;
    let signature = have(turn.signature.as_ref(), "signature of thinking")?;
    for stream in [false, true] {
        if turn.answer(stream).is_none() {
            continue;
        }
        let answer = b.read(turn, stream, |answer| answer).await?;
        let mut chat = b.chat(false);
        chat.messages
            .push(Message::new(Role::Assistant, answer.content));
        chat.messages.push(Message::user("Go on."));
        let sent = b.sent(chat).await?;
        if !sent.text().contains(signature.as_str()) {
            return Err(wrong(
                format!("{signature:?} in the next request"),
                excerpt(&sent.body),
            ));
        }
    }
    Ok(())
}
