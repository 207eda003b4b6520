//! A vendor with a wire format of its own: what a user writes outside of this crate, and its fixtures.

use std::{borrow::Cow, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};
use trunkline::{
    Error, ErrorKind, Provider, Secret,
    chat::{
        CallKind, ChatRequest, ChatResponse, Content, EventSink, Fidelity, Role, Stop, StopReason,
        ToolCall, ToolKind, Usage,
    },
    dialect::{Call, Dialect, EventDecoder, FrameError, Target},
    request::Operation,
    testing::{Answer, Fixtures, Turn, conformance},
    wire::Frame,
};

/// The vendor.
#[derive(Debug)]
pub struct Alien(Uri);

impl Provider for Alien {
    fn name(&self) -> &str {
        "alien"
    }
    fn base_url(&self) -> &Uri {
        &self.0
    }
    fn dialect(&self, operation: &Operation) -> Option<&'static dyn Dialect> {
        matches!(operation, Operation::Chat).then_some(&Tongue)
    }
}

/// Its format.
#[derive(Debug)]
struct Tongue;

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    say: String,
    #[serde(default)]
    call: Option<Called>,
    #[serde(default)]
    calls: Vec<Called>,
    #[serde(default)]
    end: Option<String>,
    #[serde(default)]
    cost: Option<(u64, u64)>,
    #[serde(default)]
    wrong: Option<String>,
}

#[derive(Deserialize)]
struct Called {
    id: String,
    name: String,
    with: Value,
}

fn reason(end: &str) -> StopReason {
    match end {
        "long" => StopReason::MaxTokens,
        "calls" => StopReason::ToolUse,
        _ => StopReason::EndTurn,
    }
}

fn usage((input, output): (u64, u64)) -> Usage {
    let mut usage = Usage::default();
    usage.input = Some(input);
    usage.output = Some(output);
    usage
}

fn failed(why: String) -> Error {
    Error::new(ErrorKind::Overloaded, why)
}

impl Dialect for Tongue {
    fn name(&self) -> &'static str {
        "alien"
    }

    fn path(&self, _: &Call<'_>) -> Cow<'static, str> {
        "/talk".into()
    }

    fn encode_request(
        &self,
        request: &ChatRequest,
        target: &Target<'_>,
        _: &mut Fidelity,
    ) -> Result<Bytes, Error> {
        let mut talk = Vec::new();
        for message in &request.messages {
            for part in &message.content {
                talk.push(match part {
                    Content::Text { text, .. } => {
                        let who = match message.role {
                            Role::Assistant => "me",
                            Role::System => "law",
                            _ => "you",
                        };
                        json!([who, text])
                    }
                    Content::ToolCall(call) => json!(["call", call.id, call.name, call.arguments]),
                    Content::ToolResult(result) => {
                        let text: String =
                            result.content.iter().filter_map(Content::as_text).collect();
                        json!(["result", result.id, text])
                    }
                    _ => {
                        let message = "this vendor reads text only";
                        return Err(Error::new(ErrorKind::Unsupported, message));
                    }
                });
            }
        }
        let tools = request.tools.iter().map(|tool| match &tool.kind {
            ToolKind::Function { schema, .. } => json!([tool.name, tool.description, schema]),
            _ => json!([tool.name]),
        });
        let body = json!({
            "model": target.model, "talk": talk, "tools": tools.collect::<Vec<_>>(),
            "live": request.stream, "most": request.max_tokens,
        });
        Ok(body.to_string().into())
    }

    fn decode_response(&self, body: &[u8]) -> Result<ChatResponse, Error> {
        let bad = |error: serde_json::Error| Error::new(ErrorKind::Server, error.to_string());
        let said: Said = serde_json::from_slice(body).map_err(bad)?;
        if let Some(why) = said.wrong {
            return Err(failed(why));
        }
        let mut answer = ChatResponse::default();
        answer.content.push(Content::text(said.say));
        for call in said.calls {
            let call = ToolCall::new(call.id, call.name, call.with.to_string());
            answer.content.push(Content::ToolCall(call));
        }
        answer.stop = Stop::new(reason(said.end.as_deref().unwrap_or_default()));
        answer.usage = said.cost.map(usage);
        Ok(answer)
    }

    fn decoder(&self) -> Box<dyn EventDecoder> {
        Box::new(Reader { calls: 0 })
    }
}

struct Reader {
    calls: usize,
}

impl EventDecoder for Reader {
    fn decode(&mut self, frame: &Frame, out: &mut EventSink) -> Result<(), FrameError> {
        if frame.name() != Some("say") {
            return Err(FrameError::Unknown);
        }
        let said: Said = serde_json::from_slice(frame.data())
            .map_err(|error| FrameError::Malformed(error.to_string()))?;
        if let Some(why) = said.wrong {
            return Err(FrameError::Vendor(failed(why)));
        }
        out.text(&said.say);
        if let Some(call) = said.call {
            out.tool_call(self.calls, &call.id, &call.name, CallKind::Function);
            out.tool_arguments(self.calls, &call.with.to_string());
            out.tool_end(self.calls);
            self.calls += 1;
        }
        if let Some(cost) = said.cost {
            out.usage(&usage(cost));
        }
        if let Some(end) = said.end {
            out.stop(Stop::new(reason(&end)));
            out.end();
        }
        Ok(())
    }
}

fn events(items: &[Value]) -> Answer {
    Answer::sse(
        items
            .iter()
            .map(|item| format!("event: say\ndata: {item}\n\n")),
    )
}

pub fn fixtures() -> Fixtures {
    let (hello, there) = (json!({"say": "Hello "}), json!({"say": "there."}));
    let end = |how: &str| json!({"end": how, "cost": [30, 4]});
    let wrong = json!({"wrong": "no air"});
    let said = |how: &str| {
        Turn::new()
            .whole(Answer::json(
                200,
                json!({"say": "Hello there.", "end": how, "cost": [30, 4]}).to_string(),
            ))
            .stream(events(&[hello.clone(), there.clone(), end(how)]))
            .text("Hello there.")
            .usage(30, 4)
    };
    let call = |n: u32| json!({"id": format!("c{n}"), "name": "look", "with": {"at": n}});
    let tools = Turn::new()
        .whole(Answer::json(
            200,
            json!({"calls": [call(1), call(2)], "end": "calls"}).to_string(),
        ))
        .stream(events(&[
            json!({"call": call(1)}),
            json!({"call": call(2)}),
            json!({"end": "calls"}),
        ]))
        .call("look", r#"{"at":1}"#)
        .call("look", r#"{"at":2}"#)
        .stop(StopReason::ToolUse);
    let mut fixtures = Fixtures::empty()
        .model("large")
        .text(said("done"))
        .length(said("long").stop(StopReason::MaxTokens))
        .tools(tools)
        .error_inside(Answer::json(200, wrong.to_string()))
        .error_in_stream(events(std::slice::from_ref(&wrong)))
        .error_midway(events(&[hello.clone(), wrong]))
        .wait(
            Answer::status(429).header("retry-after", "9"),
            Duration::from_secs(9),
        )
        .secret(Secret::new("alien-key"));
    for status in [401, 429, 500] {
        fixtures = fixtures.refused(
            status,
            Answer::json(status, r#"{"message":"Conformance refuses."}"#),
        );
    }
    fixtures
}

pub fn provider() -> Alien {
    Alien(Uri::from_static("https://alien.example/api"))
}

#[tokio::test]
async fn a_wire_format_of_ones_own_conforms_with_fixtures_of_ones_own() {
    let report = conformance(Arc::new(provider()), fixtures()).await;
    report.assert();
    let skipped: Vec<_> = report.skipped().map(|case| case.name).collect();
    assert_eq!(
        skipped,
        [
            "thinking goes back with its signature",
            "thinking is kept",
            "thinking is kept in streams",
            "402 is about our money",
            "403 is about our key or its rights",
            "404 is a model that is not there",
            "408 may be tried again",
            "413 is about the size of the request",
            "503 is too much load",
            "529 is too much load",
        ]
    );
}
