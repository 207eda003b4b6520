//! Any bytes as a request of any front: refused with a reason, or written for every vendor as JSON, the same twice. The first byte
//! says which front and which vendor.
//!
//! `cargo +nightly fuzz run request`
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use trunkline::{
    ErrorKind, Json,
    chat::Fidelity,
    dialect::{
        Dialect, Target, anthropic::Anthropic, bedrock::Converse, cohere::Cohere, gemini::Gemini,
        openai_chat::OpenAiChat, openai_completions::OpenAiCompletions,
        openai_responses::OpenAiResponses,
    },
    provider::presets,
    request::Payload,
};

const FRONTS: [&dyn Dialect; 5] = [
    &OpenAiChat,
    &Anthropic,
    &OpenAiResponses,
    &Gemini,
    &OpenAiCompletions,
];

const VENDORS: [&dyn Dialect; 7] = [
    &OpenAiChat,
    &Anthropic,
    &OpenAiResponses,
    &Gemini,
    &OpenAiCompletions,
    &Converse,
    &Cohere,
];

const MODELS: [&str; 6] = [
    "gpt-5.6",
    "claude-sonnet-4-5",
    "claude-opus-5",
    "gemini-3-pro",
    "amazon.nova-pro-v1:0",
    "command-a",
];

fuzz_target!(|input: &[u8]| {
    let Some((choice, body)) = input.split_first() else {
        return;
    };
    let (front, vendor) = (
        FRONTS[usize::from(*choice) % FRONTS.len()],
        VENDORS[usize::from(*choice) / FRONTS.len() % VENDORS.len()],
    );
    if let Ok(payload) = Payload::json(front, Bytes::copy_from_slice(body)) {
        let renamed = payload.renamed("an\"other");
        let again = Payload::json(front, renamed).expect("the new name changes nothing else");
        assert_eq!(again.model().as_deref(), Some("an\"other"));
        assert_eq!(again.wants_stream(), payload.wants_stream());
    }
    if let Some(counter) = front.counter() {
        let _ = counter.conversation(body);
    }
    let half = front.front().expect("all of them serve callers");
    let request = match half.decode_request(body) {
        Ok(request) => request,
        Err(error) => {
            assert!(matches!(
                error.kind(),
                ErrorKind::InvalidRequest | ErrorKind::Unsupported
            ));
            assert!(!error.message().is_empty());
            return;
        }
    };
    // A few vendors stand for all quirks there are.
    for quirks in presets().iter().step_by(7).map(|preset| &preset.quirks) {
        for model in MODELS {
            let target = Target::new(model, quirks);
            let encode = || vendor.encode_request(&request, &target, &mut Fidelity::new());
            if let Ok(bytes) = encode() {
                let text = std::str::from_utf8(&bytes).expect("UTF-8");
                assert!(
                    Json::parse(text).is_ok_and(|json| json.is_object()),
                    "{text}"
                );
                assert_eq!(encode().ok(), Some(bytes), "the same bytes every time");
            }
        }
    }
});
