//! What is kept of an account's models, by their names.

use std::{collections::HashMap, sync::Arc};

/// Values by names of models. The first few names are looked through, which is cheaper than to hash one: most accounts have no more. The
/// others are hashed with a key, for callers may choose names.
#[derive(Clone, Debug)]
pub(super) struct Models<V> {
    few: Vec<(Arc<str>, V)>,
    others: HashMap<Arc<str>, V>,
}

impl<V> Models<V> {
    const FEW: usize = 8;

    pub(super) fn len(&self) -> usize {
        self.few.len() + self.others.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.few.is_empty() && self.others.is_empty()
    }

    pub(super) fn get(&self, model: &str) -> Option<&V> {
        match self.few.iter().find(|(name, _)| is_same(name, model)) {
            Some((_, value)) => Some(value),
            None => self.others.get(model),
        }
    }

    pub(super) fn get_mut(&mut self, model: &str) -> Option<&mut V> {
        match self.place(model) {
            Some(place) => self.few.get_mut(place).map(|(_, value)| value),
            None => self.others.get_mut(model),
        }
    }

    /// The model's value; `new` if it has none.
    pub(super) fn entry(&mut self, model: &Arc<str>, new: impl Fn() -> V) -> &mut V {
        let mut place = self.place(model);
        let is_new = place.is_none() && !self.others.contains_key(model);
        if is_new && self.few.len() < Self::FEW {
            place = Some(self.few.len());
            self.few.push((model.clone(), new()));
        }
        match place.and_then(|place| self.few.get_mut(place)) {
            Some((_, value)) => value,
            None => self.others.entry(model.clone()).or_insert_with(new),
        }
    }

    pub(super) fn remove(&mut self, model: &str) {
        match self.place(model) {
            Some(place) => drop(self.few.swap_remove(place)),
            None => drop(self.others.remove(model)),
        }
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Arc<str>, &mut V) -> bool) {
        self.few.retain_mut(|(model, value)| keep(model, value));
        self.others.retain(keep);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &V)> {
        let few = self.few.iter().map(|(model, value)| (model, value));
        few.chain(&self.others)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        let few = self.few.iter_mut().map(|(_, value)| value);
        few.chain(self.others.values_mut())
    }

    fn place(&self, model: &str) -> Option<usize> {
        self.few.iter().position(|(name, _)| is_same(name, model))
    }
}

impl<V> Default for Models<V> {
    fn default() -> Self {
        Self {
            few: Vec::new(),
            others: HashMap::new(),
        }
    }
}

/// Nearly always it is the very same text.
fn is_same(name: &Arc<str>, model: &str) -> bool {
    std::ptr::eq(&**name, model) || **name == *model
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_map_however_many_there_are() {
        let rng = crate::rng::Rng::seeded(5);
        let (mut models, mut plain) = (Models::default(), HashMap::new());
        for step in 0..5_000_usize {
            let name: Arc<str> = format!("m{}", rng.below(24)).into();
            match rng.below(4) {
                0 => {
                    models.remove(&name);
                    plain.remove(&name);
                }
                1 if step % 50 == 0 => {
                    models.retain(|name, _| !name.ends_with('3'));
                    plain.retain(|name: &Arc<str>, _| !name.ends_with('3'));
                }
                2 => assert_eq!(models.get_mut(&name), plain.get_mut(&name)),
                _ => {
                    *models.entry(&name, || 0) += step;
                    *plain.entry(name.clone()).or_insert(0) += step;
                }
            }
            assert_eq!(models.get(&name), plain.get(&name));
            assert_eq!(models.len(), plain.len());
            assert!(
                models
                    .iter()
                    .all(|(name, value)| plain.get(name) == Some(value))
            );
        }
        models.clear();
        assert!(models.is_empty() && models.iter().next().is_none());
    }
}
