//! Any bytes as a request of either front: refused with a reason, or written for every vendor as JSON, the same twice.
//!
//! `cargo +nightly fuzz run request`
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use trunkline::{
    ErrorKind, Json,
    chat::Fidelity,
    dialect::{Dialect, Target, anthropic::Anthropic, openai_chat::OpenAiChat},
    provider::presets,
    request::Payload,
};

const DIALECTS: [&dyn Dialect; 2] = [&OpenAiChat, &Anthropic];

fuzz_target!(|body: &[u8]| {
    for front in DIALECTS {
        if let Ok(payload) = Payload::json(front, Bytes::copy_from_slice(body)) {
            let renamed = payload.renamed("an\"other");
            let again = Payload::json(front, renamed).expect("the new name changes nothing else");
            assert_eq!(again.model().as_deref(), Some("an\"other"));
            assert_eq!(again.wants_stream(), payload.wants_stream());
        }
        let half = front.front().expect("both serve callers");
        let request = match half.decode_request(body) {
            Ok(request) => request,
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::InvalidRequest | ErrorKind::Unsupported));
                assert!(!error.message().is_empty());
                continue;
            }
        };
        for vendor in DIALECTS {
            // A few vendors stand for all quirks there are.
            for quirks in presets().iter().step_by(7).map(|preset| &preset.quirks) {
                for model in ["gpt-5.6", "claude-sonnet-4-5", "claude-opus-5"] {
                    let target = Target::new(model, quirks);
                    let encode = || vendor.encode_request(&request, &target, &mut Fidelity::new());
                    if let Ok(bytes) = encode() {
                        let text = std::str::from_utf8(&bytes).expect("UTF-8");
                        assert!(Json::parse(text).is_ok_and(|json| json.is_object()), "{text}");
                        assert_eq!(encode().ok(), Some(bytes), "the same bytes every time");
                    }
                }
            }
        }
    }
});
