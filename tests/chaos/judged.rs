//! The judge itself: it lets the right endings pass, and no others.

use std::{sync::Mutex, time::Duration};

use http::HeaderMap;
use tokio::time::Instant;

use crate::{
    ask::{Ask, Form, Front, Leave, marker},
    client::{Answer, Got},
    fault::Fault,
    guard::Count,
    judge::{Verdict, judge},
    log::{Entry, Log},
    problems::Problems,
    said::Said,
    server::World,
    vendors::VENDORS,
};

const SEED: u64 = 7;

/// A world in which the first vendor was asked once for the first request.
fn world(may_succeed: bool) -> World {
    let log = Log::new(2);
    let entry = Entry {
        vendor: VENDORS[0].name,
        at: Instant::now(),
        ended: None,
        fault: Fault::None,
        may_succeed,
        in_full: may_succeed,
    };
    log.add(0, |_| (entry, ()));
    World {
        seed: SEED,
        log,
        problems: Problems::new(SEED),
        answering: Count::default(),
        connections: Count::default(),
        deaths: Mutex::default(),
    }
}

fn ask(form: Form) -> Ask {
    Ask {
        number: 0,
        front: Front::Chat,
        form,
        usage: true,
        tools: true,
        model: "any".into(),
        leave: Leave::Never,
        marker: marker(SEED, 0),
    }
}

/// What the vendor says, as the caller should hear it.
fn right(ask: &Ask) -> String {
    let said = Said::new(SEED, ask, VENDORS[0].name, 0);
    let script = said.script(SEED, ask, VENDORS[0].wire, 0);
    let answer = script.openai("any", ask.form != Form::Whole, true);
    String::from_utf8(answer.content().to_vec()).unwrap()
}

fn got(form: Form, status: u16, body: &str, broken: bool) -> Got {
    let kind = match (form, status) {
        (Form::Events, 200) => "text/event-stream",
        _ => "application/json",
    };
    let mut headers = HeaderMap::new();
    headers.insert("content-type", kind.parse().unwrap());
    headers.insert("x-request-id", marker(SEED, 0).parse().unwrap());
    Got::Answer(Answer {
        status,
        headers,
        body: body.into(),
        broken: broken.then(|| "cut".into()),
        took: Duration::ZERO,
    })
}

#[tokio::test]
async fn the_judge_takes_one_legal_ending_and_no_other() {
    let (events, whole) = (right(&ask(Form::Events)), right(&ask(Form::Whole)));
    let (half, _) = events.split_at(events.len() / 2);
    let half = &half[..half.rfind("\n\n").unwrap() + 2];
    let failure = r#"{"error":{"message":"no","type":"server_error","param":null,"code":null}}"#;
    let told = format!("{half}data: {failure}\n\n");
    let swapped = whole
        .replacen("trunk", "trump", 1)
        .replacen("line", "lime", 1);
    let another = whole.replace(&marker(SEED, 0), &marker(SEED, 1));
    let usage = whole.replacen("\"completion_tokens\":", "\"completion_tokens\":1", 1);
    let renamed = whole.replacen("\"name\":\"", "\"name\":\"x", 1);
    let theirs = failure.replace("no", "your key is wrong");
    let (yes, in_band) = (Verdict::Served(0), Verdict::InBand);
    let (stream, one) = (Form::Events, Form::Whole);
    // What the client got, whether the vendor sent the end of it, and the verdict.
    for (what, got, sent, want) in [
        ("a stream", got(stream, 200, &events, false), true, yes),
        ("an answer", got(one, 200, &whole, false), true, yes),
        (
            "an error",
            got(one, 503, failure, false),
            true,
            Verdict::Refused(503),
        ),
        ("one inside", got(stream, 200, &told, true), true, in_band),
        (
            "a clean end after an error",
            got(stream, 200, &told, false),
            true,
            Verdict::Wrong,
        ),
        (
            "a partial stream",
            got(stream, 200, half, false),
            true,
            Verdict::Wrong,
        ),
        (
            "cut without a word",
            got(stream, 200, half, true),
            true,
            Verdict::Wrong,
        ),
        (
            "success and cut",
            got(stream, 200, &events, true),
            true,
            Verdict::Wrong,
        ),
        (
            "never sent in full",
            got(one, 200, &whole, false),
            false,
            Verdict::Wrong,
        ),
        (
            "another text",
            got(one, 200, &swapped, false),
            true,
            Verdict::Wrong,
        ),
        (
            "another bill",
            got(one, 200, &usage, false),
            true,
            Verdict::Wrong,
        ),
        (
            "an error page",
            got(one, 502, "<html>", false),
            true,
            Verdict::Wrong,
        ),
        (
            "our key",
            got(one, 401, &theirs, false),
            true,
            Verdict::Wrong,
        ),
        (
            "an error as success",
            got(one, 200, failure, false),
            true,
            Verdict::Wrong,
        ),
        (
            "nothing",
            Got::Nothing("closed".into()),
            true,
            Verdict::Wrong,
        ),
    ] {
        let form = match &got {
            Got::Answer(answer) if answer.headers["content-type"] == "text/event-stream" => stream,
            _ => one,
        };
        let world = world(sent);
        let verdict = judge(&world, &ask(form), &got);
        assert_eq!(verdict, want, "{what}: {:?}", world.problems.all());
        assert_eq!(
            world.problems.all().is_empty(),
            want != Verdict::Wrong,
            "{what}"
        );
    }
    // Whoever gets another's answer is told of it twice.
    for body in [&another, &renamed] {
        let world = world(true);
        judge(&world, &ask(one), &got(one, 200, body, false));
        assert!(!world.problems.all().is_empty(), "{body}");
    }
}
