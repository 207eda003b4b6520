//! What a stream says only to show that it is still there.

use serde::Deserialize;

use crate::wire::Frame;

/// The names of such events.
const PINGS: [&str; 4] = ["ping", "keepalive", "keep-alive", "heartbeat"];

/// Is this frame a sign of life and nothing else? Comments have no data at all and are none of these.
pub(super) fn is_ping(frame: &Frame) -> bool {
    /// Pings are short. Whatever is longer says something, and is not looked into.
    const LONGEST: usize = 96;
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(borrow, rename = "type")]
        kind: &'a str,
    }
    if let Some(name) = frame.name() {
        return PINGS.contains(&name);
    }
    let data = frame.data().trim_ascii();
    data.is_empty()
        || data == b"{}"
        || (data.len() <= LONGEST
            && serde_json::from_slice::<Typed<'_>>(data)
                .is_ok_and(|event| PINGS.contains(&event.kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_are_told_from_words() {
        for (name, data, want) in [
            (Some("ping"), r#"{"type": "ping"}"#, true),
            (
                Some("keepalive"),
                r#"{"type":"keepalive","sequence_number":7}"#,
                true,
            ),
            (None, r#"{"type":"ping"}"#, true),
            (None, "{}", true),
            (None, "", true),
            (None, r#"{"type":"content-delta"}"#, false),
            (None, r#"{"choices":[{"delta":{"content":"ping"}}]}"#, false),
            (Some("message_stop"), r#"{"type":"message_stop"}"#, false),
            (None, "[DONE]", false),
        ] {
            assert_eq!(is_ping(&Frame::new(name, data)), want, "{data}");
        }
    }
}
