//! `generationConfig`, read.

use super::{
    super::{NAME, models::Level, schema_read},
    decode::either,
};
use crate::{
    Extra,
    chat::{ChatRequest, Reasoning, ResponseFormat},
    error::Error,
    json::Value,
};

/// Reads what has a field; the rest is returned.
pub(super) fn read(config: &Value<'_, '_>, request: &mut ChatRequest) -> Result<Extra, Error> {
    let mut members = config.object()?;
    request.temperature = members.take("temperature").map(|v| v.f64()).transpose()?;
    request.top_p = either(&mut members, "topP", "top_p")
        .map(|v| v.f64())
        .transpose()?;
    // A float in SDKs of some languages.
    request.top_k = either(&mut members, "topK", "top_k")
        .map(|v| v.f64())
        .transpose()?
        .map(|k| k as u64);
    request.n = either(&mut members, "candidateCount", "candidate_count")
        .map(|v| v.u64())
        .transpose()?;
    request.max_tokens = either(&mut members, "maxOutputTokens", "max_output_tokens")
        .map(|v| v.u64())
        .transpose()?;
    if let Some(stops) = either(&mut members, "stopSequences", "stop_sequences") {
        for stop in stops.items()? {
            request.stop.push(stop.string()?);
        }
    }
    request.seed = members.take("seed").map(|v| v.i64()).transpose()?;
    request.presence_penalty = either(&mut members, "presencePenalty", "presence_penalty")
        .map(|v| v.f64())
        .transpose()?;
    request.frequency_penalty = either(&mut members, "frequencyPenalty", "frequency_penalty")
        .map(|v| v.f64())
        .transpose()?;
    request.logprobs = either(&mut members, "responseLogprobs", "response_logprobs")
        .map(|v| v.bool())
        .transpose()?;
    request.top_logprobs = members.take("logprobs").map(|v| v.u64()).transpose()?;

    let own = either(&mut members, "responseSchema", "response_schema");
    let given = either(&mut members, "responseJsonSchema", "response_json_schema")
        .or_else(|| members.take("_responseJsonSchema"));
    let schema = given
        .map(|schema| schema.json())
        .or_else(|| own.as_ref().map(own_schema));
    let mime = either(&mut members, "responseMimeType", "response_mime_type");
    let kind = mime.map(|v| v.string()).transpose()?;
    request.response_format = match (schema, kind.as_deref()) {
        (Some(schema), None | Some("application/json")) => Some(ResponseFormat::JsonSchema {
            name: None,
            description: None,
            schema,
            strict: None,
        }),
        (None, Some("application/json")) => Some(ResponseFormat::JsonObject),
        (_, Some("text/plain")) => Some(ResponseFormat::Text),
        _ => None,
    };
    let taken = matches!(
        request.response_format,
        Some(ResponseFormat::JsonSchema { .. })
    );
    if let (Some(own), true) = (&own, given.is_some() || !taken) {
        own.lost();
    }
    if let (Some(given), false) = (&given, taken) {
        given.lost();
    }
    if let Some(thinking) = either(&mut members, "thinkingConfig", "thinking_config") {
        request.reasoning = Some(reasoning(&thinking)?);
    }
    let mut rest = members.into_extra();
    // `text/x.enum` and what else there may be is for this dialect's vendors.
    if request.response_format.is_none()
        && let Some(mime) = mime
    {
        rest.insert("responseMimeType", mime.json());
    }
    Ok(rest)
}

/// A schema in the dialect's own words, as JSON Schema; that has no word for the order of members.
pub(super) fn own_schema(own: &Value<'_, '_>) -> crate::Json {
    for name in ["propertyOrdering", "property_ordering"] {
        if own.text().contains(name) {
            own.lost_member(name);
        }
    }
    schema_read::json_schema(&own.json())
}

pub(super) fn reasoning(config: &Value<'_, '_>) -> Result<Reasoning, Error> {
    let mut members = config.object()?;
    let show = either(&mut members, "includeThoughts", "include_thoughts")
        .map(|v| v.bool())
        .transpose()?;
    let budget = either(&mut members, "thinkingBudget", "thinking_budget")
        .map(|v| v.i64())
        .transpose()?;
    let level = either(&mut members, "thinkingLevel", "thinking_level")
        .map(|v| {
            let level = Level::from_name(&v.str()?);
            if level.is_none() {
                v.lost();
            }
            Ok::<_, Error>(level)
        })
        .transpose()?;
    Ok(Reasoning {
        effort: level.flatten(),
        budget: budget
            .and_then(|b| u64::try_from(b).ok())
            .filter(|b| *b > 0),
        enabled: match budget {
            Some(0) => Some(false),
            // -1: as much as the model likes.
            Some(_) => Some(true),
            None => level.is_some().then_some(true),
        },
        show,
        raw: Some((NAME, config.json())),
    })
}
