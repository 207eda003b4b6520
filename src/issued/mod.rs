//! Ids that know their way home.
//!
//! What an account issues (a file, a batch, a stored answer, a video, a task) exists at that account only. Its id therefore carries
//! the account, and every later call that names the id goes there: no table has to be kept, shared or restored.
//!
//! ```text
//! file-abc123   of the account openai/team-a   is told to callers as   file-tl1_5f0c2a9b1e_abc123
//! └prefix┘                                                             └prefix┘└─ account ─┘
//! ```
//!
//! The prefix stays in front, because clients look at it. The account is a fingerprint of the provider's and the account's names
//! ([`AccountTag`]): it gives neither away, and the order of a configuration does not matter. Renaming an account or its provider
//! makes its old ids unknown.
//!
//! The door does this for callers over HTTP. In process, ids are the vendor's own; [`wrap`] and [`unwrap`] are there for those who
//! hand them on, and [`ModelRequest::pin`](crate::ModelRequest::pin) sends a call to one account.

mod members;
mod scan;

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};

pub(crate) use self::{
    members::{Wrap, claim, claim_text, splice, wrap_ids},
    scan::{Place, strings},
};

/// What an id that carries its account has after its prefix.
pub(crate) const MARK: &str = "tl1_";

/// An account, as ids name it: ten hex digits of the SHA-256 of its provider's and its own name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountTag([u8; Self::LEN]);

/// A call is for one account only, because it names something that account has issued.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pin {
    /// The account.
    pub account: AccountTag,
    /// What was named, as the caller spelled it.
    pub id: Arc<str>,
}

impl Pin {
    /// The account that issued `id`.
    pub fn new(account: AccountTag, id: impl Into<Arc<str>>) -> Self {
        Self {
            account,
            id: id.into(),
        }
    }
}

impl AccountTag {
    const LEN: usize = 10;

    /// The tag of an account.
    pub fn of(provider: &str, account: &str) -> Self {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let digest = Sha256::new()
            .chain_update(provider)
            .chain_update([0])
            .chain_update(account)
            .finalize();
        let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let mut tag = [b'0'; Self::LEN];
        for (digit, nibble) in tag.iter_mut().zip(nibbles) {
            *digit = DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
        }
        Self(tag)
    }

    /// The ten digits.
    pub fn as_str(&self) -> &str {
        // Nothing but digits was ever put in.
        str::from_utf8(&self.0).unwrap_or_default()
    }

    fn parse(digits: &str) -> Option<Self> {
        let tag: [u8; Self::LEN] = digits.as_bytes().try_into().ok()?;
        tag.iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            .then_some(Self(tag))
    }
}

impl fmt::Display for AccountTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountTag({self})")
    }
}

/// The id as callers are told it.
///
/// ```
/// use trunkline::issued::{AccountTag, unwrap, wrap};
///
/// let account = AccountTag::of("openai", "team-a");
/// let told = wrap("batch_6a85", account);
/// assert!(told.starts_with("batch_tl1_"));
/// assert_eq!(unwrap(&told), Some((account, "batch_6a85".to_owned())));
/// assert_eq!(unwrap("batch_6a85"), None);
/// ```
pub fn wrap(id: &str, account: AccountTag) -> String {
    let (prefix, rest) = id.split_at(prefix(id));
    format!("{prefix}{MARK}{account}_{rest}")
}

/// The account that issued an id, and the id as that account knows it; none if it carries no account.
pub fn unwrap(id: &str) -> Option<(AccountTag, String)> {
    let (prefix, rest) = id.split_at(prefix(id));
    let (digits, rest) = rest.strip_prefix(MARK)?.split_at_checked(AccountTag::LEN)?;
    let rest = rest.strip_prefix('_').filter(|rest| !rest.is_empty())?;
    Some((AccountTag::parse(digits)?, format!("{prefix}{rest}")))
}

/// The length of the leading letters with what ends them; 0 if nothing does.
fn prefix(id: &str) -> usize {
    let letters = id.bytes().take_while(u8::is_ascii_alphabetic).count();
    match id.as_bytes().get(letters) {
        Some(b'-' | b'_' | b'/') if letters > 0 => letters + 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_id_comes_back_as_it_was() {
        let tag = AccountTag::of("openai", "team-a");
        for id in [
            "file-abc",
            "batch_1",
            "resp_0a1b",
            "ftjob-x-y",
            "550e8400-e29b-41d4-a716-446655440000",
            "abcd-ef",
            "files/xyz",
            "tl1_x",
            "file-tl1_0123456789_nested",
            "_",
            "-",
            "x",
        ] {
            let told = wrap(id, tag);
            assert_ne!(told, id);
            assert_eq!(unwrap(&told), Some((tag, id.to_owned())), "{told}");
        }
        assert!(wrap("file-abc", tag).starts_with("file-tl1_"));
    }

    #[test]
    fn what_carries_no_account_is_left_alone() {
        for id in [
            "",
            "file-abc",
            "tl1_",
            "file-tl1_",
            "file-tl1_0123456789",
            "file-tl1_0123456789_",
            "file-tl1_012345678G_abc",
            "file-tl1_012345678é_abc",
            "xtl1_0123456789_abc",
        ] {
            assert_eq!(unwrap(id), None, "{id}");
        }
    }

    #[test]
    fn a_tag_depends_on_both_names() {
        assert_eq!(AccountTag::of("a", "b"), AccountTag::of("a", "b"));
        assert_ne!(AccountTag::of("a", "b"), AccountTag::of("b", "a"));
        assert_ne!(AccountTag::of("a", "bc"), AccountTag::of("ab", "c"));
    }
}
