//! The dialect's own words, and mapping cases between it and the others, by their numbers.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::*;
use crate::{
    chat::{ChatEvent, Collector, Content, EventSink},
    dialect::{
        Asked, FrameError, Front, Quirks, anthropic::Anthropic, gemini::Gemini,
        openai_chat::OpenAiChat,
    },
    error::{ErrorKind, Scope},
    operation::Operation,
    wire::Frame,
};

const ASKED: Asked<'static> = Asked::new("m", true, 7);
const SONNET: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA: &str = "us.amazon.nova-lite-v1:0";
const LLAMA: &str = "us.meta.llama4-maverick-17b-instruct-v1:0";

/// A request of a caller of `front`, as it is written for `model`, and where something was lost.
fn written(front: &dyn Front, model: &str, body: &str) -> (Value, Vec<String>) {
    let chat = front.decode_request(body.as_bytes()).unwrap();
    let (target, mut report) = (Target::new(model, &Quirks::NONE), Fidelity::new());
    let bytes = Converse
        .encode_request(&chat, &target, &mut report)
        .unwrap();
    let again = Converse.encode_request(&chat, &target, &mut Fidelity::new());
    assert_eq!(
        bytes,
        again.unwrap(),
        "the same request gives the same bytes"
    );
    let notes = report.notes().iter();
    let notes = notes.map(|note| format!("{} {}", note.loss.as_str(), note.path));
    (serde_json::from_slice(&bytes).unwrap(), notes.collect())
}

fn refused(front: &dyn Front, model: &str, body: &str) -> Error {
    let chat = front.decode_request(body.as_bytes()).unwrap();
    Converse
        .encode_request(
            &chat,
            &Target::new(model, &Quirks::NONE),
            &mut Fidelity::new(),
        )
        .unwrap_err()
}

fn openai(model: &str, messages: &str, rest: &str) -> (Value, Vec<String>) {
    let body = format!(r#"{{"model":"m","messages":[{messages}]{rest}}}"#);
    written(&OpenAiChat, model, &body)
}

fn anthropic(model: &str, messages: &str, rest: &str) -> (Value, Vec<String>) {
    let body = format!(r#"{{"model":"m","max_tokens":99,"messages":[{messages}]{rest}}}"#);
    written(&Anthropic, model, &body)
}

const HI: &str = r#"{"role":"user","content":"hi"}"#;
const TOOL: &str = r#""tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}]"#;

/// What a stream of these events becomes for a caller of `front`.
fn streamed(front: &dyn Front, events: &[(&str, &str)]) -> Result<String, FrameError> {
    let (mut decoder, mut sink) = (Converse.decoder(), EventSink::new());
    for (name, payload) in events {
        decoder.decode(&Frame::new(Some(name), payload.to_string()), &mut sink)?;
    }
    sink.end();
    let (mut encoder, mut out) = (front.encoder(&ASKED), VecDeque::new());
    while let Some(event) = sink.next_event() {
        encoder.encode(event, &mut out);
    }
    let text = out.iter().map(|frame| String::from_utf8_lossy(frame.raw()));
    Ok(text.collect())
}

fn gathered(events: &[(&str, &str)]) -> ChatResponse {
    let (mut decoder, mut sink) = (Converse.decoder(), EventSink::new());
    for (name, payload) in events {
        let frame = Frame::new(Some(name), payload.to_string());
        decoder.decode(&frame, &mut sink).unwrap();
    }
    sink.end();
    let mut collector = Collector::new();
    while let Some(event) = sink.next_event() {
        collector.push(event);
    }
    collector.finish()
}

fn whole(front: &dyn Front, body: &str) -> Value {
    let answer = Converse.decode_response(body.as_bytes()).unwrap();
    serde_json::from_slice(&front.encode_response(&answer, &ASKED)).unwrap()
}

fn answer(content: &str, stop: &str, usage: &str) -> String {
    format!(
        r#"{{"output":{{"message":{{"role":"assistant","content":[{content}]}}}},"stopReason":"{stop}","usage":{usage}}}"#
    )
}

#[test]
fn models_are_one_segment_of_the_path() {
    let path = |model, stream| {
        Converse
            .path(&Call::new(&Operation::Chat, model, stream))
            .into_owned()
    };
    // Mapping cases E62 and E65.
    assert_eq!(
        path("anthropic.claude-v2:1", false),
        "/model/anthropic.claude-v2%3A1/converse"
    );
    assert_eq!(
        path(
            "arn:aws:bedrock:r:1:application-inference-profile/abc",
            true
        ),
        "/model/arn%3Aaws%3Abedrock%3Ar%3A1%3Aapplication-inference-profile%2Fabc/converse-stream"
    );
    assert_eq!(path("../x?y", false), "/model/..%2Fx%3Fy/converse");
}

#[test]
fn names_and_ids_of_tools_are_legal() {
    // Mapping case E47.
    for name in ["mcp/a.b", "", "naïve", &"x".repeat(65)] {
        let alias = Converse.tool_name(name).into_owned();
        let legal = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        assert!(alias.len() <= 64 && alias.chars().all(legal), "{alias}");
    }
    assert_ne!(Converse.tool_name("a/b"), Converse.tool_name("a.b"));
    // Mapping cases E48 and E64: Kimi's ids stay, but not twice in a conversation.
    let call = |id: &str| {
        format!(
            r#"{{"role":"assistant","tool_calls":[{{"id":"{id}","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}]}},{{"role":"tool","tool_call_id":"{id}","content":"r"}}"#
        )
    };
    let long = "é/".repeat(45);
    let messages = [
        HI,
        &call("functions.f:0"),
        &call("functions.f:0"),
        &call(&long),
    ]
    .join(",");
    let (body, _) = openai(SONNET, &messages, "");
    let ids: Vec<(Value, Value)> = (0..3)
        .map(|i| {
            (
                body["messages"][1 + 2 * i]["content"][0]["toolUse"]["toolUseId"].clone(),
                body["messages"][2 + 2 * i]["content"][0]["toolResult"]["toolUseId"].clone(),
            )
        })
        .collect();
    assert_eq!(ids[0].0, "functions.f:0");
    assert_ne!(ids[0].0, ids[1].0);
    for (call, result) in ids {
        assert_eq!(call, result);
        let legal = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
        let call = call.as_str().unwrap().to_owned();
        assert!(call.len() <= 64 && call.chars().all(legal), "{call}");
    }
}

#[test]
fn e14_e15_arguments_are_an_object() {
    for (arguments, want) in [
        (r#""#, json!({})),
        (r#"{\"a\":"#, json!({"_raw": "{\"a\":"})),
        (r#"[1]"#, json!({"_raw": "[1]"})),
        (
            r#"{\"a\":1}{\"a\":2}"#,
            json!({"_raw": "{\"a\":1}{\"a\":2}"}),
        ),
    ] {
        let call = format!(
            r#"{HI},{{"role":"assistant","tool_calls":[{{"id":"c","type":"function","function":{{"name":"f","arguments":"{arguments}"}}}}]}},{{"role":"tool","tool_call_id":"c","content":"r"}}"#
        );
        let (body, _) = openai(SONNET, &call, "");
        assert_eq!(body["messages"][1]["content"][0]["toolUse"]["input"], want);
    }
}

#[test]
fn e21_e22_images_come_by_bytes_or_from_a_bucket() {
    let image = |url: &str| {
        format!(
            r#"{{"role":"user","content":[{{"type":"text","text":"look"}},{{"type":"image_url","image_url":{{"url":"{url}"}}}}]}}"#
        )
    };
    let (body, notes) = openai(SONNET, &image("data:image/jpg;base64,AA=="), "");
    assert_eq!(
        body["messages"][0]["content"][1],
        json!({"image": {"format": "jpeg", "source": {"bytes": "AA=="}}})
    );
    assert!(notes.is_empty());
    let (body, _) = openai(NOVA, &image("s3://b/k.JPG"), "");
    assert_eq!(
        body["messages"][0]["content"][1],
        json!({"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://b/k.JPG"}}}})
    );
    for (model, url) in [
        (SONNET, "s3://b/k.jpg"),
        (NOVA, "https://h/x.png"),
        (NOVA, "data:image/bmp;base64,AA=="),
    ] {
        let body = format!(r#"{{"model":"m","messages":[{}]}}"#, image(url));
        let error = refused(&OpenAiChat, model, &body);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(error.param(), Some("messages[0].content[1]"));
    }
}

#[test]
fn results_of_a_search_are_told_to_those_who_cite() {
    let message = r#"{"role":"user","content":[{"type":"search_result","source":"https://h","title":"t","content":[{"type":"text","text":"w"}],"citations":{"enabled":true}},{"type":"text","text":"go"}]}"#;
    let (body, notes) = anthropic(SONNET, message, "");
    assert_eq!(
        body["messages"][0]["content"][0],
        json!({"searchResult": {"source": "https://h", "title": "t", "content": [{"text": "w"}], "citations": {"enabled": true}}})
    );
    assert!(notes.is_empty());
    let (body, notes) = anthropic(NOVA, message, "");
    assert_eq!(body["messages"][0]["content"], json!([{"text": "go"}]));
    assert_eq!(notes, ["dropped messages[0].content[0]"]);
}

#[test]
fn videos_go_to_those_who_see_them() {
    let message = r#"{"role":"user","content":[{"type":"text","text":"look"},{"type":"video_url","video_url":{"url":"data:video/mp4;base64,AA=="}}]}"#;
    let (body, _) = openai(NOVA, message, "");
    assert_eq!(
        body["messages"][0]["content"][1],
        json!({"video": {"format": "mp4", "source": {"bytes": "AA=="}}})
    );
    let body = format!(r#"{{"model":"m","messages":[{message}]}}"#);
    assert_eq!(
        refused(&OpenAiChat, SONNET, &body).kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn e24_e39_e40_turns_alternate() {
    let user = |text: &str| json!({"role": "user", "content": [{"text": text}]});
    let (body, notes) = openai(SONNET, r#"{"role":"system","content":"be brief"}"#, "");
    assert_eq!(body["system"], json!([{"text": "be brief"}]));
    assert_eq!(body["messages"], json!([user(".")]));
    assert_eq!(notes, ["repaired messages[1]"]);
    let (body, _) = openai(SONNET, &format!("{HI},{HI}"), "");
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": [{"text": "hi"}, {"text": "hi"}]}])
    );
    let leading = format!(r#"{{"role":"assistant","content":"yo"}},{HI}"#);
    assert_eq!(
        openai(SONNET, &leading, "").0["messages"][0]["role"],
        "assistant"
    );
    let (body, notes) = openai(NOVA, &leading, "");
    assert_eq!(body["messages"][0], user("."));
    assert_eq!(notes, ["repaired messages[0]"]);
    // Some know no system prompt, and later on nobody does.
    let (body, _) = openai(
        "amazon.titan-text-lite-v1",
        &format!(r#"{{"role":"system","content":"s"}},{HI}"#),
        "",
    );
    assert_eq!(body.get("system"), None);
    assert_eq!(body["messages"][0]["content"][0], json!({"text": "s"}));
    let (body, notes) = openai(
        NOVA,
        &format!(r#"{HI},{{"role":"system","content":"s"}}"#),
        "",
    );
    assert_eq!(
        body["messages"][0]["content"][1]["text"],
        "<system-reminder>s</system-reminder>"
    );
    assert_eq!(notes, ["approximated messages[1]"]);
}

#[test]
fn e41_e42_results_stand_apart_where_they_must() {
    let messages = |rest: &str| {
        format!(
            r#"{HI},{{"role":"assistant","content":[{{"type":"tool_use","id":"c","name":"f","input":{{}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"c","content":"r"}},{rest}]}}"#
        )
    };
    let text = messages(r#"{"type":"text","text":"and?"}"#);
    let document = messages(
        r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA=="}}"#,
    );
    let kinds = |body: &Value| -> Vec<Vec<String>> {
        let turns = body["messages"].as_array().unwrap().iter();
        turns
            .map(|turn| {
                let blocks = turn["content"].as_array().unwrap().iter();
                blocks
                    .flat_map(|block| block.as_object().unwrap().keys().cloned())
                    .collect()
            })
            .collect()
    };
    let rest = format!(",{TOOL}");
    assert_eq!(
        kinds(&anthropic(SONNET, &text, &rest).0)[2],
        ["toolResult", "text"]
    );
    let (body, notes) = anthropic(LLAMA, &text, &rest);
    assert_eq!(
        kinds(&body)[2..],
        [vec!["toolResult"], vec!["text"], vec!["text"]]
    );
    assert_eq!(
        body["messages"][3],
        json!({"role": "assistant", "content": [{"text": "."}]})
    );
    assert_eq!(notes, ["repaired messages"]);
    // A document wants words beside it.
    let (body, _) = anthropic(SONNET, &document, &rest);
    assert_eq!(
        kinds(&body)[2..],
        [vec!["toolResult"], vec!["text"], vec!["text", "document"]]
    );
    assert_eq!(body["messages"][4]["content"][0]["text"], ".");
}

#[test]
fn files_inside_results_go_where_the_model_takes_them() {
    let result = |inner: &str| {
        format!(
            r#"{HI},{{"role":"assistant","content":[{{"type":"tool_use","id":"c","name":"f","input":{{}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"c","is_error":true,"content":[{inner}]}}]}}"#
        )
    };
    let image = result(
        r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}"#,
    );
    let pdf = result(
        r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA=="}}"#,
    );
    let rest = format!(",{TOOL}");
    let inside = |model: &str, messages: &str| {
        let (body, _) = anthropic(model, messages, &rest);
        let result = body["messages"][2]["content"][0]["toolResult"].clone();
        let kind = result["content"][0]
            .as_object()
            .unwrap()
            .keys()
            .next()
            .cloned();
        (kind.unwrap(), result["status"].clone())
    };
    let palmyra = "us.writer.palmyra-x4-v1:0";
    for (model, messages, want) in [
        (SONNET, &image, "image"),
        (SONNET, &pdf, "document"),
        (NOVA, &image, "image"),
        (NOVA, &pdf, "text"),
        (LLAMA, &pdf, "document"),
        ("us.mistral.pixtral-large-2502-v1:0", &image, "text"),
        ("qwen.qwen3-32b-v1:0", &image, "text"),
        (palmyra, &image, "text"),
    ] {
        let (kind, status) = inside(model, messages);
        assert_eq!(kind, want, "{model}");
        let told = if model == palmyra {
            Value::Null
        } else {
            json!("error")
        };
        assert_eq!(status, told, "{model}");
    }
    let (body, notes) = anthropic(NOVA, &pdf, &rest);
    assert!(
        body["messages"][2]["content"][2]["document"].is_object(),
        "{body}"
    );
    assert_eq!(notes[0], "approximated messages[2].content[0]");
}

#[test]
fn e43_e44_e45_e46_what_is_blank_is_mended() {
    let messages = format!(
        r#"{HI},{{"role":"assistant","content":" ","tool_calls":[{{"id":"c","type":"function","function":{{"name":"f","arguments":""}}}}]}},{{"role":"tool","tool_call_id":"c","content":""}}"#
    );
    let (body, notes) = openai(SONNET, &messages, "");
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"toolUse": {"toolUseId": "c", "name": "f", "input": {}}}])
    );
    assert_eq!(
        body["messages"][2]["content"][0]["toolResult"]["content"],
        json!([{"text": "."}])
    );
    assert_eq!(
        body["toolConfig"]["tools"],
        json!([{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object", "properties": {}}}}}])
    );
    assert!(notes.contains(&"defaulted tools".to_owned()), "{notes:?}");
    let prefill = format!(r#"{HI},{{"role":"assistant","content":"Answer: "}}"#);
    let (body, _) = anthropic(SONNET, &prefill, "");
    assert_eq!(body["messages"][1]["content"][0]["text"], "Answer:");
    let newer = format!(r#"{{"model":"m","max_tokens":9,"messages":[{prefill}]}}"#);
    assert_eq!(
        refused(&Anthropic, "us.anthropic.claude-opus-4-8", &newer).param(),
        Some("messages[1]")
    );
    let (body, _) = openai(
        SONNET,
        HI,
        r#","tools":[{"type":"function","function":{"name":"f","description":""}}]"#,
    );
    assert_eq!(
        body["toolConfig"]["tools"][0]["toolSpec"]["description"],
        "f"
    );
}

#[test]
fn tool_choice_in_all_its_forms() {
    let tools = r#","tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]"#;
    let tool = r#"{"type":"function","function":{"name":"f"}}"#;
    let allowed = r#"{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"g"}}]}}"#;
    let names = |body: &Value| -> Vec<String> {
        let tools = body["toolConfig"]["tools"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        tools
            .iter()
            .map(|tool| tool["toolSpec"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    for (model, asked, choice, offered, exact) in [
        (SONNET, r#""auto""#, json!({"auto": {}}), "fg", true),
        (SONNET, r#""required""#, json!({"any": {}}), "fg", true),
        (SONNET, tool, json!({"tool": {"name": "f"}}), "fg", true),
        (SONNET, allowed, json!({"any": {}}), "g", true),
        (SONNET, r#""none""#, Value::Null, "", false),
        (LLAMA, r#""required""#, json!({"auto": {}}), "fg", false),
        (LLAMA, tool, json!({"auto": {}}), "f", false),
    ] {
        let (body, notes) = openai(model, HI, &format!(r#"{tools},"tool_choice":{asked}"#));
        assert_eq!(body["toolConfig"]["toolChoice"], choice, "{model} {asked}");
        assert_eq!(names(&body).concat(), offered, "{model} {asked}");
        let told = notes.iter().all(|note| note.starts_with("mapped"));
        assert_eq!(told, exact, "{model} {asked} {notes:?}");
    }
    // With calls in the history the tools have to stay.
    let called = format!(
        r#"{HI},{{"role":"assistant","tool_calls":[{{"id":"c","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}]}},{{"role":"tool","tool_call_id":"c","content":"r"}}"#
    );
    let (body, notes) = openai(SONNET, &called, &format!(r#"{tools},"tool_choice":"none""#));
    assert_eq!(body["toolConfig"]["toolChoice"], json!({"auto": {}}));
    assert_eq!(notes, ["approximated tool_choice"]);
    let (body, _) = openai(
        SONNET,
        HI,
        &format!(r#"{tools},"parallel_tool_calls":false"#),
    );
    assert_eq!(
        body["additionalModelRequestFields"]["tool_choice"],
        json!({"type": "auto", "disable_parallel_tool_use": true})
    );
    let (_, notes) = openai(NOVA, HI, &format!(r#"{tools},"parallel_tool_calls":false"#));
    assert_eq!(notes, ["dropped parallel_tool_calls"]);
}

#[test]
fn cache_breakpoints_are_blocks_where_the_vendor_takes_them() {
    let mark = r#""cache_control":{"type":"ephemeral","ttl":"1h"}"#;
    let plain = r#""cache_control":{"type":"ephemeral"}"#;
    let messages = format!(
        r#"{{"role":"user","content":[{{"type":"text","text":"a",{mark}}},{{"type":"document","source":{{"type":"text","media_type":"text/plain","data":"d"}},"title":"d.txt",{plain}}},{{"type":"text","text":"b"}}]}},{{"role":"assistant","content":"yo"}},{{"role":"user","content":[{{"type":"document","source":{{"type":"text","media_type":"text/plain","data":"d"}},"title":"d.txt",{plain}}},{{"type":"text","text":"c"}}]}}"#
    );
    let rest = format!(
        r#","system":[{{"type":"text","text":"s",{plain}}}],"tools":[{{"name":"f","input_schema":{{"type":"object"}},{plain}}}]"#
    );
    let (body, notes) = anthropic(SONNET, &messages, &rest);
    let point = json!({"cachePoint": {"type": "default"}});
    assert_eq!(body["system"][1], point);
    assert_eq!(body["toolConfig"]["tools"][1], point);
    assert_eq!(
        body["messages"][0]["content"][1],
        json!({"cachePoint": {"type": "default", "ttl": "1h"}})
    );
    // Behind the document there is none, and before it there is one already.
    assert!(body["messages"][0]["content"][2]["document"].is_object());
    assert_eq!(body["messages"][0]["content"][3], json!({"text": "b"}));
    assert_eq!(notes, ["dropped cache_control", "dropped cache_control"]);
    assert_eq!(
        body["messages"][2]["content"][0]["document"]["name"], "d (2)",
        "each name once"
    );

    let (body, notes) = anthropic(NOVA, &messages, &rest);
    assert_eq!(
        body["messages"][0]["content"][1], point,
        "Nova keeps for 5m"
    );
    assert_eq!(body["toolConfig"]["tools"].as_array().unwrap().len(), 1);
    assert!(notes.contains(&"dropped tools[0].cache_control".to_owned()));
    let (body, _) = anthropic(LLAMA, &messages, &rest);
    assert!(!body.to_string().contains("cachePoint"));

    let five = format!(r#"{{"type":"text","text":"a",{plain}}}"#);
    let five = [five.as_str(); 6].join(",");
    let (body, notes) = anthropic(
        SONNET,
        &format!(r#"{{"role":"user","content":[{five}]}}"#),
        "",
    );
    assert_eq!(body.to_string().matches("cachePoint").count(), 4);
    assert_eq!(notes, ["dropped cache_control"]);
    let (body, _) = anthropic(SONNET, HI, &format!(",{plain}"));
    assert_eq!(body["messages"][0]["content"][1], point);
}

#[test]
fn reasoning_of_claude_is_at_home_at_anthropic_and_here() {
    let messages = |block: &str| {
        format!(
            r#"{HI},{{"role":"assistant","content":[{block},{{"type":"text","text":"yo"}}]}},{HI}"#
        )
    };
    let signed = messages(r#"{"type":"thinking","thinking":"hm","signature":"sig"}"#);
    let (body, notes) = anthropic(SONNET, &signed, "");
    assert_eq!(
        body["messages"][1]["content"][0],
        json!({"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}})
    );
    assert!(notes.is_empty());
    let (body, _) = anthropic(
        SONNET,
        &messages(r#"{"type":"redacted_thinking","data":"Eu8ECkgIBRABGAIiQL8S"}"#),
        "",
    );
    // Mapping case E52, the way there.
    assert_eq!(
        body["messages"][1]["content"][0],
        json!({"reasoningContent": {"redactedContent": "RXU4RUNrZ0lCUkFCR0FJaVFMOFM="}})
    );
    // To others, and of others, nothing goes.
    for (model, messages) in [
        (NOVA, signed),
        (
            SONNET,
            messages(r#"{"type":"thinking","thinking":"hm","signature":"tl1.gemini.x"}"#),
        ),
        (
            SONNET,
            messages(r#"{"type":"thinking","thinking":"hm","signature":"tl1.bedrock-converse"}"#),
        ),
    ] {
        let (body, notes) = anthropic(model, &messages, "");
        assert_eq!(
            body["messages"][1]["content"],
            json!([{"text": "yo"}]),
            "{model}"
        );
        assert_eq!(notes, ["dropped messages[1].content[0]"]);
    }
    // What comes from here is known for what it is.
    let block = |inner: &str| {
        answer(
            &format!(r#"{{"reasoningContent":{inner}}}"#),
            "end_turn",
            "{}",
        )
    };
    let thinking = |body: String| match Converse
        .decode_response(body.as_bytes())
        .unwrap()
        .content
        .remove(0)
    {
        Content::Thinking(thinking) => thinking,
        other => panic!("{other:?}"),
    };
    let read = thinking(block(
        r#"{"reasoningText":{"text":"hm","signature":"sig"}}"#,
    ));
    assert_eq!(
        (read.origin, read.signature.as_deref()),
        (Some("anthropic"), Some("sig"))
    );
    let read = thinking(block(r#"{"reasoningText":{"text":"hm"}}"#));
    assert_eq!(
        (read.origin, read.signature),
        (Some("bedrock-converse"), None)
    );
    let read = thinking(block(
        r#"{"redactedContent":"RXU4RUNrZ0lCUkFCR0FJaVFMOFM="}"#,
    ));
    assert_eq!(read.redacted.as_deref(), Some("Eu8ECkgIBRABGAIiQL8S"));
}

#[test]
fn e59_families_think_in_their_own_words() {
    let fields = |model: &str, effort: &str| {
        let (body, notes) = openai(model, HI, &format!(r#","reasoning_effort":"{effort}""#));
        (body["additionalModelRequestFields"].clone(), notes)
    };
    for (model, effort, want, exact) in [
        (
            SONNET,
            "low",
            json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}),
            true,
        ),
        (
            "us.anthropic.claude-sonnet-4-6",
            "high",
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
            true,
        ),
        (
            "openai.gpt-oss-120b-1:0",
            "medium",
            json!({"reasoning_effort": "medium"}),
            true,
        ),
        (
            "openai.gpt-oss-120b-1:0",
            "none",
            json!({"reasoning_effort": "low"}),
            false,
        ),
        (
            "qwen.qwen3-32b-v1:0",
            "high",
            json!({"reasoning_config": "high"}),
            true,
        ),
        (
            "us.amazon.nova-2-lite-v1:0",
            "low",
            json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
            true,
        ),
        ("us.amazon.nova-2-lite-v1:0", "none", Value::Null, true),
        (NOVA, "low", Value::Null, false),
    ] {
        let (found, notes) = fields(model, effort);
        assert_eq!(found, want, "{model} {effort}");
        assert_eq!(notes.is_empty(), exact, "{model} {effort} {notes:?}");
    }
    let rest = format!(
        r#",{TOOL},"tool_choice":{{"type":"any"}},"thinking":{{"type":"enabled","budget_tokens":1024}},"temperature":0.5,"top_p":0.9,"top_k":5"#
    );
    let body = format!(r#"{{"model":"m","max_tokens":2048,"messages":[{HI}]{rest}}}"#);
    let (body, notes) = written(&Anthropic, SONNET, &body);
    assert_eq!(body["toolConfig"]["toolChoice"], json!({"auto": {}}));
    assert_eq!(body["inferenceConfig"], json!({"maxTokens": 2048}));
    assert_eq!(
        notes,
        [
            "approximated tool_choice",
            "dropped temperature",
            "dropped top_p",
            "dropped top_k"
        ]
    );
}

#[test]
fn e58_settings() {
    let (body, notes) = openai(
        NOVA,
        HI,
        r#","temperature":1.7,"top_p":0.5,"top_k":3,"max_tokens":7,"stop":["a"," "]"#,
    );
    assert_eq!(
        body["inferenceConfig"],
        json!({"maxTokens": 7, "temperature": 1.0, "topP": 0.5, "stopSequences": ["a"]})
    );
    assert_eq!(
        body["additionalModelRequestFields"],
        json!({"inferenceConfig": {"topK": 3}})
    );
    assert_eq!(notes, ["approximated temperature", "dropped stop"]);
    let (body, _) = anthropic(SONNET, HI, r#","top_k":3,"stop_sequences":["a"]"#);
    assert_eq!(body["additionalModelRequestFields"], json!({"top_k": 3}));
    assert_eq!(
        body["additionalModelResponseFieldPaths"],
        json!(["/stop_sequence"])
    );
    let (body, notes) = openai(
        LLAMA,
        HI,
        r#","top_k":3,"seed":1,"frequency_penalty":1,"presence_penalty":1,"logprobs":true,"top_logprobs":2,"prompt_cache_key":"k","logit_bias":{"1":2},"max_tokens":0,"metadata":{"a":"b","c":"{"},"user":"u-1","service_tier":"flex","guardrailConfig":{"guardrailIdentifier":"g","guardrailVersion":"1"}"#,
    );
    assert_eq!(body["requestMetadata"], json!({"user_id": "u-1", "a": "b"}));
    assert_eq!(body["serviceTier"], json!({"type": "flex"}));
    assert_eq!(body["guardrailConfig"]["guardrailIdentifier"], "g");
    assert_eq!(
        notes,
        [
            "dropped max_tokens",
            "dropped top_k",
            "dropped metadata.c",
            "dropped logit_bias",
            "dropped frequency_penalty",
            "dropped presence_penalty",
            "dropped seed",
            "dropped logprobs",
            "dropped top_logprobs",
            "dropped prompt_cache_key"
        ]
    );
    let two = format!(r#"{{"model":"m","n":2,"messages":[{HI}]}}"#);
    assert_eq!(refused(&OpenAiChat, NOVA, &two).param(), Some("n"));
    // Whoever says it in the vendor's words is believed.
    let (body, _) = openai(
        SONNET,
        HI,
        r#","top_k":3,"additionalModelRequestFields":{"top_k":4,"x":1}"#,
    );
    assert_eq!(
        body["additionalModelRequestFields"],
        json!({"top_k": 4, "x": 1})
    );
}

#[test]
fn shapes_of_answers() {
    let format = r#","response_format":{"type":"json_schema","json_schema":{"name":"a b","schema":{"type":"object","properties":{"n":{"type":"integer","minimum":1}}},"strict":true}}"#;
    let (body, notes) = openai(SONNET, HI, format);
    let inner = &body["outputConfig"]["textFormat"]["structure"]["jsonSchema"];
    let schema: Value = serde_json::from_str(inner["schema"].as_str().unwrap()).unwrap();
    assert_eq!(
        schema,
        json!({"type": "object", "properties": {"n": {"type": "integer", "description": "minimum: 1"}}, "additionalProperties": false})
    );
    assert_eq!(notes.len(), 2);
    let (body, notes) = openai(NOVA, HI, format);
    // Where no schema is enforced, a tool stands for it; words, where none can be forced.
    assert_eq!(body.get("outputConfig"), None);
    assert_eq!(
        body["toolConfig"]["toolChoice"],
        json!({"tool": {"name": "structured_output"}})
    );
    assert_eq!(notes, ["approximated response_format"]);
    for (model, place) in [
        (LLAMA, "/system/0/text"),
        (
            "mistral.mistral-7b-instruct-v0:2",
            "/messages/0/content/1/text",
        ),
    ] {
        let (body, notes) = openai(model, HI, format);
        let words = body.pointer(place).and_then(Value::as_str);
        assert!(words.unwrap().contains("JSON schema"), "{body}");
        assert_eq!(notes, ["approximated response_format"]);
    }
    let (_, notes) = openai(SONNET, HI, r#","response_format":{"type":"json_object"}"#);
    assert_eq!(notes, ["approximated response_format"]);
    let strict = r#","tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{},"additionalProperties":false}}}]"#;
    assert_eq!(
        openai(SONNET, HI, strict).0["toolConfig"]["tools"][0]["toolSpec"]["strict"],
        true
    );
    assert_eq!(openai(LLAMA, HI, strict).1, ["dropped tools[0].strict"]);
}

#[test]
fn a_longer_conversation_begins_as_the_shorter_one() {
    let write = |messages: &str| {
        let body = format!(r#"{{"model":"m","messages":[{messages}]}}"#);
        let chat = OpenAiChat.decode_request(body.as_bytes()).unwrap();
        let target = Target::new(SONNET, &Quirks::NONE);
        let bytes = Converse.encode_request(&chat, &target, &mut Fidelity::new());
        String::from_utf8(bytes.unwrap().to_vec()).unwrap()
    };
    let said = format!(
        r#"{{"role":"system","content":"s"}},{HI},{{"role":"assistant","content":"yo"}},{HI}"#
    );
    let (before, after) = (
        write(&said),
        write(&format!(
            r#"{said},{{"role":"assistant","content":"x"}},{{"role":"system","content":"t"}},{HI}"#
        )),
    );
    let kept = before.trim_end_matches(['}', ']']);
    assert!(
        kept.ends_with(r#""hi""#) && after.starts_with(kept),
        "{before}\n{after}"
    );
}

#[test]
fn e49_usage_counts_caches_apart() {
    let written = r#"{"inputTokens":2,"outputTokens":5,"totalTokens":1329,"cacheReadInputTokens":0,"cacheWriteInputTokens":1322,"cacheDetails":[{"ttl":"1h","inputTokens":1300},{"ttl":"5m","inputTokens":22}]}"#;
    let body = answer(r#"{"text":"hi"}"#, "end_turn", written);
    let usage = &whole(&OpenAiChat, &body)["usage"];
    assert_eq!(
        (
            &usage["prompt_tokens"],
            &usage["completion_tokens"],
            &usage["total_tokens"]
        ),
        (&json!(1324), &json!(5), &json!(1329))
    );
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 0);
    let usage = &whole(&Anthropic, &body)["usage"];
    assert_eq!(usage["input_tokens"], 2);
    assert_eq!(usage["cache_creation_input_tokens"], 1322);
    assert_eq!(usage["cache_creation"]["ephemeral_1h_input_tokens"], 1300);
    let read = Converse.usage(body.as_bytes()).unwrap();
    assert_eq!((read.total(), read.reasoning), (Some(1329), None));
    let bare = answer(
        r#"{"text":"hi"}"#,
        "end_turn",
        r#"{"inputTokens":1,"outputTokens":1,"totalTokens":2}"#,
    );
    assert_eq!(Converse.usage(bare.as_bytes()).unwrap().cache_read, None);
}

#[test]
fn why_answers_end() {
    let text = r#"{"text":"hi"}"#;
    for (word, openai, anthropic, gemini) in [
        ("end_turn", "stop", "end_turn", "STOP"),
        ("tool_use", "stop", "end_turn", "STOP"),
        ("max_tokens", "length", "max_tokens", "MAX_TOKENS"),
        ("stop_sequence", "stop", "stop_sequence", "STOP"),
        (
            "guardrail_intervened",
            "content_filter",
            "refusal",
            "SAFETY",
        ),
        ("content_filtered", "content_filter", "refusal", "SAFETY"),
        (
            "model_context_window_exceeded",
            "length",
            "model_context_window_exceeded",
            "MAX_TOKENS",
        ),
        ("malformed_tool_use", "stop", "end_turn", "STOP"),
    ] {
        let body = answer(text, word, "{}");
        assert_eq!(
            whole(&OpenAiChat, &body)["choices"][0]["finish_reason"],
            openai,
            "{word}"
        );
        assert_eq!(whole(&Anthropic, &body)["stop_reason"], anthropic, "{word}");
        assert_eq!(
            whole(&Gemini, &body)["candidates"][0]["finishReason"],
            gemini,
            "{word}"
        );
    }
    let silent = answer("", "malformed_model_output", "{}");
    let error = Converse.decode_response(silent.as_bytes()).unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Server, Some("malformed_model_output"))
    );
    let hit = r#"{"output":{"message":{"content":[{"text":"hi"}]}},"stopReason":"stop_sequence","additionalModelResponseFields":{"stop_sequence":"|"}}"#;
    assert_eq!(whole(&Anthropic, hit)["stop_sequence"], "|");
}

#[test]
fn e56_reasoning_without_a_text_is_an_answer() {
    let body = answer(
        r#"{"reasoningContent":{"reasoningText":{"text":"hm"}}}"#,
        "end_turn",
        "{}",
    );
    let message = &whole(&OpenAiChat, &body)["choices"][0];
    assert_eq!(message["message"]["reasoning_content"], "hm");
    assert_eq!(message["finish_reason"], "stop");
    let events = [
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        ("messageStop", r#"{"stopReason":"end_turn"}"#),
    ];
    // A caller brings it back marked, and it goes nowhere else.
    let told = streamed(&Anthropic, &events).unwrap();
    assert!(
        told.contains(r#""signature":"tl1.bedrock-converse""#),
        "{told}"
    );
}

#[test]
fn sources_and_tools_of_the_vendor_are_kept() {
    let body = answer(
        r#"{"toolUse":{"input":{"query":"q"},"name":"nova_grounding","toolUseId":"t","type":"server_tool_use"}},{"toolResult":{"content":[{"text":"h"}],"status":"success","toolUseId":"t"}},{"text":"It is 4."},{"citationsContent":{"citations":[{"location":{"web":{"domain":"d","url":"https://d/x"}}}]}},{"image":{"format":"png","source":{"bytes":"AA=="}}}"#,
        "end_turn",
        "{}",
    );
    let read = Converse.decode_response(body.as_bytes()).unwrap();
    assert!(!read.calls_tools());
    let told = &whole(&OpenAiChat, &body)["choices"][0]["message"];
    assert_eq!(told["annotations"][0]["url_citation"]["url"], "https://d/x");
    assert!(
        told["images"][0]["image_url"]["url"]
            .as_str()
            .unwrap()
            .starts_with("data:image/png")
    );
    let events = [
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":0,"start":{"toolUse":{"name":"nova_grounding","toolUseId":"t","type":"server_tool_use"}}}"#,
        ),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"query\":\"q\"}"}}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":1,"start":{"toolResult":{"status":"success","toolUseId":"t"}}}"#,
        ),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":1,"delta":{"toolResult":[{"text":"h"}]}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":2,"delta":{"text":"It is 4."}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":2}"#),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":3,"delta":{"citation":{"location":{"web":{"domain":"d","url":"https://d/x"}}}}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":3}"#),
        ("messageStop", r#"{"stopReason":"end_turn"}"#),
    ];
    let gathered = gathered(&events);
    let parts = |answer: &ChatResponse| -> Vec<Value> {
        let others = answer.content.iter().filter_map(|part| match part {
            Content::Other {
                dialect: "bedrock-converse",
                json,
            } => Some(json.deserialize().unwrap()),
            _ => None,
        });
        others.collect()
    };
    assert_eq!(
        parts(&gathered)[0],
        json!({"toolUse": {"name": "nova_grounding", "toolUseId": "t", "type": "server_tool_use", "input": {"query": "q"}}})
    );
    assert_eq!(parts(&gathered).len(), parts(&read).len());
    let cited = |answer: &ChatResponse| -> Vec<Content> {
        answer
            .content
            .iter()
            .filter(|p| p.as_text().is_some())
            .cloned()
            .collect()
    };
    assert_eq!(cited(&gathered), cited(&read));
}

#[test]
fn e50_e51_e52_streams_begin_blocks_without_a_word() {
    let told = streamed(
        &Anthropic,
        &[
            ("messageStart", r#"{"p":"abc","role":"assistant"}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":""}}"#),
            ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"reasoningContent":{"text":"hm"}}}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"reasoningContent":{"signature":"sig"}}}"#),
            ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"reasoningContent":{"redactedContent":"RXU4RUNrZ0lCUkFCR0FJaVFMOFM="}}}"#),
            ("contentBlockStop", r#"{"contentBlockIndex":2}"#),
            ("contentBlockDelta", r#"{"contentBlockIndex":3,"delta":{"text":"yo"}}"#),
            ("contentBlockStop", r#"{"contentBlockIndex":3}"#),
            ("contentBlockStart", r#"{"contentBlockIndex":7,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}"#),
            ("contentBlockStop", r#"{"contentBlockIndex":7}"#),
            ("messageStop", r#"{"stopReason":"tool_use"}"#),
            ("metadata", r#"{"metrics":{"latencyMs":1},"usage":{"inputTokens":3,"outputTokens":4,"totalTokens":7}}"#),
        ],
    )
    .unwrap();
    let starts: Vec<Value> = told
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter(|event| event["type"] == "content_block_start")
        .map(|event| json!([event["index"], event["content_block"]["type"]]))
        .collect();
    assert_eq!(
        starts,
        [
            json!([0, "thinking"]),
            json!([1, "redacted_thinking"]),
            json!([2, "text"]),
            json!([3, "tool_use"])
        ]
    );
    for part in [
        r#""data":"Eu8ECkgIBRABGAIiQL8S""#,
        r#""signature":"sig""#,
        r#""partial_json":"{}""#,
        r#""output_tokens":4"#,
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn e53_e55_streams_break_and_end() {
    let start = ("messageStart", r#"{"role":"assistant"}"#);
    for (name, payload, kind) in [
        (
            "throttlingException",
            r#"{"message":"Too many requests"}"#,
            ErrorKind::RateLimited,
        ),
        (
            "serviceUnavailableException",
            r#"{"message":"m"}"#,
            ErrorKind::Overloaded,
        ),
        (
            "internalServerException",
            r#"{"message":"m"}"#,
            ErrorKind::Server,
        ),
        (
            "modelTimeoutException",
            r#"{"message":"m"}"#,
            ErrorKind::Server,
        ),
        (
            "modelStreamErrorException",
            r#"{"message":"m","originalStatusCode":503}"#,
            ErrorKind::Overloaded,
        ),
        (
            "modelStreamErrorException",
            r#"{"message":"m","originalStatusCode":500}"#,
            ErrorKind::Server,
        ),
        (
            "validationException",
            r#"{"message":"Input is too long for requested model."}"#,
            ErrorKind::ContextLength,
        ),
        (
            "validationException",
            r#"{"message":"m"}"#,
            ErrorKind::InvalidRequest,
        ),
        (
            "somethingNewException",
            r#"{"message":"m"}"#,
            ErrorKind::Server,
        ),
        ("InternalError", "", ErrorKind::Server),
    ] {
        match streamed(&OpenAiChat, &[start, (name, payload)]) {
            Err(FrameError::Vendor(error)) => assert_eq!(error.kind(), kind, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(matches!(
        streamed(&OpenAiChat, &[("ping", "{}")]),
        Err(FrameError::Unknown)
    ));
    let malformed = streamed(&OpenAiChat, &[("contentBlockDelta", "{")]);
    assert!(matches!(malformed, Err(FrameError::Malformed(_))));
    // Without the last frame the answer is whole, and its cost unknown.
    let (mut decoder, mut sink) = (Converse.decoder(), EventSink::new());
    for (name, payload) in [
        start,
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"text":"yo"}}"#,
        ),
        ("messageStop", r#"{"stopReason":"end_turn"}"#),
    ] {
        decoder
            .decode(&Frame::new(Some(name), payload), &mut sink)
            .unwrap();
    }
    assert!(sink.has_stopped() && !sink.has_ended() && sink.known_usage().is_none());
    // With it the answer is over, whatever a relay sends behind it.
    for (name, payload) in [
        (
            "metadata",
            r#"{"usage":{"inputTokens":9,"outputTokens":7}}"#,
        ),
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":1,"delta":{"reasoningContent":{"text":"Hm."}}}"#,
        ),
        ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
    ] {
        decoder
            .decode(&Frame::new(Some(name), payload), &mut sink)
            .unwrap();
    }
    let events: Vec<ChatEvent> = std::iter::from_fn(|| sink.next_event()).collect();
    let end = events.iter().position(|event| *event == ChatEvent::End);
    assert_eq!(end, Some(events.len() - 1), "{events:?}");
}

#[test]
fn e57_refusals_are_told_by_their_exception() {
    use ErrorKind as K;
    for (status, name, message, kind) in [
        (
            400,
            "ValidationException:http://internal.amazon.com/coral/",
            "The provided model identifier is invalid.",
            K::Unsupported,
        ),
        (
            400,
            "",
            "The provided model identifier is invalid.",
            K::Unsupported,
        ),
        (
            400,
            "ValidationException",
            "Input is too long for requested model.",
            K::ContextLength,
        ),
        (
            400,
            "ValidationException",
            "Input Tokens Exceeded: 9 > 8",
            K::ContextLength,
        ),
        (400, "ValidationException", "m", K::InvalidRequest),
        (400, "ServiceQuotaExceededException", "m", K::QuotaExhausted),
        (403, "AccessDeniedException", "m", K::Authentication),
        (
            403,
            "com.amazon.coral.service#ExpiredTokenException",
            "m",
            K::Authentication,
        ),
        (404, "ResourceNotFoundException", "m", K::Unsupported),
        (408, "ModelTimeoutException", "m", K::Server),
        (424, "ModelErrorException", "m", K::Server),
        (
            429,
            "ThrottlingException",
            "Too many tokens, please wait before trying again.",
            K::RateLimited,
        ),
        (429, "ModelNotReadyException", "m", K::Overloaded),
        (500, "InternalServerException", "m", K::Server),
        (503, "ServiceUnavailableException", "m", K::Overloaded),
    ] {
        let response = http::Response::builder().status(status);
        let response = match name {
            "" => response,
            name => response.header("x-amzn-ErrorType", name),
        };
        let (parts, ()) = response.body(()).unwrap().into_parts();
        let body = format!(r#"{{"message":"{message}"}}"#);
        let error = Converse.classify(&parts, body.as_bytes());
        assert_eq!(
            (error.kind(), error.message()),
            (kind, message),
            "{status} {name}"
        );
        let expected = if message.contains("identifier") {
            404
        } else {
            status
        };
        assert_eq!(error.vendor_status().unwrap(), expected);
        if name == "AccessDeniedException" {
            assert_eq!(
                error.scope(),
                Scope::Model,
                "the account may have other models"
            );
        }
    }
}
