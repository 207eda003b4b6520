//! Golden texts: what is sent for what was asked, and what is reported of it.

use super::{decode, encode};
use crate::{
    Json,
    chat::{
        CacheMarker, CallKind, ChatRequest, Content, Effort, Fidelity, Media, Message, Reasoning,
        ResponseFormat, Role, Source, Thinking, Tool, ToolCall, ToolChoice, ToolKind, ToolResult,
    },
    dialect::Quirks,
    dialect::Target,
    error::{Error, ErrorKind},
};

const OLD: &str = "claude-sonnet-4-5";
const NEW: &str = "claude-opus-4-8";

fn chat(messages: Vec<Message>) -> ChatRequest {
    let mut request = ChatRequest::new("m", messages);
    request.dialect = Some("openai-chat");
    request.max_tokens = Some(4096);
    request
}

fn try_send(request: &ChatRequest, model: &str) -> Result<(String, Vec<String>), Error> {
    let mut report = Fidelity::new();
    let body = encode(request, &Target::new(model, &Quirks::NONE), &mut report)?;
    let notes = report
        .notes()
        .iter()
        .map(|note| format!("{:?} {}", note.loss, note.path))
        .collect();
    Ok((String::from_utf8(body.to_vec()).unwrap(), notes))
}

fn send(request: &ChatRequest, model: &str) -> (String, Vec<String>) {
    try_send(request, model).unwrap()
}

/// One member of the body, as text.
fn member(body: &str, name: &str) -> String {
    Json::parse(body)
        .unwrap()
        .deserialize::<std::collections::HashMap<String, Box<serde_json::value::RawValue>>>()
        .unwrap()
        .get(name)
        .map_or_else(|| "absent".to_owned(), |raw| raw.get().to_owned())
}

fn call(id: &str, arguments: &str) -> Content {
    Content::ToolCall(ToolCall::new(id, "f", arguments))
}

fn result(id: &str, text: &str) -> Content {
    Content::ToolResult(ToolResult::new(id, vec![Content::text(text)]))
}

fn assistant(content: Vec<Content>) -> Message {
    Message::new(Role::Assistant, content)
}

fn tool(content: Vec<Content>) -> Message {
    Message::new(Role::Tool, content)
}

fn with_tool(mut request: ChatRequest) -> ChatRequest {
    let schema = Json::parse(r#"{"type":"object"}"#).unwrap();
    request.tools.push(Tool::function("f", "d", schema));
    request
}

fn think(effort: Effort) -> Option<Reasoning> {
    Some(Reasoning {
        effort: Some(effort),
        ..Reasoning::default()
    })
}

fn hi() -> ChatRequest {
    chat(vec![Message::user("hi")])
}

#[test]
fn case_1_leading_system_messages_are_blocks() {
    let request = chat(vec![
        Message::system("a"),
        Message::system("b"),
        Message::user("hi"),
    ]);
    assert_eq!(
        send(&request, OLD).0,
        concat!(
            r#"{"model":"claude-sonnet-4-5","max_tokens":4096,"system":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"#,
            r#""messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}"#
        )
    );
}

#[test]
fn case_2_a_system_message_in_the_middle_keeps_its_place() {
    let request = chat(vec![
        Message::user("hi"),
        Message::system("now short"),
        assistant(vec![Content::text("ok")]),
        Message::user("go"),
    ]);
    let (body, notes) = send(&request, OLD);
    assert!(body.contains(
        r#"{"role":"user","content":[{"type":"text","text":"hi"},{"type":"text","text":"<system-reminder>now short</system-reminder>"}]}"#
    ), "{body}");
    assert_eq!(notes, ["Changed messages[1]"]);
    let (body, notes) = send(&request, NEW);
    assert!(
        body.contains(
            r#"{"role":"system","content":[{"type":"text","text":"now short"}]},{"role":"assistant""#
        ),
        "{body}"
    );
    assert!(notes.is_empty());
    // Before the user it may not stand: the vendor would refuse the whole request.
    let request = chat(vec![
        Message::user("hi"),
        Message::system("s"),
        Message::user("go"),
    ]);
    assert_eq!(send(&request, NEW).1, ["Changed messages[1]"]);
}

#[test]
fn case_3_user_messages_in_a_row_are_one_turn() {
    let (body, _) = send(&chat(vec![Message::user("a"), Message::user("b")]), OLD);
    assert_eq!(
        member(&body, "messages"),
        r#"[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]"#
    );
}

#[test]
fn cases_4_6_8_9_results_first_and_arguments_untouched() {
    let request = with_tool(chat(vec![
        Message::user("q"),
        assistant(vec![
            Content::text(""),
            call("A", ""),
            call("B", r#"{"z":1.0,"b":12345678901234567890}"#),
        ]),
        tool(vec![result("B", "b")]),
        tool(vec![result("A", "a")]),
        Message::user("go"),
    ]));
    let (body, notes) = send(&request, OLD);
    assert_eq!(
        member(&body, "messages"),
        concat!(
            r#"[{"role":"user","content":[{"type":"text","text":"q"}]},"#,
            r#"{"role":"assistant","content":[{"type":"tool_use","id":"A","name":"f","input":{}},"#,
            r#"{"type":"tool_use","id":"B","name":"f","input":{"z":1.0,"b":12345678901234567890}}]},"#,
            r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"B","content":[{"type":"text","text":"b"}]},"#,
            r#"{"type":"tool_result","tool_use_id":"A","content":[{"type":"text","text":"a"}]},{"type":"text","text":"go"}]}]"#
        )
    );
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn case_5_a_strayed_result_stands_directly_after_its_call() {
    let request = with_tool(chat(vec![
        Message::user("q"),
        assistant(vec![call("A", "{}")]),
        Message::user("wait"),
        tool(vec![result("A", "a")]),
    ]));
    let (body, notes) = send(&request, OLD);
    assert!(body.contains(r#""content":[{"type":"tool_result","tool_use_id":"A","content":[{"type":"text","text":"a"}]},{"type":"text","text":"wait"}]"#), "{body}");
    assert_eq!(notes, ["Repaired messages[3].content[0]"]);
}

#[test]
fn case_5_orphans_gaps_and_repetitions_are_mended() {
    let request = with_tool(chat(vec![
        Message::user("q"),
        tool(vec![result("X", "lost")]),
        assistant(vec![call("A", "{}"), call("B", "{}")]),
        tool(vec![result("A", "first"), result("A", "second")]),
    ]));
    let (body, notes) = send(&request, OLD);
    assert!(body.contains(r#"{"type":"text","text":"Tool result: lost"}"#));
    assert!(body.contains("second") && !body.contains("first"));
    assert!(body.contains(r#"{"type":"tool_result","tool_use_id":"B","content":[{"type":"text","text":"No result: the tool call was not answered."}],"is_error":true}"#), "{body}");
    assert_eq!(
        notes,
        [
            "Repaired messages[3].content[0]",
            "Repaired messages[1].content[0]",
            "Repaired messages[2]"
        ]
    );
}

#[test]
fn ids_given_twice_stay_apart_and_assistant_messages_in_a_row_are_one_turn() {
    let request = with_tool(chat(vec![
        Message::user("q"),
        assistant(vec![call("0", "{}")]),
        tool(vec![result("0", "a")]),
        assistant(vec![call("0", "{}")]),
        assistant(vec![call("1", "{}")]),
        tool(vec![result("0", "b"), result("1", "c")]),
    ]));
    let (body, notes) = send(&request, OLD);
    assert_eq!(body.matches(r#""id":"0""#).count(), 1);
    assert_eq!(body.matches(r#""tool_use_id":"0""#).count(), 1);
    assert_eq!(body.matches(r#""role":"assistant""#).count(), 2);
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn a_huge_history_takes_no_longer_than_its_length() {
    let many = 20_000;
    let mut messages = vec![Message::user("q")];
    messages.push(assistant((0..many).map(|_| call("same", "{}")).collect()));
    messages.extend((0..many).map(|_| tool(vec![result("same", "r")])));
    messages.extend((0..many).map(|_| Message::system("s")));
    let (body, _) = send(&with_tool(chat(messages)), NEW);
    assert_eq!(body.matches("tool_result").count(), many);
}

#[test]
fn case_7_arguments_that_are_no_object_are_wrapped_never_sent_bare() {
    for text in ["[1,2]", "not json", "\"s\""] {
        let request = with_tool(chat(vec![
            Message::user("q"),
            assistant(vec![call("A", text)]),
            tool(vec![result("A", "a")]),
        ]));
        let (body, notes) = send(&request, OLD);
        let raw = serde_json::to_string(text).unwrap();
        assert!(
            body.contains(&format!(r#""input":{{"_raw":{raw}}}"#)),
            "{body}"
        );
        assert_eq!(notes, ["Repaired messages[1].content[0].arguments"]);
    }
}

#[test]
fn case_10_nothing_to_say_is_refused_here() {
    let error = try_send(&chat(vec![Message::user("")]), OLD).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert_eq!(error.param(), Some("messages[0].content"));
    assert!(try_send(&chat(Vec::new()), OLD).is_err());
}

#[test]
fn case_11_a_missing_limit_is_the_models_own() {
    let mut request = hi();
    request.max_tokens = None;
    let mut report = Fidelity::new();
    let target = Target::new(OLD, &Quirks::NONE).with_max_output(Some(64000));
    let body = encode(&request, &target, &mut report).unwrap();
    assert!(body.windows(18).any(|w| w == b"\"max_tokens\":64000"));
    let (body, notes) = send(&request, OLD);
    assert_eq!(member(&body, "max_tokens"), "4096");
    assert_eq!(notes, ["Defaulted max_tokens"]);
}

#[test]
fn cases_12_13_levels_of_thinking_by_model() {
    let on = |model: &str, effort, max| {
        let mut request = hi();
        request.reasoning = think(effort);
        request.max_tokens = Some(max);
        let (body, notes) = send(&request, model);
        (
            member(&body, "thinking"),
            member(&body, "output_config"),
            notes.len(),
        )
    };
    let absent = || "absent".to_owned();
    let enabled = |n: u64| format!(r#"{{"type":"enabled","budget_tokens":{n}}}"#);
    let adaptive = || r#"{"type":"adaptive"}"#.to_owned();
    let level = |l: &str| format!(r#"{{"effort":"{l}"}}"#);
    assert_eq!(on(OLD, Effort::High, 1024), (absent(), absent(), 1));
    assert_eq!(on(OLD, Effort::High, 4096), (enabled(4095), absent(), 1));
    assert_eq!(on(OLD, Effort::Medium, 4096), (enabled(2048), absent(), 0));
    assert_eq!(on(OLD, Effort::Max, 64000), (enabled(16384), absent(), 0));
    assert_eq!(on(OLD, Effort::None, 4096), (absent(), absent(), 0));
    assert_eq!(on(NEW, Effort::High, 4096), (adaptive(), level("high"), 0));
    assert_eq!(
        on(NEW, Effort::Minimal, 4096),
        (adaptive(), level("low"), 1)
    );
    assert_eq!(
        on("claude-opus-4-6", Effort::XHigh, 4096),
        (adaptive(), level("high"), 1)
    );
    assert_eq!(
        on("claude-sonnet-5", Effort::None, 4096),
        (r#"{"type":"disabled"}"#.to_owned(), absent(), 0)
    );
    assert_eq!(
        on("claude-fable-5-2", Effort::None, 4096),
        (absent(), level("low"), 1)
    );
    assert_eq!(
        on("claude-3-haiku", Effort::High, 4096),
        (absent(), absent(), 1)
    );
}

#[test]
fn thinking_the_model_cannot_do_as_asked_is_said_otherwise() {
    let body = br#"{"model":"m","max_tokens":4096,"thinking":{"type":"adaptive"},"output_config":{"effort":"max"},"messages":[{"role":"user","content":"hi"}]}"#;
    let request = decode(body).unwrap();
    assert_eq!(
        member(&send(&request, OLD).0, "thinking"),
        r#"{"type":"enabled","budget_tokens":4095}"#
    );
    let body = br#"{"model":"m","max_tokens":4096,"thinking":{"type":"enabled","budget_tokens":2000},"messages":[{"role":"user","content":"hi"}]}"#;
    let (body, notes) = send(&decode(body).unwrap(), NEW);
    assert_eq!(member(&body, "thinking"), r#"{"type":"adaptive"}"#);
    assert_eq!(member(&body, "output_config"), r#"{"effort":"medium"}"#);
    assert_eq!(notes, ["Changed reasoning"]);
}

#[test]
fn thinking_by_budget_gives_way_to_forced_tools_and_to_lost_thoughts() {
    let mut request = with_tool(hi());
    request.reasoning = think(Effort::Low);
    request.tool_choice = Some(ToolChoice::Required);
    let (body, notes) = send(&request, OLD);
    assert_eq!(member(&body, "thinking"), "absent");
    assert_eq!(member(&body, "tool_choice"), r#"{"type":"any"}"#);
    assert_eq!(notes, ["Dropped reasoning"]);
    let mut request = with_tool(chat(vec![
        Message::user("q"),
        assistant(vec![call("A", "{}")]),
        tool(vec![result("A", "a")]),
    ]));
    request.reasoning = think(Effort::Low);
    assert_eq!(member(&send(&request, OLD).0, "thinking"), "absent");
    assert_eq!(
        member(&send(&request, NEW).0, "thinking"),
        r#"{"type":"adaptive"}"#
    );
}

#[test]
fn case_14_temperature_by_model() {
    let mut request = hi();
    request.temperature = Some(1.7);
    let (body, notes) = send(&request, OLD);
    assert_eq!(
        (member(&body, "temperature"), notes),
        ("1.0".into(), vec!["Changed temperature".to_owned()])
    );
    request.temperature = Some(0.3);
    let (body, notes) = send(&request, "claude-opus-5");
    assert_eq!(
        (member(&body, "temperature"), notes),
        ("absent".into(), vec!["Dropped temperature".to_owned()])
    );
    request.top_p = Some(0.5);
    request.top_k = Some(7);
    let (body, notes) = send(&request, OLD);
    assert_eq!(
        (
            member(&body, "temperature"),
            member(&body, "top_p"),
            member(&body, "top_k")
        ),
        ("0.3".into(), "absent".into(), "7".into())
    );
    assert_eq!(notes, ["Dropped top_p"]);
}

#[test]
fn case_15_blank_stop_texts_are_left_out() {
    let mut request = hi();
    request.stop = vec!["\n\n".into(), "END".into()];
    let (body, notes) = send(&request, OLD);
    assert_eq!(member(&body, "stop_sequences"), r#"["END"]"#);
    assert_eq!(notes, ["Dropped stop"]);
}

#[test]
fn cases_16_17_tool_choice_and_one_at_a_time() {
    let chosen = |choice, parallel| {
        let mut request = with_tool(hi());
        request.tool_choice = choice;
        request.parallel_tool_calls = parallel;
        member(&send(&request, OLD).0, "tool_choice")
    };
    assert_eq!(
        chosen(Some(ToolChoice::None), Some(false)),
        r#"{"type":"none"}"#
    );
    assert_eq!(
        chosen(None, Some(false)),
        r#"{"type":"auto","disable_parallel_tool_use":true}"#
    );
    assert_eq!(chosen(None, Some(true)), "absent");
    let named = ToolChoice::Tool { name: "f x".into() };
    let name = crate::dialect::alias::alias("f x", 128);
    assert_eq!(
        chosen(Some(named), None),
        format!(r#"{{"type":"tool","name":"{name}"}}"#)
    );
    let mut request = with_tool(hi());
    request.tool_choice = Some(ToolChoice::Required);
    let (body, notes) = send(&request, "claude-fable-5-1");
    assert_eq!(member(&body, "tool_choice"), r#"{"type":"auto"}"#);
    assert_eq!(notes, ["Changed tool_choice"]);
}

#[test]
fn case_18_only_allowed_tools_and_those_in_use() {
    let tools = |history: bool| {
        let mut messages = vec![Message::user("q")];
        if history {
            let mut y = ToolCall::new("A", "y", "{}");
            y.kind = CallKind::Function;
            messages.push(assistant(vec![Content::ToolCall(y)]));
            messages.push(tool(vec![result("A", "a")]));
        }
        let mut request = chat(messages);
        for name in ["x", "y", "z"] {
            request
                .tools
                .push(Tool::function(name, "d", Json::empty_object()));
        }
        request.tool_choice = Some(ToolChoice::Allowed {
            required: true,
            names: vec!["x".into()],
        });
        send(&request, OLD)
    };
    let (body, _) = tools(false);
    assert_eq!(
        member(&body, "tools"),
        r#"[{"name":"x","description":"d","input_schema":{"type":"object","properties":{}}}]"#
    );
    assert_eq!(member(&body, "tool_choice"), r#"{"type":"any"}"#);
    let (body, notes) = tools(true);
    assert!(body.contains(r#""name":"y","description""#) && !body.contains(r#""name":"z""#));
    assert_eq!(notes, ["Changed tools[1]", "Mapped tools[2]"]);
}

#[test]
fn cases_19_20_structured_answers() {
    let mut request = hi();
    request.response_format = Some(ResponseFormat::JsonSchema {
        name: None,
        description: None,
        schema: Json::parse(
            r#"{"type":"object","properties":{"n":{"type":"integer","minimum":0}}}"#,
        )
        .unwrap(),
        strict: Some(true),
    });
    let (body, notes) = send(&request, OLD);
    assert_eq!(
        member(&body, "output_config"),
        r#"{"format":{"type":"json_schema","schema":{"type":"object","properties":{"n":{"type":"integer","description":"minimum: 0"}},"additionalProperties":false}}}"#
    );
    assert_eq!(notes.len(), 2);
    let (body, notes) = send(&request, "claude-3-5-haiku");
    assert_eq!(
        member(&body, "tool_choice"),
        r#"{"type":"tool","name":"structured_output"}"#
    );
    assert!(member(&body, "tools").contains(r#""minimum":0"#), "{body}");
    assert!(
        notes.iter().any(|note| note == "Changed response_format"),
        "{notes:?}"
    );
    let mut thinks = request.clone();
    thinks.max_tokens = Some(5000);
    thinks.reasoning = Some(Reasoning {
        budget: Some(2000),
        ..Reasoning::default()
    });
    let (body, _) = send(&thinks, "claude-3-7-sonnet");
    assert_eq!(member(&body, "tools"), "absent");
    assert!(member(&body, "system").contains("JSON schema"));
    request.response_format = Some(ResponseFormat::JsonObject);
    let (body, notes) = send(&request, OLD);
    assert_eq!(member(&body, "output_config"), "absent");
    assert!(member(&body, "system").contains("JSON object"));
    assert_eq!(notes, ["Changed response_format"]);
}

#[test]
fn cases_21_22_media() {
    let image = |media_type: &str| {
        Content::Image(Media::new(Source::Base64 {
            media_type: media_type.into(),
            data: "AA==".into(),
        }))
    };
    let user = |part| chat(vec![Message::new(Role::User, vec![part])]);
    let jpeg =
        r#"{"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"AA=="}}"#;
    assert!(send(&user(image("image/jpg")), OLD).0.contains(jpeg));
    let error = try_send(&user(image("image/bmp")), OLD).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.param(), Some("messages[0].content[0]"));
    let file = Content::Document(Media::new(Source::File("file-1".into())));
    let error = try_send(&user(file.clone()), OLD).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let mut own = user(file);
    own.dialect = Some("anthropic");
    assert!(send(&own, OLD).0.contains(r#""file_id":"file-1""#));
    let sound = Content::Audio(Media::new(Source::Url("u".into())));
    assert_eq!(
        try_send(&user(sound), OLD).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    let text = Content::Document(Media {
        title: Some("t.txt".into()),
        ..Media::new(Source::Base64 {
            media_type: "text/plain".into(),
            data: "aGk=".into(),
        })
    });
    assert!(send(&user(text), OLD).0.contains(
        r#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"hi"},"title":"t.txt"}"#
    ));
    let request = with_tool(chat(vec![
        Message::user("q"),
        assistant(vec![call("A", "{}")]),
        tool(vec![Content::ToolResult(ToolResult::new(
            "A",
            vec![image("image/png")],
        ))]),
    ]));
    assert!(
        send(&request, OLD)
            .0
            .contains(r#""tool_use_id":"A","content":[{"type":"image","#)
    );
}

#[test]
fn case_23_ids_are_legal_equal_and_distinct() {
    let request = with_tool(chat(vec![
        Message::user("q"),
        assistant(vec![call("call:a/é", "{}"), call("call;a/é", "{}")]),
        tool(vec![result("call:a/é", "1"), result("call;a/é", "2")]),
    ]));
    let (body, _) = send(&request, OLD);
    let (a, b) = (
        crate::dialect::alias::alias("call:a/é", 64),
        crate::dialect::alias::alias("call;a/é", 64),
    );
    assert_ne!(a, b);
    for id in [a, b] {
        assert!(
            body.contains(&format!(r#""id":"{id}""#))
                && body.contains(&format!(r#""tool_use_id":"{id}""#))
        );
    }
}

#[test]
fn case_24_tools_of_the_history_are_described_but_not_offered() {
    let request = chat(vec![
        Message::user("q"),
        assistant(vec![call("A", "{}")]),
        tool(vec![result("A", "a")]),
    ]);
    let (body, notes) = send(&request, OLD);
    assert_eq!(
        member(&body, "tools"),
        r#"[{"name":"f","input_schema":{"type":"object","properties":{}}}]"#
    );
    assert_eq!(member(&body, "tool_choice"), r#"{"type":"none"}"#);
    assert_eq!(notes, ["Defaulted tools"]);
}

#[test]
fn free_text_tools_take_an_object_of_one_text() {
    let mut call = ToolCall::new("A", "patch", "*** Begin \"x\"");
    call.kind = CallKind::Custom;
    let mut request = chat(vec![
        Message::user("q"),
        assistant(vec![Content::ToolCall(call)]),
        tool(vec![result("A", "a")]),
    ]);
    let mut patch = Tool::function("patch", "d", Json::empty_object());
    patch.kind = ToolKind::Custom { format: None };
    request.tools.push(patch);
    let (body, _) = send(&request, OLD);
    assert!(body.contains(r#""input":{"content":"*** Begin \"x\""}"#));
    assert!(body.contains(r#""input_schema":{"type":"object","properties":{"content":{"type":"string"}},"required":["content"]}"#));
}

#[test]
fn cases_26_27_who_asks_and_how_often() {
    for (user, sent) in [
        ("john@x.org", "absent"),
        ("+49 (30) 123456", "absent"),
        ("u-17", r#"{"user_id":"u-17"}"#),
    ] {
        let mut request = hi();
        request.user = Some(user.into());
        assert_eq!(member(&send(&request, OLD).0, "metadata"), sent);
    }
    let mut request = hi();
    request.n = Some(2);
    let error = try_send(&request, OLD).unwrap_err();
    assert_eq!(
        (error.kind(), error.param()),
        (ErrorKind::Unsupported, Some("n"))
    );
}

#[test]
fn prefill_only_where_the_model_goes_on() {
    let request = chat(vec![
        Message::user("q"),
        assistant(vec![Content::text("{ ")]),
    ]);
    assert!(send(&request, OLD).0.contains(r#""text":"{"}"#));
    let error = try_send(&request, "claude-sonnet-4-6").unwrap_err();
    assert_eq!(error.param(), Some("messages[1]"));
}

#[test]
fn the_user_speaks_first() {
    let request = chat(vec![
        assistant(vec![Content::text("hello")]),
        Message::user("q"),
    ]);
    let (body, notes) = send(&request, OLD);
    assert!(
        member(&body, "messages")
            .starts_with(r#"[{"role":"user","content":[{"type":"text","text":"."}]}"#)
    );
    assert_eq!(notes, ["Repaired messages[0]"]);
}

#[test]
fn thinking_goes_back_only_to_its_maker() {
    let block = |origin, signature: Option<&str>| {
        Content::Thinking(Thinking {
            text: "hm".into(),
            signature: signature.map(str::to_owned),
            origin,
            ..Thinking::default()
        })
    };
    let sent = |thinking| {
        let request = chat(vec![
            Message::user("q"),
            assistant(vec![thinking, Content::text("a")]),
            Message::user("q"),
        ]);
        let (body, notes) = send(&request, OLD);
        (
            body.contains(r#"{"type":"thinking","thinking":"hm","signature":"s"}"#),
            body.contains("hm"),
            notes.len(),
        )
    };
    assert_eq!(sent(block(Some("anthropic"), Some("s"))), (true, true, 0));
    assert_eq!(sent(block(Some("anthropic"), None)), (false, false, 1));
    assert_eq!(
        sent(block(Some("openai-chat"), Some("s"))),
        (false, false, 1)
    );
}

#[test]
fn at_most_four_breakpoints_the_last_ones() {
    let marked = |text: &str| Content::Text {
        text: text.into(),
        citations: Vec::new(),
        cache: Some(CacheMarker::new(Some("24h".into()))),
    };
    let mut request = with_tool(chat(vec![
        Message::new(Role::System, vec![marked("s")]),
        Message::new(Role::User, vec![marked("a"), marked("b"), marked("c")]),
    ]));
    request.tools[0].cache = Some(CacheMarker::new(None));
    request.cache = Some(CacheMarker::new(Some("5m".into())));
    let (body, notes) = send(&request, OLD);
    assert_eq!(body.matches("cache_control").count(), 4);
    assert_eq!(
        member(&body, "cache_control"),
        r#"{"type":"ephemeral","ttl":"5m"}"#
    );
    assert_eq!(member(&body, "system"), r#"[{"type":"text","text":"s"}]"#);
    assert!(body.contains(r#""text":"c","cache_control":{"type":"ephemeral","ttl":"1h"}"#));
    assert!(notes.contains(&"Dropped cache_control".to_owned()));
}

#[test]
fn members_go_only_where_they_mean_something() {
    let text = br#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}],"novelty":{"a":1.0},
        "metadata":{"user_id":"john@x.org","x":1},"output_config":{"task_budget":7},"service_tier":"odd","stream":true}"#;
    let request = decode(text).unwrap();
    let (body, notes) = send(&request, OLD);
    assert_eq!(
        body,
        concat!(
            r#"{"model":"claude-sonnet-4-5","max_tokens":5,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"#,
            r#""output_config":{"task_budget":7},"metadata":{"user_id":"john@x.org","x":1},"service_tier":"odd","stream":true,"novelty":{"a":1.0}}"#
        )
    );
    assert!(notes.is_empty());
    let mut foreign = hi();
    foreign.extra.insert("logit_bias", Json::empty_object());
    foreign.extra.insert(
        "thinking",
        Json::parse(r#"{"type":"enabled","budget_tokens":1024}"#).unwrap(),
    );
    foreign.seed = Some(1);
    let (body, notes) = send(&foreign, OLD);
    assert_eq!(
        member(&body, "thinking"),
        r#"{"type":"enabled","budget_tokens":1024}"#
    );
    assert_eq!(notes, ["Dropped logit_bias", "Dropped seed"]);
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let request = with_tool(chat(vec![
        Message::user("q"),
        assistant(vec![call("é", r#"{"b":1,"a":2}"#)]),
        tool(vec![result("é", "a")]),
    ]));
    assert_eq!(send(&request, NEW), send(&request.clone(), NEW));
    // And a longer conversation begins with the bytes of the shorter one.
    let mut longer = request.clone();
    longer.messages.push(assistant(vec![Content::text("done")]));
    longer.messages.push(Message::user("more"));
    let (short, long) = (
        member(&send(&request, NEW).0, "messages"),
        member(&send(&longer, NEW).0, "messages"),
    );
    assert!(long.starts_with(short.strip_suffix(']').unwrap()));
}

#[test]
fn every_kind_of_block_is_read() {
    let body = br#"{"model":"m","max_tokens":9,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}],
      "messages":[{"role":"user","content":[{"type":"text","text":"q"},{"type":"image","source":{"type":"url","url":"u"}},
        {"type":"document","source":{"type":"content","content":"t"},"title":"d","citations":{"enabled":true}},{"type":"search_result","x":1}]},
      {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"tl1.openai-chat"},{"type":"redacted_thinking","data":"d"},
        {"type":"tool_use","id":"i","name":"n","input":{"a": 1.0}},{"type":"server_tool_use","id":"s"}]},
      {"role":"user","content":[{"type":"text","text":"after"},{"type":"tool_result","tool_use_id":"i","content":[{"type":"text","text":"r"},{"type":"tool_reference"}],"is_error":true}]},
      {"role":"system","content":"mid"}],
      "tools":[{"name":"n","input_schema":{"type":"object"},"strict":true,"defer_loading":true},{"type":"web_search_20250305","name":"web_search"}],
      "tool_choice":{"type":"any","disable_parallel_tool_use":true},"stop_sequences":["x"],"cache_control":{"type":"ephemeral"}}"#;
    let request = decode(body).unwrap();
    let roles: Vec<Role> = request.messages.iter().map(|m| m.role).collect();
    assert_eq!(
        roles,
        [
            Role::System,
            Role::User,
            Role::Assistant,
            Role::Tool,
            Role::User,
            Role::System
        ]
    );
    assert!(
        matches!(&request.messages[0].content[0], Content::Text { cache: Some(c), .. } if c.ttl.as_deref() == Some("1h"))
    );
    assert!(
        matches!(&request.messages[1].content[2], Content::Document(m) if m.citations && matches!(m.source, Source::Parts(_)))
    );
    assert!(matches!(
        &request.messages[1].content[3],
        Content::Other {
            dialect: "anthropic",
            ..
        }
    ));
    let said = &request.messages[2].content;
    assert!(
        matches!(&said[0], Content::Thinking(t) if t.origin == Some("openai-chat") && t.signature.is_none())
    );
    assert!(
        matches!(&said[1], Content::Thinking(t) if t.origin == Some("anthropic") && t.redacted.is_some())
    );
    assert!(matches!(&said[2], Content::ToolCall(c) if c.arguments == r#"{"a": 1.0}"#));
    assert!(matches!(&said[3], Content::Other { .. }));
    assert!(
        matches!(&request.messages[3].content[0], Content::ToolResult(r) if r.is_error && r.content.len() == 2)
    );
    assert!(request.tools[0].extra.get("defer_loading").is_some());
    assert!(matches!(request.tools[1].kind, ToolKind::Hosted { .. }));
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    assert_eq!(request.parallel_tool_calls, Some(false));
    assert!(request.cache.is_some() && request.include_usage);
}

#[test]
fn case_111_what_agents_send_is_understood() {
    let body = br#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"}],"thinking":{"type":"adaptive"},
        "output_config":{"effort":"high","format":{"type":"json_schema","schema":{"a":1}}},"context_management":{"edits":[]}}"#;
    let request = decode(body).unwrap();
    let reasoning = request.reasoning.unwrap();
    assert_eq!(
        (reasoning.effort, reasoning.enabled),
        (Some(Effort::High), Some(true))
    );
    assert!(matches!(
        request.response_format,
        Some(ResponseFormat::JsonSchema { .. })
    ));
    assert!(request.extra.get("context_management").is_some());
    assert!(request.extra.get("output_config").is_none());
}

#[test]
fn what_is_wrong_is_named() {
    for (body, param) in [
        (r#"{"model":"m","messages":[]}"#, "max_tokens"),
        (r#"{"model":"m","max_tokens":1}"#, "messages"),
        (r#"{"model":"m","max_tokens":1,"messages":[]}"#, "messages"),
        (r#"{"max_tokens":1,"messages":[]}"#, "model"),
        (
            r#"{"model":"m","max_tokens":"9","messages":[]}"#,
            "max_tokens",
        ),
        (
            r#"{"model":"m","max_tokens":1,"messages":[7]}"#,
            "messages[0]",
        ),
        (
            r#"{"model":"m","max_tokens":1,"messages":[{"content":"x"}]}"#,
            "messages[0].role",
        ),
        (
            r#"{"model":"m","max_tokens":1,"messages":[{"role":"tool","content":"x"}]}"#,
            "messages[0].role",
        ),
        (
            r#"{"model":"m","max_tokens":1,"messages":[{"role":"user"}]}"#,
            "messages[0].content",
        ),
        (
            r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":5}]}"#,
            "messages[0].content",
        ),
        (
            r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text"}]}]}"#,
            "messages[0].content[0].text",
        ),
        (
            r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url"}}]}]}"#,
            "messages[0].content[0].source.url",
        ),
        (
            r#"{"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"b","input":"x"}]}]}"#,
            "messages[0].content[0].input",
        ),
        (
            r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"tool_choice":{"type":"x"}}"#,
            "tool_choice.type",
        ),
    ] {
        let error = decode(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert_eq!(error.param(), Some(param), "{body}");
    }
}
