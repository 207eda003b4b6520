//! One translation with its whole account: what of the caller's body the vendor will not hear as it was meant.
//!
//! The account has two halves. The decoder notes members that no conversation has a place for
//! ([`ChatRequest::unread`](crate::chat::ChatRequest)), the encoder notes what this vendor has no place for. Here they become one
//! report whose paths are the caller's.

mod places;

use bytes::Bytes;

use self::places::Places;
use super::{Dialect, Target};
use crate::{
    chat::{ChatRequest, Fidelity, FidelityMode},
    error::{Error, ErrorKind},
    request::Payload,
};

/// Writes a caller's body, read as `chat` and perhaps with media put in, in another dialect; `report` tells, by the caller's own paths, what was not carried as it was meant.
///
/// # Errors
/// If the body says no conversation, or one that this vendor cannot be told; both name the field, by the caller's path.
pub fn translate(
    payload: &Payload,
    chat: &ChatRequest,
    dialect: &dyn Dialect,
    target: &Target<'_>,
    report: &mut Fidelity,
) -> Result<Bytes, Error> {
    let mut noted = Fidelity::new();
    let written = dialect.encode_request(chat, target, &mut noted);
    let front = payload.dialect().map_or("", Dialect::name);
    match written {
        Ok(body) => {
            if !noted.notes().is_empty() {
                let places = Places::of(front, payload.bytes(), chat);
                noted = noted.relocated(|path| places.find(path));
            }
            report.merge(&noted);
            report.merge(&chat.unread);
            Ok(body)
        }
        Err(error) => Err(match error.param() {
            Some(path) if !path.is_empty() => {
                let there = Places::of(front, payload.bytes(), chat).find(path);
                renamed(error, &there)
            }
            _ => error,
        }),
    }
}

/// The error with the caller's word for the field at fault.
fn renamed(error: Error, there: &str) -> Error {
    let here = error.param().unwrap_or_default().to_owned();
    if here == there {
        return error;
    }
    let (from, to) = (format!("`{here}`"), format!("`{there}`"));
    error
        .map_text(|text| text.replace(&from, &to))
        .with_param(there)
}

/// Refuses a request of which something would be lost, if that is what was asked for.
///
/// # Errors
/// [`ErrorKind::Unsupported`]: another vendor may be able to carry it all.
pub fn check(mode: FidelityMode, report: &Fidelity, dialect: &str) -> Result<(), Error> {
    let loss = match mode {
        FidelityMode::Lenient => return Ok(()),
        FidelityMode::Strict => report.first_loss(),
    };
    let Some(note) = loss else {
        return Ok(());
    };
    let message = format!(
        "`{}` would be {} for a vendor of the dialect {dialect}: {}. Leave it out, ask for a model of another vendor, or send `x-trunkline-fidelity: lenient`",
        note.path,
        note.loss.as_str(),
        note.why,
    );
    Err(Error::new(ErrorKind::Unsupported, message)
        .with_param(note.path.as_str())
        .with_code("fidelity"))
}

#[cfg(test)]
mod tests;
