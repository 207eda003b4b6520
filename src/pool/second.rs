//! The second attempt of a hedged call.

use super::{arrival::key, lease::Lease, pools::Shared, service::find, walk::Walk};
use crate::{
    error::{Error, ErrorKind},
    hedge::Race,
    request::ModelRequest,
};

/// A place at an account that the first attempt has not asked, if one is to be had at once.
pub(super) fn second<'a>(
    shared: &'a Shared,
    request: &'a ModelRequest,
    race: &Race,
) -> Result<(Walk<'a>, Lease), Error> {
    let nobody = |why: &str| Error::new(ErrorKind::Exhausted, why);
    let mut walk = find(shared, &shared.table(), request)?;
    // Those who wait have nobody yet.
    if !shared.hall.is_open(&key(&walk, request), request.priority) {
        return Err(nobody("others wait for an account"));
    }
    walk.hedge(race);
    let picked = walk
        .next(None)
        .map_err(|_| nobody("no other account has room for a second attempt"))?;
    if !walk.is_nearest(&picked) {
        picked.unused();
        return Err(nobody("no other account can read all of the conversation"));
    }
    Ok((walk, picked))
}
