//! What a vendor answers, told to the sink: whole answers and frames are read by the same hand.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU64, Ordering},
};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    NAME, error,
    finish::{self, Finish},
    partial::Partial,
    signature,
    wire::{Candidate, Chunk, FunctionCall, Grounding, Part},
};
use crate::{
    Json,
    chat::{CallKind, Citation, EventSink, Stop, StopReason},
    error::{Error, ErrorKind},
    json,
};

/// How the id of a call begins that the vendor gave none: such an id is not sent to the vendor.
pub(super) const MADE_ID: &str = "tlc_";

/// Reads one answer, in one piece or many.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// What ids of calls are made from.
    id: String,
    calls: usize,
    /// A thought is open that has no signature yet.
    thought: bool,
    /// A text goes on.
    text: bool,
    /// A call whose arguments come in pieces.
    partial: Option<Partial>,
    /// Sources told so far: vendors repeat them.
    cited: HashSet<(String, String)>,
}

impl Reader {
    /// Reads one frame, or all there is.
    pub(super) fn chunk(&mut self, chunk: &Chunk<'_>, out: &mut EventSink) -> Result<(), Error> {
        if let Some(failure) = chunk.error.filter(|raw| raw.get() != "null") {
            return Err(error::reported(failure));
        }
        let candidates = chunk.candidates.as_deref().unwrap_or_default();
        let blocked = blocked(chunk);
        if !candidates.is_empty() || blocked.is_some() {
            let id = chunk.response_id.as_deref().unwrap_or_default();
            if self.id.is_empty() {
                self.id = id.to_owned();
            }
            out.start(id, chunk.model_version.as_deref().unwrap_or_default());
        }
        if let Some(usage) = chunk.usage_metadata.and_then(|counts| counts.usage()) {
            out.usage(&usage);
        }
        // The conversation has one answer: further ones were not asked for.
        let first = candidates.iter().find(|c| c.index.unwrap_or(0) == 0);
        if let Some(candidate) = first {
            self.candidate(candidate, out)?;
        } else if let Some((reason, words)) = blocked {
            out.refusal(words);
            let mut stop = Stop::new(StopReason::Refusal);
            stop.native = Some(reason.to_owned());
            out.stop(stop);
        }
        Ok(())
    }

    fn candidate(&mut self, candidate: &Candidate<'_>, out: &mut EventSink) -> Result<(), Error> {
        let parts = candidate.content.as_ref().and_then(|c| c.parts.as_deref());
        let mut late = None;
        for raw in parts.unwrap_or_default() {
            sign(&mut late, out);
            late = self.part(raw, out)?;
        }
        if let Some(raw) = candidate.grounding_metadata {
            self.sources(raw, out);
        }
        sign(&mut late, out);
        if let Some(raw) = candidate.logprobs_result
            && let Some(logprobs) = logprobs(raw)
        {
            out.logprobs(logprobs);
        }
        let Some(reason) = candidate.finish_reason.filter(|raw| raw.get() != "null") else {
            return Ok(());
        };
        self.finish_partial(out);
        self.settle("", out);
        let words = candidate.finish_message.as_deref().unwrap_or_default();
        match finish::read(reason.get()) {
            Finish::Stop(stop) => {
                if stop.reason == StopReason::Refusal {
                    out.refusal(words);
                }
                out.stop(stop);
            }
            Finish::Failed(word) if out.has_content() => {
                let mut stop = Stop::new(StopReason::EndTurn);
                stop.native = Some(word.to_owned());
                out.stop(stop);
            }
            // Nothing was said yet: asked again, the model may do better.
            Finish::Failed(word) => {
                let message = match words {
                    "" => format!("the vendor's model failed to answer: {word}"),
                    words => format!("the vendor's model failed to answer: {word}: {words}"),
                };
                return Err(Error::new(ErrorKind::Server, message).with_code(word));
            }
        }
        Ok(())
    }

    /// Reads a part; returns a signature that stands after it.
    fn part(&mut self, raw: &RawValue, out: &mut EventSink) -> Result<Option<String>, Error> {
        let part: Part<'_> = serde_json::from_str(raw.get()).map_err(|e| {
            let message = format!("the vendor's answer cannot be read: {e}");
            Error::new(ErrorKind::Server, message)
        })?;
        let proof = part.thought_signature.as_deref().unwrap_or_default();
        if part.thought == Some(true)
            && let Some(text) = &part.text
        {
            out.thinking(text);
            self.text &= text.is_empty();
            self.thought |= !text.is_empty();
            if !proof.is_empty() {
                self.thought = true;
                self.settle(proof, out);
            }
            return Ok(None);
        }
        if let Some(text) = &part.text {
            if text.is_empty() && proof.is_empty() {
                return Ok(None);
            }
            let signs = self.thought;
            self.settle(proof, out);
            // A signature comes before its text, unless that has begun.
            let first = !signs && !self.text && !text.is_empty();
            if first {
                sign(&mut Some(proof.to_owned()), out);
            }
            out.text(text);
            self.text |= !text.is_empty();
            if first && !proof.is_empty() {
                // What follows is another part, and not signed so.
                out.close_block();
                self.text = false;
            }
            return Ok((!signs && !first).then(|| proof.to_owned()));
        }
        self.text = false;
        let known = part.function_call.is_some()
            || part.inline_data.is_some()
            || part.executable_code.is_some()
            || part.code_execution_result.is_some()
            || only_signed(raw);
        if !known {
            // It keeps its signature.
            self.settle("", out);
            out.other(NAME, raw.into());
            return Ok(None);
        }
        if !self.thought {
            sign(&mut Some(proof.to_owned()), out);
        }
        self.settle(proof, out);
        if let Some(call) = &part.function_call {
            self.call(call, out);
        } else if let Some(blob) = &part.inline_data {
            let mime = blob.mime_type.as_deref().unwrap_or_default();
            let data = blob.data.as_deref().unwrap_or_default();
            if mime.starts_with("image/") {
                out.other(IMAGES_DIALECT, image(mime, data));
            } else {
                out.other(NAME, raw.into());
            }
        } else if let Some(code) = &part.executable_code {
            let language = code.language.as_deref().unwrap_or_default();
            let language = language.to_ascii_lowercase();
            let code = code.code.as_deref().unwrap_or_default();
            out.text(&format!("\n```{language}\n{}\n```\n", code.trim_end()));
        } else if let Some(result) = &part.code_execution_result {
            let output = result.output.as_deref().unwrap_or_default();
            out.text(&format!("\n```\n{}\n```\n", output.trim_end()));
        }
        Ok(None)
    }

    /// Says whose the open thought is.
    fn settle(&mut self, proof: &str, out: &mut EventSink) {
        if std::mem::take(&mut self.thought) {
            out.signature(&signature::tagged(proof));
            out.close_block();
        }
    }

    fn call(&mut self, call: &FunctionCall<'_>, out: &mut EventSink) {
        let begun = call.name.as_deref().is_some_and(|name| !name.is_empty());
        if begun {
            self.finish_partial(out);
        }
        let goes_on = call.will_continue == Some(true);
        if goes_on || self.partial.is_some() {
            let partial = self.partial.get_or_insert_with(|| Partial::begin(call));
            partial.feed(call);
            if !goes_on {
                self.finish_partial(out);
            }
            return;
        }
        if !begun {
            // It cannot be called.
            return;
        }
        self.whole_call(call, out);
    }

    /// The call that came in pieces is whole.
    fn finish_partial(&mut self, out: &mut EventSink) {
        let Some(partial) = self.partial.take() else {
            return;
        };
        let Ok(arguments) = partial.arguments() else {
            return;
        };
        let call = FunctionCall {
            id: Some(partial.id.as_str().into()),
            name: Some(partial.name.as_str().into()),
            args: Some(&arguments),
            partial_args: None,
            will_continue: None,
        };
        if !partial.name.is_empty() {
            self.whole_call(&call, out);
        }
    }

    fn whole_call(&mut self, call: &FunctionCall<'_>, out: &mut EventSink) {
        let key = self.calls;
        self.calls += 1;
        let id = match call.id.as_deref().unwrap_or_default() {
            "" => self.made_id(key),
            id => id.to_owned(),
        };
        let name = call.name.as_deref().unwrap_or_default();
        out.tool_call(key, &id, name, CallKind::Function);
        let arguments = call.args.map(RawValue::get).filter(|args| *args != "null");
        out.tool_arguments(key, arguments.unwrap_or("{}"));
        out.tool_end(key);
    }

    /// An id that no other call has, in this answer and in others.
    fn made_id(&mut self, key: usize) -> String {
        static ANSWERS: AtomicU64 = AtomicU64::new(0);
        if self.id.is_empty() {
            self.id = format!("{:x}", ANSWERS.fetch_add(1, Ordering::Relaxed));
        }
        format!("{MADE_ID}{}_{key}", self.id)
    }

    fn sources(&mut self, raw: &RawValue, out: &mut EventSink) {
        let Ok(grounding) = serde_json::from_str::<Grounding>(raw.get()) else {
            return;
        };
        let page = |at: usize| {
            let source = grounding.grounding_chunks.get(at)?;
            let pages = [&source.web, &source.retrieved_context, &source.maps];
            pages.into_iter().flatten().next()
        };
        let mut cite = |at: usize, words: Option<&String>| {
            let Some(page) = page(at) else {
                return;
            };
            let url = page.uri.clone().unwrap_or_default();
            let key = (url.clone(), words.cloned().unwrap_or_default());
            if url.is_empty() || !self.cited.insert(key) {
                return;
            }
            out.citation(Citation {
                url: Some(url),
                title: page.title.clone(),
                cited_text: words.cloned(),
                ..Citation::default()
            });
        };
        for support in &grounding.grounding_supports {
            let words = support.segment.as_ref().and_then(|s| s.text.as_ref());
            for at in &support.grounding_chunk_indices {
                cite(*at, words);
            }
        }
        if grounding.grounding_supports.is_empty() {
            for at in 0..grounding.grounding_chunks.len() {
                cite(at, None);
            }
        }
    }
}

/// The dialect in whose words images of an answer are carried: it is the one whose callers have a place for them.
pub(super) const IMAGES_DIALECT: &str = "openai-chat";

fn image(mime: &str, data: &str) -> Json {
    let url = json::object(|o| {
        o.field("url", &format!("data:{mime};base64,{data}"));
    });
    json::object(|o| {
        o.field("type", "image_url").field("image_url", &url);
    })
}

/// Is there nothing in it, or nothing but a signature?
fn only_signed(raw: &RawValue) -> bool {
    let members = json::Value::new(raw, json::Path::ROOT);
    members.object().is_ok_and(|mut members| {
        members.take_raw("thoughtSignature");
        members.take_raw("thought");
        members.is_empty()
    })
}

/// A signature in a place of its own.
fn sign(late: &mut Option<String>, out: &mut EventSink) {
    if let Some(proof) = late.take().filter(|proof| !proof.is_empty()) {
        out.signature(&signature::tagged(&proof));
        out.close_block();
    }
}

/// Was the prompt refused, and in which words?
fn blocked<'c>(chunk: &'c Chunk<'_>) -> Option<(&'c str, &'c str)> {
    let feedback = chunk.prompt_feedback.as_ref()?;
    let reason = feedback.block_reason.as_deref()?;
    let words = feedback.block_reason_message.as_deref().unwrap_or_default();
    (reason != "BLOCK_REASON_UNSPECIFIED").then_some((reason, words))
}

/// Log probabilities in OpenAI's shape.
fn logprobs(raw: &RawValue) -> Option<Json> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Result {
        #[serde(default)]
        chosen_candidates: Vec<Token>,
        #[serde(default)]
        top_candidates: Vec<Top>,
    }
    #[derive(Deserialize)]
    struct Top {
        #[serde(default)]
        candidates: Vec<Token>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Token {
        #[serde(default)]
        token: String,
        #[serde(default)]
        log_probability: f64,
    }
    fn write(token: &Token, tops: Option<&[Token]>) -> Json {
        json::object(|o| {
            o.field("token", &token.token)
                .field("logprob", &token.log_probability)
                .field("bytes", token.token.as_bytes());
            if let Some(tops) = tops {
                o.array("top_logprobs", tops.iter().map(|top| write(top, None)));
            }
        })
    }
    let read: Result = serde_json::from_str(raw.get()).ok()?;
    let tokens = read.chosen_candidates.iter().enumerate().map(|(i, token)| {
        let tops = read.top_candidates.get(i).map(|top| &*top.candidates);
        write(token, Some(tops.unwrap_or_default()))
    });
    Some(json::object(|o| {
        o.array("content", tokens).field("refusal", &None::<&str>);
    }))
}
