//! When all is over: do the books agree? The clients', the gateway's and the vendors'.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use tokio::time::Instant;
use trunkline::{CallRecord, ErrorKind};

use crate::{ask::Ask, judge::Verdict, server::World};

pub type Book = HashMap<String, (CallRecord, usize)>;

/// Every call that came in has one record, which tells the truth.
pub fn records(world: &World, book: &Book, entered: &HashSet<String>, verdicts: &[Verdict]) {
    for (number, verdict) in verdicts.iter().enumerate() {
        let ask = Ask::new(world.seed, number);
        let calls = world.log.of(number);
        let say = |what: String| world.problems.add(Some(&ask), what);
        let Some((record, times)) = book.get(&ask.marker) else {
            // Who leaves before the request is read has asked nothing.
            if entered.contains(&ask.marker) && (*verdict != Verdict::Left || !calls.is_empty()) {
                say(format!(
                    "no record, although {} vendors were asked",
                    calls.len()
                ));
            }
            continue;
        };
        if *times != 1 {
            say(format!("{times} records"));
        }
        let fits = match verdict {
            Verdict::Served(_) => record.ending == "completed",
            Verdict::Refused(_) => record.ending == "failed",
            Verdict::InBand => matches!(record.ending, "broken" | "failed"),
            // The gateway may have been done when the client left.
            Verdict::Left => true,
            Verdict::Wrong => true,
        };
        if !fits {
            say(format!(
                "recorded as {}, and it was {verdict:?}",
                record.ending
            ));
        }
        if let Verdict::Served(serial) = verdict {
            let steps = record.trail.steps();
            let won = steps
                .iter()
                .filter(|step| step.failure.is_none() && !step.outrun);
            let named: Vec<&str> = won.map(|step| &*step.provider).collect();
            let by = calls.get(*serial).map_or("nobody", |call| call.vendor);
            if named != [by] {
                say(format!("served by {by}, and recorded as {}", record.way));
            }
        }
        attempts(world, &ask, record);
    }
    for id in book.keys().filter(|id| !entered.contains(*id)) {
        world
            .problems
            .add(None, format!("a record of a call that never came: {id}"));
    }
}

/// The trail has as many steps at a vendor as the vendor was asked.
fn attempts(world: &World, ask: &Ask, record: &CallRecord) {
    let calls = world.log.of(ask.number);
    let steps = record.trail.steps();
    for kind in &crate::vendors::VENDORS {
        let asked = calls.iter().filter(|call| call.vendor == kind.name).count();
        let at = || steps.iter().filter(|step| &*step.provider == kind.name);
        // A vendor that could not be reached has seen nothing, nor has one whose caller left while the request was on its way.
        let unreached = |failure| {
            matches!(
                failure,
                ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::Cancelled
            )
        };
        let unsure = at()
            .filter(|step| step.outrun || step.failure.is_some_and(unreached))
            .count();
        let most = at().count();
        let least = at().count() - unsure;
        if !(least..=most).contains(&asked) {
            let what = format!(
                "{} was asked {asked} times, and the record ({}) says {}: {calls:?}",
                kind.name, record.ending, record.way
            );
            world.problems.add(Some(ask), what);
        }
    }
}

/// The statuses of those that were refused, as one line.
pub fn statuses(verdicts: &[Verdict]) -> String {
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    for verdict in verdicts {
        if let Verdict::Refused(status) = verdict {
            *counts.entry(*status).or_default() += 1;
        }
    }
    let each = counts
        .iter()
        .map(|(status, count)| format!("{count} × {status}"));
    format!("refused: {}", each.collect::<Vec<_>>().join(", "))
}

/// How the calls of those who left were recorded, as one line.
pub fn departed(world: &World, book: &Book, verdicts: &[Verdict]) -> String {
    let mut endings: BTreeMap<&str, usize> = BTreeMap::new();
    let left = verdicts.iter().enumerate();
    let left = left.filter(|(_, verdict)| **verdict == Verdict::Left);
    for (number, _) in left {
        let record = book.get(&Ask::new(world.seed, number).marker);
        *endings
            .entry(record.map_or("never came", |(r, _)| r.ending))
            .or_default() += 1;
    }
    let all: usize = endings.values().sum();
    let each = endings
        .iter()
        .map(|(ending, count)| format!("{count} {ending}"));
    format!(
        "{all} clients left: {}",
        each.collect::<Vec<_>>().join(", ")
    )
}

/// How long, at most, a vendor went on answering after its caller had left.
pub fn lingering(world: &World, left: &[(usize, Instant)]) -> Duration {
    let after = left.iter().flat_map(|(number, at)| {
        let calls = world.log.of(*number);
        let ends: Vec<Option<Instant>> = calls.iter().map(|call| call.ended).collect();
        ends.into_iter()
            .flatten()
            .map(|end| end.saturating_duration_since(*at))
    });
    after.max().unwrap_or_default()
}

/// How often more was asked than callers asked, and whether that was allowed.
pub fn amplification(world: &World, requests: usize, seconds: f64) -> usize {
    let asked: Vec<usize> = (0..requests).map(|n| world.log.of(n).len()).collect();
    let first = asked.iter().filter(|calls| **calls > 0).count();
    let further: usize = asked.iter().map(|calls| calls.saturating_sub(1)).sum();
    // A window lets go of what is older; a new configuration lets go of nothing.
    let windows = (seconds / trunkline::RetryBudget::WINDOW.as_secs_f64()) as usize + 1;
    let reserve = windows * trunkline::RetryBudget::RESERVE as usize;
    let most = (first as f64 * crate::door::RETRIES) as usize + reserve;
    if further > most {
        let what =
            format!("{further} second attempts for {first} calls; at most {most} were allowed");
        world.problems.add(None, what);
    }
    further
}
