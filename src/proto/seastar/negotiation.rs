//! The frame with which both ends begin a connection: what the client offers, and what the server accepts.
//!
//! | offset | size | content |
//! | --- | --- | --- |
//! | 0 | 8 | `SSTARRPC` |
//! | 8 | 4 | number of bytes that follow |
//! | 12 | | records: `u32` number of the feature, `u32` length of its data, data |
//!
//! | number | field of [`Features`] | client sends | server returns |
//! | --- | --- | --- | --- |
//! | 0 | `compression` | names of its algorithms | the name of the one chosen |
//! | 1 | `timeout` | nothing | nothing |
//! | 2 | `connection_id` | never | `u64` id of this connection, if it can have streams or is one |
//! | 3 | `stream_parent` | `u64` id of the connection that the stream belongs to | never |
//! | 4 | `isolation` | the cookie | the same bytes |
//! | 5 | `handler_duration` | nothing | nothing |
//! | `0x73686364` | `peer` | nothing | nothing |
//!
//! A feature is in effect if the server returns it. As in Seastar, records may come in any order, the first of a number
//! counts, and unknown numbers are ignored, as are data of records that need none. Unlike Seastar, which reads past the
//! end of a short id, ids must have 8 bytes, and the length is limited.
//!
//! The last number is ours. Seastar ignores it, and two peers of ours recognize each other by it: a stream between them
//! may be closed right after its end, which makes a reader of Seastar lose the end.
//!
//! Sources: `doc/rpc.md` of scylladb/seastar, and bytes recorded from its client and server at commit 525fcc86. Unlike
//! that document, the cookie has no length of its own.

use bytes::Bytes;

use super::ConnectionId;
use crate::{Error, Home, Sniff};

/// What a client offers, or what a server accepts.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::{ConnectionId, Features, NEGOTIATION_LEN_MAX_DEFAULT, NegotiationError};
///
/// let offer = Features { compression: Some("LZ4".into()), timeout: true, ..Features::default() };
/// let mut sent = Vec::new();
/// offer.encode(&mut sent);
///
/// let max = NEGOTIATION_LEN_MAX_DEFAULT;
/// assert_eq!(Features::decode(&sent[..20], max), Ok(None));
/// let (received, taken) = Features::decode(&sent, max)?.expect("a whole frame");
/// assert_eq!((&received, taken), (&offer, sent.len()));
///
/// // The server has streams, and does not compress.
/// let connection_id = Some(ConnectionId::new(1, 0));
/// let accepted = Features { compression: None, connection_id, ..received };
/// sent.clear();
/// accepted.encode(&mut sent);
/// assert_eq!(sent[12..], *b"\x01\0\0\0\0\0\0\0\x02\0\0\0\x08\0\0\0\0\0\x01\0\0\0\0\0");
///
/// // Another protocol is noticed at its first byte.
/// assert_eq!(Features::decode(b"GET / HTTP/1.1", max), Err(NegotiationError::WrongMagic));
/// # Ok::<(), NegotiationError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Features {
    /// Of a client, the algorithms that it offers; of a server, the one that it chose. Bytes that are not UTF-8 are
    /// replaced, so that they equal no name. See [`compress`](super::compress).
    pub compression: Option<Box<str>>,
    /// Requests carry the time that their caller has left.
    pub timeout: bool,
    /// The id of this connection.
    pub connection_id: Option<ConnectionId>,
    /// The connection is a stream that belongs to this one.
    pub stream_parent: Option<ConnectionId>,
    /// The cookie by which a server chooses how to schedule the connection.
    pub isolation: Option<Bytes>,
    /// Responses carry the time that their handler took.
    pub handler_duration: bool,
    /// The other end is Shardcast.
    pub peer: bool,
}

impl Features {
    /// Appends the frame, with the features in ascending order.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(MAGIC);
        let begin = out.len();
        out.extend_from_slice(&[0; 4]);
        if let Some(names) = &self.compression {
            encode_record(number::COMPRESSION, names.as_bytes(), out);
        }
        if self.timeout {
            encode_record(number::TIMEOUT, &[], out);
        }
        if let Some(id) = self.connection_id {
            encode_record(number::CONNECTION_ID, &id.0.to_le_bytes(), out);
        }
        if let Some(id) = self.stream_parent {
            encode_record(number::STREAM_PARENT, &id.0.to_le_bytes(), out);
        }
        if let Some(cookie) = &self.isolation {
            encode_record(number::ISOLATION, cookie, out);
        }
        if self.handler_duration {
            encode_record(number::HANDLER_DURATION, &[], out);
        }
        if self.peer {
            encode_record(number::PEER, &[], out);
        }
        // Names and cookie are configured, so they are short: no peer accepts long ones.
        let len = out.len() - begin - 4;
        out[begin..begin + 4].copy_from_slice(&(len as u32).to_le_bytes());
    }

    /// Takes the frame from the front of `input`: returns the features and the number of bytes taken. `None` when the
    /// input is a proper prefix of a frame.
    ///
    /// # Errors
    /// It is not a negotiation frame, which is noticed at the first wrong byte, or its records are longer than `len_max`
    /// bytes, which is noticed before they have arrived, or they cannot be read.
    pub fn decode(input: &[u8], len_max: u32) -> Result<Option<(Self, usize)>, NegotiationError> {
        let begin = input.len().min(MAGIC.len());
        if input[..begin] != MAGIC[..begin] {
            return Err(NegotiationError::WrongMagic);
        }
        let Some(len) = records_len(input) else { return Ok(None) };
        if len > len_max {
            return Err(NegotiationError::TooLarge { len, max: len_max });
        }
        let end = HEAD_LEN + len as usize;
        let Some(records) = input.get(HEAD_LEN..end) else { return Ok(None) };
        Self::from_records(records).map(|features| Some((features, end)))
    }

    fn from_records(mut records: &[u8]) -> Result<Self, NegotiationError> {
        let mut features = Self::default();
        while !records.is_empty() {
            let (number, data, rest) = split_record(records).ok_or(NegotiationError::RecordBeyondEnd)?;
            features.add(number, data)?;
            records = rest;
        }
        Ok(features)
    }

    /// Adds a record, unless an earlier one had the same number.
    fn add(&mut self, number: u32, data: &[u8]) -> Result<(), NegotiationError> {
        match number {
            number::COMPRESSION => {
                self.compression.get_or_insert_with(|| String::from_utf8_lossy(data).into());
            }
            number::TIMEOUT => self.timeout = true,
            number::CONNECTION_ID => {
                let id = decode_id(number, data)?;
                self.connection_id.get_or_insert(id);
            }
            number::STREAM_PARENT => {
                let id = decode_id(number, data)?;
                self.stream_parent.get_or_insert(id);
            }
            number::ISOLATION => {
                self.isolation.get_or_insert_with(|| Bytes::copy_from_slice(data));
            }
            number::HANDLER_DURATION => self.handler_duration = true,
            number::PEER => self.peer = true,
            _ => {}
        }
        Ok(())
    }
}

/// Recognizes a client by its first bytes. A stream belongs on the shard of its parent.
///
/// Bytes that begin like a negotiation frame match, whatever follows: [`Features::decode`] says what is wrong with them.
///
/// # Examples
/// ```
/// use shardcast_proto::{Home, Sniff, seastar::{self, ConnectionId, Features}};
///
/// let mut sent = Vec::new();
/// Features { stream_parent: Some(ConnectionId::new(1, 3)), ..Features::default() }.encode(&mut sent);
/// assert_eq!(seastar::sniff(&sent[..8]), Sniff::NeedBytes(12));
/// assert_eq!(seastar::sniff(&sent[..12]), Sniff::NeedBytes(28));
/// assert_eq!(seastar::sniff(&sent), Sniff::Match(Home::Shard(3)));
///
/// sent.clear();
/// Features::default().encode(&mut sent);
/// assert_eq!(seastar::sniff(&sent), Sniff::Match(Home::AnyShard));
/// assert_eq!(seastar::sniff(b"SSH-2.0"), Sniff::Refuse);
/// ```
pub fn sniff(prefix: &[u8]) -> Sniff {
    let begin = prefix.len().min(MAGIC.len());
    if prefix[..begin] != MAGIC[..begin] {
        return Sniff::Refuse;
    }
    let Some(len) = records_len(prefix) else { return Sniff::NeedBytes(HEAD_LEN) };
    if len > NEGOTIATION_LEN_MAX_DEFAULT {
        return Sniff::Match(Home::AnyShard);
    }
    let end = HEAD_LEN + len as usize;
    let mut records = &prefix[HEAD_LEN..prefix.len().min(end)];
    while let Some((number, data, rest)) = split_record(records) {
        if number == number::STREAM_PARENT {
            return Sniff::Match(parent_home(data));
        }
        records = rest;
    }
    let needed = end.min(SNIFF_LEN_MAX);
    if prefix.len() < needed { Sniff::NeedBytes(needed) } else { Sniff::Match(Home::AnyShard) }
}

/// A frame that is not a valid negotiation. The connection cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NegotiationError {
    /// The frame does not begin with `SSTARRPC`.
    #[error("the frame does not begin with SSTARRPC")]
    WrongMagic,
    /// The records are longer than this side allows.
    #[error("feature records of {len} bytes, where at most {max} are allowed")]
    TooLarge {
        /// The announced length.
        len: u32,
        /// The greatest allowed length.
        max: u32,
    },
    /// A record ends after the frame.
    #[error("a feature record ends after its frame")]
    RecordBeyondEnd,
    /// A connection id does not have 8 bytes.
    #[error("connection id of {len} bytes in feature {number}")]
    IdLength {
        /// Number of the feature.
        number: u32,
        /// Length of its data.
        len: usize,
    },
}

impl From<NegotiationError> for Error {
    fn from(error: NegotiationError) -> Self {
        match error {
            NegotiationError::WrongMagic => Self::Malformed("magic of the negotiation"),
            NegotiationError::TooLarge { len, max } => {
                Self::FrameTooLarge { len: len.into(), max: max.into() }
            }
            NegotiationError::RecordBeyondEnd => Self::Malformed("feature record"),
            NegotiationError::IdLength { .. } => Self::Malformed("connection id"),
        }
    }
}

/// Length of the records, once it has arrived.
fn records_len(input: &[u8]) -> Option<u32> {
    input.get(MAGIC.len()..)?.first_chunk().map(|len| u32::from_le_bytes(*len))
}

/// Number and data of the first record, and the records after it.
fn split_record(records: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (number, rest) = records.split_first_chunk()?;
    let (len, rest) = rest.split_first_chunk()?;
    let (data, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    Some((u32::from_le_bytes(*number), data, rest))
}

fn encode_record(number: u32, data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&(data.len() as u32).to_le_bytes());
    out.extend_from_slice(data);
}

fn decode_id(number: u32, data: &[u8]) -> Result<ConnectionId, NegotiationError> {
    let id = data.try_into().map_err(|_| NegotiationError::IdLength { number, len: data.len() })?;
    Ok(ConnectionId(u64::from_le_bytes(id)))
}

fn parent_home(data: &[u8]) -> Home {
    match decode_id(number::STREAM_PARENT, data) {
        Ok(id) if id.is_valid() => Home::Shard(id.shard()),
        // The session refuses it, on any shard.
        _ => Home::AnyShard,
    }
}

mod number {
    pub(super) const COMPRESSION: u32 = 0;
    pub(super) const TIMEOUT: u32 = 1;
    pub(super) const CONNECTION_ID: u32 = 2;
    pub(super) const STREAM_PARENT: u32 = 3;
    pub(super) const ISOLATION: u32 = 4;
    pub(super) const HANDLER_DURATION: u32 = 5;
    /// `shcd`, far from the small numbers that Seastar gives out.
    pub(super) const PEER: u32 = 0x7368_6364;
}

/// Longest feature records that are accepted by default: 64 KiB. Real ones have less than 100 bytes.
pub const NEGOTIATION_LEN_MAX_DEFAULT: u32 = 64 << 10;
const MAGIC: &[u8; 8] = b"SSTARRPC";
const HEAD_LEN: usize = 12;
/// A connection must be recognized by its first 4,096 bytes: see [`Sniff::NeedBytes`].
const SNIFF_LEN_MAX: usize = 4096;
