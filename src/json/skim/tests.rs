//! The same verdict and the same members as the library's.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;

/// The same for all.
#[derive(Clone, Copy)]
struct Most(usize);

impl Limits for Most {
    fn depth(&self) -> usize {
        self.0
    }

    fn members(&self) -> usize {
        self.0
    }

    fn values(&self) -> usize {
        self.0
    }

    fn items(&self, name: &[u8]) -> usize {
        if name == b"few" { self.0 } else { usize::MAX }
    }
}

/// The members, of each name the last one.
fn skimmed(json: &[u8]) -> Option<HashMap<String, String>> {
    let mut members = HashMap::new();
    skim(json, &Most(usize::MAX), |name, value| {
        let name = format!("\"{}\"", str::from_utf8(name).unwrap());
        let value = str::from_utf8(&json[value]).unwrap();
        members.insert(serde_json::from_str(&name).ok()?, value.to_owned());
        Some(())
    })?;
    Some(members)
}

/// What the library says. Of names nobody compares it accepts more than UTF-8.
fn told(json: &[u8]) -> Option<HashMap<String, String>> {
    str::from_utf8(json).ok()?;
    let members: HashMap<String, &RawValue> = serde_json::from_slice(json).ok()?;
    let text = |(name, raw): (String, &RawValue)| (name, raw.get().to_owned());
    Some(members.into_iter().map(text).collect())
}

#[test]
fn whole_objects_are_gone_through() {
    for text in [
        "{}",
        "\t{ } \r\n",
        " \n{ \"a\" : [ 1 , -0.5e+3 , 0E-1, [] , {} , true , false , null ] , \"b\\u00e9\\\"\" : \"\\\\\" } \r\t",
        r#"{"a":{"b":{"c":[[[0]]]}},"a":1,"":[{}]}"#,
        "{\"é\":\"日本 and a text that is longer than a few words, with \\n escapes \\\" in it\"}",
        "{\n \"a\": \"a text that is longer than a few words, in a body with line breaks\"\n}",
    ] {
        assert!(told(text.as_bytes()).is_some(), "{text}");
        assert_eq!(skimmed(text.as_bytes()), told(text.as_bytes()), "{text}");
        for end in 0..text.trim_ascii_end().len() {
            assert_eq!(skimmed(&text.as_bytes()[..end]), None, "{text}");
        }
    }
    for text in [
        "[]",
        "{}}",
        "{}{}",
        "{,}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":[}"#,
        r#"{"a":01}"#,
        r#"{"a":1.}"#,
        r#"{"a":.1}"#,
        r#"{"a":-}"#,
        r#"{"a":+1}"#,
        r#"{"a":1e}"#,
        r#"{"a":tru}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12"}"#,
        r#"{"a":"\u12g4"}"#,
        "{\"a\":\"\n\"}",
        "{\"a\":\"a text that is longer than a few words\n with a line break\"}",
        "{\"a\n\":1}",
        r#"{a:1}"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a":1:2}"#,
        "\u{feff}{}",
    ] {
        assert_eq!(told(text.as_bytes()), None, "{text}");
        assert_eq!(skimmed(text.as_bytes()), None, "{text}");
    }
    assert_eq!(skimmed(b"{\"a\":\"\xff\"}"), None);
}

#[test]
fn limits_are_kept() {
    let within = |json: &str, most| skim(json.as_bytes(), &Most(most), |_, _| Some(())).is_some();
    for (json, least) in [
        (r#"{"a":1}"#, 1),
        (r#"{"a":1,"b":2,"c":3}"#, 3),
        (r#"{"a":[[[0]]]}"#, 4),
        (r#"{"a":[],"b":[],"c":[]}"#, 4),
        (r#"{"x":[1,2,3,4,5]}"#, 2),
        (r#"{"few":[1,2,3,4,5]}"#, 5),
        (r#"{"few":[[1,2,3,4,5]]}"#, 3),
    ] {
        assert!(within(json, least) && !within(json, least - 1), "{json}");
    }
    let nested = |levels| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    assert!(within(&nested(DEEPEST), usize::MAX));
    assert!(!within(&nested(DEEPEST + 1), usize::MAX));
    assert!(!within(&nested(1_000_000), usize::MAX));
}

#[test]
fn members_are_found_if_that_is_easy() {
    let json = br#" {"a":7,"b":null,"c":"7","d":{"a":1},"d2":18446744073709551616}"#;
    let found = places(json, &Unlimited, ["d", "b", "e", "a"]).unwrap();
    let found = found.map(|place| str::from_utf8(&json[place?]).ok());
    assert_eq!(found, [Some(r#"{"a":1}"#), Some("null"), None, Some("7")]);
    for json in [r#"{"a":1,"a":1}"#, r#"{"\u0061":1}"#, "[1]", "{", "7"] {
        assert_eq!(places(json.as_bytes(), &Unlimited, ["a"]), None, "{json}");
    }
}

#[test]
fn a_mark_is_found_wherever_it_stands() {
    let members = |text: &[u8]| skimmed(text) == told(text);
    for length in [0, 1, 62, 63, 64, 65, 127, 128, 129, 383, 384, 385, 1000] {
        for at in (0..=length).filter(|at| at % 61 < 5 || length - at < 3) {
            for mark in [
                "\"",
                "\\",
                "\\n",
                "\\\"",
                "\\u00e9",
                "\\u00g9",
                "\\x",
                "\n",
                "\x1f",
                "\x7f",
                " ",
                "#",
                "]",
                "\\\\",
                "é",
                "\",\"b\":\"",
            ] {
                let (before, behind) = ("a".repeat(at), "z".repeat(length - at));
                for (open, close) in [
                    ("{\"k\":\"", "\"}"),
                    ("{\"", "\":7}"),
                    ("{\"k\":[\"", "\" , [1 ] ]\n}"),
                ] {
                    let text = format!("{open}{before}{mark}{behind}{close}");
                    assert!(members(text.as_bytes()), "{text}");
                }
                let cut = format!("{{\"k\":\"{before}{mark}{behind}");
                assert_eq!(skimmed(cut.as_bytes()), None, "{cut}");
            }
        }
    }
}

const SEED: &str = r#" {"model":"m","messages":[{"role":"user","content":"Say \"hello\"\nto the w\u00f6rld, please: it has waited for so long."},
        {"role":"assistant","content":null,"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"a\":[1,-2.5e+10]}"}}]}],
        "stream" : false , "x":[ ],"temperature":0.25,"ö":{} } "#;

proptest! {
    /// The same members as the library finds, of pieces put together and of a body with a few bytes changed.
    #[test]
    fn as_the_library_reads_it(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\n\\u00e9\"", "\"\\", "\"", "1", "-2.5e3", "0", "0.", "true", "null", " ", "\n", "\u{1}",
            "\"a text that is long enough to be searched\"", "\"é\"",
        ]), 0..12),
        edits in prop::collection::vec((0..SEED.len(), 0..3_u8, prop::sample::select(b"{}[],:\"\\ \n\x000-.eEtfnu/\x7f\x80\xc3".to_vec())), 0..4),
    ) {
        let inner = pieces.concat();
        for text in [inner.clone(), format!("{{{inner}}}"), format!("{{\"k\":{inner}}}"), format!("{{\"k\":[{inner}]}}")] {
            prop_assert_eq!(skimmed(text.as_bytes()), told(text.as_bytes()), "{}", text);
        }
        let mut body = SEED.as_bytes().to_vec();
        for (at, how, byte) in edits {
            let at = at.min(body.len() - 1);
            match how {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => drop(body.remove(at)),
            }
        }
        prop_assert_eq!(skimmed(&body), told(&body), "{}", String::from_utf8_lossy(&body));
    }
}
