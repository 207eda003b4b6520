//! What each vendor dialect can be told of each front dialect.
//!
//! Nothing here is written down by hand: each probe is a small request with one feature, which is read by the front and written
//! for the vendor as any caller's would be. The report of that translation says what became of the feature. Every front meets
//! every vendor; a pair that could not work at all would show as a row of refusals, and the configuration refuses vendors that
//! offer no conversations when it is loaded.
//!
//! Vendors' models differ. A table of all would be long, so each vendor dialect is asked for one current model
//! ([`Vendor::model`]); what another one lacks is told call by call.

mod page;
mod probes;
mod table;

pub(crate) use self::page::json;
pub use self::{
    page::markdown,
    table::{Capability, Outcome, Table, Vendor, table},
};

/// One feature of a front dialect, as a request that uses it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    /// Its name, e.g. `tools.custom`.
    pub(crate) feature: &'static str,
    /// Members that replace or join those of the front's plain request.
    pub(crate) members: &'static str,
}

/// The probes of one front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probes {
    /// The least request that makes sense: what is lost of it says nothing about a feature.
    pub(crate) plain: &'static str,
    pub(crate) features: &'static [Probe],
}

#[cfg(test)]
mod tests;
