//! The table.

use std::fmt::Write;

/// One figure of both proxies.
pub struct Row {
    pub title: String,
    pub figure: Figure,
    pub bare: f64,
    /// The bare proxy with the crate's own transport, where that is measured.
    pub own: Option<f64>,
    pub gateway: f64,
    pub target: Option<f64>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Figure {
    /// Microseconds per request or event.
    Cpu(&'static str),
    /// Requests or events a second.
    Rate(&'static str),
    P50,
    P99,
    /// What the gateway adds is judged, not the ratio.
    P99Added,
    FirstP50,
    GapP99,
    /// The gateway's own size is judged, not the ratio.
    Rss,
    RssPeak,
}

impl Row {
    pub fn new(title: &str, figure: Figure, bare: f64, gateway: f64) -> Self {
        Self {
            title: title.to_owned(),
            figure,
            bare,
            own: None,
            gateway,
            target: None,
        }
    }

    pub fn own(mut self, own: Option<f64>) -> Self {
        self.own = own;
        self
    }

    pub fn target(mut self, target: f64) -> Self {
        self.target = Some(target);
        self
    }

    pub fn ratio(&self) -> f64 {
        self.gateway / self.bare
    }

    /// The target in words, and whether it is met.
    fn verdict(&self) -> Option<(String, bool)> {
        let target = self.target?;
        Some(match self.figure {
            Figure::Rate(_) => (format!("≥ {target}"), self.ratio() >= target),
            Figure::Rss | Figure::RssPeak => (format!("≤ {target} MiB"), self.gateway <= target),
            Figure::P99Added => {
                let added = self.gateway - self.bare;
                (format!("{added:+.0} µs, < {target}"), added < target)
            }
            _ => (format!("≤ {target}"), self.ratio() <= target),
        })
    }

    fn figure(&self) -> (String, &'static str) {
        match self.figure {
            Figure::Cpu(unit) => (format!("**CPU per {unit}**"), "µs"),
            Figure::Rate(unit) => (format!("{unit}s a second"), ""),
            Figure::P50 => ("latency p50".to_owned(), "µs"),
            Figure::P99 | Figure::P99Added => ("latency p99".to_owned(), "µs"),
            Figure::FirstP50 => ("to the first byte, p50".to_owned(), "µs"),
            Figure::GapP99 => ("gap between pieces, p99".to_owned(), "µs"),
            Figure::Rss => ("RSS".to_owned(), "MiB"),
            Figure::RssPeak => ("RSS, highest".to_owned(), "MiB"),
        }
    }
}

pub fn table(rows: &[Row]) -> String {
    let mut out = String::from(
        "| case | figure | bare | own transport | gateway | ratio | target | met |\n| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n",
    );
    for row in rows {
        let (figure, unit) = row.figure();
        let digits = usize::from(row.bare < 1_000.0);
        let (target, met) = match row.verdict() {
            Some((target, true)) => (target, "yes"),
            Some((target, false)) => (target, "no"),
            None => (String::new(), ""),
        };
        let own = row
            .own
            .map_or_else(String::new, |own| format!("{own:.digits$} {unit}"));
        let _ = writeln!(
            out,
            "| {} | {figure} | {:.digits$} {unit} | {own} | {:.digits$} {unit} | {:.2} | {target} | {met} |",
            row.title,
            row.bare,
            row.gateway,
            row.ratio(),
        );
    }
    out
}
