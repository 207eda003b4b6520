//! stand-in until merged
use super::Frame;
use bytes::Bytes;
/// x
#[derive(Debug, Default)]
pub struct SseSplitter {
    buf: Vec<u8>,
}
/// x
#[derive(Debug, thiserror::Error)]
#[error("too large")]
pub struct FrameTooLarge;
impl SseSplitter {
    /// x
    pub const fn new() -> Self {
        Self { buf: Vec::new() }
    }
    /// x
    pub fn with_max_event(self, _: usize) -> Self {
        self
    }
    /// x
    pub fn push(&mut self, chunk: Bytes) {
        self.buf.extend_from_slice(&chunk);
    }
    /// x
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameTooLarge> {
        let Some(at) = memchr::memmem::find(&self.buf, b"\n\n") else {
            return Ok(None);
        };
        let block: Vec<u8> = self.buf.drain(..at + 2).collect();
        let text = String::from_utf8_lossy(&block).into_owned();
        let mut name = None;
        let mut data = String::new();
        for line in text.lines() {
            if let Some(v) = line.strip_prefix("event: ") {
                name = Some(v.to_owned());
            }
            if let Some(v) = line.strip_prefix("data: ") {
                data.push_str(v);
            }
        }
        let mut f = Frame::new(name.as_deref(), data);
        f.raw = block.into();
        Ok(Some(f))
    }
    /// x
    pub fn finish(&mut self) -> Option<Frame> {
        None
    }
}
