//! What a name stands for.

use std::sync::Arc;

use super::{Shadow, draw};

/// Arms, and how one of them is drawn. See the [module docs](crate::split).
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Split {
    pub(super) arms: Vec<Arm>,
    pub(super) by: Sticky,
    pub(super) shadow: Option<Shadow>,
}

/// A share of the calls for a name: what it is called, which model serves it, and how much of the traffic it gets.
#[derive(Clone, Debug)]
pub struct Arm {
    pub(super) name: Arc<str>,
    pub(super) model: Arc<str>,
    pub(super) weight: u32,
    /// Its name as a number.
    pub(super) seed: u64,
}

/// Who always draws the same arm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sticky {
    /// A [caller](crate::request::Caller). Those without a key are spread at random.
    #[default]
    Caller,
    /// A session: what the call says it is ([`ModelRequest::affinity`](crate::ModelRequest::affinity)), else the body's
    /// `prompt_cache_key`, else how the conversation begins. Where there is none of these, the caller.
    Session,
    /// Nobody: each call is drawn anew.
    Call,
}

impl Split {
    /// No arms yet. A split without arms, or with none of a weight, stands for nothing: its name is passed on.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more arm. Of two with the same name the later one counts.
    pub fn arm(mut self, arm: Arm) -> Self {
        self.arms.retain(|other| other.name != arm.name);
        self.arms.push(arm);
        self
    }

    /// Who always draws the same arm; callers, unless set.
    pub const fn by(mut self, by: Sticky) -> Self {
        self.by = by;
        self
    }

    /// Some calls are copied to another model; see [`copies_to`](Self::copies_to).
    pub fn shadow(mut self, shadow: Shadow) -> Self {
        self.shadow = Some(shadow);
        self
    }
}

impl Arm {
    /// `model` is a name that the layers below know; it may be the split's own.
    pub fn new(name: impl Into<Arc<str>>, model: impl Into<Arc<str>>, weight: u32) -> Self {
        let name = name.into();
        Self {
            seed: draw::number(&[&name]),
            name,
            model: model.into(),
            weight,
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which model serves it.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Its share of the traffic, among the weights of all arms.
    pub const fn weight(&self) -> u32 {
        self.weight
    }
}
