//! What refusals mean.

use super::bench::{Bench, Check, Finding, Outcome, have, must, shown, wrong};
use crate::{
    Error,
    error::ErrorKind::{
        self, Authentication, ContextLength, InvalidRequest, NotFound, Overloaded, QuotaExhausted,
        RateLimited, Server, Timeout, TooLarge, Unsupported,
    },
    testing::{Answer, Fault},
};

const CLASSIFY: &str = "Provider::classify or Dialect::classify: `dialect::classify` knows the usual statuses; keep its opinion where the vendor's words do not tell more";

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "401 is about our key",
        fix: CLASSIFY,
        run: |b| Box::pin(status(b, 401, &[Authentication])),
    },
    Check {
        name: "402 is about our money",
        fix: CLASSIFY,
        run: |b| Box::pin(status(b, 402, &[QuotaExhausted])),
    },
    Check {
        name: "403 is about our key or its rights",
        fix: CLASSIFY,
        run: |b| Box::pin(status(b, 403, &[Authentication, Unsupported])),
    },
    Check {
        name: "404 is a model that is not there",
        fix: CLASSIFY,
        run: |b| Box::pin(status(b, 404, &[Unsupported, NotFound])),
    },
    Check {
        name: "408 may be tried again",
        fix: CLASSIFY,
        run: |b| Box::pin(status(b, 408, &[Timeout, Server, Overloaded])),
    },
    Check {
        name: "413 is about the size of the request",
        fix: CLASSIFY,
        run: |b| Box::pin(status(b, 413, &[TooLarge, ContextLength, InvalidRequest])),
    },
    Check {
        name: "429 is a limit of the account",
        fix: CLASSIFY,
        run: |b| Box::pin(status(b, 429, &[RateLimited])),
    },
    Check {
        name: "500 is a failure of the vendor",
        fix: CLASSIFY,
        run: |b| Box::pin(status(b, 500, &[Server])),
    },
    Check {
        name: "503 is too much load",
        fix: CLASSIFY,
        run: |b| Box::pin(status(b, 503, &[Overloaded, Server])),
    },
    Check {
        name: "529 is too much load",
        fix: CLASSIFY,
        run: |b| Box::pin(status(b, 529, &[Overloaded])),
    },
    Check {
        name: "the vendor's words are kept",
        fix: "Provider::classify or Dialect::classify: Error::message is what the vendor wrote",
        run: |b| Box::pin(words(b)),
    },
    Check {
        name: "retry-after is read",
        fix: "Provider::classify or Dialect::classify: Error::with_retry_after; `dialect::retry_after` reads the usual headers",
        run: |b| Box::pin(retry_after(b)),
    },
    Check {
        name: "an error inside a 200 is an error",
        fix: "Dialect::decode_response: return an error where the body is none of the vendor's answers",
        run: |b| Box::pin(inside(b)),
    },
    Check {
        name: "a truncated answer is no success",
        fix: "Dialect::decode_response: return an error for JSON that is not whole",
        run: |b| Box::pin(truncated(b)),
    },
];

async fn refused(b: &Bench, answer: Answer) -> Result<Error, Finding> {
    let asked = b.ask(b.chat(false), answer).await;
    let came = shown(&asked.result);
    asked.result.err().ok_or_else(|| wrong("an error", came))
}

fn refusal(b: &Bench, status: u16) -> Result<Answer, Finding> {
    let refusals = &b.fixtures.refusals;
    let found = refusals.iter().find(|(known, _)| *known == status);
    Ok(have(found, "refusal of this status")?.1.clone())
}

async fn status(b: &Bench, status: u16, kinds: &[ErrorKind]) -> Outcome {
    let error = refused(b, refusal(b, status)?).await?;
    must(
        kinds.contains(&error.kind()),
        format!("one of {kinds:?}"),
        || format!("{error:?}"),
    )
}

async fn words(b: &Bench) -> Outcome {
    for status in [401, 429, 500] {
        let error = refused(b, refusal(b, status)?).await?;
        must(
            error.message().contains("Conformance refuses."),
            "a message with \"Conformance refuses.\"",
            || format!("{error:?}"),
        )?;
    }
    Ok(())
}

async fn retry_after(b: &Bench) -> Outcome {
    let (answer, after) = have(
        b.fixtures.wait.clone(),
        "refusal that says when to come back",
    )?;
    let error = refused(b, answer).await?;
    let came = error.retry_after();
    // It may have been told as a moment, which comes nearer.
    let near = came.is_some_and(|came| came.abs_diff(after).as_secs() <= 1);
    must(near, format!("{after:?}"), || format!("{came:?}"))
}

async fn inside(b: &Bench) -> Outcome {
    let answer = have(b.fixtures.error_inside.clone(), "error under a 200")?;
    refused(b, answer).await.map(drop)
}

async fn truncated(b: &Bench) -> Outcome {
    let whole = have(b.text()?.whole.as_ref(), "whole answer")?;
    for place in [0.3, 0.6, 0.9, 1.0] {
        let cut = whole.clone().fault_at(Fault::EarlyEnd, place);
        refused(b, cut).await?;
    }
    Ok(())
}
