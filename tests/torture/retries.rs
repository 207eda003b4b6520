//! Trying again: how often, whom, when, and what the caller is told in the end.

use std::time::Duration;

use tokio::time::Instant;
use trunkline::testing::{Answer, Script};

use crate::{
    bed::{Bed, SPARE, Settings},
    frames::Frames,
    pairs::{Kind, Pair, each_pair, ensure},
};

const TEXT: &str = "Well again.";

fn frames(pair: Pair) -> Frames {
    Frames::of(pair.kind, &Script::new().text(TEXT).usage(40, 20))
}

/// A refusal in the vendor's words.
fn refusal(kind: &Kind, status: u16, words: [&str; 3], message: &str) -> Answer {
    let [openai, anthropic, others] = words;
    match kind.name {
        "anthropic" => Answer::anthropic_error(status, anthropic, message),
        "gemini" => Answer::gemini_error(status, others, message),
        "cohere" => Answer::cohere_error(status, message),
        "converse" | "claude-on-bedrock" => {
            let name = match status {
                429 => "ThrottlingException",
                400 => "ValidationException",
                _ => "InternalServerException",
            };
            Answer::bedrock_error(status, name, message)
        }
        _ => Answer::openai_error(status, "invalid_request_error", openai, message),
    }
}

fn limited(kind: &Kind, seconds: u64) -> Answer {
    let words = [
        "rate_limit_exceeded",
        "rate_limit_error",
        "RESOURCE_EXHAUSTED",
    ];
    let answer = refusal(kind, 429, words, "Too many requests.");
    answer.header("retry-after", &seconds.to_string())
}

#[tokio::test(start_paused = true)]
async fn p080_p081_p082_p094_a_limited_account_is_left_alone_until_its_time() {
    each_pair("limited accounts", async |pair| {
        let bed = Bed::new(pair);
        bed.vendor.push(limited(pair.kind, 90));
        bed.vendor.always(frames(pair).answer());
        // Somebody else is free: he is asked at once, and nobody waits.
        let begun = Instant::now();
        for _ in 0..3 {
            let told = bed.stream().await.success()?;
            ensure!(told.text == SPARE, "{told:?}");
        }
        ensure!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
        ensure!(bed.vendor.requests().len() == 1, "called before its time");
        // Nobody is free: the caller is told until when.
        bed.spare.always(limited(pair.spare, 200));
        let got = bed.stream().await;
        got.refused()?;
        ensure!(got.status == 429, "{}", got.status);
        let after = got
            .headers
            .get("retry-after")
            .and_then(|value| value.to_str().ok());
        let after: u64 = after
            .and_then(|text| text.parse().ok())
            .ok_or("no retry-after")?;
        ensure!(
            (88..=90).contains(&after),
            "the soonest return is in 90 s: {after}"
        );
        // Its time has come, longer than any cooldown of ours.
        tokio::time::advance(Duration::from_secs(91)).await;
        let told = bed.stream().await.success()?;
        ensure!(told.text == TEXT, "{told:?}");
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p165_p166_a_prompt_too_long_is_told_where_clients_look_for_it() {
    each_pair("prompts too long", async |pair| {
        let words = ["context_length_exceeded", "invalid_request_error", "INVALID_ARGUMENT"];
        let too_long = |kind: &Kind| {
            let message = match kind.name {
                "anthropic" | "claude-on-bedrock" => "prompt is too long: 200001 tokens > 200000 maximum",
                "gemini" => "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).",
                "converse" => "Input is too long for requested model.",
                "cohere" => "too many tokens: size limit exceeded by 10 tokens",
                _ => "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
            };
            refusal(kind, 400, words, message)
        };
        let bed = Bed::new(pair);
        bed.vendor.always(too_long(pair.kind));
        bed.spare.always(too_long(pair.spare));
        let got = bed.stream().await;
        let body = got.refused()?;
        ensure!(got.status == 400, "{}: {body}", got.status);
        let shown = match pair.front.name {
            "messages" => body["error"]["message"].as_str().unwrap_or_default().starts_with("prompt is too long"),
            "gemini" => body["error"]["status"] == "INVALID_ARGUMENT",
            _ => body["error"]["code"] == "context_length_exceeded",
        };
        ensure!(shown, "{body}");
        ensure!(bed.vendor.requests().len() == 1, "the same was asked again");
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p084_a_connection_that_dies_before_a_byte_came_is_asked_again_at_once() {
    each_pair("dead connections", async |pair| {
        for dead in [Answer::hang_up(), Answer::reset()] {
            let bed = Bed::new(pair);
            bed.vendor.push(dead);
            bed.vendor.always(frames(pair).answer());
            let begun = Instant::now();
            let told = bed.stream().await.success()?;
            ensure!(told.text == TEXT, "{told:?}");
            ensure!(begun.elapsed().is_zero(), "{:?}", begun.elapsed());
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p077_p078_p076_attempts_are_bounded_over_all_targets() {
    each_pair("attempts", async |pair| {
        for attempts in [1, 2, 5] {
            let settings = Settings {
                attempts,
                ..Settings::default()
            };
            let bed = Bed::with(pair, settings);
            let message = "It broke.";
            let words = ["server_error", "api_error", "INTERNAL"];
            bed.vendor.always(refusal(pair.kind, 500, words, message));
            bed.spare.always(refusal(pair.spare, 500, words, message));
            let got = bed.stream().await;
            let body = got.refused()?;
            let asked = bed.vendor.requests().len() + bed.spare.requests().len();
            let most = usize::try_from(attempts).unwrap_or_default();
            ensure!(asked <= most, "{asked} of {attempts} attempts");
            ensure!(got.status >= 500, "{}", got.status);
            ensure!(
                body.to_string().contains(message),
                "the cause is hidden: {body}"
            );
            // The trail says the same.
            let calls = bed.calls.latest();
            ensure!(calls.len() == 1, "{} records", calls.len());
            let steps = calls[0].trail.steps();
            let named = steps
                .iter()
                .filter(|step| !step.provider.is_empty())
                .count();
            ensure!(named == asked, "{} of {asked} in the record", calls[0].way);
        }
        Ok(())
    })
    .await;
}
