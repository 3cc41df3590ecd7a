//! `[u32 BE total length][u32 BE id][payload]`, where the payload of the load generator begins with the
//! time at which it was sent: `[u64 BE nanoseconds][filler]`.

/// The bytes of length and id.
pub const HEADER_BYTES: usize = 8;

/// Shortest frame of the load generator: header and time.
pub const FRAME_BYTES_MIN: usize = 16;

/// Longest frame that is accepted.
pub const FRAME_BYTES_MAX: usize = 1_000_000;

/// A length that no frame has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Broken;

/// The first frame of `input`, if it is complete.
///
/// # Errors
/// Its length is below [`HEADER_BYTES`] or above [`FRAME_BYTES_MAX`].
#[inline]
pub fn first(input: &[u8]) -> Result<Option<&[u8]>, Broken> {
    let Some(len) = input.first_chunk() else { return Ok(None) };
    let len = u32::from_be_bytes(*len) as usize;
    if !(HEADER_BYTES..=FRAME_BYTES_MAX).contains(&len) {
        return Err(Broken);
    }
    Ok(input.get(..len))
}

/// The id of a complete frame; 0, the id of pushes, if it has no header.
#[inline]
pub fn id(frame: &[u8]) -> u32 {
    frame.get(4..HEADER_BYTES).and_then(<[u8]>::first_chunk).map_or(0, |id| u32::from_be_bytes(*id))
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
        assert_eq!(first(&[0, 0, 0, 7]), Err(Broken));
        assert_eq!(first(&[255; 4]), Err(Broken));
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
