//! Signature Version 4: who sent a request, and that nobody changed it on its way.

use std::{
    borrow::Cow,
    fmt::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request};
use sha2::{Digest, Sha256};

use super::AwsKeys;
use crate::{
    error::{Error, ErrorKind},
    provider::secret_header,
};

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Signs requests to one service in one region.
///
/// The host, the content type and all `x-amz-…` headers are signed; proxies may add what they like to the others. A request is
/// signed with the path and the query it is sent with, and signed anew each time it is sent.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct SigV4<'a> {
    /// E.g. `us-east-1`.
    pub region: &'a str,
    /// The name the service is signed by, e.g. `bedrock`.
    pub service: &'a str,
}

impl<'a> SigV4<'a> {
    /// Signs for this service in this region.
    pub const fn new(region: &'a str, service: &'a str) -> Self {
        Self { region, service }
    }

    /// Adds the headers of a request signed at `now`: the date, the session token if there is one, and `authorization`.
    ///
    /// # Errors
    /// If the keys cannot stand in a header.
    pub fn sign(
        &self,
        keys: &AwsKeys,
        parts: &mut request::Parts,
        body: &[u8],
        now: SystemTime,
    ) -> Result<(), Error> {
        let time = timestamp(now);
        let date = time.get(..8).unwrap_or_default();
        let bad = |_| Error::new(ErrorKind::Authentication, "the request cannot be dated");
        let dated = HeaderValue::from_str(&time).map_err(bad)?;
        parts.headers.insert(DATE, dated);
        parts.headers.remove(TOKEN);
        if let Some(token) = keys.token() {
            parts.headers.insert(TOKEN, secret_header(token)?);
        }

        let headers = signed_headers(&parts.uri, &parts.headers);
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let mut canonical = format!(
            "{}\n{}\n{}\n",
            parts.method,
            canonical_path(parts.uri.path()),
            canonical_query(parts.uri.query().unwrap_or_default()),
        );
        for (name, value) in &headers {
            let _ = writeln!(canonical, "{name}:{value}");
        }
        let _ = write!(canonical, "\n{names}\n{}", hex(&Sha256::digest(body)));

        let (region, service) = (self.region, self.service);
        let scope = format!("{date}/{region}/{service}/aws4_request");
        let fingerprint = hex(&Sha256::digest(canonical.as_bytes()));
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{fingerprint}");
        let mut key = hmac(format!("AWS4{}", keys.secret_key()).as_bytes(), date);
        for part in [region, service, "aws4_request"] {
            key = hmac(&key, part);
        }
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            keys.id(),
            hex(&hmac(&key, &text)),
        );
        parts
            .headers
            .insert(header::AUTHORIZATION, secret_header(&value)?);
        Ok(())
    }
}

/// The headers to sign by name, with values as they are signed.
fn signed_headers<'h>(uri: &'h Uri, headers: &'h HeaderMap) -> Vec<(&'h str, Cow<'h, str>)> {
    let mut signed = Vec::new();
    if !headers.contains_key(header::HOST) {
        signed.push(("host", Cow::Owned(host(uri))));
    }
    for name in headers.keys() {
        let wanted = [header::HOST, header::CONTENT_TYPE].contains(name)
            || name.as_str().starts_with("x-amz-");
        if wanted {
            let values = headers.get_all(name).iter();
            let values: Vec<String> = values
                .map(|value| squeezed(&String::from_utf8_lossy(value.as_bytes())))
                .collect();
            signed.push((name.as_str(), Cow::Owned(values.join(","))));
        }
    }
    signed.sort_by_key(|(name, _)| *name);
    signed
}

/// The header that the client will send: the scheme's own port is left out.
fn host(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let authority = authority.to_ascii_lowercase();
    let port = match uri.scheme_str() {
        Some("https") => ":443",
        _ => ":80",
    };
    match authority.strip_suffix(port) {
        Some(host) => host.to_owned(),
        None => authority,
    }
}

/// Spaces in a row count as one, those at the ends as none.
fn squeezed(value: &str) -> String {
    let words = value.split(' ').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// All services but S3 encode the path once more, as it is sent.
fn canonical_path(path: &str) -> String {
    if path.is_empty() {
        return "/".to_owned();
    }
    encoded(path.as_bytes(), true)
}

/// Names and values, decoded and encoded by AWS's rules, in their order.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let anew = |text: &str| {
                let bytes: Vec<u8> = percent_encoding::percent_decode_str(text).collect();
                encoded(&bytes, false)
            };
            (anew(name), anew(value))
        })
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

fn encoded(bytes: &[u8], slashes_stay: bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(*byte));
            }
            b'/' if slashes_stay => out.push('/'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    // A key of any length will do: this cannot fail. Should it, the signature is a wrong one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// E.g. `20150830T123600Z`.
fn timestamp(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// The date of a day since 1970, counted in years that begin in March: then the odd day of a leap year is the last.
pub(crate) fn civil(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = days + 719_468;
    let (era, of_era) = (days / ERA, days % ERA);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{Method, Request};

    use super::*;

    const KEY: (&str, &str) = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn parts(method: Method, uri: &str, content_type: &str) -> request::Parts {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header("content-type", content_type)
            // Not signed.
            .header("traceparent", "00-1")
            .header("user-agent", "x");
        request.body(()).unwrap().into_parts().0
    }

    fn authorization(parts: &request::Parts) -> &str {
        assert!(parts.headers["authorization"].is_sensitive());
        parts.headers["authorization"].to_str().unwrap()
    }

    #[test]
    fn the_documented_example_is_signed_as_documented() {
        // AWS's own: IAM's ListUsers of 30 August 2015.
        let uri = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08";
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let mut parts = parts(Method::GET, uri, form);
        let keys = AwsKeys::new(KEY.0, KEY.1);
        SigV4::new("us-east-1", "iam")
            .sign(&keys, &mut parts, b"", at(1_440_938_160))
            .unwrap();
        assert_eq!(parts.headers["x-amz-date"], "20150830T123600Z");
        assert_eq!(
            authorization(&parts),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    #[test]
    fn bodies_tokens_and_odd_paths_are_signed_as_aws_does() {
        // Computed by AWS's own library.
        let claude = "us.anthropic.claude-sonnet-4-5-20250929-v1";
        let profile = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc123";
        for (model, token, signature) in [
            (
                format!("{claude}%3A0"),
                "",
                "a6323a33766e801b3fc0a6077f93a1fdba5447de291533eaf4eee8456e46ac7d",
            ),
            (
                format!("{claude}%3A0"),
                "TOKENEXAMPLE",
                "f9fc994e37a18c62fc99063e51f8ccc5bf301ca8fd94e09deb58aa3d393462f2",
            ),
            (
                format!("{claude}:0"),
                "",
                "34c84fd13acce1ba3516950f3bf852fc9957365a05d5e9dc8d4f4b33cb50e259",
            ),
            (
                profile.to_owned(),
                "",
                "c28622cadc96d820b0d3c8251e505f0893c60aeeb110427b11364024851ae7cb",
            ),
        ] {
            let uri =
                format!("https://bedrock-runtime.us-east-1.amazonaws.com/model/{model}/converse");
            let mut parts = parts(Method::POST, &uri, "application/json");
            // Of an attempt before.
            parts.headers.insert(TOKEN, HeaderValue::from_static("old"));
            let keys = AwsKeys::new(KEY.0, KEY.1).with_session_token(token);
            let body = br#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
            SigV4::new("us-east-1", "bedrock")
                .sign(&keys, &mut parts, body, at(1_788_093_360))
                .unwrap();
            let found = authorization(&parts);
            assert!(found.ends_with(signature), "{model} {token}: {found}");
            assert_eq!(parts.headers.contains_key(TOKEN), !token.is_empty());
        }
    }

    #[test]
    fn the_parts_of_a_canonical_request() {
        assert_eq!(
            canonical_query("b=2&a=%7e%2f&a=&c+d&%C3%A9=x y"),
            "%C3%A9=x%20y&a=&a=~%2F&b=2&c%2Bd="
        );
        assert_eq!(canonical_path(""), "/");
        assert_eq!(canonical_path("/a%3A/b:c"), "/a%253A/b%3Ac");
        assert_eq!(squeezed("  a   b "), "a b");
        for (uri, expected) in [
            ("https://A.example:443/", "a.example"),
            ("http://127.0.0.1:8000/", "127.0.0.1:8000"),
            ("https://a.example:8443/", "a.example:8443"),
        ] {
            assert_eq!(host(&uri.parse().unwrap()), expected);
        }
    }

    #[test]
    fn dates_of_leap_years_and_others() {
        for (seconds, expected) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_709_251_199, "20240229T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
            (1_798_761_599, "20261231T235959Z"),
        ] {
            assert_eq!(timestamp(at(seconds)), expected);
        }
    }
}
