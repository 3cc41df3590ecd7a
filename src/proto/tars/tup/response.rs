//! Responses with results.

use bytes::Bytes;

use super::{Attributes, TupError};
use crate::tars::{
    codec::{Decode, DecodeError, Encode, TarsReader},
    packet::{PacketTooLarge, RequestPacket, ResponsePacket, ReturnCode, StringMap, Version, status_key},
};

/// A response and its results, in the layout of its version: that of a request in versions 2 and 3, where
/// the return code and its description are in the status.
///
/// # Examples
/// ```
/// use shardcast_proto::tars::{
///     packet::{FRAME_LEN_MAX_DEFAULT, ReturnCode, Version, split_frame},
///     tup::{Key, TupEncodeError, UniPacket, UniResponse},
/// };
///
/// let mut call = UniPacket::new(Version::TARS, "Demo.HelloServer.HelloObj", "");
/// assert_eq!(call.encode(&mut Vec::new()), Err(TupEncodeError::NoFunc));
/// call.request.func = "hello".into();
///
/// let mut response = call.create_response();
/// response.put_result(&5);
/// response.attributes.put(Key::Tag(2), "hello")?;
/// let mut sent = Vec::new();
/// response.encode(&mut sent)?;
///
/// let (body, _) = split_frame(&sent, FRAME_LEN_MAX_DEFAULT)?.expect("a whole packet");
/// let received = UniResponse::decode(body)?;
/// assert_eq!((received.ret, received.result::<i32>()?), (ReturnCode::SUCCESS, 5));
/// assert_eq!(received.attributes.require::<String>(Key::Tag(2))?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct UniResponse {
    /// That of the request.
    pub request_id: i32,
    /// That of the request.
    pub message_type: i32,
    /// That of the request; only versions 2 and 3 carry it.
    pub servant: String,
    /// That of the request; only versions 2 and 3 carry it.
    pub func: String,
    /// The result code of the call.
    pub ret: ReturnCode,
    /// Description of an error.
    pub result_desc: String,
    /// Headers of the application.
    pub context: StringMap,
    /// Headers of the framework, without those for `ret` and `result_desc`.
    pub status: StringMap,
    /// The result and the output parameters, in the version of the request.
    pub attributes: Attributes,
}

impl UniResponse {
    /// Puts the result of the method: as tag 0, or under both names that clients use.
    pub fn put_result<T: Encode + ?Sized>(&mut self, value: &T) {
        if self.attributes.version().is_tup() {
            self.attributes.insert(RESULT_NAME.into(), value);
            self.attributes.insert(RESULT_NAME_TARS.into(), value);
        } else {
            self.attributes.insert(RESULT_TAG.into(), value);
        }
    }

    /// Reads the result of the method.
    ///
    /// # Errors
    /// There is none, or it cannot be read as a `T`.
    pub fn result<'a, T: Decode<'a>>(&'a self) -> Result<T, TupError> {
        if !self.attributes.version().is_tup() {
            return self.attributes.require(RESULT_TAG);
        }
        match self.attributes.get(RESULT_NAME)? {
            Some(value) => Ok(value),
            None => self.attributes.require(RESULT_NAME_TARS),
        }
    }

    /// Appends the complete packet, beginning with its length.
    ///
    /// # Errors
    /// It is longer than any peer accepts; then nothing is appended.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
        let version = self.attributes.version();
        let buffer: Bytes = self.attributes.encode().into();
        let (request_id, message_type) = (self.request_id, self.message_type);
        let context = self.context.clone();
        if version.is_tup() {
            let (servant, func) = (self.servant.clone(), self.func.clone());
            let status = self.status_with_result();
            return RequestPacket {
                version,
                message_type,
                request_id,
                servant,
                func,
                buffer,
                context,
                status,
                ..RequestPacket::default()
            }
            .encode(out);
        }
        let (ret, result_desc, status) = (self.ret, self.result_desc.clone(), self.status.clone());
        ResponsePacket {
            version,
            request_id,
            message_type,
            ret,
            buffer,
            status,
            result_desc,
            context,
            ..ResponsePacket::default()
        }
        .encode(out)
    }

    /// Reads the body of a packet, which follows its length; its version decides the layout.
    ///
    /// # Errors
    /// It is not a response, or its buffer does not match its version.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let version = Version(TarsReader::new(body).require(1)?);
        let body = Bytes::copy_from_slice(body);
        if version.is_tup() {
            RequestPacket::decode_shared(&body).and_then(Self::from_request_layout)
        } else {
            ResponsePacket::decode_shared(&body).and_then(Self::from_response_layout)
        }
    }

    fn from_request_layout(packet: RequestPacket) -> Result<Self, DecodeError> {
        let mut status = packet.status;
        let code = status.remove(status_key::RESULT_CODE);
        let result_desc = status.remove(status_key::RESULT_DESC).unwrap_or_default();
        // A code that is not a number is not success.
        let ret =
            code.map_or(ReturnCode::SUCCESS, |code| code.parse().map_or(ReturnCode::UNKNOWN, ReturnCode));
        Ok(Self {
            request_id: packet.request_id,
            message_type: packet.message_type,
            servant: packet.servant,
            func: packet.func,
            ret,
            result_desc,
            context: packet.context,
            status,
            attributes: Attributes::decode(packet.version, &packet.buffer)?,
        })
    }

    fn from_response_layout(packet: ResponsePacket) -> Result<Self, DecodeError> {
        Ok(Self {
            request_id: packet.request_id,
            message_type: packet.message_type,
            servant: String::new(),
            func: String::new(),
            ret: packet.ret,
            result_desc: packet.result_desc,
            context: packet.context,
            status: packet.status,
            attributes: Attributes::decode(packet.version, &packet.buffer)?,
        })
    }

    fn status_with_result(&self) -> StringMap {
        let mut status = self.status.clone();
        if self.ret != ReturnCode::SUCCESS {
            status.insert(status_key::RESULT_CODE.into(), self.ret.0.to_string());
        }
        if !self.result_desc.is_empty() {
            status.insert(status_key::RESULT_DESC.into(), self.result_desc.clone());
        }
        status
    }
}

const RESULT_TAG: u8 = 0;
const RESULT_NAME: &str = "";
/// The name that TarsCpp and TarsGo also write.
const RESULT_NAME_TARS: &str = "tars_ret";
