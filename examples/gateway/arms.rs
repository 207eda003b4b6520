//! What `GET /metrics` says of the arms of splits, and of shadows. There are as many rows as the configuration has arms, whoever calls.

use std::fmt::Write;

use trunkline::{config::Gateway, split::ArmReport};

use crate::metrics::escaped;

/// What a sample of an arm is made of.
type Samples = fn(&ArmReport) -> Vec<(String, u64)>;

const COUNTERS: [(&str, &str, Samples); 6] = [
    (
        "arm_requests_total",
        "Calls that an arm of a split has drawn, and copies that a shadow got.",
        |arm| one(arm.requests),
    ),
    (
        "arm_ends_total",
        "How they ended: completed, cancelled, or the kind of their failure.",
        |arm| {
            let ends = [("completed", arm.completed), ("cancelled", arm.cancelled)];
            let errors = arm.errors.iter().map(|(kind, count)| (*kind, *count));
            let all = ends.into_iter().chain(errors);
            all.map(|(end, count)| (format!(",end=\"{end}\""), count))
                .collect()
        },
    ),
    (
        "arm_tokens_total",
        "Tokens, each in one place only.",
        |arm| {
            let tokens = [
                ("input", arm.tokens.input),
                ("cache_read", arm.tokens.cache_read),
                ("cache_write", arm.tokens.cache_write),
                ("output", arm.tokens.output),
                ("reasoning", arm.tokens.reasoning),
            ];
            let named = tokens.map(|(name, count)| (format!(",type=\"{name}\""), count));
            named.into()
        },
    ),
    (
        "arm_cost_microdollars_total",
        "What they cost, in millionths of a US dollar.",
        |arm| one(arm.cost_micros),
    ),
    (
        "arm_unpriced_total",
        "Answers whose cost is unknown.",
        |arm| one(arm.unpriced),
    ),
    (
        "arm_skipped_copies_total",
        "Copies that a shadow did not get though it was their turn.",
        |arm| {
            let all = arm.skipped.iter();
            all.map(|(why, count)| (format!(",reason=\"{why}\""), *count))
                .collect()
        },
    ),
];

/// Adds the rows.
pub fn write(page: &mut String, gateway: &Gateway) {
    let arms = gateway.arms().report();
    if arms.is_empty() {
        return;
    }
    for (name, help, samples) in COUNTERS {
        head(page, name, "counter", help);
        for arm in &arms {
            for (labels, value) in samples(arm) {
                row(
                    page,
                    &format!("{name}{{{}{labels}}}", labels_of(arm)),
                    value,
                );
            }
        }
    }
    head(page, "arm_running", "gauge", "Calls that are under way.");
    for arm in &arms {
        row(
            page,
            &format!("arm_running{{{}}}", labels_of(arm)),
            arm.running,
        );
    }
    let name = "arm_first_content_seconds";
    head(
        page,
        name,
        "histogram",
        "How long streams took to their first content.",
    );
    for arm in &arms {
        let (labels, timing) = (labels_of(arm), &arm.first_content);
        for (end, count) in &timing.buckets {
            let end = *end as f64 / 1e3;
            row(
                page,
                &format!("{name}_bucket{{{labels},le=\"{end}\"}}"),
                *count,
            );
        }
        row(
            page,
            &format!("{name}_bucket{{{labels},le=\"+Inf\"}}"),
            timing.count,
        );
        row(page, &format!("{name}_count{{{labels}}}"), timing.count);
        let sum = timing.sum_ms as f64 / 1e3;
        row(page, &format!("{name}_sum{{{labels}}}"), sum);
    }
}

fn one(value: u64) -> Vec<(String, u64)> {
    vec![(String::new(), value)]
}

fn labels_of(arm: &ArmReport) -> String {
    format!(
        "split=\"{}\",arm=\"{}\",model=\"{}\",shadow=\"{}\"",
        escaped(&arm.split),
        escaped(&arm.arm),
        escaped(&arm.model),
        arm.shadow
    )
}

fn head(page: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        page,
        "# HELP trunkline_{name} {help}\n# TYPE trunkline_{name} {kind}"
    );
}

fn row(page: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = writeln!(page, "trunkline_{name} {value}");
}
