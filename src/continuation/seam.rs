//! Where two texts are joined.

/// White space that the caller has read and the vendor was not told of: some refuse it at the end of what they continue.
#[derive(Debug, Default)]
pub(super) struct Seam(String);

impl Seam {
    /// What the vendor is told, and what is to be watched for in what it says.
    pub(super) fn of(text: &str) -> (&str, Self) {
        let told = text.trim_end();
        let tail = text.get(told.len()..).unwrap_or_default();
        (told, Self(tail.to_owned()))
    }

    /// What of `more` was not said before.
    pub(super) fn pass<'t>(&mut self, more: &'t str) -> &'t str {
        let mut rest = more;
        while let (Some(said), Some(next)) = (self.0.chars().next(), rest.chars().next()) {
            let same = said == next;
            // There is a gap already: one more space would be too much.
            if !same && next != ' ' {
                self.0.clear();
                break;
            }
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
            if same {
                self.0.remove(0);
            }
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_comes_once() {
        for (text, told, pieces, whole) in [
            ("One two ", "One two", &[" three"][..], "One two three"),
            ("One two ", "One two", &["three"], "One two three"),
            ("One.\n\n", "One.", &["\n", "\nTwo"], "One.\n\nTwo"),
            ("One.\n\n", "One.", &["\n\n\nTwo"], "One.\n\n\nTwo"),
            ("One.\n", "One.", &[" Two"], "One.\nTwo"),
            ("One. ", "One.", &["\n- Two"], "One. \n- Two"),
            ("One", "One", &[" two"], "One two"),
            ("One", "One", &["s two"], "Ones two"),
            ("à ", "à", &["", " é"], "à é"),
        ] {
            let (seen, mut seam) = Seam::of(text);
            assert_eq!(seen, told);
            let mut all = text.to_owned();
            for piece in pieces {
                all.push_str(seam.pass(piece));
            }
            assert_eq!(all, whole);
        }
    }
}
