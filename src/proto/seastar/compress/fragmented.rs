//! `LZ4_FRAGMENTED`: a block for each 32 KiB of a frame.

use super::{Algorithm, CompressError, Compressor, DecompressError, block};

/// The algorithm `LZ4_FRAGMENTED`: each frame is a sequence of LZ4 blocks, so that neither end needs long pieces of
/// memory.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::compress::{Algorithm, CompressError, Lz4Fragmented};
///
/// let mut compressor = Lz4Fragmented.negotiate("LZ4_FRAGMENTED").expect("its name");
/// let (mut data, mut frame) = (Vec::new(), Vec::new());
/// compressor.compress(&[0xff; 4], &mut data)?;
/// assert_eq!(data, [4, 0, 0, 0x80, 0x40, 0xff, 0xff, 0xff, 0xff]);
/// assert_eq!(compressor.decompress(&data, 4, &mut frame), Ok(()));
/// assert_eq!(frame, [0xff; 4]);
/// # Ok::<(), CompressError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Lz4Fragmented;

impl Algorithm for Lz4Fragmented {
    fn supported(&self) -> &str {
        NAME
    }

    fn negotiate(&self, offered: &str) -> Option<Box<dyn Compressor>> {
        (offered == NAME).then(|| Box::<FragmentedCompressor>::default() as _)
    }
}

#[derive(Debug, Default)]
struct FragmentedCompressor {
    encoder: block::BlockEncoder,
}

impl Compressor for FragmentedCompressor {
    fn name(&self) -> &str {
        NAME
    }

    fn compress(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
        // Each chunk refers to the one before it at most: the decoder of the reference implementation, given separate
        // buffers for chunks, knows no more.
        let (mut dictionary, mut rest): (&[u8], _) = (&[], frame);
        while rest.len() > CHUNK_LEN {
            let (chunk, after) = rest.split_at(CHUNK_LEN);
            let begin = out.len();
            out.extend_from_slice(&[0; HEAD_LEN]);
            self.encode_block(dictionary, chunk, out);
            let len = (out.len() - begin - HEAD_LEN) as u32;
            out[begin..begin + HEAD_LEN].copy_from_slice(&len.to_le_bytes());
            (dictionary, rest) = (chunk, after);
        }
        if !rest.is_empty() {
            out.extend_from_slice(&(rest.len() as u32 | LAST).to_le_bytes());
            self.encode_block(dictionary, rest, out);
        }
        Ok(())
    }

    fn decompress(&mut self, data: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), DecompressError> {
        // An empty frame.
        if data.len() < HEAD_LEN {
            return Ok(());
        }
        let (begin, mut rest) = (out.len(), data);
        loop {
            let (head, after) = rest.split_first_chunk().ok_or(DecompressError::CutOff)?;
            let (head, done) = (u32::from_le_bytes(*head), out.len() - begin);
            let len = (head & !LAST) as usize;
            if head & LAST != 0 {
                return match len {
                    0 => Ok(()),
                    _ => decode_block(after, len, done, max, out),
                };
            }
            let (chunk, after) = after.split_at_checked(len).ok_or(DecompressError::CutOff)?;
            decode_block(chunk, CHUNK_LEN, done, max, out)?;
            rest = after;
        }
    }
}

impl FragmentedCompressor {
    fn encode_block(&mut self, dictionary: &[u8], chunk: &[u8], out: &mut Vec<u8>) {
        match dictionary {
            [] => self.encoder.encode(chunk, out),
            _ => self.encoder.encode_after(dictionary, chunk, out),
        }
    }
}

/// Appends the `len` bytes of a chunk, after `done` bytes of the frame.
fn decode_block(
    data: &[u8],
    len: usize,
    done: usize,
    max: usize,
    out: &mut Vec<u8>,
) -> Result<(), DecompressError> {
    if done + len > max {
        return Err(DecompressError::TooLarge { len: done + len, max });
    }
    block::decode(data, len, done.min(block::WINDOW_LEN), out)
}

const NAME: &str = "LZ4_FRAGMENTED";
/// Bytes of a frame in each chunk but the last.
const CHUNK_LEN: usize = 32 << 10;
/// Marks the head of the last chunk.
const LAST: u32 = 1 << 31;
const HEAD_LEN: usize = 4;
