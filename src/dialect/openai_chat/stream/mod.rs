//! Streams: chunks read, watched and written.

mod calls;
mod decoder;
mod encoder;
mod glance;
mod observer;
mod sources;
mod think;

#[cfg(test)]
mod tests;

pub(super) use self::{
    decoder::{Decoder, Reader},
    encoder::{Encoder, Slot, annotation, length, part_slot},
    observer::{Watcher, is_usage_only},
};
