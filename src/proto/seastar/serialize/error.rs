//! Errors in encoded values.

/// Bytes that are not those of the wanted value: the error and its place.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::serialize::{DecodeErrorKind, from_slice};
///
/// let error = from_slice::<(u8, String)>(&[1, 9, 0, 0, 0, b'a']).unwrap_err();
/// assert_eq!((error.kind, error.offset), (DecodeErrorKind::LengthTooLarge { len: 9, left: 1 }, 5));
/// assert_eq!(error.to_string(), "byte 5: length 9 with 1 bytes left");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("byte {offset}: {kind}")]
pub struct DecodeError {
    /// The error.
    pub kind: DecodeErrorKind,
    /// How much of the input was read when it was noticed, in bytes.
    pub offset: usize,
}

/// The errors in encoded values. The sender is responsible for all of them except the two limits, which the receiver
/// chooses.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The input ends within the value.
    #[error("the input ends within the value")]
    UnexpectedEnd,
    /// The length of a string exceeds the remaining bytes.
    #[error("length {len} with {left} bytes left")]
    LengthTooLarge {
        /// The length in bytes.
        len: u32,
        /// The remaining bytes after the length.
        left: usize,
    },
    /// A `bool` is neither 0 nor 1.
    #[error("byte {0} as a bool")]
    InvalidBool(u8),
    /// A string is not UTF-8, and the Rust type must be.
    #[error("the string is not UTF-8")]
    InvalidUtf8,
    /// Lists are nested too deeply.
    #[error("nested more deeply than {0} levels")]
    TooDeep(u16),
    /// The elements would take more memory than the reader allows.
    #[error("the decoded elements would take more than {0} bytes of memory")]
    TooMuchMemory(usize),
    /// An error of a type of the application.
    #[error("{0}")]
    Custom(&'static str),
}
