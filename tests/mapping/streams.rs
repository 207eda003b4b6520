//! Streams: the vendor's frames in, the caller's frames out.

use std::fs;

use trunkline::{
    dialect::{anthropic::Anthropic, openai_chat::OpenAiChat},
    wire::Frame,
};

use crate::support::{goldens, split, stream};

macro_rules! cases {
    ($($name:ident: $from:expr => $to:expr, $usage:expr;)*) => {$(
        #[test]
        fn $name() {
            stream(stringify!($name), &$from, &$to, $usage);
        }
    )*};
}

const USAGE: bool = true;
const NO_USAGE: bool = false;

cases! {
    case_058_refusal_openai_streamed: OpenAiChat => Anthropic, USAGE;
    case_059_server_tools_streamed: Anthropic => OpenAiChat, USAGE;
    case_060_two_thoughts_streamed: Anthropic => OpenAiChat, USAGE;
    case_068_text: OpenAiChat => Anthropic, USAGE;
    case_069_azure_first_chunk: OpenAiChat => Anthropic, USAGE;
    case_070_last_words_with_finish: OpenAiChat => Anthropic, USAGE;
    case_071_usage_with_finish: OpenAiChat => Anthropic, USAGE;
    case_072_no_usage: OpenAiChat => Anthropic, USAGE;
    case_073_calls_one_after_another: OpenAiChat => Anthropic, USAGE;
    case_074_calls_interleaved: OpenAiChat => Anthropic, USAGE;
    case_075_calls_without_index: OpenAiChat => Anthropic, USAGE;
    case_076_all_calls_are_first: OpenAiChat => Anthropic, USAGE;
    case_077_late_name: OpenAiChat => Anthropic, USAGE;
    case_078_arguments_object: OpenAiChat => Anthropic, USAGE;
    case_079_stop_after_calls: OpenAiChat => Anthropic, USAGE;
    case_080_reasoning_text_call: OpenAiChat => Anthropic, USAGE;
    case_082_error_midway: OpenAiChat => Anthropic, USAGE;
    case_083_odd_framing: OpenAiChat => Anthropic, USAGE;
    case_085_pings: Anthropic => OpenAiChat, USAGE;
    case_086_call_after_text: Anthropic => OpenAiChat, USAGE;
    case_087_no_arguments: Anthropic => OpenAiChat, USAGE;
    case_088_later_usage_counts: Anthropic => OpenAiChat, USAGE;
    case_089_two_message_deltas: Anthropic => OpenAiChat, USAGE;
    case_089_two_refusals: Anthropic => OpenAiChat, USAGE;
    case_090_overloaded_midway: Anthropic => OpenAiChat, USAGE;
    case_091_two_starts: Anthropic => OpenAiChat, USAGE;
    case_091_restart_after_content: Anthropic => OpenAiChat, USAGE;
    case_092_refusal: Anthropic => OpenAiChat, USAGE;
    case_093_unknown_kinds: Anthropic => OpenAiChat, USAGE;
    case_094_usage_not_asked: Anthropic => OpenAiChat, NO_USAGE;
}

/// What comes out is made of the frames alone, so it is enough that these are the same wherever the bytes are cut. (That they
/// may come one by one, every case above checks with its whole translation.)
#[test]
fn case_104_cut_anywhere() {
    fn told(frames: &[Frame]) -> Vec<(Option<&str>, &[u8])> {
        frames.iter().map(|f| (f.name(), &f.data()[..])).collect()
    }
    let mut streams = 0;
    for folder in fs::read_dir(goldens()).unwrap() {
        let path = folder.unwrap().path().join("in.sse");
        let Ok(bytes) = fs::read(&path) else {
            continue;
        };
        streams += 1;
        let whole = split([&bytes[..]]);
        assert!(!whole.is_empty(), "{}", path.display());
        for at in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(at);
            let cut = split([head, tail]);
            assert_eq!(told(&cut), told(&whole), "{} at {at}", path.display());
        }
    }
    assert!(streams >= 30, "only {streams} streams were found");
}
