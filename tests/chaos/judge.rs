//! Is this one legal ending: an answer that a vendor sent in full, or an error in the caller's dialect, and nothing of anybody else's?

use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;
use trunkline::testing::{Fault as Named, grammar};

use crate::{
    ask::{Ask, Form, Front, markers},
    client::{Answer, Got},
    door,
    fault::Fault,
    heard,
    log::Entry,
    said::Said,
    server::World,
    vendors::VENDORS,
};

/// Whoever took so long was cut by the gateway's own clock, as soon as nothing was missing but the bill.
const ALMOST_ALL: Duration = Duration::from_millis(door::TOTAL_MS - 300);

/// After a vendor's last word the gateway waits no longer than this for the bill.
const GRACE: Duration = Duration::from_secs(1);

/// How a call ended for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Served by the vendors' call of this number.
    Served(usize),
    /// Refused with this status and a body.
    Refused(u16),
    /// An error inside the stream, and a cut connection.
    InBand,
    Left,
    /// No legal ending.
    Wrong,
}

pub fn judge(world: &World, ask: &Ask, got: &Got) -> Verdict {
    let seen = match got {
        Got::Left(body) => body,
        Got::Answer(answer) => &answer.body,
        // A stream of HTTP/2 that is reset takes along what was not written yet, its head included. Nobody takes that for a success.
        Got::Nothing(why) if why.contains("stream error received: unexpected internal error") => {
            return Verdict::InBand;
        }
        Got::Nothing(why) => {
            world.problems.add(Some(ask), format!("no answer: {why}"));
            return Verdict::Wrong;
        }
    };
    match markers(world.seed, seen).as_deref() {
        Ok([]) => {}
        Ok([number]) if *number == ask.number => {}
        found => world.problems.add(
            Some(ask),
            format!("the answer is somebody else's: {found:?}"),
        ),
    }
    let Got::Answer(answer) = got else {
        return Verdict::Left;
    };
    ending(world, ask, answer).unwrap_or_else(|why| {
        let body = String::from_utf8_lossy(&answer.body);
        let calls = world.log.of(ask.number);
        world.problems.add(
            Some(ask),
            format!(
                "{why}\n  status {}, broken {:?}\n  vendors: {calls:?}\n  body: {body:?}",
                answer.status, answer.broken
            ),
        );
        Verdict::Wrong
    })
}

fn ending(world: &World, ask: &Ask, answer: &Answer) -> Result<Verdict, String> {
    let told = header(&answer.headers, "x-request-id");
    if told != ask.marker {
        return Err(format!("the answer has another's id: {told}"));
    }
    if answer.status != 200 {
        if let Some(why) = &answer.broken {
            return Err(format!("the body of an error broke off: {why}"));
        }
        return refusal(ask, answer).map(|()| Verdict::Refused(answer.status));
    }
    let kind = header(&answer.headers, "content-type");
    let want = match ask.form {
        Form::Events => "text/event-stream",
        Form::Whole | Form::List => "application/json",
    };
    if !kind.starts_with(want) {
        return Err(format!("the content type is {kind}"));
    }
    let (said, failed) = match ask.form {
        Form::Whole => {
            if let Some(why) = &answer.broken {
                return Err(format!("a whole answer broke off: {why}"));
            }
            let body = known(&answer.body);
            clean(world, ask, grammar::check_reply(ask.front.dialect(), &body))?;
            let body: Value = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
            (heard::whole(ask.front, &body), false)
        }
        Form::Events => {
            let body = known(&answer.body);
            clean(
                world,
                ask,
                grammar::check_stream(ask.front.dialect(), &body),
            )?;
            let events = heard::events(&answer.body)?;
            for event in &events {
                let named = event.name.as_deref().zip(event.data["type"].as_str());
                if named.is_some_and(|(name, kind)| name != kind) {
                    return Err(format!("an event is named in two ways: {named:?}"));
                }
            }
            let events: Vec<Value> = events.into_iter().map(|event| event.data).collect();
            (
                heard::stream(ask.front, &events),
                failed(ask.front, &events)?,
            )
        }
        Form::List => {
            let items = heard::items(&answer.body, answer.broken.is_some())?;
            let frames: String = items
                .iter()
                .map(|item| format!("data: {item}\r\n\r\n"))
                .collect();
            let frames = known(frames.as_bytes());
            let found = grammar::check_stream(ask.front.dialect(), &frames);
            clean(world, ask, found)?;
            (heard::stream(ask.front, &items), failed(ask.front, &items)?)
        }
    };
    match (failed, &answer.broken) {
        (true, Some(_)) => Ok(Verdict::InBand),
        (true, None) => Err("the stream failed, and yet its end is a clean one".into()),
        (false, Some(why)) => Err(format!("the stream broke off without a word: {why}")),
        (false, None) => served(world, ask, answer, &said).map(Verdict::Served),
    }
}

/// Does the stream tell of a failure? Then in the end, and nowhere else (Responses may tell twice).
fn failed(front: Front, events: &[Value]) -> Result<bool, String> {
    let first = events
        .iter()
        .position(|event| heard::is_error(front, event));
    match first {
        Some(at)
            if events[at..]
                .iter()
                .all(|event| heard::is_error(front, event)) =>
        {
            Ok(true)
        }
        Some(_) => Err("the stream went on after an error".into()),
        None => Ok(false),
    }
}

/// The call that served it. Everything must be as the vendor was told to say it.
fn served(world: &World, ask: &Ask, answer: &Answer, said: &Said) -> Result<usize, String> {
    let mut words = said.text.split(' ').skip(1);
    let vendor = words.next().unwrap_or_default();
    let serial = words.next().and_then(|word| word.parse::<usize>().ok());
    let serial = serial.ok_or("nobody was told to say such a thing")?;
    let calls = world.log.of(ask.number);
    let entry = *calls
        .get(serial)
        .filter(|entry| entry.vendor == vendor)
        .ok_or("no vendor has said this")?;
    let named = header(&answer.headers, "x-trunkline-provider");
    if !named.is_empty() && named != entry.vendor {
        return Err(format!("{named} is named as who served it"));
    }
    let want = Said::new(world.seed, ask, entry.vendor, serial);
    if said.text != want.text {
        return Err(format!(
            "the text is another\n  want: {}\n  got: {}",
            want.text, said.text
        ));
    }
    if said.calls != want.calls {
        return Err(format!(
            "the calls are others: {:?}, not {:?}",
            said.calls, want.calls
        ));
    }
    let told = ask.front != Front::Chat || ask.form == Form::Whole || ask.usage;
    let usage = want.usage.filter(|_| told);
    // Whoever ended after his last word, but before the bill, has sent none.
    let cut = world.broke_off(entry.vendor, entry.at)
        || answer.took >= ALMOST_ALL
        || entry.at.elapsed() >= GRACE;
    let is_billed = entry.in_full && !cut;
    if said.usage != usage && (is_billed || !told) {
        return Err(format!("the usage is {:?}, not {usage:?}", said.usage));
    }
    if !entry.may_succeed {
        return Err("the vendor never sent the end of this".into());
    }
    Ok(serial)
}

/// An error as the caller's dialect has it, in one piece.
fn refusal(ask: &Ask, answer: &Answer) -> Result<(), String> {
    let status = answer.status;
    if !(400..600).contains(&status) {
        return Err("neither an answer nor an error".into());
    }
    // Our accounts are no business of callers.
    if matches!(status, 401..=403) {
        return Err("a caller was told of our accounts' trouble as if it were its own".into());
    }
    let body: Value = serde_json::from_slice(&answer.body)
        .map_err(|error| format!("the error is no JSON: {error}"))?;
    let error = &body["error"];
    let right = error["message"]
        .as_str()
        .is_some_and(|text| !text.is_empty())
        && match ask.front {
            // A vendor's own words may lack it.
            Front::Chat | Front::Responses => error["type"].is_string() || error["type"].is_null(),
            Front::Messages => body["type"] == "error" && error["type"].is_string(),
            Front::Gemini => error["code"] == status && error["status"].is_string(),
        };
    if !right {
        return Err("the error is not one of the caller's dialect".into());
    }
    if !header(&answer.headers, "content-type").starts_with("application/json") {
        return Err("the error is not called JSON".into());
    }
    Ok(())
}

/// Without what a vendor of the caller's own dialect has added to it, which passes as it came.
fn known(body: &[u8]) -> Vec<u8> {
    const EVENT: &str = r#"data: {"brand_new":{"depth":[1,null]},"type":"brand_new"}"#;
    let mut text = String::from_utf8_lossy(body).into_owned();
    for end in ["\n\n", "\r\n\r\n"] {
        text = text.replace(&format!("event: brand_new\n{EVENT}{end}"), "");
        text = text.replace(&format!("{EVENT}{end}"), "");
    }
    text = text.replace(r#""brand_new":{"depth":[1,null]},"#, "");
    text.replace(r#","brand_new":{"depth":[1,null]}"#, "")
        .into_bytes()
}

fn clean(
    world: &World,
    ask: &Ask,
    violations: Option<Vec<grammar::Violation>>,
) -> Result<(), String> {
    let mut violations = violations.ok_or("no grammar")?;
    // A vendor's ids are its own where nothing is translated.
    let last = world.log.of(ask.number).last().copied();
    let same = |entry: Entry| {
        let kind = VENDORS.iter().find(|kind| kind.name == entry.vendor);
        entry.fault == Fault::Named(Named::DuplicateIds)
            && kind.is_some_and(|kind| kind.wire.dialect() == ask.front.dialect())
    };
    if last.is_some_and(same) {
        violations.retain(|violation| !violation.message.ends_with("is there twice"));
    }
    if violations.is_empty() {
        return Ok(());
    }
    let all: Vec<String> = violations.iter().map(ToString::to_string).collect();
    Err(format!("against the grammar: {}", all.join("; ")))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}
