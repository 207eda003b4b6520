//! When a text that comes in fragments is a whole JSON value.

/// How far a JSON text has come, fragment by fragment.
#[derive(Debug, Default)]
pub(super) struct Progress {
    depth: usize,
    in_string: bool,
    escaped: bool,
    seen: bool,
    pub(super) whole: bool,
}

impl Progress {
    pub(super) fn feed(&mut self, fragment: &str) {
        for byte in fragment.bytes() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => continue,
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.whole |= self.depth == 0;
                }
                _ => {}
            }
            self.seen = true;
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    pub(super) fn is_blank(&self) -> bool {
        !self.seen
    }
}
