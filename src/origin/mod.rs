//! Where an opaque value comes from: signatures, encrypted reasoning, thought signatures.
//!
//! A vendor gives such a value, the caller sends it back, and only who made it can make use of it. Nothing is kept here: the value
//! itself says where it comes from. As it leaves the vendor it is *marked*: `tlo1.`, sixteen characters, a dot, and then the vendor's
//! own bytes. The sixteen characters are three fingerprints, of vendor, account group and model; no name is told. Whatever carries
//! the value through other dialects carries the mark along. Before a request goes out, the marks of those who may read the value are
//! taken off, and the values of all others are left out with a report: a vendor never sees what another one made.
//!
//! Which values are marked:
//!
//! * where the reply is translated, all of them;
//! * where the caller speaks the vendor's dialect, the reply passes byte for byte, except for values that are bound to an account
//!   group ([`Bond::Group`]) in a pool with more than one group, and for values that look like ones of ours (the vendor may be a
//!   gateway like this one). Frames and bodies without such a value are not touched.
//!
//! What cannot be read as a mark, because it is of another version or the caller has changed it, is nobody's: it is left out.

mod answer;
mod latest;
mod request;

use std::fmt::{self, Write};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

pub(crate) use self::{
    answer::Marker,
    latest::latest,
    request::{settle, turn_state},
};
use crate::upstream::Deployment;

/// How every mark begins, of whatever version. No vendor's value does: it has a dot.
const ANY_MARK: &str = "tlo";

/// How a mark of this version begins.
const MARK: &str = "tlo1.";

/// The characters of the fingerprints.
const DIGITS: usize = 16;

/// The most bytes of a mark, both dots included.
const MARK_LEN: usize = MARK.len() + DIGITS + 1;

/// A vendor, an account group and a model, by fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    vendor: [u8; 4],
    group: [u8; 4],
    model: [u8; 4],
}

/// Who can read a value besides the very account that got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bond {
    /// Every account of the vendor, or of all who run the same family of models.
    Vendor,
    /// The accounts of one group.
    Group,
}

impl Origin {
    /// What comes from this deployment in this dialect.
    pub(crate) fn of(dialect: &str, deployment: &Deployment) -> Self {
        let vendor = deployment.provider.name();
        // Its signatures hold on every platform that runs it, in either of its dialects.
        let maker = match dialect {
            "anthropic" | "bedrock-converse" if deployment.model.contains("claude") => {
                ["anthropic", "claude"]
            }
            _ => [dialect, vendor],
        };
        Self {
            vendor: fingerprint(&maker),
            group: fingerprint(&[vendor, deployment.account.group()]),
            model: fingerprint(&[&deployment.model]),
        }
    }

    /// The fingerprint of the vendor's account group.
    pub(crate) const fn group(self) -> [u8; 4] {
        self.group
    }

    /// How near a deployment is to this origin: 2 is the same group and model, 1 the same group.
    pub(crate) fn nearness(self, deployment: &Deployment) -> u8 {
        let here = Self::of("", deployment);
        match (here.group == self.group, here.model == self.model) {
            (true, true) => 2,
            (true, false) => 1,
            (false, _) => 0,
        }
    }

    /// Can `here` read what was made there?
    fn fits(self, here: Self, bond: Bond) -> bool {
        match bond {
            Bond::Vendor => self.vendor == here.vendor,
            Bond::Group => self.vendor == here.vendor && self.group == here.group,
        }
    }

    /// The origin at the beginning of a marked value, and the vendor's own bytes.
    fn split(value: &str) -> Option<(Self, &str)> {
        let rest = value.strip_prefix(MARK)?;
        let (digits, rest) = rest.split_at_checked(DIGITS)?;
        let own = rest.strip_prefix('.')?;
        let mut bytes = [0; 12];
        let read = BASE64_URL_SAFE_NO_PAD.decode_slice(digits, &mut bytes);
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        read.ok().filter(|read| *read == bytes.len())?;
        Some((
            Self {
                vendor: [a, b, c, d],
                group: [e, f, g, h],
                model: [i, j, k, l],
            },
            own,
        ))
    }
}

/// Writes the mark.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 12];
        let all = self.vendor.iter().chain(&self.group).chain(&self.model);
        bytes.iter_mut().zip(all).for_each(|(to, from)| *to = *from);
        let mut digits = [0; DIGITS];
        let written = BASE64_URL_SAFE_NO_PAD.encode_slice(bytes, &mut digits);
        written.map_err(|_| fmt::Error)?;
        f.write_str(MARK)?;
        f.write_str(str::from_utf8(&digits).map_err(|_| fmt::Error)?)?;
        f.write_char('.')
    }
}

/// A value's mark, empty if it has none, and its maker's own bytes.
pub(crate) fn parted(value: &str) -> (&str, &str) {
    Origin::split(value)
        .and_then(|(_, own)| value.split_at_checked(value.len() - own.len()))
        .unwrap_or(("", value))
}

/// To whom the values of a dialect's vendors are bound.
fn bond(dialect: &str, model: &str) -> Bond {
    match dialect {
        // Encrypted for the organisation.
        "openai-responses" => Bond::Group,
        "anthropic" | "bedrock-converse" if is_bound_claude(model) => Bond::Group,
        _ => Bond::Vendor,
    }
}

/// Models whose thinking is bound to the account that it was made for.
fn is_bound_claude(model: &str) -> bool {
    let is_kind = model.contains("sonnet") || model.contains("haiku");
    is_kind && (model.contains("5-5") || model.contains("5.5"))
}

fn fingerprint(words: &[&str]) -> [u8; 4] {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word.as_bytes());
        // No text in UTF-8 has that byte.
        hash.update([0xFF]);
    }
    let mut out = [0; 4];
    let digest = hash.finalize();
    out.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    out
}

#[cfg(test)]
mod tests;
