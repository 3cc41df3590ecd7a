//! The keys of arguments.

use std::fmt;

use super::{TupError, TupErrorKind};
use crate::tars::packet::Version;

/// The key of an argument: its name in versions 2 and 3, its tag in all others.
///
/// Text that is a decimal number up to 255 is a tag in version 1, and in other versions a tag is the name of
/// its digits. So one program can use several versions.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Key {
    /// The position of a parameter, from 1; 0 is the result.
    Tag(u8),
    /// The name of a parameter in its .tars file; the empty one is the result.
    Name(String),
}

impl Key {
    /// The key in the form of `version`.
    pub(super) fn of_version(self, version: Version) -> Result<Self, TupError> {
        match self {
            Self::Tag(tag) if version.is_tup() => Ok(Self::Name(tag.to_string())),
            Self::Name(name) if !version.is_tup() => match name.parse() {
                Ok(tag) => Ok(Self::Tag(tag)),
                Err(_) => Err(TupError::new(&Self::Name(name), TupErrorKind::NoTag)),
            },
            key => Ok(key),
        }
    }

    /// The tag of the field that holds the value.
    pub(super) const fn field_tag(&self) -> u8 {
        match self {
            Self::Tag(tag) => *tag,
            Self::Name(_) => 0,
        }
    }
}

impl From<u8> for Key {
    fn from(tag: u8) -> Self {
        Self::Tag(tag)
    }
}

impl From<&str> for Key {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<String> for Key {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, "tag {tag}"),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}
