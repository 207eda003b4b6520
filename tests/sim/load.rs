//! Callers who come when they like, not when the last one is done.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tower::ServiceExt;
use trunkline::{
    Error, ModelRequest,
    chat::{ChatEvent, Usage},
    dialect::openai_chat::OpenAiChat,
    request::{Caller, Operation, Payload},
    response::Reply,
};

use crate::{
    chance::Chance,
    score::{Call, Score},
    stack::{MODEL, Stack},
    vendor::Vendors,
};

#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub per_minute: f64,
    pub minutes: f64,
    /// How long a caller is willing to wait.
    pub timeout: Duration,
    pub tenant: &'static str,
    pub streams: bool,
    pub seed: u64,
}

/// Poisson arrivals of small calls.
pub async fn run(loads: &[Load], stack: &Stack, vendors: &Vendors) -> Score {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let mut loads: JoinSet<()> = loads
        .iter()
        .map(|load| one(*load, stack.clone(), vendors.clone(), calls.clone()))
        .collect();
    while let Some(done) = loads.join_next().await {
        done.unwrap();
    }
    let calls = std::mem::take(&mut *calls.lock().unwrap());
    Score {
        calls,
        tally: vendors.tally(),
    }
}

async fn one(load: Load, stack: Stack, vendors: Vendors, calls: Arc<Mutex<Vec<Call>>>) {
    let chance = Chance::new(load.seed);
    let bodies: Vec<Bytes> = (0..16)
        .map(|i| body(&"x".repeat(800 + i * 100), load.streams))
        .collect();
    let begun = Instant::now();
    let mut at = 0.0;
    let mut running = JoinSet::new();
    loop {
        at += chance.gap(load.per_minute / 60.0);
        if at > load.minutes * 60.0 {
            break;
        }
        sleep_until(begun + Duration::from_secs_f64(at)).await;
        let request = request(bodies[chance.below(bodies.len())].clone(), load.tenant)
            .with_timeout(load.timeout);
        let (stack, vendors, calls) = (stack.clone(), vendors.clone(), calls.clone());
        running.spawn(async move {
            let call = call(request, load.tenant, stack, &vendors).await;
            calls.lock().unwrap().push(call);
        });
        while running.try_join_next().is_some() {}
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

pub fn request(body: Bytes, tenant: &str) -> ModelRequest {
    let mut request = ModelRequest::new(
        MODEL,
        Operation::Chat,
        Payload::json(&OpenAiChat, body).unwrap(),
    );
    request.caller = Caller::from_key(tenant);
    request
}

pub async fn call(
    request: ModelRequest,
    tenant: &'static str,
    stack: Stack,
    vendors: &Vendors,
) -> Call {
    let bytes = request.payload.bytes().len();
    let begun = Instant::now();
    let answer = async {
        match stack.oneshot(request).await?.reply {
            Reply::Complete(complete) => Ok(complete.usage()),
            Reply::Stream(stream) => {
                let mut usage = None;
                let mut events = stream.into_events();
                while let Some(event) = events.next().await {
                    if let ChatEvent::Usage(told) = event? {
                        usage = Some(told);
                    }
                }
                Ok(usage)
            }
            _ => panic!("not an answer"),
        }
    };
    let answer: Result<Option<Usage>, Error> = answer.await;
    let took = begun.elapsed();
    let (usage, failure, open) = match answer {
        Ok(usage) => (usage, None, None),
        Err(error) => (None, Some(error.kind()), vendors.any_open(bytes)),
    };
    Call {
        tenant,
        took,
        usage,
        failure,
        open,
    }
}

fn body(text: &str, streams: bool) -> Bytes {
    let messages = format!(r#"[{{"role":"user","content":"{text}"}}]"#);
    format!(r#"{{"messages":{messages},"model":"{MODEL}","stream":{streams}}}"#).into()
}
