//! The CPU ratios as bars, in an SVG written by hand.

use std::{fmt::Write, io};

use crate::{
    page::{beside, machine},
    report::{Figure, Row},
};

const LEFT: f64 = 250.0;
const SCALE: f64 = 180.0;
const STEP: f64 = 34.0;
const TOP: f64 = 56.0;

pub fn write(rows: &[Row]) -> io::Result<()> {
    std::fs::write(beside("bed.svg"), svg(rows))
}

fn svg(rows: &[Row]) -> String {
    let bars: Vec<&Row> = rows
        .iter()
        .filter(|row| matches!(row.figure, Figure::Cpu(_)))
        .collect();
    let most = bars.iter().map(|row| row.ratio()).fold(2.0, f64::max);
    let width = LEFT + most * SCALE + 150.0;
    let bottom = TOP + STEP * bars.len() as f64;
    let mut out = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {:.0}" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="24" font-size="16" font-weight="600" fill="#222">CPU time of the gateway ÷ a bare hyper proxy</text>
<text x="12" y="42" fill="#666">less is better; the mark is the target. {}</text>
"##,
        bottom + 34.0,
        machine(),
    );
    for (row, at) in bars.iter().zip(0..) {
        let y = TOP + STEP * f64::from(at);
        let length = row.ratio() * SCALE;
        let met = row.target.is_none_or(|target| row.ratio() <= target);
        let colour = if met { "#2f7d5b" } else { "#c8742c" };
        let _ = writeln!(
            out,
            r##"<text x="{}" y="{}" text-anchor="end" fill="#222">{}</text>
<rect x="{LEFT}" y="{}" width="{length:.1}" height="18" rx="2" fill="{colour}"/>
<text x="{}" y="{}" fill="#222">{:.2}  ({:.1} µs)</text>"##,
            LEFT - 10.0,
            y + 18.0,
            row.title,
            y + 5.0,
            LEFT + length.max(row.target.unwrap_or_default() * SCALE) + 8.0,
            y + 18.0,
            row.ratio(),
            row.gateway,
        );
        if let Some(target) = row.target {
            let x = LEFT + target * SCALE;
            let _ = writeln!(
                out,
                r##"<line x1="{x:.1}" x2="{x:.1}" y1="{}" y2="{}" stroke="#222" stroke-width="2"/>"##,
                y + 2.0,
                y + 26.0,
            );
        }
    }
    let one = LEFT + SCALE;
    let _ = writeln!(
        out,
        r##"<line x1="{one}" x2="{one}" y1="{TOP}" y2="{bottom}" stroke="#999" stroke-dasharray="3 3"/>
<text x="{one}" y="{}" text-anchor="middle" fill="#666">the bare proxy</text>
</svg>"##,
        bottom + 18.0,
    );
    out
}
