//! Everything that goes wrong at a vendor, and how an answer is spoilt by it.

use std::time::Duration;

use trunkline::testing::Answer;

use crate::{dice::Dice, vendors::Wire};

/// What happens to one call. The number is the share of calls it happens to, in per mille.
macro_rules! faults {
    ($($name:ident $permille:literal $text:literal),* $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Fault { None, $($name),* }

        impl Fault {
            pub const ALL: &[(Self, usize)] = &[$((Self::$name, $permille)),*];

            pub const fn text(self) -> &'static str {
                match self { Self::None => "no fault", $(Self::$name => $text),* }
            }
        }
    };
}

faults! {
    Refused 15 "status 400, 413, 422",
    Key 10 "status 401, 402, 403",
    Missing 10 "status 404",
    Limited 30 "status 429, retry-after",
    Failing 40 "status 500, 502, 503, 504, 529",
    Delayed 40 "delay before the headers",
    Trickled 30 "pauses between pieces",
    Pieces 60 "cut into pieces of 1 to 9 bytes",
    LineEndings 60 "CR, CR LF, comments, a BOM",
    SameIds 30 "the same id for two calls",
    IdleClose 50 "connection closed while idle",
    Cut 30 "body cut at any byte (FIN)",
    ResetBody 20 "body reset at any byte (RST)",
    ResetHead 15 "reset before the headers",
    HangUp 15 "closed before the headers",
    EarlyEnd 20 "ended early as if whole",
    Malformed 25 "malformed JSON or frame",
    StallHead 10 "stall before the headers",
    StallFirst 10 "stall before the first byte",
    StallMiddle 10 "stall in the middle",
    Compressed 20 "gzip, br or zstd unasked",
    ErrorIn200 20 "error in a 200",
    ErrorLater 15 "error after content",
    Empty 15 "empty 200",
    Html 15 "HTML 200",
}

/// What a vendor will do.
pub struct Plan {
    pub answer: Answer,
    pub may_succeed: bool,
    pub in_full: bool,
    /// Close the connection so long after the answer.
    pub close_after: Option<Duration>,
}

impl Fault {
    pub fn draw(dice: &mut Dice) -> Self {
        let mut at = dice.below(1_000);
        for (fault, permille) in Self::ALL {
            match at.checked_sub(*permille) {
                Some(rest) => at = rest,
                None => return *fault,
            }
        }
        Self::None
    }

    /// Is the answer good in spite of it?
    pub const fn is_harmless(self) -> bool {
        matches!(
            self,
            Self::None
                | Self::Delayed
                | Self::Trickled
                | Self::Pieces
                | Self::LineEndings
                | Self::SameIds
                | Self::IdleClose
        )
    }

    /// Spoils an answer.
    pub fn spoil(self, good: Answer, wire: Wire, stream: bool, marker: &str, dice: &mut Dice) -> Plan {
        let content = good.content();
        let length = content.len();
        let somewhere = dice.below(length + 1);
        // What comes behind the end of a stream's last word is no loss.
        let told =
            |bytes: usize| stream && (bytes + 2 >= length || wire.is_told(&content[..bytes]));
        let error = |status: u16| wire.error(status, &format!("refused for {marker}"));
        let mut plan = Plan {
            answer: good.clone(),
            may_succeed: self.is_harmless(),
            in_full: self.is_harmless(),
            close_after: None,
        };
        plan.answer = match self {
            Self::None | Self::SameIds => good,
            Self::Refused => error(dice.one(&[400, 413, 422])),
            Self::Key => error(dice.one(&[401, 402, 403])),
            Self::Missing => error(404),
            Self::Limited => {
                let (name, value) = dice.one(&[
                    ("retry-after", "1"),
                    ("retry-after-ms", "20"),
                    ("retry-after", "0"),
                    ("x-nothing", "none"),
                ]);
                error(429).header(name, value)
            }
            Self::Failing => error(dice.one(&[500, 502, 503, 504, 529])),
            Self::Delayed => good.delay(dice.millis(5, 80)),
            Self::Trickled => good
                .chunks_of((length / 12).max(1))
                .first_chunk_after(dice.millis(1, 20))
                .between(dice.millis(1, 8)),
            Self::Pieces => good.chunks_of(dice.between(1, 9).max(length / 2_000)),
            Self::LineEndings if stream && wire != Wire::Converse => line_endings(&content, dice),
            Self::LineEndings => good,
            Self::IdleClose => {
                plan.close_after = Some(dice.millis(0, 6));
                good
            }
            Self::Cut => {
                plan.may_succeed = told(somewhere) || somewhere == length;
                good.cut_after(somewhere)
            }
            Self::ResetBody => {
                plan.may_succeed = told(somewhere) || somewhere == length;
                good.reset_after(somewhere)
            }
            Self::ResetHead => Answer::reset().delay(dice.millis(0, 5)),
            Self::HangUp => Answer::hang_up().delay(dice.millis(0, 5)),
            Self::EarlyEnd => {
                let end = dice.below(length);
                plan.may_succeed = told(end);
                wire.remade(&content[..end], stream)
            }
            Self::Malformed => wire.remade(&malformed(&content, wire, stream, dice), stream),
            Self::StallHead => Answer::silence(),
            Self::StallFirst => good.stall_after(0),
            Self::StallMiddle => {
                let pieces = dice.between(1, 20);
                let size = (length / 24).max(1);
                plan.may_succeed = told((pieces * size).min(length));
                good.chunks_of(size).stall_after(pieces)
            }
            Self::Compressed => {
                let (name, body) = dice.one(&[("gzip", gzip as fn(&[u8]) -> Vec<u8>), ("br", garbled), ("zstd", zstd)]);
                wire.remade(&body(&content), stream).header("content-encoding", name)
            }
            Self::ErrorIn200 if stream => wire.remade(wire.error_frame(marker).as_ref(), true),
            Self::ErrorIn200 => Answer::json(200, error(500).content()),
            Self::ErrorLater if stream => {
                let end = frame_ends(&content, wire).get(3).copied().unwrap_or(0);
                let mut bytes = content[..end].to_vec();
                bytes.extend(wire.error_frame(marker));
                wire.remade(&bytes, true)
            }
            Self::ErrorLater => error(500),
            Self::Empty if stream => wire.remade(b"", true),
            Self::Empty => Answer::status(200),
            Self::Html => Answer::status(200)
                .header("content-type", "text/html")
                .body(format!("<!doctype html><h1>{marker}</h1>")),
        };
        plan
    }
}

/// The same events with other line endings and things in between that mean nothing.
fn line_endings(content: &[u8], dice: &mut Dice) -> Answer {
    let text = String::from_utf8_lossy(content).replace("\r\n", "\n");
    let ending = dice.one(&["\n", "\r\n", "\r"]);
    let comment = dice.percent(50);
    let mut all = if dice.percent(30) { "\u{feff}".to_owned() } else { String::new() };
    for block in text.split_inclusive("\n\n") {
        if comment {
            all.push_str(": still here\n\n");
        }
        all.push_str(block);
    }
    let all = all.replace('\n', ending);
    Answer::sse([all]).chunks_of(dice.between(1, 400))
}

/// Where the frames of a stream end.
fn frame_ends(content: &[u8], wire: Wire) -> Vec<usize> {
    if wire == Wire::Converse {
        let mut ends = Vec::new();
        let mut at = 0;
        while let Some(head) = content.get(at..at + 4) {
            at += u32::from_be_bytes(head.try_into().unwrap()) as usize;
            ends.push(at);
        }
        return ends;
    }
    let blank: &[u8] = if wire == Wire::Gemini { b"\r\n\r\n" } else { b"\n\n" };
    let places = content.windows(blank.len()).enumerate();
    places
        .filter(|(_, bytes)| *bytes == blank)
        .map(|(at, _)| at + blank.len())
        .collect()
}

fn malformed(content: &[u8], wire: Wire, stream: bool, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = content.to_vec();
    if !stream {
        match dice.below(3) {
            // As long as announced, and yet not whole.
            0 => bytes.truncate(dice.between(1, bytes.len() - 1)),
            1 => bytes.extend(b"}"),
            _ => bytes = b"{\"id\":\"x\",,}".to_vec(),
        }
        return bytes;
    }
    let ends = frame_ends(content, wire);
    let at = ends[dice.below(ends.len() / 2)];
    if wire == Wire::Converse {
        // A flipped bit, which the message's sum gives away.
        bytes[at - 6] ^= 1;
        return bytes;
    }
    bytes.splice(at..at, *b"data: {\"id\":\"x\",,\n\n");
    bytes
}

/// A gzip member of stored blocks.
fn gzip(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = content.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        out.push(u8::from(blocks.peek().is_none()));
        let length = block.len() as u16;
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    out.extend(crc32fast::hash(content).to_le_bytes());
    out.extend((content.len() as u32).to_le_bytes());
    out
}

/// A zstd frame of one raw block.
fn zstd(content: &[u8]) -> Vec<u8> {
    let size = content.len() as u32;
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    out.extend(size.to_le_bytes());
    out.extend(&((size << 3) | 1).to_le_bytes()[..3]);
    out.extend(content);
    out
}

/// Nothing that anybody could read, as brotli is to whoever does not know it.
fn garbled(content: &[u8]) -> Vec<u8> {
    content.iter().map(|byte| byte.rotate_left(3) ^ 0x5a).collect()
}
