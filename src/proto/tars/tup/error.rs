//! What can go wrong with arguments and their packets.

use super::Key;
use crate::tars::{codec::DecodeError, packet::PacketTooLarge};

/// An argument that cannot be put or got.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("argument {key}: {kind}")]
pub struct TupError {
    /// Which one.
    pub key: String,
    /// What is wrong with it.
    pub kind: TupErrorKind,
}

impl TupError {
    pub(super) fn new(key: &Key, kind: TupErrorKind) -> Self {
        Self { key: key.to_string(), kind }
    }
}

/// What is wrong with an argument.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TupErrorKind {
    /// It must be there and is not.
    #[error("it is missing")]
    Missing,
    /// It is there and cannot be read as what was asked for.
    #[error(transparent)]
    Malformed(DecodeError),
    /// Version 1 finds arguments by tag, and the name is no number up to 255.
    #[error("version 1 needs a tag")]
    NoTag,
}

/// A packet that is not fit to be sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TupEncodeError {
    /// Requests name a servant.
    #[error("the request names no servant")]
    NoServant,
    /// Requests name a method.
    #[error("the request names no method")]
    NoFunc,
    /// No peer would take it.
    #[error(transparent)]
    TooLarge(#[from] PacketTooLarge),
}
