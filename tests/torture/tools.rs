//! Calls of tools in streams.

use serde_json::{Value, json};
use trunkline::{chat::StopReason, testing::Script};

use crate::{
    bed::Bed,
    edits::tool_forms,
    frames::Frames,
    pairs::{Pair, each_pair_with_tools, ensure},
    told::Told,
};

const ARGUMENTS: &str = r#"{"city":"Köln","days":[1,2]}"#;

/// Text, three calls at once of which one takes no arguments.
fn script() -> Script {
    Script::new()
        .text("Let me look.")
        .tool_call("call_a", "weather", ARGUMENTS)
        .tool_call("call_b", "clock", "{}")
        .tool_call("call_c", "weather", r#"{"city":"Ürümqi"}"#)
        .usage(40, 30)
}

fn expected() -> Vec<(String, Value)> {
    vec![
        ("weather".into(), json!({"city": "Köln", "days": [1, 2]})),
        ("clock".into(), json!({})),
        ("weather".into(), json!({"city": "Ürümqi"})),
    ]
}

fn check(told: &Told) -> Result<(), String> {
    ensure!(told.calls == expected(), "{told:?}");
    ensure!(told.stop == Some(StopReason::ToolUse), "{told:?}");
    let distinct: std::collections::HashSet<_> = told.ids.iter().collect();
    ensure!(distinct.len() == 3, "{told:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn p003_p005_p012_parallel_calls_arrive_whole_and_one_after_another() {
    each_pair_with_tools("parallel calls", async |pair| {
        let bed = Bed::new(pair);
        bed.vendor.push(Frames::of(pair.kind, &script()).answer());
        let told = bed.stream().await.success()?;
        ensure!(told.text == "Let me look.", "{told:?}");
        check(&told)
    })
    .await;
}

/// Pieces of calls come mixed, as their numbers say.
#[tokio::test(start_paused = true)]
async fn p005_interleaved_calls_are_put_in_order() {
    each_pair_with_tools("interleaved calls", async |pair| {
        let frames = Frames::of(pair.kind, &script());
        let (Some(a), Some(b), Some(c)) = (
            frames.find("call_a"),
            frames.find("call_b"),
            frames.find("call_c"),
        ) else {
            return Err("calls without ids".into());
        };
        let end = frames.list[c..].iter().position(|frame| {
            let text = crate::frames::text(frame);
            [
                "finish_reason\":\"",
                "message_delta",
                "completed",
                "messageStop",
                "message-end",
                "finishReason",
            ]
            .iter()
            .any(|word| {
                text.contains(word) && !text.contains("output_item") && !text.contains("item_id")
            })
        });
        let end = c + end.ok_or("no end")?;
        let mut lanes = [
            frames.list[a..b].to_vec(),
            frames.list[b..c].to_vec(),
            frames.list[c..end].to_vec(),
        ]
        .map(std::collections::VecDeque::from);
        let mut mixed = frames.clone();
        mixed.list.truncate(a);
        while lanes.iter().any(|lane| !lane.is_empty()) {
            mixed.list.extend(
                lanes
                    .iter_mut()
                    .filter_map(std::collections::VecDeque::pop_front),
            );
        }
        mixed.list.extend_from_slice(&frames.list[end..]);
        let bed = Bed::new(pair);
        bed.vendor.push(mixed.answer());
        let got = bed.stream().await;
        if pair.same() {
            // The vendor's own clients are told as the vendor tells it.
            return passed(pair, &mixed, &got);
        }
        check(&got.success()?)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p012_an_id_that_comes_twice_is_told_apart() {
    each_pair_with_tools("ids that come twice", async |pair| {
        let twice = Script::new()
            .tool_call("call_1", "weather", ARGUMENTS)
            .tool_call("call_1", "clock", "{}")
            .usage(40, 30);
        let frames = Frames::of(pair.kind, &twice);
        let bed = Bed::new(pair);
        bed.vendor.push(frames.answer());
        let got = bed.stream().await;
        if pair.same() {
            return passed(pair, &frames, &got);
        }
        let told = got.success()?;
        ensure!(
            told.ids.len() == 2 && told.ids[0] != told.ids[1],
            "{told:?}"
        );

        let bed = Bed::new(pair);
        bed.vendor
            .push((pair.kind.answer)(&twice, pair.kind.model, false));
        let whole = bed.whole().await.success()?;
        ensure!(whole.ids == told.ids, "{told:?}, whole: {whole:?}");
        Ok(())
    })
    .await;
}

/// The forms in which vendors write what they mean: each is read as it is meant.
#[tokio::test(start_paused = true)]
async fn p001_p002_p004_p006_odd_forms_of_calls_mean_the_same() {
    each_pair_with_tools("odd forms of calls", async |pair| {
        for (name, odd) in tool_forms(Frames::of(pair.kind, &script())) {
            let bed = Bed::new(pair);
            bed.vendor.push(odd.answer());
            let got = bed.stream().await;
            if pair.same() {
                passed(pair, &odd, &got).map_err(|e| format!("{name}: {e}"))?;
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
async fn p007_calls_that_are_announced_and_do_not_come_are_no_reason_to_stop() {
    each_pair_with_tools("no call after all", async |pair| {
        let frames = Frames::of(pair.kind, &Script::new().text("No call.").usage(4, 3));
        let Some(frames) = crate::edits::stopped_for_tools(frames) else {
            return Ok(());
        };
        let bed = Bed::new(pair);
        bed.vendor.push(frames.answer());
        let got = bed.stream().await;
        if pair.same() {
            return passed(pair, &frames, &got);
        }
        let told = got.success()?;
        ensure!(told.stop == Some(StopReason::EndTurn), "{told:?}");
        Ok(())
    })
    .await;
}

/// All events of the vendor's arrived as they were, in their order.
fn passed(pair: Pair, frames: &Frames, got: &crate::told::Got) -> Result<(), String> {
    ensure!(got.status == 200 && !got.cut, "broken: {}", got.text());
    let sent = frames.data();
    let came: Vec<Value> = got
        .frames()
        .iter()
        .filter_map(|frame| serde_json::from_slice(frame.data()).ok())
        .collect();
    ensure!(came == sent, "{}: {}", pair.kind.name, got.text());
    Ok(())
}
