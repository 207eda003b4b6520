//! Who the vendor is, and what is kept secret.

use super::bench::{Bench, Check, Outcome, have, must, wrong};
use crate::Secret;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "the name can stand in a model's name",
        fix: "Provider::name: letters, digits, `-`, `_` and `.` only, as in `acme/large`",
        run: |b| Box::pin(name(b)),
    },
    Check {
        name: "the base url is absolute",
        fix: "Provider::base_url: http or https, a host, and no query",
        run: |b| Box::pin(base_url(b)),
    },
    Check {
        name: "the key goes into the head",
        fix: "Provider::authorize: put the account's key, or a signature made with it, into a header",
        run: |b| Box::pin(key_in_head(b)),
    },
    Check {
        name: "the key is not in the body",
        fix: "Provider::authorize and Provider::finish: bodies are logged and passed on; a key belongs into a header",
        run: |b| Box::pin(key_not_in_body(b)),
    },
    Check {
        name: "the key is hidden when headers are shown",
        fix: "Provider::authorize: make the header's value with `provider::secret_header`, which marks it as sensitive",
        run: |b| Box::pin(key_is_sensitive(b)),
    },
    Check {
        name: "the key is in no error",
        fix: "Provider::classify: write no headers and no key into the error; what the vendor repeats is cut out by the crate",
        run: |b| Box::pin(key_in_no_error(b)),
    },
    Check {
        name: "the key is not in Debug",
        fix: "impl Debug for the provider: leave out what `authorize` was given",
        run: |b| Box::pin(key_not_in_debug(b)),
    },
];

async fn name(b: &Bench) -> Outcome {
    let name = b.provider.name();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    must(
        !name.is_empty() && name.chars().all(fits),
        "a short name",
        || format!("{name:?}"),
    )
}

async fn base_url(b: &Bench) -> Outcome {
    let url = b.provider.base_url();
    let scheme = url.scheme_str().unwrap_or_default();
    must(
        matches!(scheme, "http" | "https") && url.host().is_some() && url.query().is_none(),
        "e.g. https://api.acme.example/v1",
        || url.to_string(),
    )
}

async fn key_in_head(b: &Bench) -> Outcome {
    let other = Secret::new(format!("{}x", b.fixtures.secret.expose()));
    let one = b.sent(b.chat(false)).await?;
    let two = b.sent_as(&other, b.chat(false)).await?;
    must(
        one.headers != two.headers || one.uri != two.uri,
        "another head with another key",
        || {
            format!(
                "the same headers with both: {:?}",
                one.headers.keys().collect::<Vec<_>>()
            )
        },
    )
}

async fn key_not_in_body(b: &Bench) -> Outcome {
    let sent = b.sent(b.chat(false)).await?;
    let key = secret_part(b);
    must(
        !sent.text().contains(&key) && !sent.path().contains(&key),
        "the key in a header alone",
        || "it is in the path or in the body".to_owned(),
    )
}

async fn key_is_sensitive(b: &Bench) -> Outcome {
    let sent = b.sent(b.chat(false)).await?;
    must(
        !format!("{:?}", sent.headers).contains(&secret_part(b)),
        "`Sensitive` in place of the key",
        || "Debug of the headers shows the key".to_owned(),
    )
}

async fn key_in_no_error(b: &Bench) -> Outcome {
    let key = secret_part(b);
    have(b.fixtures.text.as_ref(), "plain answer")?;
    for status in [400, 401, 429, 500] {
        let words = format!("Incorrect API key provided: {key}.");
        let asked = b
            .ask(b.chat(false), (b.fixtures.echo)(status, &words))
            .await;
        let Err(error) = asked.result else {
            return Err(wrong(format!("an error of {status}"), "an answer"));
        };
        let mut shown = format!("{error} {error:?} {} {:?}", error.message(), error.code());
        if let Some(body) = error.body() {
            shown.push_str(&String::from_utf8_lossy(&body.bytes));
        }
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            shown.push_str(&format!("{cause} {cause:?}"));
            source = cause.source();
        }
        must(!shown.contains(&key), "no key", || {
            format!(
                "the error of {status} shows it: {}",
                shown.replace(&key, "<KEY>")
            )
        })?;
    }
    Ok(())
}

async fn key_not_in_debug(b: &Bench) -> Outcome {
    // Whatever a provider keeps of a call, it keeps now.
    let _ = b.sent(b.chat(false)).await?;
    let shown = format!("{:?} {:#?}", b.provider, b.provider);
    must(!shown.contains(&secret_part(b)), "no key", || {
        "Debug of the provider shows it".to_owned()
    })
}

/// What of the secret may be seen nowhere: of several lines, as AWS's keys have them, the second.
fn secret_part(b: &Bench) -> String {
    let mut lines = b.fixtures.secret.expose().lines();
    let first = lines.next().unwrap_or_default();
    lines.next().unwrap_or(first).to_owned()
}
