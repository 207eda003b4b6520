//! What a call cost, to the millionth of a dollar: by hand, by every dialect, whole and streamed (pains P118 to P121, P123, P124, P128).

mod support;

use serde_json::{Value, json};
use support::{Running, chat, post, served};
use trunkline::{
    dialect::{
        Dialect, anthropic::Anthropic, bedrock::Converse, gemini::Gemini, openai_chat::OpenAiChat,
        openai_responses::OpenAiResponses,
    },
    testing::{Answer, Script, Vendor},
    upstream::Price,
};

/// 3 $ in, 15 $ out, 0.30 $ from a cache, 3.75 $ into it, 6 $ for an hour.
fn price() -> Price {
    Price::new(3_000_000, 15_000_000)
        .with_cache_read(300_000)
        .with_cache_write(3_750_000)
        .with_cache_write_long(6_000_000)
}

#[test]
fn every_token_is_paid_once_whatever_the_vendor_counts_where() {
    let usage = |usage: Value| json!({"choices": [], "usage": usage});
    let messages = |usage: Value| json!({"type": "message", "content": [], "usage": usage});
    let google = |usage: Value| json!({"candidates": [], "usageMetadata": usage});
    let cases: [(&str, &dyn Dialect, Value, Option<u64>); 13] = [
        (
            "the prompt holds what the cache had",
            &OpenAiChat,
            usage(json!({"prompt_tokens": 1000, "completion_tokens": 100,
                "prompt_tokens_details": {"cached_tokens": 400}})),
            Some(600 * 3 + 120 + 100 * 15),
        ),
        (
            "reasoning is output, once",
            &OpenAiChat,
            usage(
                json!({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100,
                "completion_tokens_details": {"reasoning_tokens": 60}}),
            ),
            Some(3_000 + 1_500),
        ),
        (
            "reasoning beside the completion",
            &OpenAiChat,
            usage(
                json!({"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1160,
                "completion_tokens_details": {"reasoning_tokens": 60}}),
            ),
            Some(3_000 + 160 * 15),
        ),
        (
            "DeepSeek's words",
            &OpenAiChat,
            usage(
                json!({"prompt_tokens": 1000, "completion_tokens": 0, "prompt_cache_hit_tokens": 1000,
                "prompt_cache_miss_tokens": 0}),
            ),
            Some(300),
        ),
        (
            "nothing is a number too",
            &OpenAiChat,
            usage(json!({"prompt_tokens": 0, "completion_tokens": 0})),
            Some(0),
        ),
        ("nothing is told", &OpenAiChat, json!({"choices": []}), None),
        (
            "the input leaves out what the cache took and had",
            &Anthropic,
            messages(
                json!({"input_tokens": 100, "cache_creation_input_tokens": 1000,
                "cache_read_input_tokens": 10_000, "output_tokens": 10}),
            ),
            Some(300 + 3_750 + 3_000 + 150),
        ),
        (
            "an hour costs more",
            &Anthropic,
            messages(
                json!({"input_tokens": 0, "cache_creation_input_tokens": 1000, "output_tokens": 0,
                "cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 600}}),
            ),
            Some(1_500 + 3_600),
        ),
        (
            "the prompt holds what the cache had, and the candidates no thoughts",
            &Gemini,
            google(
                json!({"promptTokenCount": 1000, "cachedContentTokenCount": 400,
                "candidatesTokenCount": 40, "thoughtsTokenCount": 60, "totalTokenCount": 1100}),
            ),
            Some(1_800 + 120 + 1_500),
        ),
        (
            "no candidate",
            &Gemini,
            google(json!({"promptTokenCount": 10, "totalTokenCount": 10})),
            Some(30),
        ),
        (
            "the input holds what the cache had, and the output the reasoning",
            &OpenAiResponses,
            json!({"object": "response", "output": [], "usage": {"input_tokens": 1000, "output_tokens": 100,
                "total_tokens": 1100, "input_tokens_details": {"cached_tokens": 400},
                "output_tokens_details": {"reasoning_tokens": 60}}}),
            Some(1_800 + 120 + 1_500),
        ),
        (
            "the input leaves out what the cache took and had",
            &Converse,
            json!({"output": {"message": {"role": "assistant", "content": []}}, "stopReason": "end_turn",
                "usage": {"inputTokens": 100, "outputTokens": 10, "cacheReadInputTokens": 10_000,
                "cacheWriteInputTokens": 1000, "totalTokens": 11_110}}),
            Some(300 + 3_750 + 3_000 + 150),
        ),
        (
            "a fraction is rounded up, once",
            &OpenAiChat,
            usage(json!({"prompt_tokens": 2, "completion_tokens": 0,
                "prompt_tokens_details": {"cached_tokens": 2}})),
            Some(1),
        ),
    ];
    for (why, dialect, body, expected) in cases {
        let usage = dialect.usage(body.to_string().as_bytes());
        let cost = usage.map(|usage| price().cost(&usage));
        assert_eq!(cost, expected, "{}: {why}", dialect.name());
    }
}

#[tokio::test]
async fn a_stream_costs_what_a_whole_answer_does_in_every_dialect() {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    let mut text = "retry: { max_attempts: 1 }\nproviders:\n".to_owned();
    let kinds = ["openai", "anthropic", "gemini", "responses"];
    for kind in kinds {
        text += &format!(
            "  {kind}-x: {{ kind: {kind}-compatible, base_url: '{}', accounts: [k] }}\n",
            server.url("/v1")
        );
    }
    text += "models:\n";
    for kind in kinds {
        text += &format!(
            "  {kind}: {{ deployments: [{kind}-x/m], price: {{ input: 3, output: 15, cache_read: 0.3 }} }}\n"
        );
    }
    let gateway = Running::start(&text, &[]).await;
    let url = gateway.url("/v1/chat/completions");
    let latest = || gateway.gateway.calls().latest().remove(0);
    for kind in kinds {
        for stream in [false, true] {
            let script = Script::new().text("Hello.").usage(1_000, 100).cached(400);
            vendor.push(match kind {
                "openai" => script.openai("m", stream, true),
                "anthropic" => script.anthropic("m", stream),
                "gemini" => script.gemini("m", stream),
                _ => script.responses("m", stream),
            });
            let (status, _, answer) = post(&url, chat(kind, stream)).await;
            assert_eq!(status, 200, "{answer}");
            let call = latest();
            assert_eq!(
                call.cost_micros,
                Some(1_800 + 120 + 1_500),
                "{kind} {stream}"
            );
            assert_eq!(
                (call.input_tokens, call.output_tokens),
                (Some(1_000), Some(100))
            );
        }
    }
    // Neither a failure nor its text costs anything that is known.
    vendor.push(Answer::openai_error(
        500,
        "server_error",
        "x",
        "A long text. ".repeat(99).as_str(),
    ));
    let (status, _, _) = post(&url, chat("openai", false)).await;
    assert_eq!((status, latest().cost_micros), (500, None));
}
