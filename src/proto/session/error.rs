/// The peer broke the protocol. Its [`code`](Self::code) is what metrics, logs and documents call it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A frame announced more bytes than the limit.
    #[error("frame of {len} bytes exceeds the limit of {max}")]
    FrameTooLarge {
        /// Announced length in bytes.
        len: u64,
        /// Limit in bytes.
        max: u64,
    },
    /// A frame announced fewer bytes than its own header has.
    #[error("frame of {len} bytes is shorter than the minimum of {min}")]
    FrameTooSmall {
        /// Announced length in bytes.
        len: u64,
        /// Minimum in bytes.
        min: u64,
    },
    /// A frame that cannot be read; says which part.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A parser supplied by the application said no.
    #[error("refused by the listener's parser")]
    Refused,
    /// The peer let a deadline of the protocol pass; says which.
    #[error("no {0} in time")]
    TimedOut(&'static str),
    /// The first bytes belong to no protocol of this listener.
    #[error("first bytes belong to no protocol of this listener")]
    Unrecognised,
}

impl Error {
    /// Stable short name: the label of `decode_errors_total` and the word in `docs/errors.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::FrameTooLarge { .. } => "frame-too-large",
            Self::FrameTooSmall { .. } => "frame-too-small",
            Self::Malformed(_) => "malformed",
            Self::Refused => "refused",
            Self::TimedOut(_) => "timed-out",
            Self::Unrecognised => "unrecognised",
        }
    }
}
