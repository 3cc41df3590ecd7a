//! The framed protocol: `[u32 BE total length][u32 BE id][payload]`. The payload of a [plain](Stamper) load begins with
//! the time at which it was sent: `[u64 BE nanoseconds][filler]`.

use crate::framing::{Framing, InvalidFrame, Received};

/// The bytes of length and id.
pub const HEADER_BYTES: usize = 8;

/// Shortest frame of the load generator: header and time.
pub const FRAME_BYTES_MIN: usize = 16;

/// Longest frame that is accepted.
pub const FRAME_BYTES_MAX: usize = 1_000_000;

/// The first frame of `input`, if it is complete.
///
/// # Errors
/// Its length is below [`HEADER_BYTES`] or above [`FRAME_BYTES_MAX`].
#[inline]
pub fn first(input: &[u8]) -> Result<Option<&[u8]>, InvalidFrame> {
    let Some(len) = input.first_chunk() else { return Ok(None) };
    let len = u32::from_be_bytes(*len) as usize;
    if !(HEADER_BYTES..=FRAME_BYTES_MAX).contains(&len) {
        return Err(InvalidFrame);
    }
    Ok(input.get(..len))
}

/// The id of a complete frame; 0, the id of pushes, if it has no header.
#[inline]
pub fn id(frame: &[u8]) -> u32 {
    frame.get(4..HEADER_BYTES).and_then(<[u8]>::first_chunk).map_or(0, |id| u32::from_be_bytes(*id))
}

/// The framed protocol, for the generator. The id 0 is that of pushes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Framed;

impl Framing for Framed {
    /// Frames also have headers and, for a push load, a topic.
    const MESSAGE_BYTES_MAX: usize = FRAME_BYTES_MAX - 1000;

    #[inline]
    fn first(input: &[u8]) -> Result<Option<&[u8]>, InvalidFrame> {
        first(input)
    }

    #[inline]
    fn encode(&mut self, id: u32, payload: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&id.to_be_bytes());
        payload(out);
        let len = (out.len() - start) as u32;
        out[start..start + 4].copy_from_slice(&len.to_be_bytes());
    }

    #[inline]
    fn decode<'a>(&'a mut self, frame: &'a [u8]) -> Received<'a> {
        let payload = frame.get(HEADER_BYTES..).unwrap_or_default();
        match id(frame) {
            0 => Received::Push(payload),
            id => Received::Response { id, payload },
        }
    }
}

/// Makes frames of one size, and recognises them.
#[derive(Clone, Debug)]
pub struct Stamper {
    frame: Vec<u8>,
}

impl Stamper {
    /// Frames of `size` bytes; at least [`FRAME_BYTES_MIN`].
    pub fn new(size: usize) -> Self {
        let size = size.clamp(FRAME_BYTES_MIN, FRAME_BYTES_MAX);
        let mut frame: Vec<u8> = (0..size).map(|index| index as u8).collect();
        frame[..4].copy_from_slice(&(size as u32).to_be_bytes());
        Self { frame }
    }

    /// The frame with this id and time.
    #[inline]
    pub fn stamp(&mut self, id: u32, nanos: u64) -> &[u8] {
        self.frame[4..8].copy_from_slice(&id.to_be_bytes());
        self.frame[8..16].copy_from_slice(&nanos.to_be_bytes());
        &self.frame
    }

    /// Id and time of a frame made by a stamper of this size; `None` when any other byte differs.
    #[inline]
    pub fn read(&self, frame: &[u8]) -> Option<(u32, u64)> {
        if frame.len() != self.frame.len() || frame[..4] != self.frame[..4] || frame[16..] != self.frame[16..]
        {
            return None;
        }
        let id = u32::from_be_bytes(*frame[4..].first_chunk()?);
        let nanos = u64::from_be_bytes(*frame[8..].first_chunk()?);
        Some((id, nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_found_when_it_is_whole() {
        let mut stamper = Stamper::new(20);
        let frame = stamper.stamp(7, 9).to_vec();
        for cut in 0..frame.len() {
            assert_eq!(first(&frame[..cut]), Ok(None), "{cut}");
        }
        let two = [&frame[..], &frame[..]].concat();
        assert_eq!(first(&two), Ok(Some(&frame[..])));
        assert_eq!(first(&[0, 0, 0, 7]), Err(InvalidFrame));
        assert_eq!(first(&[255; 4]), Err(InvalidFrame));
    }

    #[test]
    fn a_request_is_a_frame_and_a_push_has_the_id_0() {
        let mut out = b"before".to_vec();
        Framed.encode(7, |payload| payload.extend_from_slice(b"hi"), &mut out);
        let frame = &out[6..];
        assert_eq!(Framed::first(frame), Ok(Some(frame)));
        assert_eq!(Framed.decode(frame), Received::Response { id: 7, payload: b"hi" });
        assert_eq!(Framed.decode(b"\0\0\0\x0a\0\0\0\0hi"), Received::Push(b"hi"));
    }

    #[test]
    fn a_frame_with_a_wrong_byte_is_noticed() {
        let mut stamper = Stamper::new(64);
        let frame = stamper.stamp(7, 9).to_vec();
        assert_eq!(stamper.read(&frame), Some((7, 9)));
        for wrong in (0..4).chain(16..64) {
            let mut frame = frame.clone();
            frame[wrong] ^= 1;
            assert_eq!(stamper.read(&frame), None, "{wrong}");
        }
        assert_eq!(stamper.read(&frame[..63]), None);
    }
}
