//! Operations that are neither conversations nor passed through unread: embeddings and the ordering of documents.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, Method, header, response};
use serde::Deserialize;
use tower::ServiceExt;
use tower_service::Service;

use super::{
    Attempt,
    clock::{Answers, Clock},
    encoding,
    exchange::{Room, not_an_answer, refusal},
    prepare::spell,
    service::transport_error,
};
use crate::{
    Body, BoxError, Secret,
    chat::{Fidelity, Usage},
    dialect::{
        self, Call, RateWindows,
        embeddings::{EmbeddingDialect, EmbeddingResponse, encoding_asked, front, in_encoding},
        openai_chat::OpenAiChat,
        rerank::RerankRequest,
    },
    error::{Error, ErrorKind},
    operation::{EmbeddingForm, Operation},
    response::{Complete, ModelResponse, Reply, Served},
};

/// How many calls one request may have running at a vendor that takes few texts at a time.
const AT_ONCE: usize = 8;

/// How many texts one request may have: as many as OpenAI's.
const MOST_TEXTS: usize = 2_048;

/// What is called, and by whom.
pub(super) struct Called<'a> {
    attempt: &'a Attempt,
    secret: &'a Secret,
    room: &'a Room,
    served: &'a Arc<Served>,
}

/// A vendor's whole answer.
struct Answer {
    parts: response::Parts,
    windows: RateWindows,
    body: Bytes,
}

impl<'a> Called<'a> {
    pub(super) fn new(
        attempt: &'a Attempt,
        secret: &'a Secret,
        room: &'a Room,
        served: &'a Arc<Served>,
    ) -> Self {
        Self {
            attempt,
            secret,
            room,
            served,
        }
    }

    fn call(&self) -> Call<'a> {
        let request = &self.attempt.request;
        Call::new(&request.operation, &self.attempt.deployment.model, false)
    }

    /// The name the caller used: answers written here say it.
    fn asked(&self) -> String {
        let request = &self.attempt.request;
        let asked = request.payload.model();
        asked.unwrap_or_else(|| request.model.to_string())
    }

    fn lacks(&self, what: &str) -> Error {
        Error::new(
            ErrorKind::Unsupported,
            format!("this vendor does not offer {what}"),
        )
    }

    /// One exchange, to the end of the answer.
    async fn send<C, B>(
        &self,
        mut client: C,
        ready: bool,
        path: &str,
        body: Bytes,
    ) -> Result<Answer, Error>
    where
        C: Service<http::Request<Body>, Response = http::Response<B>>,
        C::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let call = self.call();
        let body = Some(body);
        let request = spell(self.attempt, self.secret, &call, Method::POST, path, body)?;
        let clock = Clock::new(self.attempt, Answers::Whole);
        let exchange = async {
            if !ready {
                client.ready().await.map_err(transport_error)?;
            }
            client.call(request).await.map_err(transport_error)
        };
        let (parts, body) = clock.run(exchange).await?.into_parts();
        let windows = RateWindows::of(&parts.headers);
        let body = Body::new(body);
        let provider = &*self.attempt.deployment.provider;
        let whole = async {
            if !parts.status.is_success() {
                return Err(refusal(provider, &parts, body, &clock).await);
            }
            let body = encoding::plain(&parts.headers, body)?;
            let bytes = clock.read_held(body, self.room).await?;
            if bytes.trim_ascii_start().first() != Some(&b'{') {
                let what = "something that is not a JSON object";
                return Err(not_an_answer(parts.status, what));
            }
            if dialect::has_error(&bytes) {
                return Err(provider.classify(&parts, &bytes));
            }
            Ok(bytes)
        };
        let body = whole
            .await
            .map_err(|error| error.with_windows(windows.clone()))?;
        Ok(Answer {
            parts,
            windows,
            body,
        })
    }

    fn answered(
        &self,
        answer: &Answer,
        body: Bytes,
        tokens: Option<u64>,
        report: Fidelity,
    ) -> ModelResponse {
        let usage = tokens.map(|tokens| Usage {
            input: Some(tokens),
            ..Usage::default()
        });
        // All of these are JSON, and none is a conversation: the dialect's name is never asked for.
        let complete = Complete::json(&OpenAiChat, body).with_usage(usage);
        let mut response = ModelResponse::new(self.served.clone(), Reply::Complete(complete));
        response.status = answer.parts.status;
        response.windows = answer.windows.clone();
        response.fidelity = report;
        response
    }
}

/// Vectors: in the caller's bytes where the vendor is asked in the same words, else written anew.
pub(super) async fn embeddings<C, B>(
    client: C,
    ready: bool,
    called: &Called<'_>,
    form: EmbeddingForm,
) -> Result<ModelResponse, Error>
where
    C: Service<http::Request<Body>, Response = http::Response<B>> + Clone,
    C::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let deployment = &*called.attempt.deployment;
    let vendor = deployment.provider.embeddings(&called.call());
    let vendor = vendor.ok_or_else(|| called.lacks("embeddings"))?;
    let (front, asked) = (front(form), called.attempt.request.payload.bytes());
    if front.dialect() == vendor.name() {
        let body = front.renamed(asked, &deployment.model);
        let path = match form {
            // A vendor that lives elsewhere than OpenAI says where.
            EmbeddingForm::OpenAi => deployment.provider.path(&called.call()),
            _ => front.path(&deployment.model).into(),
        };
        let answer = called.send(client, ready, &path, body).await?;
        let (body, tokens) = match form {
            EmbeddingForm::OpenAi => in_encoding(answer.body.clone(), encoding_asked(asked))?,
            _ => (answer.body.clone(), vendor.decode(&answer.body)?.tokens),
        };
        return Ok(called.answered(&answer, body, tokens, Fidelity::new()));
    }
    let mut report = Fidelity::new();
    let (answer, whole) = split(client, ready, called, vendor, form, &mut report).await?;
    let body = front.encode(&whole, asked, &called.asked());
    Ok(called.answered(&answer, body, whole.tokens, report))
}

/// As many calls as it takes.
async fn split<C, B>(
    client: C,
    ready: bool,
    called: &Called<'_>,
    vendor: &'static dyn EmbeddingDialect,
    form: EmbeddingForm,
    report: &mut Fidelity,
) -> Result<(Answer, EmbeddingResponse), Error>
where
    C: Service<http::Request<Body>, Response = http::Response<B>> + Clone,
    C::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let model = &*called.attempt.deployment.model;
    let asked = front(form).decode(called.attempt.request.payload.bytes(), report)?;
    let path = match vendor.name() {
        "openai" => called.attempt.deployment.provider.path(&called.call()),
        _ => vendor.path(model),
    };
    // At a vendor that takes one text at a time, each is a call.
    if asked.inputs.len() > MOST_TEXTS {
        let message = format!("`input` may have at most {MOST_TEXTS} texts");
        return Err(Error::invalid("input", message));
    }
    let mut bodies = Vec::new();
    for (place, inputs) in asked.inputs.chunks(vendor.most_texts().max(1)).enumerate() {
        // What cannot be said is the same for all of them.
        let mut again = Fidelity::new();
        let report = if place == 0 { &mut *report } else { &mut again };
        bodies.push((
            inputs.len(),
            vendor.encode(&asked.with_inputs(inputs), model, report)?,
        ));
    }
    // The first is sent by the client that was made ready; it may hold what the others wait for, and goes as soon as it is done.
    let others = bodies.len().saturating_sub(1);
    let clones: Vec<C> = (0..others).map(|_| client.clone()).collect();
    let clients = std::iter::once((client, ready)).chain(clones.into_iter().map(|c| (c, false)));
    let path = &*path;
    let calls = clients
        .zip(bodies)
        .map(|((client, ready), (texts, body))| async move {
            let answer = called.send(client, ready, path, body).await?;
            let vectors = vendor.decode(&answer.body)?;
            if vectors.vectors.len() != texts {
                let message = format!(
                    "the vendor answered {texts} texts with {} vectors",
                    vectors.vectors.len()
                );
                return Err(Error::new(ErrorKind::Server, message));
            }
            Ok((answer, vectors))
        });
    let answers: Vec<_> = stream::iter(calls).buffered(AT_ONCE).try_collect().await?;
    let mut last = None;
    let mut parts = Vec::with_capacity(answers.len());
    for (answer, vectors) in answers {
        last = Some(answer);
        parts.push(vectors);
    }
    let answer = last.ok_or_else(|| Error::invalid("input", "`input` must not be empty"))?;
    Ok((answer, EmbeddingResponse::joined(parts)))
}

/// Documents in order.
pub(super) async fn rerank<C, B>(
    client: C,
    ready: bool,
    called: &Called<'_>,
) -> Result<ModelResponse, Error>
where
    C: Service<http::Request<Body>, Response = http::Response<B>>,
    C::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let deployment = &*called.attempt.deployment;
    let vendor = deployment.provider.rerank(&called.call());
    let vendor = vendor.ok_or_else(|| called.lacks("reranking"))?;
    let payload = &called.attempt.request.payload;
    let mut report = Fidelity::new();
    if vendor.passes() {
        let body = payload.renamed(&deployment.model);
        let path = deployment.provider.path(&called.call());
        let answer = called.send(client, ready, &path, body).await?;
        // What it cost is worth knowing, but not worth failing for.
        let tokens = vendor
            .decode(&answer.body)
            .ok()
            .and_then(|read| read.tokens);
        let body = answer.body.clone();
        return Ok(called.answered(&answer, body, tokens, report));
    }
    let asked = RerankRequest::decode(payload.bytes(), &mut report)?;
    let body = vendor.encode(&asked, &deployment.model, &mut report);
    let path = vendor.path(&deployment.model);
    let answer = called.send(client, ready, &path, body).await?;
    let ranked = vendor.decode(&answer.body)?;
    let body = ranked.encode(&asked, &called.asked());
    Ok(called.answered(&answer, body, ranked.tokens, report))
}

/// May the answer to this be read here, if it is JSON?
pub(super) const fn is_read(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Images(_) | Operation::Transcription | Operation::Translation
    )
}

/// Is the answer to this one JSON that tells what it cost? Then it is read whole: vendors send it at once when all is done.
pub(super) fn tells_usage(operation: &Operation, headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or_default();
    is_read(operation) && kind.trim().eq_ignore_ascii_case("application/json")
}

/// The same bytes, and what they say of the cost.
pub(super) fn with_usage(body: Bytes) -> Reply {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        usage: Option<Cost>,
    }
    // Whisper counts seconds: then there are no tokens.
    #[derive(Deserialize)]
    struct Cost {
        #[serde(default)]
        input_tokens: Option<u64>,
        #[serde(default)]
        output_tokens: Option<u64>,
    }
    let answer = serde_json::from_slice::<Answer>(&body).ok();
    let usage = answer.and_then(|answer| answer.usage).map(|cost| Usage {
        input: cost.input_tokens,
        output: cost.output_tokens,
        ..Usage::default()
    });
    Reply::Complete(Complete::json(&OpenAiChat, body).with_usage(usage))
}
