//! Callers who leave, and callers who wait.

use std::time::Duration;

use http_body_util::BodyExt;
use tokio::time::{Instant, timeout};
use trunkline::testing::{Answer, Script};

use crate::{
    bed::{Bed, Settings, request},
    edits::overloaded,
    frames::Frames,
    pairs::{Pair, each_pair, ensure},
};

fn frames(pair: Pair) -> Frames {
    Frames::of(
        pair.kind,
        &Script::new().text("One two three four.").usage(40, 20),
    )
}

fn nobody_is_there(bed: &Bed, aborted: usize) -> Result<(), String> {
    let vendor = &bed.vendor;
    ensure!(vendor.in_flight() == 0, "the vendor is still asked");
    ensure!(vendor.aborted() == aborted, "{} aborted", vendor.aborted());
    ensure!(bed.in_flight() == 0, "a place was kept");
    ensure!(bed.pools.waiting() == 0, "somebody waits");
    ensure!(
        bed.spare.requests().is_empty(),
        "the spare was asked for nobody"
    );
    ensure!(bed.ending() == "cancelled", "{}", bed.ending());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn p133_p134_p135_p146_who_leaves_is_let_go_at_once_wherever_the_call_is() {
    each_pair("callers who leave", async |pair| {
        // Before an answer, before content, and in a whole answer.
        let stuck = [
            (true, Answer::silence()),
            (true, frames(pair).answer().stall_after(0)),
            (true, frames(pair).answer().stall_after(1)),
            (false, Answer::silence()),
            (false, Answer::json(200, "{\"half\":").stall_after(1)),
        ];
        for (stream, answer) in stuck {
            let bed = Bed::new(pair);
            bed.vendor.push(answer);
            let call = bed.open(request(pair.front, "m", stream));
            let left = timeout(Duration::from_secs(10), async {
                let response = call.await;
                response.into_body().collect().await.map(drop)
            });
            ensure!(left.await.is_err(), "it answered");
            nobody_is_there(&bed, 1).map_err(|e| format!("stream {stream}: {e}"))?;
        }
        // In the middle.
        let bed = Bed::new(pair);
        let answer = frames(pair).answer().between(Duration::from_secs(1));
        bed.vendor.push(answer);
        let response = bed.open(request(pair.front, "m", true)).await;
        let mut body = response.into_body();
        let first = body.frame().await.ok_or("nothing came")?;
        ensure!(first.is_ok(), "broken");
        drop(body);
        nobody_is_there(&bed, 1)?;
        // While it waits for another try.
        let bed = Bed::new(pair);
        bed.vendor.always(overloaded_answer(pair));
        let call = bed.open(request(pair.front, "m", true));
        let left = timeout(Duration::from_millis(1), call).await;
        ensure!(left.is_err(), "it answered");
        nobody_is_there(&bed, 0)
    })
    .await;
}

fn overloaded_answer(pair: Pair) -> Answer {
    let mut frames = frames(pair);
    frames.list = vec![overloaded(pair.kind)];
    frames.answer()
}

#[tokio::test(start_paused = true)]
async fn p051_p052_p054_p055_who_waits_hears_a_heartbeat_in_the_own_dialect() {
    each_pair("heartbeats", async |pair| {
        let every = Duration::from_secs(7);
        for heartbeat in [Some(every), None] {
            let settings = Settings {
                heartbeat,
                ..Settings::default()
            };
            let bed = Bed::with(pair, settings);
            let slow = frames(pair)
                .answer()
                .first_chunk_after(Duration::from_secs(50));
            bed.vendor.push(slow);
            let begun = Instant::now();
            let response = bed.open(request(pair.front, "m", true)).await;
            let opened = begun.elapsed();
            let body = response.into_body().collect().await;
            let text = body.map_err(|e| e.to_string())?.to_bytes();
            let text = String::from_utf8(text.to_vec()).map_err(|e| e.to_string())?;
            let sign = match pair.front.name {
                "messages" => "event: ping\ndata: {\"type\": \"ping\"}\n\n",
                "gemini" => "",
                _ => ": keep-alive\n",
            };
            let can = !sign.is_empty() && heartbeat.is_some();
            // Without one the status is only known when there is content.
            let expected = if can { every } else { Duration::from_secs(50) };
            ensure!(opened == expected, "the headers came after {opened:?}");
            let beats = if sign.is_empty() {
                0
            } else {
                text.matches(sign).count()
            };
            ensure!(
                beats == if can { 7 } else { 0 },
                "{beats} heartbeats: {text}"
            );
            ensure!(!text.contains("keep-alive\n\n"), "an empty event: {text}");
            ensure!(text.contains("four."), "{text}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn p063_p064_what_nobody_asked_to_be_compressed_is_not_passed_on_as_text() {
    each_pair("compressed answers", async |pair| {
        for stream in [true, false] {
            let bed = Bed::new(pair);
            let sent = frames(pair).answer().header("content-encoding", "gzip");
            bed.vendor.always(sent);
            let got = bed.send(request(pair.front, "m", stream)).await;
            let told = got.success()?;
            ensure!(told.text == crate::bed::SPARE, "{told:?}");
            ensure!(
                !got.headers.contains_key("content-encoding"),
                "{:?}",
                got.headers
            );
            let asked = &bed.vendor.requests()[0];
            let encoding = asked.header("accept-encoding");
            ensure!(
                encoding.is_none_or(|value| value == "identity"),
                "{encoding:?}"
            );
        }
        Ok(())
    })
    .await;
}
