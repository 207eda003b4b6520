//! Every fault that the test kit knows, for every pair, streamed and whole.

use trunkline::testing::{Effect, Fault, Script};

use crate::{
    bed::{Bed, SPARE, Settings, request},
    pairs::{FRONTS, KINDS, Pair, each_pair, ensure},
    told::Told,
};

const TEXT: &str = "Eins, zwei, drei – 四.";

fn script(pair: Pair) -> Script {
    let script = Script::new().text(TEXT).usage(40, 20);
    match pair.front.tools {
        true => script.tool_call("call_1", "weather", r#"{"city":"Köln"}"#),
        false => script,
    }
}

/// Another place in the answer for each pair.
fn place(pair: Pair) -> f64 {
    let front = FRONTS
        .iter()
        .position(|front| front.name == pair.front.name);
    let kind = KINDS.iter().position(|kind| kind.name == pair.kind.name);
    let number = front.unwrap_or_default() * 3 + kind.unwrap_or_default() * 7;
    f64::from(u32::try_from(number % 11).expect("small")) / 10.0
}

fn is_whole(told: &Told, pair: Pair) -> Result<(), String> {
    ensure!(told.text == TEXT, "{told:?}");
    ensure!(
        told.calls.len() == usize::from(pair.front.tools),
        "{told:?}"
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn p046_p059_p063_p071_every_fault_has_one_legal_ending() {
    each_pair("every fault of the test kit", async |pair| {
        let place = place(pair);
        for stream in [true, false] {
            for fault in Fault::ALL {
                let about = |e: String| format!("{fault} at {place}, stream {stream}: {e}");
                let settings = Settings {
                    total: Some(std::time::Duration::from_secs(300)),
                    ..Settings::default()
                };
                let bed = Bed::with(pair, settings);
                let good = (pair.kind.answer)(&script(pair), pair.kind.model, stream);
                bed.vendor.push(good.clone().fault_at(fault, place));
                // Then it is well again; who cannot be asked again is left alone.
                bed.vendor.always(good);
                let got = bed.send(request(pair.front, "m", stream)).await;
                let asked = bed.vendor.requests().len() + bed.spare.requests().len();
                // What the vendor adds for its own clients, they get.
                let got = match fault {
                    Fault::UnknownEvent if stream && pair.same() => got.without(&["brand_new"]),
                    _ => got,
                };
                if fault.effect() == Effect::Harmless {
                    ensure!(asked == 1, "{}", about(format!("asked {asked} times")));
                }
                if pair.same() && matches!(fault, Fault::UnknownMembers | Fault::DuplicateIds) {
                    ensure!(got.status == 200 && !got.cut, "{}", about(got.text()));
                    continue;
                }
                if got.status == 200 && got.cut {
                    ensure!(
                        stream && fault.effect() == Effect::Midway,
                        "{}",
                        about("cut".into())
                    );
                    let told = got.broken().map_err(about)?;
                    ensure!(
                        TEXT.starts_with(&told.text),
                        "{}",
                        about(format!("{told:?}"))
                    );
                } else if got.status != 200 {
                    // A whole answer that never comes is given up when the caller's time is over.
                    ensure!(
                        !stream && fault.stalls(),
                        "{}",
                        about(format!("status {}", got.status))
                    );
                    got.refused().map_err(about)?;
                } else {
                    let told = got.success().map_err(about)?;
                    if told.text != SPARE {
                        is_whole(&told, pair).map_err(about)?;
                    }
                }
                ensure!(bed.in_flight() == 0, "{}", about("a place was kept".into()));
                ensure!(
                    bed.vendor.in_flight() == 0,
                    "{}",
                    about("still asked".into())
                );
            }
        }
        Ok(())
    })
    .await;
}
