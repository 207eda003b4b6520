//! Every dialect against every dialect: recorded traffic, the project's own golden inputs, and arbitrary answers.
//!
//! What is written is held to the strict grammar of its dialect (`trunkline::testing::grammar`), not to what our own tolerant
//! decoders would bear.

mod arbitrary;
mod corpus_pass;
mod corpus_replies;
mod corpus_requests;
mod golden;
mod table;

#[path = "../support/corpus.rs"]
mod corpus;

use trunkline::{
    chat::{ChatResponse, Collector, EventSink},
    dialect::{
        Asked, Dialect, Front, anthropic::Anthropic, bedrock::Converse, cohere::Cohere,
        gemini::Gemini, openai_chat::OpenAiChat, openai_completions::OpenAiCompletions,
        openai_responses::OpenAiResponses,
    },
    wire::Frame,
};

/// The dialects under test, and how the model of a request is called there. One line adds one.
pub const DIALECTS: [(&dyn Dialect, &str); 7] = [
    (&OpenAiChat, "gpt-4o"),
    (&OpenAiResponses, "gpt-5.6"),
    (&Anthropic, "claude-sonnet-4-5"),
    (&Gemini, "gemini-2.5-flash"),
    (&OpenAiCompletions, "gpt-3.5-turbo-instruct"),
    (&Converse, "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    (&Cohere, "command-a-03-2025"),
];

/// Further models whose dialect bends to their makers.
pub const MODELS: [(&dyn Dialect, &str); 6] = [
    (&Converse, "us.amazon.nova-pro-v1:0"),
    (&Converse, "us.meta.llama3-3-70b-instruct-v1:0"),
    (&Converse, "mistral.mistral-large-2407-v1:0"),
    (&Converse, "openai.gpt-oss-120b-1:0"),
    (
        &Converse,
        "arn:aws:bedrock:us-east-1:1:application-inference-profile/p",
    ),
    (&Cohere, "command-a-reasoning-08-2025"),
];

/// The recorded endpoints, and the dialect that is spoken there.
pub const ENDPOINTS: [(&str, &dyn Dialect); 10] = [
    ("chat-completions", &OpenAiChat),
    ("responses", &OpenAiResponses),
    ("messages", &Anthropic),
    ("rawPredict", &Anthropic),
    ("generateContent", &Gemini),
    ("streamGenerateContent", &Gemini),
    ("completions", &OpenAiCompletions),
    ("converse", &Converse),
    ("converse-stream", &Converse),
    ("v2-chat", &Cohere),
];

/// What callers call the model, and when they do.
pub const ASKED: Asked<'static> = Asked::new("the-model", true, 1_790_000_000);

/// Shows recorded exchanges with this endpoint to `check`: a sample of each vendor's, or all if `TRUNKLINE_CORPUS_ALL` is set. False
/// without recordings.
pub fn each(endpoint: &str, check: impl FnMut(&corpus::Case)) -> bool {
    let all = std::env::var_os("TRUNKLINE_CORPUS_ALL").is_some();
    corpus::sample(endpoint, if all { usize::MAX } else { 60 }, check)
}

/// The dialects that serve callers.
pub fn fronts() -> impl Iterator<Item = (&'static dyn Dialect, &'static dyn Front)> {
    DIALECTS
        .into_iter()
        .filter_map(|(dialect, _)| Some((dialect, dialect.front()?)))
}

/// The answer told as the stream of a front.
pub fn told(answer: &ChatResponse, front: &dyn Front) -> Vec<u8> {
    let mut sink = EventSink::new();
    answer.replay(&mut sink);
    let mut encoder = front.encoder(&ASKED);
    let mut frames = std::collections::VecDeque::new();
    while let Some(event) = sink.next_event() {
        encoder.encode(event, &mut frames);
    }
    raw(&frames)
}

/// The answer in a stream of `dialect`.
pub fn collected(dialect: &dyn Dialect, frames: &[Frame]) -> Result<ChatResponse, String> {
    let (mut sink, mut collector) = (EventSink::new(), Collector::new());
    let mut decoder = dialect.decoder();
    for frame in frames {
        decoder
            .decode(frame, &mut sink)
            .map_err(|e| format!("{e:?} in {frame:?}"))?;
    }
    sink.end();
    while let Some(event) = sink.next_event() {
        collector.push(event);
    }
    Ok(collector.finish())
}

/// The bytes of frames.
pub fn raw<'f>(frames: impl IntoIterator<Item = &'f Frame>) -> Vec<u8> {
    frames
        .into_iter()
        .flat_map(|frame| frame.raw().to_vec())
        .collect()
}
