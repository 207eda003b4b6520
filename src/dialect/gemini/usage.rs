//! What an answer cost: the vendor's counts and our disjoint buckets.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::{
    chat::Usage,
    json::{self, Glance, Json},
};

/// The member of an answer.
/// `usageMetadata`. `promptTokenCount` includes what was read from a cache; `candidatesTokenCount` leaves thoughts out, and is not
/// there if it is 0.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counts {
    #[serde(default, deserialize_with = "count")]
    prompt_token_count: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    cached_content_token_count: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    candidates_token_count: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    thoughts_token_count: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    tool_use_prompt_token_count: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    total_token_count: Option<u64>,
    #[serde(default, rename = "promptTokensDetails", deserialize_with = "audio")]
    prompt_audio: Option<u64>,
    #[serde(
        default,
        rename = "candidatesTokensDetails",
        deserialize_with = "audio"
    )]
    candidates_audio: Option<u64>,
}

impl Counts {
    /// In buckets; none if nothing is counted.
    pub(super) fn usage(&self) -> Option<Usage> {
        let prompt = add(self.prompt_token_count, self.tool_use_prompt_token_count);
        let cached = self.cached_content_token_count;
        let thoughts = self.thoughts_token_count;
        let known = |part: Option<u64>| part.unwrap_or(0);
        let rest = self.total_token_count.map(|total| {
            total
                .saturating_sub(known(prompt))
                .saturating_sub(known(thoughts))
        });
        // Some models count their thoughts among the candidates' tokens: the sum tells.
        let inclusive = known(thoughts) > 0
            && self.candidates_token_count.is_some()
            && add(prompt, self.candidates_token_count) == self.total_token_count;
        let output = match self.candidates_token_count {
            Some(all) if inclusive => Some(all.saturating_sub(known(thoughts))),
            None => rest,
            given => given,
        };
        let usage = Usage {
            input: prompt.map(|all| all.saturating_sub(known(cached))),
            // Read from a cache it was a part of the prompt: more than the whole cannot be.
            cache_read: cached.map(|part| prompt.map_or(part, |all| part.min(all))),
            output,
            reasoning: thoughts,
            audio_input: self.prompt_audio,
            audio_output: self.candidates_audio,
            ..Usage::default()
        };
        (usage != Usage::default()).then_some(usage)
    }
}

/// The usage in a whole answer.
pub(super) fn of_body(body: &[u8]) -> Option<Usage> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Top {
        usage_metadata: Option<Counts>,
    }
    if let Some(json) = json::member(body, "usageMetadata", Glance::any) {
        return serde_json::from_slice::<Counts>(json).ok()?.usage();
    }
    let top: Top = serde_json::from_slice(body).ok()?;
    top.usage_metadata?.usage()
}

/// The member as it is written.
pub(super) fn write(usage: &Usage) -> Json {
    json::object(|o| {
        o.optional("promptTokenCount", usage.total_input())
            .optional("cachedContentTokenCount", usage.cache_read)
            .optional("candidatesTokenCount", usage.output)
            .optional("thoughtsTokenCount", usage.reasoning)
            .optional("totalTokenCount", usage.total());
    })
}

fn add(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    }
}

/// A count. Anything that is none is unknown: a strange figure must not cost the answer.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get().trim_matches('"')).ok())
}

/// The tokens of sound in a list of modalities.
fn audio<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Modality {
        #[serde(default)]
        modality: String,
        #[serde(default, deserialize_with = "count")]
        token_count: Option<u64>,
    }
    let raw = <&RawValue>::deserialize(deserializer)?;
    if !raw.get().contains("AUDIO") {
        return Ok(None);
    }
    let list: Vec<Modality> = serde_json::from_str(raw.get()).unwrap_or_default();
    let sound = list.into_iter().find(|m| m.modality == "AUDIO");
    Ok(sound.and_then(|m| m.token_count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Usage {
        serde_json::from_str::<Counts>(text)
            .unwrap()
            .usage()
            .unwrap_or_default()
    }

    #[test]
    fn recorded_sums() {
        let usage = of(
            r#"{"promptTokenCount":373,"cachedContentTokenCount":204,"candidatesTokenCount":89,"thoughtsTokenCount":167,"totalTokenCount":629}"#,
        );
        assert_eq!(
            (usage.input, usage.cache_read, usage.total_output()),
            (Some(169), Some(204), Some(256))
        );
        assert_eq!(usage.total(), Some(629));
        assert_eq!(of(write(&usage).as_str()), usage);
        let usage = of(
            r#"{"promptTokenCount":107,"candidatesTokenCount":23,"thoughtsTokenCount":123,"totalTokenCount":253}"#,
        );
        assert_eq!(
            (usage.total_input(), usage.total_output()),
            (Some(107), Some(146))
        );
    }

    #[test]
    fn e33_thoughts_among_the_candidates_are_not_counted_twice() {
        let usage = of(
            r#"{"promptTokenCount":10,"candidatesTokenCount":30,"thoughtsTokenCount":20,"totalTokenCount":40}"#,
        );
        assert_eq!(
            (usage.total_output(), usage.reasoning, usage.total()),
            (Some(30), Some(20), Some(40))
        );
    }

    #[test]
    fn what_is_not_counted_is_unknown() {
        let counts: Counts = serde_json::from_str(r#"{"trafficType":"ON_DEMAND"}"#).unwrap();
        assert_eq!(counts.usage(), None);
        let usage = of(r#"{"promptTokenCount":15,"thoughtsTokenCount":2,"totalTokenCount":17}"#);
        assert_eq!((usage.output, usage.reasoning), (Some(0), Some(2)));
        let usage = of(
            r#"{"promptTokenCount":"7","toolUsePromptTokenCount":3,"totalTokenCount":-1,"promptTokensDetails":[{"modality":"TEXT","tokenCount":1},{"modality":"AUDIO","tokenCount":6}]}"#,
        );
        assert_eq!(
            (usage.input, usage.audio_input, usage.output),
            (Some(10), Some(6), None)
        );
    }
}
