//! The probes, by front.

pub(super) mod anthropic;
pub(super) mod gemini;
pub(super) mod openai_chat;
pub(super) mod openai_completions;
pub(super) mod openai_responses;
