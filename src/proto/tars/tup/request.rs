//! Requests with arguments.

use bytes::Bytes;

use super::{Attributes, TupEncodeError, UniResponse};
use crate::tars::{
    codec::DecodeError,
    packet::{RequestPacket, ReturnCode, StringMap, Version},
};

/// A request and its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct UniPacket {
    /// Everything except the arguments: its buffer is ignored.
    pub request: RequestPacket,
    /// The arguments, in the version of the request.
    pub attributes: Attributes,
}

impl UniPacket {
    /// A call without arguments.
    pub fn new(version: Version, servant: &str, func: &str) -> Self {
        let (servant, func) = (servant.to_owned(), func.to_owned());
        let request = RequestPacket { version, servant, func, ..RequestPacket::default() };
        Self { request, attributes: Attributes::new(version) }
    }

    /// Appends the complete packet, beginning with its length.
    ///
    /// # Errors
    /// It names no servant or no method, or is longer than any peer accepts; then nothing is appended.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), TupEncodeError> {
        if self.request.servant.is_empty() {
            return Err(TupEncodeError::NoServant);
        }
        if self.request.func.is_empty() {
            return Err(TupEncodeError::NoFunc);
        }
        let version = self.attributes.version();
        let buffer = self.attributes.encode().into();
        Ok(RequestPacket { version, buffer, ..self.request.clone() }.encode(out)?)
    }

    /// Reads the body of a packet, which follows its length.
    ///
    /// # Errors
    /// It is not a request, or its buffer does not match its version.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut request = RequestPacket::decode_shared(&Bytes::copy_from_slice(body))?;
        let attributes = Attributes::decode(request.version, &std::mem::take(&mut request.buffer))?;
        Ok(Self { request, attributes })
    }

    /// A success response to this request, without results.
    pub fn create_response(&self) -> UniResponse {
        UniResponse {
            request_id: self.request.request_id,
            message_type: self.request.message_type,
            servant: self.request.servant.clone(),
            func: self.request.func.clone(),
            ret: ReturnCode::SUCCESS,
            result_desc: String::new(),
            context: StringMap::new(),
            status: StringMap::new(),
            attributes: Attributes::new(self.request.version),
        }
    }
}
