//! What all of AWS's services share: their keys, and the signature of a request.

mod keys;
mod sigv4;

pub use self::{keys::AwsKeys, sigv4::SigV4};
