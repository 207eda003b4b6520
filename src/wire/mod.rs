//! Bytes ⇄ frames. No JSON is read here.
use bytes::Bytes;
use std::time::Duration;
/// x
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Frame {
    raw: Bytes,
    name: Option<Bytes>,
    data: Bytes,
}
impl Frame {
    /// x
    pub fn new(name: Option<&str>, data: impl AsRef<[u8]>) -> Self {
        let data = Bytes::copy_from_slice(data.as_ref());
        let mut raw = Vec::new();
        if let Some(name) = name {
            raw.extend_from_slice(b"event: ");
            raw.extend_from_slice(name.as_bytes());
            raw.push(b'\n');
        }
        raw.extend_from_slice(b"data: ");
        raw.extend_from_slice(&data);
        raw.extend_from_slice(b"\n\n");
        Self {
            raw: raw.into(),
            name: name.map(|n| Bytes::copy_from_slice(n.as_bytes())),
            data,
        }
    }
    /// x
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }
    /// x
    pub fn into_raw(self) -> Bytes {
        self.raw
    }
    /// x
    pub fn name(&self) -> Option<&str> {
        self.name
            .as_deref()
            .and_then(|n| std::str::from_utf8(n).ok())
    }
    /// x
    pub fn data(&self) -> &[u8] {
        &self.data
    }
    /// x
    pub fn retry(&self) -> Option<Duration> {
        None
    }
    /// x
    pub fn is_comment(&self) -> bool {
        self.data.is_empty()
    }
}
/// x
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// x
    Sse,
}
pub mod sse;
