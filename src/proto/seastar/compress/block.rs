//! LZ4 blocks.

use std::fmt;

use lz4_flex::block::{
    CompressTable, compress_into_with_dict, compress_into_with_table, decompress_into,
    decompress_into_with_dict, get_maximum_output_size,
};

use super::DecompressError;

/// Makes blocks. It keeps the tables, which are allocated when they are needed.
#[derive(Default)]
pub(super) struct BlockEncoder {
    small: Option<CompressTable>,
    large: Option<CompressTable>,
}

impl BlockEncoder {
    /// Appends the block of `data`.
    pub(super) fn encode(&mut self, data: &[u8], out: &mut Vec<u8>) {
        if data.len() < MATCHING_LEN_MIN {
            return encode_literals(data, out);
        }
        let table = match data.len() < SMALL_TABLE_END {
            true => self.small.get_or_insert_with(CompressTable::small),
            false => self.large.get_or_insert_with(CompressTable::large),
        };
        append(data.len(), out, |block| compress_into_with_table(data, block, table));
    }

    /// Appends the block of `data`, which may refer to `dictionary` before it.
    pub(super) fn encode_after(&self, dictionary: &[u8], data: &[u8], out: &mut Vec<u8>) {
        if data.len() < MATCHING_LEN_MIN {
            return encode_literals(data, out);
        }
        append(data.len(), out, |block| compress_into_with_dict(data, block, dictionary));
    }
}

impl fmt::Debug for BlockEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockEncoder").finish_non_exhaustive()
    }
}

/// Appends a block without matches.
#[inline]
fn encode_literals(data: &[u8], out: &mut Vec<u8>) {
    match (data.len() as u8).checked_sub(LITERALS_LONG) {
        None => out.push((data.len() as u8) << 4),
        Some(more) => out.extend_from_slice(&[LITERALS_LONG << 4, more]),
    }
    out.extend_from_slice(data);
}

/// Appends what `encode` writes for `len` bytes.
fn append<E: fmt::Debug>(len: usize, out: &mut Vec<u8>, encode: impl FnOnce(&mut [u8]) -> Result<usize, E>) {
    let begin = out.len();
    out.resize(begin + get_maximum_output_size(len), 0);
    let written = encode(&mut out[begin..]).expect("room for the longest block");
    out.truncate(begin + written);
}

/// Appends the `announced` bytes of a block, which may refer to the last `window` bytes of `out`.
pub(super) fn decode(
    block: &[u8],
    announced: usize,
    window: usize,
    out: &mut Vec<u8>,
) -> Result<(), DecompressError> {
    // So a claim costs no more memory than a valid block of this length could.
    if announced > block.len().saturating_mul(RATIO_MAX) {
        return Err(DecompressError::Impossible { announced, compressed: block.len() });
    }
    let begin = out.len();
    out.resize(begin + announced, 0);
    let (before, target) = out.split_at_mut(begin);
    let result = match &before[begin - window..] {
        [] => decompress_into(block, target),
        dictionary => decompress_into_with_dict(block, target, dictionary),
    };
    match result {
        Ok(found) if found == announced => Ok(()),
        Ok(found) => Err(DecompressError::TooShort { announced, found }),
        Err(_) => Err(DecompressError::InvalidBlock),
    }
}

/// How far back a block can refer.
pub(super) const WINDOW_LEN: usize = 64 << 10;
/// Each byte of a block stands for at most 255 bytes: one of the length of a match.
const RATIO_MAX: usize = 255;
/// In shorter data, no matches are looked for: that would cost half a microsecond and more, for a table to clear, and
/// save little. Most of it is heads, and the ends of streams. It is below the 270 bytes that one byte of length allows.
const MATCHING_LEN_MIN: usize = 128;
/// The number of literals from which on it is continued in another byte.
const LITERALS_LONG: u8 = 15;
/// Positions in longer data do not fit into the small table.
const SMALL_TABLE_END: usize = u16::MAX as usize;
