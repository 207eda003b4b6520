//! The table: one row per [`ErrorKind`], the only source of retry, failover and cooldown decisions.

use super::ErrorKind;

/// What a failure of some kind means for the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// May the same account be asked again?
    pub again: Again,
    /// May another account be asked?
    pub next_account: NextAccount,
    /// May another model be asked?
    pub next_model: bool,
    /// Who is to blame, that is: whose state changes.
    pub blame: Blame,
}

/// Whether, and when, the same account may be asked the same thing again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Again {
    /// It would fail again, or may have been done already.
    Never,
    /// At once, a single time, and only if the request surely was not sent.
    OnceIfUnsent,
    /// At once, a single time: a connection that went stale while idle.
    OnceAtOnce,
    /// After a growing, jittered pause.
    AfterBackoff,
    /// After the pause that the vendor named, if that is short.
    IfSoon,
}

/// Whether another account may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextAccount {
    /// No: it would say the same, or it is too late.
    No,
    /// Yes, any.
    Yes,
    /// Only one with a larger context window.
    LargerWindow,
}

/// Whose state a failure changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Blame {
    /// Nobody's: the caller's own fault.
    Caller,
    /// Nobody's: a matter of which vendor was asked, or of this gateway.
    Nobody,
    /// The account is out for long: its key is refused.
    AccountKey,
    /// The account is out until its quota window resets.
    AccountQuota,
    /// The account, or the account for this model, is out until the reset that was named.
    AccountRate,
    /// One more failure in a row; some of them open the breaker.
    Breaker,
}

const fn row(again: Again, next_account: NextAccount, next_model: bool, blame: Blame) -> Policy {
    Policy {
        again,
        next_account,
        next_model,
        blame,
    }
}

impl ErrorKind {
    /// The row of this kind.
    pub const fn policy(self) -> &'static Policy {
        use {Again as A, Blame as B, NextAccount as N};
        const CALLER: Policy = row(A::Never, N::No, false, B::Caller);
        const UNSUPPORTED: Policy = row(A::Never, N::Yes, true, B::Nobody);
        const CONTEXT: Policy = row(A::Never, N::LargerWindow, true, B::Nobody);
        const KEY: Policy = row(A::Never, N::Yes, true, B::AccountKey);
        const QUOTA: Policy = row(A::Never, N::Yes, true, B::AccountQuota);
        const RATE: Policy = row(A::IfSoon, N::Yes, true, B::AccountRate);
        const VENDOR: Policy = row(A::AfterBackoff, N::Yes, true, B::Breaker);
        const TRANSPORT: Policy = row(A::OnceAtOnce, N::Yes, true, B::Breaker);
        // A first token that never came may still have been paid for: the same account is asked again only if not.
        const TIMEOUT: Policy = row(A::OnceIfUnsent, N::Yes, true, B::Breaker);
        const BROKEN: Policy = row(A::Never, N::No, false, B::Breaker);
        const EXHAUSTED: Policy = row(A::Never, N::No, true, B::Nobody);
        const OURS: Policy = row(A::Never, N::No, false, B::Nobody);
        match self {
            Self::InvalidRequest | Self::NotFound | Self::TooLarge | Self::ContentFilter => &CALLER,
            Self::Unsupported => &UNSUPPORTED,
            Self::ContextLength => &CONTEXT,
            Self::Authentication => &KEY,
            Self::QuotaExhausted => &QUOTA,
            Self::RateLimited => &RATE,
            Self::Overloaded | Self::Server => &VENDOR,
            Self::Timeout => &TIMEOUT,
            Self::Connection => &TRANSPORT,
            Self::StreamBroken => &BROKEN,
            Self::Exhausted => &EXHAUSTED,
            Self::Denied | Self::Cancelled => &OURS,
        }
    }
}
