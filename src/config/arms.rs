//! What splits and shadows of a configuration are made into.

use std::borrow::Cow;

use super::{
    ArmConfig, ArmTarget, Config, ModelConfig, PoolConfig, ShadowConfig, SplitBy, SplitConfig,
    Target,
};
use crate::split::{Arm, Shadow, Split, Splits, Sticky};

/// Every pool and its name as a model, those of arms included.
pub(super) fn pools(config: &Config) -> Vec<(Cow<'_, str>, &PoolConfig)> {
    let mut all = Vec::new();
    for ModelConfig { name, target } in &config.models {
        match target {
            Target::Pool(pool) => all.push((Cow::Borrowed(name.as_str()), pool)),
            Target::Split(split) => {
                for arm in &split.arms {
                    if let ArmTarget::Pool(pool) = &arm.target {
                        all.push((model(name, arm), pool));
                    }
                }
            }
        }
    }
    all
}

/// The model that serves an arm.
pub(super) fn model<'a>(split: &str, arm: &'a ArmConfig) -> Cow<'a, str> {
    match &arm.target {
        ArmTarget::Model(model) => Cow::Borrowed(model),
        ArmTarget::Pool(_) => Cow::Owned(format!("{split}#{}", arm.name)),
    }
}

/// Every name that stands for arms, or whose calls are copied.
pub(super) fn splits(config: &Config) -> Splits {
    let mut splits = Splits::new();
    for ModelConfig { name, target } in &config.models {
        let split = match target {
            Target::Split(split) => Some(build(name, split)),
            // It is its own only arm, to compare the copies with.
            Target::Pool(pool) => pool.shadow.as_ref().map(|copies| {
                let arm = Arm::new(name.as_str(), name.as_str(), 1);
                Split::new().arm(arm).shadow(shadow(copies))
            }),
        };
        if let Some(split) = split {
            splits = splits.split(name.as_str(), split);
        }
    }
    splits
}

fn build(name: &str, config: &SplitConfig) -> Split {
    let mut split = Split::new().by(match config.by {
        SplitBy::Caller => Sticky::Caller,
        SplitBy::Session => Sticky::Session,
        SplitBy::Call => Sticky::Call,
    });
    for arm in &config.arms {
        split = split.arm(Arm::new(arm.name.as_str(), model(name, arm), arm.weight));
    }
    match &config.shadow {
        Some(copies) => split.shadow(shadow(copies)),
        None => split,
    }
}

fn shadow(config: &ShadowConfig) -> Shadow {
    let shadow = Shadow::new(config.name.as_str(), config.model.as_str())
        .share(config.share)
        .concurrency(config.concurrency)
        .timeout(config.timeout)
        .most_bytes(config.max_bytes as u64);
    match config.budget {
        Some(micros) => shadow.budget(micros),
        None => shadow,
    }
}
