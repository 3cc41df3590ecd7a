//! Errors of arguments and their packets.

use super::Key;
use crate::tars::{codec::DecodeError, packet::PacketTooLarge};

/// An argument that cannot be put or got.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("argument {key}: {kind}")]
pub struct TupError {
    /// The argument.
    pub key: String,
    /// The error.
    pub kind: TupErrorKind,
}

impl TupError {
    pub(super) fn new(key: &Key, kind: TupErrorKind) -> Self {
        Self { key: key.to_string(), kind }
    }
}

/// The errors of an argument.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TupErrorKind {
    /// It is required and missing.
    #[error("it is missing")]
    Missing,
    /// It cannot be read as the requested type.
    #[error(transparent)]
    Malformed(DecodeError),
    /// Version 1 finds arguments by tag, and the name is not a number up to 255.
    #[error("version 1 requires a tag")]
    NoTag,
}

/// A packet that cannot be sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TupEncodeError {
    /// Requests name a servant.
    #[error("the request names no servant")]
    NoServant,
    /// Requests name a method.
    #[error("the request names no method")]
    NoFunc,
    /// No peer would accept it.
    #[error(transparent)]
    TooLarge(#[from] PacketTooLarge),
}
