//! Why a request failed: the payload of a response with a negative id.
//!
//! | size | content |
//! | --- | --- |
//! | 4 | `u32` kind: 0 for a text, 1 for an unknown verb |
//! | 4 | `u32` length of the data |
//! | | data: the text, which does not end in NUL, in any encoding; or the verb as `u64` |
//!
//! Sources: `doc/rpc.md` of scylladb/seastar, and bytes recorded from its client and server at commit 525fcc86. Unlike
//! that document, the text has no length of its own.

use std::borrow::Cow;

/// Why a request failed.
///
/// Bytes after the data are ignored.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::{Exception, ExceptionError};
///
/// let mut payload = Vec::new();
/// Exception::User("disk full".into()).encode(&mut payload);
/// assert_eq!(payload, b"\0\0\0\0\x09\0\0\0disk full");
/// assert_eq!(Exception::decode(&payload)?, Exception::User("disk full".into()));
/// assert_eq!(Exception::decode(&payload[..10]), Err(ExceptionError));
///
/// let unknown = b"\x01\0\0\0\x08\0\0\0\xe7\x03\0\0\0\0\0\0";
/// assert_eq!(Exception::decode(unknown)?, Exception::UnknownVerb(999));
/// # Ok::<(), ExceptionError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Exception<'a> {
    /// The handler failed. The text is for people: programs cannot rely on it. When decoded, invalid UTF-8 is replaced.
    User(Cow<'a, str>),
    /// The server has no handler for the verb. One-way calls get this response, too.
    UnknownVerb(u64),
    /// An exception that a later version may define.
    Other {
        /// Its number, above 1.
        kind: u32,
        /// Its data.
        data: &'a [u8],
    },
}

impl<'a> Exception<'a> {
    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::User(text) => encode_data(USER, text.as_bytes(), out),
            Self::UnknownVerb(verb) => encode_data(UNKNOWN_VERB, &verb.to_le_bytes(), out),
            Self::Other { kind, data } => encode_data(*kind, data, out),
        }
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// It is too short.
    pub fn decode(payload: &'a [u8]) -> Result<Self, ExceptionError> {
        let (kind, rest) = payload.split_first_chunk().ok_or(ExceptionError)?;
        let (len, rest) = rest.split_first_chunk().ok_or(ExceptionError)?;
        let data = rest.get(..u32::from_le_bytes(*len) as usize).ok_or(ExceptionError)?;
        Ok(match u32::from_le_bytes(*kind) {
            USER => Self::User(String::from_utf8_lossy(data)),
            UNKNOWN_VERB => Self::UnknownVerb(u64::from_le_bytes(*data.first_chunk().ok_or(ExceptionError)?)),
            kind => Self::Other { kind, data },
        })
    }
}

/// The payload of a failed request is shorter than what it announces.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the exception is cut off")]
pub struct ExceptionError;

/// The data of an exception is shorter than a frame, so its length fits.
fn encode_data(kind: u32, data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&(data.len() as u32).to_le_bytes());
    out.extend_from_slice(data);
}

const USER: u32 = 0;
const UNKNOWN_VERB: u32 = 1;
