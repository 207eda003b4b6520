//! The way a call went: who was asked, and what came of it.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderValue, StatusCode};
use serde::{Serialize, Serializer, ser::SerializeSeq};

use crate::{
    chat::Usage,
    error::{Error, ErrorKind},
    split::Drawn,
};

/// Everybody a call has asked so far, over all its models and attempts, and what came of each. Clones share it; all clones of a
/// [`ModelRequest`](crate::ModelRequest) have the same.
///
/// As text it is one line: `openai/a:429 → openai/b:ok`. Who was asked while another was still silent has a plus before it:
/// `openai/a:outrun + openai/b:ok`. `openai/a:stream_broken ⇒ acme/b:ok` says that `b` went on with what `a` had begun.
#[derive(Clone, Debug, Default)]
pub struct Trail(Arc<Mutex<Log>>);

#[derive(Debug, Default)]
struct Log {
    /// How many were begun.
    begun: u32,
    /// By the order in which they were begun.
    steps: Vec<(u32, Step)>,
    drawn: Vec<Drawn>,
}

/// One account that was asked, or a pool in which nobody could be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The vendor's name; empty if nobody could be asked.
    pub provider: Arc<str>,
    /// The account's name; empty if nobody could be asked.
    pub account: Arc<str>,
    /// The model's name at the vendor; the caller's name for it if nobody could be asked.
    pub model: Arc<str>,
    /// Was it asked in spite of a cooldown, or to find out whether it is well again?
    pub probe: bool,
    /// Was it asked to go on where another one's stream had broken off?
    pub continues: bool,
    /// Was it asked because another was silent? See [`hedge`](crate::hedge).
    pub hedge: bool,
    /// Was it given up because another had content first?
    pub outrun: bool,
    /// What went wrong; none if it answered.
    pub failure: Option<ErrorKind>,
    /// The status it failed with, if it named one.
    pub status: Option<StatusCode>,
    /// How long it took: to the first content, or to the failure.
    pub took: Duration,
}

impl Trail {
    /// Nobody was asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Is it of the same call?
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Everybody who was asked, in order.
    pub fn steps(&self) -> Vec<Step> {
        let log = self.lock();
        log.steps.iter().map(|(_, step)| step.clone()).collect()
    }

    /// The one who answered last broke off after content.
    pub(crate) fn broke(&self, error: &Error) {
        let steps = &mut self.lock().steps;
        let answered = |(_, step): &&mut (u32, Step)| step.failure.is_none() && !step.outrun;
        if let Some((_, step)) = steps.iter_mut().rev().find(answered) {
            step.failure = Some(error.kind());
            step.status = error.vendor_status();
        }
    }

    /// How often somebody went on where another one's stream had broken off.
    pub fn continued(&self) -> u32 {
        let log = self.lock();
        let went_on = log.steps.iter().filter(|(_, step)| {
            let answered = matches!(step.failure, None | Some(ErrorKind::StreamBroken));
            step.continues && answered && !step.outrun
        });
        u32::try_from(went_on.count()).unwrap_or(u32::MAX)
    }

    /// `won` if the call was [hedged](crate::hedge) and the second attempt gave the answer, `lost` if it was hedged for nothing;
    /// none if it was not hedged.
    pub fn hedge(&self) -> Option<&'static str> {
        let log = self.lock();
        let hedges = || log.steps.iter().filter(|(_, step)| step.hedge);
        let won = |(_, step): &(u32, Step)| step.failure.is_none() && !step.outrun;
        hedges().next()?;
        Some(if hedges().any(won) { "won" } else { "lost" })
    }

    /// Somebody is about to be asked: the place of its step.
    pub(crate) fn begin(&self) -> u32 {
        let mut log = self.lock();
        log.begun = log.begun.saturating_add(1);
        log.begun
    }

    /// What came of it.
    pub(crate) fn add(&self, place: u32, step: Step) {
        let steps = &mut self.lock().steps;
        // Most calls ask once.
        if steps.is_empty() {
            steps.reserve_exact(1);
        }
        let at = steps.partition_point(|(other, _)| *other <= place);
        steps.insert(at, (place, step));
    }

    /// The arms that it has drawn of the [splits](crate::split) it came by.
    pub fn drawn(&self) -> Vec<Drawn> {
        self.lock().drawn.clone()
    }

    pub(crate) fn drew(&self, arms: Vec<Drawn>) {
        self.lock().drawn.extend(arms);
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (_, step)) in self.lock().steps.iter().enumerate() {
            if index > 0 {
                f.write_str(match (step.hedge, step.continues) {
                    (true, _) => " + ",
                    (false, true) => " ⇒ ",
                    (false, false) => " → ",
                })?;
            }
            step.fmt(f)?;
        }
        Ok(())
    }
}

impl Serialize for Trail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let steps = &self.lock().steps;
        let mut list = serializer.serialize_seq(Some(steps.len()))?;
        for (_, step) in steps {
            list.serialize_element(step)?;
        }
        list.end()
    }
}

impl Step {
    /// What came of it, in a word: `ok`, `outrun`, the status it failed with, or the [kind](ErrorKind) of the failure.
    pub fn outcome(&self) -> String {
        self.word().to_owned()
    }

    fn word(&self) -> &str {
        match (self.failure, &self.status) {
            (None, _) if self.outrun => "outrun",
            (None, _) => "ok",
            // A failure that came with a good status is no `200`.
            (Some(_), Some(status)) if !status.is_success() => status.as_str(),
            (Some(kind), _) => kind.as_str(),
        }
    }

    pub(crate) fn failed(mut self, error: &Error, took: Duration) -> Self {
        self.failure = Some(error.kind());
        self.status = error.vendor_status();
        self.took = took;
        self
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Piece by piece: every line of log has some.
        match &*self.provider {
            "" => f.write_str(&self.model)?,
            provider => {
                f.write_str(provider)?;
                f.write_str("/")?;
                f.write_str(&self.account)?;
            }
        }
        f.write_str(":")?;
        f.write_str(self.word())
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Told<'a> {
            provider: Option<&'a str>,
            account: Option<&'a str>,
            model: &'a str,
            probe: bool,
            continues: bool,
            hedge: bool,
            outcome: &'a str,
            kind: Option<&'a str>,
            took_ms: u64,
        }
        let name = |name: &'_ Arc<str>| (!name.is_empty()).then(|| name.clone());
        let (provider, account) = (name(&self.provider), name(&self.account));
        Told {
            provider: provider.as_deref(),
            account: account.as_deref(),
            model: &self.model,
            probe: self.probe,
            continues: self.continues,
            hedge: self.hedge,
            outcome: self.word(),
            kind: self.failure.map(ErrorKind::as_str),
            took_ms: millis(self.took),
        }
        .serialize(serializer)
    }
}

/// The latest calls of a gateway, how they went and how they ended. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<VecDeque<Ended>>>);

/// A call that is over.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CallRecord {
    /// The call's `x-request-id`.
    pub request_id: String,
    /// The model the caller asked for.
    pub model: String,
    /// The caller's fingerprint; none if it sent no key.
    pub caller: Option<String>,
    /// When it was over, in seconds since 1970.
    pub ended_at: u64,
    /// From its first byte to its end.
    pub total_ms: u64,
    /// `completed`, `broken`, `cancelled` or `failed`.
    pub ending: &'static str,
    /// What went wrong; none if nothing did.
    pub kind: Option<&'static str>,
    /// How often its stream broke and somebody else went on.
    pub continued: u32,
    /// The arms that it drew of [splits](crate::split).
    pub arms: Vec<Drawn>,
    /// All its input, in tokens; none if nobody told.
    pub input_tokens: Option<u64>,
    /// The part of the input that was read from a cache.
    pub cached_tokens: Option<u64>,
    /// Its answer in tokens, reasoning included.
    pub output_tokens: Option<u64>,
    /// What the answer cost, in millionths of a US dollar, rounded up ([`Price::cost`](crate::upstream::Price::cost)); none if its usage
    /// or its price is unknown. Attempts that failed before are not in it.
    pub cost_micros: Option<u64>,
    /// `won` or `lost` if a second account was asked while the first was silent.
    pub hedge: Option<&'static str>,
    /// Who was asked, as one line.
    pub way: String,
    /// Who was asked.
    pub trail: Trail,
}

impl Calls {
    /// So many are kept.
    pub const KEPT: usize = 256;

    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Those that are kept, the latest first.
    pub fn latest(&self) -> Vec<CallRecord> {
        self.lock().iter().rev().map(Ended::record).collect()
    }

    pub(crate) fn add(&self, ended: Ended) {
        let mut calls = self.lock();
        let oldest = (calls.len() >= Self::KEPT).then(|| calls.pop_front());
        calls.push_back(ended);
        drop(calls);
        // What is let go of is freed after the lock.
        drop(oldest);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Ended>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that is over, as it is kept: of most nobody ever asks, so they are put into words only then.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) request_id: HeaderValue,
    pub(crate) model: Arc<str>,
    pub(crate) caller: Option<Arc<str>>,
    pub(crate) ended_at: u64,
    pub(crate) total_ms: u64,
    pub(crate) ending: &'static str,
    pub(crate) kind: Option<&'static str>,
    pub(crate) usage: Usage,
    pub(crate) cost_micros: Option<u64>,
    pub(crate) trail: Trail,
}

impl Ended {
    fn record(&self) -> CallRecord {
        let (usage, trail) = (&self.usage, &self.trail);
        CallRecord {
            request_id: self.request_id.to_str().unwrap_or_default().to_owned(),
            model: self.model.to_string(),
            caller: self.caller.as_deref().map(str::to_owned),
            ended_at: self.ended_at,
            total_ms: self.total_ms,
            ending: self.ending,
            kind: self.kind,
            continued: trail.continued(),
            arms: trail.drawn(),
            input_tokens: usage.total_input(),
            cached_tokens: usage.cache_read,
            output_tokens: usage.total_output(),
            cost_micros: self.cost_micros,
            hedge: trail.hedge(),
            way: trail.to_string(),
            trail: trail.clone(),
        }
    }
}

/// Now, in seconds since 1970: for people who read, not for anything to be decided by.
pub(crate) fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(account: &str) -> Step {
        Step {
            provider: "acme".into(),
            account: account.into(),
            model: "large".into(),
            probe: false,
            continues: false,
            hedge: false,
            outrun: false,
            failure: None,
            status: None,
            took: Duration::from_millis(7),
        }
    }

    #[test]
    fn a_way_is_one_line_and_a_list() {
        let trail = Trail::new();
        assert_eq!(trail.to_string(), "");
        let limited =
            Error::new(ErrorKind::RateLimited, "").with_status(StatusCode::TOO_MANY_REQUESTS);
        let (clone, took) = (trail.clone(), Duration::from_millis(3));
        clone.add(clone.begin(), step("a").failed(&limited, took));
        let broken = Error::new(ErrorKind::Server, "").with_status(StatusCode::OK);
        clone.add(clone.begin(), step("b").failed(&broken, took));
        let nobody = Step {
            provider: "".into(),
            ..step("")
        };
        clone.add(
            clone.begin(),
            nobody.failed(&Error::new(ErrorKind::Exhausted, ""), Duration::ZERO),
        );
        clone.add(clone.begin(), step("c"));
        assert_eq!(
            trail.to_string(),
            "acme/a:429 → acme/b:server → large:exhausted → acme/c:ok"
        );
        let told = serde_json::to_value(&trail).unwrap();
        assert_eq!(told[2]["provider"], serde_json::Value::Null);
        assert_eq!(
            (&told[0]["outcome"], &told[0]["took_ms"]),
            (&"429".into(), &3.into())
        );
        assert_eq!(told[3]["kind"], serde_json::Value::Null);
        trail.broke(&Error::new(ErrorKind::StreamBroken, ""));
        let goes_on = Step {
            continues: true,
            ..step("d")
        };
        trail.add(trail.begin(), goes_on);
        assert!(
            trail
                .to_string()
                .ends_with("acme/c:stream_broken ⇒ acme/d:ok")
        );
        assert_eq!(trail.continued(), 1);
    }

    #[test]
    fn two_at_the_same_time_stand_in_the_order_in_which_they_were_asked() {
        let trail = Trail::new();
        assert_eq!(trail.hedge(), None);
        let (first, second) = (trail.begin(), trail.begin());
        let hedge = Step {
            hedge: true,
            ..step("b")
        };
        trail.add(second, hedge);
        let outrun = Step {
            outrun: true,
            ..step("a")
        };
        trail.add(first, outrun);
        assert_eq!(trail.to_string(), "acme/a:outrun + acme/b:ok");
        assert_eq!(trail.hedge(), Some("won"));
        let told = serde_json::to_value(&trail).unwrap();
        assert_eq!(told[0]["outcome"], "outrun");
        assert_eq!(told[1]["hedge"], true);
    }

    #[test]
    fn the_latest_calls_are_kept() {
        let calls = Calls::new();
        for n in 0..300_u32 {
            calls.add(Ended {
                request_id: n.into(),
                model: "m".into(),
                caller: None,
                ended_at: 0,
                total_ms: 0,
                ending: "failed",
                kind: None,
                usage: Usage::default(),
                cost_micros: None,
                trail: Trail::new(),
            });
        }
        let latest = calls.latest();
        assert_eq!(latest.len(), Calls::KEPT);
        assert_eq!(
            (&*latest[0].request_id, &*latest[255].request_id),
            ("299", "44")
        );
    }
}
