//! Splits and shadows of the section `models`.

use super::{
    model::{ArmConfig, ArmTarget, ShadowConfig, SplitBy, SplitConfig},
    models::{Models, Naming, POOL},
    nearest::did_you_mean,
    price::dollars,
    reader::{At, Fields, Reader},
    yaml::Data,
};
use crate::split::Shadow;

impl Models<'_, '_> {
    pub(super) fn split(
        &mut self,
        reader: &mut Reader<'_>,
        index: usize,
        name: &str,
        at: &At<'_>,
        fields: &Fields<'_>,
    ) -> Option<SplitConfig> {
        for key in POOL {
            if let Some(other) = fields.get(key) {
                let message = format!(
                    "`{key}` belongs to the models that the split names, not beside `split`"
                );
                reader.problem_at_key(other, message);
            }
        }
        if name.contains('*') {
            reader.problem_at_key(at, "a name with a `*` cannot be split: name one model");
            return None;
        }
        let by = fields.read(reader, "by", by).unwrap_or_default();
        let mut arms = Vec::new();
        let entries = reader.entries(at, "a mapping of models and their shares")?;
        for (key, item) in &entries {
            arms.extend(self.arm(reader, index, (name, key), item));
        }
        // Of those that could not be read nobody knows.
        let complete = arms.len() == entries.len();
        if complete && arms.iter().all(|arm| arm.weight == 0) {
            reader.problem_at_key(at, "the shares sum to 0: no model would ever be chosen");
        }
        let shadow = None;
        Some(SplitConfig { arms, by, shadow })
    }

    /// `model: weight`, or a mapping with a weight, and a model or deployments of its own.
    fn arm(
        &mut self,
        reader: &mut Reader<'_>,
        index: usize,
        (split, name): (&str, &str),
        at: &At<'_>,
    ) -> Option<ArmConfig> {
        let Data::Map(_) = &at.node.data else {
            // Its key is what names the model.
            self.refer(reader, index, name, at, Naming::Key);
            let weight = reader.number(at)?;
            return Some(ArmConfig {
                name: name.to_owned(),
                weight,
                target: ArmTarget::Model(name.to_owned()),
            });
        };
        let known: Vec<&str> = ["weight", "model"].into_iter().chain(POOL).collect();
        let fields = reader.fields(at, &known)?;
        if name.is_empty() || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
            reader.problem_at_key(at, "an arm's name is not empty and has no spaces");
        }
        let weight = fields.read(reader, "weight", Reader::number);
        if fields.get("weight").is_none() {
            reader.problem_at_key(at, "an arm needs its `weight`, e.g. weight: 5");
        }
        let pool = POOL.iter().find_map(|key| fields.get(key));
        let target = match (fields.get("model"), pool) {
            (Some(_), Some(other)) => {
                let message = "an arm has a `model`, whose settings these would be, or `deployments` of its own, not both";
                reader.problem_at_key(other, message);
                return None;
            }
            (Some(at), None) => {
                let model = reader.text(at)?;
                self.refer(reader, index, &model, at, Naming::Value);
                ArmTarget::Model(model)
            }
            (None, None) => {
                self.refer(reader, index, name, at, Naming::Key);
                ArmTarget::Model(name.to_owned())
            }
            (None, Some(_)) => {
                let own = format!("{split}#{name}");
                if self.names.find(&own).is_some_and(|found| found.exact) {
                    let message =
                        format!("its deployments are served as `{own}`, which is a model already");
                    reader.problem_at_key(at, message);
                }
                let pool = self.pool(reader, index, split, at, &fields);
                ArmTarget::Pool(Box::new(pool))
            }
        };
        Some(ArmConfig {
            name: name.to_owned(),
            weight: weight?,
            target,
        })
    }

    /// `shadow` beside deployments or a split.
    pub(super) fn shadow(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
        fields: &Fields<'_>,
    ) -> Option<ShadowConfig> {
        const KEYS: [&str; 7] = [
            "model",
            "share",
            "name",
            "concurrency",
            "timeout",
            "max_bytes",
            "usd_per_day",
        ];
        const ZERO: &str = "0 would copy nothing; leave `shadow` out for that";
        let at = fields.get("shadow")?;
        if name.contains('*') {
            let message = "calls of a name with a `*` cannot be copied: name one model";
            reader.problem_at_key(at, message);
        }
        let fields = reader.fields(at, &KEYS)?;
        for (key, example) in [("model", "model: gpt-4o-mini"), ("share", "share: 2%")] {
            if fields.get(key).is_none() {
                let message = format!("a shadow needs its `{key}`, e.g. {example}");
                reader.problem_at_key(at, message);
            }
        }
        let model = fields.get("model").and_then(|at| {
            let model = reader.text(at)?;
            let quoted = Reader::quoted(at, &model);
            let message = if model == name {
                format!("{quoted} is the model itself: name another one")
            } else if model.contains('*') {
                format!("{quoted}: name one model here, not a wildcard")
            } else if self.names.find(&model).is_none() {
                let hint = did_you_mean(&model, self.names.exact());
                format!("there is no model {quoted}{hint}")
            } else {
                return Some(model);
            };
            reader.problem(at, message);
            None
        });
        let positive = |reader: &mut Reader<'_>, at: &At<'_>| reader.positive(at, ZERO);
        let timeout = |reader: &mut Reader<'_>, at: &At<'_>| {
            let timeout = reader.duration(at)?;
            if timeout.is_zero() {
                reader.problem(at, "a copy without time would always fail; write e.g. 30s");
                return None;
            }
            Some(timeout)
        };
        let share = fields.read(reader, "share", Reader::share);
        let read = ShadowConfig {
            name: fields
                .read(reader, "name", Reader::text)
                .unwrap_or_else(|| "shadow".to_owned()),
            model: model.unwrap_or_default(),
            share: share.unwrap_or_default(),
            concurrency: fields
                .read(reader, "concurrency", positive)
                .unwrap_or(Shadow::CONCURRENCY),
            timeout: fields
                .read(reader, "timeout", timeout)
                .unwrap_or(Shadow::TIMEOUT),
            max_bytes: fields
                .read(reader, "max_bytes", Reader::size)
                .unwrap_or(Shadow::MOST_BYTES as usize),
            budget: fields.read(reader, "usd_per_day", dollars),
        };
        Some(read)
    }
}

fn by(reader: &mut Reader<'_>, at: &At<'_>) -> Option<SplitBy> {
    let text = reader.text(at)?;
    let found = SplitBy::ALL.into_iter().find(|by| by.as_str() == text);
    if found.is_none() {
        let names = SplitBy::ALL.map(SplitBy::as_str);
        let message = format!(
            "{} is nobody who could draw an arm{}; known are {}",
            Reader::written(at),
            did_you_mean(&text, names),
            names.join(", ")
        );
        reader.problem(at, message);
    }
    found
}
