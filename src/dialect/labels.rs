//! What is said of something beside it, and what becomes of that where there is no place for it.

use crate::chat::{Content, Fidelity, Media};

/// Notes the labels of a medium in a dialect that knows names of documents only.
pub(super) fn medium(report: &mut Fidelity, path: &str, part: &Content, medium: &Media) {
    let named = matches!(part, Content::Document(_));
    for (member, said) in [
        ("title", medium.title.is_some() && !named),
        ("context", medium.context.is_some()),
        ("citations", medium.citations),
    ] {
        if said {
            report.dropped(
                format_args!("{path}.{member}"),
                "this dialect has no place for it",
            );
        }
    }
}

/// Notes the labels of an answer's schema in a dialect that takes the bare schema.
pub(super) fn schema(name: Option<&str>, description: Option<&str>, report: &mut Fidelity) {
    if name.is_some() {
        report.mapped(
            "response_format.name",
            "the vendor needs no name for a schema",
        );
    }
    if description.is_some() {
        report.dropped(
            "response_format.description",
            "the vendor takes no description beside the schema",
        );
    }
}
