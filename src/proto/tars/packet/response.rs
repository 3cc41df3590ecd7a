//! Responses and pushes.

use std::borrow::Cow;

use bytes::Bytes;

use super::{PacketTooLarge, ReturnCode, StringMap, StringMapRef, Version, frame::write_frame};
use crate::tars::codec::{
    Decode, DecodeError, DecodeStruct, Encode, TarsReader, TarsStruct, TarsWriter, Utf8Policy,
};

/// The response to a call of versions 1 and 5, or a push.
///
/// Note that `request_id` and `message_type` have each other's tags of the request. `result_desc` and
/// `context` are written only if they are not empty, as in TarsCpp, Java and Go. The reader is lenient:
/// everything except `version`, `request_id` and `buffer` may be missing.
///
/// The type parameters are the types of strings, the buffer and the headers: [`ResponsePacket`] owns them,
/// [`ResponseRef`] borrows.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Response<S, B, M> {
    /// That of the request; in pushes 1 (`iVersion`, tag 1).
    pub version: Version,
    /// Always 0; TarsCpp clients close the connection on anything else (`cPacketType`, tag 2).
    pub packet_type: i8,
    /// That of the request; 0 in a push (`iRequestId`, tag 3).
    pub request_id: i32,
    /// That of the request (`iMessageType`, tag 4).
    pub message_type: i32,
    /// The result code of the call (`iRet`, tag 5).
    pub ret: ReturnCode,
    /// The result; empty unless `ret` is success (`sBuffer`, tag 6).
    pub buffer: B,
    /// Headers of the framework; in a push the method (tag 7): see [`status_key`](super::status_key).
    pub status: M,
    /// Description of an error (`sResultDesc`, tag 8).
    pub result_desc: S,
    /// Headers of the application (tag 9).
    pub context: M,
}

/// A response that owns its data.
pub type ResponsePacket = Response<String, Bytes, StringMap>;

/// A response that borrows from the decoded bytes.
pub type ResponseRef<'de> = Response<Cow<'de, str>, Cow<'de, [u8]>, StringMapRef<'de>>;

impl<S, B, M> Response<S, B, M> {
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

impl ResponsePacket {
    /// Reads the body of a packet; its buffer is a part of `body` instead of a copy.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    ///
    /// # Examples
    /// ```
    /// use bytes::Bytes;
    /// use shardcast_proto::tars::packet::ResponsePacket;
    ///
    /// let response = ResponsePacket { request_id: 7, buffer: b"\x06\x02ok".as_slice().into(), ..Default::default() };
    /// let mut packet = Vec::new();
    /// response.encode(&mut packet)?;
    /// let body = Bytes::from(packet).slice(4..);
    /// let received = ResponsePacket::decode_shared(&body)?;
    /// assert_eq!(received, response);
    /// assert!(body.as_ptr_range().contains(&received.buffer.as_ptr()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decode_shared(body: &Bytes) -> Result<Self, DecodeError> {
        Self::read_fields(&mut TarsReader::shared(body).utf8(Utf8Policy::Lossy))
    }
}

impl ResponseRef<'_> {
    /// An owned copy of the packet.
    pub fn to_owned(&self) -> ResponsePacket {
        ResponsePacket {
            version: self.version,
            packet_type: self.packet_type,
            request_id: self.request_id,
            message_type: self.message_type,
            ret: self.ret,
            buffer: Bytes::copy_from_slice(&self.buffer),
            status: self.status.to_map(),
            result_desc: self.result_desc.clone().into_owned(),
            context: self.context.to_map(),
        }
    }
}

impl<S: Encode, B: Encode, M: Encode> TarsStruct for Response<S, B, M> {
    const NAME: &'static str = "tars.ResponsePacket";

    fn write_fields(&self, w: &mut TarsWriter) {
        w.field(1, &self.version.0);
        w.field(2, &self.packet_type);
        w.field(3, &self.request_id);
        w.field(4, &self.message_type);
        w.field(5, &self.ret.0);
        w.field(6, &self.buffer);
        w.field(7, &self.status);
        w.optional(8, &self.result_desc);
        w.optional(9, &self.context);
    }
}

impl<'de, S, B, M> DecodeStruct<'de> for Response<S, B, M>
where
    S: Decode<'de> + Encode + Default,
    B: Decode<'de> + Encode,
    M: Decode<'de> + Encode + Default,
{
    fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError> {
        Ok(Self {
            version: Version(r.require(1)?),
            packet_type: r.optional(2)?,
            request_id: r.require(3)?,
            message_type: r.optional(4)?,
            ret: ReturnCode(r.optional(5)?),
            buffer: r.require(6)?,
            status: r.optional(7)?,
            result_desc: r.optional(8)?,
            context: r.optional(9)?,
        })
    }
}
