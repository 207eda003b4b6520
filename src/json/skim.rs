//! A body looked at once: is it whole, how is it built, and where do its own members stand?
//!
//! Bodies are mostly text. Text is searched, not read; only what stands between the texts is looked at byte by byte.

use std::ops::Range;

/// How much a body may hold.
pub(crate) trait Limits {
    /// Objects and lists within one another.
    fn depth(&self) -> usize;
    /// Members of one object.
    fn members(&self) -> usize;
    /// Objects and lists in all.
    fn values(&self) -> usize;
    /// Items of a list that the member of this name holds; one in a list has no name.
    fn items(&self, name: &[u8]) -> usize;
}

/// Deeper is not looked at.
const DEEPEST: usize = 128;

/// Goes through one whole JSON object and tells `member` of its own members: their names as they are spelled, and where their values
/// stand.
///
/// None says nothing: the body may be broken, or no UTF-8, or over a limit, or `member` gave up. Whoever wants to know why reads it again.
pub(crate) fn skim<'a>(
    json: &'a [u8],
    limits: &impl Limits,
    mut member: impl FnMut(&'a [u8], Range<usize>) -> Option<()>,
) -> Option<()> {
    if !json.is_ascii() {
        str::from_utf8(json).ok()?;
    }
    let mut skim = Skim {
        json,
        limits,
        values: limits.values(),
        // None yet: no place is behind this one.
        block: usize::MAX / 2,
        marks: 0,
    };
    let begin = skim.space(0);
    if *json.get(begin)? != b'{' {
        return None;
    }
    let depth = limits.depth().min(DEEPEST);
    let end = skim.members(begin + 1, depth, &mut |name, value| {
        member(json.get(name)?, value)
    })?;
    (skim.space(end) == json.len()).then_some(())
}

/// Where the values of these members stand in one whole JSON object. None, as for [`skim`], says nothing: a member may be there twice,
/// or spelled with an escape.
pub(crate) fn places<const N: usize>(
    json: &[u8],
    limits: &impl Limits,
    names: [&str; N],
) -> Option<[Option<Range<usize>>; N]> {
    let mut places = [const { None }; N];
    skim(json, limits, |name, value| {
        let mut slots = names.iter().zip(&mut places);
        match slots.find(|(known, _)| known.as_bytes() == name) {
            Some((_, slot)) => slot.replace(value).is_none().then_some(()),
            None => (!name.contains(&b'\\')).then_some(()),
        }
    })?;
    Some(places)
}

/// For bodies that were looked at already, or that nobody limits.
pub(crate) struct Unlimited;

impl Limits for Unlimited {
    fn depth(&self) -> usize {
        usize::MAX
    }

    fn members(&self) -> usize {
        usize::MAX
    }

    fn values(&self) -> usize {
        usize::MAX
    }

    fn items(&self, _: &[u8]) -> usize {
        usize::MAX
    }
}

/// Each step takes the place where it begins and gives the one behind it.
struct Skim<'a, 'l, L> {
    json: &'a [u8],
    limits: &'l L,
    /// How many more objects and lists there may be.
    values: usize,
    /// Where the block begins that was looked at last, and its marks.
    block: usize,
    marks: u64,
}

impl<L: Limits> Skim<'_, '_, L> {
    /// A value that is no text, of the member of this name. So many may be open in one another from here on.
    fn other(&mut self, at: usize, name: Range<usize>, depth: usize) -> Option<usize> {
        let behind = |rest: &[u8]| self.json.len() - rest.len();
        let rest = self.json.get(at..)?;
        match rest {
            [b'{', ..] => self.members(at + 1, depth, &mut |_, _| Some(())),
            [b'[', ..] => {
                let most = self.limits.items(self.json.get(name)?);
                self.items(at + 1, most, depth)
            }
            [b't', b'r', b'u', b'e', ..] | [b'n', b'u', b'l', b'l', ..] => Some(at + 4),
            [b'f', b'a', b'l', b's', b'e', ..] => Some(at + 5),
            _ => number(rest).map(behind),
        }
    }

    /// An object behind its brace. Tells where each member's name and value stand.
    fn members(
        &mut self,
        at: usize,
        depth: usize,
        told: &mut impl FnMut(Range<usize>, Range<usize>) -> Option<()>,
    ) -> Option<usize> {
        let depth = self.open(depth)?;
        let mut left = self.limits.members();
        let mut at = self.space(at);
        if *self.json.get(at)? == b'}' {
            return Some(at + 1);
        }
        loop {
            if *self.json.get(at)? != b'"' {
                return None;
            }
            let name = at + 1;
            let end = self.text(name)?;
            left = left.checked_sub(1)?;
            at = match self.json.get(end + 1..)? {
                // Mostly there is no white space.
                [b':', b'"', ..] => {
                    let close = self.text(end + 3)? + 1;
                    told(name..end, end + 2..close)?;
                    close
                }
                _ => {
                    let colon = self.space(end + 1);
                    if *self.json.get(colon)? != b':' {
                        return None;
                    }
                    let value = self.space(colon + 1);
                    let close = self.value(value, name..end, depth)?;
                    told(name..end, value..close)?;
                    close
                }
            };
            at = match self.json.get(at..)? {
                [b',', b'"', ..] => at + 1,
                [b'}', ..] => return Some(at + 1),
                _ => {
                    at = self.space(at);
                    match self.json.get(at)? {
                        b',' => self.space(at + 1),
                        b'}' => return Some(at + 1),
                        _ => return None,
                    }
                }
            };
        }
    }

    /// A list behind its bracket.
    fn items(&mut self, at: usize, most: usize, depth: usize) -> Option<usize> {
        let depth = self.open(depth)?;
        let mut left = most;
        let mut at = self.space(at);
        if *self.json.get(at)? == b']' {
            return Some(at + 1);
        }
        loop {
            at = self.value(at, 0..0, depth)?;
            at = self.space(at);
            at = match self.json.get(at)? {
                b',' => self.space(at + 1),
                b']' => return Some(at + 1),
                _ => return None,
            };
            left = left.checked_sub(1).filter(|left| *left > 0)?;
        }
    }

    #[inline(always)]
    fn value(&mut self, at: usize, name: Range<usize>, depth: usize) -> Option<usize> {
        match self.json.get(at)? {
            b'"' => Some(self.text(at + 1)? + 1),
            _ => self.other(at, name, depth),
        }
    }

    /// Counts an object or a list; tells how many may be open in it.
    #[inline(always)]
    fn open(&mut self, depth: usize) -> Option<usize> {
        self.values = self.values.checked_sub(1)?;
        depth.checked_sub(1)
    }

    /// Behind white space, of which there mostly is none.
    #[inline(always)]
    fn space(&self, at: usize) -> usize {
        match self.json.get(at) {
            Some(byte) if *byte <= b' ' => self.spaces(at),
            _ => at,
        }
    }

    fn spaces(&self, at: usize) -> usize {
        let rest = self.json.get(at..).unwrap_or_default();
        self.json.len() - space(rest).len()
    }

    /// A text behind its quote. Gives the place of the other quote.
    #[inline(always)]
    fn text(&mut self, from: usize) -> Option<usize> {
        match self.near(from) {
            Some(mark) if self.json.get(mark) == Some(&b'"') => Some(mark),
            _ => self.long(from),
        }
    }

    /// A text that goes on in another block, or has escapes.
    #[inline(never)]
    fn long(&mut self, mut from: usize) -> Option<usize> {
        loop {
            let mark = match self.near(from) {
                Some(mark) => mark,
                None => self.far(from)?,
            };
            from = match self.json.get(mark..)? {
                [b'"', ..] => return Some(mark),
                [
                    b'\\',
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                    ..,
                ] => mark + 2,
                [b'\\', b'u', a, b, c, d, ..] => {
                    let hex = [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit());
                    hex.then_some(mark + 6)?
                }
                _ => return None,
            };
        }
    }

    /// The next mark, if it is in the block that was looked at last.
    #[inline(always)]
    fn near(&self, from: usize) -> Option<usize> {
        let inside = from.wrapping_sub(self.block);
        if inside >= BLOCK {
            return None;
        }
        match self.marks >> inside {
            0 => None,
            marks => Some(from + marks.trailing_zeros() as usize),
        }
    }

    /// The next mark behind that block.
    fn far(&mut self, from: usize) -> Option<usize> {
        let inside = from.wrapping_sub(self.block);
        let mut from = from + BLOCK.saturating_sub(inside);
        let mut plain = 0;
        loop {
            let rest = self.json.get(from..)?;
            let Some((block, more)) = rest.split_first_chunk() else {
                return self.last(from);
            };
            self.block = from;
            self.marks = marks(block);
            if self.marks != 0 {
                return Some(from + self.marks.trailing_zeros() as usize);
            }
            from += BLOCK;
            plain += 1;
            // Where there was none for so long, there may be none for long.
            if plain >= 2 {
                let (more, _) = more.as_chunks();
                from += PLAIN * more.iter().take_while(|bytes| is_plain(bytes)).count();
            }
        }
    }

    /// The next mark where less than a block is left.
    fn last(&mut self, from: usize) -> Option<usize> {
        let Some((before, block)) = self.json.split_last_chunk() else {
            let mut rest = self.json.get(from..)?.iter();
            return Some(from + rest.position(|byte| is_mark(*byte))?);
        };
        self.block = before.len();
        self.marks = marks(block);
        self.near(from)
    }
}

#[inline(always)]
pub(super) fn behind(rest: &[u8], byte: u8) -> Option<&[u8]> {
    match rest {
        [first, rest @ ..] if *first == byte => Some(rest),
        _ => None,
    }
}

/// Behind white space, of which there mostly is none.
#[inline(always)]
pub(super) fn space(rest: &[u8]) -> &[u8] {
    match rest {
        [byte, ..] if *byte <= b' ' => spaces(rest),
        _ => rest,
    }
}

fn spaces(mut rest: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\n' | b'\r', more @ ..] = rest {
        rest = more;
    }
    rest
}

pub(super) fn number(rest: &[u8]) -> Option<&[u8]> {
    let rest = behind(rest, b'-').unwrap_or(rest);
    let mut rest = match behind(rest, b'0') {
        Some(rest) => rest,
        None => digits(rest)?,
    };
    if let Some(fraction) = behind(rest, b'.') {
        rest = digits(fraction)?;
    }
    match rest {
        [b'e' | b'E', b'+' | b'-', rest @ ..] | [b'e' | b'E', rest @ ..] => digits(rest),
        _ => Some(rest),
    }
}

/// Behind one digit or more.
fn digits(rest: &[u8]) -> Option<&[u8]> {
    let [b'0'..=b'9', rest @ ..] = rest else {
        return None;
    };
    let mut rest = rest;
    while let [b'0'..=b'9', more @ ..] = rest {
        rest = more;
    }
    Some(rest)
}

/// How many bytes are looked at together.
const BLOCK: usize = 64;

/// How many are where there mostly are no marks.
const PLAIN: usize = 256;

/// Does it not stand for itself in a text?
#[inline(always)]
const fn is_mark(byte: u8) -> bool {
    // Quotes and control characters, and nothing else, are below with that bit turned over. No branches: compilers make this one step
    // for many bytes.
    (byte ^ 2 <= b' ') | (byte == b'\\')
}

/// A bit for each byte that does not stand for itself.
#[inline(always)]
fn marks(block: &[u8; BLOCK]) -> u64 {
    let mut marks = [0; BLOCK];
    for (mark, byte) in marks.iter_mut().zip(block) {
        *mark = u8::from(is_mark(*byte));
    }
    let (words, _) = marks.as_chunks();
    words.iter().rev().fold(0, |bits, word| {
        // The multiplication moves the lowest bits of eight bytes into the highest byte.
        let byte = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits << 8 | byte
    })
}

/// Do all of them stand for themselves?
fn is_plain(bytes: &[u8; PLAIN]) -> bool {
    let least = bytes
        .iter()
        .fold((u8::MAX, u8::MAX), |(least, escape), byte| {
            (least.min(byte ^ 2), escape.min(byte ^ b'\\'))
        });
    least.0 > b' ' && least.1 > 0
}

#[cfg(test)]
mod tests;
