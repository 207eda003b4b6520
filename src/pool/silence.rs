//! An account that says nothing for much longer than it usually takes, while another might answer.

use std::{future::Future, time::Duration};

use tokio::time::timeout;

use super::{lease::Lease, walk::Walk};
use crate::{
    BoxError,
    error::{Error, ErrorKind},
    request::{ModelRequest, Operation},
};

/// The code of the error where an account was given up.
pub(super) const GIVEN_UP: &str = "account_silent";

/// When an attempt is given up, see [`Pool::give_up`](super::Pool::give_up).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Silence {
    /// How many times as long as usual.
    pub(super) times: u32,
    /// At least so long.
    pub(super) least: Duration,
}

impl Silence {
    /// Who leaves after so long, by so many times what is usual, has seen an account that hangs.
    const HANGS: Self = Self {
        times: 8,
        least: Duration::from_secs(20),
    };

    /// How long this may go on, where an answer is usually there after `expected`.
    fn bound(&self, expected: Duration) -> Duration {
        expected.saturating_mul(self.times).max(self.least)
    }

    /// Did a caller who left after `waited` leave an account that hangs?
    pub(super) fn hangs(expected: Option<Duration>, waited: Duration) -> bool {
        expected.is_some_and(|expected| waited > Self::HANGS.bound(expected))
    }
}

/// What becomes of an attempt; a timeout if the account is given up for another after so long.
pub(super) async fn heard<T, E: Into<BoxError>>(
    bound: Duration,
    attempt: impl Future<Output = Result<T, E>>,
) -> Result<T, Error> {
    match timeout(bound, attempt).await {
        Ok(answer) => answer.map_err(super::service::ours),
        Err(_) => Err(Error::new(
            ErrorKind::Timeout,
            format!(
                "nothing came for {} s, which is many times as long as usual",
                bound.as_secs()
            ),
        )
        .with_code(GIVEN_UP)),
    }
}

/// How long an attempt may bring nothing; none if as long as it wants: nobody else is left, nobody knows how long is usual, or it may not be made twice.
pub(super) fn bound(walk: &Walk<'_>, request: &ModelRequest, lease: &Lease) -> Option<Duration> {
    let silence = walk.silence()?;
    let expected = lease.state.expected(lease.model())?;
    let may =
        request.operation == Operation::Chat && request.budget.has_attempt() && walk.goes_on();
    may.then(|| silence.bound(expected))
}
