//! Queues of the original: the `.ptcp` files in which it keeps what the peer has not acknowledged.
//!
//! ```text
//!   0                                                              queue size (TcpQueueSize), a multiple of 8
//!   | released | message | message | message | free ...              | write | read | send | first | received |
//!              ^ read                        ^ write                   five u32
//! ```
//!
//! A message is a [`Header`] in the byte order of the wire and a body, padded to blocks of 8 bytes. The five numbers at the end
//! are in the byte order of the machine, of which only little-endian ones are supported. `write`, `read` and `send`
//! count blocks.

use super::{ByteOrder, Header, header::HEADER_LEN};

/// A queue of the original that was checked.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::{ByteOrder, OriginalQueue};
///
/// // One message of type 7, with the body "hi"; 3 were acknowledged before it, and 5 of the peer were received.
/// let mut file = b"\x0a\0\x07\0\0\0\0\0hi\0\0\0\0\0\0".to_vec();
/// for number in [2u32, 0, 2, 3, 5] {
///     file.extend_from_slice(&number.to_le_bytes());
/// }
/// let queue = OriginalQueue::load(&file, ByteOrder::Little)?;
/// assert_eq!((queue.first(), queue.received(), queue.message_count()), (3, 5, 1));
/// assert_eq!(queue.messages().next(), Some((7, &b"hi"[..])));
/// # Ok::<(), shardcast_proto::tcpshm::OriginalError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OriginalQueue<'a> {
    /// The messages that are not acknowledged, with their padding. All headers in it are valid.
    kept: &'a [u8],
    order: ByteOrder,
    first: u32,
    received: u32,
    messages: u64,
}

/// The file is not a queue of the original, or is damaged.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::{ByteOrder, OriginalError, OriginalQueue};
///
/// let error = OriginalQueue::load(&[0; 19], ByteOrder::Little).expect_err("shorter than its numbers");
/// assert_eq!((error, error.code()), (OriginalError::Length { len: 19 }, "queue-length"));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginalError {
    /// The file is cut, or is a different kind of file.
    #[error("a file of {len} bytes is not a queue, whose length is 20 more than a multiple of 8")]
    Length {
        /// Its length in bytes.
        len: u64,
    },
    /// The numbers at the end are not in order: another kind of file, or one of another version.
    #[error("read {read}, send {send}, write {write}: the numbers at the end of the file are not in order")]
    Indexes {
        /// The block of the first message that is not acknowledged.
        read: u32,
        /// The block of what is sent next.
        send: u32,
        /// The block after the last message.
        write: u32,
    },
    /// The messages end after the end of the queue.
    #[error("the messages end at block {write} of {blocks}")]
    Outside {
        /// The block after the last message.
        write: u32,
        /// Blocks of the queue.
        blocks: u64,
    },
    /// A message is shorter than its header. With the wrong byte order, this is likely.
    #[error("byte {at}: a message of {size} bytes, at least 8 are needed; is the byte order right?")]
    Size {
        /// Where it is in the file.
        at: u64,
        /// Its size.
        size: u16,
    },
    /// A message ends after the last one should. With the wrong byte order, this is likely.
    #[error(
        "byte {at}: a message of {size} bytes ends after the end of all messages; is the byte order right?"
    )]
    Overrun {
        /// Where it is in the file.
        at: u64,
        /// Its size.
        size: u16,
    },
    /// A message has the type of heartbeats: the peer would not count it, and all later numbers would be wrong.
    #[error("byte {at}: a message has type 0, with which its peer does not count it")]
    Type {
        /// Where it is in the file.
        at: u64,
    },
}

impl OriginalError {
    /// Stable short name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Length { .. } => "queue-length",
            Self::Indexes { .. } => "queue-indexes",
            Self::Outside { .. } => "queue-outside",
            Self::Size { .. } => "queue-message-size",
            Self::Overrun { .. } => "queue-message-end",
            Self::Type { .. } => "queue-message-type",
        }
    }
}

impl<'a> OriginalQueue<'a> {
    /// Checks the bytes of a file. `order` is that of the wire (`ToLittleEndian`).
    ///
    /// # Errors
    /// It is not such a file, or is damaged.
    pub fn load(file: &'a [u8], order: ByteOrder) -> Result<Self, OriginalError> {
        let (blocks, numbers) = split(file)?;
        let [write, read, send, first, received] = numbers;
        if read > send || send > write {
            return Err(OriginalError::Indexes { read, send, write });
        }
        let outside = || OriginalError::Outside { write, blocks: (blocks.len() / BLOCK_LEN) as u64 };
        let [begin, end] = [byte(read), byte(write)];
        let kept = blocks.get(begin..end).ok_or_else(outside)?;
        let messages = check(kept, begin as u64, order)?;
        Ok(Self { kept, order, first, received, messages })
    }

    /// The sequence number of the first message.
    pub const fn first(&self) -> u32 {
        self.first
    }

    /// How many messages of the peer were received.
    pub const fn received(&self) -> u32 {
        self.received
    }

    /// How many messages the peer has not acknowledged.
    pub const fn message_count(&self) -> u64 {
        self.messages
    }

    /// Their types and bodies, in their order.
    pub fn messages(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let (mut rest, order) = (self.kept, self.order);
        std::iter::from_fn(move || {
            let header = Header::decode(*rest.first_chunk()?, order);
            let (message, after) = rest.split_at_checked(header.wire_len())?;
            rest = after;
            Some((header.message_type, message.get(HEADER_LEN..usize::from(header.size))?))
        })
    }
}

/// The blocks and the numbers after them.
fn split(file: &[u8]) -> Result<(&[u8], [u32; NUMBER_COUNT]), OriginalError> {
    let error = OriginalError::Length { len: file.len() as u64 };
    let (blocks, numbers) = file.split_last_chunk::<NUMBERS_LEN>().ok_or(error)?;
    if blocks.is_empty() || !blocks.len().is_multiple_of(BLOCK_LEN) {
        return Err(error);
    }
    let number = |at: usize| {
        let [a, b, c, d] = [0, 1, 2, 3].map(|byte| numbers[4 * at + byte]);
        u32::from_le_bytes([a, b, c, d])
    };
    Ok((blocks, [0, 1, 2, 3, 4].map(number)))
}

/// Counts the messages, which begin at byte `begin` of the file.
fn check(kept: &[u8], begin: u64, order: ByteOrder) -> Result<u64, OriginalError> {
    let (mut rest, mut count) = (kept, 0);
    while let Some(header) = rest.first_chunk() {
        let header = Header::decode(*header, order);
        let (at, size) = (begin + (kept.len() - rest.len()) as u64, header.size);
        if usize::from(size) < HEADER_LEN {
            return Err(OriginalError::Size { at, size });
        }
        if header.is_heartbeat() {
            return Err(OriginalError::Type { at });
        }
        rest = rest.get(header.wire_len()..).ok_or(OriginalError::Overrun { at, size })?;
        count += 1;
    }
    Ok(count)
}

/// Where a block begins; one that does not fit in memory is after every end.
fn byte(block: u32) -> usize {
    usize::try_from(u64::from(block) * BLOCK_LEN as u64).unwrap_or(usize::MAX)
}

const BLOCK_LEN: usize = 8;
const NUMBER_COUNT: usize = 5;
const NUMBERS_LEN: usize = 4 * NUMBER_COUNT;
