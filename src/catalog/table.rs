//! The table, and how a name is found in it.

use std::sync::LazyLock;

use crate::upstream::Price;

/// A model at a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Model {
    /// The vendor, as configurations name it.
    pub vendor: &'static str,
    /// The model's name there.
    pub name: &'static str,
    /// How many tokens of input it takes; none if unknown.
    pub context_window: Option<u64>,
    /// How many tokens it can answer; none if unknown.
    pub max_output: Option<u64>,
    /// What it costs; none if unknown.
    pub price: Option<Price>,
    /// What it is for.
    pub task: Task,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Task {
    /// Conversations.
    Chat,
    /// Continuing a text.
    Completion,
    /// Vectors.
    Embedding,
    /// Ordering documents.
    Rerank,
}

/// The model of that name at that vendor. A dated or otherwise more exact name is found under the plain one, where it has no row of
/// its own.
pub fn model(vendor: &str, name: &str) -> Option<&'static Model> {
    let models = models(vendor);
    let exact = |name: &str| {
        let at = models.binary_search_by(|model| model.name.cmp(name)).ok()?;
        models.get(at)
    };
    exact(name)
        .or_else(|| exact(without_version(name)))
        .or_else(|| exact(without_version(without_region(name)?)))
        .or_else(|| exact(without_region(name)?))
}

/// All models of a vendor, by name.
pub fn models(vendor: &str) -> &'static [Model] {
    static ALL: LazyLock<Vec<Model>> = LazyLock::new(read);
    let all = &**ALL;
    let start = all.partition_point(|model| model.vendor < vendor);
    let end = all.partition_point(|model| model.vendor <= vendor);
    all.get(start..end).unwrap_or_default()
}

/// Columns: vendor, model, window, longest answer, then rates for input, output, cache read, cache write, long cache write, and the task.
fn read() -> Vec<Model> {
    let mut all: Vec<Model> = include_str!("models.tsv")
        .lines()
        .filter_map(|line| {
            let mut columns = line.split('\t');
            let (vendor, name) = (columns.next()?, columns.next()?);
            let mut number = || columns.next().and_then(|text| text.parse().ok());
            let (context_window, max_output) = (number(), number());
            let price = price([number(), number(), number(), number(), number()]);
            Some(Model {
                vendor,
                name,
                context_window,
                max_output,
                price,
                task: match columns.next()? {
                    "chat" => Task::Chat,
                    "completion" => Task::Completion,
                    "embedding" => Task::Embedding,
                    _ => Task::Rerank,
                },
            })
        })
        .collect();
    all.sort_by_key(|model| (model.vendor, model.name));
    all
}

/// Of input, output, cache read, cache write and long cache write. Vectors have no output to pay for.
fn price([input, output, read, write, long]: [Option<u64>; 5]) -> Option<Price> {
    let mut price = Price::new(input?, output.unwrap_or_default());
    (price.cache_read, price.cache_write, price.cache_write_long) = (read, write, long);
    Some(price)
}

/// `claude-x-20250929`, `gpt-x-2024-08-06`, `claude-x@20250929` and `claude-x-latest` are versions of the model before the date.
fn without_version(name: &str) -> &str {
    if let Some((plain, _)) = name.split_once('@') {
        return plain;
    }
    if let Some(plain) = name.strip_suffix("-latest") {
        return plain;
    }
    let is_date = |text: &str| {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        digits == 8 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-')
    };
    [9, 11]
        .into_iter()
        .filter_map(|length| name.split_at_checked(name.len().checked_sub(length)?))
        .find_map(|(plain, date)| is_date(date.strip_prefix('-')?).then_some(plain))
        .unwrap_or(name)
}

/// Bedrock's inference profiles name a region before the model.
fn without_region(name: &str) -> Option<&str> {
    const REGIONS: [&str; 8] = ["apac", "au", "ca", "eu", "global", "jp", "us", "us-gov"];
    let (region, rest) = name.split_once('.')?;
    REGIONS.contains(&region).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = include_str!("models.tsv").lines().count();
        let all = read();
        assert_eq!(all.len(), lines);
        for pair in all.windows(2) {
            let [a, b] = pair else { unreachable!() };
            assert!(
                (a.vendor, a.name) < (b.vendor, b.name),
                "{} {}",
                b.vendor,
                b.name
            );
        }
        // A figure in the wrong column shows.
        for model in &all {
            assert!(
                model
                    .context_window
                    .is_none_or(|n| (64..=20_000_000).contains(&n)),
                "{model:?}"
            );
            assert!(
                model.price.is_none_or(|price| price.input <= 1_000_000_000),
                "{model:?}"
            );
        }
    }

    #[test]
    fn names_are_found_with_their_versions_and_regions() {
        for (vendor, asked, found) in [
            ("openai", "gpt-4o", "gpt-4o"),
            ("openai", "gpt-4o-2029-01-01", "gpt-4o"),
            (
                "anthropic",
                "claude-sonnet-4-5-20991231",
                "claude-sonnet-4-5",
            ),
            ("anthropic", "claude-sonnet-4-5-latest", "claude-sonnet-4-5"),
            ("vertex", "claude-sonnet-4-5@20991231", "claude-sonnet-4-5"),
            ("bedrock", "ca.amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
        ] {
            assert_eq!(model(vendor, asked).map(|m| m.name), Some(found), "{asked}");
        }
        for (vendor, asked) in [
            ("openai", "gpt"),
            ("nobody", "gpt-4o"),
            ("openai", ""),
            ("openai", "é-2024"),
        ] {
            assert_eq!(model(vendor, asked), None, "{asked}");
        }
        assert!(models("openai").len() > 50 && models("nobody").is_empty());
    }
}
