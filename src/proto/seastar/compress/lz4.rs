//! `LZ4`: one block for each frame.

use super::{Algorithm, CompressError, Compressor, DecompressError, block};

/// The algorithm `LZ4`: each frame is one LZ4 block. Frames of less than 128 bytes are put into the block as they are: to
/// look for what repeats in them costs more time than it saves.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::compress::{Algorithm, DecompressError, Lz4};
///
/// let mut compressor = Lz4.negotiate("LZ4").expect("its name");
/// let (mut data, mut frame) = (Vec::new(), Vec::new());
/// compressor.compress(&[0xff; 4], &mut data)?;
/// assert_eq!(data, [4, 0, 0, 0, 0x40, 0xff, 0xff, 0xff, 0xff]);
///
/// let error = DecompressError::TooLarge { len: 4, max: 3 };
/// assert_eq!(compressor.decompress(&data, 3, &mut frame), Err(error));
/// assert_eq!(compressor.decompress(&data, 4, &mut frame), Ok(()));
/// assert_eq!(frame, [0xff; 4]);
/// # Ok::<(), shardcast_proto::seastar::compress::CompressError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Lz4;

impl Algorithm for Lz4 {
    fn supported(&self) -> &str {
        NAME
    }

    fn negotiate(&self, offered: &str) -> Option<Box<dyn Compressor>> {
        (offered == NAME).then(|| Box::<Lz4Compressor>::default() as _)
    }
}

#[derive(Debug, Default)]
struct Lz4Compressor {
    encoder: block::BlockEncoder,
}

impl Compressor for Lz4Compressor {
    fn name(&self) -> &str {
        NAME
    }

    fn compress(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
        if frame.len() > FRAME_LEN_MAX {
            return Err(CompressError::TooLarge { len: frame.len(), max: FRAME_LEN_MAX });
        }
        if !frame.is_empty() {
            out.extend_from_slice(&(frame.len() as u32).to_le_bytes());
            self.encoder.encode(frame, out);
        }
        Ok(())
    }

    fn decompress(&mut self, data: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), DecompressError> {
        let Some((len, block)) = data.split_first_chunk() else { return Ok(()) };
        let len = u32::from_le_bytes(*len) as usize;
        match len {
            // As Seastar, which has another form for an empty frame.
            0 => Err(DecompressError::InvalidBlock),
            _ if len > max => Err(DecompressError::TooLarge { len, max }),
            _ => block::decode(block, len, 0, out),
        }
    }
}

const NAME: &str = "LZ4";
/// The most that one block of the reference implementation of LZ4 holds.
const FRAME_LEN_MAX: usize = 0x7e00_0000;
