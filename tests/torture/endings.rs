//! How a stream ends: early, twice, not at all.

use std::time::Duration;

use tokio::time::Instant;
use trunkline::{chat::StopReason, testing::Script};

use crate::{
    bed::{Bed, IDLE, SPARE, Settings},
    edits::{overloaded, unreadable},
    frames::Frames,
    pairs::{Pair, each_pair, each_pair_with_tools, ensure},
};

const TEXT: &str = "One two three four.";

fn script() -> Script {
    Script::new().text(TEXT).usage(40, 20)
}

fn frames(pair: Pair) -> Frames {
    Frames::of(pair.kind, &script())
}

/// The number of frames up to and with the one that says why the answer ended.
fn finished(frames: &Frames) -> usize {
    let words = [
        "\"finish_reason\":\"",
        "response.completed",
        "message_delta",
        "finishReason",
        "stopReason",
    ];
    let at = words.iter().filter_map(|word| frames.find(word)).min();
    at.expect("a reason why it ends") + 1
}

#[tokio::test(start_paused = true)]
async fn p058_p059_p071_a_stream_that_ends_early_is_no_success() {
    each_pair("ends after each frame", async |pair| {
        let whole = frames(pair);
        let finished = finished(&whole);
        for count in 0..=whole.len() {
            let bed = Bed::new(pair);
            bed.vendor.push(whole.answer().end_early_after(count));
            bed.vendor.always(whole.clone().first(0).answer());
            let got = bed.stream().await;
            let at = |e: String| format!("{count} of {} frames: {e}", whole.len());
            if count >= finished {
                let told = got.success().map_err(at)?;
                ensure!(told.text == TEXT, "{count} frames: {told:?}");
            } else if got.cut {
                let told = got.broken().map_err(at)?;
                let is_begin = TEXT.starts_with(&told.text) && !told.text.is_empty();
                ensure!(is_begin, "{count} frames: {told:?}");
                ensure!(
                    bed.spare.requests().is_empty(),
                    "{count} frames: asked again"
                );
                ensure!(bed.ending() == "broken", "{count} frames: {}", bed.ending());
            } else {
                // Nothing had been sent yet: somebody else answers.
                let told = got.success().map_err(at)?;
                ensure!(told.text == SPARE, "{count} frames: {told:?}");
                ensure!(count <= 4, "content was there, and was thrown away");
            }
            ensure!(bed.in_flight() == 0, "a place was kept");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p059_p062_a_stream_that_is_reset_anywhere_is_no_success() {
    each_pair("reset after some bytes", async |pair| {
        let whole = frames(pair);
        let length = whole.answer().content().len();
        let end: usize = whole.list[..finished(&whole)]
            .iter()
            .map(|frame| frame.len())
            .sum();
        let step = length / 9;
        for count in (pair.front.name.len()..length).step_by(step) {
            let bed = Bed::new(pair);
            bed.vendor.push(whole.answer().reset_after(count));
            bed.vendor.always(whole.clone().first(0).answer());
            let got = bed.stream().await;
            let at = |e: String| format!("{count} of {length} bytes: {e}");
            match got.cut {
                true => {
                    got.broken().map_err(at)?;
                }
                false => {
                    let told = got.success().map_err(at)?;
                    let expected = if count < end { SPARE } else { TEXT };
                    ensure!(told.text == expected, "{count} bytes: {told:?}");
                }
            }
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p057_a_vendor_that_keeps_the_line_open_after_the_end_is_not_waited_for() {
    each_pair("open after the end", async |pair| {
        let whole = frames(pair);
        for count in [finished(&whole), whole.len()] {
            let bed = Bed::new(pair);
            // Comments go on for ever, as from a server in between.
            let mut chatty = whole.clone().first(count);
            if !pair.kind.binary {
                for _ in 0..100 {
                    chatty = chatty.then(": ping\n\n");
                }
            }
            let begun = Instant::now();
            bed.vendor.push(
                chatty
                    .answer()
                    .between(Duration::from_millis(300))
                    .stall_after(1000),
            );
            let told = bed.stream().await.success()?;
            ensure!(told.text == TEXT, "{told:?}");
            let pace = Duration::from_millis(300) * u32::try_from(count).expect("few");
            let waited = begun.elapsed().saturating_sub(pace);
            ensure!(
                waited <= Duration::from_secs(2),
                "{count} frames: waited {waited:?}"
            );
            ensure!(bed.vendor.in_flight() == 0, "the vendor is still asked");
            ensure!(bed.ending() == "completed", "{}", bed.ending());
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p056_p058_a_second_ending_is_not_passed_on() {
    each_pair("the ending twice", async |pair| {
        let whole = frames(pair);
        let finished = finished(&whole);
        // All that ends it comes again; or its very last word does.
        for from in [finished - 1, whole.len() - 1] {
            let mut twice = whole.clone();
            twice.list.extend_from_slice(&whole.list[from..]);
            // Google itself names the reason in several chunks: its own callers get them all.
            if pair.front.name == "gemini" && pair.kind.name == "gemini" {
                continue;
            }
            let bed = Bed::new(pair);
            bed.vendor.push(twice.answer());
            let told = bed.stream().await.success()?;
            ensure!(told.text == TEXT, "{told:?}");
            ensure!(told.stop == Some(StopReason::EndTurn), "{told:?}");
        }
        // Whatever the vendor says last, callers get their own dialect's last word.
        if !pair.kind.binary {
            let bed = Bed::new(pair);
            bed.vendor.push(whole.then("data: [DONE]\n\n").answer());
            let got = bed.stream().await;
            let told = got.success()?;
            ensure!(told.text == TEXT, "{told:?}");
            let expected = usize::from(matches!(pair.front.name, "chat" | "completions"));
            let found = got.text().matches("[DONE]").count();
            ensure!(found == expected, "[DONE] {found} times");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p138_p139_a_stream_that_stalls_is_ended_by_the_idle_clock() {
    each_pair("stalls after content", async |pair| {
        let whole = frames(pair);
        let bed = Bed::new(pair);
        let count = finished(&whole) - 1;
        // The first content may take longer than a pause between events.
        let slow = whole
            .answer()
            .first_chunk_after(IDLE + Duration::from_secs(5));
        bed.vendor.push(slow.stall_after(count));
        let begun = Instant::now();
        let told = bed.stream().await.broken()?;
        ensure!(
            told.code.as_deref() == Some("idle_timeout")
                || told.error.as_deref().is_some_and(|e| e.contains("idle")),
            "{told:?}"
        );
        let took = begun.elapsed();
        ensure!(
            took >= IDLE * 2 && took < IDLE * 2 + Duration::from_secs(7),
            "{took:?}"
        );
        ensure!(
            bed.vendor.in_flight() == 0 && bed.in_flight() == 0,
            "not let go"
        );
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p141_comments_do_not_keep_a_stalled_stream_alive() {
    crate::pairs::each_pair_of_text("comments while it stalls", async |pair| {
        let whole = frames(pair);
        let mut chatty = whole.clone().first(finished(&whole) - 1);
        for _ in 0..200 {
            chatty = chatty.then(": still here\n\n");
        }
        let bed = Bed::new(pair);
        bed.vendor
            .push(chatty.answer().between(Duration::from_secs(3)));
        let begun = Instant::now();
        let told = bed.stream().await.broken()?;
        ensure!(told.text.len() > 3, "{told:?}");
        ensure!(
            begun.elapsed() < Duration::from_secs(150),
            "{:?}",
            begun.elapsed()
        );
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p060_what_cannot_be_read_is_told_and_nothing_follows() {
    each_pair("unreadable events", async |pair| {
        let whole = frames(pair);
        let finished = finished(&whole);
        for broken in unreadable(pair.kind) {
            let bed = Bed::new(pair);
            bed.vendor
                .push(whole.clone().with(0, broken.clone()).answer());
            bed.vendor.always(whole.clone().first(0).answer());
            let told = bed.stream().await.success()?;
            ensure!(told.text == SPARE, "{broken:?} first: {told:?}");

            let bed = Bed::new(pair);
            bed.vendor
                .push(whole.clone().with(finished - 1, broken.clone()).answer());
            let got = bed.stream().await;
            let told = got.broken().map_err(|e| format!("{broken:?}: {e}"))?;
            ensure!(TEXT.starts_with(&told.text), "{broken:?}: {told:?}");
            ensure!(bed.ending() == "broken", "{}", bed.ending());
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p048_p049_an_event_may_be_large_but_not_larger_than_the_cap() {
    each_pair_with_tools("a giant event", async |pair| {
        let long = "x".repeat(100_000);
        let giant = Script::new().text(format!("Begin. {long}")).usage(40, 20);
        let giant = Frames::of(pair.kind, &giant);
        let bed = Bed::new(pair);
        bed.vendor.push(giant.answer().chunks_of(16_000));
        let told = bed.stream().await.success()?;
        ensure!(told.text.len() == long.len() + 7, "{}", told.text.len());

        let settings = Settings {
            most: 40_000,
            ..Settings::default()
        };
        let bed = Bed::with(pair, settings);
        bed.vendor.push(giant.answer().chunks_of(16_000));
        let told = bed.stream().await.broken()?;
        ensure!(told.text == "Begin.", "{told:?}");
        ensure!(bed.vendor.in_flight() == 0, "the vendor is still asked");
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p067_an_error_after_content_is_told_in_the_callers_words() {
    each_pair("an error after content", async |pair| {
        let whole = frames(pair);
        let bed = Bed::new(pair);
        let broken = whole
            .clone()
            .with(finished(&whole) - 1, overloaded(pair.kind));
        bed.vendor.push(broken.answer());
        let told = bed.stream().await.broken()?;
        ensure!(
            !told.text.is_empty() && TEXT.starts_with(&told.text),
            "{told:?}"
        );
        let error = told.error.unwrap_or_default();
        ensure!(
            error.contains(crate::edits::BUSY),
            "the vendor's words are lost: {error}"
        );
        ensure!(bed.spare.requests().is_empty(), "it was asked again");
        ensure!(bed.ending() == "broken", "{}", bed.ending());
        Ok(())
    })
    .await;
}
