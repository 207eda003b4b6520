//! A script as OpenAI's Chat Completions spell it.

use super::{
    Answer,
    script::{Part, Script, Stop, Tokens, fragments, quote, words},
};

const ID: &str = "chatcmpl-scripted";
const CREATED: u64 = 1_750_000_000;
const REQUEST_ID: (&str, &str) = ("x-request-id", "req_scripted");

pub(super) fn error(status: u16, r#type: &str, code: &str, message: &str) -> Answer {
    let (message, r#type) = (quote(message), quote(r#type));
    let code = if code.is_empty() {
        "null".to_owned()
    } else {
        quote(code)
    };
    let body =
        format!(r#"{{"error":{{"message":{message},"type":{type},"param":null,"code":{code}}}}}"#);
    Answer::json(status, body).header(REQUEST_ID.0, REQUEST_ID.1)
}

pub(super) fn whole(script: &Script, model: &str) -> Answer {
    let (mut text, mut thinking, mut calls) = (None, None, Vec::new());
    for part in &script.parts {
        match part {
            Part::Text(more) => text.get_or_insert_with(String::new).push_str(more),
            Part::Thinking(more) => thinking.get_or_insert_with(String::new).push_str(more),
            Part::ToolCall {
                id,
                name,
                arguments,
            } => calls.push(format!(
                r#"{{"id":{},"type":"function","function":{{"name":{},"arguments":{}}}}}"#,
                quote(id),
                quote(name),
                quote(arguments)
            )),
        }
    }
    let text = match (text, calls.is_empty()) {
        (Some(text), _) => quote(&text),
        (None, true) => quote(""),
        (None, false) => "null".to_owned(),
    };
    let thinking = thinking.map_or_else(String::new, |it| {
        format!(r#","reasoning_content":{}"#, quote(&it))
    });
    let calls = if calls.is_empty() {
        String::new()
    } else {
        format!(r#","tool_calls":[{}]"#, calls.join(","))
    };
    let body = format!(
        r#"{{"id":{id},"object":"chat.completion","created":{CREATED},"model":{model},"choices":[{{"index":0,"message":{{"role":"assistant","content":{text}{thinking}{calls},"refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"{finish}"}}],"usage":{usage},"service_tier":"default","system_fingerprint":"fp_scripted"}}"#,
        id = quote(script.id_or(ID)),
        model = quote(model),
        finish = finish_reason(script),
        usage = usage(&script.tokens()),
    );
    Answer::json(200, body).header(REQUEST_ID.0, REQUEST_ID.1)
}

pub(super) fn stream(script: &Script, model: &str, include_usage: bool) -> Answer {
    let head = format!(
        r#"{{"id":{},"object":"chat.completion.chunk","created":{CREATED},"model":{},"service_tier":"default","system_fingerprint":"fp_scripted","#,
        quote(script.id_or(ID)),
        quote(model)
    );
    // Asked for usage, OpenAI writes the member into every chunk.
    let no_usage = if include_usage {
        r#","usage":null"#
    } else {
        ""
    };
    let chunk = |delta: &str, finish: &str| {
        format!(
            r#"{head}"choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]{no_usage}}}"#
        )
    };

    let only_tools = script.has_tool_calls()
        && !script
            .parts
            .iter()
            .any(|part| matches!(part, Part::Text(_)));
    let content = if only_tools { "null" } else { r#""""# };
    let mut items = vec![chunk(
        &format!(r#"{{"role":"assistant","content":{content},"refusal":null}}"#),
        "null",
    )];
    items.extend(
        deltas(&script.parts)
            .iter()
            .map(|delta| chunk(delta, "null")),
    );
    items.push(chunk("{}", &quote(finish_reason(script))));
    if include_usage {
        items.push(format!(
            r#"{head}"choices":[],"usage":{}}}"#,
            usage(&script.tokens())
        ));
    }
    items.push("[DONE]".to_owned());
    Answer::data(items).header(REQUEST_ID.0, REQUEST_ID.1)
}

fn deltas(parts: &[Part]) -> Vec<String> {
    let mut deltas = Vec::new();
    let mut index = 0;
    for part in parts {
        match part {
            Part::Text(text) => {
                deltas.extend(
                    words(text)
                        .iter()
                        .map(|word| format!(r#"{{"content":{}}}"#, quote(word))),
                );
            }
            Part::Thinking(text) => deltas.extend(
                words(text)
                    .iter()
                    .map(|word| format!(r#"{{"reasoning_content":{}}}"#, quote(word))),
            ),
            Part::ToolCall {
                id,
                name,
                arguments,
            } => {
                deltas.push(format!(
                    r#"{{"tool_calls":[{{"index":{index},"id":{},"type":"function","function":{{"name":{},"arguments":""}}}}]}}"#,
                    quote(id),
                    quote(name)
                ));
                deltas.extend(fragments(arguments).iter().map(|fragment| {
                    format!(
                        r#"{{"tool_calls":[{{"index":{index},"function":{{"arguments":{}}}}}]}}"#,
                        quote(fragment)
                    )
                }));
                index += 1;
            }
        }
    }
    deltas
}

fn finish_reason(script: &Script) -> &'static str {
    match script.stop {
        Stop::Natural if script.has_tool_calls() => "tool_calls",
        Stop::Natural => "stop",
        Stop::Length => "length",
        Stop::Refusal => "content_filter",
    }
}

fn usage(tokens: &Tokens) -> String {
    format!(
        r#"{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{},"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":{},"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}}"#,
        tokens.input,
        tokens.output,
        tokens.input.saturating_add(tokens.output),
        tokens.cached,
        tokens.thinking
    )
}
