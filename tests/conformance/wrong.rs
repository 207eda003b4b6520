//! For every case a provider that is wrong in just that, and what else fails with it.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Uri, request, response};
use trunkline::{
    Error, ErrorKind, Provider, Secret,
    chat::{
        ChatRequest, ChatResponse, Content, EventSink, Fidelity, Role, Stop, StopReason, Thinking,
    },
    dialect::{Call, Dialect, EventDecoder, FrameError, Target},
    provider::Compatible,
    request::Operation,
    testing::{Answer, Fixtures, conformance, conformance::cases},
    wire::Frame,
};

/// What is wrong. Nothing by default.
#[derive(Clone, Copy, Default)]
struct Wrongs {
    name: Option<&'static str>,
    base: Option<&'static str>,
    path: Option<fn(&str) -> String>,
    authorize: Option<fn(&Secret, &mut request::Parts)>,
    talkative: bool,
    /// Counts on it that every event comes in a piece of its own, and never beside another in memory.
    lonely: bool,
    finish: Option<fn(String) -> String>,
    classify: Option<Classify>,
    request: Option<fn(&mut ChatRequest)>,
    response: Option<fn(&mut ChatResponse)>,
    decode: Option<Decode>,
    frame: Option<Change>,
    result: Option<Excuse>,
}

type Classify = fn(&response::Parts, &[u8], Error) -> Error;
type Change = fn(&Frame) -> Result<Option<Frame>, FrameError>;
type Excuse = fn(FrameError, &mut EventSink) -> Result<(), FrameError>;
type Decode = fn(&[u8], Result<ChatResponse, Error>) -> Result<ChatResponse, Error>;

struct Wrong {
    inner: Compatible,
    base: Uri,
    tongue: &'static WrongTongue,
    /// What a careless provider keeps.
    seen: Mutex<String>,
}

impl Wrong {
    fn new(inner: Compatible, wrongs: Wrongs) -> Self {
        let base = wrongs.base.map_or_else(
            || inner.base_url().clone(),
            |base| base.parse().expect("a URL"),
        );
        let dialect = inner.dialect(&Operation::Chat).expect("chat");
        let tongue = Box::leak(Box::new(WrongTongue {
            inner: dialect,
            wrongs,
        }));
        Self {
            inner,
            base,
            tongue,
            seen: Mutex::default(),
        }
    }

    fn wrongs(&self) -> &Wrongs {
        &self.tongue.wrongs
    }
}

impl fmt::Debug for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.seen.lock().expect("no panic");
        f.debug_struct("Wrong")
            .field("seen", &*seen)
            .finish_non_exhaustive()
    }
}

impl Provider for Wrong {
    fn name(&self) -> &str {
        self.wrongs().name.unwrap_or("wrong")
    }
    fn base_url(&self) -> &Uri {
        &self.base
    }
    fn dialect(&self, operation: &Operation) -> Option<&'static dyn Dialect> {
        matches!(operation, Operation::Chat).then_some(self.tongue)
    }
    fn path(&self, call: &Call<'_>) -> Cow<'static, str> {
        let path = self.inner.path(call);
        self.wrongs()
            .path
            .map_or(path.clone(), |wrong| wrong(&path).into())
    }
    fn finish(
        &self,
        call: &Call<'_>,
        parts: &mut request::Parts,
        body: Bytes,
    ) -> Result<Bytes, Error> {
        let body = self.inner.finish(call, parts, body)?;
        Ok(match self.wrongs().finish {
            Some(wrong) => wrong(String::from_utf8_lossy(&body).into_owned()).into(),
            None => body,
        })
    }
    fn authorize(
        &self,
        secret: &Secret,
        parts: &mut request::Parts,
        body: &[u8],
    ) -> Result<(), Error> {
        if self.wrongs().talkative {
            *self.seen.lock().expect("no panic") = secret.expose().to_owned();
        }
        match self.wrongs().authorize {
            Some(wrong) => wrong(secret, parts),
            None => self.inner.authorize(secret, parts, body)?,
        }
        Ok(())
    }
    fn classify(&self, parts: &response::Parts, body: &[u8]) -> Error {
        let error = self.inner.classify(parts, body);
        self.wrongs()
            .classify
            .map_or(error.clone(), |wrong| wrong(parts, body, error))
    }
}

struct WrongTongue {
    inner: &'static dyn Dialect,
    wrongs: Wrongs,
}

impl fmt::Debug for WrongTongue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrongTongue")
    }
}

impl Dialect for WrongTongue {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn path(&self, call: &Call<'_>) -> Cow<'static, str> {
        self.inner.path(call)
    }
    fn encode_request(
        &self,
        request: &ChatRequest,
        target: &Target<'_>,
        report: &mut Fidelity,
    ) -> Result<Bytes, Error> {
        let mut request = request.clone();
        if let Some(wrong) = self.wrongs.request {
            wrong(&mut request);
        }
        self.inner.encode_request(&request, target, report)
    }
    fn decode_response(&self, body: &[u8]) -> Result<ChatResponse, Error> {
        let mut answer = self.inner.decode_response(body);
        if let Some(wrong) = self.wrongs.decode {
            answer = wrong(body, answer);
        }
        if let (Some(wrong), Ok(answer)) = (self.wrongs.response, &mut answer) {
            wrong(answer);
        }
        answer
    }
    fn decoder(&self) -> Box<dyn EventDecoder> {
        Box::new(WrongReader {
            inner: self.inner.decoder(),
            last: None,
            wrongs: self.wrongs,
        })
    }
}

struct WrongReader {
    inner: Box<dyn EventDecoder>,
    /// Where the last frame ended in memory.
    last: Option<usize>,
    wrongs: Wrongs,
}

impl EventDecoder for WrongReader {
    fn decode(&mut self, frame: &Frame, out: &mut EventSink) -> Result<(), FrameError> {
        let here = frame.raw().as_ptr() as usize;
        let beside = self.last.replace(here + frame.raw().len()) == Some(here);
        if beside && self.wrongs.lonely {
            return Err(FrameError::Malformed("two at once".to_owned()));
        }
        let changed = match self.wrongs.frame {
            Some(wrong) => wrong(frame)?,
            None => Some(frame.clone()),
        };
        let Some(frame) = changed else {
            return Ok(());
        };
        match (self.inner.decode(&frame, out), self.wrongs.result) {
            (Err(error), Some(wrong)) => wrong(error, out),
            (result, _) => result,
        }
    }
}

/// Other text in the data of a frame.
fn replaced(frame: &Frame, from: &str, to: &str) -> Result<Option<Frame>, FrameError> {
    let data = String::from_utf8_lossy(frame.data()).replace(from, to);
    Ok(Some(Frame::new(frame.name(), data)))
}

fn refuses(frame: &Frame, it_is_so: bool) -> Result<Option<Frame>, FrameError> {
    match it_is_so {
        true => Err(FrameError::Malformed("not what I know".to_owned())),
        false => Ok(Some(frame.clone())),
    }
}

/// A failure of this status is misread.
fn misread(parts: &response::Parts, error: Error, status: u16) -> Error {
    let kind = match status {
        413 => ErrorKind::Server,
        _ => ErrorKind::InvalidRequest,
    };
    match parts.status.as_u16() == status {
        true => error.with_kind(kind),
        false => error,
    }
}

fn raw(frame: &Frame) -> Cow<'_, str> {
    String::from_utf8_lossy(frame.raw())
}

macro_rules! wrong {
    ($($field:ident: $value:expr),+) => {
        Wrongs { $($field: Some($value),)+ ..Wrongs::default() }
    };
}

const WHOLE: &str = "a whole answer is read";
const STREAM: &str = "a stream is read";
const ALIKE: &str = "a stream says what a whole answer says";

/// Case, what is wrong, and which other cases fail with it.
fn table() -> Vec<(&'static str, Wrongs, &'static [&'static str])> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    vec![
        (
            "the name can stand in a model's name",
            wrong!(name: "acme/large"),
            &[],
        ),
        (
            "the base url is absolute",
            wrong!(base: "https://vendor.example/v1?team=1"),
            &[],
        ),
        (
            "the key goes into the head",
            wrong!(authorize: |_, _| {}),
            &[],
        ),
        (
            "the key is not in the body",
            wrong!(finish: |body| body.replacen('{', r#"{"key":"sk-conformance-a1b2c3d4e5f6","#, 1)),
            &[],
        ),
        (
            "the key is hidden when headers are shown",
            wrong!(authorize: |secret, parts| {
                let value = HeaderValue::from_str(secret.expose()).expect("a header");
                parts.headers.insert("x-key", value);
            }),
            &[],
        ),
        (
            "the key is in no error",
            wrong!(classify: |_, body, error| error.with_source(String::from_utf8_lossy(body).into_owned())),
            &[],
        ),
        (
            "the key is not in Debug",
            Wrongs {
                talkative: true,
                ..Wrongs::default()
            },
            &[],
        ),
        (
            "the request goes below the base url",
            wrong!(path: |path| path.trim_start_matches('/').to_owned()),
            &[],
        ),
        (
            "the request carries the model",
            wrong!(finish: |body| body.replace("conformance-model", "large")),
            &[],
        ),
        (
            "the request carries the conversation",
            wrong!(request: |chat| chat.messages.retain(|message| message.role != Role::System)),
            &[],
        ),
        (
            "the limit on tokens is sent",
            wrong!(request: |chat| chat.max_tokens = None),
            &[],
        ),
        (
            "a stream is asked for",
            wrong!(request: |chat| chat.stream = false),
            &[],
        ),
        (
            "the same request gives the same bytes",
            wrong!(finish: |body| {
                let n = COUNT.fetch_add(1, Ordering::Relaxed);
                body.replacen('{', &format!(r#"{{"nonce":"n{n}","#), 1)
            }),
            &[],
        ),
        (
            "tools are offered",
            wrong!(request: |chat| chat.tools.clear()),
            &[],
        ),
        (
            "tool calls round trip",
            wrong!(request: |chat| chat.messages.retain(|message| message.role != Role::Tool)),
            &[],
        ),
        (
            "an image is sent, or refused, or reported",
            wrong!(request: |chat| {
                for message in &mut chat.messages {
                    message.content.retain(|part| !matches!(part, Content::Image(_)));
                }
            }),
            &[],
        ),
        (
            "thinking goes back with its signature",
            wrong!(request: |chat| {
                for message in &mut chat.messages {
                    message.content.retain(|part| !matches!(part, Content::Thinking(_)));
                }
            }),
            &[],
        ),
        (
            WHOLE,
            wrong!(response: |answer| answer.content.retain(|part| part.as_text().is_none())),
            &["unknown members are ignored", ALIKE],
        ),
        (
            STREAM,
            wrong!(frame: |frame| replaced(frame, "Grüße", "Grusse")),
            &[
                "unknown members are ignored in streams",
                "a stream may be split at every byte",
                "lines may end in CRLF",
                "lines may end in CR",
                "comments are passed over",
                "unknown events are passed over",
                ALIKE,
                "a truncated stream is no success",
            ],
        ),
        (
            "tool calls are read",
            wrong!(response: |answer| {
                for part in &mut answer.content {
                    if let Content::ToolCall(call) = part {
                        call.arguments.clear();
                    }
                }
            }),
            &[],
        ),
        (
            "parallel tools are told apart in streams",
            wrong!(frame: |frame| replaced(frame, "tell_time", "find_city")),
            &[ALIKE],
        ),
        (
            "thinking is kept",
            wrong!(response: |answer| {
                for part in &mut answer.content {
                    if let Content::Thinking(thought) = part {
                        *thought = Thinking::default();
                    }
                }
            }),
            &[],
        ),
        (
            "thinking is kept in streams",
            wrong!(frame: |frame| replaced(frame, "reasoning_content", "something")),
            &[],
        ),
        (
            "usage is counted",
            wrong!(response: |answer| answer.usage = None),
            &[ALIKE],
        ),
        (
            "usage is counted in streams",
            wrong!(frame: |frame| replaced(frame, r#""usage":{"#, r#""price":{"#)),
            &[ALIKE],
        ),
        (
            "stop reasons are told apart",
            wrong!(response: |answer| {
                if answer.stop.reason == StopReason::MaxTokens {
                    answer.stop = Stop::new(StopReason::EndTurn);
                }
            }),
            &[],
        ),
        (
            "stop reasons are told apart in streams",
            wrong!(frame: |frame| replaced(frame, r#""finish_reason":"length""#, r#""finish_reason":"stop""#)),
            &[],
        ),
        (
            "unknown members are ignored",
            wrong!(decode: |body, answer| match String::from_utf8_lossy(body).contains("brand_new") {
                true => Err(Error::new(ErrorKind::Server, "not what I know")),
                false => answer,
            }),
            &[],
        ),
        (
            "unknown members are ignored in streams",
            wrong!(frame: |frame| refuses(frame, frame.name().is_none() && raw(frame).contains("brand_new"))),
            &[],
        ),
        (
            "a stream may be split at every byte",
            Wrongs {
                lonely: true,
                ..Wrongs::default()
            },
            &[],
        ),
        (
            "lines may end in CRLF",
            wrong!(frame: |frame| refuses(frame, raw(frame).contains("\r\n"))),
            &[],
        ),
        (
            "lines may end in CR",
            wrong!(frame: |frame| refuses(frame, raw(frame).replace("\r\n", "").contains('\r'))),
            &[],
        ),
        (
            "comments are passed over",
            wrong!(frame: |frame| refuses(frame, raw(frame).starts_with(':'))),
            &[],
        ),
        (
            "unknown events are passed over",
            wrong!(frame: |frame| refuses(frame, frame.name() == Some("brand_new"))),
            &[],
        ),
        (
            ALIKE,
            wrong!(response: |answer| {
                if answer.calls_tools() {
                    answer.usage = None;
                }
            }),
            &[],
        ),
        (
            "a truncated stream is no success",
            wrong!(frame: |frame| replaced(frame, r#""finish_reason":null"#, r#""finish_reason":"stop""#)),
            &["stop reasons are told apart in streams"],
        ),
        (
            "broken JSON in a stream is an error",
            wrong!(result: |error, _| match error {
                FrameError::Malformed(_) => Ok(()),
                other => Err(other),
            }),
            &[],
        ),
        (
            "an error at the start of a stream is an error",
            wrong!(result: |error, out| match error {
                FrameError::Vendor(_) if !out.has_content() => {
                    out.stop(Stop::new(StopReason::EndTurn));
                    Ok(())
                }
                other => Err(other),
            }),
            &[],
        ),
        (
            "an error amid a stream is an error",
            wrong!(result: |error, out| match error {
                FrameError::Vendor(_) if out.has_content() => {
                    out.stop(Stop::new(StopReason::EndTurn));
                    Ok(())
                }
                other => Err(other),
            }),
            &[],
        ),
        (
            "401 is about our key",
            wrong!(classify: |parts, _, error| misread(parts, error, 401)),
            &[],
        ),
        (
            "402 is about our money",
            wrong!(classify: |parts, _, error| misread(parts, error, 402)),
            &[],
        ),
        (
            "403 is about our key or its rights",
            wrong!(classify: |parts, _, error| misread(parts, error, 403)),
            &[],
        ),
        (
            "404 is a model that is not there",
            wrong!(classify: |parts, _, error| misread(parts, error, 404)),
            &[],
        ),
        (
            "408 may be tried again",
            wrong!(classify: |parts, _, error| misread(parts, error, 408)),
            &[],
        ),
        (
            "413 is about the size of the request",
            wrong!(classify: |parts, _, error| misread(parts, error, 413)),
            &[],
        ),
        (
            "429 is a limit of the account",
            wrong!(classify: |parts, _, error| misread(parts, error, 429)),
            &[],
        ),
        (
            "500 is a failure of the vendor",
            wrong!(classify: |parts, _, error| misread(parts, error, 500)),
            &[],
        ),
        (
            "503 is too much load",
            wrong!(classify: |parts, _, error| misread(parts, error, 503)),
            &[],
        ),
        (
            "529 is too much load",
            wrong!(classify: |parts, _, error| misread(parts, error, 529)),
            &[],
        ),
        (
            "the vendor's words are kept",
            wrong!(classify: |_, _, error| {
                let dumb = Error::new(error.kind(), "it failed");
                match error.retry_after() {
                    Some(after) => dumb.with_retry_after(after),
                    None => dumb,
                }
            }),
            &[],
        ),
        (
            "retry-after is read",
            wrong!(classify: |_, _, error| Error::new(error.kind(), error.message())),
            &[],
        ),
        (
            "an error inside a 200 is an error",
            wrong!(decode: |body, answer| match body.starts_with(br#"{"fault""#) {
                true => Ok(ChatResponse::default()),
                false => answer,
            }),
            &[],
        ),
        (
            "a truncated answer is no success",
            wrong!(decode: |_, answer| Ok(answer.unwrap_or_default())),
            &["an error inside a 200 is an error"],
        ),
    ]
}

#[tokio::test]
async fn a_wrong_provider_fails_by_name() {
    let mut tried = Vec::new();
    let mut surprises = Vec::new();
    for (case, wrongs, others) in table() {
        let base = "https://vendor.example/v1";
        let (inner, dialect) = match case {
            // OpenAI's vendors sign nothing.
            "thinking goes back with its signature" => {
                (Compatible::anthropic("v", base), "anthropic")
            }
            _ => (Compatible::openai("v", base), "openai-chat"),
        };
        let fixtures = Fixtures::of(dialect).expect("a dialect with scripts");
        // A failure in words that the crate does not know.
        let fixtures = fixtures.error_inside(Answer::json(200, r#"{"fault":"no air"}"#));
        let provider = Wrong::new(inner.expect("a URL"), wrongs);
        let report = conformance(Arc::new(provider), fixtures).await;
        let came: BTreeSet<_> = report.failures().map(|case| case.name).collect();
        let meant: BTreeSet<_> = others.iter().copied().chain([case]).collect();
        let told = [case, "expected: ", "came: ", "fix: "];
        if came != meant || !told.iter().all(|part| report.to_string().contains(part)) {
            surprises.push(format!("{case}: {came:?}\n{report}"));
        }
        tried.push(case);
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n\n"));
    assert_eq!(
        tried.into_iter().collect::<BTreeSet<_>>(),
        cases().collect()
    );
}

#[tokio::test]
async fn what_is_right_has_no_failures() {
    let inner = Compatible::openai("v", "https://vendor.example/v1").expect("a URL");
    let provider = Wrong::new(inner, Wrongs::default());
    let fixtures = Fixtures::of("openai-chat").expect("a dialect with scripts");
    conformance(Arc::new(provider), fixtures).await.assert();
}
