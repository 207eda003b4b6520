//! Kinds of providers that have settings of their own.

pub(super) mod bedrock;

pub use self::bedrock::BedrockConfig;
