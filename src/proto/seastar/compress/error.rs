//! What can go wrong with compressed frames.

use crate::Error;

/// A frame that cannot be compressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CompressError {
    /// It is too long for the algorithm.
    #[error("{len} bytes, where at most {max} can be compressed")]
    TooLarge {
        /// Its length in bytes, or that of its compressed form.
        len: usize,
        /// The greatest possible length.
        max: usize,
    },
    /// An error of an algorithm of the application.
    #[error("{0}")]
    Custom(&'static str),
}

/// Compressed bytes that are not the form of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecompressError {
    /// The frame is longer than this side allows.
    #[error("a frame of {len} bytes, where at most {max} are allowed")]
    TooLarge {
        /// Its announced length, or as much of it as is known.
        len: usize,
        /// The greatest allowed length.
        max: usize,
    },
    /// So few bytes cannot be the compressed form of so many.
    #[error("{compressed} bytes that announce {announced}")]
    Impossible {
        /// The announced length.
        announced: usize,
        /// The compressed bytes.
        compressed: usize,
    },
    /// A block has fewer bytes than announced.
    #[error("{found} bytes, where {announced} were announced")]
    TooShort {
        /// The announced length.
        announced: usize,
        /// The actual length.
        found: usize,
    },
    /// A block is not valid LZ4, or has more bytes than announced.
    #[error("the LZ4 block is invalid")]
    InvalidBlock,
    /// A chunk ends after the frame, or the last one is missing.
    #[error("the last chunk is missing or cut off")]
    CutOff,
    /// An error of an algorithm of the application.
    #[error("{0}")]
    Custom(&'static str),
}

impl From<DecompressError> for Error {
    fn from(error: DecompressError) -> Self {
        match error {
            DecompressError::TooLarge { len, max } => {
                Self::FrameTooLarge { len: len as u64, max: max as u64 }
            }
            _ => Self::Malformed("compressed frame"),
        }
    }
}
