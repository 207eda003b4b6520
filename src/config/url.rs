//! Base URLs and proxies.

use http::{
    Uri,
    uri::{Authority, Scheme},
};

use super::model::ProxyUrl;

/// A base URL without a slash at its end. One without any path gets `version`, the segment of its kind.
///
/// # Errors
/// Why it is none. The text itself is not in it, for it may hold a password.
pub(super) fn parse_base_url(text: &str, version: &str) -> Result<String, &'static str> {
    let text = text.trim().trim_end_matches('/');
    let uri: Uri = text.parse().map_err(|_| "it does not parse as a URL")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("it must begin with http:// or https://");
    }
    let authority = uri.authority().ok_or("it must name a host")?;
    if authority.as_str().contains('@') {
        return Err("it must not hold a user or password; keys belong to the accounts");
    }
    if authority.host().is_empty() {
        return Err("it must name a host");
    }
    if text.contains(['?', '#']) {
        return Err("it must not have a query");
    }
    let version = if matches!(uri.path(), "" | "/") {
        version
    } else {
        ""
    };
    Ok(format!("{text}{version}"))
}

/// A proxy's address.
///
/// # Errors
/// Why it is none; the text itself is not in it, for it may hold a password.
pub(super) fn parse_proxy(text: &str) -> Result<ProxyUrl, &'static str> {
    let text = text.trim();
    let uri: Uri = text.parse().map_err(|_| {
        "this does not parse as a URL; write e.g. `http://proxy.example:3128`, and %-encode the password"
    })?;
    match uri.scheme().map(Scheme::as_str) {
        Some("http" | "https" | "socks5" | "socks5h") => {}
        _ => {
            return Err("a proxy's URL begins with http://, https://, socks5:// or socks5h://");
        }
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err("a proxy's URL must name a host");
    }
    Ok(ProxyUrl(text.to_owned()))
}

/// Is it on this machine or in a private network? Nobody asks for a key there.
pub(super) fn is_local(base_url: &str) -> bool {
    let Ok(uri) = base_url.parse::<Uri>() else {
        return false;
    };
    let host = uri.authority().map(Authority::host).unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<std::net::Ipv4Addr>() {
        return address.is_loopback() || address.is_private() || address.is_unspecified();
    }
    if let Ok(address) = host.parse::<std::net::Ipv6Addr>() {
        return address.is_loopback() || address.is_unique_local() || address.is_unspecified();
    }
    // A name without a dot is one that a container network gives.
    !host.contains('.')
        || [".localhost", ".local", ".internal"]
            .iter()
            .any(|end| host.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_get_a_version_only_where_no_path_is() {
        for (text, expected) in [
            ("https://a.example", "https://a.example/v1"),
            ("https://a.example/", "https://a.example/v1"),
            ("https://a.example/v1/", "https://a.example/v1"),
            ("http://a:8000/openai", "http://a:8000/openai"),
        ] {
            assert_eq!(parse_base_url(text, "/v1").as_deref(), Ok(expected));
        }
        for bad in [
            "",
            "a.example",
            "ftp://a/b",
            "https://a/v1?x=1",
            "https://a#x",
            "https://u:canary@a/v1",
            "http://",
            "https:///v1",
        ] {
            let why = parse_base_url(bad, "/v1").unwrap_err();
            assert!(!why.contains("canary"), "{bad}");
        }
    }

    #[test]
    fn proxies_hide_their_password() {
        let proxy = parse_proxy("socks5h://user:canary@proxy.example:1080").unwrap();
        assert_eq!(proxy.to_string(), "socks5h://proxy.example:1080");
        assert!(!format!("{proxy:?}").contains("canary"));
        assert!(proxy.expose().contains("canary"));
        for bad in ["ftp://a", "proxy.example:80", "http://", ""] {
            assert!(parse_proxy(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn local_hosts_are_known() {
        for local in [
            "http://localhost:1234/v1",
            "http://127.0.0.1/v1",
            "http://[::1]:8000/v1",
            "http://10.1.2.3/v1",
            "http://vllm:8000/v1",
            "http://host.docker.internal:11434/v1",
        ] {
            assert!(is_local(local), "{local}");
        }
        for remote in ["https://llm.acme.example/v1", "https://8.8.8.8/v1", ""] {
            assert!(!is_local(remote), "{remote}");
        }
    }
}
