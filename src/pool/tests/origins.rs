//! A conversation goes back to who can read its reasoning.

use super::*;
use crate::{origin::Origin, upstream::Deployment};

fn grouped(name: &str, group: &str) -> Arc<Account> {
    Arc::new(Account::new(name, Secret::new("sk-canary")).with_group(group))
}

/// A call whose conversation was last with `account` of this group.
fn from(account: Arc<Account>) -> ModelRequest {
    let deployment = Deployment::new(provider("acme"), account, "large");
    let mark = Origin::of("openai-responses", &deployment).to_string();
    let body = format!(
        r#"{{"model":"m","messages":[{{"x":"tl1.openai-responses.{mark}gAAA"}},{{"content":"go on"}}]}}"#
    );
    let payload = Payload::json(&OpenAiChat, Bytes::from(body)).unwrap();
    ModelRequest::new("m", Operation::Chat, payload)
}

fn three() -> Pools {
    let vendor = Vendor::new(provider("acme"), "large")
        .account(grouped("a", "one"), 100)
        .account(grouped("b", "two"), 1)
        // A spare, but of the right group.
        .account(grouped("c", "two"), 0);
    pools(Pool::new().vendor(vendor))
}

#[tokio::test(start_paused = true)]
async fn the_group_that_made_the_reasoning_comes_first_if_it_can() {
    let pools = three();
    let vendors = Vendors::by_account(|account| (account == "b").then(|| rate_limited(60)));
    for _ in 0..5 {
        assert_eq!(call(&pools, &vendors).await.unwrap(), "a");
    }
    // B is asked first and is out; then the other of its group, then anybody.
    let call = || call_with(&pools, &vendors, from(grouped("b", "two")));
    assert_eq!(call().await.unwrap(), "c");
    assert_eq!(vendors.accounts()[5..], ["b", "c"]);
    assert_eq!(call().await.unwrap(), "c", "and b is left alone");
    let gone = call_with(&pools, &vendors, from(grouped("z", "gone"))).await;
    assert_eq!(gone.unwrap(), "a", "an origin nobody has is no reason");
    let one = Vendors::by_account(|account| (account != "a").then(|| rate_limited(60)));
    assert_eq!(
        call_with(&pools, &one, from(grouped("b", "two")))
            .await
            .unwrap(),
        "a"
    );
}

#[tokio::test(start_paused = true)]
async fn attempts_know_whether_there_are_other_groups() {
    for (groups, mixed) in [(["x", "y"], true), (["x", "x"], false)] {
        let vendor = Vendor::new(provider("acme"), "large")
            .account(grouped("a", groups[0]), 1)
            .account(grouped("b", groups[1]), 1);
        let pools = pools(Pool::new().vendor(vendor));
        let vendors = Vendors::new(move |attempt| {
            assert_eq!(attempt.mixed, mixed);
            Act::Serve
        });
        call(&pools, &vendors).await.unwrap();
    }
}
