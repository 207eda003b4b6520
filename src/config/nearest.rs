//! The nearest known name to a mistyped one.

/// Longer names are not compared: the table grows with the square.
const LONGEST: usize = 80;

/// The candidate that `name` was probably meant to be, if any is near enough.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name = letters(name);
    if name.len() > LONGEST {
        return None;
    }
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let other = letters(candidate);
            if other.len() > LONGEST {
                return None;
            }
            let allowed = (name.len().max(other.len()) / 3).max(1);
            let distance = distance(&name, &other);
            (distance <= allowed && distance < other.len()).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean `x`?` or nothing: the end of a message.
pub(super) fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    nearest(name, candidates).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// Case and the kind of dash do not count as a difference.
fn letters(text: &str) -> Vec<char> {
    text.chars()
        .map(|c| {
            if c == '-' {
                '_'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
}

/// How many letters must be added, left out, changed or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut last_a = None;
    for (row, &x) in a.iter().enumerate() {
        let mut left = row + 1;
        let mut line = vec![left];
        let mut last_b = None;
        for (column, &y) in b.iter().enumerate() {
            let cell = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX - 1);
            let mut best = (left + 1)
                .min(cell(&above, column + 1) + 1)
                .min(cell(&above, column) + usize::from(x != y));
            if column > 0 && last_a == Some(y) && last_b == Some(x) {
                best = best.min(cell(&before, column - 1) + 1);
            }
            line.push(best);
            left = best;
            last_b = Some(y);
        }
        before = above;
        above = line;
        last_a = Some(x);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let keys = ["base_url", "kind", "headers", "accounts"];
        assert_eq!(nearest("bas_url", keys), Some("base_url"));
        assert_eq!(nearest("base-url", keys), Some("base_url"));
        assert_eq!(nearest("Headers", keys), Some("headers"));
        assert_eq!(nearest("ikdn", keys), None);
        assert_eq!(nearest("kidn", keys), Some("kind"));
        assert_eq!(nearest("zebra", keys), None);
        assert_eq!(nearest("", keys), None);
        assert_eq!(nearest("x", ["y"]), None);
    }

    #[test]
    fn distances_are_counted() {
        let count = |a: &str, b: &str| distance(&letters(a), &letters(b));
        assert_eq!(count("", "abc"), 3);
        assert_eq!(count("kitten", "sitting"), 3);
        assert_eq!(count("ab", "ba"), 1);
        assert_eq!(count("same", "same"), 0);
    }
}
