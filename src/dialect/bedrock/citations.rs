//! Citations, read.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::NAME;
use crate::{chat::Citation, json::Json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cited<'a> {
    #[serde(borrow, default)]
    title: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    source: Option<Cow<'a, str>>,
    #[serde(default)]
    source_content: Vec<Words>,
    #[serde(default)]
    location: Option<Location>,
}

#[derive(Deserialize)]
struct Words {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct Location {
    #[serde(default)]
    web: Option<Page>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    domain: Option<String>,
}

/// Reads one; what is strange in it stays in its raw text.
pub(super) fn read(raw: &RawValue) -> Citation {
    let mut citation = Citation {
        raw: Some((NAME, Json::from(raw))),
        ..Citation::default()
    };
    let Ok(cited) = serde_json::from_str::<Cited<'_>>(raw.get()) else {
        return citation;
    };
    let page = cited.location.and_then(|location| location.web);
    let source = cited.source.filter(|source| source.starts_with("http"));
    let words: String = cited.source_content.into_iter().map(|w| w.text).collect();
    let (url, domain) = page.map_or((None, None), |page| (page.url, page.domain));
    citation.url = url.or_else(|| source.map(Cow::into_owned));
    citation.title = cited.title.map(Cow::into_owned).or(domain);
    citation.cited_text = Some(words).filter(|words| !words.is_empty());
    citation
}
