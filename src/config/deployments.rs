//! The deployments of a model.

use std::collections::{HashMap, HashSet};

use super::{
    kinds::Cloud,
    known,
    model::{DeploymentConfig, ProviderConfig},
    names::Names,
    nearest::did_you_mean,
    price::price,
    reader::{At, Reader},
    yaml::Data,
};

const KEYS: [&str; 8] = [
    "provider",
    "model",
    "weight",
    "accounts",
    "context_window",
    "max_output",
    "price",
    "enabled",
];

/// The providers that deployments may name.
#[derive(Debug)]
pub(super) struct Vendors {
    pub(super) list: Vec<ProviderConfig>,
    /// Could the providers be read at all? Else unknown names are no news.
    complete: bool,
    /// The accounts of each provider that a deployment has named some of: thousands of deployments may name one of thousands each.
    accounts: HashMap<usize, HashSet<String>>,
}

impl Vendors {
    pub(super) fn new(list: Vec<ProviderConfig>, complete: bool) -> Self {
        let accounts = HashMap::new();
        Self {
            list,
            complete,
            accounts,
        }
    }

    /// The provider at this place, and the names of its accounts.
    fn accounts(&mut self, at: usize) -> Option<(&ProviderConfig, &HashSet<String>)> {
        let provider = self.list.get(at)?;
        let names = self.accounts.entry(at).or_insert_with(|| {
            let accounts = provider.accounts.iter();
            accounts.map(|account| account.name.clone()).collect()
        });
        Some((provider, names))
    }

    /// The provider of that name. A known vendor need not be listed if the environment has its key.
    fn find(&mut self, reader: &mut Reader<'_>, name: &str, at: &At<'_>) -> Option<usize> {
        let listed = self.list.iter().position(|other| other.name == name);
        if listed.is_some() {
            return listed;
        }
        if let Some(cloud) = Cloud::named(name) {
            // Where something is missing too, so that this is said once.
            self.list.push(cloud.unlisted(reader, at));
            return Some(self.list.len().saturating_sub(1));
        }
        let known = known::known(name)?;
        let accounts = known.accounts(reader.env);
        if accounts.is_empty() {
            let message = format!(
                "`{name}` has no key: set {}, or list its accounts under `providers`",
                known.variables()
            );
            reader.problem(at, message);
        }
        // Without accounts too, so that this is said once.
        self.list.push(known.provider(accounts));
        Some(self.list.len().saturating_sub(1))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let listed = self.list.iter().map(|provider| provider.name.as_str());
        listed.chain(known::names().map(|name| -> &str { name }))
    }
}

/// A list of deployments.
pub(super) fn list(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    name: &str,
    vendors: &mut Vendors,
    names: &Names<'_>,
) -> Option<Vec<DeploymentConfig>> {
    let items = reader.list(at, "a list of deployments")?;
    if items.is_empty() {
        reader.problem(at, "a model needs a deployment, e.g. openai/gpt-4o");
    }
    let mut list = Vec::with_capacity(items.len());
    for item in &items {
        let deployment = match &item.node.data {
            Data::Map(_) => mapping(reader, item, name, vendors, names),
            _ => named(reader, item, name, vendors, names),
        };
        list.extend(deployment);
    }
    if !list.is_empty() && list.iter().all(|deployment| deployment.weight == 0) {
        reader.problem(at, "all weights are 0: no deployment would ever be chosen");
    }
    Some(list)
}

/// `provider/model`, or `provider` alone: then the name passes through.
pub(super) fn named(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    name: &str,
    vendors: &mut Vendors,
    names: &Names<'_>,
) -> Option<DeploymentConfig> {
    if at.node.is_null() {
        let message = "expected provider/model, a list of deployments, or a mapping; found nothing";
        reader.problem_at_key(at, message);
        return None;
    }
    let text = reader.text(at)?;
    let (provider, model) = match text.split_once('/') {
        Some((provider, model)) => (provider, Some(model)),
        None => (text.as_str(), None),
    };
    if let Some(model) = model {
        check_model(reader, at, name, model);
    }
    provider_of(reader, at, provider, model.is_none(), vendors, names);
    Some(DeploymentConfig::new(provider, model))
}

fn mapping(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    name: &str,
    vendors: &mut Vendors,
    names: &Names<'_>,
) -> Option<DeploymentConfig> {
    let fields = reader.fields(at, &KEYS)?;
    let model = fields.read(reader, "model", |reader, at| {
        let model = reader.text(at)?;
        check_model(reader, at, name, &model);
        Some(model)
    });
    let provider = fields.get("provider");
    if provider.is_none() {
        reader.problem_at_key(at, "a deployment needs its `provider`");
    }
    let text = provider.and_then(|at| reader.text(at));
    let mut deployment = DeploymentConfig::new(text.as_deref().unwrap_or_default(), None);
    deployment.model = model;
    if let Some(weight) = fields.read(reader, "weight", Reader::number) {
        deployment.weight = weight;
    }
    if let Some(enabled) = fields.read(reader, "enabled", Reader::boolean) {
        deployment.enabled = enabled;
    }
    let tokens = |reader: &mut Reader<'_>, at: &At<'_>| {
        reader.positive(at, "0 tokens hold nothing; leave it out if unknown")
    };
    deployment.context_window = fields.read(reader, "context_window", tokens);
    deployment.max_output = fields.read(reader, "max_output", tokens);
    deployment.price = fields.read(reader, "price", price);
    let vendor = match (provider, text) {
        (Some(at), Some(text)) => provider_of(reader, at, &text, true, vendors, names),
        _ => None,
    };
    if let Some(list) = fields.get("accounts") {
        let known = vendor.and_then(|at| vendors.accounts(at));
        deployment.accounts = accounts(reader, list, known);
    }
    Some(deployment)
}

/// Which provider it is; `bare` if nothing but its name is written.
fn provider_of(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    name: &str,
    bare: bool,
    vendors: &mut Vendors,
    names: &Names<'_>,
) -> Option<usize> {
    let found = vendors.find(reader, name, at);
    if found.is_none() && vendors.complete {
        let same_model = bare && names.find(name).is_some_and(|found| found.exact);
        let message = if same_model {
            format!(
                "`{name}` is a model here, not a provider; for a second name of it write {{ split: {{ {name}: 1 }} }}"
            )
        } else {
            let hint = did_you_mean(name, vendors.names());
            format!("there is no provider {}{hint}", Reader::quoted(at, name))
        };
        reader.problem(at, message);
    }
    found
}

fn accounts(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    provider: Option<(&ProviderConfig, &HashSet<String>)>,
) -> Vec<String> {
    let Some(items) = reader.list(at, "a list of account names") else {
        return Vec::new();
    };
    let mut names = Vec::with_capacity(items.len());
    for item in items {
        let Some(name) = reader.text(&item) else {
            continue;
        };
        if let Some((provider, _)) = provider.filter(|(_, known)| !known.contains(&name)) {
            let accounts = provider.accounts.iter();
            let hint = did_you_mean(&name, accounts.map(|account| account.name.as_str()));
            let message = format!(
                "`{}` has no account {}{hint}",
                provider.name,
                Reader::quoted(&item, &name)
            );
            reader.problem(&item, message);
        }
        names.push(name);
    }
    names
}

/// Can it be sent, and is its star (if any) one that the model's own name fills?
fn check_model(reader: &mut Reader<'_>, at: &At<'_>, name: &str, model: &str) {
    if model.is_empty() || model.chars().any(char::is_control) {
        reader.problem(at, "the model's name is missing: write provider/model");
    }
    let stars = model.matches('*').count();
    if stars > 1 || (stars == 1 && !name.contains('*')) {
        let message = format!(
            "the `*` in {} stands for what the `*` of the model's own name stood for, and `{name}` has {}",
            Reader::quoted(at, model),
            if stars > 1 { "at most one" } else { "none" }
        );
        reader.problem(at, message);
    }
}
