//! What tools answered.

use super::{
    super::{
        NAME,
        models::Family,
        wire::{Block, Kind, member},
    },
    points,
    turns::{At, FILL, Writer, said},
};
use crate::{
    Json,
    chat::{Content, Role, ToolResult},
    error::Error,
    json,
};

impl<'a> Writer<'a, '_> {
    /// The results of the calls in messages `start` to `i`, in the order they came; then what is missing; then files that the model
    /// takes only beside a result.
    pub(super) fn results(&mut self, start: usize, i: usize) -> Result<Vec<Block<'a>>, Error> {
        let messages = self.messages;
        let mut given = Vec::new();
        let mut missing = Vec::new();
        for call in self.pairs.of_messages(start, i) {
            match call.result {
                Some(place) => given.push((place, call.wire.clone())),
                None => missing.push((call.id, call.wire.clone())),
            }
        }
        given.sort_by_key(|(place, _)| *place);
        let (mut blocks, mut beside) = (Vec::new(), Vec::new());
        for ((message, part), id) in given {
            let content = messages.get(message).and_then(|m| m.content.get(part));
            let Some(Content::ToolResult(result)) = content else {
                continue;
            };
            let at = At(message, part);
            if self.speakers.get(i + 1) != self.speakers.get(message) {
                self.report
                    .repaired(at, "the result stands directly after its call");
            }
            self.result(result, &id, at, &mut blocks, &mut beside)?;
        }
        for (id, wire) in missing {
            self.report.repaired(
                format_args!("messages[{i}]"),
                format!("the call `{id}` has no result: it is told as failed"),
            );
            let words = said("No result: the tool call was not answered.");
            blocks.push(self.tool_result(&wire, vec![words], true));
        }
        blocks.extend(beside);
        Ok(blocks)
    }

    fn result(
        &mut self,
        result: &'a ToolResult,
        id: &str,
        at: At,
        blocks: &mut Vec<Block<'a>>,
        beside: &mut Vec<Block<'a>>,
    ) -> Result<(), Error> {
        let mut content = Vec::new();
        for part in &result.content {
            match part {
                Content::Text { text, .. } if text.trim().is_empty() => {}
                Content::Text { text, .. } => content.push(said(text)),
                Content::Other { dialect, json } if *dialect == NAME => content.push(json.clone()),
                _ => match self.file(part, at)? {
                    Some(file) if file.fits_result => content.push(file.json),
                    Some(file) => {
                        self.report.changed(
                            at,
                            "this model takes no such file inside a result: it stands behind it",
                        );
                        content.push(said("The file stands behind the results."));
                        beside.push(Block::Part(file.kind, file.json));
                    }
                    None => {
                        let found = match part {
                            Content::Other { dialect, json } => self.search(dialect, json),
                            _ => None,
                        };
                        if found.is_none() {
                            self.report.dropped(at, "the vendor has no such part");
                        }
                        content.extend(found);
                    }
                },
            }
        }
        if content.is_empty() {
            content.push(said(if result.is_error {
                "The tool failed and said nothing."
            } else {
                FILL
            }));
        }
        blocks.push(self.tool_result(id, content, result.is_error));
        let inner = result.content.iter().find_map(|part| match part {
            Content::Text { cache, .. } => cache.as_ref(),
            Content::Image(media) | Content::Document(media) => media.cache.as_ref(),
            _ => None,
        });
        let point = points::of(result.cache.as_ref().or(inner), self.model, at, self.report);
        blocks.extend(point.map(Block::Point));
        Ok(())
    }

    fn tool_result(&mut self, id: &str, content: Vec<Json>, failed: bool) -> Block<'a> {
        let told = failed && self.model.family != Family::Writer;
        if failed && !told {
            self.report
                .dropped("is_error", "this model does not take it");
        }
        let inner = json::object(|o| {
            o.field("toolUseId", id).array("content", content);
            if told {
                o.field("status", "error");
            }
        });
        Block::Part(Kind::Result, member("toolResult", &inner))
    }

    /// A result without a call is told in words.
    pub(super) fn orphan(
        &mut self,
        result: &'a ToolResult,
        at: At,
        blocks: &mut Vec<Block<'a>>,
    ) -> Result<(), Error> {
        self.report.repaired(
            at,
            format!(
                "no call has the id `{}`: the result is told in words",
                result.id
            ),
        );
        let words: String = result.content.iter().filter_map(Content::as_text).collect();
        blocks.push(Block::text(format!("Tool result: {words}")));
        for part in result.content.iter().filter(|p| p.as_text().is_none()) {
            self.block(part, Role::User, at, blocks)?;
        }
        Ok(())
    }
}
