//! A provider at work between a caller and a scripted vendor.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tower::ServiceExt;

use super::{Case, Fixtures, Turn, Verdict};
use crate::{
    Error, ErrorKind, ModelRequest, Provider, Secret, Upstream,
    chat::{ChatRequest, ChatResponse, Content, Fidelity, Message},
    testing::{Answer, Recorded, Vendor},
    upstream::{Account, Attempt, Deployment},
};

/// How long an exchange may take that waits for nothing.
const PATIENCE: Duration = Duration::from_secs(20);

/// One case.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) fix: &'static str,
    pub(super) run: for<'a> fn(&'a Bench) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>,
}

pub(super) type Outcome = Result<(), Finding>;

/// Why a case did not pass.
pub(super) enum Finding {
    Lacking(&'static str),
    Wrong { expected: String, came: String },
}

/// The provider under test.
pub(super) struct Bench {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) fixtures: Fixtures,
}

/// What came of one request.
pub(super) struct Asked {
    pub(super) result: Result<ChatResponse, Error>,
    pub(super) fidelity: Fidelity,
    pub(super) sent: Vec<Recorded>,
}

impl Bench {
    pub(super) const fn new(provider: Arc<dyn Provider>, fixtures: Fixtures) -> Self {
        Self { provider, fixtures }
    }

    pub(super) async fn run(&self, check: &Check) -> Case {
        let verdict = match (check.run)(self).await {
            Ok(()) => Verdict::Passed,
            Err(Finding::Lacking(what)) => Verdict::Skipped {
                why: format!("the fixtures have no {what}"),
            },
            Err(Finding::Wrong { expected, came }) => Verdict::Failed {
                expected,
                came,
                fix: check.fix,
            },
        };
        Case {
            name: check.name,
            verdict,
        }
    }

    pub(super) fn text(&self) -> Result<&Turn, Finding> {
        have(self.fixtures.text.as_ref(), "plain answer")
    }

    /// A conversation of one question.
    pub(super) fn chat(&self, stream: bool) -> ChatRequest {
        let mut chat = ChatRequest::new(&self.fixtures.model, vec![Message::user("Hello?")]);
        chat.stream = stream;
        chat.max_tokens = Some(4321);
        chat
    }

    pub(super) async fn ask(&self, chat: ChatRequest, answer: Answer) -> Asked {
        self.ask_as(&self.fixtures.secret, chat, answer).await
    }

    pub(super) async fn ask_as(&self, secret: &Secret, chat: ChatRequest, answer: Answer) -> Asked {
        let vendor = Vendor::new();
        vendor.always(answer);
        let account = Arc::new(Account::new("conformance", secret.clone()));
        let model = self.fixtures.model.as_str();
        let deployment = Deployment::new(self.provider.clone(), account, model);
        let request = ModelRequest::chat(chat).with_timeout(PATIENCE);
        let attempt = Attempt::new(request, Arc::new(deployment));
        let mut fidelity = Fidelity::new();
        let result = async {
            let answer = Upstream::new(vendor.clone()).oneshot(attempt).await?;
            fidelity = answer.fidelity.clone();
            answer.into_chat().await
        };
        let result = tokio::time::timeout(2 * PATIENCE, result).await;
        let sent = vendor.requests();
        Asked {
            result: result.unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "it hangs"))),
            fidelity,
            sent,
        }
    }

    /// What the vendor is sent for this conversation. The plain answer is given.
    pub(super) async fn sent(&self, chat: ChatRequest) -> Result<Recorded, Finding> {
        self.sent_as(&self.fixtures.secret, chat).await
    }

    pub(super) async fn sent_as(
        &self,
        secret: &Secret,
        chat: ChatRequest,
    ) -> Result<Recorded, Finding> {
        let text = self.text()?;
        let answer = text.answer(chat.stream).or(text.answer(!chat.stream));
        let answer = have(answer, "plain answer")?.clone();
        let mut asked = self.ask_as(secret, chat, answer).await;
        let sent = asked.sent.pop();
        sent.ok_or_else(|| {
            wrong(
                "a request",
                format!("none was sent: {}", shown(&asked.result)),
            )
        })
    }

    /// What is read of the turn's answer, after something harmless was done to it.
    pub(super) async fn read(
        &self,
        turn: &Turn,
        stream: bool,
        change: impl FnOnce(Answer) -> Answer,
    ) -> Result<ChatResponse, Finding> {
        let what = match stream {
            true => "stream",
            false => "whole answer",
        };
        let answer = have(turn.answer(stream), what)?.clone();
        let asked = self.ask(self.chat(stream), change(answer)).await;
        asked
            .result
            .map_err(|error| wrong("an answer", format!("{error:?}")))
    }
}

pub(super) fn have<T>(it: Option<T>, what: &'static str) -> Result<T, Finding> {
    it.ok_or(Finding::Lacking(what))
}

pub(super) fn wrong(expected: impl Into<String>, came: impl Into<String>) -> Finding {
    Finding::Wrong {
        expected: expected.into(),
        came: came.into(),
    }
}

pub(super) fn must(
    is_so: bool,
    expected: impl Into<String>,
    came: impl FnOnce() -> String,
) -> Outcome {
    match is_so {
        true => Ok(()),
        false => Err(wrong(expected, came())),
    }
}

/// The answer, or the error, in short.
pub(super) fn shown(result: &Result<ChatResponse, Error>) -> String {
    match result {
        Ok(answer) => format!("an answer: {:?}, {:?}", answer.text(), answer.stop.reason),
        Err(error) => format!("{error:?}"),
    }
}

pub(super) fn calls(answer: &ChatResponse) -> Vec<&crate::chat::ToolCall> {
    let calls = answer.content.iter();
    calls
        .filter_map(|content| match content {
            Content::ToolCall(call) => Some(call),
            _ => None,
        })
        .collect()
}

pub(super) fn thinking(answer: &ChatResponse) -> String {
    let thoughts = answer.content.iter();
    thoughts
        .filter_map(|content| match content {
            Content::Thinking(thought) => Some(thought.text.as_str()),
            _ => None,
        })
        .collect()
}

/// Is a text in a JSON body, however its characters are escaped?
pub(super) fn holds(body: &[u8], text: &str) -> bool {
    fn within(value: &serde_json::Value, text: &str) -> bool {
        match value {
            serde_json::Value::String(found) => found.contains(text),
            serde_json::Value::Array(items) => items.iter().any(|item| within(item, text)),
            serde_json::Value::Object(members) => members
                .iter()
                .any(|(name, member)| name.contains(text) || within(member, text)),
            serde_json::Value::Number(number) => number.to_string() == text,
            _ => false,
        }
    }
    match serde_json::from_slice(body) {
        Ok(value) => within(&value, text),
        Err(_) => String::from_utf8_lossy(body).contains(text),
    }
}

/// A body in a failure: enough to see what is wrong.
pub(super) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    match text.char_indices().nth(600) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.into_owned(),
    }
}
