//! Ids in JSON bodies, paths and queries: found, and replaced where they stand.

use std::ops::Range;

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;

use super::{AccountTag, MARK, Pin, Place, strings, unwrap, wrap};
use crate::error::Error;

/// Which ids of an answer are wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrap {
    /// All that name something an account keeps.
    All,
    /// Those of stored answers: the answer's own and the one before it. An answer's items have ids too, which mean something only
    /// beside it.
    Answers,
    /// The same, where an answer may not be stored: it says so (`store`), or its id is none of OpenAI's kind. Then its bytes pass.
    Stored,
}

/// A body's bytes with the ids as their account knows them, and the account; the same bytes if no id carries one. In a conversation
/// a member called `id` mostly names what is no account's.
///
/// # Errors
/// If the ids are of different accounts.
pub(crate) fn claim(body: Bytes, chat: bool, pin: &mut Option<Pin>) -> Result<Bytes, Error> {
    if memmem::find(&body, MARK.as_bytes()).is_none() {
        return Ok(body);
    }
    let mut found = Vec::new();
    strings(&body, |place| {
        let named = match place.key {
            b"conversation" | b"container" => true,
            b"id" if chat => place.parent == b"conversation",
            key => is_id(key),
        };
        if named {
            let id = str::from_utf8(place.text).ok();
            if let Some((account, native)) = id.and_then(unwrap) {
                let told = String::from_utf8_lossy(place.text).into_owned();
                found.push((place.span, account, native, told));
            }
        }
    });
    let mut edits = Vec::with_capacity(found.len());
    for (span, account, native, told) in found {
        join(pin, account, told)?;
        edits.push((span, native));
    }
    Ok(splice(&body, &edits))
}

/// The same for a path or a query: the ids are whatever stands between its separators.
///
/// # Errors
/// As [`claim`].
pub(crate) fn claim_text(text: &str, pin: &mut Option<Pin>) -> Result<String, Error> {
    if !text.contains(MARK) {
        return Ok(text.to_owned());
    }
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(['/', '?', '&', '=', ',', ':']) {
        let end = piece.trim_end_matches(['/', '?', '&', '=', ',', ':']);
        match unwrap(end) {
            Some((account, native)) => {
                join(pin, account, end.to_owned())?;
                out.push_str(&native);
                out.push_str(piece.get(end.len()..).unwrap_or_default());
            }
            None => out.push_str(piece),
        }
    }
    Ok(out)
}

fn join(pin: &mut Option<Pin>, account: AccountTag, id: String) -> Result<(), Error> {
    match pin {
        None => *pin = Some(Pin::new(account, id)),
        Some(pin) if pin.account == account => {}
        Some(other) => {
            let message = format!(
                "`{}` and `{id}` were issued by different accounts: nobody has both",
                other.id
            );
            return Err(Error::invalid("", message).with_code("ids_of_different_accounts"));
        }
    }
    Ok(())
}

/// An answer's bytes with its ids as callers are told them.
pub(crate) fn wrap_ids(body: &Bytes, account: AccountTag, which: Wrap) -> Bytes {
    let mut edits = Vec::new();
    let store = match which {
        Wrap::Stored => is_stored(body),
        _ => Some(true),
    };
    if store == Some(false) {
        return body.clone();
    }
    strings(body, |place| {
        let named = match which {
            Wrap::All => is_id(place.key),
            Wrap::Stored if store.is_none() && !place.text.starts_with(b"resp_") => false,
            Wrap::Stored | Wrap::Answers => is_answers_id(&place),
        };
        // Ids have no escapes; what has is none.
        if named
            && !place.text.is_empty()
            && !place.text.contains(&b'\\')
            && let Ok(id) = str::from_utf8(place.text)
        {
            edits.push((place.span, wrap(id, account)));
        } else if place.key == b"results_url"
            && let Some(url) = results_url(place.text, account)
        {
            edits.push((place.span, url));
        }
    });
    splice(body, &edits)
}

/// Where Anthropic's clients fetch the results of a batch: at its vendor, with the vendor's key, if it were left as it is. They take a
/// path for one at the address they know.
fn results_url(url: &[u8], account: AccountTag) -> Option<String> {
    const BATCHES: &str = "/messages/batches/";
    let (_, below) = str::from_utf8(url).ok()?.split_once(BATCHES)?;
    let (id, rest) = below.split_once('/')?;
    Some(format!("/v1{BATCHES}{}/{rest}", wrap(id, account)))
}

/// Does the vendor keep this answer, or the one in this event? None if it does not say.
fn is_stored(body: &[u8]) -> Option<bool> {
    #[derive(Deserialize)]
    struct Event {
        #[serde(default)]
        store: Option<bool>,
        #[serde(default)]
        response: Option<Answer>,
    }
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        store: Option<bool>,
    }
    let event: Event = serde_json::from_slice(body).ok()?;
    event
        .store
        .or_else(|| event.response.and_then(|answer| answer.store))
}

/// In a whole answer its own id is at the root, in an event below `response`.
fn is_answers_id(place: &Place<'_>) -> bool {
    match place.key {
        b"previous_response_id" | b"response_id" => true,
        b"id" => place.depth == 1 || (place.depth == 2 && place.parent == b"response"),
        _ => false,
    }
}

/// Members that name something an account keeps.
fn is_id(key: &[u8]) -> bool {
    matches!(
        key,
        b"id"
            | b"batch_id"
            | b"batch_ids"
            | b"container_id"
            | b"conversation_id"
            | b"error_file_id"
            | b"file_id"
            | b"file_ids"
            | b"first_id"
            | b"input_file_id"
            | b"input_file_ids"
            | b"job_id"
            | b"last_id"
            | b"output_file_id"
            | b"part_ids"
            | b"previous_response_id"
            | b"remixed_from_video_id"
            | b"response_id"
            | b"result_files"
            | b"task_id"
            | b"training_file"
            | b"training_files"
            | b"upload_id"
            | b"validation_file"
            | b"validation_files"
            | b"vector_store_id"
            | b"vector_store_ids"
            | b"video_id"
    )
}

/// The bytes with other text in these places, which are in order.
pub(crate) fn splice(bytes: &Bytes, edits: &[(Range<usize>, String)]) -> Bytes {
    if edits.is_empty() {
        return bytes.clone();
    }
    let more: usize = edits.iter().map(|(_, text)| text.len()).sum();
    let mut out = Vec::with_capacity(bytes.len() + more);
    let mut from = 0;
    for (span, text) in edits {
        out.extend_from_slice(bytes.get(from..span.start).unwrap_or_default());
        out.extend_from_slice(text.as_bytes());
        from = span.end;
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag() -> AccountTag {
        AccountTag::of("openai", "team-a")
    }

    #[test]
    fn ids_go_out_and_come_in_again() {
        let body = Bytes::from_static(
            br#"{ "id":"batch_1", "object":"batch","input_file_id" : "file-1","output_file_id":null,"metadata":{"id":"mine"},"errors":{"data":[{"line":1,"code":"id"}]},"result_files":["file-2","file-3"],"model":"id"}"#,
        );
        let told = wrap_ids(&body, tag(), Wrap::All);
        let text = std::str::from_utf8(&told).unwrap();
        assert_eq!(text.matches(MARK).count(), 4, "{text}");
        assert!(text.contains(r#""metadata":{"id":"mine"}"#), "{text}");
        let mut pin = None;
        assert_eq!(claim(told, false, &mut pin).unwrap(), body);
        assert_eq!(pin.unwrap().account, tag());
        assert!(claim(body.clone(), false, &mut None).unwrap() == body);
    }

    #[test]
    fn of_an_answer_only_its_own_id_is_wrapped() {
        let whole = Bytes::from_static(
            br#"{"id":"resp_1","output":[{"id":"msg_1","content":[{"id":"x"}]}],"previous_response_id":"resp_0"}"#,
        );
        let told = wrap_ids(&whole, tag(), Wrap::Answers);
        let text = std::str::from_utf8(&told).unwrap();
        assert_eq!(text.matches(MARK).count(), 2, "{text}");
        assert!(text.contains(r#""id":"msg_1""#), "{text}");
        let event = Bytes::from_static(
            br#"{"type":"response.created","response":{"id":"resp_1","output":[{"id":"msg"}]},"item":{"id":"msg"}}"#,
        );
        let told = wrap_ids(&event, tag(), Wrap::Answers);
        assert_eq!(std::str::from_utf8(&told).unwrap().matches(MARK).count(), 1);
    }

    #[test]
    fn an_answer_that_is_not_stored_passes() {
        for (body, wrapped) in [
            (r#"{"id":"resp_1"}"#, true),
            (r#"{"id":"resp_1","store":true}"#, true),
            (r#"{"id":"550e","store":true}"#, true),
            (r#"{"id":"550e"}"#, false),
            (r#"{"id":"resp_1","store":false}"#, false),
            (r#"{"response":{"id":"resp_1","store":false}}"#, false),
            (r#"{"response":{"id":"resp_1","store":true}}"#, true),
        ] {
            let told = wrap_ids(&Bytes::from_static(body.as_bytes()), tag(), Wrap::Stored);
            assert_eq!(told != body, wrapped, "{body}");
        }
    }

    #[test]
    fn results_are_fetched_here() {
        let body = Bytes::from_static(
            br#"{"id":"msgbatch_1","results_url":"https://api.anthropic.com/v1/messages/batches/msgbatch_1/results"}"#,
        );
        let told = wrap_ids(&body, tag(), Wrap::All);
        let id = wrap("msgbatch_1", tag());
        assert_eq!(
            told,
            format!(r#"{{"id":"{id}","results_url":"/v1/messages/batches/{id}/results"}}"#)
        );
    }

    #[test]
    fn a_text_that_looks_like_an_id_stays() {
        let id = wrap("file-1", tag());
        let body = Bytes::from(format!(
            r#"{{"messages":[{{"role":"user","content":"{id}"}}]}}"#
        ));
        let mut pin = None;
        assert_eq!(claim(body.clone(), true, &mut pin).unwrap(), body);
        assert_eq!(pin, None);
    }

    #[test]
    fn paths_and_queries_are_claimed_and_strangers_refused() {
        let (a, b) = (wrap("file-1", tag()), wrap("file-2", tag()));
        let mut pin = None;
        let path = claim_text(&format!("/files/{a}/content?after={b}&limit=2"), &mut pin).unwrap();
        assert_eq!(path, "/files/file-1/content?after=file-2&limit=2");
        assert_eq!(&*pin.clone().unwrap().id, a);
        let other = wrap("file-3", AccountTag::of("openai", "team-b"));
        let error = claim_text(&other, &mut pin).unwrap_err();
        assert!(error.message().contains(&a) && error.message().contains(&other));
    }
}
