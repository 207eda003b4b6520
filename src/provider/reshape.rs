//! Helpers for clouds that resell dialects: top-level members moved, and errors told apart.

use bytes::Bytes;
use http::{Uri, response};

use crate::{
    dialect::{Dialect, anthropic::Anthropic},
    error::{Error, ErrorKind},
    json::{ObjectWriter, Value},
};

/// The body with `first` in front, and without the members in `drop`. The bytes of all other values stay as they are.
pub(super) fn reshape(body: &Bytes, first: &[(&str, &str)], drop: &[&str]) -> Result<Bytes, Error> {
    let root = Value::root(body)?;
    let extra = root.object()?.into_extra();
    let mut out = ObjectWriter::new();
    for (name, value) in first {
        out.field(name, value);
    }
    for (name, value) in extra.iter() {
        if !drop.contains(&name) {
            out.field(name, value);
        }
    }
    Ok(out.finish().into())
}

/// `uri` with another path and query.
pub(super) fn with_path(uri: &Uri, path: &str) -> Result<Uri, Error> {
    let bad = || Error::invalid("", "the path does not make a URL");
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.parse().map_err(|_| bad())?);
    Uri::from_parts(parts).map_err(|_| bad())
}

/// `path` with one more member in its query.
pub(super) fn with_query(path: &str, name: &str, value: &str) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{path}{mark}{name}={value}")
}

/// What a refusal means where Anthropic's dialect is spoken as well as `usual`: the body says whose it is.
pub(super) fn classified(usual: &dyn Dialect, parts: &response::Parts, body: &[u8]) -> Error {
    #[derive(serde::Deserialize)]
    struct Top<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Option<std::borrow::Cow<'a, str>>,
    }
    let top = serde_json::from_slice::<Top<'_>>(body).ok();
    if top.and_then(|top| top.kind).as_deref() == Some("error") {
        return Anthropic.classify(parts, body);
    }
    usual.classify(parts, body)
}

/// Can this stand in a URL's path as it is?
pub(super) fn segment(name: &str, text: &str) -> Result<(), Error> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if text.is_empty() || text.starts_with('.') || !text.chars().all(legal) {
        let message = format!("`{name}` is of letters, digits, `-`, `_`, `.` and `:`");
        return Err(Error::new(ErrorKind::InvalidRequest, message).with_param(name));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_moved_keeps_its_bytes() {
        let body = Bytes::from_static(br#"{"model":"m","a": {"model" : 1.0},"stream":true}"#);
        let shaped = reshape(&body, &[("v", "x")], &["model", "v"]).unwrap();
        assert_eq!(shaped, r#"{"v":"x","a":{"model" : 1.0},"stream":true}"#);
        assert!(reshape(&"[]".into(), &[], &[]).is_err());
        let uri = Uri::from_static("https://a.example/x?y=1");
        assert_eq!(with_path(&uri, "/z").unwrap(), "https://a.example/z");
        assert_eq!(with_query("/a?b=c", "d", "e"), "/a?b=c&d=e");
    }
}
