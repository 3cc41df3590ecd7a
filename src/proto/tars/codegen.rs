//! What code emitted for .tars files names, and all that it names.

pub use super::codec::{
    ByteString, Decode, DecodeError, DecodeStruct, Encode, Head, Pairs, TarsEnum, TarsReader, TarsStruct,
    TarsWriter, UnsignedBytes,
};
pub use bytes::Bytes;
pub use std;
