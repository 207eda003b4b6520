//! Thinking in streams.

use serde_json::json;
use trunkline::testing::{Answer, Script};

use crate::{
    bed::Bed,
    edits::chunk,
    frames::Frames,
    pairs::{each_pair_with_tools, ensure},
};

const THOUGHT: &str = "They want to know. I look it up.";

#[tokio::test(start_paused = true)]
async fn p018_p019_p023_thinking_arrives_once_and_in_streams_as_in_whole_answers() {
    each_pair_with_tools("thinking", async |pair| {
        let script = Script::new()
            .thinking(THOUGHT)
            .text("Let me look.")
            .tool_call("call_1", "weather", r#"{"city":"Bonn"}"#)
            .usage(40, 30);
        let bed = Bed::new(pair);
        bed.vendor.push(Frames::of(pair.kind, &script).answer());
        let got = bed.stream().await;
        let streamed = got.success()?;
        ensure!(streamed.thinking == THOUGHT, "{streamed:?}");
        bed.vendor
            .push((pair.kind.answer)(&script, pair.kind.model, false));
        let whole = bed.whole().await;
        let raw = whole.text();
        let whole = whole.success()?;
        ensure!(
            whole.thinking == streamed.thinking,
            "{streamed:?}\n{whole:?}"
        );
        if pair.front.name == "messages" {
            for signature in &streamed.signatures {
                ensure!(raw.contains(signature), "{signature} is not in {raw}");
            }
        }
        // One signature, in the block that it signs, where it can be told. The grammar holds its place.
        if pair.front.name == "messages"
            && matches!(
                pair.kind.name,
                "anthropic" | "converse" | "claude-on-bedrock"
            )
        {
            ensure!(
                got.text().matches("signature_delta").count() == 1,
                "{}",
                got.text()
            );
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p020_p021_what_is_signed_or_redacted_is_kept_though_it_says_nothing() {
    each_pair_with_tools("signed silence", async |pair| {
        let blocks = [
            json!({"type": "thinking", "thinking": "", "signature": ""}),
            json!({"type": "redacted_thinking", "data": "c2VjcmV0"}),
        ];
        let signed = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2lnbmVk"}});
        let plain = Frames::of(pair.kind, &Script::new().text("Done.").usage(4, 3));
        let frame = |event: &serde_json::Value| match pair.kind.name {
            "anthropic" => format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default()).into(),
            _ => chunk(&event.to_string()),
        };
        // Only Claude writes such blocks.
        if !matches!(pair.kind.name, "anthropic" | "claude-on-bedrock") {
            return Ok(());
        }
        let mut list = vec![plain.list[0].clone()];
        for (index, block) in blocks.iter().enumerate() {
            list.push(frame(&json!({"type": "content_block_start", "index": index, "content_block": block})));
            if index == 0 {
                list.push(frame(&signed));
            }
            list.push(frame(&json!({"type": "content_block_stop", "index": index})));
        }
        let moved = plain.map(|frame| frame.replace("\"index\":0", "\"index\":2"));
        list.extend_from_slice(&moved.list[1..]);
        let mut frames = moved;
        frames.list = list;
        let bed = Bed::new(pair);
        bed.vendor.push(frames.answer());
        let got = bed.stream().await;
        let told = got.success()?;
        ensure!(told.text == "Done.", "{told:?}");
        match pair.front.name {
            // Chat has no place for what cannot be read; what is lost is told.
            "chat" => {}
            "messages" => {
                let text = got.text();
                ensure!(text.contains("c2VjcmV0"), "redacted thinking is gone: {text}");
                ensure!(text.matches("signature_delta").count() == 1, "{text}");
            }
            _ => ensure!(!told.signatures.is_empty(), "{told:?}: {}", got.text()),
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p022_thinking_that_is_sent_again_whole_is_not_told_twice() {
    // Vendors of Responses repeat the whole text in several events: nothing else here sends twice.
    each_pair_with_tools("thinking said twice", async |pair| {
        let script = Script::new().thinking(THOUGHT).text("Done.").usage(4, 3);
        let bed = Bed::new(pair);
        let answer: Answer = Frames::of(pair.kind, &script).answer();
        bed.vendor.push(answer);
        let got = bed.stream().await;
        let told = got.success()?;
        ensure!(told.thinking == THOUGHT && told.text == "Done.", "{told:?}");
        Ok(())
    })
    .await;
}
