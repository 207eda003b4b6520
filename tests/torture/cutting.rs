//! Where the bytes of a stream are cut, and how its lines end.

use trunkline::testing::{Answer, Script};

use crate::{
    bed::Bed,
    edits::noises,
    frames::Frames,
    pairs::{Pair, each_pair, each_pair_of_text, ensure},
    told::Told,
};

/// Text of characters that take one to four bytes, and a joined one.
const TEXT: &str = "Grüße, 世界! 🦀 👩‍🚀 fin.";

/// What a vendor of the caller's own dialect adds passes untouched: what it means is between the two.
const KNOWN_NOISE: &[&str] = &["novelty", "prompt_filter_results"];

/// All that a stream may hold of what its front can be told.
fn script(pair: Pair) -> Script {
    let script = Script::new().text(TEXT).usage(40, 20);
    match pair.front.tools {
        true => script.tool_call("call_1", "weather", r#"{"city":"Köln 🏙"}"#),
        false => script,
    }
}

/// Writes a frame otherwise.
type Form = fn(&str) -> String;

async fn told(pair: Pair, answer: Answer) -> Result<Told, String> {
    let bed = Bed::new(pair);
    bed.vendor.push(answer);
    let mut told = bed.stream().await.without(KNOWN_NOISE).success()?;
    ensure!(bed.spare.requests().is_empty(), "the spare was asked");
    ensure!(bed.in_flight() == 0, "a place was kept");
    // Ids that are made here differ from call to call.
    told.ids.clear();
    Ok(told)
}

#[tokio::test(start_paused = true)]
async fn p042_p046_p062_bytes_cut_anywhere_change_nothing() {
    each_pair("bytes cut anywhere", async |pair| {
        let frames = Frames::of(pair.kind, &script(pair));
        let whole = told(pair, frames.answer()).await?;
        ensure!(whole.text == TEXT, "{:?}", whole.text);
        ensure!(
            whole.calls.len() == usize::from(pair.front.tools),
            "{:?}",
            whole.calls
        );
        for size in [1, 2, 3, 7, 61, 1 << 20] {
            let cut = told(pair, frames.answer().chunks_of(size)).await?;
            ensure!(cut == whole, "chunks of {size}: {cut:?}\n{whole:?}");
        }
        // Two pieces; each front cuts elsewhere.
        let content = frames.answer().content();
        let step = content.len() / 12;
        for at in (pair.front.name.len()..content.len()).step_by(step) {
            let mut two = frames.clone();
            two.list = vec![content.slice(..at), content.slice(at..)];
            let cut = told(pair, two.answer()).await?;
            ensure!(cut == whole, "cut at {at}: {cut:?}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p039_p043_p044_p045_p047_lines_may_end_and_begin_as_they_like() {
    each_pair_of_text("forms of lines", async |pair| {
        let frames = Frames::of(pair.kind, &script(pair));
        let whole = told(pair, frames.answer()).await?;
        let plain = frames.map(|frame| frame.replace("\r\n", "\n"));
        let forms: [(&str, Form); 7] = [
            ("LF", |frame| frame.to_owned()),
            ("CRLF", |frame| frame.replace('\n', "\r\n")),
            ("CR", |frame| frame.replace('\n', "\r")),
            ("two lines of data", |frame| {
                frame.replacen("data: {", "data: {\ndata: ", 1)
            }),
            ("no space", |frame| frame.replace("data: ", "data:")),
            ("ids and times", |frame| {
                format!("id: 7\nretry: 10\n{frame}")
            }),
            ("blank lines", |frame| format!("\n\n{frame}\n")),
        ];
        for (name, form) in forms {
            let formed = plain.clone().map(form);
            // A CR at the end of one piece, the LF at the begin of the next.
            let read = told(pair, formed.answer().chunks_of(1)).await?;
            ensure!(read == whole, "{name}: {read:?}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p050_p061_what_is_no_content_changes_nothing() {
    each_pair("comments, pings, unknown events", async |pair| {
        let frames = Frames::of(pair.kind, &script(pair));
        let whole = told(pair, frames.answer()).await?;
        for noise in noises(pair.kind) {
            // Everywhere, at the begin, in the middle and behind the reason why it ends.
            let end = frames.len() - usize::from(pair.kind.last_word);
            let mut places = vec![vec![0], vec![frames.len() / 2], vec![end]];
            places.push((0..frames.len()).collect());
            for at in places {
                let mut noisy = frames.clone();
                for at in at.iter().rev() {
                    noisy = noisy.with(*at, noise.clone());
                }
                let read = told(pair, noisy.answer()).await;
                let read = read.map_err(|e| format!("{noise:?} before {at:?}: {e}"))?;
                ensure!(read == whole, "{noise:?} before {at:?}: {read:?}");
            }
        }
        Ok(())
    })
    .await;
}
