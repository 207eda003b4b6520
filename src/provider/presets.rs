//! Known vendors, as a table.

use super::Quirks;

/// A known vendor.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Preset {
    /// The name in configurations and in `vendor/model`.
    pub name: &'static str,
    /// The vendor's deviations.
    pub quirks: Quirks,
}

/// All known vendors, by name.
pub fn presets() -> &'static [Preset] {
    &[]
}

/// The known vendor of that name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    presets().iter().find(|preset| preset.name == name)
}
