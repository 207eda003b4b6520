//! The figures: what became of the requests that met each fault.

use crate::{fault::Fault, judge::Verdict, server::World};

#[derive(Default)]
struct Row {
    drawn: usize,
    requests: usize,
    itself: usize,
    elsewhere: usize,
    refused: usize,
    in_band: usize,
    left: usize,
}

pub fn print(world: &World, verdicts: &[Verdict]) {
    let faults = Fault::all().map(|(fault, _)| fault);
    let faults: Vec<Fault> = faults.chain([Fault::None]).collect();
    let mut rows: Vec<Row> = faults.iter().map(|_| Row::default()).collect();
    let mut all = Row::default();
    for (number, verdict) in verdicts.iter().enumerate() {
        let calls = world.log.of(number);
        all.drawn += calls.len();
        all.count(*verdict, |_| true);
        for (row, fault) in rows.iter_mut().zip(&faults) {
            let met = calls.iter().filter(|call| call.fault == *fault).count();
            row.drawn += met;
            if met > 0 {
                let by_it = |serial: usize| calls.get(serial).is_some_and(|c| c.fault == *fault);
                row.count(*verdict, by_it);
            }
        }
    }
    println!(
        "{:<26} {:>7} {:>9} {:>10} {:>10} {:>8} {:>8} {:>6}",
        "fault", "drawn", "requests", "served so", "elsewhere", "refused", "in-band", "left"
    );
    for (row, fault) in rows.iter().zip(&faults) {
        row.print(fault.name());
    }
    all.print("all");
}

impl Row {
    fn count(&mut self, verdict: Verdict, by_it: impl Fn(usize) -> bool) {
        self.requests += 1;
        match verdict {
            Verdict::Served(serial) if by_it(serial) => self.itself += 1,
            Verdict::Served(_) => self.elsewhere += 1,
            Verdict::Refused(_) => self.refused += 1,
            Verdict::InBand => self.in_band += 1,
            Verdict::Left => self.left += 1,
            Verdict::Wrong => {}
        }
    }

    fn print(&self, name: &str) {
        println!(
            "{name:<26} {:>7} {:>9} {:>10} {:>10} {:>8} {:>8} {:>6}",
            self.drawn,
            self.requests,
            self.itself,
            self.elsewhere,
            self.refused,
            self.in_band,
            self.left
        );
    }
}
