//! Agents whose prompts grow turn by turn, and vendors who remember them for five minutes.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tokio::{task::JoinSet, time::sleep};
use trunkline::{
    pool::{Pool, Sticky},
    upstream::Timeouts,
};

use crate::{
    chance::Chance,
    load,
    page::{self, percent},
    score::Score,
    stack::{self, MODEL, Stack},
    vendor::{Mood, Plan, Vendors},
};

const SESSIONS: usize = 20;
const TURNS: usize = 40;

/// Together half as much again as the agents need, but not each at every moment.
const fn plan(key: &'static str) -> Plan {
    Plan {
        rpm: 30,
        ..Plan::new(key)
    }
}

const CALM: [Plan; 5] = [plan("a"), plan("b"), plan("c"), plan("d"), plan("e")];

const OUTAGE: [Plan; 5] = {
    let mut plans = CALM;
    plans[1].mood = |at| match at {
        180.0..270.0 => Mood::Failing,
        _ => Mood::Well,
    };
    plans
};

const SINGLE: [Plan; 1] = [Plan::new("one")];

#[tokio::test(start_paused = true)]
async fn sessions_find_their_prompts_again() {
    let timeouts = Timeouts::default();
    let (mut rows, mut single) = (Vec::new(), None);
    let sticky = || {
        Pool::new()
            .balance(Sticky::new())
            .wait(Duration::from_secs(5))
    };
    for (who, plans) in [
        ("one account without limits", &SINGLE[..]),
        ("sticky", &CALM),
        ("sticky, limits learned", &CALM),
        ("sticky, one account fails for 90 s", &OUTAGE),
        ("weighted", &CALM),
        ("round robin", &CALM),
        ("random", &CALM),
    ] {
        let vendors = Vendors::new(plans, 8);
        let stack = match who {
            "round robin" => stack::round_robin(plans, timeouts, &vendors),
            "random" => stack::random(plans, timeouts, &vendors),
            "weighted" => stack::ours(plans, true, Pool::new(), timeouts, &vendors),
            "sticky, limits learned" => stack::ours(plans, false, sticky(), timeouts, &vendors),
            _ => stack::ours(plans, true, sticky(), timeouts, &vendors),
        };
        let score = play(&stack, &vendors).await;
        let best = *single.get_or_insert(score.hits());
        if who.starts_with("sticky") {
            assert_eq!(score.failed(), 0, "{who}");
            assert!(score.hits() >= best - 0.02, "{who}: {}", score.hits());
        }
        rows.push(vec![
            who.to_owned(),
            score.calls.len().to_string(),
            score.failed().to_string(),
            percent(score.hits()),
        ]);
    }
    page::check(
        "agents",
        &["who", "calls", "failures seen", "of the prompts cached"],
        &rows,
    );
}

async fn play(stack: &Stack, vendors: &Vendors) -> Score {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let mut agents = JoinSet::new();
    for session in 0..SESSIONS {
        let (stack, vendors, calls) = (stack.clone(), vendors.clone(), calls.clone());
        agents.spawn(async move {
            let chance = Chance::new(100 + session as u64);
            sleep(Duration::from_secs_f64(chance.between(0.0, 20.0))).await;
            let mut said = said("system", &"You are an agent. ".repeat(120));
            for turn in 0..TURNS {
                let words = 20 + chance.below(40);
                said += &format!(
                    ",{}",
                    self::said("user", &format!("s{session}t{turn} ").repeat(words))
                );
                let body = format!(r#"{{"messages":[{said}],"model":"{MODEL}"}}"#);
                let request = load::request(Bytes::from(body), "agents");
                let call = load::call(request, "agents", stack.clone(), &vendors).await;
                calls.lock().unwrap().push(call);
                said += &format!(
                    ",{}",
                    self::said("assistant", &format!("a{turn} ").repeat(words * 2))
                );
                sleep(Duration::from_secs_f64(chance.between(2.0, 18.0))).await;
            }
        });
    }
    while let Some(done) = agents.join_next().await {
        done.unwrap();
    }
    let calls = std::mem::take(&mut *calls.lock().unwrap());
    Score {
        calls,
        tally: vendors.tally(),
    }
}

fn said(role: &str, text: &str) -> String {
    format!(r#"{{"role":"{role}","content":"{text}"}}"#)
}
