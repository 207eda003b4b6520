//! Which calls belong together: the same conversation, whose beginning a vendor may still hold in its cache.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Candidate;
use crate::{
    chat::{Content, Role},
    request::ModelRequest,
};

/// A session that a call belongs to, for balances that [keep sessions](super::Balance::keeps_sessions).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Session<'a> {
    /// The same for all calls of the session, in this process and in others.
    pub key: u64,
    /// Accounts that are well but cannot take this call: they are at a limit, or it was tried there already.
    pub busy: &'a [Candidate<'a>],
}

/// How much of a text is looked at.
const PREFIX: usize = 1024;

/// The session of a call: what it [says itself](ModelRequest::affinity), else the body's `prompt_cache_key`, else how the
/// conversation begins: its system prompt and its first message of the user, of each the first 1 KiB. Sessions of different callers
/// are different. None if there is nothing to tell by.
pub(crate) fn session(request: &ModelRequest) -> Option<u64> {
    let mut hash = Hash::default();
    hash.add(request.caller.id.as_deref().unwrap_or_default().as_bytes());
    if let Some(affinity) = request.affinity.as_deref() {
        hash.add(affinity.as_bytes());
        return Some(hash.finish());
    }
    let bytes = request.payload.bytes();
    if bytes.is_empty() {
        return typed(request, hash);
    }
    let opening: Opening<'_> = serde_json::from_slice(bytes).ok()?;
    if let Some(key) = opening.prompt_cache_key.filter(|key| key.get() != "null") {
        hash.add(key.get().as_bytes());
        return Some(hash.finish());
    }
    let system = opening
        .system
        .or(opening.instructions)
        .or(opening.system_instruction);
    hash.add_prefix(system.map_or("", RawValue::get));
    let turns = opening.messages.or(opening.input).or(opening.contents)?;
    match serde_json::from_str::<Vec<&RawValue>>(turns.get()) {
        // A single text.
        Err(_) => hash.add_prefix(turns.get()),
        Ok(turns) => {
            for turn in turns {
                hash.add_prefix(turn.get());
                if is_user(turn) {
                    break;
                }
            }
        }
    }
    Some(hash.finish())
}

/// The same for a conversation that never was bytes.
fn typed(request: &ModelRequest, mut hash: Hash) -> Option<u64> {
    let chat = request.payload.chat().ok()?;
    if let Some(key) = &chat.cache_key {
        hash.add(key.as_bytes());
        return Some(hash.finish());
    }
    for message in &chat.messages {
        for text in message.content.iter().filter_map(Content::as_text) {
            hash.add_prefix(text);
        }
        if message.role == Role::User {
            break;
        }
    }
    Some(hash.finish())
}

fn is_user(turn: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Turn<'a> {
        #[serde(borrow, default)]
        role: Option<&'a RawValue>,
    }
    serde_json::from_str::<Turn<'_>>(turn.get())
        .is_ok_and(|turn| turn.role.is_some_and(|role| role.get() == "\"user\""))
}

/// The members of a body that tell a session, in any dialect. serde skips the others without building them.
#[derive(Deserialize)]
struct Opening<'a> {
    #[serde(borrow, default)]
    prompt_cache_key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    system: Option<&'a RawValue>,
    #[serde(borrow, default)]
    instructions: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "systemInstruction")]
    system_instruction: Option<&'a RawValue>,
    #[serde(borrow, default)]
    messages: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    contents: Option<&'a RawValue>,
}

/// FNV-1a, well mixed at the end: the same in every process, which std's hashers do not promise. Not against attackers: who
/// chooses keys on purpose can at most crowd an account, which he could anyway.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Hash {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        // What follows the text keeps `ab`, `c` and `a`, `bc` apart: no text in UTF-8 has that byte.
        for byte in bytes.iter().chain(&[0xFF]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn add_prefix(&mut self, text: &str) {
        let bytes = text.as_bytes();
        self.add(bytes.get(..PREFIX).unwrap_or(bytes));
    }

    pub(super) const fn finish(self) -> u64 {
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::request::{Caller, Operation, Payload};

    fn of(body: &str) -> Option<u64> {
        session(&request(body))
    }

    fn request(body: &str) -> ModelRequest {
        let payload = Payload::opaque(Bytes::copy_from_slice(body.as_bytes()), None);
        ModelRequest::new("m", Operation::Chat, payload)
    }

    #[test]
    fn a_conversation_is_known_by_its_beginning() {
        let long = "x".repeat(5_000);
        for (first, later, other) in [
            (
                r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}]}"#.to_owned(),
                r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"x":1}"#.to_owned(),
                r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"z"}]}"#.to_owned(),
            ),
            (
                format!(r#"{{"system":"{long}","messages":[{{"role":"user","content":"a"}}]}}"#),
                format!(r#"{{"messages":[{{"role":"user","content":"a"}},{{"role":"assistant"}}],"system":"{long}"}}"#),
                format!(r#"{{"system":"{long}","messages":[{{"role":"user","content":"z"}}]}}"#),
            ),
            (
                r#"{"prompt_cache_key":"k","messages":[1]}"#.to_owned(),
                r#"{"prompt_cache_key":"k","messages":[2]}"#.to_owned(),
                r#"{"prompt_cache_key":"z","messages":[1]}"#.to_owned(),
            ),
            (
                r#"{"input":"hello"}"#.to_owned(),
                r#"{"input":"hello","stream":true}"#.to_owned(),
                r#"{"input":"hi"}"#.to_owned(),
            ),
        ] {
            assert!(of(&first).is_some());
            assert_eq!(of(&first), of(&later), "{first}");
            assert_ne!(of(&first), of(&other), "{first}");
        }
        assert_eq!(of("not JSON"), None);
        assert_eq!(of("{}"), None);
    }

    #[test]
    fn what_a_call_says_itself_comes_first_and_each_caller_has_sessions_of_its_own() {
        let with = |affinity: &str, caller: &str, body: &str| {
            let mut request = request(body);
            request.affinity = Some(affinity.into());
            request.caller = Caller::from_key(caller);
            session(&request)
        };
        assert_eq!(
            with("s", "alice", r#"{"input":"a"}"#),
            with("s", "alice", "?")
        );
        assert_ne!(with("s", "alice", ""), with("t", "alice", ""));
        assert_ne!(with("s", "alice", ""), with("s", "bob", ""));
    }
}
