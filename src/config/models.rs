//! The section `models`.

use std::time::Duration;

use super::{
    deployments::{self, Vendors},
    give_up, hedge,
    loops::{self, Edge},
    model::{BalanceKind, ModelConfig, PoolConfig, QueueConfig, Target},
    names::Names,
    nearest::did_you_mean,
    price::price,
    reader::{At, Fields, Reader},
    timeouts,
    yaml::Data,
};
use crate::chat::FidelityMode;

pub(super) const POOL: [&str; 11] = [
    "deployments",
    "balance",
    "cooldown",
    "wait",
    "queue",
    "fidelity",
    "timeouts",
    "price",
    "hedge",
    "give_up",
    "fallbacks",
];
const SPLIT: [&str; 3] = ["split", "by", "shadow"];

/// Reads the models, and what they name of each other.
pub(super) struct Models<'a, 'n> {
    pub(super) names: &'a Names<'n>,
    vendors: &'a mut Vendors,
    edges: Vec<Edge>,
    /// How long a call may take unless its model says otherwise.
    total: Option<Duration>,
}

pub(super) fn models(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    vendors: &mut Vendors,
    total: Option<Duration>,
) -> Option<Vec<ModelConfig>> {
    let entries = reader.entries(at, "a mapping of model names")?;
    let names: Vec<&str> = entries.iter().map(|(name, _)| *name).collect();
    let mut models = Models {
        names: &Names::new(names.iter().copied()),
        vendors,
        edges: Vec::new(),
        total,
    };
    let mut list = Vec::with_capacity(entries.len());
    for (index, (name, at)) in entries.iter().enumerate() {
        check_name(reader, name, at);
        if let Some(target) = models.target(reader, index, name, at) {
            list.push(ModelConfig {
                name: (*name).to_owned(),
                target,
            });
        }
    }
    loops::check(reader, &names, &models.edges);
    Some(list)
}

fn check_name(reader: &mut Reader<'_>, name: &str, at: &At<'_>) {
    if name.is_empty() || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        reader.problem_at_key(at, "a model's name is not empty and has no spaces");
    }
    if name.matches('*').count() > 1 {
        let message = "a model's name may have one `*`, which stands for one or more characters";
        reader.problem_at_key(at, message);
    }
}

impl Models<'_, '_> {
    fn target(
        &mut self,
        reader: &mut Reader<'_>,
        index: usize,
        name: &str,
        at: &At<'_>,
    ) -> Option<Target> {
        match &at.node.data {
            Data::Scalar { .. } => {
                let deployment = deployments::named(reader, at, name, self.vendors, self.names)?;
                Some(Target::Pool(PoolConfig::new(vec![deployment])))
            }
            Data::List(_) => {
                let list = deployments::list(reader, at, name, self.vendors, self.names)?;
                Some(Target::Pool(PoolConfig::new(list)))
            }
            Data::Map(_) => {
                let known: Vec<&str> = POOL.iter().chain(&SPLIT).copied().collect();
                let fields = reader.fields(at, &known)?;
                let shadow = self.shadow(reader, name, &fields);
                if let Some(split) = fields.get("split") {
                    let mut config = self.split(reader, index, name, split, &fields)?;
                    config.shadow = shadow;
                    return Some(Target::Split(config));
                }
                if let Some(by) = fields.get("by") {
                    reader.problem_at_key(by, "`by` belongs to a `split`");
                }
                let mut pool = self.pool(reader, index, name, at, &fields);
                pool.shadow = shadow;
                Some(Target::Pool(pool))
            }
        }
    }

    pub(super) fn pool(
        &mut self,
        reader: &mut Reader<'_>,
        index: usize,
        name: &str,
        at: &At<'_>,
        fields: &Fields<'_>,
    ) -> PoolConfig {
        let mut pool = PoolConfig::new(Vec::new());
        match fields.get("deployments") {
            Some(list) => {
                pool.deployments = deployments::list(reader, list, name, self.vendors, self.names)
                    .unwrap_or_default();
            }
            None => reader.problem_at_key(
                at,
                "it needs `deployments`, e.g. [openai/gpt-4o], or a `split` among other models",
            ),
        }
        if let Some(balance) = fields.read(reader, "balance", balance) {
            pool.balance = balance;
        }
        if let Some(cooldown) = fields.read(reader, "cooldown", Reader::duration) {
            pool.cooldown = cooldown;
        }
        if let Some(wait) = fields.read(reader, "wait", Reader::duration) {
            pool.wait = wait;
        }
        if let Some(at) = fields.get("queue") {
            pool.queue = queue(reader, at);
            if pool.wait.is_zero() {
                reader.problem_at_key(
                    at,
                    "nobody waits in it: set `wait` beside it, e.g. wait: 10s",
                );
            }
        }
        if let Some(fidelity) = fields.read(reader, "fidelity", fidelity) {
            pool.fidelity = fidelity;
        }
        let own = fields.read(reader, "timeouts", timeouts::of_model);
        pool.timeouts = own.map(Box::new);
        if let Some(price) = fields.read(reader, "price", price) {
            for deployment in &mut pool.deployments {
                deployment.price = deployment.price.or(Some(price));
            }
        }
        pool.hedge = fields.read(reader, "hedge", hedge::hedge);
        pool.give_up = fields.read(reader, "give_up", give_up::give_up);
        let own = pool.timeouts.as_deref().and_then(|own| own.total);
        if let (Some(give_up), Some(at)) = (pool.give_up, fields.get("give_up")) {
            give_up::check(reader, at, give_up, own.unwrap_or(self.total));
        }
        if let Some(at) = fields.get("fallbacks") {
            pool.fallbacks = self.fallbacks(reader, index, at);
        }
        pool
    }

    fn fallbacks(&mut self, reader: &mut Reader<'_>, index: usize, at: &At<'_>) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let items = reader.list(at, "a list of model names");
        for item in items.unwrap_or_default() {
            let Some(name) = reader.text(&item) else {
                continue;
            };
            if names.contains(&name) {
                reader.problem(
                    &item,
                    format!("{} comes twice", Reader::quoted(&item, &name)),
                );
            }
            self.refer(reader, index, &name, &item, Naming::Fallback);
            names.push(name);
        }
        names
    }

    /// A model names another one.
    pub(super) fn refer(
        &mut self,
        reader: &mut Reader<'_>,
        from: usize,
        name: &str,
        at: &At<'_>,
        naming: Naming,
    ) {
        // A key is something that the environment has no part in.
        let quoted = match naming {
            Naming::Key => format!("`{name}`"),
            Naming::Fallback | Naming::Value => Reader::quoted(at, name),
        };
        if name.contains('*') {
            let message = format!("{quoted}: name one model here, not a wildcard");
            reader.problem_at_key(at, message);
            return;
        }
        let Some(found) = self.names.find(name) else {
            let hint = did_you_mean(name, self.names.exact());
            reader.problem_at_key(at, format!("there is no model {quoted}{hint}"));
            return;
        };
        if found.index == from && naming == Naming::Fallback {
            // `claude-*` may fall back to `claude-haiku`, though it serves that itself.
            if found.exact {
                reader.problem_at_key(at, format!("{quoted} is in its own fallbacks"));
            }
            return;
        }
        self.edges.push(Edge {
            from,
            to: found.index,
            place: at.key,
            path: at.path.clone(),
        });
    }
}

/// How one model names another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// As a key, whose value is something else.
    Key,
    /// As a value.
    Value,
    /// In a list of fallbacks.
    Fallback,
}

fn balance(reader: &mut Reader<'_>, at: &At<'_>) -> Option<BalanceKind> {
    const KINDS: [BalanceKind; 8] = [
        BalanceKind::Weighted,
        BalanceKind::RoundRobin,
        BalanceKind::LeastBusy,
        BalanceKind::Fastest,
        BalanceKind::Headroom,
        BalanceKind::Sticky,
        BalanceKind::UseBeforeReset,
        BalanceKind::Cheapest,
    ];
    let text = reader.text(at)?;
    if let Some(kind) = KINDS.into_iter().find(|kind| kind.as_str() == text) {
        return Some(kind);
    }
    let written = Reader::written(at);
    let names = KINDS.map(BalanceKind::as_str);
    let known = names.join(", ");
    let hint = did_you_mean(&text, names);
    reader.problem(
        at,
        format!("{written} is no way to balance{hint}; known are {known}"),
    );
    None
}

fn queue(reader: &mut Reader<'_>, at: &At<'_>) -> QueueConfig {
    const ZERO: &str = "0 would let nobody wait; leave `wait` out for that";
    let mut queue = QueueConfig::default();
    let Some(fields) = reader.fields(at, &["size", "per_caller"]) else {
        return queue;
    };
    if let Some(size) = fields.read(reader, "size", |reader, at| reader.positive(at, ZERO)) {
        queue.size = size;
        queue.per_caller = queue.per_caller.min(size);
    }
    if let Some(calls) = fields.read(reader, "per_caller", |reader, at| reader.positive(at, ZERO)) {
        queue.per_caller = calls;
        if let Some(at) = fields.get("per_caller").filter(|_| calls > queue.size) {
            let message = format!(
                "this is more than the whole queue holds, which is {}",
                queue.size
            );
            reader.problem(at, message);
        }
    }
    queue
}

fn fidelity(reader: &mut Reader<'_>, at: &At<'_>) -> Option<FidelityMode> {
    let text = reader.text(at)?;
    let mode = FidelityMode::from_name(&text);
    if mode.is_none() {
        let hint = did_you_mean(&text, ["lenient", "strict"]);
        let message = format!(
            "{} is no fidelity{hint}; known are lenient, strict",
            Reader::written(at)
        );
        reader.problem(at, message);
    }
    mode
}
