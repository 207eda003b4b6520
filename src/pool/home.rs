//! Calls that are not for whoever serves a model, but for who keeps something.

use std::sync::Arc;

use super::{
    Pool,
    table::{Found, Line, Route, Table},
    walk::shown,
};
use crate::{
    error::{Error, ErrorKind},
    issued::Pin,
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
    let is_it = |line: &&Line| line.state.tag == pin.account;
    if !table.accounts().any(|state| state.tag == pin.account) {
        let message = format!("`{id}` was issued by an account that is not known here any more");
        return Err(Error::new(ErrorKind::NotFound, message)
            .with_code("unknown_id")
            .with_param("id"));
    }
    // The model's own pool knows what the account calls it.
    if let Some(found) = table.find(model) {
        let lines: Vec<Line> = found.route.lines.iter().filter(is_it).cloned().collect();
        if !lines.is_empty() {
            let route = narrowed(&found.route.pool, lines, found.route.mixed);
            return Ok(Found { route, ..found });
        }
    }
    if !matches!(request.operation, Operation::Resource { .. }) {
        let model = shown(model);
        let message = format!("the account that issued `{id}` does not serve `{model}`");
        return Err(Error::invalid("model", message).with_code("model_not_at_account"));
    }
    without_model(table, is_it, model).ok_or_else(|| {
        let message = format!("the account that issued `{id}` is not in use");
        Error::new(ErrorKind::Exhausted, message)
    })
}

fn home<'a>(table: &Table, request: &'a ModelRequest) -> Result<Found<'a>, Error> {
    let all = || table.home.iter();
    // What two dialects call files are different things. Anthropic's clients say in a header which they mean.
    let asked = request.headers.contains_key("anthropic-version");
    let mut found = all().find_map(|provider| {
        let is_it =
            |line: &&Line| line.state.provider == *provider && line.speaks("anthropic") == asked;
        without_model(table, is_it, &request.model)
    });
    if found.is_none() {
        found = all().find_map(|provider| {
            let is_it = |line: &&Line| line.state.provider == *provider;
            without_model(table, is_it, &request.model)
        });
    }
    found.ok_or_else(|| {
        Error::invalid(
            "model",
            "nothing says which account this is for: name a model (`?model=` or the header `x-trunkline-model`), or set `server.files` to a provider",
        )
        .with_code("account_unknown")
    })
}

/// Every account of which `is_it` is true, once.
fn without_model<'a>(
    table: &Table,
    is_it: impl Fn(&&Line) -> bool,
    model: &'a str,
) -> Option<Found<'a>> {
    let mut lines: Vec<Line> = Vec::new();
    let mut pool: Option<&Pool> = None;
    for route in table.routes() {
        for line in route.lines.iter().filter(&is_it) {
            if lines.iter().all(|l| !Arc::ptr_eq(&l.state, &line.state)) {
                lines.push(line.without_model());
                pool.get_or_insert(&route.pool);
            }
        }
    }
    // Routes have no order, but calls are to be spread the same way every time.
    lines.sort_by(|a, b| a.state.account.cmp(&b.state.account));
    Some(Found {
        route: narrowed(pool?, lines, true),
        asked: model,
        matched: model,
    })
}

/// `mixed`: a later call of the same conversation may come to another account group.
fn narrowed(pool: &Pool, lines: Vec<Line>, mixed: bool) -> Arc<Route> {
    let pool = pool.clone();
    Arc::new(Route {
        pool,
        lines,
        mixed,
        large: None,
    })
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
