//! What every vendor was asked, and what it did about it.

use std::sync::Mutex;

use tokio::time::Instant;

use crate::fault::Fault;

/// One call of one vendor.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub vendor: &'static str,
    pub at: Instant,
    /// When the vendor was done with it, or was left.
    pub ended: Option<Instant>,
    pub fault: Fault,
    /// May it count as answered? Not if the vendor never sent the end of its answer.
    pub may_succeed: bool,
    /// Did the whole answer go out, what it costs included?
    pub in_full: bool,
}

/// All calls, by the number of their request.
pub struct Log(Vec<Mutex<Vec<Entry>>>);

impl Log {
    pub fn new(requests: usize) -> Self {
        Self((0..requests).map(|_| Mutex::default()).collect())
    }

    /// Notes a call; `entry` is told how many there were before. None if there is no such request.
    pub fn add<T>(&self, request: usize, entry: impl FnOnce(usize) -> (Entry, T)) -> Option<T> {
        let mut calls = self.0.get(request)?.lock().unwrap();
        let (entry, more) = entry(calls.len());
        calls.push(entry);
        Some(more)
    }

    /// A call is over.
    pub fn ended(&self, request: usize, serial: usize) {
        let calls = self.0.get(request).map(|calls| calls.lock().unwrap());
        if let Some(mut calls) = calls
            && let Some(entry) = calls.get_mut(serial)
        {
            entry.ended = Some(Instant::now());
        }
    }

    pub fn of(&self, request: usize) -> Vec<Entry> {
        self.0
            .get(request)
            .map(|calls| calls.lock().unwrap().clone())
            .unwrap_or_default()
    }

    pub fn total(&self) -> usize {
        self.0.iter().map(|calls| calls.lock().unwrap().len()).sum()
    }
}
