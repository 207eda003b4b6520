//! Streams: events read, watched and written.

mod decoder;
mod encoder;
mod items;
mod observer;
mod pieces;

#[cfg(test)]
mod tests;

pub(super) use self::{
    decoder::{Decoder, Reader},
    encoder::Encoder,
    observer::{Watcher, is_of_the_dialect},
    pieces::citation,
};
