//! Who serves a call: one account of one vendor, out of those that could.
//!
//! ```text
//!                      gpt-4o                      the pool of a model's name
//!                 ┌──────┴────────┐
//!   weight      3 │             1 │
//!              openai           acme               vendors, each with its own name for the model
//!            ┌────┴────┐          │
//!   weight 2 │       1 │        1 │
//!         team-a    team-b     acme-1              accounts, each with limits, cooldowns and calls in flight
//! ```
//!
//! [`PoolLayer`] takes a [`ModelRequest`](crate::ModelRequest) and makes [`Attempt`](crate::upstream::Attempt)s of it: it
//! picks an account that is free, takes a place there, and calls. If that fails, [the table](crate::error) says whether the
//! next account is worth a try and for how long this one is left alone. The place is given back when the answer has been
//! read to its end, or the caller has left.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use tower::{Layer, Service};
//! use trunkline::{
//!     Body, PoolLayer, Pools, Provider, Secret, Upstream,
//!     pool::{Pool, Vendor},
//!     provider::Compatible,
//!     upstream::Account,
//! };
//!
//! # fn example<C>(client: C) -> Result<(), trunkline::Error>
//! # where
//! #     C: Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + 'static,
//! #     C::Error: Into<trunkline::BoxError>,
//! #     C::Future: Send,
//! # {
//! let openai: Arc<dyn Provider> = Arc::new(Compatible::openai("openai", "https://api.openai.com/v1")?);
//! let acme: Arc<dyn Provider> = Arc::new(Compatible::openai("acme", "https://llm.acme.example/v1")?);
//! let account = |name: &str, key: &str| Arc::new(Account::new(name, Secret::new(key)));
//!
//! let pools = Pools::new()
//!     .pool(
//!         "gpt-4o",
//!         Pool::new()
//!             .vendor(
//!                 Vendor::new(openai.clone(), "gpt-4o")
//!                     .weight(3)
//!                     .account(account("team-a", "sk-a"), 2)
//!                     .account(account("team-b", "sk-b"), 1),
//!             )
//!             .vendor(
//!                 Vendor::new(acme, "gpt-4o-acme")
//!                     .context_window(128_000)
//!                     .account(account("acme-1", "sk-1"), 1),
//!             )
//!             .cooldown(Duration::from_secs(60))
//!             .wait(Duration::from_secs(10)),
//!     )
//!     // `openai/gpt-4.1` is `gpt-4.1` there.
//!     .pool(
//!         "openai/*",
//!         Pool::new().vendor(Vendor::new(openai, "*").account(account("team-a", "sk-a"), 1)),
//!     );
//!
//! let service = PoolLayer::new(pools.clone()).layer(Upstream::new(client));
//! for account in pools.snapshot() {
//!     println!("{}/{}: {} calls", account.provider, account.account, account.in_flight);
//! }
//! # let _ = service;
//! # Ok(())
//! # }
//! ```
//!
//! # Who is free
//!
//! An account is one thing under its vendor's and its own name, whichever pools use it. It is free for a model if nothing
//! holds it back: no cooldown of the account or of that model there, a place under its
//! [limits](crate::upstream::Limits) (a place is taken before anything is sent, so fifty calls at once do not overshoot), and
//! a context window that is not clearly too small. Of those that are free, a [`Balance`] picks one: [`Weighted`] unless the
//! pool says otherwise.
//!
//! # Windows
//!
//! An account [declares](crate::upstream::Limits) windows of requests, tokens and money: any time of some length, a time that begins
//! with a call, or a day or month of the calendar; for all models or for a family. A call reserves what it is taken to need in each
//! window that counts its model (its input by its bytes, an answer as long as those before it, what both cost), and what it turned out
//! to need takes that place when it is over.
//!
//! Vendors tell of their own windows with every answer and refusal ([`RateWindows`](crate::dialect::RateWindows)). What was begun
//! since is subtracted, so that what is left is known between answers too. Times are counted from when the call was sent, for its answer
//! may have taken long. Where the figures say that a window fills little by little, as OpenAI's and Groq's do, it is used as it fills;
//! any other is taken to begin anew at its reset, until it shows that it returns piece by piece. Nothing is sent into a window that is
//! known to have no room. Where a vendor tells of the very number of requests or tokens a minute that the account declares, the
//! vendor's count takes the place of ours: it knows when its minute begins.
//!
//! A vendor that only refuses tells something too: what an account seems to take in a minute is guessed from what was refused
//! there, and a little more is tried each minute.
//!
//! [`Headroom`] calls who has the largest share left of its scarcest window; [`UseBeforeReset`] who would lose most at the end of one.
//! [`Limits::reserve`](crate::upstream::Limits::reserve) keeps a share of every window, of the vendor's too, for calls of
//! [high priority](crate::request::Priority). [`Pools::snapshot`] shows how the windows stand, and [`Pools::reset`] forgets what
//! vendors told.
//!
//! # What it costs
//!
//! A model's [price](Vendor::price) is told, or found in [the catalogue](Vendor::catalogue) under its name at the vendor; where that is a
//! template, under the name that a call makes of it. [`Cheapest`] goes by it, windows of money are counted by it, and
//! [`ModelResponse::price`](crate::ModelResponse::price) hands it on, so that every call's cost is known from what it used.
//!
//! # Large pools
//!
//! A pool of up to 32 accounts is looked through at every pick, and its balance is exact. In a larger one a few are drawn, in as many
//! steps as the number of accounts has binary digits, whether all are free or hardly any: those found out are drawn no more until
//! they may be back. [`Weighted`] and [`Sticky`] then share by lot, [`RoundRobin`] goes round, and every other balance
//! chooses the best of eight that are free ([`Sampling`]), of which [`Cheapest`] is shown those that cost least. Where a conversation is drawn to an account group, 64 of its accounts are
//! looked at. Only where those drawn have room for smaller calls, but not for this one, is everybody looked at.
//!
//! # Why it goes where it goes
//!
//! [`Pools::explain`] tells for a call who could serve it, in what state each is, and whom it would try in which order and why, by
//! walking the walk of a real call on copies. Where calls wait already, it tells whether this one would go before them, wait behind
//! them or be turned away ([`QueueReport`]). What then happens is kept in the call's [`Trail`](crate::Trail).
//!
//! # Who is left alone
//!
//! | what happened | who is out | for how long |
//! | --- | --- | --- |
//! | rate limit with a reset | the account, or that model there | until the reset: *firm* |
//! | rate limit without | the same | [`Pool::cooldown`] |
//! | an answer told that nothing is left | that model there; all of the account if it said so | until the reset: *firm* |
//! | out of quota | the account | until the reset if named: *firm*; else ten minutes |
//! | key refused | the account | ten minutes |
//! | [`Pool::failures`] in a row | that model there | the [breaker](#the-breaker) says |
//! | the caller's own mistake, or nobody's | nobody | |
//!
//! Nobody is called before the end of a firm cooldown. The others are guesses: when only such accounts remain, the one that
//! would be back first is called nevertheless, one of them per call, and a success ends its cooldown. A later end is never
//! replaced by an earlier one. A call that is refused because it is larger than what is left of a told window holds up no smaller
//! ones. After a rate limit whose size nobody told, an account comes back step by step: one call, and twice as many
//! as before whenever one went well. If nobody can be called, the call [waits](#who-waits) up to [`Pool::wait`], then fails with
//! [`ErrorKind::Exhausted`](crate::ErrorKind::Exhausted) and the time of the first return.
//!
//! # Who waits
//!
//! Calls that wait for the same model wait in one queue, of a [bounded size](Pool::queue). More urgent ones
//! ([`ModelRequest::priority`](crate::ModelRequest::priority)) go first; less urgent ones have a turn after every sixteen others. Among
//! equals callers go in turn, each by its [weight](Pool::weigh), a thousand tokens counting as much as a call; the calls of one caller
//! go in the order they came. Whoever is first is not overtaken because others need less: a large call waits until the window has room
//! for it. Calls that only some of the deployments can hold, and those for one account, have queues of their own.
//!
//! Only those who can be served are woken when a place comes back, and nobody who comes then overtakes them. A call that the limits
//! cannot let through in time, given who waits before it, is refused at once, and so is one for which the queue has no room; both are
//! told when to come back. One call waits for [`Pool::wait`] once, however often it is tried.
//!
//! # How many at once
//!
//! With [`Limits::adaptive`](crate::upstream::Limits::adaptive) the number of calls that an account has at the same time is found out
//! by trying: it grows while answers are good and all places are taken, and shrinks when the vendor is overloaded, answers 429 without
//! naming a window, or takes many times as long as at best for its first content. Such a 429 is no reason to leave the account alone.
//! [`AccountStatus::concurrency`] shows the number.
//!
//! # The breaker
//!
//! Each model of an account has a breaker, and so has the account, for its health checks. [`Pool::failures`] in a row open it for
//! [`Pool::cooldown`]; a broken connection here and there does nothing. When that time is over it is half-open: one call goes
//! through, and until that has its first content (where streams broke: its end) the account looks out to all others. If it goes
//! well the breaker closes. If it fails the breaker opens again for twice as long, less up to a quarter by lot, and at most for
//! ten minutes or the pool's cooldown, whichever is longer. What fails while the breaker is open, such as calls that were under
//! way, counts as the same outage. A caller who leaves an account that was silent for eight times as long as usual, and twenty
//! seconds at least, counts as a failure; with [`Pool::give_up`] another account is asked instead. [`Pools::snapshot`] shows the breakers; [`Pools::reset`] closes them.
//!
//! # Who goes with whom
//!
//! [`Sticky`] keeps the calls of a session at one account. The session is what the call says it is
//! ([`ModelRequest::affinity`](crate::ModelRequest::affinity)), else the body's `prompt_cache_key`, else how the conversation begins: the
//! first 1 KiB of its system prompt, and of its messages up to the first of the user. Each caller has sessions of its own.
//!
//! # Counting tokens
//!
//! [`Operation::CountTokens`](crate::request::Operation::CountTokens) is never refused because a vendor has no counter, is out, or is
//! slow: then the answer is an estimate, and its report says so. The estimate is by characters, tools, and the size of images, times a
//! factor for each model that is learned from what vendors count of real calls. A count takes no place at an account.
//!
//! # Who keeps what
//!
//! A call that names what an account issued ([`ModelRequest::pin`](crate::ModelRequest::pin)) goes to that account and to no other; if
//! it is out, the caller is told when it is back. A call that names neither such a thing nor a model (a new file, a list of batches)
//! goes to [`Pools::home`].
//!
//! All of this lives in one process: two gateways on the same account share its limits without knowing of each other.

mod account;
mod adaptive;
mod arrival;
mod balance;
mod batch;
mod breaker;
mod calendar;
mod cooldown;
mod count;
mod explain;
mod few;
mod guess;
mod hall;
mod history;
mod home;
mod known;
mod layer;
mod learned;
mod lease;
mod ledger;
mod models;
mod pools;
mod prices;
mod queue;
mod ramp;
mod roster;
mod search;
mod second;
mod service;
mod session;
mod silence;
mod steps;
mod sums;
mod table;
#[cfg(test)]
mod tests;
mod vendor;
mod walk;
mod window;

pub(crate) use self::session::session;
pub use self::{
    account::{AccountStatus, BreakerStatus, CooldownStatus, WindowStatus},
    balance::{
        Balance, Candidate, Cheapest, Fastest, Headroom, LeastBusy, Rng, RoundRobin, Sampling,
        Sticky, UseBeforeReset, Weighted,
    },
    breaker::BreakerState,
    explain::{
        CandidateReport, CandidateState, Explanation, Limit, QueuePlace, QueueReport, Refusal,
    },
    layer::PoolLayer,
    pools::Pools,
    service::PoolService,
    session::Session,
    vendor::{Pool, Vendor},
};
