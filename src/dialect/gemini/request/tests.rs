//! Requests of all dialects as this vendor gets them, by the numbers of the mapping cases, and of its own callers.

use serde_json::{Value, json};

use crate::{
    chat::{ChatRequest, Content, Fidelity, Loss, Message, Role, ToolCall, ToolResult},
    dialect::Quirks,
    dialect::{Dialect, Target, anthropic::Anthropic, gemini::Gemini, openai_chat::OpenAiChat},
    error::{Error, ErrorKind},
};

fn read(dialect: &dyn Dialect, body: &Value) -> ChatRequest {
    let body = body.to_string();
    let front = dialect.front().unwrap();
    front.decode_request(body.as_bytes()).unwrap()
}

fn write(request: &ChatRequest, model: &str) -> Result<(Value, Fidelity), Error> {
    let mut report = Fidelity::new();
    let target = Target::new(model, &Quirks::NONE);
    let body = Gemini.encode_request(request, &target, &mut report)?;
    Ok((serde_json::from_slice(&body).unwrap(), report))
}

fn openai(body: Value, model: &str) -> (Value, Fidelity) {
    let mut body = body;
    body["model"] = "m".into();
    write(&read(&OpenAiChat, &body), model).unwrap()
}

fn says(report: &Fidelity, path: &str, loss: Loss) -> bool {
    let mut notes = report.notes().iter();
    notes.any(|note| note.path.contains(path) && note.loss == loss)
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

fn history(calls: Value, results: &[(&str, &str)]) -> Value {
    let mut messages = vec![
        json!({"role": "user", "content": "go"}),
        json!({"role": "assistant", "content": null, "tool_calls": calls}),
    ];
    for (id, text) in results {
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": text}));
    }
    json!({"messages": messages})
}

#[test]
fn a_whole_request() {
    let (body, report) = openai(
        json!({
            "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
            "temperature": 0.5, "top_p": 0.9, "max_tokens": 10, "stop": ["a"], "seed": 7,
            "reasoning_effort": "low",
            "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"x": {"type": "string"}}}}}],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
        }),
        "gemini-2.5-flash",
    );
    assert_eq!(
        body,
        json!({
            "systemInstruction": {"parts": [{"text": "be brief"}]},
            "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
            "tools": [{"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": {"type": "object", "properties": {"x": {"type": "string"}}}}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
            "generationConfig": {"temperature": 0.5, "topP": 0.9, "maxOutputTokens": 10, "stopSequences": ["a"], "seed": 7,
                "thinkingConfig": {"includeThoughts": true, "thinkingBudget": 1024}},
        })
    );
    assert!(report.is_exact(), "{report:?}");
}

#[test]
fn e11_results_stand_in_the_order_of_their_calls() {
    let calls = json!([call("c1", "f", "{}"), call("c2", "g", "{}")]);
    let (body, _) = openai(
        history(calls, &[("c2", "two"), ("c1", "one")]),
        "gemini-2.5-flash",
    );
    assert_eq!(
        body["contents"][2],
        json!({"role": "user", "parts": [
            {"functionResponse": {"name": "f", "response": {"output": "one"}}},
            {"functionResponse": {"name": "g", "response": {"output": "two"}}},
        ]})
    );
}

#[test]
fn e10_two_calls_of_one_function_are_told_apart_by_order() {
    let calls = json!([
        call("tlc_R_0", "f", "{\"n\":1}"),
        call("tlc_R_1", "f", "{\"n\":2}")
    ]);
    let results = [("tlc_R_1", "two"), ("tlc_R_0", "one")];
    let (body, _) = openai(history(calls, &results), "gemini-3-pro-preview");
    let results = body["contents"][2]["parts"].as_array().unwrap();
    assert_eq!(results[0]["functionResponse"]["response"]["output"], "one");
    assert!(
        results[0]["functionResponse"]["id"].is_null(),
        "a made-up id goes nowhere"
    );
}

#[test]
fn e12_a_result_without_a_call_is_refused() {
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": "go"},
        {"role": "tool", "tool_call_id": "x", "content": "1"},
    ]});
    let error = write(&read(&OpenAiChat, &body), "gemini-2.5-flash").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.message().contains("`x`"), "{error}");
}

#[test]
fn e13_what_tools_say() {
    for (text, want) in [
        ("42", json!({"output": "42"})),
        ("[1]", json!({"output": "[1]"})),
        ("{\"a\":1}", json!({"a": 1})),
        ("", json!({"output": ""})),
        ("{\"$ref\":\"x\"}", json!({"output": "{\"$ref\":\"x\"}"})),
    ] {
        let calls = json!([call("c", "f", "{}")]);
        let (body, _) = openai(history(calls, &[("c", text)]), "gemini-2.5-flash");
        assert_eq!(
            body["contents"][2]["parts"][0]["functionResponse"]["response"],
            want
        );
    }
    let mut request = ChatRequest::new("m", vec![Message::user("go")]);
    let made = Content::ToolCall(ToolCall::new("c", "f", "{}"));
    request
        .messages
        .push(Message::new(Role::Assistant, vec![made]));
    let mut result = ToolResult::new("c", vec![Content::text("broken")]);
    result.is_error = true;
    let result = Content::ToolResult(result);
    request
        .messages
        .push(Message::new(Role::Tool, vec![result]));
    let (body, _) = write(&request, "gemini-2.5-flash").unwrap();
    assert_eq!(
        body["contents"][2]["parts"][0]["functionResponse"]["response"],
        json!({"error": "broken"})
    );
}

#[test]
fn e14_e15_arguments_that_are_no_object() {
    for (arguments, want) in [
        ("", json!({})),
        ("{\"a\":", json!({"_raw": "{\"a\":"})),
        ("[1]", json!({"_raw": "[1]"})),
        ("{\"a\":1}{\"a\":2}", json!({"a": 1})),
    ] {
        let calls = json!([call("c", "f", arguments)]);
        let (body, report) = openai(history(calls, &[("c", "1")]), "gemini-2.5-flash");
        assert_eq!(
            body["contents"][1]["parts"][0]["functionCall"]["args"],
            want
        );
        assert_eq!(
            says(&report, "arguments", Loss::Repaired),
            !arguments.is_empty()
        );
    }
}

#[test]
fn e16_calls_of_strangers_get_the_documented_value_once() {
    let calls = json!([call("c1", "f", "{}"), call("c2", "g", "{}")]);
    let results = [("c1", "1"), ("c2", "2")];
    let (body, report) = openai(history(calls.clone(), &results), "gemini-3-flash-preview");
    let parts = &body["contents"][1]["parts"];
    assert_eq!(
        parts[0]["thoughtSignature"],
        "skip_thought_signature_validator"
    );
    assert!(parts[1]["thoughtSignature"].is_null());
    assert_eq!(parts[0]["functionCall"]["id"], "c1");
    assert!(says(&report, "content[0]", Loss::Defaulted));
    let (body, _) = openai(history(calls, &results), "gemini-2.5-flash");
    assert!(!body.to_string().contains("skip_thought"));
    assert!(body["contents"][1]["parts"][0]["functionCall"]["id"].is_null());
}

#[test]
fn e17_e18_a_real_signature_stays_alone_and_as_it_came() {
    let mut first = call("c1", "f", "{}");
    first["extra_content"] = json!({"google": {"thought_signature": "a-_b"}});
    let calls = json!([first, call("c2", "g", "{}")]);
    let (body, report) = openai(
        history(calls, &[("c1", "1"), ("c2", "2")]),
        "gemini-3-flash-preview",
    );
    let parts = &body["contents"][1]["parts"];
    assert_eq!(parts[0]["thoughtSignature"], "a-_b");
    assert!(parts[1]["thoughtSignature"].is_null());
    assert!(report.is_exact(), "{report:?}");
}

#[test]
fn e19_a_messages_signature_is_replayed_after_its_text() {
    let (body, _) = openai(
        json!({"messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b", "extra_content": {"google": {"thought_signature": "S"}}},
            {"role": "user", "content": "c"},
        ]}),
        "gemini-3-flash-preview",
    );
    assert_eq!(
        body["contents"][1]["parts"],
        json!([{"text": "b"}, {"text": "", "thoughtSignature": "S"}])
    );
}

#[test]
fn e20_a_picture_alone_gets_a_blank() {
    let request = read(
        &Anthropic,
        &json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}]}]}),
    );
    let (body, _) = write(&request, "gemini-2.5-flash").unwrap();
    assert_eq!(
        body["contents"][0]["parts"],
        json!([{"inlineData": {"mimeType": "image/png", "data": "AA=="}}, {"text": " "}])
    );
}

#[test]
fn e21_e22_e23_pictures_by_value_and_by_address() {
    let (body, report) = openai(
        json!({"messages": [{"role": "user", "content": [
            {"type": "text", "text": "see"},
            {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,AA=="}},
            {"type": "image_url", "image_url": {"url": "https://h.example/x.png?y=1"}},
        ]}]}),
        "gemini-2.5-flash",
    );
    let parts = &body["contents"][0]["parts"];
    assert_eq!(parts[1]["inlineData"]["mimeType"], "image/jpeg");
    assert_eq!(
        parts[2]["fileData"],
        json!({"fileUri": "https://h.example/x.png?y=1", "mimeType": "image/png"})
    );
    assert!(says(&report, "content[2]", Loss::Changed));
}

#[test]
fn e24_e25_where_the_systems_words_stand() {
    let (body, report) = openai(
        json!({"messages": [{"role": "system", "content": "s"}]}),
        "gemini-2.5-flash",
    );
    assert_eq!(
        body["contents"],
        json!([{"role": "user", "parts": [{"text": "."}]}])
    );
    assert!(says(&report, "messages", Loss::Repaired));
    let (body, report) = openai(
        json!({"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "s"}, {"role": "user", "content": "b"}]}),
        "gemini-2.5-flash",
    );
    assert_eq!(body["systemInstruction"]["parts"], json!([{"text": "s"}]));
    assert_eq!(
        body["contents"][0]["parts"],
        json!([{"text": "a"}, {"text": "b"}])
    );
    assert!(says(&report, "messages[1]", Loss::Changed));
}

#[test]
fn e26_e30_schemas_by_generation() {
    let ask = |parameters: Value, model| {
        let (body, report) = openai(
            json!({"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "function", "function": {"name": "f", "parameters": parameters}}]}),
            model,
        );
        (body["tools"][0]["functionDeclarations"][0].clone(), report)
    };
    let schema = json!({"$defs": {"P": {"type": "string"}}, "type": "object", "properties": {"p": {"$ref": "#/$defs/P"}}, "additionalProperties": false});
    let (modern, _) = ask(schema.clone(), "gemini-2.0-flash");
    assert_eq!(modern["parametersJsonSchema"], schema);
    let (old, report) = ask(schema, "gemini-1.5-flash");
    assert_eq!(
        old["parameters"],
        json!({"type": "OBJECT", "properties": {"p": {"type": "STRING"}}})
    );
    assert!(says(&report, "additionalProperties", Loss::Changed));
    let (bare, _) = ask(
        json!({"type": "object", "properties": {}}),
        "gemini-2.5-flash",
    );
    assert_eq!(bare, json!({"name": "f"}));
}

#[test]
fn e31_no_call_is_a_mode() {
    let (body, _) = openai(
        json!({"messages": [{"role": "user", "content": "a"}], "tool_choice": "none", "parallel_tool_calls": false,
            "tools": [{"type": "function", "function": {"name": "f"}}]}),
        "gemini-2.5-flash",
    );
    assert_eq!(
        body["toolConfig"]["functionCallingConfig"],
        json!({"mode": "NONE"})
    );
    assert!(body["tools"].is_array());
}

#[test]
fn e32_several_answers_are_refused_where_they_cannot_be_told() {
    let body = json!({"model": "m", "n": 2, "messages": [{"role": "user", "content": "a"}]});
    let error = write(&read(&OpenAiChat, &body), "gemini-2.5-flash").unwrap_err();
    assert_eq!(
        (error.kind(), error.param()),
        (ErrorKind::Unsupported, Some("n"))
    );
}

#[test]
fn thinking_by_generation() {
    for (model, effort, want) in [
        (
            "gemini-2.5-flash",
            "none",
            json!({"includeThoughts": false, "thinkingBudget": 0}),
        ),
        (
            "gemini-2.5-pro",
            "none",
            json!({"includeThoughts": false, "thinkingBudget": 128}),
        ),
        (
            "gemini-2.5-flash",
            "high",
            json!({"includeThoughts": true, "thinkingBudget": 24576}),
        ),
        (
            "gemini-3-pro-preview",
            "minimal",
            json!({"includeThoughts": true, "thinkingLevel": "LOW"}),
        ),
        (
            "gemini-3-pro-preview",
            "medium",
            json!({"includeThoughts": true, "thinkingLevel": "HIGH"}),
        ),
        (
            "gemini-3-flash-preview",
            "none",
            json!({"includeThoughts": false, "thinkingLevel": "MINIMAL"}),
        ),
        ("gemini-2.0-flash", "high", Value::Null),
    ] {
        let (body, _) = openai(
            json!({"messages": [{"role": "user", "content": "a"}], "reasoning_effort": effort}),
            model,
        );
        assert_eq!(
            body["generationConfig"]["thinkingConfig"], want,
            "{model} {effort}"
        );
    }
    let request = read(
        &Anthropic,
        &json!({"model": "m", "max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 5000}, "messages": [{"role": "user", "content": "a"}]}),
    );
    let (body, report) = write(&request, "gemini-3-flash-preview").unwrap();
    assert_eq!(
        body["generationConfig"]["thinkingConfig"]["thinkingLevel"],
        "MEDIUM"
    );
    assert!(says(&report, "reasoning", Loss::Changed));
    let (body, _) = openai(
        json!({"messages": [{"role": "user", "content": "a"}], "extra_body": {"google": {"thinking_config": {"thinking_budget": 5}, "cached_content": "cachedContents/1"}}}),
        "gemini-2.5-flash",
    );
    assert_eq!(
        body["generationConfig"]["thinkingConfig"],
        json!({"thinking_budget": 5})
    );
    assert_eq!(body["cachedContent"], "cachedContents/1");
}

#[test]
fn json_and_functions_at_once() {
    let ask = |model| {
        openai(
            json!({"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "function", "function": {"name": "f"}}],
                "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "properties": {"a": {"const": 1}}}}}}),
            model,
        )
    };
    let (body, report) = ask("gemini-2.5-flash");
    assert!(body["generationConfig"].is_null());
    assert!(says(&report, "response_format", Loss::Dropped));
    let (body, _) = ask("gemini-3-flash-preview");
    assert_eq!(
        body["generationConfig"],
        json!({"responseMimeType": "application/json", "responseJsonSchema": {"type": "object", "properties": {"a": {"type": "integer", "enum": [1]}}}})
    );
}

#[test]
fn a_callers_own_request_is_kept() {
    let body = json!({
        "system_instruction": {"parts": [{"text": "s"}]},
        "contents": [
            {"parts": [{"inline_data": {"mime_type": "image/png", "data": "AA=="}}, {"text": "hi"}]},
            {"role": "model", "parts": [{"text": "hm", "thought": true}, {"function_call": {"name": "f", "args": {"a": 1.0}}, "thought_signature": "S"}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "ok"}}}]},
        ],
        "tools": [{"function_declarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "NUMBER"}}}}]}, {"googleSearch": {}}],
        "safetySettings": [{"category": "C", "threshold": "OFF"}],
        "generationConfig": {"topK": 40.0, "responseModalities": ["TEXT"], "thinkingConfig": {"thinkingLevel": "LOW"}},
    });
    let request = read(&Gemini, &body);
    assert_eq!(request.top_k, Some(40));
    let (again, report) = write(&request, "gemini-3-flash-preview").unwrap();
    assert_eq!(again["safetySettings"], body["safetySettings"]);
    assert_eq!(
        again["generationConfig"]["responseModalities"],
        json!(["TEXT"])
    );
    assert_eq!(again["tools"][1], json!({"googleSearch": {}}));
    assert_eq!(again["contents"][1]["parts"][1]["thoughtSignature"], "S");
    assert_eq!(
        again["contents"][1]["parts"][0],
        json!({"text": "hm", "thought": true})
    );
    assert!(report.is_exact(), "{report:?}");
    let mut report = Fidelity::new();
    let target = Target::new("gpt-4o", &Quirks::NONE);
    let openai = OpenAiChat
        .encode_request(&request, &target, &mut report)
        .unwrap();
    let openai: Value = serde_json::from_slice(&openai).unwrap();
    assert_eq!(
        openai["messages"][1]["content"][0]["image_url"]["url"],
        "data:image/png;base64,AA=="
    );
    assert_eq!(
        openai["messages"][2]["tool_calls"][0]["function"]["arguments"],
        "{\"a\":1.0}"
    );
    assert_eq!(
        openai["messages"][3]["tool_call_id"],
        openai["messages"][2]["tool_calls"][0]["id"]
    );
    assert_eq!(openai["messages"][3]["content"], "ok");
    assert_eq!(
        openai["tools"][0]["function"]["parameters"]["type"],
        "object"
    );
}

#[test]
fn what_is_wrong_is_named() {
    for (body, param) in [
        ("[]", ""),
        ("{}", "contents"),
        (r#"{"contents":[]}"#, "contents"),
        (
            r#"{"contents":[{"role":"assistant","parts":[]}]}"#,
            "contents[0].role",
        ),
        (
            r#"{"contents":[{"parts":[{"text":7}]}]}"#,
            "contents[0].parts[0].text",
        ),
        (
            r#"{"contents":[{"parts":[]}],"generationConfig":{"temperature":"hot"}}"#,
            "generationConfig.temperature",
        ),
    ] {
        let error = Gemini
            .front()
            .unwrap()
            .decode_request(body.as_bytes())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{body}");
        assert_eq!(error.param(), Some(param), "{body}");
    }
}

mod property {
    use proptest::prelude::*;

    use super::*;

    fn part() -> impl Strategy<Value = Value> {
        prop_oneof![
            "[a-z ]{1,6}".prop_map(|text| json!({"text": text})),
            "[a-z]{1,6}".prop_map(|text| json!({"text": text, "thought": true})),
            ("[a-z]{1,6}", "[A-Za-z0-9]{4}").prop_map(|(text, s)| json!({"text": text, "thoughtSignature": s})),
            ("[a-z]{1,3}", "[A-Za-z0-9]{4}").prop_map(|(name, s)| json!({"functionCall": {"name": name, "args": {"n": 1}}, "thoughtSignature": s})),
            "[a-z]{1,3}".prop_map(|name| json!({"functionCall": {"name": name}})),
            Just(json!({"executableCode": {"language": "PYTHON", "code": "1"}})),
            Just(json!({"inlineData": {"mimeType": "image/png", "data": "AA=="}})),
        ]
    }

    proptest! {
        #[test]
        fn writing_and_reading_settle(
            turns in prop::collection::vec(prop::collection::vec(part(), 1..4), 1..5),
            third in any::<bool>(),
        ) {
            let contents: Vec<Value> = turns
                .into_iter()
                .flat_map(|parts| [json!({"role": "user", "parts": [{"text": "u"}]}), json!({"role": "model", "parts": parts})])
                .collect();
            let model = if third { "gemini-3-flash" } else { "gemini-2.5-flash" };
            let (once, _) = write(&read(&Gemini, &json!({"contents": contents})), model).unwrap();
            let (twice, _) = write(&read(&Gemini, &once), model).unwrap();
            prop_assert_eq!(once, twice);
        }
    }
}
