//! The frames of an echo load, and how to recognise them when they return.

use super::payload::{self, Stamp};
use crate::frame::{self, HEADER_BYTES};

/// Makes the frames of an echo load, and reads them when they return.
pub(super) trait Stamper {
    /// The frame that carries `stamp`.
    fn stamp(&mut self, stamp: Stamp) -> &[u8];
    /// The stamp of a frame received on `stream`, where the message `next` is expected; `None` if this generator did
    /// not make it.
    fn read(&self, frame: &[u8], stream: u32, next: u64) -> Option<Stamp>;
}

/// The whole [`Stamp`] is in the payload, with a checksum.
#[derive(Debug)]
pub(super) struct Checked {
    payload: payload::Stamper,
    frame: Vec<u8>,
}

impl Checked {
    pub(super) const fn new(payload: payload::Stamper) -> Self {
        Self { payload, frame: Vec::new() }
    }
}

impl Stamper for Checked {
    #[inline]
    fn stamp(&mut self, stamp: Stamp) -> &[u8] {
        let payload = self.payload.stamp(stamp);
        // 0 is the id of pushes.
        let id = (stamp.sequence as u32 & ID_MASK) + 1;
        self.frame.clear();
        self.frame.extend_from_slice(&((HEADER_BYTES + payload.len()) as u32).to_be_bytes());
        self.frame.extend_from_slice(&id.to_be_bytes());
        self.frame.extend_from_slice(payload);
        &self.frame
    }

    #[inline]
    fn read(&self, frame: &[u8], stream: u32, _next: u64) -> Option<Stamp> {
        self.payload.read(&frame[HEADER_BYTES..]).filter(|stamp| stamp.stream == stream)
    }
}

/// The id of the frame is the number of the message, and the only stamp is the time of sending. The other bytes
/// are always the same, and compared.
#[derive(Debug)]
pub(super) struct Plain(pub(super) frame::Stamper);

impl Stamper for Plain {
    #[inline]
    fn stamp(&mut self, stamp: Stamp) -> &[u8] {
        self.0.stamp(stamp.sequence as u32, stamp.sent)
    }

    #[inline]
    fn read(&self, frame: &[u8], stream: u32, next: u64) -> Option<Stamp> {
        let (id, sent) = self.0.read(frame)?;
        // An id has the lower half of the number: it is the number next to the expected one that ends like this.
        let ahead = id.wrapping_sub(next as u32) as i32;
        let sequence = next.wrapping_add_signed(ahead.into());
        Some(Stamp { stream, sequence, intended: sent, sent })
    }
}

const ID_MASK: u32 = (1 << 30) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { stream: 3, sequence: 7, intended: 5, sent: 6 };

    #[test]
    fn a_checked_frame_belongs_to_its_stream() {
        let mut stamper = Checked::new(payload::Stamper::new(1, 48));
        let frame = stamper.stamp(STAMP).to_vec();
        assert_eq!(frame::first(&frame), Ok(Some(&frame[..])));
        assert_eq!(stamper.read(&frame, 3, 7), Some(STAMP));
        assert_eq!(stamper.read(&frame, 4, 7), None);
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
            assert_eq!(stamper.read(&frame, 9, next), Some(expected), "{sequence}, {next} expected");
        }
    }
}
