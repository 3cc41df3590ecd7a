//! What goes over a fake connection: small frames that a client can check.

use bytes::Bytes;
use shardcast_proto::Position;

/// One frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Frame {
    /// A message of a topic; one that was missed comes as an answer.
    Message { topic: usize, position: Position, id: u64, was_missed: bool },
    /// The subscription with this number of the client stands.
    Subscribed { number: usize },
    /// It has ended.
    Unsubscribed { number: usize },
}

impl Frame {
    /// Its bytes; `len` of them stand for the body of a message.
    pub(crate) fn encode(self, len: usize) -> Bytes {
        let words = match self {
            Self::Message { topic, position, id, was_missed } => {
                [0, topic as u64, position.epoch, position.offset, id, was_missed.into()]
            }
            Self::Subscribed { number } => [1, number as u64, 0, 0, 0, 0],
            Self::Unsubscribed { number } => [2, number as u64, 0, 0, 0, 0],
        };
        let mut bytes = (len as u64).to_le_bytes().to_vec();
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        bytes.resize(HEADER + len, 0);
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
                was_missed: word(6)? == 1,
            },
            1 => Self::Subscribed { number: word(2)? as usize },
            _ => Self::Unsubscribed { number: word(2)? as usize },
        };
        Some((frame, rest))
    }
}

const HEADER: usize = 7 * 8;
