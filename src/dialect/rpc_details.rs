//! The details of Google's errors: the true reason, the quota that is used up, and how long to wait.

use std::time::Duration;

use serde_json::Value;

/// Longer waits are no waits: whoever names one means that the quota is gone.
const LONG: Duration = Duration::from_secs(300);

/// What the details say.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Details {
    /// Of an `ErrorInfo`, e.g. `API_KEY_INVALID`.
    pub(super) reason: Option<String>,
    /// Of a `RetryInfo`.
    pub(super) retry_after: Option<Duration>,
    pub(super) quota: Option<Quota>,
}

/// Which limit was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quota {
    /// One that frees itself in seconds or minutes.
    Brief,
    /// The day's, or one of zero: waiting does not help.
    Spent,
}

impl Details {
    /// Reads `error.details`; nothing is found in errors of other vendors.
    pub(super) fn read(error: &Value) -> Self {
        let mut out = Self::default();
        let list = error.get("details").and_then(Value::as_array);
        for detail in list.into_iter().flatten() {
            let kind = detail.get("@type").and_then(Value::as_str);
            match kind.unwrap_or_default().rsplit('.').next() {
                Some("ErrorInfo") => {
                    out.reason = detail
                        .get("reason")
                        .and_then(Value::as_str)
                        .map(str::to_owned);
                }
                Some("RetryInfo") => {
                    out.retry_after = detail
                        .get("retryDelay")
                        .and_then(Value::as_str)
                        .and_then(seconds);
                }
                Some("QuotaFailure") => {
                    let text = detail.to_string();
                    let day = ["PerDay", "Daily", "per_day"];
                    let spent = day.iter().any(|word| text.contains(word));
                    out.quota = Some(if spent { Quota::Spent } else { Quota::Brief });
                }
                _ => {}
            }
        }
        let message = error.get("message").and_then(Value::as_str);
        let message = message.unwrap_or_default();
        let long = out.retry_after.is_some_and(|after| after > LONG);
        if out.quota.is_some() && (long || has_limit_zero(message)) {
            out.quota = Some(Quota::Spent);
        } else if out.quota.is_none() && out.retry_after.is_some() && !long {
            out.quota = Some(Quota::Brief);
        }
        out
    }
}

fn has_limit_zero(message: &str) -> bool {
    message
        .split("limit: 0")
        .skip(1)
        .any(|rest| !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
}

/// `34.07s`.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_details_say() {
        let error = serde_json::json!({"message": "Quota exceeded, limit: 15", "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerMinute"}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"},
        ]});
        let details = Details::read(&error);
        assert_eq!(details.quota, Some(Quota::Brief));
        assert_eq!(details.retry_after, Some(Duration::from_millis(34_070)));
        for spent in [
            serde_json::json!({"details": [{"@type": "x.QuotaFailure", "violations": [{"quotaId": "RequestsPerDay"}]}]}),
            serde_json::json!({"message": "limit: 0, model", "details": [{"@type": "x.QuotaFailure"}]}),
            serde_json::json!({"details": [{"@type": "x.QuotaFailure"}, {"@type": "x.RetryInfo", "retryDelay": "4000s"}]}),
        ] {
            assert_eq!(Details::read(&spent).quota, Some(Quota::Spent), "{spent}");
        }
        assert_eq!(
            Details::read(&serde_json::json!({"details": "x"})),
            Details::default()
        );
    }
}
