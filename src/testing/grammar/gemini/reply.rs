//! Whole answers, and chunks of streams, which have the same shape.

use super::{
    super::node::{At, Kind::*, Unique},
    part,
};

const FINISHES: &[&str] = &[
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "IMAGE_OTHER",
    "NO_IMAGE",
    "MODEL_ARMOR",
    "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
    "CONTINUATION",
];

pub(super) fn check(at: &At<'_>) {
    let mut ids = Unique::default();
    chunk(at, &mut ids);
    at.must(
        at.has("usageMetadata") || at.has("promptFeedback") || at.has("candidates"),
        "nothing is in it",
    );
    for candidate in at.list("candidates") {
        candidate.must(candidate.has("finishReason"), "`finishReason` is missing");
    }
}

pub(super) fn chunk(at: &At<'_>, ids: &mut Unique) {
    at.shape(
        &[("modelVersion", Name), ("responseId", Name)],
        &[
            ("candidates", Full),
            ("promptFeedback", Object),
            ("usageMetadata", Object),
            ("createTime", Text),
            ("modelStatus", Object),
        ],
    );
    at.must(
        at.has("candidates") || at.has("promptFeedback") || at.has("usageMetadata"),
        "a chunk that says nothing",
    );
    for (number, candidate) in at.list("candidates").iter().enumerate() {
        candidate.shape(
            &[("content", Object), ("index", Count)],
            &[
                ("finishReason", OneOf(FINISHES)),
                ("finishMessage", Text),
                ("safetyRatings", List),
                ("citationMetadata", Object),
                ("groundingMetadata", Object),
                ("urlContextMetadata", Object),
                ("avgLogprobs", Number),
                ("logprobsResult", Object),
                ("tokenCount", Count),
            ],
        );
        candidate.equals("index", &number.into(), "of its place");
        if let Some(content) = candidate.get("content") {
            content.shape(&[("role", Is("model"))], &[("parts", Full)]);
            for item in content.list("parts") {
                if part(&item) == "functionCall"
                    && let Some(call) = item.get("functionCall")
                    && let Some(id) = call.get("id")
                {
                    ids.add(&id, id.as_text());
                }
            }
        }
    }
    if let Some(counts) = at.get("usageMetadata") {
        usage(&counts);
    }
}

fn usage(at: &At<'_>) {
    at.shape(
        &[],
        &[
            ("promptTokenCount", Count),
            ("cachedContentTokenCount", Count),
            ("candidatesTokenCount", Count),
            ("thoughtsTokenCount", Count),
            ("toolUsePromptTokenCount", Count),
            ("totalTokenCount", Count),
            ("promptTokensDetails", List),
            ("cacheTokensDetails", List),
            ("candidatesTokensDetails", List),
            ("toolUsePromptTokensDetails", List),
            ("trafficType", Text),
            ("serviceTier", Text),
        ],
    );
    let sum = [
        "promptTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "toolUsePromptTokenCount",
    ]
    .iter()
    .fold(0_u64, |sum, name| sum.saturating_add(at.count(name)));
    at.must(
        sum == at.count("totalTokenCount"),
        "totalTokenCount is not the sum",
    );
    at.must(
        at.count("cachedContentTokenCount") <= at.count("promptTokenCount"),
        "a part is more than the whole",
    );
}
