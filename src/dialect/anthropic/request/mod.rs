//! Requests: read from callers, written for vendors.

mod blocks;
mod choice;
mod decode;
mod encode;
mod parts;
mod reasoning;
mod settings;
mod tools;
mod turns;

pub(super) use self::{
    blocks::{citation as read_citation, read as read_block},
    decode::{decode, decode_counted},
    encode::encode,
};
pub(in crate::dialect) use self::{
    parts::{input, wrapped},
    reasoning::{Plan, plan},
    tools::{allowed, free_text, names_in_history, note_schema, object_schema},
};

#[cfg(test)]
mod tests;
