//! Streams: events read from vendors, watched on their way, written for callers.

mod decoder;
mod encoder;
mod event;
mod observer;

pub(super) use self::{decoder::Decoder, encoder::Encoder, observer::Watcher};

#[cfg(test)]
mod tests;
