//! Completions of OpenAI, the API before Chat.

use serde_json::Value;

use super::{
    Grammar, Told, json,
    node::{At, Kind::*, Report},
    openai_chat::{error, usage},
};
use crate::wire::Frame;

pub(super) const GRAMMAR: Grammar = Grammar {
    dialect: "openai-completions",
    request,
    told: Some(Told { reply, stream }),
};

const FINISHES: &[&str] = &["stop", "length", "content_filter"];

fn request(at: &At<'_>) {
    at.shape(
        &[("model", Name), ("prompt", Or(&Text, &Full))],
        &[
            ("best_of", Count),
            ("echo", Bool),
            ("frequency_penalty", Number),
            ("logit_bias", Object),
            ("logprobs", Count),
            ("max_tokens", Count),
            ("n", Count),
            ("presence_penalty", Number),
            ("seed", Number),
            ("stop", Or(&Text, &Full)),
            ("stream", Bool),
            ("stream_options", Object),
            ("suffix", Text),
            ("temperature", Number),
            ("top_p", Number),
            ("user", Text),
        ],
    );
    at.must(
        at.list("stop").len() <= 4,
        "more than four texts to stop at",
    );
    at.must(
        at.count("logprobs") <= 5,
        "more than five alternatives of a token",
    );
    at.must(
        !at.has("stream_options") || at.value["stream"] == true,
        "options of a stream without a stream",
    );
}

fn reply(at: &At<'_>) {
    head(at);
    at.must(!at.list("choices").is_empty(), "no choices");
    for choice in at.list("choices") {
        self::choice(&choice, OneOf(FINISHES));
    }
}

fn head(at: &At<'_>) {
    at.shape(
        &[
            ("id", Name),
            ("object", Is("text_completion")),
            ("created", Count),
            ("model", Name),
            ("choices", List),
        ],
        &[
            ("usage", Or(&Object, &Null)),
            ("system_fingerprint", Or(&Text, &Null)),
        ],
    );
    if let Some(counts) = at.some("usage") {
        usage(&counts);
    }
}

fn choice(at: &At<'_>, finish: super::node::Kind) {
    at.shape(
        &[
            ("text", Text),
            ("index", Count),
            ("logprobs", Or(&Object, &Null)),
            ("finish_reason", finish),
        ],
        &[],
    );
    at.must(at.count("index") == 0, "one answer only was asked for");
    let Some(logprobs) = at.some("logprobs") else {
        return;
    };
    const LISTS: [&str; 4] = ["tokens", "token_logprobs", "top_logprobs", "text_offset"];
    logprobs.shape(&LISTS.map(|name| (name, List)), &[]);
    let lengths = LISTS.map(|name| logprobs.list(name).len());
    logprobs.must(
        lengths.iter().all(|length| *length == lengths[0]),
        "lists of different lengths",
    );
}

fn stream(frames: &[Frame], report: &Report) {
    let mut head_of_all: Option<[Value; 3]> = None;
    let (mut finished, mut counted) = (false, false);
    let mut over = None;
    for (number, frame) in frames.iter().enumerate() {
        if frame.is_comment() || !frame.has_data() {
            continue;
        }
        let path = format!("frame {number}");
        if let Some(over) = over {
            report.say(path.as_str(), format!("something follows {over}"));
        }
        if frame.name().is_some() {
            report.say(path.as_str(), "events have no names here");
        }
        if frame.data().as_ref() == b"[DONE]" {
            if !finished {
                report.say(path, "`[DONE]` before any finish_reason");
            }
            over = Some("`[DONE]`");
            continue;
        }
        let Some((path, value)) = json(number, frame, report) else {
            continue;
        };
        let at = At::root(&value, path, report);
        if let Some(failure) = at.get("error") {
            at.shape(&[("error", Object)], &[]);
            error(&failure);
            over = Some("an error");
            continue;
        }
        head(&at);
        let found =
            ["id", "created", "model"].map(|name| value.get(name).cloned().unwrap_or_default());
        at.must(
            *head_of_all.get_or_insert_with(|| found.clone()) == found,
            "id, created or model is another than before",
        );
        let choices = at.list("choices");
        if at.has("usage") {
            at.must(!counted, "usage is there twice");
            at.must(finished, "usage before finish_reason");
            at.must(choices.is_empty(), "usage in a chunk with choices");
            counted = true;
        } else {
            at.must(!choices.is_empty(), "a chunk that says nothing");
        }
        for choice in choices {
            self::choice(&choice, Or(&Null, &OneOf(FINISHES)));
            at.must(!finished, "a text after finish_reason");
            finished = choice.has("finish_reason");
            let nothing = choice.text("text").is_empty() && !choice.has("logprobs");
            at.must(!nothing || finished, "an empty text");
        }
    }
    if over.is_none() {
        report.say("", "the stream has no ending");
    }
}
