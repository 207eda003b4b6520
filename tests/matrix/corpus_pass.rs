//! Every recorded exchange through the stack, from a caller to a vendor of the same dialect: the request goes out and the answer
//! comes back byte for byte.

use std::{
    borrow::Cow,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use trunkline::{
    Body, IngressLayer, Secret, SseNormalizeLayer, Upstream,
    dialect::{Call, Dialect},
    provider::Provider,
    request::{ModelRequest, Operation},
    upstream::{Account, Attempt, Deployment},
};

use crate::{
    ENDPOINTS,
    corpus::{self, Case, Form},
    each,
    table::{Outcome, Table},
};

/// A vendor of one dialect.
#[derive(Debug)]
struct Speaks(&'static dyn Dialect, Uri);

impl Provider for Speaks {
    fn name(&self) -> &str {
        "recorded"
    }

    fn base_url(&self) -> &Uri {
        &self.1
    }

    fn dialect(&self, _: &Operation) -> Option<&'static dyn Dialect> {
        Some(self.0)
    }

    fn path(&self, _: &Call<'_>) -> Cow<'static, str> {
        Cow::Borrowed("/call")
    }
}

#[tokio::test]
async fn recorded_exchanges_pass_byte_for_byte() {
    let mut table = Table::new("passed");
    for (endpoint, dialect) in ENDPOINTS {
        let mut cases = Vec::new();
        if !each(endpoint, |case| {
            cases.extend(Exchange::of(case, dialect));
        }) {
            return;
        }
        for exchange in cases {
            exchange.run(&mut table).await;
        }
    }
    table.settle();
}

struct Exchange {
    id: String,
    row: String,
    dialect: &'static dyn Dialect,
    uri: &'static str,
    request: Bytes,
    /// Was the request recorded, too?
    recorded: bool,
    form: Form,
    answer: Bytes,
}

impl Exchange {
    fn of(case: &Case, dialect: &'static dyn Dialect) -> Option<Self> {
        let answer = case.answer()?;
        let form = corpus::form(answer);
        let stream = form != Form::Whole;
        // The recorder's own trimming aside.
        let answer = match form {
            Form::Stream => format!("{}\n\n", answer.trim_end()),
            _ => answer.to_owned(),
        };
        let uri = match (dialect.name(), stream) {
            ("openai-chat", _) => "/v1/chat/completions",
            ("openai-responses", _) => "/v1/responses",
            ("anthropic", _) => "/v1/messages",
            ("openai-completions", _) => "/v1/completions",
            (_, false) => "/v1beta/models/m:generateContent",
            (_, true) => "/v1beta/models/m:streamGenerateContent?alt=sse",
        };
        let front = dialect.front()?;
        let made = match dialect.name() {
            "openai-chat" => format!(
                r#"{{"model":"m","stream":{stream},"stream_options":{{"include_usage":true}},"messages":[{{"role":"user","content":"Hi"}}]}}"#
            ),
            "openai-responses" => format!(r#"{{"model":"m","stream":{stream},"input":"Hi"}}"#),
            "anthropic" => format!(
                r#"{{"model":"m","stream":{stream},"max_tokens":9,"messages":[{{"role":"user","content":"Hi"}}]}}"#
            ),
            "openai-completions" => format!(
                r#"{{"model":"m","stream":{stream},"stream_options":{{"include_usage":true}},"prompt":"Hi"}}"#
            ),
            _ => r#"{"contents":[{"parts":[{"text":"Hi"}]}]}"#.to_owned(),
        };
        let request = case.request.as_deref().filter(|body| {
            let legal = front.decode_request(body.as_bytes());
            let gemini = dialect.name() == "gemini";
            legal.is_ok_and(|chat| {
                gemini || chat.stream == stream && (chat.include_usage || !stream)
            })
        });
        Some(Self {
            id: case.id.clone(),
            row: format!("{} {}", case.vendor, dialect.name()),
            dialect,
            uri,
            recorded: request.is_some(),
            request: Bytes::copy_from_slice(request.unwrap_or(&made).as_bytes()),
            form,
            answer: answer.into(),
        })
    }

    async fn run(self, table: &mut Table) {
        let sent = Arc::new(Mutex::new(Bytes::new()));
        let (log, answer, form) = (sent.clone(), self.answer.clone(), self.form);
        let client = service_fn(move |request: Request<Body>| {
            let (log, answer) = (log.clone(), answer.clone());
            async move {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                *log.lock().unwrap() = body;
                let kind = match form {
                    Form::Stream => "text/event-stream",
                    _ => "application/json",
                };
                let response = Response::builder().header("content-type", kind);
                Ok::<_, Infallible>(response.body(Body::from(answer)).unwrap())
            }
        });
        let provider = Arc::new(Speaks(self.dialect, Uri::from_static("http://vendor.test")));
        let account = Arc::new(Account::new("a", Secret::new("key")));
        let upstream = Upstream::new(client);
        let stack = ServiceBuilder::new()
            .layer(IngressLayer::new())
            .layer(SseNormalizeLayer::new())
            .service(service_fn(move |request: ModelRequest| {
                // The model is called at the vendor as the caller calls it: nothing need be renamed.
                let model = request.model.clone();
                let deployment = Deployment::new(provider.clone(), account.clone(), model);
                upstream
                    .clone()
                    .oneshot(Attempt::new(request, Arc::new(deployment)))
            }));
        let request = Request::post(self.uri)
            .header("content-type", "application/json")
            .body(Body::from(self.request.clone()))
            .unwrap();
        let response = stack.oneshot(request).await.unwrap();
        let status = response.status();
        let body = match response.into_body().collect().await {
            Ok(body) => body.to_bytes(),
            // The recording ends in the middle: so does the stream.
            Err(_) => Bytes::new(),
        };
        if self.recorded && *sent.lock().unwrap() != self.request {
            table.wrong(
                format!("{}: the request", self.dialect.name()),
                self.id.as_str(),
            );
        }
        let outcome = if body == self.answer {
            Outcome::Whole
        } else if !status.is_success() || body.is_empty() {
            Outcome::Refused
        } else if self.form == Form::Stream && is_frame_for_frame(&body, &self.answer) {
            Outcome::Lossy
        } else {
            let at = body
                .iter()
                .zip(&self.answer)
                .take_while(|(a, b)| a == b)
                .count();
            let text = |bytes: &[u8]| {
                String::from_utf8_lossy(&bytes[at.saturating_sub(40).min(bytes.len())..])
                    .chars()
                    .take(160)
                    .collect::<String>()
            };
            table.wrong(
                format!("{}: the answer", self.row),
                format!(
                    "{} at {at} of {}: {:?} was {:?}",
                    self.id,
                    self.answer.len(),
                    text(&body),
                    text(&self.answer)
                ),
            );
            Outcome::Lossy
        };
        table.count(&self.row, self.dialect.name(), outcome);
    }
}

/// The same but for what no client sees: blank lines between frames, what a vendor sends after the protocol's own ending, and a
/// `[DONE]` that it forgot.
fn is_frame_for_frame(body: &[u8], answer: &[u8]) -> bool {
    let frames = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let text = String::from_utf8_lossy(bytes);
        let frames = text
            .split("\n\n")
            .map(|frame| frame.trim_start_matches('\n'));
        let frames = frames.filter(|frame| !frame.is_empty());
        frames.map(|frame| frame.as_bytes().to_vec()).collect()
    };
    let (mut ours, theirs) = (frames(body), frames(answer));
    if ours.last().is_some_and(|last| last == b"data: [DONE]") && theirs.last() != ours.last() {
        ours.pop();
    }
    let ended = |frame: &Vec<u8>| {
        let text = String::from_utf8_lossy(frame);
        text.contains("message_stop") || text.contains("response.completed")
    };
    theirs.starts_with(&ours) && (ours.len() == theirs.len() || ours.last().is_some_and(ended))
}
