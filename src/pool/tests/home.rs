//! Calls for whoever keeps something, instead of whoever serves a model.

use super::*;
use crate::issued::{AccountTag, Pin};

fn resource() -> ModelRequest {
    let operation = Operation::Resource {
        method: http::Method::GET,
        path: "/files".into(),
    };
    ModelRequest::new("", operation, Payload::opaque(Bytes::new(), None))
}

fn pinned(mut request: ModelRequest, account: &str) -> ModelRequest {
    let tag = AccountTag::of("acme", account);
    request.pin = Some(Pin::new(tag, format!("file-of-{account}")));
    request
}

#[tokio::test(start_paused = true)]
async fn a_pinned_call_is_for_one_account_only() {
    let pools = pools(pool(&["a", "b"]));
    let vendors = Vendors::all(|| Act::Serve);
    for account in ["a", "b", "b", "a"] {
        let served = call_with(&pools, &vendors, pinned(request(), account)).await;
        assert_eq!(served.unwrap(), account);
        let served = call_with(&pools, &vendors, pinned(resource(), account)).await;
        assert_eq!(served.unwrap(), account);
    }
    // What is asked of the model counts for the model, the rest for none.
    let models: Vec<_> = vendors.seen().into_iter().map(|seen| seen.model).collect();
    assert_eq!(models.join(","), "large,,large,,large,,large,");

    let failing = Vendors::by_account(|_| Some(error(ErrorKind::Server)));
    let failed = call_with(&pools, &failing, pinned(request(), "a")).await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(failing.accounts(), ["a"], "nobody else has it");
    assert!(nobody_in_flight(&pools));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_out_says_when_it_is_back() {
    let pools = pools(pool(&["a", "b"]));
    assert!(pools.report_health("acme", "a", Err(&rate_limited(20))));
    let vendors = Vendors::all(|| Act::Serve);
    for request in [pinned(request(), "a"), pinned(resource(), "a")] {
        let error = call_with(&pools, &vendors, request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exhausted);
        assert_eq!(error.retry_after(), Some(secs(20)));
    }
    let served = call_with(&pools, &vendors, pinned(request(), "b")).await;
    assert_eq!(served.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn who_is_not_known_is_not_asked() {
    let pools = pools(pool(&["a"])).pool("other", pool(&["b"]));
    let vendors = Vendors::all(|| Act::Serve);
    for request in [request(), resource()] {
        let error = call_with(&pools, &vendors, pinned(request, "gone")).await;
        let error = error.unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::NotFound, Some("unknown_id"))
        );
        assert!(error.message().contains("file-of-gone"));
    }
    // It is known, but not for this model; what it keeps can be had all the same.
    let error = call_with(&pools, &vendors, pinned(request(), "b"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("model_not_at_account"));
    let served = call_with(&pools, &vendors, pinned(resource(), "b")).await;
    assert_eq!(served.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_model_goes_home() {
    let other = Vendor::new(provider("other"), "x").account(account("c"), 1);
    let pools = pools(pool(&["a", "b"])).pool("n", Pool::new().vendor(other));
    let vendors = Vendors::all(|| Act::Serve);
    let error = call_with(&pools, &vendors, resource()).await.unwrap_err();
    assert_eq!(error.code(), Some("account_unknown"));
    let pools = pools.home(["nobody", "other", "acme"]);
    assert_eq!(call_with(&pools, &vendors, resource()).await.unwrap(), "c");
    // New pools bring their own home.
    pools.replace(&Pools::new().pool("m", pool(&["a"])).home(["acme"]));
    assert_eq!(call_with(&pools, &vendors, resource()).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn an_answer_names_its_account_if_there_is_another() {
    let vendors = Vendors::all(|| Act::Serve);
    let issuer =
        async |pools: &Pools, request| begin(pools, &vendors, request).await.unwrap().issuer;
    let one = pools(pool(&["a"])).home(["acme"]);
    assert_eq!(issuer(&one, request()).await, None);
    // What is kept may be asked for when there are more.
    let tag = Some(AccountTag::of("acme", "a"));
    assert_eq!(issuer(&one, resource()).await, tag);
    let two = pools(pool(&["a"])).pool("n", pool(&["b"]));
    assert_eq!(issuer(&two, request()).await, tag);
}
