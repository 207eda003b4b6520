//! The limits that recorded answers tell of are read.
//!
//! The recordings are no part of the crate. The test looks for them in `../shared/corpus`, or where `TRUNKLINE_CORPUS` says.

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use trunkline::dialect::RateWindows;

#[derive(Debug, Default)]
struct Counts {
    answers: usize,
    read: usize,
    windows: usize,
    filling: usize,
}

#[tokio::test(start_paused = true)]
async fn every_recorded_limit_is_read() {
    let beside = PathBuf::from("../shared/corpus");
    let folder = env::var_os("TRUNKLINE_CORPUS").map_or(beside, Into::into);
    let Ok(vendors) = fs::read_dir(&folder) else {
        return;
    };
    let mut all: BTreeMap<String, Counts> = BTreeMap::new();
    let mut unread = Vec::new();
    for vendor in vendors.flatten().filter(|entry| entry.path().is_dir()) {
        let name = vendor.file_name().to_string_lossy().into_owned();
        for file in fs::read_dir(vendor.path()).unwrap().flatten() {
            let text = fs::read_to_string(file.path()).unwrap_or_default();
            for line in text.lines() {
                let case: Value = serde_json::from_str(line).unwrap();
                let headers = headers(&case["response"]["headers"]);
                // What is left of something that is counted here, and was not blotted out by the recorder.
                let told: Vec<_> = headers
                    .iter()
                    .filter(|(name, value)| {
                        let name = name.as_str();
                        name.contains("ratelimit")
                            && name.contains("remaining")
                            && !name.contains("images")
                            && !name.contains("seconds-")
                            && !name.contains("characters")
                            && value
                                .to_str()
                                .is_ok_and(|v| v.parse::<f64>().is_ok_and(|n| n >= 0.0))
                    })
                    .collect();
                if told.is_empty() {
                    continue;
                }
                let windows = RateWindows::of(&headers);
                let counts = all.entry(name.clone()).or_default();
                counts.answers += 1;
                counts.read += usize::from(!windows.is_empty());
                counts.windows += windows.iter().count();
                counts.filling += windows.iter().filter(|(_, w)| w.refill.is_some()).count();
                if windows.is_empty() {
                    unread.push(format!("{name}: {told:?}"));
                }
            }
        }
    }
    for (vendor, counts) in &all {
        println!("{vendor}: {counts:?}");
    }
    assert!(unread.is_empty(), "{unread:#?}");
    let filling = |vendor| {
        all.get(vendor)
            .is_some_and(|c| c.filling * 10 > c.windows * 9)
    };
    assert!(
        filling("openai") && filling("groq"),
        "they fill little by little"
    );
}

fn headers(recorded: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in recorded.as_object().into_iter().flatten() {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        if let Ok(name) = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes())
            && let Ok(value) = HeaderValue::from_str(&text)
        {
            headers.insert(name, value);
        }
    }
    headers
}
