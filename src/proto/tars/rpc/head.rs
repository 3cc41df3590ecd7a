//! What packets carry besides servant, function and arguments, on its way between a session and the application.
//!
//! The layout is private to this process: numbers in a fixed order, then both maps, as they are on the wire, each with
//! its number of pairs and its length before it.

use crate::tars::{
    codec::TarsWriter,
    packet::{StringMap, StringMapRef, Version},
};

/// The head of a request: see [`Request::head`](crate::Request::head).
///
/// # Examples
/// ```
/// use shardcast_proto::tars::{packet::{StringMap, Version}, rpc::CallHead};
///
/// let context = StringMap::from([("user".into(), "ann".into())]);
/// let mut head = Vec::new();
/// CallHead { version: Version::TUP, timeout_ms: 3000, ..CallHead::default() }.encode_with(&context, &StringMap::new(), &mut head);
/// let head = CallHead::decode(&head).expect("it was encoded here");
/// assert_eq!((head.version, head.timeout_ms), (Version::TUP, 3000));
/// assert_eq!(head.context.get("user").as_deref(), Some("ann"));
/// assert!(head.status.is_empty());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CallHead<'a> {
    /// How the arguments are encoded (`iVersion`).
    pub version: Version,
    /// `cPacketType`, as received; see [`packet_type`](crate::tars::packet::packet_type).
    pub packet_type: i8,
    /// The bits of `iMessageType`.
    pub message_type: i32,
    /// The id that the peer chose. The session chooses that of a request that is sent.
    pub request_id: i32,
    /// How long the client waits, in ms; 0 means forever. For a request that is sent, its deadline.
    pub timeout_ms: i32,
    /// Headers of the application.
    pub context: StringMapRef<'a>,
    /// Headers of the framework.
    pub status: StringMapRef<'a>,
}

/// The head of a response: see [`Command::Respond`](crate::Command::Respond).
///
/// # Examples
/// ```
/// use shardcast_proto::tars::{packet::StringMap, rpc::ResponseHead};
///
/// let mut head = Vec::new();
/// ResponseHead::encode_with(&StringMap::from([("seen".into(), "user".into())]), &StringMap::new(), &mut head);
/// let head = ResponseHead::decode(&head).expect("it was encoded here");
/// assert_eq!(head.context.get("seen").as_deref(), Some("user"));
/// // Most responses have none.
/// assert_eq!(ResponseHead::decode(&[]), Some(ResponseHead::default()));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ResponseHead<'a> {
    /// Headers of the application.
    pub context: StringMapRef<'a>,
    /// Headers of the framework.
    pub status: StringMapRef<'a>,
}

impl<'a> CallHead<'a> {
    /// Appends the head.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.encode_numbers(out);
        encode_map(self.context, out);
        encode_map(self.status, out);
    }

    /// As [`encode`](Self::encode), with these maps.
    pub fn encode_with(&self, context: &StringMap, status: &StringMap, out: &mut Vec<u8>) {
        self.encode_numbers(out);
        encode_owned_map(context, out);
        encode_owned_map(status, out);
    }

    fn encode_numbers(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.version.0.to_ne_bytes());
        out.push(self.packet_type.cast_unsigned());
        for number in [self.message_type, self.request_id, self.timeout_ms] {
            out.extend_from_slice(&number.to_ne_bytes());
        }
    }

    /// Reads a head; an empty one is that of a request in version 1 without context. `None` if it is not a head.
    pub fn decode(mut head: &'a [u8]) -> Option<Self> {
        if head.is_empty() {
            return Some(Self::default());
        }
        Some(Self {
            version: Version(i16::from_ne_bytes(take(&mut head)?)),
            packet_type: i8::from_ne_bytes(take(&mut head)?),
            message_type: i32::from_ne_bytes(take(&mut head)?),
            request_id: i32::from_ne_bytes(take(&mut head)?),
            timeout_ms: i32::from_ne_bytes(take(&mut head)?),
            context: decode_map(&mut head)?,
            status: decode_map(&mut head)?,
        })
    }
}

impl<'a> ResponseHead<'a> {
    /// Appends the head.
    pub fn encode(&self, out: &mut Vec<u8>) {
        encode_map(self.context, out);
        encode_map(self.status, out);
    }

    /// Appends a head with these maps; nothing if both are empty.
    pub fn encode_with(context: &StringMap, status: &StringMap, out: &mut Vec<u8>) {
        if !(context.is_empty() && status.is_empty()) {
            encode_owned_map(context, out);
            encode_owned_map(status, out);
        }
    }

    /// Reads a head. `None` if it is not one.
    pub fn decode(mut head: &'a [u8]) -> Option<Self> {
        if head.is_empty() {
            return Some(Self::default());
        }
        Some(Self { context: decode_map(&mut head)?, status: decode_map(&mut head)? })
    }
}

fn encode_map(map: StringMapRef<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&map.len().to_ne_bytes());
    out.extend_from_slice(&map.encoded().len().to_ne_bytes());
    out.extend_from_slice(map.encoded());
}

fn encode_owned_map(map: &StringMap, out: &mut Vec<u8>) {
    if map.is_empty() {
        return encode_map(StringMapRef::default(), out);
    }
    let mut w = TarsWriter::new();
    for (key, value) in map {
        w.field(0, key);
        w.field(1, value);
    }
    encode_map(StringMapRef::from_encoded(map.len(), w.as_bytes()), out);
}

fn decode_map<'a>(head: &mut &'a [u8]) -> Option<StringMapRef<'a>> {
    let len = usize::from_ne_bytes(take(head)?);
    let encoded_len = usize::from_ne_bytes(take(head)?);
    let (encoded, rest) = head.split_at_checked(encoded_len)?;
    *head = rest;
    Some(StringMapRef::from_encoded(len, encoded))
}

fn take<const N: usize>(head: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = head.split_first_chunk()?;
    *head = rest;
    Some(*bytes)
}
