//! Events as lines of text: when, how grave, in which spans, where, what, and the fields.
//!
//! tracing-subscriber's own text needs several times as long, most of it for colours that a file has not. Fields cannot break a
//! line: control characters in them are escaped.

use std::{
    cell::Cell,
    fmt::{self, Write},
    mem,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_log::NormalizeEvent;
use tracing_subscriber::{
    Layer,
    layer::Context,
    registry::{LookupSpan, SpanRef},
};

use super::spool::Spool;

/// Writes events without colours.
#[derive(Debug)]
pub struct Lines(pub Spool);

/// The fields of a span.
struct Within(Line);

#[derive(Default)]
struct Line(Vec<u8>);

/// Writes what writes itself.
struct Words<'a> {
    line: &'a mut Line,
    /// May it have several lines?
    lines: bool,
}

/// Writes fields, with spaces between them.
struct Fields<'a> {
    line: &'a mut Line,
    first: bool,
}

thread_local! {
    /// The room of the latest line.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut line = Line(Vec::with_capacity(64));
            attributes.record(&mut Fields::of(&mut line));
            span.extensions_mut().replace(Within(line));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(Within(line)) = span.extensions_mut().get_mut()
        {
            let first = line.0.is_empty();
            values.record(&mut Fields { line, first });
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // Taken, not borrowed: what writes a field may log as well.
        let mut line = Line(ROOM.try_with(Cell::take).unwrap_or_default());
        let normal = event.normalized_metadata();
        let metadata = normal.as_ref().unwrap_or_else(|| event.metadata());
        line.time(SystemTime::now());
        line.bytes(match *metadata.level() {
            tracing::Level::ERROR => b" ERROR ",
            tracing::Level::WARN => b"  WARN ",
            tracing::Level::INFO => b"  INFO ",
            tracing::Level::DEBUG => b" DEBUG ",
            tracing::Level::TRACE => b" TRACE ",
        });
        if let Some(span) = context.event_span(event) {
            line.spans(&span);
            line.0.push(b' ');
        }
        line.bytes(metadata.target().as_bytes());
        line.bytes(b": ");
        event.record(&mut Fields::of(&mut line));
        line.0.push(b'\n');
        self.0.add(&line.0);
        line.0.clear();
        let _ = ROOM.try_with(|room| room.set(line.0));
    }
}

impl Line {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// RFC 3339, to the microsecond.
    fn time(&mut self, now: SystemTime) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let (seconds, micros) = (since.as_secs(), u64::from(since.subsec_micros()));
        let (year, month, day) = date(seconds / 86_400);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        digits(&mut text[..4], year);
        digits(&mut text[5..7], month);
        digits(&mut text[8..10], day);
        digits(&mut text[11..13], seconds / 3_600 % 24);
        digits(&mut text[14..16], seconds / 60 % 60);
        digits(&mut text[17..19], seconds % 60);
        digits(&mut text[20..26], micros);
        self.bytes(&text);
    }

    /// `name{fields}:` of the span and those around it, the outermost first.
    fn spans<'a, R: LookupSpan<'a>>(&mut self, span: &SpanRef<'a, R>) {
        if let Some(parent) = span.parent() {
            self.spans(&parent);
        }
        self.bytes(span.name().as_bytes());
        if let Some(Within(fields)) = span.extensions().get()
            && !fields.0.is_empty()
        {
            self.0.push(b'{');
            self.bytes(&fields.0);
            self.0.push(b'}');
        }
        self.0.push(b':');
    }

    /// As Rust writes a text: in quotation marks, the unusual escaped.
    fn quoted(&mut self, text: &str) {
        if is_plain(text) {
            self.0.push(b'"');
            self.bytes(text.as_bytes());
            self.0.push(b'"');
        } else {
            self.words(false, format_args!("{text:?}"));
        }
    }

    fn words(&mut self, lines: bool, words: fmt::Arguments<'_>) {
        let mut out = Words { line: self, lines };
        // It cannot fail.
        let _ = out.write_fmt(words);
    }

    fn number(&mut self, mut number: u64) {
        let mut text = [0; 20];
        let mut used = 0;
        for digit in text.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            used += 1;
            if number == 0 {
                break;
            }
        }
        self.bytes(text.get(text.len() - used..).unwrap_or_default());
    }
}

/// No control character gets through, neither a line's end nor a command to a terminal. Our own words may have several lines.
impl Write for Words<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if is_plain(text) {
            self.line.bytes(text.as_bytes());
            return Ok(());
        }
        for char in text.chars() {
            if char.is_control() && !(self.lines && char == '\n') {
                for char in char.escape_default() {
                    self.line.0.push(char as u8);
                }
            } else {
                let mut room = [0; 4];
                self.line.bytes(char.encode_utf8(&mut room).as_bytes());
            }
        }
        Ok(())
    }
}

impl<'a> Fields<'a> {
    const fn of(line: &'a mut Line) -> Self {
        Self { line, first: true }
    }

    fn name(&mut self, field: &Field) {
        if !mem::take(&mut self.first) {
            self.line.0.push(b' ');
        }
        self.line.bytes(field.name().as_bytes());
        self.line.0.push(b'=');
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        // What the field says of a record of `log` stands in the line already.
        if !field.name().starts_with("log.") {
            self.name(field);
            self.line.quoted(value);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() != "log.line" {
            self.name(field);
            self.line.number(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let message = field.name() == "message";
        if !message {
            self.name(field);
        } else if !mem::take(&mut self.first) {
            self.line.0.push(b' ');
        }
        self.line.words(message, format_args!("{value:?}"));
    }
}

/// The characters that need no care anywhere: those of ASCII that can be seen, and are not escaped in quotation marks.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = byte != b'"' && byte != b'\\';
        byte += 1;
    }
    plain
};

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| PLAIN[usize::from(byte)])
}

/// The last digits of a number.
fn digits(text: &mut [u8], mut number: u64) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// The year, month and day of a day since 1970, counted in years that begin in March: then the odd day of a leap year is the last.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = days + 719_468;
    let (era, of_era) = (days / ERA, days % ERA);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}
