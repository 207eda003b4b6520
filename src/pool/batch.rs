//! Names of models inside what is worked off later: they are this gateway's, and the vendor has names of its own.
//!
//! A batch is a file of requests, uploaded before anybody asks for a model (`POST /files` with the purpose `batch`), or a list of them
//! in Anthropic's `POST /messages/batches`. Which account takes it is known when it is sent, and so is what that account calls each
//! model. A name that this gateway does not serve by that account stays: it may be the vendor's own. Nothing else is touched.
//!
//! A file that comes in parts (`/uploads`) is not looked into: a line may be split between two of them.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use http::Method;

use super::{account::AccountState, pools::Shared, table::Table};
use crate::{
    issued::{Place, splice, strings},
    request::{ModelRequest, Operation, Payload},
};

/// The body with the names that this account knows; none if there is nothing to rename.
pub(super) fn renamed(
    shared: &Shared,
    request: &ModelRequest,
    state: &Arc<AccountState>,
) -> Option<Payload> {
    let Operation::Resource { method, path } = &request.operation else {
        return None;
    };
    let path = path.split('?').next().unwrap_or_default();
    let payload = &request.payload;
    if *method != Method::POST {
        return None;
    }
    let table = shared.table();
    let names = Names {
        table: &table,
        state,
        known: HashMap::new(),
    };
    let bytes = payload.bytes();
    match path {
        "/files" if payload.is_form() => {
            let file = payload.file_of("batch")?;
            let start = file.start;
            let edits = names.in_lines(bytes.get(file)?, start);
            let content_type = payload.content_type()?.clone();
            let bytes = spliced(bytes, &edits)?;
            Payload::form(bytes, content_type).ok()
        }
        "/messages/batches" if !payload.is_form() => {
            let bytes = spliced(bytes, &names.in_list(bytes))?;
            Some(Payload::opaque(bytes, payload.content_type().cloned()))
        }
        _ => None,
    }
}

type Edits = Vec<(std::ops::Range<usize>, String)>;

fn spliced(bytes: &Bytes, edits: &Edits) -> Option<Bytes> {
    (!edits.is_empty()).then(|| splice(bytes, edits))
}

struct Names<'a> {
    table: &'a Table,
    state: &'a Arc<AccountState>,
    /// By what stands in the body; a file has few names and many lines.
    known: HashMap<Vec<u8>, Option<String>>,
}

impl Names<'_> {
    /// One request a line: its `body.model`. `start`: where the lines begin in the whole body.
    fn in_lines(mut self, lines: &[u8], start: usize) -> Edits {
        let mut edits = Edits::new();
        let mut at = start;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            strings(line, |place| {
                if place.depth == 2 && place.parent == b"body" {
                    self.edit(&place, at, &mut edits);
                }
            });
            at += line.len();
        }
        edits
    }

    /// `requests[].params.model`.
    fn in_list(mut self, body: &[u8]) -> Edits {
        let mut edits = Edits::new();
        strings(body, |place| {
            if place.depth == 4 && place.parent == b"params" {
                self.edit(&place, 0, &mut edits);
            }
        });
        edits
    }

    fn edit(&mut self, place: &Place<'_>, start: usize, edits: &mut Edits) {
        if place.key != b"model" {
            return;
        }
        if !self.known.contains_key(place.text) {
            let name = self.look_up(place.text);
            self.known.insert(place.text.to_vec(), name);
        }
        if let Some(Some(name)) = self.known.get(place.text) {
            let span = start + place.span.start..start + place.span.end;
            edits.push((span, name.clone()));
        }
    }

    /// What the account calls it, as it stands between quotes; none if that is the same or unknown.
    fn look_up(&self, text: &[u8]) -> Option<String> {
        let text = str::from_utf8(text).ok()?;
        let asked: String = serde_json::from_str(&format!("\"{text}\"")).ok()?;
        let found = self.table.find(&asked)?;
        let line = found
            .route
            .lines
            .iter()
            .find(|line| Arc::ptr_eq(&line.state, self.state))?;
        let deployment = line.deployment(&found);
        if *deployment.model == *asked || deployment.model.is_empty() {
            return None;
        }
        let quoted = serde_json::to_string(&*deployment.model).ok()?;
        let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
        Some(inner.to_owned())
    }
}
