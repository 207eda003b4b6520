//! Claims, signed with RS256.

use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use super::Secret;
use crate::{error::Error, json};

/// What is claimed.
pub(super) struct Claims<'a> {
    pub(super) issuer: &'a str,
    pub(super) scope: &'a str,
    pub(super) audience: &'a str,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// A private RSA key.
pub(super) struct Signer(KeyPair);

impl Signer {
    /// The key in a PEM text, PKCS #8 or PKCS #1.
    pub(super) fn new(pem: &Secret) -> Result<Self, Error> {
        let wrong = || {
            let message =
                "the `private_key` is not an RSA key in PEM; take the file as it was downloaded";
            Error::invalid("private_key", message)
        };
        let (pkcs8, der) = der(pem.expose()).ok_or_else(wrong)?;
        let key = if pkcs8 {
            KeyPair::from_pkcs8(&der)
        } else {
            KeyPair::from_der(&der)
        };
        Ok(Self(key.map_err(|_| wrong())?))
    }

    /// A signed token that claims this, for an hour.
    pub(super) fn sign(&self, key_id: Option<&str>, claims: &Claims<'_>) -> Secret {
        let header = json::object(|o| {
            o.field("alg", "RS256")
                .field("typ", "JWT")
                .optional("kid", key_id);
        });
        // From a little in the past: a clock that is a little ahead does no harm.
        let issued = claims.now.saturating_sub(10);
        let body = json::object(|o| {
            o.field("iss", claims.issuer)
                .field("scope", claims.scope)
                .field("aud", claims.audience)
                .field("iat", &issued)
                .field("exp", &issued.saturating_add(3600));
        });
        let mut text = [header, body]
            .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()))
            .join(".");
        let mut signature = vec![0; self.0.public_modulus_len()];
        let random = SystemRandom::new();
        // The buffer is as long as the key: this cannot fail. Should it, the server refuses an empty signature.
        let signed = self
            .0
            .sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature);
        if signed.is_err() {
            signature.clear();
        }
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut text);
        Secret::token(text)
    }
}

/// The bytes between the lines of a PEM text, and whether they are PKCS #8.
fn der(pem: &str) -> Option<(bool, Vec<u8>)> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let pkcs8 = match label {
        "PRIVATE KEY" => true,
        "RSA PRIVATE KEY" => false,
        _ => return None,
    };
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    Some((pkcs8, STANDARD.decode(body).ok()?))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::{AsDer, Pkcs8V1Der},
        rsa::KeySize,
        signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
    };

    use super::*;

    #[test]
    fn claims_are_signed() {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_ref())
        );
        let claims = Claims {
            issuer: "me@project.example",
            scope: "s",
            audience: "https://token.example/t",
            now: 1_000_010,
        };
        let token = Signer::new(&Secret::new(pem))
            .unwrap()
            .sign(Some("k1"), &claims);
        let (signed, signature) = token.expose().rsplit_once('.').unwrap();
        let (header, body) = signed.split_once('.').unwrap();
        let text = |part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        assert_eq!(text(header), r#"{"alg":"RS256","typ":"JWT","kid":"k1"}"#);
        assert_eq!(
            text(body),
            r#"{"iss":"me@project.example","scope":"s","aud":"https://token.example/t","iat":1000000,"exp":1003600}"#
        );
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(public.verify(signed.as_bytes(), &signature).is_ok());
    }
}
