//! What is noted of each attempt in the call's [`Trail`](crate::Trail).

use std::time::Duration;

use tokio::time::Instant;

use super::lease::Lease;
use crate::{
    error::{Error, ErrorKind},
    request::ModelRequest,
    trail::{Step, Trail},
};

/// An account that is being asked. Dropped before it has answered, it was asked for nobody: the caller has left.
pub(super) struct Asking {
    trail: Trail,
    /// None once it is noted.
    step: Option<Step>,
    began: Instant,
}

/// An account is about to be asked.
pub(super) fn begun(request: &ModelRequest, lease: &Lease) -> Asking {
    let step = Step {
        provider: lease.state.provider.clone(),
        account: lease.state.account.clone(),
        model: lease.model.clone(),
        probe: lease.forced || lease.probe().is_some(),
        failure: None,
        status: None,
        took: Duration::ZERO,
    };
    Asking {
        trail: request.trail.clone(),
        step: Some(step),
        began: Instant::now(),
    }
}

impl Asking {
    pub(super) fn answered(mut self) {
        if let Some(mut step) = self.step.take() {
            step.took = self.began.elapsed();
            note(&self.trail, step);
        }
    }

    pub(super) fn failed(mut self, error: &Error) {
        if let Some(step) = self.step.take() {
            note(&self.trail, step.failed(error, self.began.elapsed()));
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(mut step) = self.step.take() {
            step.failure = Some(ErrorKind::Cancelled);
            step.took = self.began.elapsed();
            note(&self.trail, step);
        }
    }
}

/// Nobody could be asked.
pub(super) fn nobody(request: &ModelRequest, error: Error) -> Error {
    let step = Step {
        provider: "".into(),
        account: "".into(),
        model: request.model.clone(),
        probe: false,
        failure: None,
        status: None,
        took: Duration::ZERO,
    };
    note(&request.trail, step.failed(&error, Duration::ZERO));
    error.with_trail(request.trail.clone())
}

fn note(trail: &Trail, step: Step) {
    tracing::debug!(
        provider = &*step.provider,
        account = &*step.account,
        model = &*step.model,
        outcome = step.outcome(),
        took_ms = step.took.as_millis() as u64,
        "asked"
    );
    trail.add(step);
}
