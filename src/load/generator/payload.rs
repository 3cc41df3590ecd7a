//! The payload of every message: its stream and number, when it was due and when it was sent, and a checksum over
//! the rest.
//!
//! `[u32 CRC-32 of the rest][u32 run][u32 stream][u64 sequence][u64 intended][u64 sent][filler]`, integers
//! big-endian, times in nanoseconds of this host's monotonic clock.

use super::Times;

/// Shortest payload.
pub const PAYLOAD_BYTES_MIN: usize = 36;

/// The contents of a payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// The connection or topic that it belongs to.
    pub stream: u32,
    /// Its number in that stream, from 0.
    pub sequence: u64,
    /// When it was due, in nanoseconds.
    pub intended: u64,
    /// When it was sent, in nanoseconds.
    pub sent: u64,
}

impl Stamp {
    /// Its times.
    pub const fn times(&self) -> Times {
        Times { intended: self.intended, sent: self.sent }
    }
}

/// Makes the payloads of one run, and recognises them.
#[derive(Clone, Debug)]
pub struct Stamper {
    payload: Vec<u8>,
}

impl Stamper {
    /// Payloads of `size` bytes, at least [`PAYLOAD_BYTES_MIN`]; `run` distinguishes them from those of other runs.
    pub fn new(run: u32, size: usize) -> Self {
        let mut payload: Vec<u8> = (0..size.max(PAYLOAD_BYTES_MIN)).map(|index| index as u8).collect();
        payload[4..8].copy_from_slice(&run.to_be_bytes());
        Self { payload }
    }

    /// The payload with `stamp`.
    #[inline]
    pub fn stamp(&mut self, stamp: Stamp) -> &[u8] {
        self.payload[8..12].copy_from_slice(&stamp.stream.to_be_bytes());
        self.payload[12..20].copy_from_slice(&stamp.sequence.to_be_bytes());
        self.payload[20..28].copy_from_slice(&stamp.intended.to_be_bytes());
        self.payload[28..36].copy_from_slice(&stamp.sent.to_be_bytes());
        let sum = crc32fast::hash(&self.payload[4..]);
        self.payload[..4].copy_from_slice(&sum.to_be_bytes());
        &self.payload
    }

    /// The stamp of `payload`; `None` unless a stamper of this run and size made it, and no byte has changed.
    #[inline]
    pub fn read(&self, payload: &[u8]) -> Option<Stamp> {
        if payload.len() != self.payload.len() || payload[4..8] != self.payload[4..8] {
            return None;
        }
        let sum = u32::from_be_bytes(*payload.first_chunk()?);
        if sum != crc32fast::hash(&payload[4..]) {
            return None;
        }
        Some(Stamp {
            stream: u32::from_be_bytes(*payload[8..].first_chunk()?),
            sequence: u64::from_be_bytes(*payload[12..].first_chunk()?),
            intended: u64::from_be_bytes(*payload[20..].first_chunk()?),
            sent: u64::from_be_bytes(*payload[28..].first_chunk()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { stream: 3, sequence: 1 << 40, intended: 5, sent: 6 };

    #[test]
    fn a_payload_has_its_stamp() {
        for size in [0, PAYLOAD_BYTES_MIN, 64, 1000] {
            let mut stamper = Stamper::new(7, size);
            let payload = stamper.stamp(STAMP).to_vec();
            assert_eq!(payload.len(), size.max(PAYLOAD_BYTES_MIN));
            assert_eq!(stamper.read(&payload), Some(STAMP));
        }
    }

    #[test]
    fn a_wrong_byte_and_another_run_are_noticed() {
        let mut stamper = Stamper::new(7, 48);
        let payload = stamper.stamp(STAMP).to_vec();
        for wrong in 0..payload.len() {
            let mut payload = payload.clone();
            payload[wrong] ^= 1;
            assert_eq!(stamper.read(&payload), None, "{wrong}");
        }
        assert_eq!(stamper.read(&payload[..47]), None);
        assert_eq!(Stamper::new(8, 48).read(&payload), None);
    }
}
