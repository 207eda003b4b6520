//! Who a vendor is and where it lives.
//!
//! ```
//! use http::Uri;
//! use trunkline::provider::Provider;
//!
//! /// A vendor that speaks OpenAI's dialect at its own address.
//! #[derive(Debug)]
//! struct Acme(Uri);
//!
//! impl Provider for Acme {
//!     fn name(&self) -> &str {
//!         "acme"
//!     }
//!     fn base_url(&self) -> &Uri {
//!         &self.0
//!     }
//! }
//! ```
//!
//! Most vendors need no code at all: see [`Compatible`] and [`preset`]. One of your own is held to what the layers rely on by
//! `testing::conformance` (feature `testing`).

pub mod aws;
mod azure;
mod bedrock;
mod bridge;
mod compatible;
mod presets;
mod reshape;
mod vertex;

use std::{borrow::Cow, fmt::Debug};

use bytes::Bytes;
use http::{HeaderValue, Uri, header, request, response};

#[cfg(feature = "config")]
pub(crate) use self::bedrock::is_region;
pub use self::{
    azure::Azure,
    bedrock::{Bedrock, BedrockApi},
    compatible::{Auth, Compatible},
    presets::{Preset, PresetDialect, preset, presets},
    vertex::Vertex,
};
use crate::{
    credential::Secret,
    dialect::{
        Call, Dialect, Prefill, Quirks,
        embeddings::{EmbeddingDialect, GeminiEmbeddings, OpenAiEmbeddings},
        openai_chat::OpenAiChat,
        rerank::{JinaRerank, RerankDialect},
    },
    error::{Error, ErrorKind},
    request::{Operation, Payload},
    wire::Framing,
};

/// A vendor. Object-safe, no async, no IO; only the first two methods are required.
pub trait Provider: Debug + Send + Sync + 'static {
    /// A short name, e.g. `openai`.
    fn name(&self) -> &str;

    /// The whole base with its version segment, e.g. `https://api.openai.com/v1`. Paths are appended, nothing is guessed.
    fn base_url(&self) -> &Uri;

    /// The dialect this vendor speaks for an operation; none if it does not offer it. OpenAI's by default.
    fn dialect(&self, operation: &Operation) -> Option<&'static dyn Dialect> {
        match operation {
            Operation::Chat => Some(&OpenAiChat),
            _ => None,
        }
    }

    /// The dialect for one call, where a vendor speaks several: by model, or by what is asked. [`dialect`](Self::dialect) by default.
    fn speaks(&self, call: &Call<'_>, payload: &Payload) -> Option<&'static dyn Dialect> {
        let _ = payload;
        self.dialect(call.operation)
    }

    /// How this vendor is asked for embeddings; none if it makes none. By default Google's way where it speaks Google's dialect, and
    /// OpenAI's where it speaks one of OpenAI's.
    fn embeddings(&self, call: &Call<'_>) -> Option<&'static dyn EmbeddingDialect> {
        let _ = call;
        match self.dialect(&Operation::Chat)?.name() {
            "openai-chat" | "openai-responses" => Some(&OpenAiEmbeddings),
            "gemini" => Some(&GeminiEmbeddings),
            _ => None,
        }
    }

    /// How this vendor is asked to order documents; none if it does not. By default Jina's way where it speaks one of OpenAI's
    /// dialects.
    fn rerank(&self, call: &Call<'_>) -> Option<&'static dyn RerankDialect> {
        let _ = call;
        match self.dialect(&Operation::Chat)?.name() {
            "openai-chat" | "openai-responses" => Some(&JinaRerank),
            _ => None,
        }
    }

    /// Does it offer a call that has no dialect of its own and is passed through in OpenAI's words: moderations, pictures, sounds,
    /// and what an account keeps? By default all of it where it speaks one of OpenAI's dialects or one that is not known here, else
    /// only what an account keeps. A call that nobody offers is refused before anything is sent.
    fn offers(&self, call: &Call<'_>) -> bool {
        match call.operation {
            Operation::Moderations
            | Operation::Images(_)
            | Operation::Speech
            | Operation::Transcription
            | Operation::Translation => {
                let spoken = self.dialect(&Operation::Chat).map_or("", Dialect::name);
                !matches!(
                    spoken,
                    "anthropic" | "bedrock-converse" | "cohere" | "gemini"
                )
            }
            _ => true,
        }
    }

    /// Does it fetch media for this call by their addresses itself? None: as is usual in its dialect. [`Quirks::urls`] by default.
    fn fetches(&self, call: &Call<'_>) -> Option<bool> {
        let _ = call;
        self.quirks().urls
    }

    /// Can the model be made to go on with a last message of the assistant's, as if it had said so itself? Broken streams are
    /// continued there. By default as [`Quirks::prefill`] says; whether it is a model of Claude's that still does, its dialect knows.
    fn prefills(&self, call: &Call<'_>) -> bool {
        match self.quirks().prefill {
            Prefill::Last | Prefill::Prefix => true,
            Prefill::Never => false,
            Prefill::Usual => match call.dialect.map(Dialect::name) {
                Some("anthropic") => true,
                Some("bedrock-converse") => call.model.contains("claude"),
                _ => false,
            },
        }
    }

    /// What an account is asked in the background to see how it is, with `GET`, below the base URL: something that costs nothing and
    /// takes the account's key. None if there is no such thing. The list of models by default.
    fn probe(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed("/models"))
    }

    /// The path of a call below the base URL. The dialect's by default, or OpenAI's for an operation that has no dialect.
    fn path(&self, call: &Call<'_>) -> Cow<'static, str> {
        match call.dialect.or_else(|| self.dialect(call.operation)) {
            Some(dialect) => dialect.path(call),
            None => Cow::Borrowed(call.operation.path().unwrap_or("/")),
        }
    }

    /// How a stream of this call is framed. As its dialect is by default.
    fn framing(&self, call: &Call<'_>) -> Framing {
        match call.dialect.or_else(|| self.dialect(call.operation)) {
            Some(dialect) => dialect.framing(),
            None => Framing::Sse,
        }
    }

    /// The last word on a request before it is [authorized](Self::authorize): clouds that resell a dialect move members between
    /// the body, the path and the headers. Nothing is changed by default.
    ///
    /// # Errors
    /// If the request cannot be said to this vendor.
    fn finish(
        &self,
        call: &Call<'_>,
        parts: &mut request::Parts,
        body: Bytes,
    ) -> Result<Bytes, Error> {
        let _ = (call, parts);
        Ok(body)
    }

    /// Must [`finish`](Self::finish) and [`authorize`](Self::authorize) see the body of this call? If not, a body of which nothing but the
    /// model's name changes is sent without being copied: they are given an empty one, and what `finish` returns for it is not sent. True by default.
    fn reads_body(&self, call: &Call<'_>) -> bool {
        let _ = call;
        true
    }

    /// Puts the key, and whatever else every request needs, into the request. `Authorization: Bearer` by default.
    ///
    /// # Errors
    /// If the key cannot stand in a header.
    fn authorize(
        &self,
        secret: &Secret,
        parts: &mut request::Parts,
        body: &[u8],
    ) -> Result<(), Error> {
        let _ = body;
        if secret.is_empty() {
            return Ok(());
        }
        let value = bearer(secret)?;
        parts.headers.insert(header::AUTHORIZATION, value);
        Ok(())
    }

    /// The vendor's deviations from its dialect. None by default: bytes pass untouched.
    fn quirks(&self) -> &Quirks {
        &Quirks::NONE
    }

    /// What kind of failure an answer is. The dialect's opinion by default.
    fn classify(&self, parts: &response::Parts, body: &[u8]) -> Error {
        match self.dialect(&Operation::Chat) {
            Some(dialect) => dialect.classify(parts, body),
            None => crate::dialect::classify("", parts.status, &parts.headers, body),
        }
    }
}

// Providers live in pools as trait objects.
const _: fn(&dyn Provider) = |_| ();

/// A header value that is hidden in `Debug` output and from HTTP/2's header tables.
///
/// # Errors
/// [`ErrorKind::Authentication`] if the key has characters no header may hold.
pub fn secret_header(value: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(value).map_err(|_| unspeakable())?;
    value.set_sensitive(true);
    Ok(value)
}

/// The value of an `authorization` header with a key or token. It is made once for each secret.
///
/// # Errors
/// As [`secret_header`].
pub fn bearer(secret: &Secret) -> Result<HeaderValue, Error> {
    secret.bearer().ok_or_else(unspeakable)
}

fn unspeakable() -> Error {
    Error::new(
        ErrorKind::Authentication,
        "the account's key has characters that no HTTP header may hold, perhaps a line break",
    )
}
