use super::frame;
use crate::Error;

/// Tells where a packet ends: the parser hook of a listener, one for all its connections.
///
/// A parser keeps nothing between calls: it sees the same bytes again, with more behind them, after each
/// [`Parsed::Less`]. It is asked only when there is at least one byte. What it says of a packet must not
/// depend on what came behind: TCP cuts where it likes.
///
/// A function or closure `Fn(&[u8]) -> Parsed` is a parser too.
pub trait Parser: Send + Sync {
    /// Looks for one packet at the front of `input`, which holds at most the listener's `packet_len_max`
    /// bytes.
    ///
    /// # Errors
    /// The peer broke the protocol, and the parser can say how; the connection is closed, as for
    /// [`Parsed::Err`].
    fn parse(&self, input: &[u8]) -> Result<Parsed, Error>;
}

/// What a [`Parser`] made of the bytes so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parsed {
    /// `PACKET_LESS`: the front of a packet; ask again when there is more.
    Less,
    /// `PACKET_FULL`: the first so many bytes are a packet. Nought, or more than there are, closes the
    /// connection ([`Error::Refused`]).
    Full(usize),
    /// `PACKET_ERR`: no packet can begin like this; closes the connection ([`Error::Refused`]).
    Err,
}

impl<F> Parser for F
where
    F: Fn(&[u8]) -> Parsed + Send + Sync,
{
    #[inline]
    fn parse(&self, input: &[u8]) -> Result<Parsed, Error> {
        Ok(self(input))
    }
}

impl Parser for Box<dyn Parser> {
    fn parse(&self, input: &[u8]) -> Result<Parsed, Error> {
        (**self).parse(input)
    }
}

/// The ready-made parser: a packet begins with its total length, u32 big-endian, which counts itself.
///
/// The length is judged as soon as its four bytes are there, and it is unsigned: the peer cannot make the
/// connection wait for a packet that will never be accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LengthPrefixed {
    /// Shortest frame in bytes, length included. Below 4 counts as 4.
    pub frame_len_min: u32,
    /// Longest frame in bytes, length included. Bounds the receive buffer of a connection.
    pub frame_len_max: u32,
}

impl Default for LengthPrefixed {
    /// What the push guide's server accepts, except that a frame must hold its whole header: 8 to
    /// 1,000,000 bytes.
    fn default() -> Self {
        Self { frame_len_min: frame::HEADER_LEN, frame_len_max: 1_000_000 }
    }
}

impl LengthPrefixed {
    /// Checks an announced length against the limits.
    ///
    /// # Errors
    /// [`Error::FrameTooSmall`] or [`Error::FrameTooLarge`].
    #[inline]
    pub fn check(&self, len: u32) -> Result<(), Error> {
        let min = self.frame_len_min.max(LENGTH_LEN);
        if len < min {
            return Err(Error::FrameTooSmall { len: len.into(), min: min.into() });
        }
        if len > self.frame_len_max {
            return Err(Error::FrameTooLarge { len: len.into(), max: self.frame_len_max.into() });
        }
        Ok(())
    }
}

impl Parser for LengthPrefixed {
    #[inline]
    fn parse(&self, input: &[u8]) -> Result<Parsed, Error> {
        let Some(length) = input.first_chunk() else { return Ok(Parsed::Less) };
        let len = u32::from_be_bytes(*length);
        self.check(len)?;
        match usize::try_from(len) {
            Ok(len) if len <= input.len() => Ok(Parsed::Full(len)),
            _ => Ok(Parsed::Less),
        }
    }
}

/// Bytes of the length field itself: a length below it cannot even count itself.
const LENGTH_LEN: u32 = 4;
