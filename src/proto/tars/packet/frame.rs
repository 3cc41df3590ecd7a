//! The end of a packet: `[u32 BE total length][body]`.

use crate::tars::codec::{TarsStruct, TarsWriter};

/// Splits the first packet off the front of `input`: returns its body without the length, and the number of
/// bytes taken. `None` when the input is a proper prefix of a packet.
///
/// It checks the four bytes of length alone, so no bytes are collected for a packet that will be refused.
///
/// # Errors
/// The length is above `frame_len_max`, or too short for any packet.
pub fn split_frame(input: &[u8], frame_len_max: u32) -> Result<Option<(&[u8], usize)>, FrameError> {
    let Some((len, _)) = input.split_first_chunk() else { return Ok(None) };
    let len = u32::from_be_bytes(*len);
    if len > frame_len_max {
        return Err(FrameError::TooLarge { len, max: frame_len_max });
    }
    if len < FRAME_LEN_MIN {
        return Err(FrameError::TooSmall { len });
    }
    Ok(input.get(LENGTH_LEN..len as usize).map(|body| (body, len as usize)))
}

/// An invalid packet length. The stream cannot be read any further.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Longer than this side allows.
    #[error("a packet of {len} bytes, where at most {max} are allowed")]
    TooLarge {
        /// The announced total length.
        len: u32,
        /// The greatest allowed length.
        max: u32,
    },
    /// Too short to hold a field: less than 5 bytes.
    #[error("a packet of {len} bytes, where the minimum is 5")]
    TooSmall {
        /// The announced total length.
        len: u32,
    },
}

/// A packet that no peer would accept: longer than [`FRAME_LEN_MAX_TARSCPP`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a packet of {len} bytes, which is more than any peer accepts")]
pub struct PacketTooLarge {
    /// Its total length in bytes.
    pub len: usize,
}

/// Appends a complete packet; on error nothing.
pub(super) fn write_frame(packet: &impl TarsStruct, out: &mut Vec<u8>) -> Result<(), PacketTooLarge> {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_LEN]);
    let mut w = TarsWriter::from(std::mem::take(out));
    packet.write_fields(&mut w);
    *out = w.into_vec();
    let len = out.len() - start;
    match u32::try_from(len).ok().filter(|len| *len <= FRAME_LEN_MAX_TARSCPP) {
        Some(len) => {
            out[start..start + LENGTH_LEN].copy_from_slice(&len.to_be_bytes());
            Ok(())
        }
        None => {
            out.truncate(start);
            Err(PacketTooLarge { len })
        }
    }
}

/// Longest packet that Java and Go servers accept: 10 MiB.
pub const FRAME_LEN_MAX_DEFAULT: u32 = 10 << 20;
/// Longest packet that TarsCpp accepts, and so the longest that is written: 100 MiB.
pub const FRAME_LEN_MAX_TARSCPP: u32 = 100 << 20;
const FRAME_LEN_MIN: u32 = 5;
const LENGTH_LEN: usize = 4;
