//! Features of OpenAI's Chat Completions.

use super::super::{Probe, Probes};

pub(in super::super) const PROBES: Probes = Probes {
    plain: r#"{"model": "model", "max_tokens": 20000, "messages": [{"role": "user", "content": "hi"}]}"#,
    features: &[
        Probe {
            feature: "system",
            members: r#"{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]}"#,
        },
        Probe {
            feature: "system.later",
            members: r#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]}"#,
        },
        Probe {
            feature: "message.name",
            members: r#"{"messages": [{"role": "user", "name": "bob", "content": "hi"}]}"#,
        },
        Probe {
            feature: "assistant.refusal",
            members: r#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "refusal": "no"}, {"role": "user", "content": "hi"}]}"#,
        },
        Probe {
            feature: "assistant.reasoning_content",
            members: r#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "reasoning_content": "r"}, {"role": "user", "content": "hi"}]}"#,
        },
        Probe {
            feature: "assistant.prefill",
            members: r#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#,
        },
        Probe {
            feature: "content.image.url",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "https://e.example/a.png"}}]}]}"#,
        },
        Probe {
            feature: "content.image.data",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]}]}"#,
        },
        Probe {
            feature: "content.image.detail",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}}]}]}"#,
        },
        Probe {
            feature: "content.audio",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}]}]}"#,
        },
        Probe {
            feature: "content.file.data",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk="}}]}]}"#,
        },
        Probe {
            feature: "content.file.filename",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}}]}]}"#,
        },
        Probe {
            feature: "content.file.id",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "file", "file": {"file_id": "file-1"}}]}]}"#,
        },
        Probe {
            feature: "content.cache_control",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}]}"#,
        },
        Probe {
            feature: "tools.function",
            members: r#"{"tools": [{"type": "function", "function": {"name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}}]}"#,
        },
        Probe {
            feature: "tools.strict",
            members: r#"{"tools": [{"type": "function", "function": {"name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}, "strict": true}}]}"#,
        },
        Probe {
            feature: "tools.custom",
            members: r#"{"tools": [{"type": "custom", "custom": {"name": "t", "description": "d"}}]}"#,
        },
        Probe {
            feature: "tools.custom.grammar",
            members: r#"{"tools": [{"type": "custom", "custom": {"name": "t", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}}}}]}"#,
        },
        Probe {
            feature: "tools.history",
            members: r#"{"tools": [{"type": "function", "function": {"name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}}], "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "t", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "1", "content": "x"}]}"#,
        },
        Probe {
            feature: "tools.web_search",
            members: r#"{"web_search_options": {}}"#,
        },
        Probe {
            feature: "tool_choice.required",
            members: r#"{"tools": [{"type": "function", "function": {"name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}}], "tool_choice": "required"}"#,
        },
        Probe {
            feature: "tool_choice.none",
            members: r#"{"tools": [{"type": "function", "function": {"name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}}], "tool_choice": "none"}"#,
        },
        Probe {
            feature: "tool_choice.tool",
            members: r#"{"tools": [{"type": "function", "function": {"name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}}], "tool_choice": {"type": "function", "function": {"name": "t"}}}"#,
        },
        Probe {
            feature: "tool_choice.allowed_tools",
            members: r#"{"tools": [{"type": "function", "function": {"name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}}, {"type": "function", "function": {"name": "u", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}}], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "t"}}]}}}"#,
        },
        Probe {
            feature: "parallel_tool_calls.false",
            members: r#"{"tools": [{"type": "function", "function": {"name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}}], "parallel_tool_calls": false}"#,
        },
        Probe {
            feature: "max_completion_tokens",
            members: r#"{"max_tokens": null, "max_completion_tokens": 2000}"#,
        },
        Probe {
            feature: "temperature",
            members: r#"{"temperature": 0.5}"#,
        },
        Probe {
            feature: "top_p",
            members: r#"{"top_p": 0.5}"#,
        },
        Probe {
            feature: "top_k",
            members: r#"{"top_k": 5}"#,
        },
        Probe {
            feature: "frequency_penalty",
            members: r#"{"frequency_penalty": 0.5}"#,
        },
        Probe {
            feature: "presence_penalty",
            members: r#"{"presence_penalty": 0.5}"#,
        },
        Probe {
            feature: "seed",
            members: r#"{"seed": 1}"#,
        },
        Probe {
            feature: "stop",
            members: r#"{"stop": ["x"]}"#,
        },
        Probe {
            feature: "stop.many",
            members: r#"{"stop": ["a", "b", "c", "d", "e", "f"]}"#,
        },
        Probe {
            feature: "n",
            members: r#"{"n": 2}"#,
        },
        Probe {
            feature: "logprobs",
            members: r#"{"logprobs": true, "top_logprobs": 2}"#,
        },
        Probe {
            feature: "logit_bias",
            members: r#"{"logit_bias": {"1": 1}}"#,
        },
        Probe {
            feature: "reasoning_effort",
            members: r#"{"reasoning_effort": "low"}"#,
        },
        Probe {
            feature: "reasoning_effort.none",
            members: r#"{"reasoning_effort": "none"}"#,
        },
        Probe {
            feature: "response_format.json_object",
            members: r#"{"response_format": {"type": "json_object"}}"#,
        },
        Probe {
            feature: "response_format.json_schema",
            members: r#"{"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}, "strict": true}}}"#,
        },
        Probe {
            feature: "modalities.audio",
            members: r#"{"modalities": ["text", "audio"], "audio": {"voice": "v", "format": "wav"}}"#,
        },
        Probe {
            feature: "prediction",
            members: r#"{"prediction": {"type": "content", "content": "x"}}"#,
        },
        Probe {
            feature: "verbosity",
            members: r#"{"verbosity": "low"}"#,
        },
        Probe {
            feature: "user",
            members: r#"{"user": "u"}"#,
        },
        Probe {
            feature: "prompt_cache_key",
            members: r#"{"prompt_cache_key": "k"}"#,
        },
        Probe {
            feature: "service_tier.flex",
            members: r#"{"service_tier": "flex"}"#,
        },
        Probe {
            feature: "store",
            members: r#"{"store": true}"#,
        },
        Probe {
            feature: "metadata",
            members: r#"{"metadata": {"a": "b"}}"#,
        },
        Probe {
            feature: "stream",
            members: r#"{"stream": true}"#,
        },
    ],
};
