/// The peer violated the protocol. Metrics, logs and documents use its [`code`](Self::code).
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
    /// A frame announced fewer bytes than its own header.
    #[error("frame of {len} bytes is shorter than the minimum of {min}")]
    FrameTooSmall {
        /// Announced length in bytes.
        len: u64,
        /// Minimum in bytes.
        min: u64,
    },
    /// A malformed frame; names the malformed part.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// The application's parser refused the input.
    #[error("refused by the listener's parser")]
    Refused,
    /// The login of the peer, or of this end, was refused.
    #[error("the login was refused")]
    LoginRefused,
    /// The journal of the peer was damaged while it was in use, or cannot be synced.
    #[error("the journal of the peer cannot be used")]
    Journal,
    /// The peer missed a deadline of the protocol; names what is missing.
    #[error("no {0} in time")]
    TimedOut(&'static str),
    /// The first bytes match no protocol of this listener.
    #[error("the first bytes match no protocol of this listener")]
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
            Self::LoginRefused => "login-refused",
            Self::Journal => "journal",
            Self::TimedOut(_) => "timed-out",
            Self::Unrecognised => "unrecognised",
        }
    }
}
