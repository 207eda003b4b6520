use super::*;
use crate::dialect::{
    Quirks, anthropic::Anthropic, gemini::Gemini, openai_chat::OpenAiChat,
    openai_responses::OpenAiResponses,
};

/// What a body of `from` loses on its way to `to`.
fn lost(from: &'static dyn Dialect, body: &str, to: &dyn Dialect, model: &str) -> Vec<String> {
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    let payload = match from.name() {
        "gemini" => Payload::json_in_path(from, bytes, "m", false),
        _ => Payload::json(from, bytes),
    };
    let mut report = Fidelity::new();
    let target = Target::new(model, &Quirks::NONE);
    let payload = payload.unwrap();
    match translate(&payload, payload.chat().unwrap(), to, &target, &mut report) {
        Ok(_) => {
            let notes = report.notes().iter();
            notes
                .map(|n| format!("{}={}", n.path, n.loss.as_str()))
                .collect()
        }
        Err(error) => {
            assert!(error.message().contains(error.param().unwrap()), "{error}");
            vec![format!("{}=refused", error.param().unwrap())]
        }
    }
}

#[test]
fn losses_are_told_by_the_callers_own_paths() {
    let (claude, gpt, flash) = ("claude-sonnet-4-5", "gpt-4o", "gemini-2.5-flash");
    let tool = r#""tools":[{"type":"function","function":{"name":"t","parameters":{}}}]"#;
    for (from, body, to, model, want) in [
        (
            &OpenAiChat as &'static dyn Dialect,
            r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","name":"bob","content":[
                {"type":"text","text":"hi","unheard":1},
                {"type":"image_url","image_url":{"url":"https://e.example/a.png","detail":"low"}}]}]}"#.to_owned(),
            &Anthropic as &dyn Dialect,
            claude,
            vec!["messages[0].name=dropped", "messages[0].content[1].image_url.detail=dropped", "messages[0].content[0].unheard=dropped"],
        ),
        (
            &OpenAiChat,
            format!(r#"{{"model":"m","max_tokens":9,{tool},"messages":[{{"role":"assistant","content":"a","tool_calls":[
                {{"id":"1","type":"function","function":{{"name":"t","arguments":"no"}}}}]}}]}}"#),
            &Gemini,
            flash,
            vec!["messages[0].tool_calls[0].function.arguments=repaired", "messages[0]=repaired"],
        ),
        (
            &OpenAiChat,
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]}"#.to_owned(),
            &Anthropic,
            claude,
            vec!["messages[0].content[0]=refused"],
        ),
        (
            &Anthropic,
            r#"{"model":"m","max_tokens":9,"system":"be brief","stop_sequences":["a","b","c","d","e"],"top_k":3,"messages":[
                {"role":"user","content":[
                    {"type":"text","text":"hi"},
                    {"type":"document","source":{"type":"url","url":"https://e.example/a.pdf"}}]}]}"#.to_owned(),
            &OpenAiChat,
            gpt,
            vec!["messages[0].content[1]=refused"],
        ),
        (
            &Anthropic,
            r#"{"model":"m","max_tokens":9,"system":"be brief","stop_sequences":["a","b","c","d","e"],"top_k":3,"messages":[
                {"role":"user","content":"hi"},
                {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"tool_use","id":"1","name":"t","input":{}}]},
                {"role":"user","content":[{"type":"text","text":"so"},{"type":"tool_result","tool_use_id":"1","content":"x","is_error":true}]}]}"#.to_owned(),
            &OpenAiChat,
            gpt,
            vec![
                "messages[1].content[0]=dropped",
                "messages[2].content[1]=approximated",
                "top_k=dropped",
                "stop_sequences=approximated",
            ],
        ),
        (
            &Gemini,
            r#"{"systemInstruction":{"parts":[{"text":"s"}]},"generationConfig":{"stopSequences":["x"],"topK":4},
                "contents":[{"role":"model","parts":[{"text":"a","thought":true,"thoughtSignature":"c2ln"},{"text":"b"}]},{"role":"user","parts":[{"text":"c"}]}]}"#.to_owned(),
            &OpenAiResponses,
            gpt,
            vec![
                "contents[0].parts[0]=dropped",
                "generationConfig.topK=dropped",
                "generationConfig.stopSequences=dropped",
            ],
        ),
        (
            &OpenAiResponses,
            r#"{"model":"m","instructions":"s","max_output_tokens":0,"text":{"format":{"type":"json_object"}},"input":[
                {"role":"user","content":"hi"},
                {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"t"}],"encrypted_content":"e"},
                {"type":"function_call","id":"fc_1","status":"completed","call_id":"1","name":"t","arguments":"{}"},
                {"type":"function_call_output","call_id":"1","output":"o"}]}"#.to_owned(),
            &Anthropic,
            claude,
            vec![
                "input[1]=dropped",
                "tools=defaulted",
                "text.format=approximated",
            ],
        ),
    ] {
        assert_eq!(lost(from, &body, to, model), want, "{body}");
    }
}

#[test]
fn strict_names_the_first_field_that_is_lost() {
    let mut report = Fidelity::new();
    report.defaulted("max_tokens", "the vendor requires a limit");
    check(FidelityMode::Strict, &report, "anthropic").unwrap();
    report.dropped("seed", "the vendor has no such member");
    check(FidelityMode::Lenient, &report, "anthropic").unwrap();
    let error = check(FidelityMode::Strict, &report, "anthropic").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(
        (error.status().as_u16(), error.param()),
        (400, Some("seed"))
    );
    for part in [
        "`seed`",
        "dropped",
        "anthropic",
        "no such member",
        "lenient",
    ] {
        assert!(error.message().contains(part), "{error}");
    }
}
