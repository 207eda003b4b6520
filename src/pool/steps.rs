//! What is noted of each attempt in the call's [`Trail`](crate::Trail).

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    account::{AccountState, Start},
    lease::Lease,
};
use crate::{
    error::{Error, ErrorKind},
    hedge::Race,
    request::ModelRequest,
    trail::{Step, Trail},
};

/// An attempt under way. One that is dropped without having been told what came of it was given up: by a caller who left, which says
/// nothing of the account, or because another was first.
pub(super) struct Asking<'a> {
    /// None once it was noted.
    step: Option<Step>,
    place: u32,
    began: Instant,
    trail: &'a Trail,
    /// Apart: few calls are hedged.
    rival: Option<Box<Rival>>,
}

/// What it takes to be outrun.
struct Rival {
    race: Race,
    state: Arc<AccountState>,
    model: Arc<str>,
    start: Option<Start>,
}

impl<'a> Asking<'a> {
    /// An account is about to be asked.
    pub(super) fn new(request: &'a ModelRequest, lease: &Lease) -> Self {
        let race = request.race.as_ref();
        if let Some(race) = race {
            race.asks(lease.state.tag);
        }
        let step = Step {
            provider: lease.state.provider.clone(),
            account: lease.state.account.clone(),
            model: lease.model().clone(),
            probe: lease.forced || lease.probe().is_some(),
            continues: request.continues,
            hedge: race.is_some_and(Race::is_second),
            outrun: false,
            failure: None,
            status: None,
            took: Duration::ZERO,
        };
        Self {
            step: Some(step),
            place: request.trail.begin(),
            // It was picked just now.
            began: lease.begun().unwrap_or_else(Instant::now),
            trail: &request.trail,
            rival: race.map(|race| {
                Box::new(Rival {
                    race: race.clone(),
                    state: lease.state.clone(),
                    model: lease.model().clone(),
                    start: lease.start,
                })
            }),
        }
    }

    pub(super) fn answered(mut self, now: Instant) {
        let took = now.saturating_duration_since(self.began);
        self.note(|step| Step { took, ..step });
    }

    pub(super) fn failed(mut self, error: &Error) {
        let took = self.began.elapsed();
        if let Some(rival) = &self.rival {
            rival.race.failed();
        }
        self.note(|step| step.failed(error, took));
    }

    fn note(&mut self, told: impl FnOnce(Step) -> Step) {
        if let Some(step) = self.step.take() {
            note(self.trail, self.place, told(step));
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if self.step.is_none() {
            return;
        }
        let took = self.began.elapsed();
        let Some(rival) = self.rival.take().filter(|rival| rival.race.is_over()) else {
            self.note(|step| Step {
                failure: Some(ErrorKind::Cancelled),
                took,
                ..step
            });
            return;
        };
        if let Some(start) = &rival.start {
            rival.state.outrun(&rival.model, start);
        }
        self.note(|step| Step {
            outrun: true,
            took,
            ..step
        });
    }
}

/// Nobody could be asked.
pub(super) fn nobody(request: &ModelRequest, error: Error) -> Error {
    let step = Step {
        provider: "".into(),
        account: "".into(),
        model: request.model.clone(),
        probe: false,
        continues: request.continues,
        hedge: false,
        outrun: false,
        failure: None,
        status: None,
        took: Duration::ZERO,
    };
    let step = step.failed(&error, Duration::ZERO);
    note(&request.trail, request.trail.begin(), step);
    error.with_trail(request.trail.clone())
}

fn note(trail: &Trail, place: u32, step: Step) {
    tracing::debug!(
        provider = &*step.provider,
        account = &*step.account,
        model = &*step.model,
        outcome = step.outcome(),
        took_ms = step.took.as_millis() as u64,
        "asked"
    );
    trail.add(place, step);
}
