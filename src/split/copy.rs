//! One copy: is it fit, what is in it, and what becomes of its answer.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::value::RawValue;
use tower::ServiceExt;
use tower_service::Service;

use super::{Shadow, shadow::Watch, tally::Running};
use crate::{
    BoxError,
    budget::{CallBudget, RetryBudget},
    chat::{ChatRequest, ToolKind, Usage},
    dialect::{Dialect, openai_responses::OpenAiResponses},
    error::{Error, ErrorKind},
    request::{Caller, ModelRequest, Operation, Payload, Priority},
    response::{ModelResponse, Outcome, Reply},
    trail::Trail,
};

/// Longer than any call may wait.
const FOREVER: Duration = Duration::from_secs(365 * 86_400);

/// Can it be told without a look at the body that the call is no conversation, or bound to something?
pub(crate) fn is_plain(request: &ModelRequest) -> bool {
    request.operation == Operation::Chat && request.pin.is_none()
}

/// Sends the copy and reads its answer, in as much time as it has. Nobody hears of it.
pub(super) async fn run<S>(
    inner: S,
    request: ModelRequest,
    shadow: Shadow,
    mut running: Running,
    mut watch: Watch,
) where
    S: Service<ModelRequest, Response = ModelResponse>,
    S::Error: Into<BoxError>,
{
    // A look at the whole body: here no caller waits for it.
    if leaves_something(&request.payload) {
        running.undone("unfit");
        return;
    }
    let timeout = shadow.timeout;
    let played = async {
        let asked = copy(&request, &shadow);
        let response = inner.oneshot(asked).await;
        let response = response.map_err(|error| Error::from_box(error.into()))?;
        running.answered(&response);
        Ok(discard(response.reply, shadow.most_bytes).await)
    };
    let ended: Result<Outcome, Error> = tokio::select! {
        biased;
        () = watch.stopped() => return,
        played = tokio::time::timeout(timeout, played) => match played {
            Ok(ended) => ended,
            Err(_) => Err(Error::new(ErrorKind::Timeout, "the copy's time is over")),
        },
    };
    match ended {
        Ok(outcome) => running.ended(&outcome),
        Err(error) => {
            tracing::debug!(model = &*shadow.model, kind = %error.kind(), "a copy failed");
            running.failed(&error);
        }
    }
}

/// The same conversation as nobody's call.
fn copy(request: &ModelRequest, shadow: &Shadow) -> ModelRequest {
    let mut copy = ModelRequest::new(
        shadow.model.clone(),
        Operation::Chat,
        request.payload.clone(),
    );
    copy.headers = passed_on(&request.headers);
    copy.affinity = session(&request.caller, request.affinity.as_ref());
    copy.priority = Priority::Low;
    copy.fidelity = request.fidelity;
    copy.budget = CallBudget::new().with_timeout(shadow.timeout);
    // One attempt, and none of the traffic's second ones. The first to say so wins.
    copy.budget.limit(1, &RetryBudget::with_reserve(0.0, 0));
    // Nor does it stand in a queue before real calls: this is as if it had waited already.
    copy.budget.add_waited(FOREVER);
    copy.trail = Trail::new();
    copy
}

/// Without what names the caller's own call at a vendor, or his trace.
fn passed_on(headers: &Arc<HeaderMap>) -> Arc<HeaderMap> {
    const NOT: [HeaderName; 4] = [
        HeaderName::from_static("idempotency-key"),
        HeaderName::from_static("traceparent"),
        HeaderName::from_static("tracestate"),
        HeaderName::from_static("x-codex-turn-state"),
    ];
    if !NOT.iter().any(|name| headers.contains_key(name)) {
        return headers.clone();
    }
    let mut headers = HeaderMap::clone(headers);
    for name in &NOT {
        headers.remove(name);
    }
    headers.into()
}

/// Sessions of different callers stay different.
fn session(caller: &Caller, affinity: Option<&Arc<str>>) -> Option<Arc<str>> {
    let affinity = affinity?;
    Some(match &caller.id {
        Some(id) => format!("{id}/{affinity}").into(),
        None => affinity.clone(),
    })
}

/// Reads the answer to its end and keeps nothing of it.
async fn discard(reply: Reply, most_bytes: u64) -> Outcome {
    let mut stream = match reply {
        Reply::Complete(complete) => {
            let usage = complete.usage();
            return Outcome::Completed { usage };
        }
        // No conversation's.
        Reply::Opaque(_) => return Outcome::Cancelled { usage: None },
        Reply::Stream(stream) => stream,
    };
    let mut bytes = 0_u64;
    while let Some(frame) = stream.next_frame().await {
        match frame {
            Ok(frame) => bytes = bytes.saturating_add(frame.data().len() as u64),
            Err(error) => return broken(error, stream.usage()),
        }
        if bytes > most_bytes {
            let usage = stream.usage();
            return Outcome::Cancelled { usage };
        }
    }
    let usage = stream.usage();
    Outcome::Completed { usage }
}

const fn broken(error: Error, usage: Option<Usage>) -> Outcome {
    Outcome::Broken { error, usage }
}

/// Would a second call of the same body leave something behind at a vendor, or do something there? What cannot be read might.
fn leaves_something(payload: &Payload) -> bool {
    let bytes = payload.bytes();
    if bytes.is_empty() {
        return payload.chat().map_or(true, typed);
    }
    let Ok(said) = serde_json::from_slice::<Said<'_>>(bytes) else {
        return true;
    };
    let responses = payload
        .dialect()
        .is_some_and(|dialect| dialect.name() == OpenAiResponses.name());
    let stored = match said.store.map(RawValue::get) {
        Some("false") => false,
        // There it is the default.
        None | Some("null") => responses,
        Some(_) => true,
    };
    let is_said = |member: Option<&RawValue>| {
        member.is_some_and(|member| !matches!(member.get(), "null" | "false" | "[]"))
    };
    let tools = said.tools.unwrap_or_default();
    stored
        || is_said(said.background)
        || is_said(said.previous_response_id)
        || is_said(said.conversation)
        || is_said(said.container)
        || is_said(said.mcp_servers)
        || tools.iter().any(|tool| acts(tool.get()))
}

/// As much of a body as tells what it does besides being answered. serde skips the rest without building it.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, default)]
    store: Option<&'a RawValue>,
    #[serde(borrow, default)]
    background: Option<&'a RawValue>,
    #[serde(borrow, default)]
    previous_response_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    conversation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    container: Option<&'a RawValue>,
    #[serde(borrow, default)]
    mcp_servers: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tools: Option<Vec<&'a RawValue>>,
}

/// A tool that the vendor runs where it changes something: on a server of somebody else's.
fn acts(tool: &str) -> bool {
    #[derive(Deserialize)]
    struct Tool<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Option<std::borrow::Cow<'a, str>>,
    }
    match serde_json::from_str::<Tool<'_>>(tool) {
        Ok(tool) => tool.kind.is_some_and(|kind| kind.starts_with("mcp")),
        Err(_) => true,
    }
}

/// The same of a conversation that never was bytes.
fn typed(chat: &ChatRequest) -> bool {
    const MEMBERS: [&str; 6] = [
        "store",
        "background",
        "previous_response_id",
        "conversation",
        "container",
        "mcp_servers",
    ];
    let said = |name: &str| {
        let member = chat.extra.get(name);
        member.is_some_and(|member| !matches!(member.as_str(), "null" | "false" | "[]"))
    };
    let acts = chat.tools.iter().any(|tool| match &tool.kind {
        ToolKind::Hosted { json, .. } => acts(json.as_str()),
        _ => false,
    });
    acts || MEMBERS.iter().any(|name| said(name))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        chat::Message,
        dialect::{anthropic::Anthropic, openai_chat::OpenAiChat},
    };

    #[test]
    fn what_leaves_something_behind_is_told_by_the_body() {
        let of = |dialect: &'static dyn Dialect, members: &str| {
            let body = format!(
                r#"{{"model":"m","input":"hi","messages":[{{"role":"user","content":"hi"}}],"max_tokens":9{members}}}"#
            );
            leaves_something(&Payload::json(dialect, Bytes::from(body)).unwrap())
        };
        for (dialect, members, leaves) in [
            (&OpenAiChat as &'static dyn Dialect, "", false),
            (&OpenAiChat, r#","store":null,"tools":[]"#, false),
            (&OpenAiChat, r#","store":true"#, true),
            (
                &OpenAiChat,
                r#","tools":[{"type":"function","function":{}}]"#,
                false,
            ),
            (
                &Anthropic,
                r#","tools":[{"name":"a","input_schema":{}}]"#,
                false,
            ),
            (&Anthropic, r#","mcp_servers":[{"url":"https://x"}]"#, true),
            (&Anthropic, r#","container":"c_1""#, true),
            (&OpenAiResponses, "", true),
            (&OpenAiResponses, r#","store":false"#, false),
            (
                &OpenAiResponses,
                r#","store":false,"background":true"#,
                true,
            ),
            (
                &OpenAiResponses,
                r#","store":false,"previous_response_id":"r"""#.trim_end_matches('"'),
                true,
            ),
            (
                &OpenAiResponses,
                r#","store":false,"tools":[{"type":"mcp"}]"#,
                true,
            ),
            (
                &OpenAiResponses,
                r#","store":false,"tools":[{"type":"web_search"}]"#,
                false,
            ),
        ] {
            // A body that is no call of its dialect is another test's.
            let members = if members.ends_with(":\"r") {
                format!("{members}\"")
            } else {
                members.to_owned()
            };
            assert_eq!(
                of(dialect, &members),
                leaves,
                "{} {members}",
                dialect.name()
            );
        }
        let typed = ChatRequest::new("m", vec![Message::user("hi")]);
        assert!(!leaves_something(&Payload::from_chat(typed)));
    }
}
