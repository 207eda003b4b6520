//! A body looked at once: is it whole, how is it built, and where do its own members stand?
//!
//! Bodies are mostly text. Text is searched, not read; only what stands between the texts is looked at byte by byte.

use std::ops::Range;

use memchr::memchr2;

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
    let (bits, least) = json.iter().fold((0, u8::MAX), |(bits, least), byte| {
        (bits | byte, least.min(*byte))
    });
    if bits >= 0x80 {
        str::from_utf8(json).ok()?;
    }
    let mut skim = Skim {
        limits,
        values: limits.values(),
        controls: least < b' ',
        block: 0,
        marks: 0,
    };
    let inner = behind(space(json), b'{')?;
    let depth = limits.depth().min(DEEPEST);
    let rest = skim.members(inner, depth, &mut |name, left, right| {
        member(name, json.len() - left..json.len() - right)
    })?;
    space(rest).is_empty().then_some(())
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

/// What there still may be. Each step takes what is left of the body and gives what is left behind it.
struct Skim<'l, L> {
    limits: &'l L,
    /// How many more objects and lists there may be.
    values: usize,
    /// Are there control characters? Between values some may stand, in texts none.
    controls: bool,
    /// What is left from the beginning of the latest block on, and the marks in that block.
    block: usize,
    marks: u64,
}

impl<L: Limits> Skim<'_, L> {
    /// The value of the member of this name. So many may be open in one another from here on.
    #[inline(always)]
    fn value<'a>(&mut self, rest: &'a [u8], name: &[u8], depth: usize) -> Option<&'a [u8]> {
        match rest {
            [b'"', text @ ..] => self.text(text),
            _ => self.other(rest, name, depth),
        }
    }

    /// A value that is no text.
    fn other<'a>(&mut self, rest: &'a [u8], name: &[u8], depth: usize) -> Option<&'a [u8]> {
        let (first, inner) = rest.split_first()?;
        match first {
            b'{' => self.members(inner, depth, &mut |_, _, _| Some(())),
            b'[' => self.items(inner, self.limits.items(name), depth),
            b't' => rest.strip_prefix(b"true"),
            b'f' => rest.strip_prefix(b"false"),
            b'n' => rest.strip_prefix(b"null"),
            _ => number(rest),
        }
    }

    /// An object behind its brace. Tells each member's name, and how much is left of the body before and behind its value.
    fn members<'a>(
        &mut self,
        inner: &'a [u8],
        depth: usize,
        told: &mut impl FnMut(&'a [u8], usize, usize) -> Option<()>,
    ) -> Option<&'a [u8]> {
        let depth = self.open(depth)?;
        let mut left = self.limits.members();
        let mut rest = space(inner);
        if let [b'}', rest @ ..] = rest {
            return Some(rest);
        }
        loop {
            let from = behind(rest, b'"')?;
            let colon = self.text(from)?;
            let name = from.get(..from.len() - colon.len() - 1)?;
            left = left.checked_sub(1)?;
            let value = space(behind(space(colon), b':')?);
            rest = self.value(value, name, depth)?;
            told(name, value.len(), rest.len())?;
            rest = match space(rest) {
                [b',', rest @ ..] => space(rest),
                [b'}', rest @ ..] => return Some(rest),
                _ => return None,
            };
        }
    }

    /// A list behind its bracket.
    fn items<'a>(&mut self, inner: &'a [u8], most: usize, depth: usize) -> Option<&'a [u8]> {
        let depth = self.open(depth)?;
        let mut left = most;
        let mut rest = space(inner);
        if let [b']', rest @ ..] = rest {
            return Some(rest);
        }
        loop {
            rest = self.value(rest, b"", depth)?;
            rest = match space(rest) {
                [b',', rest @ ..] => space(rest),
                [b']', rest @ ..] => return Some(rest),
                _ => return None,
            };
            left = left.checked_sub(1).filter(|left| *left > 0)?;
        }
    }

    /// Counts an object or a list; tells how many may be open in it.
    fn open(&mut self, depth: usize) -> Option<usize> {
        self.values = self.values.checked_sub(1)?;
        depth.checked_sub(1)
    }

    /// A text behind its quote.
    #[inline(always)]
    fn text<'a>(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        match self.near(rest) {
            Some([b'"', rest @ ..]) => Some(rest),
            near => self.long(near, rest),
        }
    }

    /// A text that goes on in another block, or has escapes. The next of its marks may be known.
    fn long<'a>(&mut self, mut near: Option<&'a [u8]>, mut rest: &'a [u8]) -> Option<&'a [u8]> {
        loop {
            let mark = match near {
                Some(mark) => mark,
                None => self.far(rest)?,
            };
            rest = match mark {
                [b'"', rest @ ..] => return Some(rest),
                [
                    b'\\',
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                    rest @ ..,
                ] => rest,
                [b'\\', b'u', a, b, c, d, rest @ ..] => {
                    let hex = [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit());
                    hex.then_some(rest)?
                }
                _ => return None,
            };
            near = self.near(rest);
        }
    }

    /// The next mark, if it is in the block that was looked at last.
    #[inline(always)]
    fn near<'a>(&self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let inside = self.block.wrapping_sub(rest.len());
        let marks = if inside < BLOCK {
            self.marks >> inside
        } else {
            0
        };
        if marks == 0 {
            return None;
        }
        rest.get(marks.trailing_zeros() as usize..)
    }

    /// The next mark behind that block.
    fn far<'a>(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let inside = self.block.wrapping_sub(rest.len());
        let rest = rest.get(BLOCK.saturating_sub(inside)..)?;
        let Some((block, more)) = rest.split_first_chunk() else {
            let end = rest.iter().position(|byte| is_mark(*byte))?;
            return rest.get(end..);
        };
        self.block = rest.len();
        self.marks = marks(block);
        if self.marks != 0 {
            return rest.get(self.marks.trailing_zeros() as usize..);
        }
        // Where there was none for so long, there may be none for long.
        let length = memchr2(b'"', b'\\', more)?;
        let (plain, rest) = more.split_at_checked(length)?;
        let control = |plain: &[u8]| plain.iter().fold(false, |any, byte| any | (*byte < b' '));
        (!self.controls || !control(plain)).then_some(rest)
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

/// Does it not stand for itself in a text?
#[inline(always)]
const fn is_mark(byte: u8) -> bool {
    // No branches: compilers make this one step for many bytes.
    (byte == b'"') | (byte == b'\\') | (byte < b' ')
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

#[cfg(test)]
mod tests;
