//! The files that Google's tools write.

use serde::Deserialize;

use super::{GoogleAccount, Who, checked};
use crate::{credential::Secret, error::Error};

const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    r#type: Option<String>,
    project_id: Option<String>,
    quota_project_id: Option<String>,
    client_email: Option<String>,
    private_key_id: Option<String>,
    private_key: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    refresh_token: Option<String>,
    token_uri: Option<String>,
}

pub(super) fn read(text: &str) -> Result<GoogleAccount, Error> {
    // serde's words quote values.
    let file: File = serde_json::from_str(text).map_err(|error| {
        let message = format!(
            "these are not Google credentials: the JSON is wrong in line {}, column {}",
            error.line(),
            error.column()
        );
        Error::invalid("", message)
    })?;
    let token_uri = checked("token_uri", file.token_uri.as_deref().unwrap_or(TOKEN_URI))?;
    let need = |name: &'static str, value: Option<String>| {
        let value = value.filter(|value| !value.is_empty());
        value.ok_or_else(|| {
            Error::invalid(name, format!("these Google credentials have no `{name}`"))
        })
    };
    let who = match file.r#type.as_deref() {
        #[cfg(feature = "oauth")]
        Some("service_account") => {
            let private_key = Secret::new(need("private_key", file.private_key)?);
            crate::credential::jwt::Signer::new(&private_key)?;
            Who::Service {
                email: need("client_email", file.client_email)?.into(),
                key_id: file.private_key_id.map(Into::into),
                private_key,
                token_uri,
            }
        }
        #[cfg(not(feature = "oauth"))]
        Some("service_account") => {
            let _ = (file.client_email, file.private_key_id, file.private_key);
            return Err(Error::invalid(
                "type",
                "service accounts sign, which needs the feature `oauth`",
            ));
        }
        Some("authorized_user") => Who::User {
            client_id: need("client_id", file.client_id)?.into(),
            client_secret: Secret::new(need("client_secret", file.client_secret)?),
            refresh_token: Secret::new(need("refresh_token", file.refresh_token)?),
            token_uri,
        },
        _ => {
            let message =
                "the `type` of Google credentials must be service_account or authorized_user";
            return Err(Error::invalid("type", message));
        }
    };
    Ok(GoogleAccount {
        who,
        project: file.project_id.or(file.quota_project_id).map(Into::into),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_and_nothing_is_quoted() {
        let user = r#"{"type":"authorized_user","client_id":"i","client_secret":"canary","refresh_token":"canary""#;
        assert!(read(&format!("{user}}}")).is_ok());
        for (text, part) in [
            ("canary".to_owned(), "line 1"),
            (r#"{"type":7,"private_key":"canary"}"#.to_owned(), "line 1"),
            (
                r#"{"type":"canary"}"#.to_owned(),
                "must be service_account or",
            ),
            (
                r#"{"type":"authorized_user","client_id":"canary"}"#.to_owned(),
                "no `client_secret`",
            ),
            (
                format!(r#"{user},"token_uri":"http://canary.example/t"}}"#),
                "https://",
            ),
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("canary"), "{error}");
        }
        let shown = format!("{:?}", read(&format!("{user}}}")).unwrap());
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[cfg(feature = "oauth")]
    #[test]
    fn a_key_that_cannot_sign_is_found_at_once() {
        for key in [
            "canary",
            "-----BEGIN PRIVATE KEY-----\\ncanary\\n-----END PRIVATE KEY-----",
        ] {
            let text =
                format!(r#"{{"type":"service_account","client_email":"e","private_key":"{key}"}}"#);
            let error = read(&text).unwrap_err();
            assert_eq!(error.param(), Some("private_key"));
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
