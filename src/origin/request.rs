//! Requests, as their vendor may see them.

use bytes::Bytes;
use http::HeaderValue;
use memchr::memmem;

use super::{ANY_MARK, Bond, MARK_LEN, Origin, bond};
use crate::{
    chat::Fidelity,
    dialect::{Dialect, FOREIGN_SIGNATURE_PREFIX},
    marks,
    upstream::Deployment,
};

/// The members whose values are opaque, in any dialect.
const MEMBERS: [&[u8]; 6] = [
    b"\"encrypted_content\"",
    b"\"signature\"",
    b"\"data\"",
    b"\"redactedContent\"",
    b"\"thoughtSignature\"",
    b"\"thought_signature\"",
];

/// How a value of ours begins, as callers of Gemini's dialect are given it.
const HEX: &str = "746c312e";

/// The body without what others have made, and without the marks of what the reader can read. All other bytes stay.
pub(crate) fn settle(
    body: Bytes,
    dialect: &dyn Dialect,
    deployment: &Deployment,
    report: &mut Fidelity,
) -> Bytes {
    if !marks::may_hold(&body) {
        return body;
    }
    let reader = Reader::new(dialect.name(), deployment);
    let foreign = |value: &str| reader.is_foreign(value);
    let body = dialect
        .forget(&body, &deployment.model, &foreign, report)
        .unwrap_or(body);
    unmarked(&body, &reader).map_or(body, Into::into)
}

/// The token that keeps a turn at one place: as its maker gave it, or none if it is another's.
pub(crate) fn turn_state(
    value: &HeaderValue,
    dialect: &dyn Dialect,
    deployment: &Deployment,
) -> Option<HeaderValue> {
    let text = value.to_str().ok()?;
    match Origin::split(text) {
        Some((origin, own)) => origin
            .fits(Origin::of(dialect.name(), deployment), Bond::Group)
            .then(|| own.parse().ok())
            .flatten(),
        None if looks_marked(text) => None,
        None => Some(value.clone()),
    }
}

/// Who is to read a request.
#[derive(Clone, Copy, Debug)]
struct Reader {
    here: Origin,
    bond: Bond,
}

impl Reader {
    /// A deployment that is spoken to in this dialect.
    fn new(dialect: &str, deployment: &Deployment) -> Self {
        Self {
            here: Origin::of(dialect, deployment),
            bond: bond(dialect, &deployment.model),
        }
    }

    /// Is this value of no use there?
    fn is_foreign(&self, value: &str) -> bool {
        match Origin::split(value) {
            Some((origin, _)) => !origin.fits(self.here, self.bond),
            // One that carries another dialect's reasoning, or that nobody can read any more.
            None => {
                value.starts_with(FOREIGN_SIGNATURE_PREFIX)
                    || value.starts_with(HEX)
                    || looks_marked(value)
            }
        }
    }
}

/// A mark of another version, or a broken one.
fn looks_marked(value: &str) -> bool {
    let rest = value.strip_prefix(ANY_MARK).unwrap_or_default();
    let version = rest.split('.').next().unwrap_or_default();
    rest.len() > version.len()
        && !version.is_empty()
        && version.bytes().all(|byte| byte.is_ascii_digit())
}

/// The body without the marks that the reader owns.
fn unmarked(body: &[u8], reader: &Reader) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut done = 0;
    for quote in memmem::find_iter(body, b"\"tlo1.") {
        let at = quote + 1;
        let mark = body.get(at..at + MARK_LEN).unwrap_or_default();
        let origin = str::from_utf8(mark).ok().and_then(Origin::split);
        let fits = origin.is_some_and(|(origin, _)| origin.fits(reader.here, reader.bond));
        if !fits || !is_opaque(body.get(..quote).unwrap_or_default()) {
            continue;
        }
        out.extend_from_slice(body.get(done..at).unwrap_or_default());
        done = at + MARK_LEN;
    }
    if done == 0 {
        return None;
    }
    out.extend_from_slice(body.get(done..).unwrap_or_default());
    Some(out)
}

/// Does an opaque member's name stand at the end? Elsewhere a text that begins like a mark is just a text.
fn is_opaque(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let name = before.strip_suffix(b":").map(<[u8]>::trim_ascii_end);
    name.is_some_and(|name| MEMBERS.iter().any(|member| name.ends_with(member)))
}
