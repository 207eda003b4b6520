//! Where an answer was taken from: annotations of the text, or lists beside it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::{
    NAME,
    wire::{Chunk, Text},
};
use crate::chat::Citation;

/// Takes over the sources of the whole answer, which Perplexity and xAI put beside the choices, in every chunk: the list with
/// titles if there is one.
pub(super) fn collect(sources: &mut Vec<Citation>, chunk: &Chunk<'_>) {
    #[derive(Deserialize)]
    struct Found<'a> {
        #[serde(borrow, default)]
        url: Text<'a>,
        #[serde(borrow, default)]
        title: Text<'a>,
    }
    let untitled = sources.iter().all(|source| source.title.is_none());
    if let Some(list) = chunk.search_results.filter(|_| untitled) {
        let found: Vec<Found<'_>> = serde_json::from_str(list.get()).unwrap_or_default();
        let found = found.iter().filter(|found| !found.url.is_empty());
        let titled: Vec<Citation> = found
            .map(|found| Citation {
                url: some(&found.url),
                title: some(&found.title),
                ..Citation::default()
            })
            .collect();
        if !titled.is_empty() {
            *sources = titled;
        }
    }
    if let Some(list) = chunk.citations.filter(|_| sources.is_empty()) {
        let urls: Vec<Text<'_>> = serde_json::from_str(list.get()).unwrap_or_default();
        let urls = urls.iter().filter(|url| !url.is_empty());
        sources.extend(urls.map(|url| Citation {
            url: some(url),
            ..Citation::default()
        }));
    }
}

fn some(text: &Text<'_>) -> Option<String> {
    (!text.is_empty()).then(|| text.as_str().to_owned())
}

/// An annotation that cites an address.
pub(super) fn citation(raw: &RawValue) -> Option<Citation> {
    #[derive(Deserialize)]
    struct Annotation<'a> {
        #[serde(borrow)]
        url_citation: Cited<'a>,
    }
    #[derive(Deserialize)]
    struct Cited<'a> {
        #[serde(borrow, default)]
        url: Text<'a>,
        #[serde(borrow, default)]
        title: Text<'a>,
        #[serde(borrow, default)]
        content: Text<'a>,
        start_index: Option<u64>,
        end_index: Option<u64>,
    }
    let cited = serde_json::from_str::<Annotation<'_>>(raw.get())
        .ok()?
        .url_citation;
    Some(Citation {
        url: some(&cited.url),
        title: some(&cited.title),
        cited_text: some(&cited.content),
        range: cited.start_index.zip(cited.end_index),
        raw: Some((NAME, raw.into())),
    })
}
