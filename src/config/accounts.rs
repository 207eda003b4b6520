//! The accounts of a provider.

use std::collections::HashSet;

use http::HeaderValue;

use super::{
    kinds::{Access, Cloud},
    known::{Known, account_name},
    limits::{Stated, stated_limits},
    model::AccountConfig,
    providers::{is_name, proxy},
    reader::{At, Fields, Reader},
    url::is_local,
    yaml::Data,
};
use crate::credential::Secret;

const KEYS: [&str; 7] = [
    "name", "api_key", "weight", "limits", "enabled", "proxy", "group",
];

/// What there is to know about the provider.
pub(super) struct Owner<'a> {
    pub(super) name: &'a str,
    /// Does it do without a key?
    pub(super) keyless: bool,
    /// Is this its only account, so that the environment's key can only be meant for it?
    pub(super) alone: bool,
    known: Option<Known>,
    /// Of a kind with accounts of its own.
    cloud: Option<Cloud>,
    /// What its accounts may be asked, where they do not say it themselves.
    limits: Stated,
}

impl<'a> Owner<'a> {
    pub(super) fn new(name: &'a str, known: Option<Known>, base_url: &str) -> Self {
        Self {
            name,
            keyless: is_local(base_url) || known.is_some_and(|known| known.key_env.is_empty()),
            alone: false,
            known,
            cloud: None,
            limits: Stated::default(),
        }
    }

    pub(super) fn of_cloud(name: &'a str, cloud: Cloud, base_url: &str) -> Self {
        Self {
            cloud: Some(cloud),
            ..Self::new(name, None, base_url)
        }
    }
}

pub(super) fn accounts(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    fields: &Fields<'_>,
    mut owner: Owner<'_>,
) -> Vec<AccountConfig> {
    owner.limits = fields
        .read(reader, "limits", stated_limits)
        .unwrap_or_default();
    let Some(list) = fields.get("accounts") else {
        return if fields.readable {
            let mut usual = none_listed(reader, at, &mut owner);
            for account in &mut usual {
                account.limits = owner.limits.limits();
            }
            usual
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
fn none_listed(reader: &mut Reader<'_>, at: &At<'_>, owner: &mut Owner<'_>) -> Vec<AccountConfig> {
    if let Some(cloud) = owner.cloud {
        owner.alone = true;
        return cloud.usual_accounts(reader, at, owner);
    }
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
        let mut account = AccountConfig::new(name, secret.unwrap_or_else(|| Secret::new("")));
        account.limits = owner.limits.limits();
        return account;
    }
    let keys = [&KEYS[..], owner.cloud.map_or(&[][..], Cloud::account_keys)].concat();
    let Some(fields) = reader.fields(at, &keys) else {
        return AccountConfig::new(name, Secret::new(""));
    };
    let stated = owner
        .cloud
        .and_then(|cloud| cloud.stated(reader, at, &fields));
    let access = match (stated, fields.get("api_key"), owner.cloud) {
        (Some(access), _, _) => access,
        (None, Some(at), _) => Access::key(api_key(reader, at).unwrap_or_else(|| Secret::new(""))),
        (None, None, Some(cloud)) => cloud.usual(reader, at, owner),
        (None, None, None) => Access::key(usual_key(reader, at, owner)),
    };
    let mut account = access.account(name);
    if let Some(name) = fields.read(reader, "name", account_name_of) {
        account.name = name;
    }
    if let Some(weight) = fields.read(reader, "weight", Reader::number) {
        account.weight = weight;
    }
    let own = fields
        .read(reader, "limits", stated_limits)
        .unwrap_or_default();
    account.limits = own.or(&owner.limits).limits();
    account.enabled = fields
        .read(reader, "enabled", Reader::boolean)
        .unwrap_or(true);
    account.proxy = fields.read(reader, "proxy", proxy);
    account.group = fields.read(reader, "group", group_name);
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
            let message = format!(
                "an account needs its key: write e.g. api_key: \"${{{}}}\", or \"\" if there is none",
                variable(owner.name)
            );
            reader.problem_at_key(at, message);
            Secret::new("")
        }
    }
}

pub(super) fn api_key(reader: &mut Reader<'_>, at: &At<'_>) -> Option<Secret> {
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

fn group_name(reader: &mut Reader<'_>, at: &At<'_>) -> Option<String> {
    let name = reader.text(at)?;
    if !is_name(&name) {
        reader.problem(
            at,
            "a group's name is of visible ASCII characters, without spaces",
        );
        return None;
    }
    Some(name)
}

/// A good name for the variable that holds a provider's key.
pub(super) fn variable(provider: &str) -> String {
    let letters = provider.chars().map(|c| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    });
    format!("{}_API_KEY", letters.collect::<String>())
}
