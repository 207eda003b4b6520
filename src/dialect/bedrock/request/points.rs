//! Cache breakpoints: where they may stand, and how many.

use super::super::{
    models::Model,
    wire::{Block, Kind, Point, Turn},
};
use crate::chat::{CacheMarker, Fidelity};

/// The most in one request.
const MOST: usize = 4;

/// A breakpoint as the model knows it; none if it knows none.
pub(super) fn of(
    marker: Option<&CacheMarker>,
    model: &Model,
    path: impl std::fmt::Display,
    report: &mut Fidelity,
) -> Option<Point> {
    let marker = marker?;
    if !model.caches() {
        report.dropped(
            format_args!("{path}.cache_control"),
            "this model has no cache breakpoints",
        );
        return None;
    }
    let (ttl, changed) = match marker.ttl.as_deref() {
        None => (None, false),
        Some("5m") if model.caches_long() => (Some("5m"), false),
        // It is what the vendor does unasked.
        Some("5m") => (None, false),
        Some("1h") if model.caches_long() => (Some("1h"), false),
        Some("12h" | "24h") if model.caches_long() => (Some("1h"), true),
        Some(_) => (None, true),
    };
    if changed {
        report.changed(
            format_args!("{path}.cache_control"),
            "this model caches for 5m, newer Claude also for 1h",
        );
    }
    Some(Point { ttl })
}

/// Puts breakpoints where the vendor takes them: behind something, never two in a row, and not directly behind a document or a video.
pub(super) fn settle(blocks: &mut Vec<Block<'_>>, report: &mut Fidelity) {
    if !blocks.iter().any(Block::is_point) {
        return;
    }
    let mut out = Vec::with_capacity(blocks.len());
    for block in blocks.drain(..) {
        if !block.is_point() {
            out.push(block);
            continue;
        }
        let bulky = |block: &&Block<'_>| block.is(&[Kind::Document, Kind::Video]);
        let behind = out.iter().rev().take_while(bulky).count();
        let at = out.len() - behind;
        match at.checked_sub(1).and_then(|before| out.get(before)) {
            Some(before) if !before.is_point() => {
                if behind > 0 {
                    report.changed(
                        "cache_control",
                        "the breakpoint stands before the document: the vendor takes none behind it",
                    );
                }
                out.insert(at, block);
            }
            _ => report.dropped(
                "cache_control",
                "the vendor takes no breakpoint at this place",
            ),
        }
    }
    *blocks = out;
}

/// Keeps the last breakpoints: they cover the longest prefixes.
pub(super) fn limit<'a>(
    tools: &mut Vec<Block<'a>>,
    system: &mut Vec<Block<'a>>,
    turns: &mut [Turn<'a>],
    report: &mut Fidelity,
) {
    let mut lists = vec![tools, system];
    lists.extend(turns.iter_mut().map(|turn| &mut turn.content));
    let count = lists
        .iter()
        .flat_map(|blocks| blocks.iter())
        .filter(|block| block.is_point())
        .count();
    let excess = count.saturating_sub(MOST);
    let mut left = excess;
    for blocks in lists {
        blocks.retain(|block| {
            let goes = left > 0 && block.is_point();
            left -= usize::from(goes);
            !goes
        });
    }
    if excess > 0 {
        report.dropped(
            "cache_control",
            format!("the vendor takes {MOST} breakpoints: the first {excess} are left out"),
        );
    }
}
