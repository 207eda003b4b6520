//! How much a body may hold, apart from its bytes: a few bytes can stand for a lot of work.

use memchr::memchr2;

use crate::{error::Error, json::Limits, request::Known};

/// The most that a JSON body may hold. More is refused with 400, naming the place, before anybody reads the body.
///
/// ```
/// use trunkline::{IngressLayer, ingress::BodyShape};
///
/// let layer = IngressLayer::new().shape(BodyShape::new().depth(64).tools(512));
/// # let _ = layer;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct BodyShape {
    /// Objects and lists within one another; 128.
    pub depth: usize,
    /// Items of `messages`, `contents` and `input`; 100,000.
    pub messages: usize,
    /// Items of `tools`, `functions` and `functionDeclarations`; 4,096.
    pub tools: usize,
    /// Items of `content` and `parts`; 10,000.
    pub parts: usize,
    /// Members of one object; 10,000.
    pub members: usize,
    /// Objects and lists in all; 1,000,000.
    pub values: usize,
}

impl BodyShape {
    /// As the fields say.
    pub const fn new() -> Self {
        Self {
            depth: 128,
            messages: 100_000,
            tools: 4_096,
            parts: 10_000,
            members: 10_000,
            values: 1_000_000,
        }
    }

    /// Objects and lists within one another.
    pub const fn depth(mut self, levels: usize) -> Self {
        self.depth = levels;
        self
    }

    /// Items of `messages`, `contents` and `input`.
    pub const fn messages(mut self, items: usize) -> Self {
        self.messages = items;
        self
    }

    /// Items of `tools`, `functions` and `functionDeclarations`.
    pub const fn tools(mut self, items: usize) -> Self {
        self.tools = items;
        self
    }

    /// Items of `content` and `parts`.
    pub const fn parts(mut self, items: usize) -> Self {
        self.parts = items;
        self
    }

    /// Members of one object.
    pub const fn members(mut self, members: usize) -> Self {
        self.members = members;
        self
    }

    /// Objects and lists in all.
    pub const fn values(mut self, values: usize) -> Self {
        self.values = values;
        self
    }

    /// Looks for the members that the stack reads, if that much may be in the body. None: they have to be read.
    ///
    /// # Errors
    /// If there is more in it.
    pub(super) fn look(&self, json: &[u8]) -> Result<Option<Known>, Error> {
        match Known::of(json, self) {
            Some(known) => Ok(Some(known)),
            None => self.check(json).map(|()| None),
        }
    }

    /// One look at the bytes, which costs the same however they are nested. What is no JSON passes: others say so better.
    fn check(&self, json: &[u8]) -> Result<(), Error> {
        let mut open: Vec<Open<'_>> = Vec::new();
        let (mut at, mut values) = (0, 0_usize);
        while let Some(byte) = json.get(at) {
            match byte {
                b'"' => {
                    let Some(end) = string_end(json, at + 1) else {
                        return Ok(());
                    };
                    if let Some(top) = open.last_mut().filter(|top| top.awaits_name) {
                        top.name = json.get(at + 1..end).unwrap_or_default();
                        top.awaits_name = false;
                        if top.count >= self.members {
                            return Err(over(&open, self.members, "members in one object"));
                        }
                    }
                    at = end;
                }
                b'{' | b'[' => {
                    values += 1;
                    if values > self.values {
                        return Err(over(&open, self.values, "objects and lists in all"));
                    }
                    if open.len() >= self.depth {
                        return Err(over(&open, self.depth, "levels of nesting"));
                    }
                    let parent = open.last().map_or(&b""[..], |parent| parent.name);
                    open.push(match byte {
                        b'{' => Open::object(),
                        _ => Open::list(self.items(parent)),
                    });
                }
                b'}' | b']' => {
                    open.pop();
                }
                b',' => {
                    if let Some(top) = open.last_mut() {
                        top.count += 1;
                        top.awaits_name = top.object;
                        if top.count >= top.most {
                            let most = top.most;
                            // The list is named, not the item.
                            open.pop();
                            return Err(over(&open, most, "items"));
                        }
                    }
                }
                _ => {}
            }
            at += 1;
        }
        Ok(())
    }
}

impl Limits for BodyShape {
    fn depth(&self) -> usize {
        self.depth
    }

    fn members(&self) -> usize {
        self.members
    }

    fn values(&self) -> usize {
        self.values
    }

    fn items(&self, name: &[u8]) -> usize {
        match name {
            b"messages" | b"contents" | b"input" => self.messages,
            b"tools" | b"functions" | b"functionDeclarations" | b"function_declarations" => {
                self.tools
            }
            b"content" | b"parts" => self.parts,
            _ => usize::MAX,
        }
    }
}

impl Default for BodyShape {
    fn default() -> Self {
        Self::new()
    }
}

/// An object or a list whose end has not come yet.
struct Open<'a> {
    object: bool,
    /// Is the next string the name of a member?
    awaits_name: bool,
    /// The latest member.
    name: &'a [u8],
    /// How many items or members came before the present one.
    count: usize,
    /// The most items.
    most: usize,
}

impl Open<'_> {
    const fn object() -> Self {
        Self {
            object: true,
            awaits_name: true,
            name: b"",
            count: 0,
            most: usize::MAX,
        }
    }

    const fn list(most: usize) -> Self {
        Self {
            most,
            object: false,
            awaits_name: false,
            ..Self::object()
        }
    }
}

fn over(open: &[Open<'_>], most: usize, what: &str) -> Error {
    let path = path(open);
    let place = match path.is_empty() {
        true => "the request body".to_owned(),
        false => format!("`{path}`"),
    };
    let message = format!("{place} is over this gateway's limit of {most} {what} (server.limits)");
    Error::invalid(path, message).with_code("request_too_complex")
}

/// Where we are, as far in as anybody reads.
fn path(open: &[Open<'_>]) -> String {
    const STEPS: usize = 8;
    const LONGEST: usize = 40;
    let mut path = String::new();
    for step in open.iter().take(STEPS) {
        if step.object {
            let name = String::from_utf8_lossy(step.name);
            if !path.is_empty() {
                path.push('.');
            }
            // A name may hold anything: it is not to look like more than one.
            path.extend(name.chars().take(LONGEST).filter(|c| !c.is_control()));
        } else {
            path.push_str(&format!("[{}]", step.count));
        }
    }
    if open.len() > STEPS {
        path.push('…');
    }
    path
}

/// The place of the quote that ends the string whose text begins at `from`.
fn string_end(json: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let found = from + memchr2(b'"', b'\\', json.get(from..)?)?;
        if json.get(found) == Some(&b'"') {
            return Some(found);
        }
        from = found + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_names_its_place() {
        let shape = BodyShape::new()
            .depth(5)
            .messages(3)
            .tools(2)
            .parts(4)
            .members(6)
            .values(20);
        for (body, param, what) in [
            (r#"{"messages":[1,2,3]}"#, "", ""),
            (r#"{"messages":[1,2,3,4]}"#, "messages", "3 items"),
            (
                r#"{"a":"],[,{\"","input":[[],[],[],[]]}"#,
                "input",
                "3 items",
            ),
            (r#"{"tools":["a","b","c"]}"#, "tools", "2 items"),
            (
                r#"{"tools":[{},{"functionDeclarations":[{},{},{}]}]}"#,
                "tools[1].functionDeclarations",
                "2 items",
            ),
            (
                r#"{"messages":[{},{"role":"user","content":[{},{},{},{},{}]}]}"#,
                "messages[1].content",
                "4 items",
            ),
            (
                r#"{"x":{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7}}"#,
                "x.g",
                "6 members",
            ),
            (r#"{"a":[[[[[]]]]]}"#, "a[0][0][0][0]", "5 levels"),
            (r#"{"logprobs":[1,2,3,4,5,6,7,8,9,10,11]}"#, "", ""),
            (
                &format!(r#"{{"x":[{}1]}}"#, "[],".repeat(20)),
                "x[18]",
                "20 objects",
            ),
            // Others say better what is wrong with these.
            (r#"{"messages":"unfinished"#, "", ""),
            ("]]}}]", "", ""),
            ("", "", ""),
        ] {
            let known = Known::of(body.as_bytes(), &shape);
            let whole = serde_json::from_str::<serde_json::Value>(body).is_ok();
            assert_eq!(known.is_some(), what.is_empty() && whole, "{body}");
            match shape.look(body.as_bytes()).map(drop) {
                Ok(()) => assert_eq!((param, what), ("", ""), "{body}"),
                Err(error) => {
                    assert_eq!(error.param(), Some(param), "{body}: {error}");
                    assert!(
                        !what.is_empty() && error.message().contains(what),
                        "{body}: {error}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_nested_deeply_is_told_in_a_line() {
        let body = format!(r#"{{"{}":{}"#, "k\u{e9}\n".repeat(50), "[".repeat(100_000));
        let error = BodyShape::new().look(body.as_bytes()).unwrap_err();
        let path = error.param().unwrap();
        assert!(path.ends_with("[0][0][0][0][0][0][0]…"), "{path}");
        assert!(path.len() < 100 && !path.contains('\n'), "{path}");
        assert_eq!(error.status(), 400);
    }
}
