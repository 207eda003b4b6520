//! What all of AWS's services share: their keys, and the signature of a request.

mod ambient;
mod keys;
mod sigv4;

pub use self::{
    ambient::{AmbientKeys, KeySource},
    keys::AwsKeys,
    sigv4::SigV4,
};
