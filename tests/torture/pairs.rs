//! Who calls, who answers, and the driver that lets everybody meet everybody.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::FutureExt;
use trunkline::{
    Provider,
    dialect::{
        Dialect, anthropic::Anthropic, bedrock::Converse, cohere::Cohere, gemini::Gemini,
        openai_chat::OpenAiChat, openai_completions::OpenAiCompletions,
        openai_responses::OpenAiResponses,
    },
    provider::{Bedrock, Compatible, preset},
    testing::{Answer, Script},
};

/// A dialect that callers speak.
pub struct Front {
    pub name: &'static str,
    pub dialect: &'static dyn Dialect,
    /// Does it know tools, and reasoning?
    pub tools: bool,
}

/// Makes a provider of this name at this address.
type Make = fn(&'static str, &str) -> Result<Arc<dyn Provider>, trunkline::Error>;

/// A vendor: its dialect, and how it is spelled and called.
pub struct Kind {
    pub name: &'static str,
    pub dialect: &'static dyn Dialect,
    pub model: &'static str,
    /// Framed by AWS, not as server-sent events.
    pub binary: bool,
    /// Does its protocol have a last word of its own after the reason why an answer ended?
    pub last_word: bool,
    pub provider: Make,
    pub answer: fn(&Script, &str, bool) -> Answer,
}

pub const FRONTS: [Front; 5] = [
    Front {
        name: "chat",
        dialect: &OpenAiChat,
        tools: true,
    },
    Front {
        name: "completions",
        dialect: &OpenAiCompletions,
        tools: false,
    },
    Front {
        name: "responses",
        dialect: &OpenAiResponses,
        tools: true,
    },
    Front {
        name: "messages",
        dialect: &Anthropic,
        tools: true,
    },
    Front {
        name: "gemini",
        dialect: &Gemini,
        tools: true,
    },
];

pub const KINDS: [Kind; 8] = [
    Kind {
        name: "openai",
        dialect: &OpenAiChat,
        model: "gpt-4o",
        binary: false,
        last_word: true,
        provider: |name, url| Ok(Arc::new(Compatible::openai(name, url)?)),
        answer: |script, model, stream| script.openai(model, stream, true),
    },
    Kind {
        name: "responses",
        dialect: &OpenAiResponses,
        model: "gpt-5.6",
        binary: false,
        last_word: false,
        provider: |name, url| Ok(Arc::new(Compatible::responses(name, url)?)),
        answer: Script::responses,
    },
    Kind {
        name: "anthropic",
        dialect: &Anthropic,
        model: "claude-sonnet-4-5",
        binary: false,
        last_word: true,
        provider: |name, url| Ok(Arc::new(Compatible::anthropic(name, url)?)),
        answer: Script::anthropic,
    },
    Kind {
        name: "gemini",
        dialect: &Gemini,
        model: "gemini-2.5-flash",
        binary: false,
        last_word: false,
        provider: |name, url| Ok(Arc::new(Compatible::gemini(name, url)?)),
        answer: Script::gemini,
    },
    Kind {
        name: "converse",
        dialect: &Converse,
        model: "us.amazon.nova-pro-v1:0",
        binary: true,
        last_word: true,
        provider: bedrock,
        answer: |script, _, stream| match stream {
            true => Answer::event_stream(script.converse_events()),
            false => script.converse(),
        },
    },
    Kind {
        name: "claude-on-bedrock",
        dialect: &Anthropic,
        model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        binary: true,
        last_word: true,
        provider: bedrock,
        answer: Script::claude_on_bedrock,
    },
    Kind {
        name: "cohere",
        dialect: &Cohere,
        model: "command-a-03-2025",
        binary: false,
        last_word: true,
        provider: |name, url| Ok(Arc::new(Compatible::cohere(name, url)?)),
        answer: |script, _, stream| script.cohere(stream),
    },
    Kind {
        name: "deepseek",
        dialect: &OpenAiChat,
        model: "deepseek-reasoner",
        binary: false,
        last_word: true,
        provider: |name, url| {
            let quirks = preset("deepseek").map(|known| known.quirks.clone());
            let compatible = Compatible::openai(name, url)?;
            Ok(Arc::new(compatible.quirks(quirks.unwrap_or_default())))
        },
        answer: |script, model, stream| script.openai(model, stream, true),
    },
];

/// How many pairs there are. The index quotes it.
pub const PAIRS: usize = FRONTS.len() * KINDS.len();

fn bedrock(name: &'static str, url: &str) -> Result<Arc<dyn Provider>, trunkline::Error> {
    Ok(Arc::new(
        Bedrock::new(name, "us-east-1")?.with_base_url(url)?,
    ))
}

/// A caller and a vendor.
#[derive(Clone, Copy)]
pub struct Pair {
    pub front: &'static Front,
    pub kind: &'static Kind,
    /// The vendor that is asked when the first one fails: another one for each.
    pub spare: &'static Kind,
}

impl Pair {
    /// Do both speak the same, so that frames pass as they are?
    pub fn same(&self) -> bool {
        self.front.dialect.name() == self.kind.dialect.name()
    }
}

/// Calls through the stack so far, in this process.
static CALLS: AtomicUsize = AtomicUsize::new(0);

pub fn count_call() {
    CALLS.fetch_add(1, Ordering::Relaxed);
}

/// Shows every pair to `check`; fails with all that went wrong, by pair.
pub async fn each_pair(what: &str, check: impl AsyncFn(Pair) -> Result<(), String>) {
    pairs(what, |_| true, check).await;
}

/// The same for callers whose dialect knows tools.
pub async fn each_pair_with_tools(what: &str, check: impl AsyncFn(Pair) -> Result<(), String>) {
    pairs(what, |pair| pair.front.tools, check).await;
}

/// The same for vendors that send events as text.
pub async fn each_pair_of_text(what: &str, check: impl AsyncFn(Pair) -> Result<(), String>) {
    pairs(what, |pair| !pair.kind.binary, check).await;
}

async fn pairs(
    what: &str,
    concerns: impl Fn(&Pair) -> bool,
    check: impl AsyncFn(Pair) -> Result<(), String>,
) {
    let mut wrong = Vec::new();
    let mut shown = 0;
    for front in &FRONTS {
        for (at, kind) in KINDS.iter().enumerate() {
            let spare = &KINDS[(at + 1) % KINDS.len()];
            let pair = Pair { front, kind, spare };
            if !concerns(&pair) {
                continue;
            }
            shown += 1;
            let found = AssertUnwindSafe(check(pair)).catch_unwind().await;
            let why = match found {
                Ok(Ok(())) => continue,
                Ok(Err(why)) => why,
                Err(panic) => match panic.downcast::<String>() {
                    Ok(text) => *text,
                    Err(_) => "a panic".to_owned(),
                },
            };
            wrong.push(format!("── {} ← {}: {why}", front.name, kind.name));
        }
    }
    let calls = CALLS.load(Ordering::Relaxed);
    println!("{what}: {shown} pairs; {calls} calls through the stack so far in this run");
    assert!(
        wrong.is_empty(),
        "{what}: {} of {shown} pairs\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Fails a pair's check with a message.
macro_rules! ensure {
    ($is:expr, $($why:tt)+) => {
        if !$is {
            return Err(format!($($why)+));
        }
    };
}
pub(crate) use ensure;
