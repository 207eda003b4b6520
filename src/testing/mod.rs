//! A test kit: scripted vendors, faults, strict grammars, and a conformance suite for vendors of one's own.
//!
//! It is for tests of a gateway built with this crate, of one that was not, and for a demo that needs no key.
//!
//! # Script a vendor
//!
//! A [`Vendor`] answers from a script. The first source that has an answer wins: rules for a request's head ([`Vendor::on_head`]),
//! limits ([`Vendor::limit`]), the queue ([`Vendor::push`]), the rules in their order ([`Vendor::on`]), the fallback
//! ([`Vendor::always`], or the talkative [`Demo`]). It is one thing in two forms, with one log of what it received:
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
//!
//! # Let something go wrong
//!
//! What vendors and networks do to answers has names: [`Fault`]. Its [`effect`](Fault::effect) says what a gateway should make of
//! it. Here a stack has two vendors for a model, and the first one has a bad day:
//!
//! ```
//! use std::sync::Arc;
//!
//! use tower::{Layer, ServiceExt};
//! use trunkline::{
//!     BoxError, ModelRequest, PoolLayer, Pools, Secret, Upstream,
//!     chat::{ChatRequest, Message},
//!     pool::{self, Pool},
//!     provider::Compatible,
//!     testing::{Effect, Fault, Script, Vendor},
//!     upstream::Account,
//! };
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! for fault in Fault::ALL.into_iter().filter(|fault| fault.effect() == Effect::Unanswered && !fault.stalls()) {
//!     let vendor = Vendor::new();
//!     let right = Script::new().text("Hello there.").openai("m", false, false);
//!     vendor.push(right.clone().fault(fault));
//!     vendor.push(right);
//!
//!     let pool = ["one", "two"].into_iter().fold(Pool::new(), |pool, name| {
//!         let provider = Compatible::openai(name, "https://vendor.test/v1").expect("a URL");
//!         let account = Arc::new(Account::new(name, Secret::new("key")));
//!         pool.vendor(pool::Vendor::new(Arc::new(provider), "m").account(account, 1))
//!     });
//!     let stack = PoolLayer::new(Pools::new().pool("m", pool)).layer(Upstream::new(vendor.clone()));
//!
//!     let question = ChatRequest::new("m", vec![Message::user("Hello?")]);
//!     let answer = stack.oneshot(ModelRequest::chat(question)).await?;
//!     assert_eq!(answer.into_chat().await?.text(), "Hello there.", "{fault}");
//!     assert_eq!(vendor.received(), 2, "{fault}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A server can die and come back at its address: [`Server::go_down`], [`Server::come_back`].
//!
//! # Hold what comes out to its grammar
//!
//! [`grammar`] knows what clients of each dialect insist on: the order of events, numbering, sums, and exactly one ending.
//!
//! ```
//! use trunkline::testing::{Fault, Script, grammar};
//!
//! let stream = Script::new().text("Hello there.").anthropic("claude-sonnet-4-5", true);
//! assert_eq!(grammar::check_stream("anthropic", &stream.content()), Some(vec![]));
//!
//! let cut = stream.fault(Fault::EarlyEnd);
//! let violations = grammar::check_stream("anthropic", &cut.content()).expect("a dialect that is known");
//! assert!(!violations.is_empty());
//! ```
//!
//! # Try a vendor of your own
//!
//! [`conformance()`] holds a [`Provider`](crate::Provider) to what the layers rely on, by cases with names. See its
//! [module](mod@conformance).
//!
//! # Try a layer of your own
//!
//! [`Unready`] finds out middleware that calls a clone of the service it has polled.

mod answer;
mod anthropic;
mod bedrock;
mod cohere;
pub mod conformance;
mod connection;
mod converse;
mod demo;
mod encoding;
mod events;
mod fault;
mod gemini;
pub mod grammar;
mod openai;
mod playback;
mod rate_limit;
mod recorded;
mod reply;
mod responses;
mod score;
mod script;
mod server;
mod strike;
mod tally;
mod unready;
mod vendor;
mod wrongs;

#[cfg(test)]
mod tests;

pub use self::{
    answer::{Answer, LineEnds},
    conformance::{Fixtures, Report, Turn, conformance},
    demo::Demo,
    encoding::Encoding,
    fault::{Effect, Fault},
    rate_limit::RateLimit,
    recorded::{Progress, Recorded},
    script::Script,
    server::Server,
    unready::Unready,
    vendor::Vendor,
};
