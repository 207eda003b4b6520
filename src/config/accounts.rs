//! The accounts of a provider.

use std::collections::HashSet;

use http::HeaderValue;

use super::{
    kinds::bedrock,
    known::{Known, account_name},
    model::{AccountConfig, Kind},
    providers::{is_name, proxy},
    reader::{At, Fields, Reader},
    url::is_local,
    yaml::Data,
};
use crate::{credential::Secret, upstream::Limits};

const KEYS: [&str; 6] = ["name", "api_key", "weight", "limits", "enabled", "proxy"];

/// What there is to know about the provider.
struct Owner<'a> {
    name: &'a str,
    known: Option<Known>,
    kind: Kind,
    /// Does it do without a key?
    keyless: bool,
    /// Is this its only account, so that the environment's key can only be meant for it?
    alone: bool,
}

pub(super) fn accounts(
    reader: &mut Reader<'_>,
    name: &str,
    at: &At<'_>,
    fields: &Fields<'_>,
    known: Option<Known>,
    kind: Kind,
    base_url: &str,
) -> Vec<AccountConfig> {
    let mut owner = Owner {
        name,
        known,
        kind,
        keyless: is_local(base_url) || known.is_some_and(|known| known.key_env.is_empty()),
        alone: false,
    };
    let Some(list) = fields.get("accounts") else {
        return if fields.readable {
            none_listed(reader, at, &owner)
        } else {
            Vec::new()
        };
    };
    let Some(items) = reader.list(list, "a list of accounts") else {
        return Vec::new();
    };
    if items.is_empty() {
        reader.problem(
            list,
            "a provider needs an account; leave `accounts` out to use the usual one",
        );
    }
    owner.alone = items.len() == 1;
    let mut names = HashSet::new();
    let mut accounts = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let account = account(reader, index, item, &owner);
        if !names.insert(account.name.clone()) {
            // Its name may be what the environment says: the file shows it better.
            let message = "a second account of this name (one without a name is called after the provider, \
                and numbered); name them differently";
            reader.problem_at_key(item, message);
        }
        accounts.push(account);
    }
    if !accounts.is_empty() && accounts.iter().all(|account| account.weight == 0) {
        reader.problem(list, "all weights are 0: no account would ever be chosen");
    }
    accounts
}

/// The usual accounts.
fn none_listed(reader: &mut Reader<'_>, at: &At<'_>, owner: &Owner<'_>) -> Vec<AccountConfig> {
    let mut accounts = owner
        .known
        .map(|known| known.accounts(reader.env))
        .unwrap_or_default();
    if accounts.is_empty() && owner.keyless {
        let name = account_name(owner.name, 0);
        accounts.push(AccountConfig::new(name, Secret::new("")));
    }
    if accounts.is_empty() {
        let message = match owner.known {
            Some(known) => format!(
                "it has no accounts: list them under `accounts`, or set {}",
                known.variables()
            ),
            None => format!(
                "it has no accounts: write e.g. accounts: [{{ api_key: \"${{{}}}\" }}]",
                variable(owner.name)
            ),
        };
        reader.problem_at_key(at, message);
    }
    accounts
}

/// Always returns one, so that models that name it are not wrong too.
fn account(reader: &mut Reader<'_>, index: usize, at: &At<'_>, owner: &Owner<'_>) -> AccountConfig {
    let name = account_name(owner.name, index);
    if let (Data::Scalar { .. }, false) = (&at.node.data, at.node.is_null()) {
        let secret = api_key(reader, at);
        return AccountConfig::new(name, secret.unwrap_or_else(|| Secret::new("")));
    }
    let mut known = KEYS.to_vec();
    if owner.kind == Kind::Bedrock {
        known.extend(bedrock::ACCOUNT_KEYS);
    }
    let Some(fields) = reader.fields(at, &known) else {
        return AccountConfig::new(name, Secret::new(""));
    };
    let keys_from = bedrock::keys_from(reader, &fields);
    let secret = match fields.get("api_key") {
        _ if fields.get("keys_from").is_some() => Secret::new(""),
        _ if owner.kind == Kind::Bedrock && bedrock::has_keys(&fields) => {
            bedrock::keys(reader, at, &fields)
        }
        Some(at) => api_key(reader, at).unwrap_or_else(|| Secret::new("")),
        None => usual_key(reader, at, owner),
    };
    let mut account = AccountConfig::new(name, secret);
    account.keys_from = keys_from;
    if let Some(name) = fields.read(reader, "name", account_name_of) {
        account.name = name;
    }
    if let Some(weight) = fields.read(reader, "weight", Reader::number) {
        account.weight = weight;
    }
    account.limits = fields.read(reader, "limits", limits).unwrap_or_default();
    account.enabled = fields
        .read(reader, "enabled", Reader::boolean)
        .unwrap_or(true);
    account.proxy = fields.read(reader, "proxy", proxy);
    account
}

/// The key of an account that names none.
fn usual_key(reader: &mut Reader<'_>, at: &At<'_>, owner: &Owner<'_>) -> Secret {
    let keys = owner
        .known
        .map(|known| known.secrets(reader.env))
        .unwrap_or_default();
    match keys.as_slice() {
        [key] if owner.alone => key.clone(),
        _ if owner.keyless => Secret::new(""),
        _ => {
            let pair = match owner.kind {
                Kind::Bedrock => "`access_key_id` and `secret_access_key`, or ",
                _ => "",
            };
            let message = format!(
                "an account needs its key: write {pair}e.g. api_key: \"${{{}}}\", or \"\" if there is none",
                variable(owner.name)
            );
            reader.problem_at_key(at, message);
            Secret::new("")
        }
    }
}

fn api_key(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Secret> {
    let key = reader.text(at)?;
    // Files and shells leave line breaks behind keys.
    let key = key.trim();
    if HeaderValue::from_str(key).is_err() {
        let message = "this key has characters that no HTTP header may hold, perhaps a line break";
        reader.problem(at, message);
        return None;
    }
    Some(Secret::new(key))
}

fn account_name_of(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let name = reader.text(at)?;
    if !is_name(&name) {
        reader.problem(
            at,
            "an account's name is of visible ASCII characters, without spaces",
        );
        return None;
    }
    Some(name)
}

fn limits(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Limits> {
    const ZERO: &str = "0 would let nothing through; leave it out for no limit";
    let fields = reader.fields(at, &["rpm", "tpm", "concurrency", "min_interval"])?;
    Some(Limits {
        rpm: fields.read(reader, "rpm", |reader, at| reader.positive(at, ZERO)),
        tpm: fields.read(reader, "tpm", |reader, at| reader.positive(at, ZERO)),
        concurrency: fields.read(reader, "concurrency", |reader, at| {
            reader.positive(at, ZERO)
        }),
        min_interval: fields
            .read(reader, "min_interval", Reader::duration)
            .unwrap_or_default(),
    })
}

/// A good name for the variable that holds a provider's key.
fn variable(provider: &str) -> String {
    let letters = provider.chars().map(|c| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    });
    format!("{}_API_KEY", letters.collect::<String>())
}
