//! The frames of an echo load, and how to recognise them when they return.

use super::payload::{self, Stamp};
use crate::{
    frame,
    framing::{Framing, InvalidFrame, Received},
};

/// Makes the frames of an echo load, and reads them when they return.
pub(super) trait Stamper {
    /// The first frame of `input`, if it is complete.
    fn first(input: &[u8]) -> Result<Option<&[u8]>, InvalidFrame>;
    /// The frame that carries `stamp`.
    fn stamp(&mut self, stamp: Stamp) -> &[u8];
    /// The stamp of a frame received on `stream`, where the message `next` is expected.
    fn read(&mut self, frame: &[u8], stream: u32, next: u64) -> Result<Stamp, NotAnEcho>;
}

/// A frame that this generator did not make.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NotAnEcho {
    /// A push to all connections, which is not part of the load.
    Push,
    /// A response with other bytes than the request.
    Corrupt,
}

/// The whole [`Stamp`] is in the payload, with a checksum.
#[derive(Debug)]
pub(super) struct Checked<F> {
    payload: payload::Stamper,
    framing: F,
    frame: Vec<u8>,
}

impl<F> Checked<F> {
    pub(super) const fn new(payload: payload::Stamper, framing: F) -> Self {
        Self { payload, framing, frame: Vec::new() }
    }
}

impl<F: Framing> Stamper for Checked<F> {
    #[inline]
    fn first(input: &[u8]) -> Result<Option<&[u8]>, InvalidFrame> {
        F::first(input)
    }

    #[inline]
    fn stamp(&mut self, stamp: Stamp) -> &[u8] {
        let payload = self.payload.stamp(stamp);
        let id = (stamp.sequence as u32 & ID_MASK) + 1;
        self.frame.clear();
        self.framing.encode(id, |out| out.extend_from_slice(payload), &mut self.frame);
        &self.frame
    }

    #[inline]
    fn read(&mut self, frame: &[u8], stream: u32, _next: u64) -> Result<Stamp, NotAnEcho> {
        let (payload, otherwise) = match self.framing.decode(frame) {
            Received::Response { payload, .. } => (payload, NotAnEcho::Corrupt),
            Received::Failed { .. } => return Err(NotAnEcho::Corrupt),
            Received::Push(payload) => (payload, NotAnEcho::Push),
        };
        self.payload.read(payload).filter(|stamp| stamp.stream == stream).ok_or(otherwise)
    }
}

/// A frame of the framed protocol: its id is the number of the message, and the only stamp is the time of sending. The
/// other bytes are always the same, and compared.
#[derive(Debug)]
pub(super) struct Plain(pub(super) frame::Stamper);

impl Stamper for Plain {
    #[inline]
    fn first(input: &[u8]) -> Result<Option<&[u8]>, InvalidFrame> {
        frame::first(input)
    }

    #[inline]
    fn stamp(&mut self, stamp: Stamp) -> &[u8] {
        self.0.stamp(stamp.sequence as u32, stamp.sent)
    }

    #[inline]
    fn read(&mut self, frame: &[u8], stream: u32, next: u64) -> Result<Stamp, NotAnEcho> {
        let Some((id, sent)) = self.0.read(frame) else {
            return Err(if frame::id(frame) == 0 { NotAnEcho::Push } else { NotAnEcho::Corrupt });
        };
        // An id has the lower half of the number: it is the number next to the expected one that ends like this.
        let ahead = id.wrapping_sub(next as u32) as i32;
        let sequence = next.wrapping_add_signed(ahead.into());
        Ok(Stamp { stream, sequence, intended: sent, sent })
    }
}

const ID_MASK: u32 = (1 << 30) - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Framed;

    const STAMP: Stamp = Stamp { stream: 3, sequence: 7, intended: 5, sent: 6 };

    #[test]
    fn a_checked_frame_belongs_to_its_stream() {
        let mut stamper = Checked::new(payload::Stamper::new(1, 48), Framed);
        let mut frame = stamper.stamp(STAMP).to_vec();
        assert_eq!(frame::first(&frame), Ok(Some(&frame[..])));
        assert_eq!(stamper.read(&frame, 3, 7), Ok(STAMP));
        assert_eq!(stamper.read(&frame, 4, 7), Err(NotAnEcho::Corrupt));
        frame[4..8].fill(0);
        assert_eq!(stamper.read(&frame, 4, 7), Err(NotAnEcho::Push));
    }

    #[test]
    fn a_plain_frame_has_the_number_that_is_closest_to_the_expected_one() {
        let mut stamper = Plain(frame::Stamper::new(64));
        let wrap = 1 << 32;
        for (sequence, next) in [
            (0, 0),
            (3, 5),
            (5, 3),
            (wrap, wrap),
            (wrap - 1, wrap),
            (wrap + 1, wrap - 1),
            (5 * wrap, 5 * wrap),
        ] {
            let frame = stamper.stamp(Stamp { sequence, ..STAMP }).to_vec();
            let expected = Stamp { stream: 9, sequence, intended: STAMP.sent, sent: STAMP.sent };
            assert_eq!(stamper.read(&frame, 9, next), Ok(expected), "{sequence}, {next} expected");
        }
    }
}
