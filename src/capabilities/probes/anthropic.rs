//! Features of Anthropic's Messages.

use super::super::{Probe, Probes};

pub(in super::super) const PROBES: Probes = Probes {
    plain: r#"{"model": "model", "max_tokens": 20000, "messages": [{"role": "user", "content": "hi"}]}"#,
    features: &[
        Probe {
            feature: "system",
            members: r#"{"system": "s"}"#,
        },
        Probe {
            feature: "system.cache_control",
            members: r#"{"system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]}"#,
        },
        Probe {
            feature: "content.cache_control",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}]}"#,
        },
        Probe {
            feature: "cache_control",
            members: r#"{"cache_control": {"type": "ephemeral"}}"#,
        },
        Probe {
            feature: "content.image.data",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}]}]}"#,
        },
        Probe {
            feature: "content.image.url",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image", "source": {"type": "url", "url": "https://e.example/a.png"}}]}]}"#,
        },
        Probe {
            feature: "content.image.file",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image", "source": {"type": "file", "file_id": "f"}}]}]}"#,
        },
        Probe {
            feature: "content.document.data",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}}]}]}"#,
        },
        Probe {
            feature: "content.document.url",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "document", "source": {"type": "url", "url": "https://e.example/a.pdf"}}]}]}"#,
        },
        Probe {
            feature: "content.document.text",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}]}]}"#,
        },
        Probe {
            feature: "content.document.title",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}, "title": "t"}]}]}"#,
        },
        Probe {
            feature: "content.document.context",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}, "context": "c"}]}]}"#,
        },
        Probe {
            feature: "content.document.citations",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}, "citations": {"enabled": true}}]}]}"#,
        },
        Probe {
            feature: "content.search_result",
            members: r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]}]}]}"#,
        },
        Probe {
            feature: "assistant.thinking",
            members: r#"{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [{"type": "thinking", "thinking": "h", "signature": "s"}, {"type": "text", "text": "b"}]}, {"role": "user", "content": "hi"}]}"#,
        },
        Probe {
            feature: "assistant.redacted_thinking",
            members: r#"{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "d"}, {"type": "text", "text": "b"}]}, {"role": "user", "content": "hi"}]}"#,
        },
        Probe {
            feature: "assistant.citations",
            members: r#"{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [{"type": "text", "text": "b", "citations": [{"type": "char_location", "cited_text": "x", "document_index": 0, "document_title": "t", "start_char_index": 0, "end_char_index": 1}]}]}, {"role": "user", "content": "hi"}]}"#,
        },
        Probe {
            feature: "assistant.prefill",
            members: r#"{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "b"}]}"#,
        },
        Probe {
            feature: "assistant.server_tool_use",
            members: r#"{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [{"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, {"type": "text", "text": "b"}]}, {"role": "user", "content": "hi"}]}"#,
        },
        Probe {
            feature: "tools.custom",
            members: r#"{"tools": [{"name": "t", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}]}"#,
        },
        Probe {
            feature: "tools.strict",
            members: r#"{"tools": [{"name": "t", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}, "strict": true}]}"#,
        },
        Probe {
            feature: "tools.cache_control",
            members: r#"{"tools": [{"name": "t", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}, "cache_control": {"type": "ephemeral"}}]}"#,
        },
        Probe {
            feature: "tools.input_examples",
            members: r#"{"tools": [{"name": "t", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}, "input_examples": [{"a": "x"}]}]}"#,
        },
        Probe {
            feature: "tools.web_search",
            members: r#"{"tools": [{"type": "web_search_20250305", "name": "web_search"}]}"#,
        },
        Probe {
            feature: "tools.bash",
            members: r#"{"tools": [{"type": "bash_20250124", "name": "bash"}]}"#,
        },
        Probe {
            feature: "tools.code_execution",
            members: r#"{"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]}"#,
        },
        Probe {
            feature: "tools.history",
            members: r#"{"tools": [{"name": "t", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}], "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "t", "input": {}}]}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "x"}]}]}"#,
        },
        Probe {
            feature: "tools.history.image",
            members: r#"{"tools": [{"name": "t", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}], "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "t", "input": {}}]}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}]}]}]}"#,
        },
        Probe {
            feature: "tools.history.is_error",
            members: r#"{"tools": [{"name": "t", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}], "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "t", "input": {}}]}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "x", "is_error": true}]}]}"#,
        },
        Probe {
            feature: "mcp_servers",
            members: r#"{"mcp_servers": [{"type": "url", "name": "n", "url": "https://e.example"}]}"#,
        },
        Probe {
            feature: "container",
            members: r#"{"container": "c"}"#,
        },
        Probe {
            feature: "context_management",
            members: r#"{"context_management": {"edits": []}}"#,
        },
        Probe {
            feature: "tool_choice.any",
            members: r#"{"tools": [{"name": "t", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}], "tool_choice": {"type": "any"}}"#,
        },
        Probe {
            feature: "tool_choice.tool",
            members: r#"{"tools": [{"name": "t", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}], "tool_choice": {"type": "tool", "name": "t"}}"#,
        },
        Probe {
            feature: "tool_choice.disable_parallel_tool_use",
            members: r#"{"tools": [{"name": "t", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}], "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}"#,
        },
        Probe {
            feature: "max_tokens",
            members: r#"{"max_tokens": 2000}"#,
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
            feature: "stop_sequences",
            members: r#"{"stop_sequences": ["x"]}"#,
        },
        Probe {
            feature: "thinking.enabled",
            members: r#"{"thinking": {"type": "enabled", "budget_tokens": 2000}}"#,
        },
        Probe {
            feature: "thinking.adaptive",
            members: r#"{"thinking": {"type": "adaptive"}}"#,
        },
        Probe {
            feature: "thinking.disabled",
            members: r#"{"thinking": {"type": "disabled"}}"#,
        },
        Probe {
            feature: "output_config.effort",
            members: r#"{"output_config": {"effort": "low"}}"#,
        },
        Probe {
            feature: "output_config.format",
            members: r#"{"output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}}}"#,
        },
        Probe {
            feature: "metadata.user_id",
            members: r#"{"metadata": {"user_id": "u"}}"#,
        },
        Probe {
            feature: "service_tier.standard_only",
            members: r#"{"service_tier": "standard_only"}"#,
        },
        Probe {
            feature: "stream",
            members: r#"{"stream": true}"#,
        },
    ],
};
