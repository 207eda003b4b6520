//! From a name to the model that serves this call.

use std::{collections::HashMap, fmt, sync::Arc};

use serde::{Serialize, Serializer};

use super::{Arm, Shadow, Split, draw};
use crate::{request::ModelRequest, rng::Rng};

/// Names that stand for [`Split`]s. Cloning shares them, and the randomness of their draws.
#[derive(Clone, Debug)]
#[must_use]
pub struct Splits {
    splits: Arc<HashMap<Arc<str>, Arc<Split>>>,
    rng: Arc<Rng>,
    /// For copies: they take no draws from the arms.
    dice: Arc<Rng>,
}

/// An arm that a call has drawn. As text it is `split/arm`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Drawn {
    /// The split's name.
    pub split: Arc<str>,
    /// The arm's.
    pub arm: Arc<str>,
    /// The model that serves the arm.
    pub model: Arc<str>,
}

impl Splits {
    /// None: every name stands for itself.
    pub fn new() -> Self {
        Self {
            splits: Arc::default(),
            rng: Arc::new(Rng::new()),
            dice: Arc::new(Rng::new()),
        }
    }

    /// `name` stands for these arms. Of two with the same name the later one counts.
    pub fn split(mut self, name: impl Into<Arc<str>>, split: Split) -> Self {
        Arc::make_mut(&mut self.splits).insert(name.into(), Arc::new(split));
        self
    }

    /// Makes draws at random repeatable: of shadows, and of callers that cannot be told apart.
    pub fn seed(mut self, seed: u64) -> Self {
        self.rng = Arc::new(Rng::seeded(seed));
        self.dice = Arc::new(Rng::seeded(!seed));
        self
    }

    /// Does no name stand for anything?
    pub fn is_empty(&self) -> bool {
        self.splits.is_empty()
    }

    /// The arms that this call would draw, the last of which says what model serves it; none if its model is no split. A draw at
    /// random that it would take stays to be drawn.
    pub fn explain(&self, request: &ModelRequest) -> Vec<Drawn> {
        self.forked().resolve(&request.model, request).1
    }

    /// The same, whose draws take none away from these.
    pub(crate) fn forked(&self) -> Self {
        Self {
            splits: self.splits.clone(),
            rng: Arc::new(self.rng.fork()),
            dice: Arc::new(self.dice.fork()),
        }
    }

    /// The model that a name stands for in this call, and the arms that were drawn on the way. Splits may lead to splits; as many steps
    /// as there are splits settle it, or it is a loop.
    pub(crate) fn resolve(
        &self,
        name: &Arc<str>,
        request: &ModelRequest,
    ) -> (Arc<str>, Vec<Drawn>) {
        let (mut name, mut drawn) = (name.clone(), Vec::new());
        for _ in 0..self.splits.len() {
            let Some(split) = self.splits.get(&name) else {
                break;
            };
            let key = draw::key(&name, split.by, request, &self.rng);
            let Some(arm) = split.draw(key).and_then(|place| split.arms.get(place)) else {
                break;
            };
            drawn.push(Drawn {
                split: name.clone(),
                arm: arm.name.clone(),
                model: arm.model.clone(),
            });
            if arm.model == name {
                break;
            }
            name = arm.model.clone();
        }
        (name, drawn)
    }

    /// What a name stands for.
    pub fn get(&self, name: &str) -> Option<&Split> {
        self.splits.get(name).map(|split| &**split)
    }

    pub(super) fn each(&self) -> impl Iterator<Item = (&Arc<str>, &Split)> {
        self.splits.iter().map(|(name, split)| (name, &**split))
    }

    /// A share of 1, drawn.
    pub(super) fn fraction(&self) -> f64 {
        self.dice.fraction()
    }
}

impl Split {
    /// Its arms.
    pub fn arms(&self) -> &[Arm] {
        &self.arms
    }

    /// Where some of its calls are copied to.
    pub const fn copies_to(&self) -> Option<&Shadow> {
        self.shadow.as_ref()
    }
}

impl Default for Splits {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.split, self.arm)
    }
}

impl Serialize for Drawn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Told<'a> {
            split: &'a str,
            arm: &'a str,
            model: &'a str,
        }
        Told {
            split: &self.split,
            arm: &self.arm,
            model: &self.model,
        }
        .serialize(serializer)
    }
}
