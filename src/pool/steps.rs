//! What is noted of each attempt in the call's [`Trail`](crate::Trail).

use std::time::Duration;

use tokio::time::Instant;

use super::lease::Lease;
use crate::{error::Error, request::ModelRequest, trail::Step};

/// An account is about to be asked.
pub(super) fn begun(lease: &Lease, request: &ModelRequest) -> Step {
    Step {
        provider: lease.state.provider.clone(),
        account: lease.state.account.clone(),
        model: lease.model.clone(),
        probe: lease.forced || lease.probe().is_some(),
        continues: request.continues,
        failure: None,
        status: None,
        took: Duration::ZERO,
    }
}

pub(super) fn answered(request: &ModelRequest, mut step: Step, began: Instant) {
    step.took = began.elapsed();
    note(request, step);
}

pub(super) fn failed(request: &ModelRequest, step: Step, error: &Error, began: Instant) {
    note(request, step.failed(error, began.elapsed()));
}

/// Nobody could be asked.
pub(super) fn nobody(request: &ModelRequest, error: Error) -> Error {
    let step = Step {
        provider: "".into(),
        account: "".into(),
        model: request.model.clone(),
        probe: false,
        continues: request.continues,
        failure: None,
        status: None,
        took: Duration::ZERO,
    };
    note(request, step.failed(&error, Duration::ZERO));
    error.with_trail(request.trail.clone())
}

fn note(request: &ModelRequest, step: Step) {
    tracing::debug!(
        provider = &*step.provider,
        account = &*step.account,
        model = &*step.model,
        outcome = step.outcome(),
        took_ms = step.took.as_millis() as u64,
        "asked"
    );
    request.trail.add(step);
}
