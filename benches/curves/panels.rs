//! The curves as a picture: a panel for each, both axes logarithmic, in an SVG written by hand.

use std::{fmt::Write, io};

use crate::{
    curve::{Curve, Line, grouped},
    page::{beside, machine},
};

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 300.0;
const COLUMNS: usize = 2;
const TOP: f64 = 56.0;
/// Of a panel: where its plot lies.
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
const ABOVE: f64 = 40.0;
const BELOW: f64 = 60.0;
const COLOURS: [&str; 4] = ["#888", "#2f7d5b", "#c8742c", "#3c6fb0"];

pub fn write(curves: &[Curve]) -> io::Result<()> {
    std::fs::write(beside("curves.svg"), svg(curves))
}

fn svg(curves: &[Curve]) -> String {
    let rows = curves.len().div_ceil(COLUMNS);
    let mut out = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {:.0} {:.0}" font-family="system-ui, sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="24" font-size="16" font-weight="600" fill="#222">How the cost of a call grows</text>
<text x="12" y="42" fill="#666">both axes are logarithmic; {}</text>
"##,
        WIDTH * COLUMNS as f64,
        TOP + HEIGHT * rows as f64,
        machine(),
    );
    for (at, curve) in curves.iter().enumerate() {
        let (column, row) = (at % COLUMNS, at / COLUMNS);
        let (x, y) = (WIDTH * column as f64, TOP + HEIGHT * row as f64);
        let _ = writeln!(out, r#"<g transform="translate({x} {y})">"#);
        panel(&mut out, curve);
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

/// Where a value lies on an axis.
struct Axis {
    /// Powers of ten.
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64>, start: f64, end: f64) -> Self {
        let powers: Vec<f64> = values.map(|value| value.max(1e-3).log10()).collect();
        let from = powers.iter().copied().fold(f64::MAX, f64::min).floor();
        let to = powers.iter().copied().fold(f64::MIN, f64::max).ceil();
        Self {
            from,
            to: to.max(from + 1.0),
            start,
            end,
        }
    }

    fn at(&self, value: f64) -> f64 {
        let share = (value.max(1e-3).log10() - self.from) / (self.to - self.from);
        self.start + share * (self.end - self.start)
    }

    /// The powers of ten.
    fn marks(&self) -> impl Iterator<Item = f64> {
        (self.from as i32..=self.to as i32).map(|power| 10f64.powi(power))
    }
}

fn panel(out: &mut String, curve: &Curve) {
    let points = || curve.lines.iter().flat_map(|line| &line.points);
    let (bottom, right) = (HEIGHT - BELOW, WIDTH - RIGHT);
    let across = Axis::new(points().map(|(x, _)| *x), LEFT, right);
    let up = Axis::new(points().map(|(_, y)| *y), bottom, ABOVE);
    let _ = writeln!(
        out,
        r##"<text x="12" y="18" font-size="14" font-weight="600" fill="#222">{}</text>
<text x="12" y="33" fill="#666">{}</text>"##,
        curve.title, curve.y
    );
    for mark in up.marks() {
        let y = up.at(mark);
        let _ = writeln!(
            out,
            r##"<line x1="{LEFT}" x2="{right}" y1="{y:.1}" y2="{y:.1}" stroke="#e4e4e4"/>
<text x="{}" y="{:.1}" text-anchor="end" fill="#666">{}</text>"##,
            LEFT - 6.0,
            y + 4.0,
            short(mark)
        );
    }
    for mark in across.marks() {
        let x = across.at(mark);
        let _ = writeln!(
            out,
            r##"<line x1="{x:.1}" x2="{x:.1}" y1="{ABOVE}" y2="{bottom}" stroke="#f0f0f0"/>
<text x="{x:.1}" y="{}" text-anchor="middle" fill="#666">{}</text>"##,
            bottom + 16.0,
            short(mark)
        );
    }
    let mut x = LEFT;
    for (line, colour) in curve.lines.iter().zip(COLOURS) {
        drawn(out, line, colour, &across, &up);
        let y = HEIGHT - 16.0;
        let _ = writeln!(
            out,
            r##"<rect x="{x}" y="{}" width="10" height="10" fill="{colour}"/>
<text x="{}" y="{y}" fill="#222">{}</text>"##,
            y - 9.0,
            x + 14.0,
            line.name
        );
        x += 26.0 + 6.2 * line.name.len() as f64;
    }
}

fn drawn(out: &mut String, line: &Line, colour: &str, across: &Axis, up: &Axis) {
    let mut path = String::new();
    for (x, y) in &line.points {
        let _ = write!(path, "{:.1},{:.1} ", across.at(*x), up.at(*y));
    }
    let _ = writeln!(
        out,
        r##"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/>"##,
        path.trim_end()
    );
    for (x, y) in &line.points {
        let _ = writeln!(
            out,
            r##"<circle cx="{:.1}" cy="{:.1}" r="3" fill="{colour}"/>"##,
            across.at(*x),
            up.at(*y)
        );
    }
}

fn short(number: f64) -> String {
    match number {
        1e9.. => format!("{}G", grouped(number / 1e9)),
        1e6.. => format!("{}M", grouped(number / 1e6)),
        1e3.. => format!("{}k", grouped(number / 1e3)),
        _ => grouped(number),
    }
}
