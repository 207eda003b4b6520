//! The table, and its place in `benches/README.md`.

use std::{fmt::Write, io, path::PathBuf, process::Command};

const BEGIN: &str = "<!-- bed:begin, written by `cargo bench --bench bed` -->";
const END: &str = "<!-- bed:end -->";

/// One figure of both proxies.
pub struct Row {
    pub title: String,
    pub figure: Figure,
    pub bare: f64,
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
            gateway,
            target: None,
        }
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
        "| case | figure | bare | gateway | ratio | target | met |\n| --- | --- | ---: | ---: | ---: | ---: | --- |\n",
    );
    for row in rows {
        let (figure, unit) = row.figure();
        let digits = usize::from(row.bare < 1_000.0);
        let (target, met) = match row.verdict() {
            Some((target, true)) => (target, "yes"),
            Some((target, false)) => (target, "no"),
            None => (String::new(), ""),
        };
        let _ = writeln!(
            out,
            "| {} | {figure} | {:.digits$} {unit} | {:.digits$} {unit} | {:.2} | {target} | {met} |",
            row.title,
            row.bare,
            row.gateway,
            row.ratio(),
        );
    }
    out
}

/// When and on what.
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1))
        .map_or("unknown CPU", str::trim);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let date = Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    let date = date.map_or_else(
        |_| String::new(),
        |out| String::from_utf8_lossy(&out.stdout).trim().to_owned(),
    );
    format!(
        "{date}, trunkline {}, {cores} cores of {model}",
        env!("CARGO_PKG_VERSION")
    )
}

/// Puts the table between the marks of the README.
pub fn write(table: &str) -> io::Result<()> {
    let path = beside("README.md");
    let text = std::fs::read_to_string(&path)?;
    let marks = text
        .split_once(BEGIN)
        .and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let Some((head, tail)) = marks else {
        return Err(io::Error::other(
            "the marks are not in benches/README.md any more",
        ));
    };
    let machine = machine();
    std::fs::write(
        path,
        format!("{head}{BEGIN}\n\n{machine}; `cargo bench --bench bed`.\n\n{table}\n{END}{tail}"),
    )
}

/// A file in `benches/`.
pub fn beside(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "benches", name]
        .iter()
        .collect()
}
