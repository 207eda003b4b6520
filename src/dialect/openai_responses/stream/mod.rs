//! Streams: events read, watched and written.

mod decoder;
mod encoder;
mod items;
mod observer;

#[cfg(test)]
mod tests;

pub(super) use self::{
    decoder::{Decoder, Reader, citation},
    encoder::Encoder,
    observer::Watcher,
};
