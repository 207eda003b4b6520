//! Features of Google's Gemini.

use super::super::{Probe, Probes};

pub(in super::super) const PROBES: Probes = Probes {
    plain: r#"{"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}"#,
    features: &[
        Probe {
            feature: "systemInstruction",
            members: r#"{"systemInstruction": {"parts": [{"text": "s"}]}}"#,
        },
        Probe {
            feature: "parts.inlineData.image",
            members: r#"{"contents": [{"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"mimeType": "image/png", "data": "aGk="}}]}]}"#,
        },
        Probe {
            feature: "parts.inlineData.audio",
            members: r#"{"contents": [{"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}}]}]}"#,
        },
        Probe {
            feature: "parts.inlineData.video",
            members: r#"{"contents": [{"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"mimeType": "video/mp4", "data": "aGk="}}]}]}"#,
        },
        Probe {
            feature: "parts.inlineData.pdf",
            members: r#"{"contents": [{"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"mimeType": "application/pdf", "data": "aGk="}}]}]}"#,
        },
        Probe {
            feature: "parts.fileData.image",
            members: r#"{"contents": [{"role": "user", "parts": [{"text": "hi"}, {"fileData": {"mimeType": "image/png", "fileUri": "https://e.example/a.png"}}]}]}"#,
        },
        Probe {
            feature: "parts.fileData.uploaded",
            members: r#"{"contents": [{"role": "user", "parts": [{"text": "hi"}, {"fileData": {"mimeType": "image/png", "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x"}}]}]}"#,
        },
        Probe {
            feature: "parts.videoMetadata",
            members: r#"{"contents": [{"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"mimeType": "video/mp4", "data": "aGk="}, "videoMetadata": {"fps": 1}}]}]}"#,
        },
        Probe {
            feature: "parts.thought",
            members: r#"{"contents": [{"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": [{"text": "h", "thought": true}, {"text": "b"}]}, {"role": "user", "parts": [{"text": "hi"}]}]}"#,
        },
        Probe {
            feature: "parts.thoughtSignature",
            members: r#"{"contents": [{"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": [{"text": "b", "thoughtSignature": "c2ln"}]}, {"role": "user", "parts": [{"text": "hi"}]}]}"#,
        },
        Probe {
            feature: "parts.executableCode",
            members: r#"{"contents": [{"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": [{"executableCode": {"language": "PYTHON", "code": "1"}}, {"text": "b"}]}, {"role": "user", "parts": [{"text": "hi"}]}]}"#,
        },
        Probe {
            feature: "tools.functionDeclarations",
            members: r#"{"tools": [{"functionDeclarations": [{"name": "t", "description": "d", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]}}]}]}"#,
        },
        Probe {
            feature: "tools.functionDeclarations.response",
            members: r#"{"tools": [{"functionDeclarations": [{"name": "t", "description": "d", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]}, "response": {"type": "STRING"}}]}]}"#,
        },
        Probe {
            feature: "tools.functionDeclarations.behavior",
            members: r#"{"tools": [{"functionDeclarations": [{"name": "t", "description": "d", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]}, "behavior": "NON_BLOCKING"}]}]}"#,
        },
        Probe {
            feature: "tools.googleSearch",
            members: r#"{"tools": [{"googleSearch": {}}]}"#,
        },
        Probe {
            feature: "tools.codeExecution",
            members: r#"{"tools": [{"codeExecution": {}}]}"#,
        },
        Probe {
            feature: "tools.urlContext",
            members: r#"{"tools": [{"urlContext": {}}]}"#,
        },
        Probe {
            feature: "tools.history",
            members: r#"{"tools": [{"functionDeclarations": [{"name": "t", "description": "d", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]}}]}], "contents": [{"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": [{"functionCall": {"name": "t", "args": {}}}]}, {"role": "user", "parts": [{"functionResponse": {"name": "t", "response": {"output": "x"}}}]}]}"#,
        },
        Probe {
            feature: "tools.history.scheduling",
            members: r#"{"tools": [{"functionDeclarations": [{"name": "t", "description": "d", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]}}]}], "contents": [{"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": [{"functionCall": {"name": "t", "args": {}}}]}, {"role": "user", "parts": [{"functionResponse": {"name": "t", "response": {"output": "x"}, "scheduling": "SILENT"}}]}]}"#,
        },
        Probe {
            feature: "toolConfig.any",
            members: r#"{"tools": [{"functionDeclarations": [{"name": "t", "description": "d", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]}}]}], "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}"#,
        },
        Probe {
            feature: "toolConfig.allowedFunctionNames",
            members: r#"{"tools": [{"functionDeclarations": [{"name": "t", "description": "d", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]}}, {"name": "u", "description": "d", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]}}, {"name": "v", "description": "d", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]}}]}], "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["t", "u"]}}}"#,
        },
        Probe {
            feature: "toolConfig.retrievalConfig",
            members: r#"{"toolConfig": {"retrievalConfig": {"languageCode": "en"}}}"#,
        },
        Probe {
            feature: "generationConfig.maxOutputTokens",
            members: r#"{"generationConfig": {"maxOutputTokens": 2000}}"#,
        },
        Probe {
            feature: "generationConfig.temperature",
            members: r#"{"generationConfig": {"temperature": 0.5}}"#,
        },
        Probe {
            feature: "generationConfig.topP",
            members: r#"{"generationConfig": {"topP": 0.5}}"#,
        },
        Probe {
            feature: "generationConfig.topK",
            members: r#"{"generationConfig": {"topK": 5}}"#,
        },
        Probe {
            feature: "generationConfig.seed",
            members: r#"{"generationConfig": {"seed": 1}}"#,
        },
        Probe {
            feature: "generationConfig.stopSequences",
            members: r#"{"generationConfig": {"stopSequences": ["x"]}}"#,
        },
        Probe {
            feature: "generationConfig.presencePenalty",
            members: r#"{"generationConfig": {"presencePenalty": 0.5}}"#,
        },
        Probe {
            feature: "generationConfig.frequencyPenalty",
            members: r#"{"generationConfig": {"frequencyPenalty": 0.5}}"#,
        },
        Probe {
            feature: "generationConfig.candidateCount",
            members: r#"{"generationConfig": {"candidateCount": 2}}"#,
        },
        Probe {
            feature: "generationConfig.responseLogprobs",
            members: r#"{"generationConfig": {"responseLogprobs": true, "logprobs": 2}}"#,
        },
        Probe {
            feature: "generationConfig.responseMimeType",
            members: r#"{"generationConfig": {"responseMimeType": "application/json"}}"#,
        },
        Probe {
            feature: "generationConfig.responseSchema",
            members: r#"{"generationConfig": {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]}}}"#,
        },
        Probe {
            feature: "generationConfig.responseJsonSchema",
            members: r#"{"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}}"#,
        },
        Probe {
            feature: "generationConfig.responseMimeType.enum",
            members: r#"{"generationConfig": {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}}}"#,
        },
        Probe {
            feature: "generationConfig.responseModalities",
            members: r#"{"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}"#,
        },
        Probe {
            feature: "generationConfig.speechConfig",
            members: r#"{"generationConfig": {"speechConfig": {"languageCode": "en"}}}"#,
        },
        Probe {
            feature: "generationConfig.mediaResolution",
            members: r#"{"generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"}}"#,
        },
        Probe {
            feature: "generationConfig.thinkingConfig.thinkingBudget",
            members: r#"{"generationConfig": {"thinkingConfig": {"thinkingBudget": 2000}}}"#,
        },
        Probe {
            feature: "generationConfig.thinkingConfig.thinkingLevel",
            members: r#"{"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}}"#,
        },
        Probe {
            feature: "generationConfig.thinkingConfig.includeThoughts",
            members: r#"{"generationConfig": {"thinkingConfig": {"includeThoughts": true}}}"#,
        },
        Probe {
            feature: "safetySettings",
            members: r#"{"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]}"#,
        },
        Probe {
            feature: "cachedContent",
            members: r#"{"cachedContent": "c"}"#,
        },
        Probe {
            feature: "labels",
            members: r#"{"labels": {"a": "b"}}"#,
        },
        Probe {
            feature: "serviceTier.flex",
            members: r#"{"serviceTier": "flex"}"#,
        },
    ],
};
