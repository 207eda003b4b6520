//! Sessions that stay where they are.

use std::collections::HashMap;

use super::*;

fn serving() -> Vendors {
    Vendors::all(|| Act::Serve)
}

fn of(session: &str) -> ModelRequest {
    let mut request = request();
    request.affinity = Some(session.into());
    request
}

fn sticky(accounts: &[&str]) -> Pools {
    pools(pool(accounts).balance(Sticky::new()))
}

async fn owner(pools: &Pools, session: &str) -> String {
    call_with(pools, &serving(), of(session)).await.unwrap()
}

/// A pool of `a` and `b`, and a session that `a` has.
async fn session_of_a(pools: &Pools) -> String {
    for n in 0.. {
        let session = format!("session {n}");
        if owner(pools, &session).await == "a" {
            return session;
        }
    }
    unreachable!()
}

#[tokio::test(start_paused = true)]
async fn every_session_stays_and_all_are_shared_out_by_weight() {
    // Pain P101.
    let vendor = Vendor::new(provider("acme"), "large")
        .account(account("heavy"), 3)
        .account(account("light"), 1);
    let pools = pools(Pool::new().vendor(vendor).balance(Sticky::new()));
    let mut owners = HashMap::new();
    let mut heavy = 0;
    for n in 0..2_000 {
        let session = n.to_string();
        let first = owner(&pools, &session).await;
        heavy += u32::from(first == "heavy");
        owners.insert(session, first);
    }
    assert!((1_420..1_580).contains(&heavy), "{heavy}");
    for (session, first) in &owners {
        assert_eq!(owner(&pools, session).await, *first);
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_owner_lends_its_session_for_one_call() {
    // Pain P103.
    let limits = Limits::default().concurrency(1);
    let vendor = Vendor::new(provider("acme"), "large")
        .account(limited("a", limits), 1)
        .account(account("b"), 1);
    let pools = pools(Pool::new().vendor(vendor).balance(Sticky::new()));
    let session = session_of_a(&pools).await;
    let open = begin(&pools, &serving(), of(&session)).await.unwrap();
    assert_eq!(owner(&pools, &session).await, "b", "borrowed");
    drop(open);
    assert_eq!(owner(&pools, &session).await, "a", "and given back");
}

#[tokio::test(start_paused = true)]
async fn one_failure_does_not_move_a_session() {
    let pools = sticky(&["a", "b"]);
    let session = session_of_a(&pools).await;
    let vendors = Vendors::by_account(|a| (a == "a").then(|| error(ErrorKind::Connection)));
    let served = call_with(&pools, &vendors, of(&session)).await.unwrap();
    assert_eq!(served, "b");
    assert_eq!(owner(&pools, &session).await, "a");
}

#[tokio::test(start_paused = true)]
async fn a_session_moves_when_its_owner_is_out_and_does_not_flap_back() {
    // Pains P102, P104.
    let pools = sticky(&["a", "b"]);
    let session = session_of_a(&pools).await;
    assert!(pools.report_health("acme", "a", Err(&rate_limited(60))));
    assert_eq!(owner(&pools, &session).await, "b");
    tokio::time::advance(secs(61)).await;
    for _ in 0..10 {
        assert_eq!(owner(&pools, &session).await, "b", "it stays");
    }
    let other = session_of_a(&pools).await;
    assert_ne!(other, session, "new ones go to both");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_slept_through_an_outage_did_not_move() {
    let pools = sticky(&["a", "b"]);
    let session = session_of_a(&pools).await;
    assert!(pools.report_health("acme", "a", Err(&rate_limited(60))));
    tokio::time::advance(secs(61)).await;
    assert_eq!(owner(&pools, &session).await, "a");
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_takes_only_its_own_sessions_along() {
    let three = sticky(&["a", "b", "c"]);
    // As after a restart: nothing is remembered.
    let two = sticky(&["a", "b"]);
    for n in 0..200 {
        let session = n.to_string();
        let before = owner(&three, &session).await;
        if before != "c" {
            assert_eq!(owner(&two, &session).await, before);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_stays_with_a_spare_that_it_came_to() {
    let vendor = Vendor::new(provider("acme"), "large")
        .account(account("a"), 1)
        .account(account("spare"), 0);
    let pools = pools(Pool::new().vendor(vendor).balance(Sticky::new()));
    assert_eq!(owner(&pools, "s").await, "a");
    assert!(pools.report_health("acme", "a", Err(&rate_limited(60))));
    assert_eq!(owner(&pools, "s").await, "spare");
    tokio::time::advance(secs(61)).await;
    assert_eq!(owner(&pools, "s").await, "spare");
    for n in 0..20 {
        assert_eq!(owner(&pools, &n.to_string()).await, "a", "new ones do not");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_name_no_session_are_told_by_how_they_begin() {
    let pools = sticky(&["a", "b"]);
    let say = |text: &str, more: &str| {
        let body =
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}{more}]}}"#);
        let payload = Payload::json(&OpenAiChat, Bytes::from(body)).unwrap();
        ModelRequest::new("m", Operation::Chat, payload)
    };
    let mut seen = std::collections::HashSet::new();
    for n in 0..50 {
        let text = format!("question {n}");
        let first = call_with(&pools, &serving(), say(&text, "")).await.unwrap();
        let more = r#",{"role":"assistant","content":"42"},{"role":"user","content":"why?"}"#;
        let second = call_with(&pools, &serving(), say(&text, more))
            .await
            .unwrap();
        assert_eq!(first, second);
        seen.insert(first);
    }
    assert_eq!(seen.len(), 2);
}
