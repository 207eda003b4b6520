//! A request's head and body, read into a [`ModelRequest`].

use std::sync::Arc;

use bytes::Bytes;
use http::{header, request::Parts};
use http_body::Body as HttpBody;

use super::{arriving::collect, layer::Settings, operations, route::Route, said::Said};
use crate::{
    dialect::{Dialect, gemini::Gemini},
    error::{Error, ErrorKind},
    issued::claim,
    marks::{self, Seen},
    request::{Caller, Known, ModelRequest, Operation, Payload},
};

/// The call of this caller that a request is; greetings and models are none and have been answered.
pub(super) async fn read<B>(
    route: Route,
    parts: &Parts,
    body: B,
    caller: Caller,
    settings: &Settings,
) -> Result<ModelRequest, Error>
where
    B: HttpBody<Data = Bytes>,
{
    let said = Said::by(&parts.headers);
    if matches!(
        route,
        Route::Chat { .. } | Route::Count { .. } | Route::Generate { .. }
    ) {
        said.check_json()?;
    }
    let bytes = collect(said.length(), body, settings).await?;
    // Nobody reads what is passed through, nor what is no JSON.
    let known = match (&route, bytes.first()) {
        (Route::Proxy { .. }, _) | (_, None | Some(b'-')) => None,
        _ => settings.shape.look(&bytes)?,
    };
    let mut request = match route {
        Route::Chat { dialect, model } => {
            let seen = marks::look(&bytes);
            let mut pin = None;
            let mut request = if seen.marked {
                chat(dialect, claim(bytes, true, &mut pin)?, None, model)?
            } else {
                let known = known.map(|known| (known, seen));
                chat(dialect, bytes, known, model)?
            };
            request.pin = pin;
            request
        }
        Route::Count { dialect, model } => count(dialect, bytes, model)?,
        Route::Other { operation, model } => operations::read(operation, model, parts, bytes)?,
        Route::Generate { model, stream } => {
            let stream = stream.is_some();
            let payload = match known {
                Some(_) => Payload::known_in_path(&Gemini, bytes, &*model, stream),
                None => Payload::json_in_path(&Gemini, bytes, &*model, stream)?,
            };
            ModelRequest::new(model, Operation::Chat, payload)
        }
        Route::Proxy { model, path } => {
            let content_type = parts.headers.get(header::CONTENT_TYPE).cloned();
            let operation = Operation::Proxy {
                method: parts.method.clone(),
                path: path.into(),
            };
            ModelRequest::new(model, operation, Payload::opaque(bytes, content_type))
        }
        Route::Greeting | Route::Capabilities | Route::Models | Route::Model(_) => {
            return Err(Error::new(ErrorKind::NotFound, "this is not a call"));
        }
    };
    if let Some(passed) = said.passed_on(&parts.headers) {
        request.headers = Arc::new(passed);
    }
    request.caller = caller;
    request.affinity = said.session();
    request.fidelity = said.fidelity()?;
    request.priority = said.priority()?;
    if let Some(timeout) = settings.timeout(&request.model) {
        request = request.with_timeout(timeout);
    }
    Ok(request)
}

fn chat(
    dialect: &'static dyn Dialect,
    bytes: Bytes,
    known: Option<(Known, Seen)>,
    model: Option<String>,
) -> Result<ModelRequest, Error> {
    let payload = match (&model, known) {
        (Some(model), _) => Payload::json_for_model(dialect, bytes, model)?,
        (None, None) => Payload::json(dialect, bytes)?,
        (None, Some((known, seen))) => {
            Payload::json_known(dialect, bytes, Some(known))?.with_seen(seen)
        }
    };
    let model: Arc<str> = match model {
        Some(model) => model.into(),
        None => payload.named().unwrap_or_default().into(),
    };
    Ok(ModelRequest::new(model, Operation::Chat, payload))
}

fn count(
    dialect: &'static dyn Dialect,
    bytes: Bytes,
    model: Option<String>,
) -> Result<ModelRequest, Error> {
    let payload = match &model {
        Some(model) if dialect.name() == Gemini.name() => {
            Payload::json_in_path(dialect, bytes, model.as_str(), false)?
        }
        Some(model) => Payload::json_for_model(dialect, bytes, model)?,
        None => Payload::json(dialect, bytes)?,
    };
    let model = model.or_else(|| payload.model()).unwrap_or_default();
    let payload = payload.for_count();
    Ok(ModelRequest::new(model, Operation::CountTokens, payload))
}
