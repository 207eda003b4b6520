//! A scripted model vendor: for tests of a gateway, and for a demo that needs no key.
//!
//! A [`Vendor`] answers from a script. The first source that has an answer wins: the queue ([`Vendor::push`]), the rules in
//! their order ([`Vendor::on`]), the fallback ([`Vendor::always`], or the talkative [`Demo`]). It is one thing in two forms, with
//! one log of what it received:
//! - a tower service, to be put where an HTTP client would stand; no socket, and exact under a paused clock;
//! - an HTTP/1.1 server on a free port of 127.0.0.1 ([`Vendor::serve`]), for real clients and real connections.
//!
//! An [`Answer`] is a response plus how it is played: slowly, in other pieces, cut in the middle, never finished, or not
//! at all. [`Script`] writes the answers a real vendor would give, in the dialect asked for.
//!
//! ```
//! use std::time::Duration;
//!
//! use tower::ServiceExt;
//! use trunkline::{
//!     Body, BoxError,
//!     testing::{Answer, Script, Vendor},
//! };
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! let vendor = Vendor::new();
//! vendor.push(Answer::openai_error(429, "requests", "rate_limit_exceeded", "Slow down.").header("retry-after", "2"));
//! vendor.always(
//!     Script::new()
//!         .text("Hello there.")
//!         .openai("gpt-4o", true, true)
//!         .between(Duration::from_millis(20)),
//! );
//!
//! for expected in [429, 200] {
//!     let request = http::Request::post("https://vendor.test/v1/chat/completions")
//!         .body(Body::from(r#"{"model":"gpt-4o","stream":true}"#))?;
//!     let response = vendor.clone().oneshot(request).await?;
//!     assert_eq!(response.status(), expected);
//! }
//!
//! let requests = vendor.requests();
//! assert_eq!(requests.len(), 2);
//! assert_eq!(requests[0].string("/model").as_deref(), Some("gpt-4o"));
//! // Both bodies were dropped unread, and the vendor has noticed.
//! assert_eq!((vendor.open_streams(), vendor.aborted()), (0, 2));
//! # Ok(())
//! # }
//! ```

mod answer;
mod anthropic;
mod bedrock;
mod cohere;
mod converse;
mod demo;
mod encoding;
mod events;
mod fault;
mod gemini;
pub mod grammar;
mod openai;
mod playback;
mod recorded;
mod reply;
mod responses;
mod score;
mod script;
mod server;
mod tally;
mod unready;
mod vendor;
mod wrongs;

#[cfg(test)]
mod tests;

pub use self::{
    answer::{Answer, LineEnds},
    demo::Demo,
    encoding::Encoding,
    fault::{Effect, Fault},
    recorded::{Progress, Recorded},
    script::Script,
    server::Server,
    unready::Unready,
    vendor::Vendor,
};
