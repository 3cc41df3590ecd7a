//! Frames of a connection that compresses, for all of its sessions.

use crate::{
    Error,
    seastar::compress::{Compressor, compressed_len_max, encode_compressed, split_compressed},
};

/// Decompresses the first frame of `input` into `plain`, which then has at most `max` bytes, and none if the frame was one
/// between the compressors. Returns the number of bytes taken; `None` when the input is a proper prefix of a frame.
pub(super) fn decompress(
    compressor: &mut dyn Compressor,
    input: &[u8],
    max: usize,
    plain: &mut Vec<u8>,
) -> Result<Option<usize>, Error> {
    let Some((data, taken)) = split_compressed(input, compressed_len_max(max))? else { return Ok(None) };
    plain.clear();
    compressor.decompress(data, max, plain).map_err(|_| MALFORMED)?;
    Ok(Some(taken))
}

/// Appends what the compressor has for that of the peer.
pub(super) fn send_empty_frames(compressor: &mut Option<Box<dyn Compressor>>, out: &mut Vec<u8>) {
    while let Some(compressor) = compressor
        && compressor.poll_empty_frame()
    {
        if encode_compressed(&mut **compressor, &[], out).is_err() {
            return;
        }
    }
}

/// What was compressed is not one whole frame.
pub(super) const MALFORMED: Error = Error::Malformed("compressed frame");
