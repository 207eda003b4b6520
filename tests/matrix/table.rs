//! The table of vendors and dialects, and the failures behind it.

use std::{collections::BTreeMap, fmt};

/// How one translation went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything arrived.
    Whole,
    /// Something could not be said; what arrived is legal.
    Lossy,
    /// It was refused.
    Refused,
}

/// Counts by row and column.
pub struct Table {
    name: &'static str,
    counts: BTreeMap<String, BTreeMap<String, [usize; 3]>>,
    /// What was wrong: how often, and one example.
    wrong: BTreeMap<String, (usize, String)>,
}

impl Table {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            counts: BTreeMap::new(),
            wrong: BTreeMap::new(),
        }
    }

    pub fn count(&mut self, row: &str, column: &str, outcome: Outcome) {
        let row = self.counts.entry(row.to_owned()).or_default();
        row.entry(column.to_owned()).or_default()[outcome as usize] += 1;
    }

    pub fn wrong(&mut self, what: impl Into<String>, example: impl Into<String>) {
        let slot = self.wrong.entry(what.into());
        slot.or_insert_with(|| (0, example.into())).0 += 1;
    }

    /// Prints the table; fails if anything was wrong.
    pub fn settle(&self) {
        println!("{self}");
        let wrong: Vec<String> = self
            .wrong
            .iter()
            .map(|(what, (times, example))| format!("{times} × {what}\n    {example}"))
            .collect();
        assert!(
            wrong.is_empty(),
            "{} kinds wrong:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&String> = {
            let mut all: Vec<&String> = self.counts.values().flat_map(BTreeMap::keys).collect();
            all.sort();
            all.dedup();
            all
        };
        write!(f, "{:<36}", format!("{} (ok/lossy/refused)", self.name))?;
        for column in &columns {
            write!(f, "{column:>20}")?;
        }
        let mut sums = BTreeMap::<&String, [usize; 3]>::new();
        for (row, counts) in &self.counts {
            write!(f, "\n{row:<36}")?;
            for column in &columns {
                let cell = counts.get(*column).copied().unwrap_or_default();
                let sum = sums.entry(column).or_default();
                for (sum, part) in sum.iter_mut().zip(cell) {
                    *sum += part;
                }
                let [whole, lossy, refused] = cell;
                write!(f, "{:>20}", format!("{whole}/{lossy}/{refused}"))?;
            }
        }
        write!(f, "\n{:<36}", "all")?;
        for column in &columns {
            let [whole, lossy, refused] = sums.get(column).copied().unwrap_or_default();
            write!(f, "{:>20}", format!("{whole}/{lossy}/{refused}"))?;
        }
        writeln!(f)
    }
}
