//! Features of OpenAI's Responses.

use super::super::{Probe, Probes};

pub(in super::super) const PROBES: Probes = Probes {
    plain: r#"{"model": "model", "max_output_tokens": 20000, "input": "hi"}"#,
    features: &[
        Probe {
            feature: "instructions",
            members: r#"{"instructions": "s"}"#,
        },
        Probe {
            feature: "input.developer",
            members: r#"{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}, {"role": "developer", "content": "s"}, {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}]}"#,
        },
        Probe {
            feature: "input.reasoning.encrypted",
            members: r#"{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}, {"type": "reasoning", "summary": [], "encrypted_content": "e"}, {"role": "assistant", "content": "b"}, {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}]}"#,
        },
        Probe {
            feature: "input.item_reference",
            members: r#"{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}, {"type": "item_reference", "id": "i"}]}"#,
        },
        Probe {
            feature: "input.web_search_call",
            members: r#"{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}, {"type": "web_search_call", "id": "w", "status": "completed"}, {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}]}"#,
        },
        Probe {
            feature: "content.image.url",
            members: r#"{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}, {"type": "input_image", "image_url": "https://e.example/a.png"}]}]}"#,
        },
        Probe {
            feature: "content.image.detail",
            members: r#"{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}, {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"}]}]}"#,
        },
        Probe {
            feature: "content.image.file_id",
            members: r#"{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}, {"type": "input_image", "file_id": "f"}]}]}"#,
        },
        Probe {
            feature: "content.file.data",
            members: r#"{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}, {"type": "input_file", "file_data": "data:application/pdf;base64,aGk="}]}]}"#,
        },
        Probe {
            feature: "content.file.filename",
            members: r#"{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}, {"type": "input_file", "file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}]}]}"#,
        },
        Probe {
            feature: "content.file.url",
            members: r#"{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}, {"type": "input_file", "file_url": "https://e.example/a.pdf"}]}]}"#,
        },
        Probe {
            feature: "content.file.id",
            members: r#"{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}, {"type": "input_file", "file_id": "f"}]}]}"#,
        },
        Probe {
            feature: "content.annotations",
            members: r#"{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}, {"role": "assistant", "content": [{"type": "output_text", "text": "b", "annotations": [{"type": "url_citation", "url": "https://e.example/a.png", "title": "t", "start_index": 0, "end_index": 1}]}]}, {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}]}"#,
        },
        Probe {
            feature: "tools.function",
            members: r#"{"tools": [{"type": "function", "name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}]}"#,
        },
        Probe {
            feature: "tools.strict",
            members: r#"{"tools": [{"type": "function", "name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}, "strict": true}]}"#,
        },
        Probe {
            feature: "tools.custom",
            members: r#"{"tools": [{"type": "custom", "name": "t"}]}"#,
        },
        Probe {
            feature: "tools.custom.grammar",
            members: r#"{"tools": [{"type": "custom", "name": "t", "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"}}]}"#,
        },
        Probe {
            feature: "tools.namespace",
            members: r#"{"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}]}]}"#,
        },
        Probe {
            feature: "tools.web_search",
            members: r#"{"tools": [{"type": "web_search"}]}"#,
        },
        Probe {
            feature: "tools.file_search",
            members: r#"{"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}"#,
        },
        Probe {
            feature: "tools.code_interpreter",
            members: r#"{"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}"#,
        },
        Probe {
            feature: "tools.image_generation",
            members: r#"{"tools": [{"type": "image_generation"}]}"#,
        },
        Probe {
            feature: "tools.mcp",
            members: r#"{"tools": [{"type": "mcp", "server_label": "s", "server_url": "https://e.example"}]}"#,
        },
        Probe {
            feature: "tools.history",
            members: r#"{"tools": [{"type": "function", "name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}], "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}, {"type": "function_call", "call_id": "1", "name": "t", "arguments": "{}"}, {"type": "function_call_output", "call_id": "1", "output": "x"}]}"#,
        },
        Probe {
            feature: "tools.history.image",
            members: r#"{"tools": [{"type": "function", "name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}], "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}, {"type": "function_call", "call_id": "1", "name": "t", "arguments": "{}"}, {"type": "function_call_output", "call_id": "1", "output": [{"type": "input_image", "image_url": "data:image/png;base64,aGk="}]}]}"#,
        },
        Probe {
            feature: "tool_choice.required",
            members: r#"{"tools": [{"type": "function", "name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}], "tool_choice": "required"}"#,
        },
        Probe {
            feature: "tool_choice.tool",
            members: r#"{"tools": [{"type": "function", "name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}], "tool_choice": {"type": "function", "name": "t"}}"#,
        },
        Probe {
            feature: "tool_choice.allowed_tools",
            members: r#"{"tools": [{"type": "function", "name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}, {"type": "function", "name": "u", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}], "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "t"}]}}"#,
        },
        Probe {
            feature: "parallel_tool_calls.false",
            members: r#"{"tools": [{"type": "function", "name": "t", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}], "parallel_tool_calls": false}"#,
        },
        Probe {
            feature: "max_output_tokens",
            members: r#"{"max_output_tokens": 2000}"#,
        },
        Probe {
            feature: "max_tool_calls",
            members: r#"{"max_tool_calls": 3}"#,
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
            feature: "top_logprobs",
            members: r#"{"top_logprobs": 2}"#,
        },
        Probe {
            feature: "include.logprobs",
            members: r#"{"include": ["message.output_text.logprobs"]}"#,
        },
        Probe {
            feature: "reasoning.effort",
            members: r#"{"reasoning": {"effort": "low"}}"#,
        },
        Probe {
            feature: "reasoning.summary",
            members: r#"{"reasoning": {"effort": "low", "summary": "auto"}}"#,
        },
        Probe {
            feature: "text.format.json_schema",
            members: r#"{"text": {"format": {"type": "json_schema", "name": "a", "schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}, "strict": true}}}"#,
        },
        Probe {
            feature: "text.format.json_object",
            members: r#"{"text": {"format": {"type": "json_object"}}}"#,
        },
        Probe {
            feature: "text.verbosity",
            members: r#"{"text": {"verbosity": "low"}}"#,
        },
        Probe {
            feature: "truncation.auto",
            members: r#"{"truncation": "auto"}"#,
        },
        Probe {
            feature: "previous_response_id",
            members: r#"{"previous_response_id": "r"}"#,
        },
        Probe {
            feature: "conversation",
            members: r#"{"conversation": "c"}"#,
        },
        Probe {
            feature: "prompt",
            members: r#"{"prompt": {"id": "p"}}"#,
        },
        Probe {
            feature: "background",
            members: r#"{"background": true}"#,
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
            feature: "safety_identifier",
            members: r#"{"safety_identifier": "u"}"#,
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
            feature: "stream",
            members: r#"{"stream": true}"#,
        },
    ],
};
