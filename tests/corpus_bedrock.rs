//! Recorded traffic of Bedrock's Converse: every answer, whole or streamed, is read without error, and what a caller meant by each recorded
//! request is written again as the vendor took it.
//!
//! The recordings are no part of the crate. The test looks for them in `../shared/corpus`, or where `TRUNKLINE_CORPUS` says.

#[path = "support/corpus.rs"]
mod corpus;

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};
use trunkline::{
    Json,
    chat::{
        CacheMarker, ChatRequest, Collector, Content, EventSink, Fidelity, Media, Message,
        ResponseFormat, Role, Source, Thinking, Tool, ToolCall, ToolChoice, ToolKind, ToolResult,
    },
    dialect::{Dialect, EventDecoder, FrameError, Quirks, Target, bedrock::Converse},
    error::ErrorKind,
    wire::Frame,
};

#[test]
fn recorded_traffic_is_read() {
    let mut failures = Vec::new();
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for endpoint in ["converse", "converse-stream"] {
        let there = corpus::each(endpoint, |case| {
            let found = [
                request(&case.json, &mut count),
                answer(&case.json, &mut count),
            ];
            for failure in found.into_iter().flatten() {
                failures.push(format!("{}: {failure}", case.id));
            }
        });
        if !there {
            return;
        }
    }
    println!("{count:?}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn answer(case: &Value, count: &mut BTreeMap<&str, usize>) -> Option<String> {
    let response = &case["response"];
    let status = response["status"].as_u64().unwrap();
    if let Some(bytes) = response["body_b64"].as_str() {
        *count.entry("streams").or_default() += 1;
        return stream(&events(&STANDARD.decode(bytes).unwrap())).err();
    }
    let body = response["body"].as_str()?;
    if status != 200 {
        *count.entry("errors").or_default() += 1;
        return refusal(status, response, body).err();
    }
    if body.trim_start().starts_with("{\"content")
        || body.trim_start().starts_with("{\"messageStart")
    {
        *count.entry("listed streams").or_default() += 1;
        // A recorder's lines: the name of the event around its payload.
        let events: Vec<(String, Vec<u8>)> = body
            .lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                let (name, payload) = line.as_object().unwrap().iter().next().unwrap();
                (name.clone(), payload.to_string().into_bytes())
            })
            .collect();
        return stream(&events).err();
    }
    *count.entry("whole").or_default() += 1;
    whole(body).err()
}

fn refusal(status: u64, response: &Value, body: &str) -> Result<(), String> {
    let mut parts = http::Response::builder().status(u16::try_from(status).unwrap());
    if let Some(name) = response["headers"]["x-amzn-errortype"].as_str() {
        parts = parts.header("x-amzn-errortype", name);
    }
    let (parts, ()) = parts.body(()).unwrap().into_parts();
    let error = Converse.classify(&parts, body.as_bytes());
    let expected = match status {
        403 => ErrorKind::Authentication,
        _ if body.contains("source.type") => ErrorKind::InvalidRequest,
        _ => ErrorKind::Unsupported,
    };
    let named = response["headers"]["x-amzn-errortype"].is_null() || error.code().is_some();
    if error.kind() != expected || !named || error.message().is_empty() {
        return Err(format!("{error:?}"));
    }
    Ok(())
}

fn whole(body: &str) -> Result<(), String> {
    let answer = Converse
        .decode_response(body.as_bytes())
        .map_err(|error| format!("answer: {error}"))?;
    let value: Value = serde_json::from_str(body).unwrap();
    let blocks = value["output"]["message"]["content"].as_array().unwrap();
    let (mut text, mut calls, mut thoughts) = (String::new(), 0, 0);
    for block in blocks {
        text.push_str(block["text"].as_str().unwrap_or_default());
        for words in block["citationsContent"]["content"]
            .as_array()
            .into_iter()
            .flatten()
        {
            text.push_str(words["text"].as_str().unwrap());
        }
        let call = &block["toolUse"];
        calls += usize::from(call.is_object() && call["type"] != "server_tool_use");
        thoughts += usize::from(block["reasoningContent"].is_object());
    }
    let found = |wanted: fn(&Content) -> bool| answer.content.iter().filter(|p| wanted(p)).count();
    if answer.text() != text
        || found(|p| matches!(p, Content::ToolCall(_))) != calls
        || found(|p| matches!(p, Content::Thinking(_))) != thoughts
    {
        return Err(format!("not all is there: {answer:?}"));
    }
    let usage = answer.usage.ok_or("no usage")?;
    if usage.total() != value["usage"]["totalTokens"].as_u64() {
        return Err(format!("{usage:?} against {}", value["usage"]));
    }
    if Converse.usage(body.as_bytes()) != answer.usage {
        return Err("two readings of usage".into());
    }
    Ok(())
}

/// Event types and payloads of the vendor's binary frames.
fn events(mut bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let (frame, rest) = bytes.split_at(number(bytes));
        let (mut headers, payload) = frame[12..frame.len() - 4].split_at(number(&frame[4..]));
        let mut name = String::new();
        while !headers.is_empty() {
            let (key, rest) = headers[1..].split_at(usize::from(headers[0]));
            assert_eq!(rest[0], 7, "a text");
            let length = usize::from(u16::from_be_bytes([rest[1], rest[2]]));
            let (value, rest) = rest[3..].split_at(length);
            if key == b":event-type" || key == b":exception-type" {
                name = String::from_utf8(value.to_vec()).unwrap();
            }
            headers = rest;
        }
        events.push((name, payload.to_vec()));
        bytes = rest;
    }
    events
}

fn stream(events: &[(String, Vec<u8>)]) -> Result<(), String> {
    let mut decoder: Box<dyn EventDecoder> = Converse.decoder();
    let (mut sink, mut collector) = (EventSink::new(), Collector::new());
    let (mut text, mut thought, mut input) = (String::new(), String::new(), String::new());
    let (mut calls, mut total, mut hosted) = (0, None, false);
    for (name, payload) in events {
        let frame = Frame::new(Some(name), Bytes::from(payload.clone()));
        match decoder.decode(&frame, &mut sink) {
            Ok(()) => {}
            Err(FrameError::Vendor(error)) => return Err(error.to_string()),
            Err(odd) => return Err(format!("{odd:?} in {name}")),
        }
        let event: Value = serde_json::from_slice(payload).unwrap();
        let delta = &event["delta"];
        text.push_str(delta["text"].as_str().unwrap_or_default());
        let words = delta["reasoningContent"]["text"].as_str();
        thought.push_str(words.unwrap_or_default());
        let start = &event["start"]["toolUse"];
        if start.is_object() {
            hosted = start["type"] == "server_tool_use";
            calls += usize::from(!hosted);
        }
        if !hosted {
            input.push_str(delta["toolUse"]["input"].as_str().unwrap_or_default());
        }
        total = event["usage"]["totalTokens"].as_u64().or(total);
        while let Some(event) = sink.next_event() {
            collector.push(event);
        }
    }
    if total.is_some() && !sink.has_ended() {
        return Err("no ending".into());
    }
    sink.end();
    while let Some(event) = sink.next_event() {
        collector.push(event);
    }
    let answer = collector.finish();
    let mut arguments = String::new();
    let mut thoughts = String::new();
    let mut found = 0;
    for part in &answer.content {
        match part {
            Content::ToolCall(call) => {
                found += 1;
                let told = call.arguments != "{}" || input.contains("{}");
                arguments.push_str(if told { &call.arguments } else { "" });
            }
            Content::Thinking(thinking) => thoughts.push_str(&thinking.text),
            _ => {}
        }
    }
    if answer.text() != text
        || thoughts != thought
        || found != calls
        || arguments != input
        || answer.usage.and_then(|usage| usage.total()) != total
    {
        return Err(format!("not all is there: {answer:?}"));
    }
    Ok(())
}

/// Reads the recorded request as far as the canonical conversation can say it, writes it, and compares.
fn request(case: &Value, count: &mut BTreeMap<&str, usize>) -> Option<String> {
    if case["response"]["status"] != 200 {
        return None;
    }
    // One recorder has cut a body.
    let mut body: Value = serde_json::from_str(case["request"]["body"].as_str()?).ok()?;
    let path = case["request"]["path"].as_str().unwrap();
    let model = path
        .split('/')
        .nth(2)
        .unwrap()
        .replace("%3A", ":")
        .replace("%2F", "/");
    let chat = meant(&body);
    let mut report = Fidelity::new();
    let target = Target::new(&model, &Quirks::NONE);
    let written = match Converse.encode_request(&chat, &target, &mut report) {
        Ok(written) => written,
        Err(error) => return Some(format!("encoding: {error}")),
    };
    *count.entry("requests").or_default() += 1;
    let mut written: Value = serde_json::from_slice(&written).unwrap();
    if !report.is_exact() {
        *count.entry("requests with a report").or_default() += 1;
        // What was mended for this model is told; the rest cannot be compared.
        return None;
    }
    for body in [&mut body, &mut written] {
        plain(body);
    }
    (body != written).then(|| format!("{body}\nwas written\n{written}"))
}

/// Takes out what means nothing: empty members, defaults, and the spelling of documents' names.
fn plain(body: &mut Value) {
    let members = body.as_object_mut().unwrap();
    members.remove("additionalModelResponseFieldPaths");
    for config in members
        .get_mut("inferenceConfig")
        .into_iter()
        .flat_map(Value::as_object_mut)
    {
        config.retain(|_, value| *value != json!([]));
        for value in config.values_mut().filter(|value| value.is_number()) {
            *value = json!(value.as_f64());
        }
    }
    members.retain(|_, value| *value != json!({}) && *value != json!([]));
    // Turns of one speaker are one turn.
    let mut turns: Vec<Value> = Vec::new();
    for turn in members["messages"].as_array().unwrap() {
        match turns.last_mut() {
            Some(last) if last["role"] == turn["role"] => {
                let more = turn["content"].as_array().unwrap().clone();
                last["content"].as_array_mut().unwrap().extend(more);
            }
            _ => turns.push(turn.clone()),
        }
    }
    members.insert("messages".to_owned(), Value::from(turns));
    fn walk(value: &mut Value) {
        match value {
            Value::Array(items) => {
                // Text that is blank is left out.
                items.retain(|item| {
                    item["text"]
                        .as_str()
                        .is_none_or(|text| !text.trim().is_empty())
                });
                items.iter_mut().for_each(walk);
            }
            Value::Object(members) => {
                if members.get("status") == Some(&json!("success")) {
                    members.remove("status");
                }
                if members.contains_key("format") && members.contains_key("source") {
                    members.remove("name");
                }
                if members.get("strict") == Some(&json!(false)) {
                    members.remove("strict");
                }
                members.values_mut().for_each(walk);
            }
            _ => {}
        }
    }
    walk(body);
    if let Some(format) = body.pointer_mut("/outputConfig/textFormat/structure/jsonSchema/schema") {
        let schema: Value = serde_json::from_str(format.as_str().unwrap()).unwrap();
        *format = schema;
    }
}

fn raw(value: &Value) -> Json {
    Json::from_serialize(value).unwrap()
}

fn meant(body: &Value) -> ChatRequest {
    let mut messages: Vec<Message> = Vec::new();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let system = blocks(&list(&body["system"]));
    if !system.is_empty() {
        messages.push(Message::new(Role::System, system));
    }
    for message in list(&body["messages"]) {
        let parts = blocks(&list(&message["content"]));
        let role = if message["role"] == "user" {
            Role::User
        } else {
            Role::Assistant
        };
        let (results, rest): (Vec<_>, Vec<_>) = parts
            .into_iter()
            .partition(|part| matches!(part, Content::ToolResult(_)));
        if !results.is_empty() {
            messages.push(Message::new(Role::Tool, results));
        }
        if !rest.is_empty() {
            messages.push(Message::new(role, rest));
        }
    }
    let mut chat = ChatRequest::new("m", messages);
    chat.dialect = Some("bedrock-converse");
    let config = &body["inferenceConfig"];
    chat.max_tokens = config["maxTokens"].as_u64();
    chat.temperature = config["temperature"].as_f64();
    chat.top_p = config["topP"].as_f64();
    chat.stop = list(&config["stopSequences"])
        .iter()
        .map(|stop| stop.as_str().unwrap().to_owned())
        .collect();
    chat.service_tier = body["serviceTier"]["type"].as_str().map(str::to_owned);
    for tool in list(&body["toolConfig"]["tools"]) {
        if tool["cachePoint"].is_object() {
            chat.tools.last_mut().unwrap().cache = Some(CacheMarker::new(None));
            continue;
        }
        let spec = &tool["toolSpec"];
        let mut read = Tool::function(
            spec["name"].as_str().unwrap_or_default(),
            "",
            raw(&spec["inputSchema"]["json"]),
        );
        read.description = spec["description"].as_str().map(str::to_owned);
        if let ToolKind::Function { strict, .. } = &mut read.kind {
            *strict = spec["strict"].as_bool();
        }
        if !spec.is_object() {
            read.kind = ToolKind::Hosted {
                dialect: "bedrock-converse",
                json: raw(&tool),
            };
        }
        chat.tools.push(read);
    }
    let choice = &body["toolConfig"]["toolChoice"];
    chat.tool_choice = if choice["auto"].is_object() {
        Some(ToolChoice::Auto)
    } else if choice["any"].is_object() {
        Some(ToolChoice::Required)
    } else {
        let name = choice["tool"]["name"].as_str().map(str::to_owned);
        name.map(|name| ToolChoice::Tool { name })
    };
    let format = &body["outputConfig"]["textFormat"]["structure"]["jsonSchema"];
    if format.is_object() {
        chat.response_format = Some(ResponseFormat::JsonSchema {
            name: format["name"].as_str().map(str::to_owned),
            description: format["description"].as_str().map(str::to_owned),
            schema: Json::parse(format["schema"].as_str().unwrap()).unwrap(),
            strict: None,
        });
    }
    for name in ["additionalModelRequestFields", "guardrailConfig"] {
        if !body[name].is_null() {
            chat.extra.insert(name, raw(&body[name]));
        }
    }
    chat
}

fn blocks(list: &[Value]) -> Vec<Content> {
    let mut parts: Vec<Content> = Vec::new();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    for block in list {
        let (name, inner) = block.as_object().unwrap().iter().next().unwrap();
        let part = match name.as_str() {
            "text" => Content::text(inner.as_str().unwrap()),
            "cachePoint" => {
                let mark = Some(CacheMarker::new(text(&inner["ttl"])));
                match parts.last_mut() {
                    Some(Content::Text { cache, .. }) => *cache = mark,
                    Some(Content::Image(media)) => media.cache = mark,
                    other => panic!("a breakpoint behind {other:?}"),
                }
                continue;
            }
            "toolUse" => Content::ToolCall(ToolCall::new(
                inner["toolUseId"].as_str().unwrap(),
                inner["name"].as_str().unwrap(),
                inner["input"].to_string(),
            )),
            "toolResult" => {
                let content = inner["content"].as_array().unwrap();
                let id = inner["toolUseId"].as_str().unwrap();
                let mut result = ToolResult::new(id, blocks(content));
                result.is_error = inner["status"] == "error";
                Content::ToolResult(result)
            }
            "reasoningContent" => Content::Thinking({
                let mut thinking = Thinking::default();
                thinking.text = text(&inner["reasoningText"]["text"]).unwrap();
                thinking.signature = text(&inner["reasoningText"]["signature"]);
                thinking
            }),
            "image" | "document" if !inner["source"]["content"].is_array() => {
                let format = inner["format"].as_str().unwrap();
                let kind = match format {
                    "pdf" => "application/pdf".to_owned(),
                    "txt" => "text/plain".to_owned(),
                    "docx" => {
                        "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
                            .to_owned()
                    }
                    format => format!("image/{format}"),
                };
                let source = &inner["source"];
                let mut media = Media::new(if let Some(data) = text(&source["bytes"]) {
                    Source::Base64 {
                        media_type: kind,
                        data,
                    }
                } else if let Some(words) = text(&source["text"]) {
                    Source::Text(words)
                } else {
                    Source::Url(text(&source["s3Location"]["uri"]).unwrap())
                });
                media.title = text(&inner["name"]);
                media.context = text(&inner["context"]);
                media.citations = inner["citations"]["enabled"] == true;
                if name == "image" {
                    Content::Image(media)
                } else {
                    Content::Document(media)
                }
            }
            _ => Content::Other {
                dialect: "bedrock-converse",
                json: raw(block),
            },
        };
        parts.push(part);
    }
    parts
}
