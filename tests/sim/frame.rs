//! The frames from a server to a client, which the client can check.

use bytes::Bytes;
use shardcast_proto::Position;

/// One frame. Each is one message to the outbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Frame {
    /// A message of a topic, in a dialect; a missed one arrives as a response.
    Message { topic: usize, position: Position, id: u64, was_missed: bool, dialect: u8 },
    /// The response to the request with this number.
    Response { request: u64, kind: ResponseKind },
    /// A frame of the session itself: the number of pings and notes that it answers, and whether it is a beat.
    Own { pings: u64, notes: u64, is_beat: bool },
    /// The session's last frame to a client that violated the protocol.
    LastWord,
}

/// The kind of a response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ResponseKind {
    Plain,
    Welcome,
    Subscribed,
    Unsubscribed,
    Published,
    Present,
    Refused,
}

impl Frame {
    /// Appends its bytes; `len` of them stand for the body.
    pub(crate) fn write(self, len: usize, out: &mut Vec<u8>) {
        let words = match self {
            Self::Message { topic, position, id, was_missed, dialect } => {
                let flags = u64::from(was_missed) | u64::from(dialect) << 1;
                [0, topic as u64, position.epoch, position.offset, id, flags]
            }
            Self::Response { request, kind } => [1, request, kind as u64, 0, 0, 0],
            Self::Own { pings, notes, is_beat } => [2, pings, notes, is_beat.into(), 0, 0],
            Self::LastWord => [3, 0, 0, 0, 0, 0],
        };
        let end = out.len() + HEADER + len;
        out.extend_from_slice(&(len as u64).to_le_bytes());
        words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        out.resize(end, 0);
    }

    /// Its bytes.
    pub(crate) fn encode(self, len: usize) -> Bytes {
        let mut bytes = Vec::with_capacity(HEADER + len);
        self.write(len, &mut bytes);
        bytes.into()
    }

    /// The first frame of `bytes`, and the rest.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let word = |index: usize| bytes.get(index * 8..)?.first_chunk().map(|word| u64::from_le_bytes(*word));
        let rest = bytes.get(HEADER + word(0)? as usize..)?;
        let frame = match word(1)? {
            0 => Self::Message {
                topic: word(2)? as usize,
                position: Position { epoch: word(3)?, offset: word(4)? },
                id: word(5)?,
                was_missed: word(6)? & 1 == 1,
                dialect: (word(6)? >> 1) as u8,
            },
            1 => Self::Response { request: word(2)?, kind: ResponseKind::ALL[word(3)? as usize] },
            2 => Self::Own { pings: word(2)?, notes: word(3)?, is_beat: word(4)? == 1 },
            _ => Self::LastWord,
        };
        Some((frame, rest))
    }

    /// Whether a policy may drop it.
    pub(crate) const fn is_push(self) -> bool {
        matches!(self, Self::Message { was_missed: false, .. })
    }
}

impl ResponseKind {
    /// All of them, in the order of their numbers.
    const ALL: [Self; 7] = [
        Self::Plain,
        Self::Welcome,
        Self::Subscribed,
        Self::Unsubscribed,
        Self::Published,
        Self::Present,
        Self::Refused,
    ];
}

/// All frames of `bytes`, and their lengths.
pub(crate) fn frames(mut bytes: &[u8]) -> impl Iterator<Item = (Frame, usize)> + '_ {
    std::iter::from_fn(move || {
        let (frame, rest) = Frame::decode(bytes)?;
        let len = bytes.len() - rest.len();
        bytes = rest;
        Some((frame, len))
    })
}

const HEADER: usize = 7 * 8;
