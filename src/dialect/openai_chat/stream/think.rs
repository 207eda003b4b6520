//! `<think>…</think>` at the beginning of the content: reasoning of servers that do not tell it apart.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Splits content into reasoning and text, however it is cut into pieces.
#[derive(Debug, Default)]
pub(super) struct ThinkTag {
    state: State,
    /// What may be the beginning of a tag.
    held: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing but blanks and the beginning of a tag so far.
    #[default]
    Start,
    Inside,
    /// After the closing tag, before any text.
    After,
    Outside,
}

/// A piece of content.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Split<'t> {
    Thinking(&'t str),
    Text(&'t str),
}

impl ThinkTag {
    /// Content after this is only text.
    pub(super) fn disable(&mut self) {
        if self.state == State::Start && self.held.is_empty() {
            self.state = State::Outside;
        }
    }

    /// Takes the next piece of content.
    pub(super) fn feed(&mut self, piece: &str, mut each: impl FnMut(Split<'_>)) {
        if self.state == State::Outside {
            each(Split::Text(piece));
            return;
        }
        self.held.push_str(piece);
        let text = std::mem::take(&mut self.held);
        let mut rest = text.as_str();
        if self.state == State::Start {
            let begun = rest.trim_start();
            match begun.strip_prefix(OPEN) {
                Some(inside) => {
                    self.state = State::Inside;
                    rest = inside;
                }
                None if OPEN.starts_with(begun) => {
                    self.held = text;
                    return;
                }
                None => self.state = State::Outside,
            }
        }
        if self.state == State::Inside {
            let Some((inside, after)) = rest.split_once(CLOSE) else {
                let keep = partial(rest);
                let (sure, held) = rest
                    .split_at_checked(rest.len() - keep)
                    .unwrap_or((rest, ""));
                self.held.push_str(held);
                each(Split::Thinking(sure));
                return;
            };
            each(Split::Thinking(inside));
            self.state = State::After;
            rest = after;
        }
        if self.state == State::After {
            rest = rest.trim_start_matches(['\n', '\r', ' ']);
            if rest.is_empty() {
                return;
            }
            self.state = State::Outside;
        }
        each(Split::Text(rest));
    }

    /// The content is over: what was held back was no tag.
    pub(super) fn finish(&mut self, mut each: impl FnMut(Split<'_>)) {
        let held = std::mem::take(&mut self.held);
        match self.state {
            State::Inside => each(Split::Thinking(&held)),
            State::Start if held.is_empty() => {}
            _ => {
                self.state = State::Outside;
                each(Split::Text(&held));
            }
        }
    }
}

/// How many bytes at the end may be the beginning of the closing tag.
fn partial(text: &str) -> usize {
    (1..CLOSE.len())
        .rev()
        .find(|len| CLOSE.get(..*len).is_some_and(|begin| text.ends_with(begin)))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&str]) -> (String, String) {
        let (mut thinking, mut text) = (String::new(), String::new());
        let mut tag = ThinkTag::default();
        let mut each = |piece: Split<'_>| match piece {
            Split::Thinking(more) => thinking.push_str(more),
            Split::Text(more) => text.push_str(more),
        };
        for piece in pieces {
            tag.feed(piece, &mut each);
        }
        tag.finish(&mut each);
        (thinking, text)
    }

    #[test]
    fn however_it_is_cut() {
        let whole = "\n<think>a <b> </thin c</think>\n\nanswer <think>";
        for at in 0..=whole.len() {
            let (a, b) = whole.split_at(at);
            assert_eq!(
                split(&[a, b]),
                ("a <b> </thin c".into(), "answer <think>".into()),
                "{at}"
            );
        }
        let bytes: Vec<&str> = whole.split_inclusive(|_| true).collect();
        assert_eq!(split(&bytes).1, "answer <think>");
    }

    #[test]
    fn other_content_is_not_touched() {
        for text in ["", " ", "<", "<thin", "<table>", " x <think>y</think>"] {
            assert_eq!(split(&[text]), (String::new(), text.to_owned()));
        }
        assert_eq!(split(&["<think>cut"]), ("cut".into(), String::new()));
    }
}
