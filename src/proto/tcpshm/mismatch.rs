use std::fmt;

use super::Sequences;

/// The sequence numbers of the two ends of a connection do not match.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::{Gap, Mismatch, Sequences};
///
/// // The client has lost its files, and the server remembers that it consumed 7 messages of it.
/// let local = Sequences { ack: 7, start: 2, end: 5 };
/// let mismatch = Mismatch::between(local, Sequences::default()).expect("they do not match");
/// assert_eq!((mismatch.sent(), mismatch.received()), (Gap::Missing(2), Gap::Unknown(7)));
/// assert_eq!(mismatch.sent().to_string(), "2 messages are missing");
///
/// // It has consumed one of two messages, and sends one more.
/// let (local, remote) = (Sequences { ack: 3, start: 0, end: 2 }, Sequences { ack: 1, start: 3, end: 4 });
/// assert_eq!(Mismatch::between(local, remote), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mismatch {
    /// Those of this end.
    pub local: Sequences,
    /// Those of the other end.
    pub remote: Sequences,
}

/// How far the two ends are apart in one direction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gap {
    /// They match.
    None,
    /// The receiver needs so many messages that the sender does not keep any more.
    Missing(u32),
    /// The receiver has consumed so many messages that the sender does not know.
    Unknown(u32),
}

impl Mismatch {
    /// Compares the sequence numbers of both ends, modulo 2^32; `None`: they match.
    pub fn between(local: Sequences, remote: Sequences) -> Option<Self> {
        let mismatch = Self { local, remote };
        let matches = mismatch.sent() == Gap::None && mismatch.received() == Gap::None;
        (!matches).then_some(mismatch)
    }

    /// The gap in the messages of this end.
    pub const fn sent(&self) -> Gap {
        gap(self.remote.ack, self.local)
    }

    /// The gap in the messages of the other end.
    pub const fn received(&self) -> Gap {
        gap(self.local.ack, self.remote)
    }
}

const fn gap(consumed: u32, Sequences { start, end, .. }: Sequences) -> Gap {
    match (start.wrapping_sub(consumed) as i32, consumed.wrapping_sub(end) as i32) {
        (missing @ 1.., _) => Gap::Missing(missing as u32),
        (_, unknown @ 1..) => Gap::Unknown(unknown as u32),
        _ => Gap::None,
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no messages are missing"),
            Self::Missing(count) => write!(f, "{count} messages are missing"),
            Self::Unknown(count) => write!(f, "{count} messages are unknown to their sender"),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the sequence numbers do not match: sent, {}; received, {}", self.sent(), self.received())
    }
}
