//! The setting `hedge` of a model.

use std::time::Duration;

use super::{
    reader::{At, Reader},
    value::parse_duration,
    yaml::Data,
};
use crate::hedge::HedgePolicy;

const KEYS: [&str; 5] = ["after", "min_samples", "min_delay", "max_delay", "share"];

enum After {
    Percentile(f64),
    Fixed(Duration),
}

/// `p95`, `2s`, or a mapping.
pub(super) fn hedge(reader: &mut Reader<'_>, at: &At<'_>) -> Option<HedgePolicy> {
    if matches!(at.node.data, Data::Scalar { .. }) {
        return after(reader, at).map(|after| with(HedgePolicy::new(), &after));
    }
    let fields = reader.fields(at, &KEYS)?;
    let mut policy = HedgePolicy::new();
    if let Some(after) = fields.read(reader, "after", after) {
        policy = with(policy, &after);
        if matches!(after, After::Fixed(_)) {
            for key in ["min_samples", "min_delay", "max_delay"] {
                if let Some(other) = fields.get(key) {
                    let message = format!(
                        "`{key}` is for a percentile, such as `after: p95`; `after` is a fixed time here"
                    );
                    reader.problem_at_key(other, message);
                }
            }
        }
    }
    let calls = fields.read(reader, "min_samples", |reader, at| {
        reader.positive(
            at,
            "nothing is known of 0 calls; for a fixed time write e.g. `after: 2s`",
        )
    });
    if let Some(calls) = calls {
        policy = policy.min_samples(calls);
    }
    let (usual_min, usual_max) = policy.delays();
    let min = fields.read(reader, "min_delay", Reader::duration);
    let max = fields.read(reader, "max_delay", Reader::duration);
    let (lower, upper) = (min.unwrap_or(usual_min), max.unwrap_or(usual_max));
    if lower > upper
        && let Some(at) = fields.get("max_delay").or_else(|| fields.get("min_delay"))
    {
        let message = format!("`min_delay`, {lower:?}, is above `max_delay`, {upper:?}");
        reader.problem(at, message);
    }
    policy = policy.bounds(lower, upper);
    if let Some(share) = fields.read(reader, "share", share) {
        policy = policy.share(share);
    }
    Some(policy)
}

fn with(policy: HedgePolicy, after: &After) -> HedgePolicy {
    match after {
        After::Percentile(percent) => policy.percentile(*percent),
        After::Fixed(after) => policy.fixed(*after),
    }
}

fn after(reader: &mut Reader<'_>, at: &At<'_>) -> Option<After> {
    let text = reader.text(at)?;
    let text = text.trim();
    let percent = text.strip_prefix('p').map(str::parse::<f64>);
    let problem = match percent {
        Some(Ok(percent)) if (50.0..=99.99).contains(&percent) => {
            return Some(After::Percentile(percent));
        }
        Some(Ok(_)) => "a percentile is from p50 to p99.99",
        _ => match parse_duration(text) {
            Ok(time) if !time.is_zero() => return Some(After::Fixed(time)),
            Ok(_) => "every call would be hedged at once; leave `hedge` out to hedge none",
            Err(_) => "neither a percentile such as `p95` nor a time such as `2s`",
        },
    };
    let message = format!("{}: {problem}", Reader::written(at));
    reader.problem(at, message);
    None
}

fn share(reader: &mut Reader<'_>, at: &At<'_>) -> Option<f64> {
    let share = reader.share(at)?;
    if share == 0.0 {
        reader.problem(
            at,
            "0 lets no call be hedged; leave `hedge` out to hedge none",
        );
        return None;
    }
    Some(share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Target};

    fn read(hedge: &str) -> Result<Option<HedgePolicy>, String> {
        read_with(hedge, "")
    }

    fn read_with(hedge: &str, more: &str) -> Result<Option<HedgePolicy>, String> {
        let text = format!(
            "{more}\nproviders: {{ openai: {{ accounts: [a, b] }} }}\nmodels: {{ m: {{ deployments: [openai/m], hedge: {hedge} }} }}\n"
        );
        let config = Config::from_yaml(&text, &|_| None).map_err(|all| all.to_string())?;
        match &config.models[0].target {
            Target::Pool(pool) => Ok(pool.hedge.clone()),
            Target::Split { .. } => unreachable!("a pool"),
        }
    }

    #[test]
    fn what_is_written_is_meant() {
        let (usual, ms) = (HedgePolicy::new, Duration::from_millis);
        for (text, policy) in [
            ("", None),
            ("p95", Some(usual())),
            ("p99.5", Some(usual().percentile(99.5))),
            ("2s", Some(usual().fixed(ms(2_000)))),
            ("{}", Some(usual())),
            (
                "{ after: 250ms, share: 1% }",
                Some(usual().fixed(ms(250)).share(0.01)),
            ),
            (
                "{ after: p90, min_samples: 9, min_delay: 1s, max_delay: 5s, share: 10% }",
                Some(
                    usual()
                        .percentile(90.0)
                        .min_samples(9)
                        .bounds(ms(1_000), ms(5_000))
                        .share(0.1),
                ),
            ),
        ] {
            assert_eq!(read(text).unwrap(), policy, "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        for (text, reason) in [
            ("often", "neither a percentile such as `p95` nor a time"),
            ("p20", "a percentile is from p50 to p99.99"),
            ("0s", "every call would be hedged at once"),
            ("[p95]", "mapping"),
            ("{ when: p95 }", "when"),
            (
                "{ after: 2s, max_delay: 9s }",
                "`max_delay` is for a percentile",
            ),
            ("{ min_samples: 0 }", "nothing is known of 0 calls"),
            (
                "{ min_delay: 40s }",
                "`min_delay`, 40s, is above `max_delay`, 30s",
            ),
            ("{ share: 0% }", "0 lets no call be hedged"),
            ("{ share: 200% }", "more than the whole"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(reason), "{text}: {told}");
        }
        let told = read_with("p95", "retry: { max_attempts: 1 }").unwrap_err();
        assert!(told.contains("a hedged call makes two attempts"), "{told}");
        assert!(read_with("", "retry: { max_attempts: 1 }").is_ok());
    }
}
