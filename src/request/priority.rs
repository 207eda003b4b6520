//! Who goes first when there is not enough for all.

/// How urgent a call is. What an account keeps in [reserve](crate::upstream::Limits::reserve) is for high ones only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Can wait: batches, evaluations.
    Low,
    /// Everything else.
    #[default]
    Normal,
    /// Somebody is waiting for it.
    High,
}

impl Priority {
    /// `low`, `normal` or `high`, in small letters.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "low" => Self::Low,
            "normal" => Self::Normal,
            "high" => Self::High,
            _ => return None,
        })
    }

    /// Its name, as in the header `x-trunkline-priority`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_order() {
        for priority in [Priority::Low, Priority::Normal, Priority::High] {
            assert_eq!(Priority::from_name(priority.as_str()), Some(priority));
        }
        assert_eq!(Priority::from_name("urgent"), None);
        assert!(Priority::Low < Priority::default() && Priority::default() < Priority::High);
    }
}
