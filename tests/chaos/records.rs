//! The gateway's own records, gathered while they are there: it keeps the latest only.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use trunkline::{CallRecord, Calls};

#[derive(Clone)]
pub struct Records {
    found: Arc<Mutex<Found>>,
    calls: Calls,
}

#[derive(Default)]
struct Found {
    /// By id, and how often.
    by_id: HashMap<String, (CallRecord, usize)>,
    /// What was there at the last look, newest first.
    last: Vec<CallRecord>,
    /// So often more came between two looks than are kept.
    gaps: usize,
}

impl Records {
    pub fn of(calls: Calls) -> Self {
        Self {
            found: Arc::default(),
            calls,
        }
    }

    /// Takes down what is new.
    pub fn look(&self) {
        self.found.lock().unwrap().look(&self.calls);
    }

    /// All records by id, each with how often it was made; and how many looks came too late.
    pub fn finish(self) -> (HashMap<String, (CallRecord, usize)>, usize) {
        let mut found = self.found.lock().unwrap();
        found.look(&self.calls);
        let found = std::mem::take(&mut *found);
        (found.by_id, found.gaps)
    }
}

impl Found {
    fn look(&mut self, calls: &Calls) {
        let latest = calls.latest();
        // Records are told apart by their trail, which every call has for itself.
        let same = |a: &CallRecord, b: &CallRecord| {
            a.request_id == b.request_id && a.total_ms == b.total_ms && a.ending == b.ending
        };
        let known = self.last.first().map_or(Some(latest.len()), |newest| {
            latest.iter().position(|record| same(record, newest))
        });
        self.gaps += usize::from(known.is_none());
        for record in &latest[..known.unwrap_or(latest.len())] {
            self.by_id
                .entry(record.request_id.clone())
                .or_insert_with(|| (record.clone(), 0))
                .1 += 1;
        }
        self.last = latest;
        self.last.truncate(1);
    }
}
