//! Whole requests, in both directions, by the numbers of the cases.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    Json,
    chat::{
        CallKind, ChatRequest, Content, Fidelity, Message, Role, Thinking, Tool, ToolCall,
        ToolChoice, ToolKind, ToolResult,
    },
    dialect::Quirks,
    dialect::{
        Dialect, Target, anthropic::Anthropic, openai_chat::OpenAiChat,
        openai_responses::OpenAiResponses,
    },
    error::{Error, ErrorKind},
};

fn read_by(dialect: &dyn Dialect, body: Value) -> Result<ChatRequest, Error> {
    let front = dialect.front().unwrap();
    front.decode_request(body.to_string().as_bytes())
}

fn read(body: Value) -> ChatRequest {
    read_by(&OpenAiResponses, body).unwrap()
}

fn write_by(dialect: &dyn Dialect, request: &ChatRequest, model: &str) -> (Value, Fidelity) {
    let mut report = Fidelity::new();
    let target = Target::new(model, &Quirks::NONE);
    let body = dialect
        .encode_request(request, &target, &mut report)
        .unwrap();
    (serde_json::from_slice(&body).unwrap(), report)
}

/// What a vendor of this dialect gets from a caller of Anthropic's.
fn from_anthropic(body: Value, model: &str) -> (Value, Fidelity) {
    write_by(&OpenAiResponses, &read_by(&Anthropic, body).unwrap(), model)
}

/// What a vendor of Anthropic's dialect gets from a caller of this one.
fn to_anthropic(body: Value) -> (Value, Fidelity) {
    write_by(&Anthropic, &read(body), "claude-sonnet-4-5")
}

fn reported(report: &Fidelity, path: &str) -> bool {
    report.notes().iter().any(|note| note.path == path)
}

#[test]
fn case_40_reasoning_goes_back_before_its_call_and_strangers_stay_out() {
    let mine = json!({"type":"thinking","thinking":"hm","signature":"tl1.openai-responses.gAAA"});
    let foreign = json!({"type":"thinking","thinking":"no","signature":"claudes"});
    let (body, report) = from_anthropic(
        json!({"model":"x","max_tokens":100,"messages":[{"role":"user","content":"q"},
            {"role":"assistant","content":[foreign, mine, {"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"ok"}]}],
            "tools":[{"name":"f","input_schema":{"type":"object","properties":{"a":{"type":"integer"}}}}]}),
        "gpt-5.1",
    );
    assert_eq!(
        body["input"],
        json!([
            {"role":"user","content":"q"},
            {"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"gAAA"},
            // Case 41: the caller's id, and none of the item's.
            {"type":"function_call","call_id":"toolu_1","name":"f","arguments":"{\"a\":1}"},
            {"type":"function_call_output","call_id":"toolu_1","output":"ok"}
        ])
    );
    assert_eq!(body["store"], false);
    assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
    assert!(reported(&report, "messages[1].content[0]"));
    // Case 43.
    assert_eq!(body["tools"][0]["strict"], false);
}

#[test]
fn a_thought_that_leads_to_nothing_is_not_sent() {
    let mine = json!({"type":"thinking","thinking":"hm","signature":"tl1.openai-responses.gAAA"});
    let (body, report) = from_anthropic(
        json!({"model":"x","max_tokens":100,"messages":[{"role":"user","content":"q"},
            {"role":"assistant","content":[mine]},{"role":"user","content":"go on"}]}),
        "gpt-5.1",
    );
    assert_eq!(body["input"].as_array().unwrap().len(), 2);
    assert!(reported(&report, "messages[1].content[0]"));
}

#[test]
fn case_42_images_and_files_stay_in_the_result() {
    let (body, report) = from_anthropic(
        json!({"model":"x","max_tokens":100,"messages":[{"role":"user","content":"q"},
            {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","is_error":true,"content":[
                {"type":"text","text":"seen"},
                {"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}},
                {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}}]},
                {"type":"text","text":"so?"}]}]}),
        "gpt-5.1",
    );
    assert_eq!(
        body["input"][2]["output"],
        json!([
            {"type":"input_text","text":"[tool error] seen"},
            {"type":"input_image","image_url":"data:image/png;base64,iVBO"},
            {"type":"input_file","filename":"document.pdf","file_data":"data:application/pdf;base64,JVBE"}
        ])
    );
    assert_eq!(body["input"][3], json!({"role":"user","content":"so?"}));
    assert!(
        report
            .notes()
            .iter()
            .all(|note| note.path.starts_with("messages[2]")),
        "{report:?}"
    );
}

#[test]
fn case_44_the_least_output() {
    let (body, report) = from_anthropic(
        json!({"model":"x","max_tokens":5,"messages":[{"role":"user","content":"q"}]}),
        "gpt-4o",
    );
    assert_eq!(body["max_output_tokens"], 16);
    assert!(reported(&report, "max_tokens"));
    // A model that does not think refuses to be asked for its thoughts.
    assert_eq!(body["include"], Value::Null);
}

#[test]
fn system_texts_are_instructions_unless_they_hold_breakpoints() {
    let body = || {
        json!({"model":"x","max_tokens":99,"system":[{"type":"text","text":"x-anthropic-billing-header: a"},
            {"type":"text","text":"one"},{"type":"text","text":"two","cache_control":{"type":"ephemeral"}}],
            "messages":[{"role":"user","content":"q"}]})
    };
    let (plain, report) = from_anthropic(body(), "gpt-5.1");
    assert_eq!(plain["instructions"], "one\n\ntwo");
    assert!(reported(&report, "system[0]") && reported(&report, "cache_control"));
    let (marked, _) = from_anthropic(body(), "gpt-5.6");
    assert_eq!(marked["instructions"], Value::Null);
    assert_eq!(
        marked["input"][0],
        json!({"role":"developer","content":[{"type":"input_text","text":"one"},
            {"type":"input_text","text":"two","prompt_cache_breakpoint":{"mode":"explicit"}}]})
    );
}

#[test]
fn settings_of_chat_completions() {
    let request = read_by(
        &OpenAiChat,
        json!({"model":"x","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"q"},
            {"type":"image_url","image_url":{"url":"https://a.example/b.png","detail":"low"}}]},{"role":"developer","content":"d"}],
            "reasoning_effort":"high","stop":["x"],"seed":1,"temperature":0.5,"stream":true,
            "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"a":{}}}}},
            "tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{"a":{}}}}},
                {"type":"custom","custom":{"name":"p","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"d"}}}}],
            "tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}}]}},
            "metadata":{"k":"v"},"user":"u"}),
    )
    .unwrap();
    let (body, report) = write_by(&OpenAiResponses, &request, "gpt-5.1");
    assert_eq!(
        body,
        json!({"model":"gpt-5.1","instructions":"s","input":[
            {"role":"user","content":[{"type":"input_text","text":"q"},{"type":"input_image","image_url":"https://a.example/b.png","detail":"low"}]},
            {"role":"developer","content":"d"}],
            "tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{"a":{}}},"strict":false},
                {"type":"custom","name":"p","format":{"type":"grammar","syntax":"lark","definition":"d"}}],
            "tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"}]},
            "reasoning":{"effort":"high"},
            "text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object","properties":{"a":{}}},"strict":false}},
            "include":["reasoning.encrypted_content"],"store":false,"safety_identifier":"u","stream":true,"metadata":{"k":"v"}})
    );
    for path in ["stop", "seed", "temperature", "tools[0].strict"] {
        assert!(reported(&report, path), "{path}: {report:?}");
    }
    let mut two = request;
    two.n = Some(2);
    let target = Target::new("m", &Quirks::NONE);
    let refused = OpenAiResponses.encode_request(&two, &target, &mut Fidelity::new());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn case_45_a_text_instructions_and_a_late_developer() {
    let request = read(json!({"model":"m","input":"hi","instructions":"be brief"}));
    assert_eq!(
        request.messages,
        [Message::system("be brief"), Message::user("hi")]
    );
    let (body, report) = to_anthropic(
        json!({"model":"m","instructions":"a","max_output_tokens":50,"input":[
        {"role":"user","content":"q"},{"role":"assistant","content":"r"},
        {"role":"developer","content":"b"},{"role":"user","content":"s"}]}),
    );
    assert_eq!(body["system"][0]["text"], "a");
    assert!(
        body["messages"][2]
            .to_string()
            .contains("<system-reminder>b"),
        "{body}"
    );
    assert!(reported(&report, "messages[3]"));
}

#[test]
fn case_46_and_47_messages_without_a_type_and_calls_in_a_row() {
    let (body, _) = to_anthropic(json!({"model":"m","max_output_tokens":50,"input":[
        {"role":"user","content":[{"type":"input_text","text":"q"}]},
        {"type":"function_call","call_id":"c1","name":"f","arguments":"{\"a\":1.0}","id":"fc_1"},
        {"type":"function_call","call_id":"c2","name":"g","arguments":""},
        {"type":"function_call_output","call_id":"c2","output":"two"},
        {"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"one"}]}],
        "tools":[{"type":"function","name":"f"},{"type":"function","name":"g"}]}));
    let messages = body["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[1]["content"][0]["id"], "c1");
    assert_eq!(messages[1]["content"][1]["id"], "c2");
    assert_eq!(messages[2]["content"][0]["tool_use_id"], "c2");
    assert_eq!(messages[2]["content"][1]["tool_use_id"], "c1");
}

#[test]
fn case_48_custom_tools() {
    let (body, _) = to_anthropic(json!({"model":"m","max_output_tokens":50,"input":[
        {"role":"user","content":"q"},
        {"type":"custom_tool_call","call_id":"c","name":"apply_patch","input":"*** Begin"},
        {"type":"custom_tool_call_output","call_id":"c","output":"done"}],
        "tools":[{"type":"custom","name":"apply_patch","format":{"type":"grammar","syntax":"lark","definition":"d"}}]}));
    assert_eq!(
        body["messages"][1]["content"][0]["input"],
        json!({"content":"*** Begin"})
    );
    assert_eq!(
        body["tools"][0]["input_schema"]["required"],
        json!(["content"])
    );
}

#[test]
fn case_49_and_50_namespaces_are_flat_and_unknown_tools_are_left_out() {
    let body = json!({"model":"m","max_output_tokens":50,"tools":[
        {"type":"namespace","name":"crm","description":"d","tools":[{"type":"function","name":"find","parameters":{"type":"object","properties":{}}}]},
        {"type":"novel","x":1},{"type":"tool_search"}],
        "input":[{"role":"user","content":"q"},
        {"type":"function_call","call_id":"c","namespace":"crm","name":"find","arguments":"{}"},
        {"type":"function_call_output","call_id":"c","output":"x"},
        {"type":"web_search_call","id":"ws_1","status":"completed"}]});
    let request = read(body.clone());
    assert_eq!(request.tools[0].name, "crm::find");
    for dialect in [&Anthropic as &dyn Dialect, &OpenAiChat] {
        let (written, report) = write_by(dialect, &request, "m");
        let tools = written["tools"].as_array().unwrap();
        assert_eq!(tools.len(), 1, "{written}");
        // One name in the declaration and in the call.
        let name = dialect.tool_name("crm::find").into_owned();
        assert_eq!(written.to_string().matches(&name).count(), 2, "{written}");
        assert!(reported(&report, "tools[1]") && reported(&report, "tools[2]"));
    }
}

#[test]
fn case_51_what_a_vendor_has_stored_is_not_here() {
    for (more, param) in [
        (
            json!({"previous_response_id":"resp_1"}),
            "previous_response_id",
        ),
        (json!({"conversation":{"id":"conv_1"}}), "conversation"),
        (
            json!({"input":[{"role":"user","content":"q"},{"type":"item_reference","id":"rs_1"}]}),
            "input[1]",
        ),
        (json!({"input":[{"id":"rs_1"}]}), "input[0]"),
    ] {
        let mut body = json!({"model":"m","input":"hi"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let error = read_by(&OpenAiResponses, body).unwrap_err();
        assert_eq!(error.code(), Some("previous_response_not_found"), "{param}");
        assert_eq!((error.status().as_u16(), error.param()), (400, Some(param)));
    }
}

#[test]
fn case_116_what_codex_sends_is_translated() {
    let (body, report) = to_anthropic(
        json!({"model":"m","instructions":"i","store":false,"stream":true,
        "include":["reasoning.encrypted_content"],"prompt_cache_key":"k","client_metadata":{"a":"b"},
        "parallel_tool_calls":true,"tool_choice":"auto","reasoning":{"effort":"medium","summary":"auto"},
        "text":{"verbosity":"low"},"stream_options":{"include_obfuscation":false},"max_output_tokens":9000,
        "tools":[{"type":"custom","name":"apply_patch","description":"d","format":{"type":"grammar","syntax":"lark","definition":"x"}},
            {"type":"web_search","search_content_types":["text"]},{"type":"tool_search"}],
        "input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"env"}]},
            {"type":"additional_tools","role":"developer","tools":[{"type":"function","name":"shell","parameters":{"type":"object"},"strict":false}]},
            {"type":"message","role":"user","content":[{"type":"input_text","text":"go"}]}]}),
    );
    assert_eq!(body["messages"].as_array().unwrap().len(), 1, "{body}");
    assert!(body["tools"].to_string().contains("shell"));
    // Only what is really lost is told.
    for path in ["store", "include", "client_metadata", "stream_options"] {
        assert!(!reported(&report, path), "{path}");
    }
    assert!(reported(&report, "text"), "{report:?}");
}

#[test]
fn what_is_wrong_is_named() {
    for (body, param) in [
        (json!({"model":"m"}), "input"),
        (json!({"model":"m","input":7}), "input"),
        (json!({"model":"m","input":[]}), "input"),
        (json!({"model":"m","input":["x"]}), "input[0]"),
        (
            json!({"model":"m","input":[{"role":"king","content":""}]}),
            "input[0].role",
        ),
        (
            json!({"model":"m","input":[{"role":"user"}]}),
            "input[0].content",
        ),
        (
            json!({"model":"m","input":[{"role":"user","content":[{"type":"input_image"}]}]}),
            "input[0].content[0]",
        ),
        (
            json!({"model":"m","input":[{"type":"function_call","name":"f"}]}),
            "input[0].call_id",
        ),
        (
            json!({"model":"m","input":"x","tools":[{"type":"function"}]}),
            "tools[0].name",
        ),
        (
            json!({"model":"m","input":"x","tool_choice":"perhaps"}),
            "tool_choice",
        ),
        (
            json!({"model":"m","input":"x","text":{"format":{"type":"xml"}}}),
            "text.format.type",
        ),
    ] {
        let error = read_by(&OpenAiResponses, body.clone()).unwrap_err();
        assert_eq!(error.param(), Some(param), "{body}");
    }
}

#[test]
fn members_of_this_dialect_come_back_in_it() {
    let body = json!({"model":"m","input":[{"role":"user","content":"q"},{"type":"compaction","encrypted_content":"e"}],
        "tools":[{"type":"web_search","x":1}],"tool_choice":{"type":"web_search"},"reasoning":{"effort":"low","context":"all_turns"},
        "text":{"verbosity":"low"},"include":["file_search_call.results"],"store":true,"novel":{"b":1.0,"a":2}});
    let (written, report) = write_by(&OpenAiResponses, &read(body.clone()), "m");
    for member in [
        "input",
        "tools",
        "tool_choice",
        "reasoning",
        "text",
        "store",
        "novel",
    ] {
        assert_eq!(written[member], body[member], "{member}");
    }
    assert_eq!(
        written["include"],
        json!(["reasoning.encrypted_content", "file_search_call.results"])
    );
    assert!(report.is_exact(), "{report:?}");
}

fn text() -> impl Strategy<Value = String> {
    "[a-zé\"\\\\\n ]{1,12}"
}

fn part() -> impl Strategy<Value = Content> {
    text().prop_map(Content::text)
}

fn turn() -> impl Strategy<Value = Vec<Message>> {
    let call = (text(), prop::bool::ANY, "[a-z0-9]{1,8}").prop_map(|(text, custom, id)| {
        let mut call = ToolCall::new(
            format!("call_{id}"),
            "f",
            format!("{{\"a\":{}}}", json!(text)),
        );
        if custom {
            call.kind = CallKind::Custom;
        }
        call
    });
    let thought = (text(), "[A-Za-z]{4,9}").prop_map(|(text, signature)| {
        Content::Thinking(Thinking {
            text,
            signature: Some(signature),
            redacted: None,
            origin: Some("openai-responses"),
        })
    });
    let image = Content::Image(crate::chat::Media::new(crate::chat::Source::Url(
        "https://a.example".into(),
    )));
    prop_oneof![
        prop::collection::vec(prop_oneof![4 => part(), 1 => Just(image)], 1..3)
            .prop_map(|content| vec![Message::new(Role::User, content)]),
        text().prop_map(|text| vec![Message::user(text), Message::system("later")]),
        (
            prop::option::of(thought),
            part(),
            call,
            prop::collection::vec(part(), 1..3)
        )
            .prop_map(|(thought, said, call, result)| {
                let result = ToolResult::new(call.id.clone(), result);
                let mut content: Vec<Content> = thought.into_iter().collect();
                content.extend([said, Content::ToolCall(call)]);
                vec![
                    Message::new(Role::Assistant, content),
                    Message::new(Role::Tool, vec![Content::ToolResult(result)]),
                ]
            }),
    ]
}

proptest! {
    /// Case 110: what is written is read as it was meant.
    #[test]
    fn a_conversation_survives_being_written_and_read(
        turns in prop::collection::vec(turn(), 0..5),
        system in prop::option::of(text()),
        limit in prop::option::of(16_u64..9000),
        strict in prop::option::of(prop::bool::ANY),
        choice in prop::sample::select(vec![None, Some(ToolChoice::Auto), Some(ToolChoice::Required),
            Some(ToolChoice::Tool { name: "f".into() })]),
    ) {
        let mut messages: Vec<Message> = system.map(Message::system).into_iter().collect();
        messages.push(Message::user("begin"));
        messages.extend(turns.into_iter().flatten());
        let mut request = ChatRequest::new("m", messages);
        request.dialect = Some("openai-responses");
        let mut tool = Tool::function("f", "does", Json::parse(r#"{"type":"object","properties":{}}"#).unwrap());
        if let ToolKind::Function { strict: slot, .. } = &mut tool.kind {
            *slot = Some(strict.unwrap_or(false));
        }
        request.tools = vec![tool];
        request.tool_choice = choice;
        request.max_tokens = limit;
        let mut report = Fidelity::new();
        let body = OpenAiResponses
            .encode_request(&request, &Target::new("m", &Quirks::NONE), &mut report)
            .unwrap();
        let again = OpenAiResponses.front().unwrap().decode_request(&body).unwrap();
        prop_assert_eq!(&again, &request);
        prop_assert!(report.is_exact(), "{:?}", report);
        let twice = OpenAiResponses
            .encode_request(&again, &Target::new("m", &Quirks::NONE), &mut report)
            .unwrap();
        prop_assert_eq!(body, twice);
    }
}
