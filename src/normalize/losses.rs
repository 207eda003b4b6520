//! What of an answer its caller is not told.

use crate::{
    chat::{ChatEvent, Fidelity},
    dialect::Front,
};

/// Looks at the events of one answer on their way to its caller.
pub(super) struct Losses {
    front: &'static dyn Front,
    report: Fidelity,
}

impl Losses {
    pub(super) fn new(front: &'static dyn Front) -> Self {
        Self {
            front,
            report: Fidelity::new(),
        }
    }

    /// Notes what of the event is lost; what happens again and again is noted once.
    pub(super) fn see(&mut self, event: &ChatEvent) {
        if let Some(note) = self.front.unsaid(event) {
            let mut one = Fidelity::new();
            one.note(note.path, note.loss, note.why);
            self.report.merge(&one);
        }
    }

    pub(super) fn report(&self) -> &Fidelity {
        &self.report
    }

    /// Logs what was lost of a stream, once: its headers are long gone.
    pub(super) fn tell(&mut self) {
        for note in std::mem::take(&mut self.report).notes() {
            tracing::info!(
                path = note.path,
                loss = note.loss.as_str(),
                why = &*note.why,
                "a part of the answer was not carried as it came"
            );
        }
    }
}
