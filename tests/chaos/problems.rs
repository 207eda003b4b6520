//! What was found to be wrong, with all it takes to see it again.

use std::sync::Mutex;

use crate::ask::Ask;

pub struct Problems {
    seed: u64,
    found: Mutex<Vec<String>>,
}

impl Problems {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            found: Mutex::default(),
        }
    }

    /// Notes one, of this request or of the run.
    pub fn add(&self, ask: Option<&Ask>, what: impl Into<String>) {
        let what = what.into();
        let line = match ask {
            Some(ask) => format!(
                "seed {}, request {} ({:?} {:?} for {}, {:?}): {what}",
                self.seed, ask.number, ask.front, ask.form, ask.model, ask.leave
            ),
            None => format!("seed {}: {what}", self.seed),
        };
        self.found.lock().unwrap().push(line);
    }

    pub fn all(&self) -> Vec<String> {
        self.found.lock().unwrap().clone()
    }
}
