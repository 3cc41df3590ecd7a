use crate::{
    Error,
    rpc::CallError,
    tars::framed::{LengthPrefixed, Parsed, Parser, frame},
};

/// Makes requests and reads responses: the two hooks of `tars_set_protocol`.
pub trait ClientCodec: Send + Sync {
    /// Appends the frame of a request.
    ///
    /// # Errors
    /// No frame can carry the body ([`CallError::TooLarge`]). The call fails, and the appended bytes are
    /// removed.
    fn encode_request(&self, id: u32, body: &[u8], out: &mut Vec<u8>) -> Result<(), CallError>;

    /// Reads one frame from the front of `input`; `None` when there is no complete frame yet.
    ///
    /// # Errors
    /// The peer violated the protocol; the connection is closed.
    fn decode_response<'a>(&self, input: &'a [u8]) -> Result<Option<Decoded<'a>>, Error>;
}

/// One frame from the peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decoded<'a> {
    /// Length of the frame; at least 1 and at most the input's length, otherwise the connection is closed
    /// ([`Error::Refused`]).
    pub taken: usize,
    /// Id of the answered request; 0 in a push.
    pub id: u32,
    /// The payload.
    pub body: &'a [u8],
}

/// The built-in codec: the frames of the push guide, `[u32 BE total length][u32 BE id][body]`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LengthPrefixedCodec {
    /// Longest request frame in bytes, including the header.
    pub request_len_max: u32,
    /// Longest response or push frame in bytes, including the header.
    pub response_len_max: u32,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::tars::framed::LengthPrefixedCodec;
    ///
    /// let codec = LengthPrefixedCodec::default().with(|it| it.response_len_max = 1_000_000);
    /// assert_eq!(codec.response_len_max, 1_000_000);
    /// ```
    impl LengthPrefixedCodec
}

impl Default for LengthPrefixedCodec {
    /// The limits of the push guide's server (1,000,000 bytes) and its client (100,000 bytes).
    fn default() -> Self {
        Self { request_len_max: 1_000_000, response_len_max: 100_000 }
    }
}

impl ClientCodec for LengthPrefixedCodec {
    fn encode_request(&self, id: u32, body: &[u8], out: &mut Vec<u8>) -> Result<(), CallError> {
        let header = frame::Header::push(body.len()).filter(|header| header.len <= self.request_len_max);
        header.ok_or(CallError::TooLarge)?.with_id(id).encode(out);
        out.extend_from_slice(body);
        Ok(())
    }

    fn decode_response<'a>(&self, input: &'a [u8]) -> Result<Option<Decoded<'a>>, Error> {
        let limits =
            LengthPrefixed { frame_len_min: frame::HEADER_LEN, frame_len_max: self.response_len_max };
        let Parsed::Full(taken) = limits.parse(input)? else { return Ok(None) };
        let packet = &input[..taken];
        let header = frame::Header::load(packet).zip(frame::payload(packet));
        Ok(header.map(|(header, body)| Decoded { taken, id: header.id, body }))
    }
}
