//! What came of it.

use std::fmt;

/// The outcome of every case.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "a report that nobody looks at finds nothing: `.assert()`"]
pub struct Report {
    /// In the order in which they ran.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Case {
    /// What it is about, as a sentence that is true of a right provider.
    pub name: &'static str,
    /// How it went.
    pub verdict: Verdict,
}

/// How a case went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// As it should.
    Passed,
    /// It was not tried.
    Skipped {
        /// What the fixtures lack.
        why: String,
    },
    /// The provider does something else.
    Failed {
        /// What a right provider does.
        expected: String,
        /// What this one did.
        came: String,
        /// Where to look.
        fix: &'static str,
    },
}

impl Report {
    /// Did no case fail?
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The cases that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Case> {
        self.cases
            .iter()
            .filter(|case| matches!(case.verdict, Verdict::Failed { .. }))
    }

    /// The cases that were not tried.
    pub fn skipped(&self) -> impl Iterator<Item = &Case> {
        self.cases
            .iter()
            .filter(|case| matches!(case.verdict, Verdict::Skipped { .. }))
    }

    /// Fails the test if a case failed.
    ///
    /// # Panics
    /// With every case that failed: what was expected, what came, what to fix.
    pub fn assert(&self) {
        assert!(self.passed(), "the provider does not conform\n{self}");
    }
}

/// All cases that did not pass, and a count.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for case in &self.cases {
            if case.verdict != Verdict::Passed {
                writeln!(f, "{case}")?;
            }
        }
        let (failed, skipped) = (self.failures().count(), self.skipped().count());
        let passed = self.cases.len() - failed - skipped;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Passed => write!(f, "passed: {}", self.name),
            Verdict::Skipped { why } => write!(f, "skipped: {}: {why}", self.name),
            Verdict::Failed {
                expected,
                came,
                fix,
            } => write!(
                f,
                "FAILED: {}\n  expected: {expected}\n  came:     {came}\n  fix:      {fix}",
                self.name
            ),
        }
    }
}
