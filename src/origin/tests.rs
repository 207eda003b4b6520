use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::{
    Secret,
    chat::Fidelity,
    dialect::{
        Dialect, anthropic::Anthropic, gemini::Gemini, openai_chat::OpenAiChat,
        openai_responses::OpenAiResponses,
    },
    provider::Compatible,
    request::{ModelRequest, Operation, Payload},
    upstream::{Account, Attempt},
    wire::Frame,
};

fn deployment(vendor: &'static str, account: &str, group: Option<&str>) -> Arc<Deployment> {
    let provider = Compatible::openai(vendor, "https://vendor.example/v1").unwrap();
    let mut account = Account::new(account, Secret::new("sk-canary"));
    if let Some(group) = group {
        account = account.with_group(group);
    }
    Arc::new(Deployment::new(Arc::new(provider), Arc::new(account), "up"))
}

fn attempt(front: &'static dyn Dialect, body: &'static str, mixed: bool) -> Attempt {
    let payload = match front.name() {
        "gemini" => Payload::json_in_path(front, body.into(), "m", false),
        _ => Payload::json(front, body.into()),
    };
    let request = ModelRequest::new("m", Operation::Chat, payload.unwrap());
    Attempt::new(request, deployment("acme", "a", None)).with_mixed(mixed)
}

#[test]
fn a_mark_tells_an_origin_and_no_name() {
    let origin = Origin::of("openai-responses", &deployment("acme", "secret-team", None));
    let mark = origin.to_string();
    assert_eq!(mark.len(), MARK_LEN);
    assert!(
        mark.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    );
    assert!(!mark.contains("acme") && !mark.contains("secret"));
    let value = format!("{mark}gAAA.+/=");
    assert_eq!(Origin::split(&value), Some((origin, "gAAA.+/=")));
    for odd in [
        "",
        "gAAA",
        "tlo1.",
        "tlo1.short.x",
        &mark[..MARK_LEN - 1],
        "tlo1.ÄÖÜÄÖÜÄÖ.x",
    ] {
        assert_eq!(Origin::split(odd), None, "{odd}");
    }
}

#[test]
fn who_can_read_what() {
    let of = |dialect: &str, vendor, account, group| {
        Origin::of(dialect, &deployment(vendor, account, group))
    };
    let made = of("openai-responses", "acme", "a", Some("org"));
    for (vendor, account, group, by_vendor, by_group) in [
        ("acme", "a", Some("org"), true, true),
        ("acme", "b", Some("org"), true, true),
        ("acme", "a", None, true, false),
        ("other", "a", Some("org"), false, false),
    ] {
        let here = of("openai-responses", vendor, account, group);
        assert_eq!(made.fits(here, Bond::Vendor), by_vendor);
        assert_eq!(made.fits(here, Bond::Group), by_group);
    }
    assert!(!made.fits(of("gemini", "acme", "a", Some("org")), Bond::Vendor));
    assert_eq!(bond("openai-responses", "gpt"), Bond::Group);
    assert_eq!(bond("anthropic", "claude-sonnet-5-5"), Bond::Group);
    assert_eq!(bond("anthropic", "claude-sonnet-4-5"), Bond::Vendor);
}

#[test]
fn an_answer_is_marked_only_where_it_has_to_be() {
    let ask = r#"{"model":"m","input":"hi"}"#;
    let chat = r#"{"model":"m","messages":[{}]}"#;
    let frame = |data: &str| Frame::new(Some("x"), data.to_owned());
    let plain = frame(r#"{"item":{"type":"reasoning","encrypted_content": "gAAA" }}"#);
    let nested = frame(r#"{"item":{"encrypted_content":"tl1.anthropic.e30"}}"#);
    let empty = frame(
        r#"{"item":{"encrypted_content":"","x":null},"arguments":"\"encrypted_content\":\"no\""}"#,
    );
    let dialect = &OpenAiResponses;
    for (attempt, marks, marks_nested) in [
        (attempt(dialect, ask, false), false, true),
        (attempt(dialect, ask, true), true, true),
        (attempt(&OpenAiChat, chat, false), true, true),
    ] {
        let marker = Marker::new(&attempt, dialect);
        for (frame, marks) in [(&plain, marks), (&nested, marks_nested), (&empty, false)] {
            let marked = marker.frame(frame).unwrap_or_else(|| frame.clone());
            assert_eq!(marked.name(), Some("x"));
            if marks {
                let text = str::from_utf8(marked.raw()).unwrap();
                let at = text.find("tlo1.").unwrap();
                assert_eq!(text.replace(&text[at..at + MARK_LEN], ""), *frame.raw());
                assert!(text.contains(str::from_utf8(marked.data()).unwrap()));
            } else {
                assert_eq!(marked.raw().as_ptr(), frame.raw().as_ptr(), "untouched");
            }
        }
    }
}

#[test]
fn thinking_that_is_bound_to_an_account_is_marked_too() {
    let ask = r#"{"model":"m","max_tokens":1,"messages":[{}]}"#;
    let frame = Frame::new(
        None,
        r#"{"type":"content_block_delta","delta":{"type":"signature_delta","signature":"Eq"}}"#,
    );
    for (model, marks) in [("claude-sonnet-5-5", true), ("claude-opus-4-8", false)] {
        let mut attempt = attempt(&Anthropic, ask, true);
        let mut deployment = Deployment::clone(&attempt.deployment);
        deployment.model = model.into();
        attempt.deployment = Arc::new(deployment);
        let marked = Marker::new(&attempt, &Anthropic).frame(&frame);
        assert_eq!(marked.is_some(), marks, "{model}");
    }
}

#[test]
fn a_request_is_what_its_vendor_may_see() {
    let here = deployment("acme", "a", None);
    let own = Origin::of("openai-responses", &here);
    let other = Origin::of("openai-responses", &deployment("acme", "b", None));
    let settle = |body: &str| {
        let mut report = Fidelity::new();
        let body = Bytes::copy_from_slice(body.as_bytes());
        let settled = settle(body, &OpenAiResponses, &here, &mut report);
        (
            String::from_utf8(settled.to_vec()).unwrap(),
            report.notes().len(),
        )
    };
    // Its own: byte for byte, whatever stands around; and a text that looks like a mark is a text.
    let body = format!(
        "{{ \"input\":[ {{\"type\":\"reasoning\" ,\"encrypted_content\" : \"{own}gA\\/A\"}},{{\"content\":\"{own}hi\"}}],\"x\":1.0 }}"
    );
    let wanted = body.replacen(&own.to_string(), "", 1);
    assert_eq!(settle(&body), (wanted, 0));
    // Others': gone, and so are those that nobody can read.
    for odd in [
        format!("{other}gAAA"),
        "tl1.anthropic.e30".into(),
        "tlo2.new.gAAA".into(),
        "tlo1.cut".into(),
    ] {
        let body = format!(
            r#"{{"input":[{{"type":"reasoning","encrypted_content":"{odd}"}},{{"role":"user","content":"a"}}]}}"#
        );
        let (settled, notes) = settle(&body);
        assert_eq!(
            (settled.as_str(), notes),
            (r#"{"input":[{"role":"user","content":"a"}]}"#, 1)
        );
    }
    let untouched = r#"{"input":[{"encrypted_content":"gAAA"}]}"#;
    assert_eq!(settle(untouched), (untouched.into(), 0));
}

#[test]
fn the_latest_origin_is_found_in_every_spelling() {
    let first = Origin::of("anthropic", &deployment("acme", "a", None));
    let last = Origin::of("anthropic", &deployment("acme", "b", None));
    let thinking = |origin: Origin| crate::chat::Thinking {
        text: "hm".into(),
        signature: Some(format!("{origin}sig")),
        origin: Some("anthropic"),
        ..Default::default()
    };
    let response = crate::chat::ChatResponse {
        content: vec![crate::chat::Content::Thinking(thinking(last))],
        ..Default::default()
    };
    let fronts: [(&'static dyn Dialect, &str); 2] =
        [(&OpenAiResponses, "input"), (&Gemini, "contents")];
    for (dialect, member) in fronts {
        let asked = crate::dialect::Asked::new("m", false, 0);
        let answer = dialect.front().unwrap().encode_response(&response, &asked);
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        let turn = match dialect.name() {
            "gemini" => answer["candidates"][0]["content"].clone(),
            _ => answer["output"][0].clone(),
        };
        let body = serde_json::json!({"model":"m", member: [turn]}).to_string();
        assert!(!body.contains("tlo1."), "{body}");
        let payload = match dialect.name() {
            "gemini" => Payload::json_in_path(dialect, body.into(), "m", false),
            _ => Payload::json(dialect, body.into()),
        };
        let request = ModelRequest::new("m", Operation::Chat, payload.unwrap());
        assert_eq!(latest(&request), Some(last), "{}", dialect.name());
    }
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"assistant","content":[{{"type":"thinking","thinking":"a","signature":"{first}s"}}]}},{{"role":"assistant","content":[{{"type":"thinking","thinking":"a","signature":"tl1.openai-responses.{last}s"}}]}},{{"role":"user","content":"tlo1.not-a-mark"}}]}}"#
    );
    let payload = Payload::json(&Anthropic, body.into()).unwrap();
    let mut request = ModelRequest::new("m", Operation::Chat, payload);
    assert_eq!(latest(&request), Some(last));
    let mut headers = http::HeaderMap::new();
    headers.insert("x-codex-turn-state", format!("{first}t").parse().unwrap());
    request.headers = Arc::new(headers);
    assert_eq!(
        latest(&request),
        Some(first),
        "a turn's own token comes first"
    );
    let plain = Payload::json(&OpenAiChat, r#"{"model":"m","messages":[{}]}"#.into()).unwrap();
    assert_eq!(
        latest(&ModelRequest::new("m", Operation::Chat, plain)),
        None
    );
}

#[test]
fn a_turns_token_goes_back_to_its_maker_alone() {
    let (here, there) = (deployment("acme", "a", None), deployment("acme", "b", None));
    let own = Origin::of("openai-responses", &here);
    let value = |text: &str| http::HeaderValue::from_str(text).unwrap();
    let given = value(&format!("{own}token"));
    assert_eq!(
        turn_state(&given, &OpenAiResponses, &here),
        Some(value("token"))
    );
    assert_eq!(turn_state(&given, &OpenAiResponses, &there), None);
    assert_eq!(
        turn_state(&value("tlo1.cut"), &OpenAiResponses, &here),
        None
    );
    assert_eq!(
        turn_state(&value("plain"), &OpenAiResponses, &here),
        Some(value("plain"))
    );
}
