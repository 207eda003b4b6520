//! Every place is given back, exactly once, however the call ends.

use super::*;
use crate::{Body, response::Complete};

#[tokio::test(start_paused = true)]
async fn a_stream_holds_its_place_to_the_end() {
    let pools = pools(pool(&["a"]));
    let vendors = Vendors::all(|| Act::Serve);
    let response = begin(&pools, &vendors, request()).await.unwrap();
    assert_eq!(status(&pools, "a").in_flight, 1);
    finish(response).await;
    assert_eq!(status(&pools, "a").in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_place_comes_back_on_every_path() {
    // Pains P97, P99.
    let one = Limits {
        concurrency: Some(1),
        ..Limits::default()
    };
    let vendor = Vendor::new(provider("acme"), "large").account(limited("a", one), 1);
    let pools = pools(Pool::new().vendor(vendor).failures(0));
    for _ in 0..50 {
        let cancelled = Vendors::all(|| Act::Hang);
        let mut pending = tokio_test::task::spawn(begin(&pools, &cancelled, request()));
        assert!(pending.poll().is_pending());
        assert_eq!(status(&pools, "a").in_flight, 1, "before an answer");
        drop(pending);
        assert_eq!(status(&pools, "a").in_flight, 0, "dropped before an answer");

        let failing = Vendors::all(|| Act::Fail(error(ErrorKind::Server)));
        call(&pools, &failing).await.unwrap_err();
        assert_eq!(status(&pools, "a").in_flight, 0, "an error");

        let serving = Vendors::all(|| Act::Serve);
        drop(begin(&pools, &serving, request()).await.unwrap());
        assert_eq!(status(&pools, "a").in_flight, 0, "a stream dropped");

        call(&pools, &serving).await.unwrap();
        assert_eq!(status(&pools, "a").in_flight, 0, "a stream read");

        call(&pools, &Vendors::all(|| Act::Break)).await.unwrap();
        assert_eq!(status(&pools, "a").in_flight, 0, "a stream broken");
    }
    assert!(status(&pools, "a").cooldowns.is_empty());
}

#[tokio::test(start_paused = true)]
async fn whole_and_opaque_answers_give_it_back_too() {
    let pools = pools(pool(&["a"]));
    for whole in [true, false] {
        let vendors = tower::service_fn(move |attempt: Attempt| async move {
            let reply = match whole {
                true => Reply::Complete(Complete::json(&Priced, Bytes::from("42"))),
                false => Reply::Opaque(Body::from("sound")),
            };
            Ok::<_, Error>(ModelResponse::new(attempt.deployment.served(1), reply))
        });
        let service = PoolLayer::new(pools.clone()).layer(vendors);
        let response = service.oneshot(request()).await.unwrap();
        assert_eq!(status(&pools, "a").in_flight, u32::from(!whole));
        drop(response);
        assert!(nobody_in_flight(&pools));
    }
}

/// A dialect whose answers are a number of tokens.
#[derive(Debug)]
struct Priced;

impl crate::dialect::Dialect for Priced {
    fn name(&self) -> &'static str {
        "priced"
    }

    fn path(&self, _: &crate::dialect::Call<'_>) -> std::borrow::Cow<'static, str> {
        "/".into()
    }

    fn encode_request(
        &self,
        _: &crate::chat::ChatRequest,
        _: &crate::dialect::Target<'_>,
        _: &mut crate::chat::Fidelity,
    ) -> Result<Bytes, Error> {
        unreachable!("nothing is encoded here")
    }

    fn decode_response(&self, _: &[u8]) -> Result<crate::chat::ChatResponse, Error> {
        unreachable!("nothing is decoded here")
    }

    fn decoder(&self) -> Box<dyn crate::dialect::EventDecoder> {
        unreachable!("nothing is decoded here")
    }

    fn usage(&self, _: &[u8]) -> Option<Usage> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_left_changes_nothing_for_the_account() {
    let pools = pools(pool(&["a"]).failures(1));
    let hanging = Vendors::all(|| Act::Hang);
    for _ in 0..5 {
        let waiting = tokio::time::timeout(secs(1), begin(&pools, &hanging, request()));
        assert!(waiting.await.is_err());
    }
    assert!(status(&pools, "a").cooldowns.is_empty());
    assert!(nobody_in_flight(&pools));
}
