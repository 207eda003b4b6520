//! A curve: points, and what they say of how the cost grows.

use std::fmt::Write;

/// What was measured of one thing.
pub struct Curve {
    pub title: &'static str,
    /// A sentence for readers.
    pub about: &'static str,
    /// What the cost is held against, e.g. `byte`.
    pub x: &'static str,
    /// What the cost is, e.g. `instructions`.
    pub y: &'static str,
    pub lines: Vec<Line>,
}

/// One line of a curve.
pub struct Line {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// What grows by less than this share over the whole curve is flat.
const FLAT: f64 = 0.25;

/// Growth by a power above this is more than linear.
const LINEAR: f64 = 1.1;

/// Growth by a power below this is less.
const LESS: f64 = 0.75;

impl Curve {
    /// A row for each place of the curve.
    pub fn table(&self) -> String {
        let mut out = format!("| {}s |", self.x);
        for line in &self.lines {
            let _ = write!(out, " {} |", line.name);
        }
        out.push_str("\n| ---: |");
        out.push_str(&" ---: |".repeat(self.lines.len()));
        out.push('\n');
        let longest = self.lines.iter().max_by_key(|line| line.points.len());
        for (x, _) in longest.map_or(&[][..], |line| &line.points) {
            let _ = write!(out, "| {} |", grouped(*x));
            for line in &self.lines {
                let point = line.points.iter().find(|point| point.0 == *x);
                let cost = point.map_or_else(|| "-".to_owned(), |(_, y)| grouped(*y));
                let _ = write!(out, " {cost} |");
            }
            out.push('\n');
        }
        out
    }
}

impl Line {
    /// How the cost grows from the first point to the last.
    pub fn verdict(&self, unit: &str) -> String {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else {
            return "not measured".to_owned();
        };
        let times = last.1 / first.1;
        let most = self.points.iter().map(|(_, y)| *y).fold(f64::MIN, f64::max);
        let least = self.points.iter().map(|(_, y)| *y).fold(f64::MAX, f64::min);
        if most <= least * (1.0 + FLAT) {
            let share = (times - 1.0) * 100.0;
            return format!("flat ({share:+.0} % from the first to the last)");
        }
        let slope = (last.1 - first.1) / (last.0 - first.0);
        let linear = format!("{} per {unit}", grouped(slope));
        let peak = self.points.iter().find(|(_, y)| *y == most);
        match self.power() {
            // It goes up and down.
            _ if most > last.1 * 1.1 => {
                let at = grouped(peak.map_or(0.0, |(x, _)| *x));
                let peak = most / first.1;
                format!(
                    "**up and down**: {peak:.2} times the first at {at} {unit}s, {times:.2} at the last"
                )
            }
            Some(power) if power > LINEAR => {
                format!("**more than linear**: the power {power:.2}, {times:.1} times the first")
            }
            Some(power) if power < LESS => {
                format!("less than linear: the power {power:.2}, {times:.1} times the first")
            }
            _ => format!("linear: {linear}"),
        }
    }

    /// The power by which what comes on top of the first point's cost grows, over the last factor of ten or so: 1 is linear.
    fn power(&self) -> Option<f64> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        let inner = self.points.get(1..self.points.len() - 1)?;
        let near = |point: &&(f64, f64)| (point.0 * 10.0 / last.0).ln().abs();
        let middle = inner.iter().min_by(|a, b| near(a).total_cmp(&near(b)))?;
        let grown = (last.1 - first.1) / (middle.1 - first.1);
        let power = grown.ln() / ((last.0 - first.0) / (middle.0 - first.0)).ln();
        // Where nothing grew before, there is nothing to compare.
        power.is_finite().then_some(power)
    }
}

/// A number with commas; small ones with what is behind the point.
pub fn grouped(number: f64) -> String {
    if number.abs() < 100.0 {
        let digits = match number.abs() {
            10.0.. => 1,
            0.1.. => 2,
            _ => 4,
        };
        let text = format!("{number:.digits$}");
        return match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        };
    }
    let digits = format!("{:.0}", number.abs());
    let mut out = String::from(if number < 0.0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
