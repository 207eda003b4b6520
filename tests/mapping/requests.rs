//! Requests: the caller's body in, the vendor's body and the report out.

use trunkline::{
    chat::Fidelity,
    dialect::{Dialect, anthropic::Anthropic, openai_chat::OpenAiChat},
};

use crate::support::{at, claude, request};

macro_rules! cases {
    ($($name:ident: $from:expr => $to:expr;)*) => {$(
        #[test]
        fn $name() {
            request(stringify!($name), &$from, &$to);
        }
    )*};
}

cases! {
    case_001_leading_system: OpenAiChat => claude("claude-sonnet-4-5");
    case_002_later_system: OpenAiChat => claude("claude-sonnet-4-5");
    case_002_later_system_native: OpenAiChat => claude("claude-opus-4-8");
    case_003_two_user_messages: OpenAiChat => claude("claude-sonnet-4-5");
    case_004_results_first: OpenAiChat => claude("claude-sonnet-4-5");
    case_005_result_apart: OpenAiChat => claude("claude-sonnet-4-5");
    case_006_no_arguments: OpenAiChat => claude("claude-sonnet-4-5");
    case_007_arguments_list: OpenAiChat => claude("claude-sonnet-4-5");
    case_007_arguments_broken: OpenAiChat => claude("claude-sonnet-4-5");
    case_008_number_texts: OpenAiChat => claude("claude-sonnet-4-5");
    case_009_empty_text_with_calls: OpenAiChat => claude("claude-sonnet-4-5");
    case_010_nothing_said: OpenAiChat => claude("claude-sonnet-4-5");
    case_011_no_limit: OpenAiChat => claude("claude-sonnet-4-5").most(64_000);
    case_011_no_limit_unknown_model: OpenAiChat => claude("claude-sonnet-4-5");
    case_012_no_room_to_think: OpenAiChat => claude("claude-sonnet-4-5");
    case_012_capped_budget: OpenAiChat => claude("claude-sonnet-4-5");
    case_013_adaptive: OpenAiChat => claude("claude-opus-4-8");
    case_014_hot: OpenAiChat => claude("claude-sonnet-4-5");
    case_014_hot_new_model: OpenAiChat => claude("claude-opus-5");
    case_014_cool_new_model: OpenAiChat => claude("claude-opus-5");
    case_015_blank_stop: OpenAiChat => claude("claude-sonnet-4-5");
    case_016_no_tool_and_serial: OpenAiChat => claude("claude-sonnet-4-5");
    case_017_serial: OpenAiChat => claude("claude-sonnet-4-5");
    case_018_allowed_tools: OpenAiChat => claude("claude-sonnet-4-5");
    case_018_allowed_tools_history: OpenAiChat => claude("claude-sonnet-4-5");
    case_019_schema: OpenAiChat => claude("claude-sonnet-4-5");
    case_020_json_object: OpenAiChat => claude("claude-sonnet-4-5");
    case_021_jpg: OpenAiChat => claude("claude-sonnet-4-5");
    case_021_bmp: OpenAiChat => claude("claude-sonnet-4-5");
    case_022_image_result: OpenAiChat => claude("claude-sonnet-4-5");
    case_023_odd_ids: OpenAiChat => claude("claude-sonnet-4-5");
    case_024_history_without_tools: OpenAiChat => claude("claude-sonnet-4-5");
    case_025_legacy_functions: OpenAiChat => claude("claude-sonnet-4-5");
    case_026_mail_address: OpenAiChat => claude("claude-sonnet-4-5");
    case_027_two_answers: OpenAiChat => claude("claude-sonnet-4-5");
    case_028_attribution: Anthropic => at("openai", "gpt-5.6");
    case_028_attribution_vllm: Anthropic => at("vllm", "qwen3");
    case_029_failed_tool: Anthropic => at("openai", "gpt-4o");
    case_030_image_result: Anthropic => at("openai", "gpt-4o");
    case_031_foreign_thinking: Anthropic => at("deepseek", "deepseek-chat");
    case_032_own_thinking: Anthropic => at("deepseek", "deepseek-chat");
    case_033_mistral: Anthropic => at("mistral", "mistral-large-latest");
    case_034_long_tool_name: Anthropic => at("openai", "gpt-4o");
    case_035_server_tool: Anthropic => at("openai", "gpt-4o");
    case_036_any_tool_serial: Anthropic => at("openai", "gpt-4o");
    case_037_tools_and_thinking: Anthropic => at("openai", "gpt-5.6");
    case_037_adaptive_is_high: Anthropic => at("openai", "gpt-5.2");
    case_038_six_stops: Anthropic => at("openai", "gpt-4o");
    case_039_no_tokens: Anthropic => at("openai", "gpt-4o");
    case_111_claude_code: Anthropic => at("openai", "gpt-4o");
}

/// What was sent stays as it was when the conversation goes on: prompt caches and thinking are bound to it.
#[test]
fn case_002_the_prefix_stays() {
    let later = r#"{"role":"system","content":"b"}"#;
    let said = [
        r#"{"role":"system","content":"a"}"#,
        r#"{"role":"user","content":"hi"}"#,
        r#"{"role":"assistant","content":"yo"}"#,
        r#"{"role":"user","content":"and?"}"#,
    ]
    .join(",");
    for model in ["claude-sonnet-4-5", "claude-opus-4-8"] {
        let to = claude(model);
        let write = |messages: &str| {
            let body = format!(r#"{{"model":"m","max_tokens":9,"messages":[{messages}]}}"#);
            let chat = OpenAiChat.front().unwrap().decode_request(body.as_bytes());
            let mut report = Fidelity::new();
            let bytes = to
                .dialect
                .encode_request(&chat.unwrap(), &to.target(), &mut report)
                .unwrap();
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        let before = write(&said);
        let after = write(&format!(
            r#"{said},{{"role":"assistant","content":"well"}},{{"role":"user","content":"go"}},{later}"#
        ));
        let kept = before
            .trim_end_matches('}')
            .trim_end_matches(']')
            .rfind("]}")
            .map_or(before.as_str(), |end| &before[..end]);
        assert!(kept.contains(r#""and?""#), "{kept}");
        assert!(after.starts_with(kept), "{model}:\n{before}\n{after}");
    }
}

/// A call and its results name each other whatever is done to their ids, and no two calls get one id.
#[test]
fn case_023_ids_stay_distinct() {
    let body = std::fs::read(crate::support::goldens().join("023-odd-ids/in.json")).unwrap();
    let chat = OpenAiChat.front().unwrap().decode_request(&body).unwrap();
    let to = claude("claude-sonnet-4-5");
    let bytes = Anthropic
        .encode_request(&chat, &to.target(), &mut Fidelity::new())
        .unwrap();
    let written: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let ids = |message: usize, member: &str| -> Vec<String> {
        let blocks = written["messages"][message]["content"].as_array().unwrap();
        let id = |block: &serde_json::Value| block[member].as_str().map(str::to_owned);
        blocks.iter().filter_map(id).collect()
    };
    let (calls, results) = (ids(1, "id"), ids(2, "tool_use_id"));
    assert_eq!(calls, results);
    assert_ne!(calls[0], calls[1]);
    for id in &calls {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(id.chars().all(legal), "{id}");
    }
}
