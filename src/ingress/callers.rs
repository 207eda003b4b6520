//! Who asks, told by the key that a request carries.

use http::{HeaderName, HeaderValue, header, request::Parts};

use crate::request::Caller;

/// The callers behind one connection: mostly it is the same one again, whose key then need not be digested again.
#[derive(Default)]
pub(super) struct Callers {
    /// The latest key and whose it is.
    latest: Option<(Box<[u8]>, Caller)>,
}

impl Callers {
    /// Who sent this request.
    pub(super) fn of(&mut self, parts: &Parts) -> Caller {
        let Some(key) = key(parts) else {
            return Caller::default();
        };
        if let Some((latest, caller)) = &self.latest
            && is_same(latest, key)
        {
            return caller.clone();
        }
        let caller = Caller::from_key(&String::from_utf8_lossy(key));
        self.latest = Some((key.into(), caller.clone()));
        caller
    }
}

/// Looks at all of the key, wherever it differs: a proxy may send one caller's key after another's, who is not to find it out by the
/// time that takes.
fn is_same(latest: &[u8], key: &[u8]) -> bool {
    let pairs = latest.iter().zip(key);
    latest.len() == key.len() && pairs.fold(0, |found, (a, b)| found | (a ^ b)) == 0
}

/// The first key found. Anthropic's own header comes first, as at Anthropic.
fn key(parts: &Parts) -> Option<&[u8]> {
    let header = |name: HeaderName| parts.headers.get(name).map(HeaderValue::as_bytes);
    let key = header(HeaderName::from_static("x-api-key"))
        .or_else(|| {
            header(header::AUTHORIZATION).map(|value| {
                let (scheme, rest) = value.split_at_checked(7).unwrap_or((b"", value));
                if scheme.eq_ignore_ascii_case(b"bearer ") {
                    rest
                } else {
                    value
                }
            })
        })
        .or_else(|| header(HeaderName::from_static("x-goog-api-key")))
        .or_else(|| {
            let query = parts.uri.query()?;
            let pair = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("key="))?;
            Some(pair.as_bytes())
        });
    key.map(<[u8]>::trim_ascii).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(headers: &[(&str, &str)], uri: &str) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_caller_is_known_by_any_of_its_headers() {
        let alice = Caller::from_key("alice");
        let mut callers = Callers::default();
        for (headers, uri) in [
            (vec![("authorization", "Bearer alice")], "/"),
            (vec![("authorization", "bearer alice")], "/"),
            (
                vec![("x-api-key", "alice"), ("authorization", "Bearer bob")],
                "/",
            ),
            (vec![("x-goog-api-key", "alice")], "/"),
            (vec![], "/?alt=sse&key=alice"),
        ] {
            let parts = parts(&headers, uri);
            assert_eq!(Callers::default().of(&parts), alice, "{headers:?} {uri}");
            assert_eq!(callers.of(&parts), alice, "{headers:?} {uri}");
        }
        let nobody = parts(&[("authorization", "Bearer ")], "/");
        assert_eq!(callers.of(&nobody), Caller::default());
    }

    #[test]
    fn callers_of_one_connection_are_told_apart() {
        let mut callers = Callers::default();
        for key in [
            "alice", "alicf", "alic", "alice2", "alice", "alice", "blice",
        ] {
            let caller = callers.of(&parts(&[("x-api-key", key)], "/"));
            assert_eq!(caller, Caller::from_key(key), "{key}");
        }
    }
}
