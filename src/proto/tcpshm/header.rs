use super::{ByteOrder, geometry::padded};
use crate::Error;

/// The eight bytes before each message.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::{ByteOrder, Header};
///
/// let header = Header { size: 12, message_type: 0x1234, ack: 5 };
/// assert_eq!(header.encode(ByteOrder::Little), [12, 0, 0x34, 0x12, 5, 0, 0, 0]);
/// assert_eq!(Header::decode([0, 12, 0x12, 0x34, 0, 0, 0, 5], ByteOrder::Big), header);
/// assert_eq!((header.wire_len(), header.is_heartbeat()), (16, false));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Bytes of header and body, without the padding that follows.
    pub size: u16,
    /// 0 is a heartbeat; 1 and 2 are the login and its response at the beginning of a connection; otherwise what the
    /// application chose.
    pub message_type: u16,
    /// How many messages of the peer its sender has consumed: the low 32 bits.
    pub ack: u32,
}

impl Header {
    /// The header of a heartbeat, which is all of it.
    pub const fn heartbeat(ack: u32) -> Self {
        Self { size: HEADER_LEN as u16, message_type: HEARTBEAT, ack }
    }

    /// Reads a header, whatever it says: see [`check`](Self::check).
    #[inline]
    pub const fn decode(bytes: [u8; HEADER_LEN], order: ByteOrder) -> Self {
        let [s0, s1, t0, t1, a0, a1, a2, a3] = bytes;
        match order {
            ByteOrder::Little => Self {
                size: u16::from_le_bytes([s0, s1]),
                message_type: u16::from_le_bytes([t0, t1]),
                ack: u32::from_le_bytes([a0, a1, a2, a3]),
            },
            ByteOrder::Big => Self {
                size: u16::from_be_bytes([s0, s1]),
                message_type: u16::from_be_bytes([t0, t1]),
                ack: u32::from_be_bytes([a0, a1, a2, a3]),
            },
        }
    }

    /// Writes a header.
    #[inline]
    pub const fn encode(&self, order: ByteOrder) -> [u8; HEADER_LEN] {
        let ([s0, s1], [t0, t1], [a0, a1, a2, a3]) = match order {
            ByteOrder::Little => {
                (self.size.to_le_bytes(), self.message_type.to_le_bytes(), self.ack.to_le_bytes())
            }
            ByteOrder::Big => {
                (self.size.to_be_bytes(), self.message_type.to_be_bytes(), self.ack.to_be_bytes())
            }
        };
        [s0, s1, t0, t1, a0, a1, a2, a3]
    }

    /// Checks the header of a message that came after the login.
    ///
    /// # Errors
    /// The size is less than that of the header, or a heartbeat has a body.
    #[inline]
    pub const fn check(&self) -> Result<(), Error> {
        if (self.size as usize) < HEADER_LEN {
            return Err(Error::FrameTooSmall { len: self.size as u64, min: HEADER_LEN as u64 });
        }
        if self.is_heartbeat() && self.size as usize > HEADER_LEN {
            return Err(Error::Malformed("heartbeat"));
        }
        Ok(())
    }

    /// Whether it is a heartbeat.
    #[inline]
    pub const fn is_heartbeat(&self) -> bool {
        self.message_type == HEARTBEAT
    }

    /// The bytes that the message occupies on the wire, with its padding.
    #[inline]
    pub const fn wire_len(&self) -> usize {
        padded(self.size as usize)
    }
}

/// Bytes of a header.
pub(super) const HEADER_LEN: usize = 8;

const HEARTBEAT: u16 = 0;
