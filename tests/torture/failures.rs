//! What goes wrong before the first content: somebody else answers, and the caller notices nothing.

use trunkline::testing::{Answer, Script};

use crate::{
    bed::{Bed, SPARE, Settings, ask},
    edits::{BUSY, overloaded},
    frames::Frames,
    pairs::{Pair, each_pair, ensure},
};

fn frames(pair: Pair) -> Frames {
    Frames::of(
        pair.kind,
        &Script::new().text("One two three.").usage(40, 20),
    )
}

/// Frames that only say that something begins: content comes after them.
fn lifecycle(pair: Pair) -> usize {
    match pair.kind.name {
        "responses" => 4,
        "anthropic" | "claude-on-bedrock" => 3,
        "cohere" => 2,
        "gemini" => 0,
        _ => 1,
    }
}

#[tokio::test(start_paused = true)]
async fn p066_p069_p070_an_overload_told_before_content_is_failed_over() {
    each_pair("overloaded before content", async |pair| {
        let whole = frames(pair);
        for at in 0..=lifecycle(pair) {
            let bed = Bed::new(pair);
            let busy = whole.clone().first(at).then(overloaded(pair.kind));
            bed.vendor.always(busy.answer());
            let got = bed.stream().await;
            let told = got
                .success()
                .map_err(|e| format!("behind {at} frames: {e}"))?;
            ensure!(told.text == SPARE, "behind {at} frames: {told:?}");
            ensure!(
                bed.spare.requests().len() == 1,
                "the spare was asked more than once"
            );
            ensure!(bed.ending() == "completed", "{}", bed.ending());
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p009_p070_when_all_fail_before_content_it_is_one_http_error() {
    each_pair("all fail before content", async |pair| {
        let bed = Bed::new(pair);
        let busy = |kind| {
            let whole = Frames::of(kind, &Script::new().text("x"));
            let begun = usize::from(whole.kind.name != "gemini");
            whole.first(begun).then(overloaded(kind)).answer()
        };
        bed.vendor.always(busy(pair.kind));
        bed.spare.always(busy(pair.spare));
        let got = bed.stream().await;
        let body = got.refused()?;
        ensure!(
            matches!(got.status, 502 | 503 | 529),
            "status {}",
            got.status
        );
        let message = body["error"]["message"].as_str().unwrap_or_default();
        ensure!(
            message.contains(BUSY),
            "the vendor's words are lost: {body}"
        );
        ensure!(bed.in_flight() == 0, "a place was kept");
        Ok(())
    })
    .await;
}

/// Answers that are none.
fn no_answers(pair: Pair) -> Vec<(&'static str, Answer)> {
    let script = Script::new().text("One two three.").usage(40, 20);
    let whole = (pair.kind.answer)(&script, pair.kind.model, false).content();
    let html = "<!DOCTYPE html><html><body>Just a moment…</body></html>";
    let kind = match pair.kind.binary {
        true => "application/vnd.amazon.eventstream",
        false => "text/event-stream",
    };
    vec![
        ("an empty 200", Answer::status(200)),
        (
            "an empty stream",
            Answer::status(200)
                .header("content-type", kind)
                .stream([""; 0]),
        ),
        (
            "a web page",
            Answer::status(200)
                .header("content-type", "text/html")
                .body(html),
        ),
        (
            "a web page that calls itself a stream",
            Answer::status(200).header("content-type", kind).body(html),
        ),
        ("an empty object", Answer::json(200, "{}")),
        (
            "an error under a 200",
            Answer::json(200, r#"{"error":{"message":"Too busy.","code":503}}"#),
        ),
        (
            "a list with an error",
            Answer::json(
                503,
                r#"[{"error":{"code":503,"message":"Too busy.","status":"UNAVAILABLE"}}]"#,
            ),
        ),
        (
            "a bad gateway's page",
            Answer::status(502)
                .header("content-type", "text/html")
                .body(html),
        ),
        (
            "a page in place of an error",
            Answer::status(503).body("upstream connect error"),
        ),
        (
            "529",
            Answer::anthropic_error(529, "overloaded_error", BUSY),
        ),
        ("a closed connection", Answer::hang_up()),
        ("a reset connection", Answer::reset()),
        ("a refused connection", Answer::refuse()),
        ("no content", Answer::status(204)),
        (
            "half an answer",
            Answer::json(200, whole.slice(..whole.len() / 2)),
        ),
        (
            "all but the end of an answer",
            Answer::json(200, whole.slice(..whole.len() - 1)),
        ),
        ("garbage in braces", Answer::json(200, "{what is this}")),
    ]
}

#[tokio::test(start_paused = true)]
async fn p065_p068_p073_an_answer_that_is_none_is_failed_over_at_once() {
    each_pair("answers that are none", async |pair| {
        for (name, answer) in no_answers(pair) {
            let bed = Bed::new(pair);
            bed.vendor.always(answer.clone());
            let told = bed
                .stream()
                .await
                .success()
                .map_err(|e| format!("{name}: {e}"))?;
            ensure!(told.text == SPARE, "{name}: {told:?}");
            let asked = bed.vendor.requests().len() + bed.spare.requests().len();
            ensure!(asked <= 4, "{name}: {asked} attempts");

            let bed = Bed::new(pair);
            bed.vendor.always(answer);
            let told = bed
                .whole()
                .await
                .success()
                .map_err(|e| format!("{name}, whole: {e}"))?;
            ensure!(told.text == SPARE, "{name}, whole: {told:?}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p083_p136_p137_the_first_content_is_waited_for_and_no_longer() {
    each_pair("no content in time", async |pair| {
        let begun = lifecycle(pair);
        // Nothing at all; headers and nothing more; all that comes before content and nothing more.
        for answer in [
            Answer::silence(),
            frames(pair).answer().stall_after(0),
            frames(pair).answer().stall_after(begun),
        ] {
            let bed = Bed::new(pair);
            bed.vendor.always(answer);
            let from = tokio::time::Instant::now();
            let told = bed.stream().await.success()?;
            ensure!(told.text == SPARE, "{told:?}");
            let took = from.elapsed();
            let limit = crate::bed::FIRST_TOKEN;
            ensure!(
                took >= limit && took.as_secs() <= limit.as_secs() + 1,
                "{took:?}"
            );
            ensure!(bed.vendor.in_flight() == 0, "the vendor is still asked");
            // It may have been paid for: the same account is not asked for it again.
            ensure!(bed.vendor.requests().len() == 1, "the same was asked again");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p031_p086_every_target_is_asked_in_its_own_words() {
    each_pair("the next target's words", async |pair| {
        let bed = Bed::new(pair);
        bed.vendor
            .always(Answer::json(500, r#"{"error":{"message":"no"}}"#));
        bed.stream().await.success()?;
        let first = bed.vendor.requests();
        for (kind, sent) in [(pair.kind, &first), (pair.spare, &bed.spare.requests())] {
            for request in sent.iter() {
                let name = kind.dialect.name();
                // Claude on Bedrock is asked in Anthropic's words with the model in the path.
                if kind.name == "claude-on-bedrock" {
                    ensure!(
                        request.text().contains("bedrock-2023-05-31"),
                        "{}",
                        request.text()
                    );
                    continue;
                }
                let found = trunkline::testing::grammar::check_request(name, &request.body);
                let found = found.ok_or("no grammar")?;
                ensure!(
                    found.is_empty(),
                    "{}: {found:?}\n{}",
                    kind.name,
                    request.text()
                );
            }
        }
        ensure!(
            first.iter().all(|again| again.body == first[0].body),
            "a retry says something else"
        );
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p140_a_call_may_have_a_limit_in_all() {
    use std::time::Duration;
    each_pair("the total limit", async |pair| {
        let settings = Settings {
            total: Some(Duration::from_secs(90)),
            ..Settings::default()
        };
        let bed = Bed::with(pair, settings);
        // Never silent for long, and never done.
        let long = Script::new().text("word ".repeat(100)).usage(40, 20);
        let long = Frames::of(pair.kind, &long).answer();
        bed.vendor.push(long.between(Duration::from_secs(5)));
        let from = tokio::time::Instant::now();
        let told = bed.stream().await.broken()?;
        ensure!(from.elapsed().as_secs() == 90, "{:?}", from.elapsed());
        let error = format!("{:?} {:?}", told.code, told.error);
        ensure!(error.contains("total"), "{error}");
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p074_p076_what_the_caller_did_wrong_is_told_and_not_tried_again() {
    each_pair("the caller's mistake", async |pair| {
        let bed = Bed::new(pair);
        let message = "temperature: must be at most 2";
        bed.vendor.always(match pair.kind.name {
            "anthropic" => Answer::anthropic_error(400, "invalid_request_error", message),
            "gemini" => Answer::gemini_error(400, "INVALID_ARGUMENT", message),
            "cohere" => Answer::cohere_error(400, message),
            "converse" | "claude-on-bedrock" => {
                Answer::bedrock_error(400, "ValidationException", message)
            }
            _ => Answer::openai_error(400, "invalid_request_error", "invalid_value", message),
        });
        let got = bed.stream().await;
        let body = got.refused()?;
        ensure!(got.status == 400, "{}", got.status);
        ensure!(body.to_string().contains(message), "{body}");
        ensure!(bed.vendor.requests().len() == 1, "asked again");
        ensure!(bed.spare.requests().is_empty(), "the spare was asked");
        // And the account is none the worse for it.
        bed.vendor.push(frames(pair).answer());
        bed.stream().await.success()?;
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p073_bodies_that_cannot_be_read_are_refused_in_the_callers_words() {
    each_pair("bodies that cannot be read", async |pair| {
        let bed = Bed::new(pair);
        for body in [serde_json::json!([1]), serde_json::json!("x")] {
            let got = bed.send(ask(pair.front, "m", true, &body)).await;
            got.refused()?;
            ensure!(got.status == 400, "{}", got.status);
        }
        ensure!(bed.vendor.requests().is_empty(), "the vendor was asked");
        Ok(())
    })
    .await;
}
