//! Of several failures of one call, the one to tell.

use super::{Error, ErrorKind};

impl Error {
    /// The one of two failures that tells the caller more.
    ///
    /// What the caller can mend comes first, then when to come back, then what is wrong with the vendor; the faults of our own
    /// accounts, and that nobody was left to ask, come last. Of two alike the later one is told, with the shorter of their waits:
    /// that is when a repeat may succeed.
    pub(crate) fn more_informative(earlier: Self, later: Self) -> Self {
        let wait = match (earlier.retry_after(), later.retry_after()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let same = rank(earlier.kind()) == rank(later.kind());
        let told = if rank(earlier.kind()) > rank(later.kind()) {
            earlier
        } else {
            later
        };
        let names_a_wait = matches!(told.kind(), ErrorKind::RateLimited | ErrorKind::Exhausted);
        match wait {
            Some(wait) if same || names_a_wait => told.with_retry_after(wait),
            _ => told,
        }
    }
}

/// How much a kind tells. Higher tells more.
const fn rank(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::StreamBroken | ErrorKind::Cancelled => 9,
        ErrorKind::InvalidRequest
        | ErrorKind::TooLarge
        | ErrorKind::ContentFilter
        | ErrorKind::Denied => 8,
        ErrorKind::ContextLength => 7,
        ErrorKind::Unsupported => 6,
        ErrorKind::RateLimited => 5,
        ErrorKind::Overloaded | ErrorKind::Server => 4,
        ErrorKind::Timeout | ErrorKind::Connection => 3,
        ErrorKind::Exhausted => 2,
        ErrorKind::QuotaExhausted | ErrorKind::Authentication => 1,
        // Only a chain that leads to nowhere gets here with something else to tell.
        ErrorKind::NotFound => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_soonest_return_is_kept() {
        let after =
            |s| Error::new(ErrorKind::RateLimited, "").with_retry_after(Duration::from_secs(s));
        assert_eq!(
            Error::more_informative(after(9), after(4)).retry_after(),
            Some(Duration::from_secs(4))
        );
        let exhausted =
            Error::new(ErrorKind::Exhausted, "").with_retry_after(Duration::from_secs(2));
        assert_eq!(
            Error::more_informative(after(9), exhausted).retry_after(),
            Some(Duration::from_secs(2))
        );
        let server = Error::new(ErrorKind::Server, "");
        assert_eq!(
            Error::more_informative(server, Error::new(ErrorKind::Authentication, "")).kind(),
            ErrorKind::Server
        );
    }
}
