//! Streams: each frame is a whole answer with the new parts only.

mod decoder;
mod encoder;
mod observer;
mod passed;

pub(super) use self::{decoder::Decoder, encoder::Encoder, observer::Watcher, passed::passed};
