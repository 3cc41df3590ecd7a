//! The frame of the push guide: `[u32 BE total length][u32 BE request id][payload]`.

use bytes::Bytes;

/// Bytes of a [`Header`].
pub const HEADER_LEN: u32 = 8;

/// The id of a push; a request never uses it.
pub const PUSH_ID: u32 = 0;

/// The bytes before the payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Total length of the frame in bytes, including this header. Not checked against any limit.
    pub len: u32,
    /// Request id, echoed in the response; [`PUSH_ID`] in a push.
    pub id: u32,
}

impl Header {
    /// The header of a push with `payload_len` bytes, or `None` when the length field cannot hold it.
    pub fn push(payload_len: usize) -> Option<Self> {
        let len = u32::try_from(payload_len).ok()?.checked_add(HEADER_LEN)?;
        Some(Self { len, id: PUSH_ID })
    }

    /// The header of a request or a response of the same length.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::tars::framed::frame::{self, Header};
    ///
    /// let mut out = Vec::new();
    /// Header::push(5).expect("a short payload").with_id(7).encode(&mut out);
    /// out.extend_from_slice(b"price");
    /// assert_eq!(out, frame::encode(7, b"price"));
    /// ```
    #[must_use]
    pub const fn with_id(self, id: u32) -> Self {
        Self { id, ..self }
    }

    /// Reads a header from the front of `input`; `None` when its eight bytes are incomplete.
    pub fn load(input: &[u8]) -> Option<Self> {
        let (len, rest) = input.split_first_chunk()?;
        let id = rest.first_chunk()?;
        Some(Self { len: u32::from_be_bytes(*len), id: u32::from_be_bytes(*id) })
    }

    /// Appends the eight bytes.
    pub fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.len.to_be_bytes());
        out.extend_from_slice(&self.id.to_be_bytes());
    }
}

/// The frame with `payload` and `id`.
///
/// # Panics
/// The payload is longer than the length field allows: `u32::MAX - 8` bytes.
pub fn encode(id: u32, payload: &[u8]) -> Bytes {
    let header = Header::push(payload.len()).expect("a payload shorter than 4 GiB").with_id(id);
    let mut out = Vec::with_capacity(HEADER_LEN as usize + payload.len());
    header.encode(&mut out);
    out.extend_from_slice(payload);
    out.into()
}

/// The frame that pushes `payload`: [`encode`] with [`PUSH_ID`].
///
/// # Panics
/// As [`encode`].
pub fn push(payload: &[u8]) -> Bytes {
    encode(PUSH_ID, payload)
}

/// The payload of a complete frame, as a handler gets it; `None` when the frame is shorter than its header.
pub fn payload(packet: &[u8]) -> Option<&[u8]> {
    packet.get(HEADER_LEN as usize..)
}
