//! Where secrets may be sent to.

use std::net::IpAddr;

use http::Uri;

use crate::error::Error;

/// The address of a token server: `https`, or `http` on this machine.
///
/// # Errors
/// Why it is none. The text itself is not in it.
pub(super) fn check(name: &str, text: &str) -> Result<Uri, Error> {
    let wrong = |why: &str| {
        Error::invalid(
            name,
            format!("`{name}` is no address that a secret may be sent to: {why}"),
        )
    };
    let uri: Uri = text
        .trim()
        .parse()
        .map_err(|_| wrong("it does not parse as a URL"))?;
    let authority = uri
        .authority()
        .ok_or_else(|| wrong("it must name a host"))?;
    if authority.host().is_empty() || authority.as_str().contains('@') {
        return Err(wrong("it must name a host, and no user or password"));
    }
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_loopback(authority.host()) => Ok(uri),
        _ => Err(wrong("it must begin with https://")),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_https_or_stay_at_home() {
        for good in [
            "https://oauth2.googleapis.com/token",
            "http://127.0.0.1:8000/token",
            "http://[::1]:8000/token",
            "http://localhost/token",
        ] {
            assert!(check("token_uri", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/token",
            "http://token.example/canary",
            "http://127.0.0.1.canary.example/token",
            "http://10.0.0.1/token",
            "https://u:canary@token.example",
            "ftp://127.0.0.1/canary",
        ] {
            let error = check("token_uri", bad).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
            assert_eq!(error.param(), Some("token_uri"));
        }
    }
}
