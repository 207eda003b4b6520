//! A conversation's tokens, by what is in it.

use super::image;
use crate::chat::{ChatRequest, Content, Media, ResponseFormat, Source, Tool, ToolKind};

/// What a message costs beside its words.
const MESSAGE: u64 = 4;
/// What a tool costs beside its words.
const TOOL: u64 = 12;
/// What the first tool brings along.
const TOOLS: u64 = 40;

/// What characters cost, in hundredths of a token.
const LETTER: u64 = 25;
const MARK: u64 = 45;
const DIGIT: u64 = 40;
const SPACE: u64 = 10;
const INDENT: u64 = 3;
const FOREIGN: u64 = 50;
const IDEOGRAPH: u64 = 100;
const EMOJI: u64 = 200;

/// About how many tokens this conversation has at a vendor of this dialect.
pub(crate) fn estimate(request: &ChatRequest, dialect: &str) -> u64 {
    let mut count = Count { dialect, cents: 0 };
    for message in &request.messages {
        count.tokens(MESSAGE);
        count.parts(&message.content);
    }
    if !request.tools.is_empty() {
        count.tokens(TOOLS);
    }
    for tool in &request.tools {
        count.tool(tool);
    }
    if let Some(ResponseFormat::JsonSchema { schema, .. }) = &request.response_format {
        count.text(schema.as_str());
    }
    count.cents.div_ceil(100).max(1)
}

struct Count<'d> {
    dialect: &'d str,
    /// Hundredths of a token.
    cents: u64,
}

impl Count<'_> {
    fn tokens(&mut self, tokens: u64) {
        self.cents = self.cents.saturating_add(tokens.saturating_mul(100));
    }

    fn tool(&mut self, tool: &Tool) {
        self.tokens(TOOL);
        self.text(&tool.name);
        self.text(tool.description.as_deref().unwrap_or_default());
        match &tool.kind {
            ToolKind::Function { schema: json, .. } | ToolKind::Custom { format: json } => {
                self.text(json.as_ref().map_or("", |json| json.as_str()));
            }
            ToolKind::Hosted { json, .. } => self.text(json.as_str()),
        }
    }

    fn parts(&mut self, parts: &[Content]) {
        for part in parts {
            match part {
                Content::Text { text, .. } | Content::Refusal(text) => self.text(text),
                Content::Image(media) => self.image(media),
                Content::Document(media) => self.document(media),
                Content::Audio(media) => self.audio(media),
                Content::ToolCall(call) => {
                    self.tokens(MESSAGE);
                    self.text(&call.name);
                    self.text(&call.arguments);
                }
                Content::ToolResult(result) => {
                    self.tokens(MESSAGE);
                    self.parts(&result.content);
                }
                // What is encrypted says nothing of its length.
                Content::Thinking(thinking) => self.text(&thinking.text),
                Content::Other { json, .. } => self.text(json.as_str()),
            }
        }
    }

    fn text(&mut self, text: &str) {
        let mut before = ' ';
        let mut cents = 0;
        for c in text.chars() {
            cents += match c {
                'a'..='z' | 'A'..='Z' => LETTER,
                ' ' | '\t' if before.is_ascii_whitespace() => INDENT,
                ' ' | '\t' => SPACE,
                '0'..='9' => DIGIT,
                c if c.is_ascii() => MARK,
                '\u{2e80}'..='\u{9fff}'
                | '\u{ac00}'..='\u{d7af}'
                | '\u{f900}'..='\u{faff}'
                | '\u{20000}'.. => IDEOGRAPH,
                '\u{1f000}'..='\u{1ffff}' => EMOJI,
                _ => FOREIGN,
            };
            before = c;
        }
        self.cents = self.cents.saturating_add(cents);
    }

    fn image(&mut self, media: &Media) {
        let size = match &media.source {
            Source::Base64 { data, .. } => image::size(data),
            Source::Url(url) => url
                .split_once(";base64,")
                .and_then(|(_, data)| image::size(data)),
            _ => None,
        };
        let low = media.detail.as_deref() == Some("low");
        self.tokens(image::tokens(
            self.dialect,
            size.unwrap_or(image::USUAL),
            low,
        ));
    }

    fn document(&mut self, media: &Media) {
        /// Bytes of a page.
        const PAGE: u64 = 60_000;
        self.text(media.title.as_deref().unwrap_or_default());
        self.text(media.context.as_deref().unwrap_or_default());
        let pages = match &media.source {
            Source::Text(text) => return self.text(text),
            Source::Parts(parts) => return self.parts(parts),
            Source::Base64 { media_type, data } if media_type.starts_with("text/") => {
                return self.tokens(decoded(data) / 4);
            }
            Source::Base64 { data, .. } => decoded(data).div_ceil(PAGE).max(1),
            // Nobody knows: a short paper.
            Source::Url(_) | Source::File(_) => 5,
        };
        self.tokens(pages.saturating_mul(match self.dialect {
            "gemini" => 258,
            "anthropic" | "bedrock-converse" => 2_000,
            _ => 1_000,
        }));
    }

    fn audio(&mut self, media: &Media) {
        let seconds = match &media.source {
            // 16 kHz of 16 bits, or 128 kbit/s.
            Source::Base64 { media_type, data } => match media_type.contains("wav") {
                true => decoded(data) / 32_000,
                false => decoded(data) / 16_000,
            },
            _ => 30,
        };
        let each = if self.dialect == "gemini" { 32 } else { 10 };
        self.tokens(seconds.max(1).saturating_mul(each));
    }
}

/// The bytes of a text of base64.
const fn decoded(base64: &str) -> u64 {
    base64.len() as u64 / 4 * 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Json, chat::Message};

    fn of(text: &str) -> u64 {
        estimate(
            &ChatRequest::new("m", vec![Message::user(text)]),
            "anthropic",
        ) - MESSAGE
    }

    #[test]
    fn text_counts_by_its_script() {
        // What GPT-4o's tokenizer makes of these, give or take a quarter.
        for (text, real) in [
            (
                "The quick brown fox jumps over the lazy dog near the river bank.",
                15,
            ),
            (
                r#"{"type":"object","properties":{"city":{"type":"string"}}}"#,
                16,
            ),
            ("    if x == 10:\n        return y + 1\n", 15),
            ("今天天气很好,我们去公园散步吧。", 14),
            ("Сегодня хорошая погода, пойдём гулять в парк.", 14),
        ] {
            let got = of(text);
            assert!(
                got * 2 >= real && got <= real * 2,
                "{text}: {got}, not {real}"
            );
        }
        assert_eq!(of(""), 0);
    }

    #[test]
    fn everything_counts() {
        let mut request = ChatRequest::new("m", vec![Message::user("hi")]);
        let alone = estimate(&request, "anthropic");
        let schema = Json::parse(r#"{"type":"object","properties":{"path":{"type":"string"}}}"#);
        request
            .tools
            .push(Tool::function("read", "Reads a file.", schema.unwrap()));
        let tools = estimate(&request, "anthropic");
        assert!(tools > alone + 50, "{tools}");
        request
            .messages
            .insert(0, Message::system("Be brief. ".repeat(100)));
        let system = estimate(&request, "anthropic");
        assert!(system > tools + 200, "{system}");
        let picture = Source::Base64 {
            media_type: "image/png".into(),
            data: "A".repeat(4_000_000),
        };
        let image = Content::Image(Media::new(picture));
        request
            .messages
            .push(Message::new(crate::chat::Role::User, vec![image]));
        let pictured = estimate(&request, "anthropic");
        assert!(
            (1_000..2_000).contains(&(pictured - system)),
            "not by its bytes"
        );
    }
}
