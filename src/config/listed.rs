//! The names a configuration serves, as `GET /v1/models` lists them.

use super::{Config, ModelConfig, PoolConfig, ProviderConfig, Target, kinds::CloudConfig};
use crate::{
    catalog::{self, Task},
    pattern::Pattern,
};

/// Every model by its name; of wildcards those that the catalogue knows.
pub(super) fn names(config: &Config) -> Vec<String> {
    let mut all = Vec::new();
    for ModelConfig { name, target } in &config.models {
        match (Pattern::of(name), target) {
            (None, _) => all.push(name.clone()),
            (Some(pattern), Target::Pool(pool)) => known(config, &pattern, pool, &mut all),
            (Some(_), Target::Split(_)) => {}
        }
    }
    all.sort();
    all.dedup();
    all
}

fn known(config: &Config, pattern: &Pattern, pool: &PoolConfig, all: &mut Vec<String>) {
    for deployment in pool.deployments.iter().filter(|d| d.enabled) {
        let provider = config
            .providers
            .iter()
            .find(|provider| provider.name == deployment.provider);
        let Some(vendor) = provider.and_then(vendor) else {
            continue;
        };
        for model in catalog::models(vendor) {
            if !matches!(model.task, Task::Chat | Task::Embedding) {
                continue;
            }
            match deployment.model.as_deref().map(Pattern::of) {
                // The caller's name is the vendor's.
                None if pattern.matched(model.name).is_some() => all.push(model.name.to_owned()),
                Some(Some(there)) => {
                    if let Some(star) = there.matched(model.name) {
                        all.push(pattern.filled(star));
                    }
                }
                _ => {}
            }
        }
    }
}

/// What the catalogue calls this provider.
pub(super) fn vendor(provider: &ProviderConfig) -> Option<&'static str> {
    match &provider.cloud {
        Some(CloudConfig::Azure(_)) => Some("azure"),
        Some(CloudConfig::Bedrock(_)) => Some("bedrock"),
        Some(CloudConfig::Vertex(_)) => Some("vertex"),
        None => provider.preset.map(|preset| match preset {
            "gemini-native" => "gemini",
            // Further addresses of a vendor sell the same models.
            other => other
                .strip_suffix("-anthropic")
                .or_else(|| other.strip_suffix("-openai"))
                .or_else(|| other.strip_suffix("-intl"))
                .or_else(|| other.strip_suffix("-cn"))
                .or_else(|| other.strip_suffix("-us"))
                .unwrap_or(other),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_list_what_the_catalogue_knows() {
        let text = r#"
providers: { openai: { accounts: [k] }, anthropic: { accounts: [k] }, ollama: {} }
models:
  mine: [ollama/llama]
  "claude-*": anthropic
  "openai/*": ["openai/*"]
  "local/*": ["ollama/*"]
  next: { split: { mine: 1 } }
"#;
        let config = Config::from_yaml(text, &|_| None).unwrap_or_else(|p| panic!("{p}"));
        let names = names(&config);
        for name in ["mine", "next", "claude-sonnet-4-5", "openai/gpt-4o"] {
            assert!(names.iter().any(|n| n == name), "{name}: {names:?}");
        }
        assert!(names.is_sorted());
        assert!(
            !names
                .iter()
                .any(|n| n.contains('*') || n.starts_with("local/"))
        );
        assert!(
            !names.iter().any(|n| n == "gpt-4o"),
            "it is served as openai/gpt-4o only"
        );
    }
}
