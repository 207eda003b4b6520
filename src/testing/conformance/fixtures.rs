//! What the vendor answers, and what that means.

use std::time::Duration;

use serde_json::json;

use crate::{
    Secret,
    chat::StopReason,
    testing::{Answer, Fault, Script},
};

/// What the scripted vendor answers in each case.
///
/// [`of`](Self::of) has everything for the dialects of this crate. For a format of one's own start [`empty`](Self::empty) and say
/// what there is; the cases about the rest are skipped.
#[derive(Clone, Debug)]
#[must_use]
pub struct Fixtures {
    pub(super) model: String,
    pub(super) secret: Secret,
    pub(super) text: Option<Turn>,
    pub(super) tools: Option<Turn>,
    pub(super) thinking: Option<Turn>,
    pub(super) length: Option<Turn>,
    pub(super) refusal: Option<Turn>,
    pub(super) error_inside: Option<Answer>,
    pub(super) error_in_stream: Option<Answer>,
    pub(super) error_midway: Option<Answer>,
    pub(super) refusals: Vec<(u16, Answer)>,
    pub(super) wait: Option<(Answer, Duration)>,
    pub(super) echo: fn(u16, &str) -> Answer,
}

/// What the model says in one answer, whole and streamed, and what has to be read from it.
///
/// ```
/// use trunkline::{
///     chat::StopReason,
///     testing::{Answer, Turn},
/// };
///
/// let turn = Turn::new()
///     .whole(Answer::json(200, r#"{"say":"Hello.","in":3,"out":2}"#))
///     .stream(Answer::data([r#"{"say":"Hello."}"#, r#"{"done":true,"in":3,"out":2}"#]))
///     .text("Hello.")
///     .usage(3, 2)
///     .stop(StopReason::EndTurn);
/// # let _ = turn;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Turn {
    pub(super) whole: Option<Answer>,
    pub(super) stream: Option<Answer>,
    pub(super) text: String,
    pub(super) thinking: String,
    pub(super) calls: Vec<(String, String)>,
    pub(super) usage: Option<(u64, u64)>,
    pub(super) stop: StopReason,
    pub(super) signature: Option<String>,
}

impl Turn {
    /// Nothing is answered, and nothing expected.
    pub fn new() -> Self {
        Self::default()
    }

    /// The answer, when a whole one is asked for.
    pub fn whole(mut self, answer: Answer) -> Self {
        self.whole = Some(answer);
        self
    }

    /// The answer, when a stream is asked for.
    pub fn stream(mut self, answer: Answer) -> Self {
        self.stream = Some(answer);
        self
    }

    /// All text of the answer.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// All visible reasoning of the answer.
    pub fn thinking(mut self, thinking: impl Into<String>) -> Self {
        self.thinking = thinking.into();
        self
    }

    /// What proves the reasoning to be the vendor's own. It has to come back to the vendor in the next turn.
    pub fn signature(mut self, signature: impl Into<String>) -> Self {
        self.signature = Some(signature.into());
        self
    }

    /// One more call of a tool, with its arguments as JSON.
    pub fn call(mut self, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        self.calls.push((name.into(), arguments.into()));
        self
    }

    /// What the answer says it has cost: all input and all output tokens.
    pub fn usage(mut self, input: u64, output: u64) -> Self {
        self.usage = Some((input, output));
        self
    }

    /// Why it ends.
    pub fn stop(mut self, reason: StopReason) -> Self {
        self.stop = reason;
        self
    }

    pub(super) fn answer(&self, stream: bool) -> Option<&Answer> {
        match stream {
            true => self.stream.as_ref(),
            false => self.whole.as_ref(),
        }
    }
}

impl Fixtures {
    /// No answers: nearly every case is skipped.
    pub fn empty() -> Self {
        Self {
            model: "conformance-model".to_owned(),
            secret: Secret::new("sk-conformance-a1b2c3d4e5f6"),
            text: None,
            tools: None,
            thinking: None,
            length: None,
            refusal: None,
            error_inside: None,
            error_in_stream: None,
            error_midway: None,
            refusals: Vec::new(),
            wait: None,
            echo: refusal,
        }
    }

    /// Everything, as a vendor of this dialect answers; none if no vendor of it can be scripted here. The names are those of
    /// [`Dialect::name`](crate::dialect::Dialect::name), and `anthropic-on-bedrock`.
    #[must_use]
    pub fn of(dialect: &str) -> Option<Self> {
        const TEXT: &str = "Conformance says: Grüße aus Köln 🙂, and that is all.";
        const THOUGHT: &str = "They want to see whether thinking is kept.";
        const SIGNATURE: &str = "Y29uZm9ybWFuY2Utc2lnbmF0dXJl";
        let model = "conformance-model";
        let turn = |script: Script| -> Option<Turn> {
            Some(
                Turn::new()
                    .whole(script.answer(dialect, model, false)?)
                    .stream(script.answer(dialect, model, true)?),
            )
        };
        let said = || Script::new().text(TEXT).usage(321, 45);
        let mut this = Self::empty().text(turn(said())?.text(TEXT).usage(321, 45));

        let (name, arguments) = ("find_city", r#"{"city":"Köln","deep":{"n":[1,2]}}"#);
        let called = Script::new()
            .tool_call("call_1", name, arguments)
            .tool_call("call_2", "tell_time", r#"{"zone":"CET"}"#);
        this = this.tools(
            turn(called)?
                .call(name, arguments)
                .call("tell_time", r#"{"zone":"CET"}"#)
                .stop(StopReason::ToolUse),
        );
        let thought = Script::new()
            .thinking(THOUGHT)
            .text(TEXT)
            .signature(SIGNATURE);
        let mut thought = turn(thought)?.thinking(THOUGHT).text(TEXT);
        // The others sign nothing, or sign calls and not thoughts.
        if matches!(
            dialect,
            "anthropic" | "anthropic-on-bedrock" | "bedrock-converse" | "openai-responses"
        ) {
            thought = thought.signature(SIGNATURE);
        }
        this = this.thinking(thought);
        let cut = turn(said().stop_length())?
            .text(TEXT)
            .stop(StopReason::MaxTokens);
        this = this.length(cut);
        let refused = turn(said().stop_refusal())?.stop(StopReason::Refusal);
        this = this.refusal(refused);

        let text = this.text.clone()?;
        let (whole, stream) = (text.whole?, text.stream?);
        this = this
            .error_inside(whole.fault(Fault::ErrorInside))
            .error_in_stream(stream.clone().fault_at(Fault::ErrorMidway, 0.0))
            .error_midway(stream.fault_at(Fault::ErrorMidway, 0.7));
        for status in [401, 402, 403, 404, 408, 413, 429, 500, 503, 529] {
            this = this.refused(status, refusal(status, "Conformance refuses."));
        }
        let wait = refusal(429, "Conformance refuses.").header("retry-after", "17");
        Some(this.wait(wait, Duration::from_secs(17)))
    }

    /// The model that is asked for, as the vendor names it.
    pub fn model(mut self, name: impl Into<String>) -> Self {
        self.model = name.into();
        self
    }

    /// The account's key, where not any text will do. Use one that is worth nothing: it is shown in failures.
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = secret;
        self
    }

    /// A plain answer: text and usage. Nearly every case needs it.
    pub fn text(mut self, turn: Turn) -> Self {
        self.text = Some(turn);
        self
    }

    /// An answer with two calls of tools at once.
    pub fn tools(mut self, turn: Turn) -> Self {
        self.tools = Some(turn);
        self
    }

    /// An answer with visible reasoning before its text.
    pub fn thinking(mut self, turn: Turn) -> Self {
        self.thinking = Some(turn);
        self
    }

    /// For models that do not show their reasoning.
    pub fn without_thinking(mut self) -> Self {
        self.thinking = None;
        self
    }

    /// An answer that ends because of the limit on its tokens.
    pub fn length(mut self, turn: Turn) -> Self {
        self.length = Some(turn);
        self
    }

    /// An answer that ends because the model, or a filter, declines.
    pub fn refusal(mut self, turn: Turn) -> Self {
        self.refusal = Some(turn);
        self
    }

    /// A failure that the vendor answers with a status of success, in place of a whole answer.
    pub fn error_inside(mut self, answer: Answer) -> Self {
        self.error_inside = Some(answer);
        self
    }

    /// A stream of status 200 that holds nothing but a failure.
    pub fn error_in_stream(mut self, answer: Answer) -> Self {
        self.error_in_stream = Some(answer);
        self
    }

    /// A stream that fails after some of its text.
    pub fn error_midway(mut self, answer: Answer) -> Self {
        self.error_midway = Some(answer);
        self
    }

    /// How the vendor refuses with this status. Its words have to hold `Conformance refuses.` The last one for a status counts.
    pub fn refused(mut self, status: u16, answer: Answer) -> Self {
        self.refusals.retain(|(known, _)| *known != status);
        self.refusals.push((status, answer));
        self
    }

    /// A refusal for now, and when it says to come back.
    pub fn wait(mut self, answer: Answer, after: Duration) -> Self {
        self.wait = Some((answer, after));
        self
    }

    /// How the vendor writes a refusal of this status with these words: it is used to let it repeat the key.
    pub fn words(mut self, refusal: fn(u16, &str) -> Answer) -> Self {
        self.echo = refusal;
        self
    }
}

/// In the shape that most vendors have.
fn refusal(status: u16, words: &str) -> Answer {
    Answer::json(status, json!({"error": {"message": words}}).to_string())
}
