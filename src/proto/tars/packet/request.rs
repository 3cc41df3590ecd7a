//! Requests; in TUP also responses.

use std::borrow::Cow;

use bytes::Bytes;

use super::{PacketTooLarge, StringMap, StringMapRef, Version, frame::write_frame, packet_type};
use crate::tars::codec::{
    Decode, DecodeError, DecodeStruct, Encode, TarsReader, TarsStruct, TarsWriter, Utf8Policy,
};

/// A call; in TUP also its response.
///
/// All ten fields are written, as in all implementations. The reader is lenient: `packet_type`,
/// `message_type`, `timeout_ms`, `context` and `status` may be missing, unknown fields are skipped, and
/// invalid UTF-8 is replaced with U+FFFD.
///
/// The type parameters are the types of strings, the buffer and the headers: [`RequestPacket`] owns them,
/// [`RequestRef`] borrows.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Request<S, B, M> {
    /// How the arguments are encoded (`iVersion`, tag 1).
    pub version: Version,
    /// Whether a response is expected (`cPacketType`, tag 2): see [`packet_type`].
    pub packet_type: i8,
    /// Bits (`iMessageType`, tag 3): see [`message_type`](super::message_type).
    pub message_type: i32,
    /// Chosen by the client, echoed by the server (`iRequestId`, tag 4). Not 0, which means a push.
    pub request_id: i32,
    /// `App.Server.Object` (`sServantName`, tag 5).
    pub servant: S,
    /// The method (`sFuncName`, tag 6).
    pub func: S,
    /// The arguments (`sBuffer`, tag 7).
    pub buffer: B,
    /// How long the client waits for the response, in ms; 0 means forever (`iTimeout`, tag 8).
    pub timeout_ms: i32,
    /// Headers of the application (tag 9).
    pub context: M,
    /// Headers of the framework (tag 10): see [`status_key`](super::status_key).
    pub status: M,
}

/// A request that owns its data.
pub type RequestPacket = Request<String, Bytes, StringMap>;

/// A request that borrows from the decoded bytes.
pub type RequestRef<'de> = Request<Cow<'de, str>, Cow<'de, [u8]>, StringMapRef<'de>>;

impl<S, B, M> Request<S, B, M> {
    /// Whether it never gets a response.
    pub const fn is_one_way(&self) -> bool {
        self.packet_type == packet_type::ONE_WAY
    }

    /// Appends the complete packet, beginning with its length.
    ///
    /// # Errors
    /// It is longer than any peer accepts; then nothing is appended.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), PacketTooLarge>
    where
        Self: TarsStruct,
    {
        write_frame(self, out)
    }

    /// Reads the body of a packet, which follows its length.
    ///
    /// # Errors
    /// A required field is missing, or a field cannot be read.
    pub fn decode<'de>(body: &'de [u8]) -> Result<Self, DecodeError>
    where
        Self: DecodeStruct<'de>,
    {
        Self::read_fields(&mut TarsReader::new(body).utf8(Utf8Policy::Lossy))
    }
}

impl RequestPacket {
    /// Reads the body of a packet; its buffer is a part of `body` instead of a copy.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    ///
    /// # Examples
    /// ```
    /// use bytes::Bytes;
    /// use shardcast_proto::tars::packet::RequestPacket;
    ///
    /// let request = RequestPacket { request_id: 7, buffer: b"\x10\x02".as_slice().into(), ..Default::default() };
    /// let mut packet = Vec::new();
    /// request.encode(&mut packet)?;
    /// let body = Bytes::from(packet).slice(4..);
    /// let received = RequestPacket::decode_shared(&body)?;
    /// assert_eq!(received, request);
    /// assert!(body.as_ptr_range().contains(&received.buffer.as_ptr()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decode_shared(body: &Bytes) -> Result<Self, DecodeError> {
        Self::read_fields(&mut TarsReader::shared(body).utf8(Utf8Policy::Lossy))
    }
}

impl RequestRef<'_> {
    /// An owned copy of the packet.
    pub fn to_owned(&self) -> RequestPacket {
        RequestPacket {
            version: self.version,
            packet_type: self.packet_type,
            message_type: self.message_type,
            request_id: self.request_id,
            servant: self.servant.clone().into_owned(),
            func: self.func.clone().into_owned(),
            buffer: Bytes::copy_from_slice(&self.buffer),
            timeout_ms: self.timeout_ms,
            context: self.context.to_map(),
            status: self.status.to_map(),
        }
    }
}

impl<S: Encode, B: Encode, M: Encode> TarsStruct for Request<S, B, M> {
    const NAME: &'static str = "tars.RequestPacket";

    fn write_fields(&self, w: &mut TarsWriter) {
        w.field(1, &self.version.0);
        w.field(2, &self.packet_type);
        w.field(3, &self.message_type);
        w.field(4, &self.request_id);
        w.field(5, &self.servant);
        w.field(6, &self.func);
        w.field(7, &self.buffer);
        w.field(8, &self.timeout_ms);
        w.field(9, &self.context);
        w.field(10, &self.status);
    }
}

impl<'de, S, B, M> DecodeStruct<'de> for Request<S, B, M>
where
    S: Decode<'de> + Encode,
    B: Decode<'de> + Encode,
    M: Decode<'de> + Encode + Default,
{
    fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError> {
        Ok(Self {
            version: Version(r.require(1)?),
            packet_type: r.optional(2)?,
            message_type: r.optional(3)?,
            request_id: r.require(4)?,
            servant: r.require(5)?,
            func: r.require(6)?,
            buffer: r.require(7)?,
            timeout_ms: r.optional(8)?,
            context: r.optional(9)?,
            status: r.optional(10)?,
        })
    }
}
