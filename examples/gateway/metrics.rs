//! `GET /metrics`, in the text format of Prometheus.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use trunkline::{config::Gateway, hedge::HedgeStatus};

use crate::arms;

/// What the server counts itself.
#[derive(Debug, Default)]
pub struct Metrics {
    pub reloads: AtomicU64,
    pub failed_reloads: AtomicU64,
    pub connections: AtomicU64,
    pub open_connections: AtomicU64,
}

impl Metrics {
    /// The page.
    pub fn text(&self, gateway: &Gateway) -> String {
        let mut page = String::new();
        let mut metric = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
            // Writing to a String cannot fail.
            let _ = writeln!(
                page,
                "# HELP trunkline_{name} {help}\n# TYPE trunkline_{name} {kind}"
            );
            for (labels, value) in samples {
                let _ = writeln!(page, "trunkline_{name}{labels} {value}");
            }
        };
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let one = |value: u64| [(String::new(), value)];
        metric(
            "config_reloads_total",
            "counter",
            "Configurations read again, by what came of it.",
            &[
                ("{result=\"ok\"}".to_owned(), read(&self.reloads)),
                (
                    "{result=\"refused\"}".to_owned(),
                    read(&self.failed_reloads),
                ),
            ],
        );
        metric(
            "connections_total",
            "counter",
            "Connections accepted.",
            &one(read(&self.connections)),
        );
        metric(
            "open_connections",
            "gauge",
            "Connections open now.",
            &one(read(&self.open_connections)),
        );
        let hedges = gateway.hedges().snapshot();
        if !hedges.is_empty() {
            let mut each = |name: &str, help: &str, value: &dyn Fn(&HedgeStatus) -> u64| {
                let samples = hedges.iter().map(|status| {
                    let labels = format!("{{model=\"{}\"}}", escaped(&status.model));
                    (labels, value(status))
                });
                metric(name, "counter", help, &samples.collect::<Vec<_>>());
            };
            each(
                "hedgeable_calls_total",
                "Calls that could have been hedged.",
                &|status| status.calls,
            );
            each(
                "hedges_total",
                "Second attempts made while the first was silent.",
                &|status| status.hedged,
            );
            each(
                "hedges_won_total",
                "Second attempts that gave the answer.",
                &|status| status.won,
            );
            each(
                "hedges_refused_total",
                "Slow calls that were not hedged because of the share.",
                &|status| status.refused,
            );
            each(
                "hedges_alone_total",
                "Slow calls that were not hedged because nobody else had room, or no attempt was left.",
                &|status| status.alone,
            );
            let delays = hedges.iter().flat_map(|status| &status.delays);
            let delays = delays.filter_map(|delay| {
                let labels = format!(
                    "{{model=\"{}\",kind=\"{}\"}}",
                    escaped(&delay.model),
                    delay.kind.as_str()
                );
                Some((labels, delay.delay?.as_millis() as u64))
            });
            metric(
                "hedge_delay_milliseconds",
                "gauge",
                "How long the first attempt may be silent.",
                &delays.collect::<Vec<_>>(),
            );
        }
        let accounts = gateway.pools().snapshot();
        let mut each = |name: &str, help: &str, value: &dyn Fn(usize) -> u64| {
            let samples: Vec<(String, u64)> = accounts
                .iter()
                .enumerate()
                .map(|(index, account)| {
                    let labels = format!(
                        "{{provider=\"{}\",account=\"{}\"}}",
                        escaped(&account.provider),
                        escaped(&account.account)
                    );
                    (labels, value(index))
                })
                .collect();
            metric(name, "gauge", help, &samples);
        };
        let of = |index: usize| accounts.get(index);
        each("account_in_flight", "Calls an account is serving.", &|i| {
            of(i).map_or(0, |account| account.in_flight.into())
        });
        each(
            "account_requests_last_minute",
            "Calls begun in the last minute.",
            &|i| of(i).map_or(0, |account| account.requests_last_minute),
        );
        each(
            "account_tokens_last_minute",
            "Tokens of the last minute.",
            &|i| of(i).map_or(0, |account| account.tokens_last_minute),
        );
        each(
            "account_cooldowns",
            "Reasons for which an account, or a model of it, is left alone now.",
            &|i| of(i).map_or(0, |account| account.cooldowns.len() as u64),
        );
        arms::write(&mut page, gateway);
        page
    }
}

/// A label's value, which the format quotes.
pub fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
