//! What all of AWS's services share: their keys, and the signature of a request.

mod ambient;
mod keys;
mod sigv4;

#[cfg(feature = "testing")]
pub(crate) use self::sigv4::civil;
pub use self::{
    ambient::{AmbientKeys, KeySource},
    keys::AwsKeys,
    sigv4::SigV4,
};
