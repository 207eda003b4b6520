//! The setting `give_up` of a model.

use std::time::Duration;

use super::{
    model::GiveUpConfig,
    reader::{At, Reader},
    value::format_duration,
};

const KEYS: [&str; 2] = ["times", "least"];

pub(super) fn give_up(reader: &mut Reader<'_>, at: &At<'_>) -> Option<GiveUpConfig> {
    let fields = reader.fields(at, &KEYS)?;
    let usual = GiveUpConfig::default();
    Some(GiveUpConfig {
        times: fields.read(reader, "times", times).unwrap_or(usual.times),
        least: fields.read(reader, "least", least).unwrap_or(usual.least),
    })
}

/// Whether it comes to that, in calls that are over after `total`.
pub(super) fn check(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    give_up: GiveUpConfig,
    total: Option<Duration>,
) {
    if let Some(total) = total.filter(|total| *total <= give_up.least) {
        let message = format!(
            "nobody is given up before {} (`least`), but the whole call is over after {} (`total`)",
            format_duration(give_up.least),
            format_duration(total),
        );
        reader.problem_at_key(at, message);
    }
}

fn times(reader: &mut Reader<'_>, at: &At<'_>) -> Option<u32> {
    let times = reader.number(at)?;
    if times < 2 {
        let message = format!(
            "{}: half of all answers take longer than usual; 2 is the least that makes sense",
            Reader::written(at)
        );
        reader.problem(at, message);
        return None;
    }
    Some(times)
}

fn least(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Duration> {
    let least = reader.duration(at)?;
    if least.is_zero() {
        reader.problem(
            at,
            "an account that is quick would be given up at once; leave `give_up` out to give up none",
        );
        return None;
    }
    Some(least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Target};

    fn read(settings: &str, more: &str) -> Result<Config, String> {
        let text = format!(
            "{more}\nproviders: {{ openai: {{ accounts: [a, b] }} }}\nmodels: {{ m: {{ deployments: [openai/m], {settings} }} }}\n"
        );
        Config::from_yaml(&text, &|_| None).map_err(|all| all.to_string())
    }

    #[test]
    fn what_is_written_is_meant() {
        let secs = Duration::from_secs;
        for (text, expected, plan) in [
            ("wait: 1s", None, ""),
            (
                "give_up: {}",
                Some((8, secs(20))),
                ", given up when silent for 8 times as long as usual and 20s",
            ),
            (
                "give_up: { times: 4, least: 1m }",
                Some((4, secs(60))),
                ", given up when silent for 4 times as long as usual and 60s",
            ),
        ] {
            let config = read(text, "").unwrap();
            let Target::Pool(pool) = &config.models[0].target else {
                unreachable!("a pool")
            };
            let found = pool.give_up.map(|give_up| (give_up.times, give_up.least));
            assert_eq!(found, expected, "{text}");
            assert_eq!(config.plan().contains("given up"), expected.is_some());
            assert!(config.plan().contains(plan), "{}", config.plan());
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        for (text, more, reason) in [
            ("give_up: 8", "", "expected a mapping"),
            ("give_up: { after: 8s }", "", "after"),
            ("give_up: { times: 1 }", "", "2 is the least"),
            ("give_up: { least: 0s }", "", "quick would be given up"),
            (
                "give_up: {}",
                "retry: { max_attempts: 1 }",
                "given up only for another",
            ),
            (
                "give_up: { least: 20s }, timeouts: { total: 20s }",
                "",
                "is over after 20s",
            ),
            (
                "give_up: { least: 1h }",
                "timeouts: { total: 1m }",
                "is over after 60s",
            ),
        ] {
            let told = read(text, more).unwrap_err();
            assert!(told.contains(reason), "{text}: {told}");
        }
        assert!(read("give_up: {}, timeouts: { total: 0s }", "").is_ok());
    }
}
