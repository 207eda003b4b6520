//! Turns and their parts, read.

use std::collections::VecDeque;

use super::{
    super::{NAME, answer::MADE_ID, signature},
    decode::either,
};
use crate::{
    chat::{Content, Media, Message, Role, Source, Thinking, ToolCall, ToolResult},
    error::Error,
    json::{Object, Value},
};

/// Pairs calls with results, which need not have ids.
#[derive(Default)]
pub(super) struct Conversation {
    calls: usize,
    /// Name and id of the calls that have no result yet.
    open: VecDeque<(String, String)>,
}

impl Conversation {
    /// The operator's words: a text, or a turn of any role.
    pub(super) fn system(&mut self, value: &Value<'_, '_>) -> Result<Vec<Content>, Error> {
        if value.is_string() {
            return Ok(vec![Content::text(value.string()?)]);
        }
        let mut members = value.object()?;
        self.parts(&mut members)
    }

    /// One turn; results of tools become a message of their own before the rest.
    pub(super) fn turn(
        &mut self,
        value: &Value<'_, '_>,
        out: &mut Vec<Message>,
    ) -> Result<(), Error> {
        let mut members = value.object()?;
        let role = members.take("role");
        let name = role.as_ref().map(|v| v.str()).transpose()?;
        let role = match name.as_deref() {
            None | Some("user" | "function" | "tool") => Role::User,
            Some("model") => Role::Assistant,
            Some("system") => Role::System,
            Some(other) => {
                let message = format!("must be `user` or `model`, not {other:?}");
                return Err(members.path().member("role").error(message));
            }
        };
        let content = self.parts(&mut members)?;
        if role != Role::User {
            out.push(Message::new(role, content));
            return Ok(());
        }
        let (results, rest): (Vec<_>, Vec<_>) = content
            .into_iter()
            .partition(|part| matches!(part, Content::ToolResult(_)));
        let only_results = rest.is_empty() && !results.is_empty();
        if !results.is_empty() {
            out.push(Message::new(Role::Tool, results));
        }
        if !only_results {
            out.push(Message::new(Role::User, rest));
        }
        Ok(())
    }

    fn parts(&mut self, members: &mut Object<'_, '_>) -> Result<Vec<Content>, Error> {
        let mut content = Vec::new();
        let Some(parts) = members.take("parts") else {
            return Ok(content);
        };
        if parts.is_array() {
            for part in parts.items()? {
                self.part(&part, &mut content)?;
            }
        } else {
            self.part(&parts, &mut content)?;
        }
        Ok(content)
    }

    fn part(&mut self, part: &Value<'_, '_>, out: &mut Vec<Content>) -> Result<(), Error> {
        if part.is_string() {
            out.push(Content::text(part.string()?));
            return Ok(());
        }
        let mut members = part.object()?;
        let thought = members.take("thought").map(|v| v.bool()).transpose()?;
        let proof = either(&mut members, "thoughtSignature", "thought_signature")
            .map(|v| v.string())
            .transpose()?
            .unwrap_or_default();
        let text = members.take("text").map(|v| v.string()).transpose()?;
        if thought == Some(true)
            && let Some(text) = text
        {
            thinking(text, &proof, out);
            return Ok(());
        }
        if let Some(text) = text {
            sign(&proof, out);
            // An empty text is there for its signature, unless it is all there is.
            if !text.is_empty() || proof.is_empty() {
                out.push(Content::text(text));
            }
            return Ok(());
        }
        if let Some(call) = either(&mut members, "functionCall", "function_call") {
            sign(&proof, out);
            out.push(Content::ToolCall(self.call(&call)?));
            return Ok(());
        }
        if let Some(result) = either(&mut members, "functionResponse", "function_response") {
            out.push(Content::ToolResult(self.result(&result)?));
            return Ok(());
        }
        let inline = either(&mut members, "inlineData", "inline_data");
        let file = either(&mut members, "fileData", "file_data");
        let plain = members.is_empty() && proof.is_empty();
        let found = match (inline, file) {
            (Some(inline), _) if plain => medium(&inline, None)?,
            (None, Some(file)) if plain => medium(&file, Some(()))?,
            (None, None) if members.is_empty() => {
                sign(&proof, out);
                return Ok(());
            }
            _ => None,
        };
        out.push(found.unwrap_or_else(|| {
            members.forget();
            Content::Other {
                dialect: NAME,
                json: part.json(),
            }
        }));
        Ok(())
    }

    fn call(&mut self, value: &Value<'_, '_>) -> Result<ToolCall, Error> {
        let mut members = value.object()?;
        let name = members.require("name")?.string()?;
        let id = match members.take("id").map(|v| v.string()).transpose()? {
            Some(id) if !id.is_empty() => id,
            _ => format!("{MADE_ID}{}", self.calls),
        };
        self.calls += 1;
        self.open.push_back((name.clone(), id.clone()));
        let arguments = members.take("args");
        let arguments = arguments.map_or_else(|| "{}".to_owned(), |args| args.text().to_owned());
        Ok(ToolCall::new(id, name, arguments))
    }

    fn result(&mut self, value: &Value<'_, '_>) -> Result<ToolResult, Error> {
        let mut members = value.object()?;
        let name = members.require("name")?.string()?;
        let id = members
            .take("id")
            .map(|v| v.string())
            .transpose()?
            .filter(|id| !id.is_empty());
        let at = match &id {
            Some(id) => self.open.iter().position(|(_, known)| known == id),
            None => None,
        };
        // Without an id of a call, the oldest one of that name is meant.
        let at = at.or_else(|| self.open.iter().position(|(known, _)| *known == name));
        let call = at.and_then(|at| self.open.remove(at));
        let id = match (call, id) {
            (Some((_, id)), _) | (None, Some(id)) => id,
            (None, None) => name,
        };
        let mut result = ToolResult::new(id, Vec::new());
        if let Some(response) = members.take("response") {
            let (text, is_error) = said(&response)?;
            result.is_error = is_error;
            result.content.push(Content::text(text));
        }
        if let Some(parts) = members.take("parts") {
            for part in parts.items()? {
                self.part(&part, &mut result.content)?;
            }
        }
        Ok(result)
    }
}

/// A thought; what goes on in the next part is one with it.
fn thinking(text: String, proof: &str, out: &mut Vec<Content>) {
    let mut next = match proof {
        "" => Thinking {
            text,
            origin: Some(NAME),
            ..Thinking::default()
        },
        proof => signature::read(text, proof),
    };
    if let Some(Content::Thinking(last)) = out.last_mut()
        && last.signature.is_none()
        && last.redacted.is_none()
        && last.origin == Some(NAME)
        && next.redacted.is_none()
    {
        next.text.insert_str(0, &last.text);
        *last = next;
        return;
    }
    out.push(Content::Thinking(next));
}

/// The signature of the part that follows: it stands with the thought before it, if there is one.
fn sign(proof: &str, out: &mut Vec<Content>) {
    if proof.is_empty() {
        return;
    }
    let signed = signature::read(String::new(), proof);
    if let Some(Content::Thinking(last)) = out.last_mut()
        && last.origin == Some(NAME)
        && last.signature.is_none()
        && signed.origin == Some(NAME)
    {
        last.signature = signed.signature;
        return;
    }
    out.push(Content::Thinking(signed));
}

/// What a tool said, and whether it failed. Clients wrap a text in an object of one member.
fn said(response: &Value<'_, '_>) -> Result<(String, bool), Error> {
    if response.is_string() {
        return Ok((response.string()?, false));
    }
    if !response.is_object() {
        return Ok((response.text().to_owned(), false));
    }
    let mut members = response.object()?;
    for (name, is_error) in [("output", false), ("result", false), ("error", true)] {
        let Some(raw) = members.peek(name) else {
            continue;
        };
        let text: Option<String> = serde_json::from_str(raw.get()).ok();
        members.take_raw(name);
        let alone = members.is_empty();
        members.forget();
        return Ok(match (alone, text) {
            (true, Some(text)) => (text, is_error),
            (true, None) => (raw.get().to_owned(), is_error),
            (false, _) => (response.text().to_owned(), is_error),
        });
    }
    members.forget();
    Ok((response.text().to_owned(), false))
}

/// `inlineData` or, if it is a `file`, `fileData`; none if no other dialect has such media.
fn medium(value: &Value<'_, '_>, file: Option<()>) -> Result<Option<Content>, Error> {
    let mut members = value.object()?;
    let mime = either(&mut members, "mimeType", "mime_type")
        .map(|v| v.string())
        .transpose()?
        .unwrap_or_default();
    let kind = mime.to_ascii_lowercase();
    let source = match file {
        Some(()) => {
            let uri = either(&mut members, "fileUri", "file_uri");
            let uri = uri
                .ok_or_else(|| value.error("must have `fileUri`"))?
                .string()?;
            let (_, guessed) = super::media::kind_of_url(&uri);
            if guessed != Some(kind.as_str()) {
                // The address alone would not tell the type.
                members.forget();
                return Ok(None);
            }
            Source::Url(uri)
        }
        None => Source::Base64 {
            media_type: kind.clone(),
            data: members.require("data")?.string()?,
        },
    };
    let mut media = Media::new(source);
    media.title = either(&mut members, "displayName", "display_name")
        .map(|v| v.string())
        .transpose()?;
    Ok(Some(match kind.split('/').next().unwrap_or_default() {
        "image" => Content::Image(media),
        "audio" => Content::Audio(media),
        "text" | "application" => Content::Document(media),
        _ => {
            members.forget();
            return Ok(None);
        }
    }))
}
