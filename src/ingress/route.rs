//! Which request is for what.

use std::borrow::Cow;

use http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;

use super::operations;
use crate::{
    dialect::{
        Dialect, anthropic::Anthropic, gemini::Gemini, openai_chat::OpenAiChat,
        openai_completions::OpenAiCompletions, openai_responses::OpenAiResponses,
    },
    error::{Error, ErrorKind},
    operation::{EmbeddingForm, Operation},
};

/// What a request is for.
#[derive(Debug)]
pub(super) enum Route {
    /// A conversation.
    Chat {
        dialect: &'static dyn Dialect,
        /// The model, if the path names it.
        model: Option<String>,
    },
    /// A count of a conversation's tokens.
    Count {
        dialect: &'static dyn Dialect,
        /// The model, if the path names it.
        model: Option<String>,
    },
    /// A client that asks whether anybody is there.
    Greeting,
    /// A conversation whose path says the model and whether it is streamed.
    Generate { model: String, stream: Option<Form> },
    /// What can be carried where.
    Capabilities,
    /// The list of models.
    Models,
    /// One model.
    Model(String),
    /// One of the other operations; the model, if the path names it.
    Other {
        operation: Operation,
        model: Option<String>,
    },
    /// Any endpoint of the account that serves `model`.
    Proxy {
        model: String,
        /// Below the vendor's base URL, with its query.
        path: String,
    },
}

/// How a stream is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Frame by frame, as the dialect frames them.
    Frames,
    /// The frames' data as the items of one JSON list.
    List,
}

/// Versions that a path may begin with.
const VERSIONS: [&str; 4] = ["/v1", "/v1beta", "/v1alpha", "/v1beta1"];

/// Google's verbs that nobody serves here yet: they are no part of a model's name.
const VERBS: [&str; 3] = ["batchGenerateContent", "predict", "predictLongRunning"];

/// Google's verb for a count.
const COUNT: &str = "countTokens";

/// First segments that are endpoints, and therefore no models.
const ENDPOINTS: [&str; 19] = [
    "audio",
    "batches",
    "chat",
    "completions",
    "containers",
    "conversations",
    "embeddings",
    "files",
    "fine_tuning",
    "images",
    "messages",
    "models",
    "moderations",
    "rerank",
    "responses",
    "tasks",
    "uploads",
    "vector_stores",
    "videos",
];

/// The route of a request, or the refusal and, for a wrong method, the methods that would do.
pub(super) fn route(method: &Method, uri: &Uri) -> Result<Route, (Error, Option<&'static str>)> {
    let path = uri.path().trim_end_matches('/');
    // Claude Code warms its connection up so.
    if *method == Method::HEAD && matches!(path, "" | "/api/hello") {
        return Ok(Route::Greeting);
    }
    let path = VERSIONS
        .iter()
        // Cohere's own has the same shape.
        .chain((path == "/v2/rerank").then_some(&"/v2"))
        .filter_map(|version| path.strip_prefix(version))
        .find(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    let only = |allowed: Method, name: &'static str, route: Route| {
        if *method == allowed {
            return Ok(route);
        }
        let message = format!("{method} is not a method of {}: use {name}", uri.path());
        let error = Error::new(ErrorKind::InvalidRequest, message)
            .with_status(http::StatusCode::METHOD_NOT_ALLOWED)
            .with_code("method_not_allowed");
        Err((error, Some(name)))
    };
    let post = |route| only(Method::POST, "POST", route);
    let chat = |dialect, model| post(Route::Chat { dialect, model });
    let count = |dialect, model| post(Route::Count { dialect, model });
    match path {
        "/chat/completions" => return chat(&OpenAiChat, None),
        "/completions" => return chat(&OpenAiCompletions, None),
        "/messages" => return chat(&Anthropic, None),
        "/responses" => return chat(&OpenAiResponses, None),
        "/messages/count_tokens" => return count(&Anthropic, None),
        "/responses/input_tokens" => return count(&OpenAiResponses, None),
        "/capabilities" => return only(Method::GET, "GET", Route::Capabilities),
        "/models" => return only(Method::GET, "GET", Route::Models),
        _ => {}
    }
    if let Some(operation) = operations::fixed(path) {
        return post(Route::Other {
            operation,
            model: None,
        });
    }
    if operations::is_resource(path) {
        let path = below(path, uri.query()).map_err(|e| (e, None))?.into();
        let method = method.clone();
        return Ok(Route::Other {
            operation: Operation::Resource { method, path },
            model: None,
        });
    }
    if let Some(rest) = path.strip_prefix("/models/") {
        if let Some(model) = rest.strip_suffix("/chat/completions") {
            return chat(&OpenAiChat, Some(decode(model).map_err(|e| (e, None))?));
        }
        if let Some(model) = rest.strip_suffix("/messages") {
            return chat(&Anthropic, Some(decode(model).map_err(|e| (e, None))?));
        }
        if let Some(model) = rest.strip_suffix("/responses") {
            let model = decode(model).map_err(|e| (e, None))?;
            return chat(&OpenAiResponses, Some(model));
        }
        if let Some(model) = rest.strip_suffix("/messages/count_tokens") {
            return count(&Anthropic, Some(decode(model).map_err(|e| (e, None))?));
        }
        if let Some(model) = rest.strip_suffix("/responses/input_tokens") {
            let model = decode(model).map_err(|e| (e, None))?;
            return count(&OpenAiResponses, Some(model));
        }
        if let Some((model, verb)) = rest.rsplit_once(':') {
            if verb == COUNT {
                let model = plain(model).map_err(|e| (e, None))?;
                return count(&Gemini, Some(model));
            }
            let stream = match verb {
                "generateContent" => Some(None),
                "streamGenerateContent" => Some(Some(form(uri.query()))),
                _ => None,
            };
            if let Some(stream) = stream {
                let model = plain(model).map_err(|e| (e, None))?;
                return post(Route::Generate { model, stream });
            }
            let form = match verb {
                "embedContent" => Some(EmbeddingForm::Gemini),
                "batchEmbedContents" => Some(EmbeddingForm::GeminiBatch),
                _ => None,
            };
            if let Some(form) = form {
                return post(Route::Other {
                    operation: Operation::Embeddings(form),
                    model: Some(plain(model).map_err(|e| (e, None))?),
                });
            }
            if VERBS.contains(&verb) {
                let message = format!("`{verb}` is not served here");
                let error = Error::new(ErrorKind::NotFound, message).with_code("unknown_endpoint");
                return Err((error, None));
            }
        }
        let model = decode(rest).map_err(|e| (e, None))?;
        return only(Method::GET, "GET", Route::Model(model));
    }
    proxy(path, uri.query()).map_err(|error| (error, None))
}

fn proxy(path: &str, query: Option<&str>) -> Result<Route, Error> {
    let missing = || {
        Error::new(
            ErrorKind::NotFound,
            "there is no such endpoint here; see the gateway's documentation",
        )
        .with_code("unknown_endpoint")
    };
    let (model, rest) = path
        .strip_prefix('/')
        .and_then(|p| p.split_once('/'))
        .ok_or_else(missing)?;
    if model.is_empty() || rest.is_empty() || ENDPOINTS.contains(&model) {
        return Err(missing());
    }
    let path = below(&format!("/{rest}"), query)?;
    Ok(Route::Proxy {
        model: decode(model)?,
        path,
    })
}

/// A path and its query as they go below the account's base URL, where they must stay.
fn below(path: &str, query: Option<&str>) -> Result<String, Error> {
    let climbs = path.split('/').skip(1).any(|segment| {
        let plain = percent_decode_str(segment).decode_utf8_lossy();
        plain.is_empty() || matches!(&*plain, "." | "..") || plain.contains(['/', '\\'])
    });
    if climbs {
        return Err(Error::invalid(
            "",
            "the path has an empty segment, a dot segment or an encoded slash",
        ));
    }
    Ok(
        match query.map(without_key).filter(|query| !query.is_empty()) {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        },
    )
}

/// The query without the caller's key.
fn without_key(query: &str) -> String {
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !matches!(pair.split('=').next(), Some("key" | "")))
        .collect();
    kept.join("&")
}

/// How the caller wants its stream.
fn form(query: Option<&str>) -> Form {
    let pairs = query.unwrap_or_default().split('&');
    match pairs
        .filter_map(|pair| pair.split_once('='))
        .any(|(name, value)| matches!(name, "alt" | "$alt") && value == "sse")
    {
        true => Form::Frames,
        false => Form::List,
    }
}

/// A model's name that will stand in a path again: nothing in it may lead elsewhere.
fn plain(model: &str) -> Result<String, Error> {
    let model = decode(model)?;
    let leads = model.contains(['?', '&', '#', '%', ':', '\\'])
        || model
            .split('/')
            .any(|segment| matches!(segment, "" | "." | ".."));
    if leads {
        return Err(Error::invalid(
            "model",
            "the model's name in the path has characters that no model's name has",
        ));
    }
    Ok(model)
}

fn decode(model: &str) -> Result<String, Error> {
    percent_decode_str(model)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| Error::invalid("model", "the model's name in the path is not UTF-8"))
}

/// The dialect to refuse in, where the route does not tell.
pub(super) fn asker(headers: &HeaderMap, uri: &Uri) -> &'static dyn Dialect {
    let google = uri.path().starts_with("/v1beta")
        || uri.path().starts_with("/v1alpha")
        || uri.path().contains(":generateContent")
        || uri.path().contains(":streamGenerateContent")
        || uri.path().rsplit_once(':').is_some_and(|(_, verb)| {
            verb == COUNT
                || VERBS.contains(&verb)
                || matches!(verb, "embedContent" | "batchEmbedContents")
        })
        || headers.contains_key("x-goog-api-key")
        || headers.contains_key("x-goog-api-client");
    if google {
        &Gemini
    } else if headers.contains_key("anthropic-version") || uri.path().contains("/messages") {
        &Anthropic
    } else {
        &OpenAiChat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, uri: &str) -> String {
        match route(&method.parse().unwrap(), &uri.parse().unwrap()) {
            Ok(Route::Chat { dialect, model }) => format!("{} {model:?}", dialect.name()),
            Ok(Route::Count { dialect, model }) => format!("count {} {model:?}", dialect.name()),
            Ok(Route::Generate { model, stream }) => format!("{model} {stream:?}"),
            Ok(Route::Proxy { model, path }) => format!("{model} {path}"),
            Ok(Route::Other {
                operation: Operation::Resource { method, path },
                ..
            }) => format!("{method} {path}"),
            Ok(Route::Other { operation, model }) => format!("{operation:?} {model:?}"),
            Ok(route) => format!("{route:?}"),
            Err((error, allow)) => format!("{} {allow:?}", error.status().as_u16()),
        }
    }

    #[test]
    fn every_row_of_the_table() {
        for (request, want) in [
            ("POST /v1/chat/completions", "openai-chat None"),
            ("POST /chat/completions/", "openai-chat None"),
            ("POST /v1/completions", "openai-completions None"),
            ("POST /v1/messages?beta=true", "anthropic None"),
            (
                "POST /v1/models/a/b/chat/completions",
                "openai-chat Some(\"a/b\")",
            ),
            ("POST /v1/models/a%2Fb/messages", "anthropic Some(\"a/b\")"),
            ("HEAD /", "Greeting"),
            ("HEAD /api/hello", "Greeting"),
            ("GET /", "404 None"),
            ("POST /v1/responses", "openai-responses None"),
            ("POST /models/m/responses", "openai-responses Some(\"m\")"),
            ("GET /v1/responses/resp_1", "GET /responses/resp_1"),
            ("DELETE /responses", "405 Some(\"POST\")"),
            (
                "POST /v1beta/models/gemini-2.5-flash:generateContent",
                "gemini-2.5-flash None",
            ),
            (
                "POST /v1/models/a%2Fb:streamGenerateContent?alt=sse&key=k",
                "a/b Some(Frames)",
            ),
            ("POST /models/m:streamGenerateContent", "m Some(List)"),
            ("GET /v1/models/m:generateContent", "405 Some(\"POST\")"),
            (
                "POST /v1beta/models/m:countTokens",
                "count gemini Some(\"m\")",
            ),
            ("POST /v1beta/models/m:predict", "404 None"),
            (
                "POST /v1/responses/input_tokens",
                "count openai-responses None",
            ),
            (
                "POST /models/a/b/messages/count_tokens",
                "count anthropic Some(\"a/b\")",
            ),
            ("GET /v1/messages/count_tokens", "405 Some(\"POST\")"),
            ("POST /v1beta/models/../x:generateContent", "400 None"),
            (
                "POST /v1beta/models/x:generateContent%3Fkey=:generateContent",
                "400 None",
            ),
            ("GET /v1beta/models", "Models"),
            ("GET /v1beta/models/llama3:8b", "Model(\"llama3:8b\")"),
            ("GET /v1/models", "Models"),
            ("GET /v1/models/a/b", "Model(\"a/b\")"),
            ("GET /v1/chat/completions", "405 Some(\"POST\")"),
            ("DELETE /v1/models", "405 Some(\"GET\")"),
            (
                "POST /v1/gpt-4o/embeddings?key=secret&x=1",
                "gpt-4o /embeddings?x=1",
            ),
            ("GET /v1/a%2Fb/x/y", "a/b /x/y"),
            ("POST /v1/embeddings", "Embeddings(OpenAi) None"),
            ("GET /v1/embeddings", "405 Some(\"POST\")"),
            (
                "POST /v1beta/models/m:batchEmbedContents",
                "Embeddings(GeminiBatch) Some(\"m\")",
            ),
            ("POST /v2/rerank", "Rerank None"),
            ("POST /v1/images/edits", "Images(Edit) None"),
            ("POST /v1/audio/translations", "Translation None"),
            ("POST /v1/audio/other", "404 None"),
            ("POST /v1/messages/batches", "POST /messages/batches"),
            (
                "GET /v1/files/file-1/content?key=secret&x=1",
                "GET /files/file-1/content?x=1",
            ),
            ("DELETE /files/file-1", "DELETE /files/file-1"),
            ("POST /v1/files/", "POST /files"),
            ("GET /v1/files/../keys", "400 None"),
            ("GET /v1/files/a%2fb", "400 None"),
            (
                "POST /v1/responses/resp_1/cancel",
                "POST /responses/resp_1/cancel",
            ),
            ("GET /v1/chat/completions/c_1", "GET /chat/completions/c_1"),
            (
                "POST /v1/messages/count_tokens?beta=true",
                "count anthropic None",
            ),
            ("POST /v1", "404 None"),
            ("GET /v1/m/../keys", "400 None"),
            ("GET /v1/m/%2e%2e/keys", "400 None"),
            ("GET /v1/m/a%2f..%2fkeys", "400 None"),
            ("GET /v1/m//keys", "400 None"),
        ] {
            let (method, uri) = request.split_once(' ').unwrap();
            assert_eq!(of(method, uri), want, "{request}");
        }
    }
}
