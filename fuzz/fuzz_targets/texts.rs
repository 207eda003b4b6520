//! Small texts that vendors and callers write: rate windows, waits, ids that carry their account, media as data URLs, JSON.
//!
//! `cargo +nightly fuzz run texts`
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use trunkline::{
    Json,
    chat::Fidelity,
    dialect::{
        Dialect, RateWindows, Target, anthropic::Anthropic, bedrock::Converse, classify,
        gemini::Gemini, openai_chat::OpenAiChat, retry_after,
    },
    issued::{AccountTag, unwrap, wrap},
    provider::presets,
};

const NAMES: [&str; 16] = [
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-reset",
    "x-ratelimit-remaining",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-input-tokens-remaining",
    "anthropic-ratelimit-unified-reset",
    "anthropic-ratelimit-unified-status",
    "x-should-retry",
];

fuzz_target!(|input: (Vec<(u8, &[u8])>, &str)| {
    let (headers, text) = input;
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            let name = NAMES[usize::from(name) % NAMES.len()];
            map.append(HeaderName::from_static(name), value);
        }
    }
    let _ = retry_after(&map);
    let windows = RateWindows::of(&map);
    let _ = (windows.spent_until(), windows.is_empty());
    let told = format!(r#"{{"error":{{"message":{},"code":{}}}}}"#, quoted(text), quoted(text));
    let _ = classify("x", StatusCode::TOO_MANY_REQUESTS, &map, told.as_bytes());

    let tag = AccountTag::of("p", "a");
    if unwrap(text).is_none() && !text.is_empty() {
        let told = wrap(text, tag);
        assert!(unwrap(&told).is_none_or(|(account, id)| account == tag && id == text));
    }
    if let Ok(json) = Json::parse(text) {
        let written = Json::from_serialize(&json).expect("it was parsed");
        assert_eq!(json.as_str(), written.as_str());
    }
    media(text);
});

fn quoted(text: &str) -> String {
    Json::from_serialize(text).expect("a text").to_string()
}

/// As the address of an image, by itself and behind the beginning of one.
fn media(text: &str) {
    let quirks = &presets().first().expect("a preset").quirks;
    for url in [text.to_owned(), format!("data:image/png;base64,{text}"), format!("data:{text}")] {
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":{0}}}}},{{"type":"file","file":{{"file_data":{0}}}}}]}}]}}"#,
            quoted(&url)
        );
        let front = OpenAiChat.front().expect("a front");
        let Ok(request) = front.decode_request(body.as_bytes()) else {
            continue;
        };
        for vendor in [&Anthropic as &dyn Dialect, &Gemini, &Converse, &OpenAiChat] {
            let target = Target::new("m", quirks);
            if let Ok(bytes) = vendor.encode_request(&request, &target, &mut Fidelity::new()) {
                let text = std::str::from_utf8(&bytes).expect("UTF-8");
                assert!(Json::parse(text).is_ok(), "{text}");
            }
        }
    }
}
