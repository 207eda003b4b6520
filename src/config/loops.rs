//! Models that lead back to themselves.

use super::{reader::Reader, yaml::Place};

/// One model names another.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Where it does.
    pub(super) place: Place,
    pub(super) path: String,
}

/// Notes every loop once, where it closes.
pub(super) fn check(reader: &mut Reader<'_>, names: &[&str], edges: &[Edge]) {
    let mut next: Vec<Vec<&Edge>> = vec![Vec::new(); names.len()];
    for edge in edges {
        if let Some(list) = next.get_mut(edge.from) {
            list.push(edge);
        }
    }
    let mut done = vec![false; names.len()];
    for start in 0..names.len() {
        walk(reader, names, &next, &mut done, start);
    }
}

/// Depth first, on a stack of its own: a file may name a long chain.
fn walk(
    reader: &mut Reader<'_>,
    names: &[&str],
    next: &[Vec<&Edge>],
    done: &mut [bool],
    start: usize,
) {
    if done.get(start).copied().unwrap_or(true) {
        return;
    }
    let mut way = vec![(start, 0_usize)];
    let mut on_way = vec![false; done.len()];
    let mark = |list: &mut [bool], at: usize, value: bool| {
        if let Some(slot) = list.get_mut(at) {
            *slot = value;
        }
    };
    mark(&mut on_way, start, true);
    while let Some((at, taken)) = way.last_mut() {
        let Some(edge) = next.get(*at).and_then(|edges| edges.get(*taken)) else {
            mark(done, *at, true);
            mark(&mut on_way, *at, false);
            way.pop();
            continue;
        };
        *taken += 1;
        if on_way.get(edge.to).copied().unwrap_or(false) {
            let from = way.iter().position(|(at, _)| *at == edge.to).unwrap_or(0);
            let round: Vec<&str> = way
                .iter()
                .skip(from)
                .map(|(at, _)| *at)
                .chain([edge.to])
                .map(|at| names.get(at).copied().unwrap_or_default())
                .collect();
            let message = match round.as_slice() {
                [itself, _] => format!("`{itself}` leads to itself"),
                _ => format!("this closes a loop: {}", round.join(" → ")),
            };
            reader.note(edge.place, &edge.path, message);
        } else if !done.get(edge.to).copied().unwrap_or(true) {
            mark(&mut on_way, edge.to, true);
            way.push((edge.to, 0));
        }
    }
}
