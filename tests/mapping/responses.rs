//! Whole answers: the vendor's body in, the caller's body out.

use trunkline::dialect::{anthropic::Anthropic, openai_chat::OpenAiChat};

use crate::support::response;

macro_rules! cases {
    ($($name:ident: $from:expr => $to:expr;)*) => {$(
        #[test]
        fn $name() {
            response(stringify!($name), &$from, &$to);
        }
    )*};
}

cases! {
    case_055_usage: Anthropic => OpenAiChat;
    case_056_usage: OpenAiChat => Anthropic;
    case_056_usage_underflow: OpenAiChat => Anthropic;
    case_057_citations: Anthropic => OpenAiChat;
    case_058_refusal: Anthropic => OpenAiChat;
    case_058_refusal_after_text: Anthropic => OpenAiChat;
    case_058_refusal_openai: OpenAiChat => Anthropic;
    case_058_content_filter_openai: OpenAiChat => Anthropic;
    case_059_server_tools: Anthropic => OpenAiChat;
    case_060_two_thoughts: Anthropic => OpenAiChat;
    case_061_stop_with_calls: OpenAiChat => Anthropic;
    case_062_cut_arguments: OpenAiChat => Anthropic;
    case_063_nothing_said: OpenAiChat => Anthropic;
    case_064_mistral_thinking: OpenAiChat => Anthropic;
    // A proxy that answers for Claude models as Anthropic does, though it was asked as OpenAI.
    case_064_claude_behind_a_proxy: OpenAiChat => OpenAiChat;
    case_065_error_in_200: OpenAiChat => Anthropic;
    case_067_xai_usage: OpenAiChat => Anthropic;
}
