//! What streams tell of their cost, and why they ended.

use serde_json::{Value, json};
use trunkline::{chat::StopReason, testing::Script};

use crate::{
    bed::{Bed, ask, request},
    edits::usage_forms,
    frames::Frames,
    pairs::{Pair, each_pair, ensure},
    told::Told,
};

fn script(pair: Pair) -> Script {
    let script = Script::new()
        .text("One two three.")
        .usage(140, 30)
        .cached(100);
    match pair.front.tools {
        true => script.thinking("Hm, well."),
        false => script,
    }
}

fn check(told: &Told) -> Result<(), String> {
    let usage = told.usage.ok_or_else(|| format!("no usage: {told:?}"))?;
    ensure!(usage.total_input() == Some(140), "{usage:?}");
    ensure!(usage.cache_read == Some(100), "{usage:?}");
    ensure!(usage.total_output() == Some(30), "{usage:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn p041_p119_p120_streams_and_whole_answers_cost_the_same() {
    each_pair("usage", async |pair| {
        let bed = Bed::new(pair);
        bed.vendor
            .push(Frames::of(pair.kind, &script(pair)).answer());
        let streamed = bed.stream().await.success()?;
        check(&streamed)?;
        bed.vendor
            .push((pair.kind.answer)(&script(pair), pair.kind.model, false));
        let whole = bed.whole().await.success()?;
        check(&whole)?;
        ensure!(streamed.usage == whole.usage, "{streamed:?}\n{whole:?}");
        ensure!(
            streamed.text == whole.text && streamed.stop == whole.stop,
            "{streamed:?}\n{whole:?}"
        );
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p036_p037_p040_usage_is_read_wherever_it_stands() {
    each_pair("usage in odd places", async |pair| {
        for (name, frames) in usage_forms(Frames::of(pair.kind, &script(pair))) {
            let bed = Bed::new(pair);
            bed.vendor.push(frames.answer());
            let got = bed.stream().await;
            if pair.same() {
                // It passes as the vendor put it.
                ensure!(got.status == 200 && !got.cut, "{name}: {}", got.text());
                continue;
            }
            let told = got.success().map_err(|e| format!("{name}: {e}"))?;
            check(&told).map_err(|e| format!("{name}: {e}"))?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p032_p033_p034_p038_usage_is_always_asked_for_and_told_who_asked() {
    each_pair("include_usage", async |pair| {
        let (front, kind) = (pair.front, pair.kind);
        let mut body = body_of(pair).await?;
        for asked in [Some(true), Some(false), None] {
            // Other dialects always tell it.
            if !matches!(front.name, "chat" | "completions") && asked != Some(true) {
                continue;
            }
            if matches!(front.name, "chat" | "completions") {
                match asked {
                    Some(asked) => body["stream_options"] = json!({"include_usage": asked}),
                    None => {
                        _ = body
                            .as_object_mut()
                            .and_then(|o| o.remove("stream_options"))
                    }
                }
            }
            let bed = Bed::new(pair);
            bed.vendor.push(Frames::of(kind, &script(pair)).answer());
            let got = bed.send(ask(front, "m", true, &body)).await;
            let told = got.success()?;
            ensure!(
                told.usage.is_some() == (asked == Some(true)),
                "{asked:?}: {told:?}"
            );
            let sent = &bed.vendor.requests()[0];
            if matches!(kind.name, "openai" | "deepseek") {
                let wanted = sent.field("/stream_options/include_usage");
                ensure!(
                    wanted.as_deref() == Some("true"),
                    "{asked:?}: {}",
                    sent.text()
                );
            }
        }
        Ok(())
    })
    .await;
}

/// The question of a front, as JSON.
async fn body_of(pair: Pair) -> Result<Value, String> {
    use http_body_util::BodyExt;
    let body = request(pair.front, "m", true).into_body();
    let bytes = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
    serde_json::from_slice(&bytes).map_err(|e| e.to_string())
}

#[tokio::test(start_paused = true)]
async fn p008_p010_the_reason_why_it_ended_is_kept() {
    each_pair("reasons", async |pair| {
        let text = Script::new().text("One two three.").usage(40, 20);
        for (script, reason) in [
            (text.clone(), StopReason::EndTurn),
            (text.clone().stop_length(), StopReason::MaxTokens),
            (text.stop_refusal(), StopReason::Refusal),
        ] {
            let bed = Bed::new(pair);
            bed.vendor.push(Frames::of(pair.kind, &script).answer());
            let streamed = bed.stream().await.success()?;
            ensure!(streamed.stop == Some(reason), "{reason:?}: {streamed:?}");
            ensure!(streamed.usage.is_some(), "{reason:?}: {streamed:?}");
            bed.vendor
                .push((pair.kind.answer)(&script, pair.kind.model, false));
            let whole = bed.whole().await.success()?;
            ensure!(whole.stop == Some(reason), "{reason:?}, whole: {whole:?}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p011_streams_are_asked_for_as_streams() {
    each_pair("asked for as streams", async |pair| {
        for stream in [true, false] {
            let bed = Bed::new(pair);
            bed.vendor
                .push((pair.kind.answer)(&script(pair), pair.kind.model, stream));
            bed.send(request(pair.front, "m", stream)).await.success()?;
            let sent = &bed.vendor.requests()[0];
            let path = sent.path_and_query().to_ascii_lowercase();
            let by_path = path.contains("stream");
            let by_body = sent.field("/stream").as_deref() == Some("true");
            ensure!((by_path || by_body) == stream, "{path}: {}", sent.text());
        }
        Ok(())
    })
    .await;
}
