//! What travels down the stack.

mod multipart;
mod payload;
mod peek;
mod priority;

use std::{sync::Arc, time::Duration};

use http::{Extensions, HeaderMap};

pub(crate) use self::peek::Known;
pub use self::{payload::Payload, priority::Priority};
pub use crate::operation::{EmbeddingForm, ImageTask, Operation};
use crate::{
    budget::CallBudget,
    chat::{ChatRequest, FidelityMode},
    hedge::Race,
    issued::Pin,
    trail::Trail,
};

/// One call for a model, before anybody has decided who serves it. Cloning shares everything.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModelRequest {
    /// The model asked for. Failover changes it. Empty if none is: then [`pin`](Self::pin) says who is called, or the pools' own
    /// [home](crate::pool::Pools::home) for such calls.
    pub model: Arc<str>,
    /// What is asked of it.
    pub operation: Operation,
    /// The body.
    pub payload: Payload,
    /// The caller's headers that may be passed on.
    pub headers: Arc<HeaderMap>,
    /// Who asks.
    pub caller: Caller,
    /// Names the session the call belongs to, for pools that keep sessions at one account
    /// ([`Sticky`](crate::pool::Sticky)). None: they look at the body.
    pub affinity: Option<Arc<str>>,
    /// How urgent it is.
    pub priority: Priority,
    /// What to do if the vendor cannot be told all of it. None: what the model's deployment says
    /// ([`Deployment::fidelity`](crate::upstream::Deployment)).
    pub fidelity: Option<FidelityMode>,
    /// Is the last message the beginning of the answer, so that only who can go on with it may serve it? The
    /// [`ContinueLayer`](crate::continuation::ContinueLayer) says so. Callers may end in such a message without saying it.
    pub continues: bool,
    /// The one account that may serve it, because the call names what that account issued.
    pub pin: Option<Pin>,
    /// What this call may spend: time and attempts, shared by all layers and all clones.
    pub budget: CallBudget,
    /// Everybody this call has asked so far, shared by all layers and all clones.
    pub trail: Trail,
    /// Which attempt of a call that may be hedged it is.
    pub(crate) race: Option<Race>,
    /// The user's own data. No layer of this crate reads or writes it.
    pub extensions: Extensions,
}

impl ModelRequest {
    /// A call from outside: a body in some dialect.
    pub fn new(model: impl Into<Arc<str>>, operation: Operation, payload: Payload) -> Self {
        Self {
            model: model.into(),
            operation,
            payload,
            headers: Arc::default(),
            caller: Caller::default(),
            affinity: None,
            priority: Priority::Normal,
            fidelity: None,
            continues: false,
            pin: None,
            budget: CallBudget::new(),
            trail: Trail::new(),
            race: None,
            extensions: Extensions::new(),
        }
    }

    /// A call from inside the process: a typed conversation, no HTTP. The answer comes in the vendor's dialect; read it with
    /// [`ModelResponse::into_chat`](crate::ModelResponse::into_chat) or [`EventStream::into_events`](crate::response::EventStream::into_events).
    pub fn chat(request: ChatRequest) -> Self {
        let model: Arc<str> = request.model.as_str().into();
        Self::new(model, Operation::Chat, Payload::from_chat(request))
    }

    /// The same call for another model.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<Arc<str>>) -> Self {
        self.model = model.into();
        self
    }

    /// What to do if the vendor cannot be told all of it.
    #[must_use]
    pub const fn with_fidelity(mut self, mode: FidelityMode) -> Self {
        self.fidelity = Some(mode);
        self
    }

    /// How urgent it is.
    #[must_use]
    pub const fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    pub(crate) fn in_race(mut self, race: Race) -> Self {
        self.race = Some(race);
        self
    }

    /// The most time this call may take, from now, over all attempts and the whole stream.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.budget = self.budget.with_timeout(timeout);
        self
    }
}

/// Who asks: told apart by the key they sent, of which only a fingerprint is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// Sixteen hex digits of the key's SHA-256; none if no key was sent.
    pub id: Option<Arc<str>>,
}

impl Caller {
    /// The caller who sent this key.
    pub fn from_key(key: &str) -> Self {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(key.as_bytes());
        let first = digest.first_chunk().copied().unwrap_or_default();
        let id = format!("{:016x}", u64::from_be_bytes(first));
        Self {
            id: Some(id.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_a_fingerprint() {
        let caller = Caller::from_key("sk-canary");
        assert_eq!(caller, Caller::from_key("sk-canary"));
        assert_ne!(caller, Caller::from_key("sk-canary2"));
        assert!(!format!("{caller:?}").contains("canary"));
        // As `printf abc | sha256sum` begins.
        assert_eq!(
            Caller::from_key("abc").id.unwrap(),
            "ba7816bf8f01cfea".into()
        );
    }
}
