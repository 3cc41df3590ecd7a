//! Compression: after both ends agreed on an algorithm, each frame except the negotiation is compressed on its own.
//!
//! | size | content |
//! | --- | --- |
//! | 4 | `u32` length of the compressed bytes |
//! | | compressed bytes |
//!
//! | algorithm | compressed bytes |
//! | --- | --- |
//! | [`Lz4`] | `u32` length of the frame, not 0; one LZ4 block |
//! | [`Lz4Fragmented`] | chunks of 32,768 bytes, each as `u32` compressed length and an LZ4 block; then the last one as `u32` its length, with the top bit set, and an LZ4 block that takes all the rest |
//!
//! LZ4 blocks have the raw format of LZ4, without its frame. Each chunk may refer to the 64 KiB of the same frame before
//! it. Compressed bytes that decompress to nothing, such as fewer than 4, are skipped: by such empty frames, the
//! compressors of both ends may exchange data of their own.
//!
//! A client offers what its [`Algorithm`] supports, and the server returns the [name](Compressor::name) of the compressor
//! that its own algorithm makes of the offer; the client's algorithm makes its compressor of this name.
//!
//! Announced lengths are limited, must be possible for the compressed bytes that have arrived, and must be exact. Seastar
//! ignores bytes that are missing.
//!
//! Sources: `doc/rpc.md` of scylladb/seastar, and bytes recorded from its client and server at commit 525fcc86.
//!
//! # Examples
//! ```
//! use shardcast_proto::seastar::compress::{
//!     Algorithm, Lz4, Lz4Fragmented, Multi, compressed_len_max, encode_compressed, split_compressed,
//! };
//!
//! let both = Multi::default().and(Lz4).and(Lz4Fragmented);
//! assert_eq!(both.supported(), "LZ4,LZ4_FRAGMENTED");
//!
//! // Of several names, the first that the server supports is chosen. A single algorithm is not chosen from a list.
//! let mut server = both.negotiate("ZSTD,LZ4_FRAGMENTED,LZ4").expect("a common algorithm");
//! assert_eq!(server.name(), "LZ4_FRAGMENTED");
//! assert!(Lz4.negotiate("LZ4,LZ4_FRAGMENTED").is_none());
//! let mut client = both.negotiate("LZ4_FRAGMENTED").expect("what it offered");
//!
//! let frame = b"prices, ".repeat(20);
//! let mut sent = Vec::new();
//! encode_compressed(&mut *server, &frame, &mut sent)?;
//! assert!(sent.len() < frame.len());
//!
//! let (frame_len_max, mut received) = (1000, Vec::new());
//! let len_max = compressed_len_max(frame_len_max);
//! let (data, taken) = split_compressed(&sent, len_max)?.expect("a whole frame");
//! client.decompress(data, frame_len_max, &mut received)?;
//! assert_eq!((&received[..], taken), (&frame[..], sent.len()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod block;
mod error;
mod fragmented;
mod lz4;
mod multi;

use std::fmt;

use super::frame::{FrameError, LENGTH_LEN, payload};

pub use error::{CompressError, DecompressError};
pub use fragmented::Lz4Fragmented;
pub use lz4::Lz4;
pub use multi::Multi;

/// Makes the compressors of connections. One value serves all shards.
///
/// # Examples
/// An algorithm that compresses nothing:
/// ```
/// use shardcast_proto::seastar::compress::{Algorithm, CompressError, Compressor, DecompressError};
///
/// #[derive(Debug)]
/// struct Plain;
///
/// impl Algorithm for Plain {
///     fn supported(&self) -> &str {
///         "PLAIN"
///     }
///
///     fn negotiate(&self, offered: &str) -> Option<Box<dyn Compressor>> {
///         (offered == "PLAIN").then(|| Box::new(Self) as _)
///     }
/// }
///
/// impl Compressor for Plain {
///     fn name(&self) -> &str {
///         "PLAIN"
///     }
///
///     fn compress(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
///         out.extend_from_slice(frame);
///         Ok(())
///     }
///
///     fn decompress(&mut self, data: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), DecompressError> {
///         if data.len() > max {
///             return Err(DecompressError::TooLarge { len: data.len(), max });
///         }
///         out.extend_from_slice(data);
///         Ok(())
///     }
/// }
///
/// let mut compressor = Plain.negotiate("PLAIN").expect("its name");
/// let mut frame = Vec::new();
/// assert_eq!(compressor.decompress(b"abc", 3, &mut frame), Ok(()));
/// assert_eq!(frame, b"abc");
/// ```
pub trait Algorithm: fmt::Debug + Send + Sync {
    /// What a client offers: a name, or several that are joined by commas.
    fn supported(&self) -> &str;

    /// The compressor for an offer, at the server, or for the name that the server chose, at the client. `None` when it
    /// supports nothing of it: then a server does not compress, and a client closes the connection.
    fn negotiate(&self, offered: &str) -> Option<Box<dyn Compressor>>;
}

/// Compresses and decompresses the frames of one connection, each exactly once and in order, so that it may have state.
pub trait Compressor: fmt::Debug + Send {
    /// What the server returns when it chose this.
    fn name(&self) -> &str;

    /// Appends the compressed form of `frame`. Of an empty frame, see [`poll_empty_frame`](Self::poll_empty_frame), this
    /// is something that the other end decompresses to nothing.
    ///
    /// # Errors
    /// The frame cannot be compressed. What was appended is dropped.
    fn compress(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError>;

    /// Appends the frame that `data` is the compressed form of, or nothing.
    ///
    /// # Errors
    /// `data` is invalid, or the frame has more than `max` bytes. The connection cannot be read any further.
    fn decompress(&mut self, data: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), DecompressError>;

    /// Whether to send an empty frame now, because it has data for the compressor at the other end. Asked after each
    /// frame, in both directions, and when the connection is established.
    ///
    /// # Examples
    /// A compressor that sends a word of its own at first:
    /// ```
    /// use shardcast_proto::seastar::compress::{CompressError, Compressor, DecompressError, encode_compressed};
    ///
    /// #[derive(Debug)]
    /// struct Greeting {
    ///     is_sent: bool,
    /// }
    ///
    /// impl Compressor for Greeting {
    ///     fn name(&self) -> &str {
    ///         "GREETING"
    ///     }
    ///
    ///     fn compress(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
    ///         match frame {
    ///             [] => out.extend_from_slice(b"!hello"),
    ///             frame => out.extend([b"=", frame].concat()),
    ///         }
    ///         Ok(())
    ///     }
    ///
    ///     fn decompress(&mut self, data: &[u8], _: usize, out: &mut Vec<u8>) -> Result<(), DecompressError> {
    ///         match data.split_first() {
    ///             Some((b'!', _word)) => {}
    ///             Some((b'=', frame)) => out.extend_from_slice(frame),
    ///             _ => return Err(DecompressError::Custom("kind of a frame")),
    ///         }
    ///         Ok(())
    ///     }
    ///
    ///     fn poll_empty_frame(&mut self) -> bool {
    ///         !std::mem::replace(&mut self.is_sent, true)
    ///     }
    /// }
    ///
    /// let (mut compressor, mut sent) = (Greeting { is_sent: false }, Vec::new());
    /// while compressor.poll_empty_frame() {
    ///     encode_compressed(&mut compressor, &[], &mut sent)?;
    /// }
    /// assert_eq!(sent, b"\x06\0\0\0!hello");
    /// # Ok::<(), CompressError>(())
    /// ```
    fn poll_empty_frame(&mut self) -> bool {
        false
    }
}

/// Appends the compressed form of `frame`, beginning with its length; on error nothing.
///
/// # Errors
/// The frame cannot be compressed, or not to less than 4 GiB.
pub fn encode_compressed(
    compressor: &mut dyn Compressor,
    frame: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    let begin = out.len();
    out.extend_from_slice(&[0; LENGTH_LEN]);
    let result = compressor.compress(frame, out).and_then(|()| {
        let len = out.len() - begin - LENGTH_LEN;
        u32::try_from(len).map_err(|_| CompressError::TooLarge { len, max: u32::MAX as usize })
    });
    match result {
        Ok(len) => out[begin..begin + LENGTH_LEN].copy_from_slice(&len.to_le_bytes()),
        Err(_) => out.truncate(begin),
    }
    result.map(|_| ())
}

/// Splits a compressed frame off the front of `input`: its compressed bytes, and the number of bytes taken. `None` when
/// the input is a proper prefix of a compressed frame.
///
/// # Errors
/// The compressed bytes are more than `len_max`: see [`compressed_len_max`].
#[inline]
pub fn split_compressed(input: &[u8], len_max: u32) -> Result<Option<(&[u8], usize)>, FrameError> {
    let Some(len) = input.first_chunk() else { return Ok(None) };
    let len = u32::from_le_bytes(*len);
    if len > len_max {
        return Err(FrameError::TooLarge { len, max: len_max });
    }
    Ok(payload(input, LENGTH_LEN, len).map(|data| (data, LENGTH_LEN + data.len())))
}

/// The most compressed bytes that a frame of at most `frame_len_max` bytes may have: a little more than its own, since
/// not every frame gets shorter.
pub const fn compressed_len_max(frame_len_max: usize) -> u32 {
    let max = frame_len_max.saturating_add(frame_len_max / 128).saturating_add(1024);
    if max < u32::MAX as usize { max as u32 } else { u32::MAX }
}
