use super::frame;
use crate::Error;

/// Finds the end of a packet: the parser hook of a listener, one for all its connections.
///
/// A parser keeps no state between calls: after each [`Parsed::Less`] it sees the same bytes again, followed
/// by more. It is called only with at least one byte. Its result for a packet must not depend on the bytes
/// that follow: TCP splits anywhere.
///
/// A function or closure `Fn(&[u8]) -> Parsed` is a parser too.
pub trait Parser: Send + Sync {
    /// Searches for one packet at the front of `input`, which holds at most the listener's `packet_len_max`
    /// bytes.
    ///
    /// # Errors
    /// The peer violated the protocol, and the parser knows how; the connection is closed, as for
    /// [`Parsed::Err`].
    fn parse(&self, input: &[u8]) -> Result<Parsed, Error>;
}

/// The result of a [`Parser`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parsed {
    /// `PACKET_LESS`: the beginning of a packet; call again with more bytes.
    Less,
    /// `PACKET_FULL`: the first `n` bytes are a packet. Zero, or more than the input, closes the connection
    /// ([`Error::Refused`]).
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

/// The built-in parser: a packet begins with its total length, u32 big-endian, which includes itself.
///
/// The length is checked as soon as its four bytes have arrived, and it is unsigned: the peer cannot make the
/// connection wait for a packet that will never be accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LengthPrefixed {
    /// Shortest frame in bytes, including the length. Below 4 counts as 4.
    pub frame_len_min: u32,
    /// Longest frame in bytes, including the length. Bounds the receive buffer of a connection.
    pub frame_len_max: u32,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::tars::framed::LengthPrefixed;
    ///
    /// let parser = LengthPrefixed::default().with(|it| it.frame_len_max = 1024);
    /// assert!(parser.check(1025).is_err());
    /// ```
    impl LengthPrefixed
}

impl Default for LengthPrefixed {
    /// The limits of the push guide's server, except that a frame must contain its complete header: 8 to
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

/// Bytes of the length field itself: a smaller length cannot even include itself.
const LENGTH_LEN: u32 = 4;
