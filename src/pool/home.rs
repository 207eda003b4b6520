//! Calls that are not for whoever serves a model, but for who keeps something.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use super::{
    Pool,
    table::{Found, Line, Route, Table},
    walk::shown,
};
use crate::{
    error::{Error, ErrorKind},
    issued::{AccountTag, Pin},
    request::{ModelRequest, Operation},
    response::{ModelResponse, Reply},
};

/// Who may serve such a call; none if it is for whoever serves its model.
///
/// # Errors
/// If nobody here has issued what it names, or that account does not serve the model; if it names nothing and there is no home.
pub(super) fn find<'a>(
    table: &Table,
    request: &'a ModelRequest,
) -> Result<Option<Found<'a>>, Error> {
    let model = &*request.model;
    match &request.pin {
        Some(pin) => pinned(table, pin, request, model).map(Some),
        None if model.is_empty() => home(table, request).map(Some),
        None => Ok(None),
    }
}

fn pinned<'a>(
    table: &Table,
    pin: &Pin,
    request: &ModelRequest,
    model: &'a str,
) -> Result<Found<'a>, Error> {
    let id = shown(&pin.id);
    let Some(own) = table.kept.accounts(table).get(&pin.account) else {
        let message = format!("`{id}` was issued by an account that is not known here any more");
        return Err(Error::new(ErrorKind::NotFound, message)
            .with_code("unknown_id")
            .with_param("id"));
    };
    // The model's own pool knows what the account calls it.
    if let Some(found) = table.find(model) {
        let lines = found.route.lines_of(pin.account);
        if !lines.is_empty() {
            let (pool, mixed) = (found.route.pool.clone(), found.route.mixed);
            let route = Arc::new(Route::of(pool, lines, mixed));
            return Ok(Found { route, ..found });
        }
    }
    if !matches!(request.operation, Operation::Resource { .. }) {
        let model = shown(model);
        let message = format!("the account that issued `{id}` does not serve `{model}`");
        return Err(Error::invalid("model", message).with_code("model_not_at_account"));
    }
    let line = own.as_ref().and_then(|(route, line)| {
        let line = route.lines.get(*line)?.without_model();
        Some(Arc::new(Route::of(route.pool.clone(), vec![line], true)))
    });
    let route = line.ok_or_else(|| {
        let message = format!("the account that issued `{id}` is not in use");
        Error::new(ErrorKind::Exhausted, message)
    })?;
    Ok(Found {
        route,
        asked: model,
        matched: model,
    })
}

fn home<'a>(table: &Table, request: &'a ModelRequest) -> Result<Found<'a>, Error> {
    // What two dialects call files are different things. Anthropic's clients say in a header which they mean.
    let asked = request.headers.contains_key("anthropic-version");
    let route = table.kept.home(table, asked).ok_or_else(|| {
        Error::invalid(
            "model",
            "nothing says which account this is for: name a model (`?model=` or the header `x-trunkline-model`), or set `server.files` to a provider",
        )
        .with_code("account_unknown")
    })?;
    Ok(Found {
        route,
        asked: &request.model,
        matched: &request.model,
    })
}

/// What such calls go by: found out once for each table, when the first of them comes. A copy of a table finds it out anew.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The home of callers of Anthropic's dialect, and that of all others.
    homes: [OnceLock<Option<Arc<Route>>>; 2],
    /// Some line of each account; none if no pool uses it.
    accounts: OnceLock<HashMap<AccountTag, Option<Somewhere>>>,
}

/// A line, by its place in a pool.
type Somewhere = (Arc<Route>, usize);

impl Clone for Kept {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Kept {
    fn home(&self, table: &Table, anthropic: bool) -> Option<Arc<Route>> {
        let [ours, others] = &self.homes;
        let kept = if anthropic { ours } else { others };
        let found = kept.get_or_init(|| {
            let mut all = table.home.iter();
            let own = all.find_map(|provider| {
                let is_it = |line: &&Line| {
                    line.state.provider == *provider && line.speaks("anthropic") == anthropic
                };
                without_model(table, is_it)
            });
            own.or_else(|| {
                table.home.iter().find_map(|provider| {
                    without_model(table, |line| line.state.provider == *provider)
                })
            })
        });
        found.clone()
    }

    fn accounts(&self, table: &Table) -> &HashMap<AccountTag, Option<Somewhere>> {
        self.accounts.get_or_init(|| {
            let all = table.accounts().map(|state| (state.tag, None));
            let mut all: HashMap<_, Option<Somewhere>> = all.collect();
            for route in table.routes() {
                for (index, line) in route.lines.iter().enumerate() {
                    let slot = all.entry(line.state.tag).or_default();
                    slot.get_or_insert_with(|| (route.clone(), index));
                }
            }
            all
        })
    }
}

/// Every account of which `is_it` is true, once.
fn without_model(table: &Table, is_it: impl Fn(&&Line) -> bool) -> Option<Arc<Route>> {
    let mut lines: Vec<Line> = Vec::new();
    let mut pool: Option<&Arc<Pool>> = None;
    let mut known = HashSet::new();
    for route in table.routes() {
        for line in route.lines.iter().filter(&is_it) {
            if known.insert(Arc::as_ptr(&line.state)) {
                lines.push(line.without_model());
                pool.get_or_insert(&route.pool);
            }
        }
    }
    // Routes have no order, but calls are to be spread the same way every time.
    lines.sort_by(|a, b| a.state.account.cmp(&b.state.account));
    // A later call of the same conversation may come to another account group.
    Some(Arc::new(Route::of(pool?.clone(), lines, true)))
}

/// Do the ids in this answer have to say whose they are? Those of what is kept always do. Those of a conversation do if it could have
/// been served by another account, and only in the vendor's own words: what was translated is kept nowhere.
pub(super) fn issuer(request: &ModelRequest, response: &ModelResponse, crowded: bool) -> bool {
    if request.operation != Operation::Chat {
        return true;
    }
    let spoken = match &response.reply {
        Reply::Complete(complete) => complete.dialect.name(),
        Reply::Stream(stream) => stream.dialect().name(),
        Reply::Opaque(_) => return false,
    };
    crowded
        && request
            .payload
            .dialect()
            .is_some_and(|dialect| dialect.name() == spoken)
}
